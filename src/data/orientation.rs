//! The eight symmetries of the square: (x, y) → T^turns (±x, y), where T (x, y) = (-y, x) is a quarter-turn.
//!
//! An alphabet turned or mirrored counts as a new alphabet: all of its glyphs must be given the same orientation.

/// A glyph mirrored left to right or not, and then turned by quarters, clockwise on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation {
    turns: u8,
    mirrored: bool,
}

impl Orientation {
    /// All of them: first the identity, 0 to 3 the turns alone, 4 to 7 the same turns of the mirrored glyph.
    pub const ALL: [Orientation; 8] = {
        let mut all = [Orientation { turns: 0, mirrored: false }; 8];
        let mut i = 0;
        while i < 8 {
            all[i] = Orientation { turns: (i % 4) as u8, mirrored: i >= 4 };
            i += 1;
        }
        all
    };

    /// Its place in [`Orientation::ALL`].
    pub fn index(self) -> usize {
        usize::from(self.turns) + if self.mirrored { 4 } else { 0 }
    }

    /// Quarter-turns clockwise, 0 to 3.
    pub fn turns(self) -> usize {
        usize::from(self.turns)
    }

    /// Whether left and right were exchanged before it was turned.
    pub fn is_mirrored(self) -> bool {
        self.mirrored
    }

    /// The matrix M, rows first, for which `M p` is where point `p` = (x, y) of the turned glyph was before; x to the
    /// right and y down, from the centre.
    pub fn source(self) -> [[i32; 2]; 2] {
        // Turned back, (x, y) → (y, -x) for each quarter; what gave x is mirrored last.
        let [x, y] = match self.turns % 4 {
            0 => [[1, 0], [0, 1]],
            1 => [[0, 1], [-1, 0]],
            2 => [[-1, 0], [0, -1]],
            _ => [[0, -1], [1, 0]],
        };
        [if self.mirrored { [-x[0], -x[1]] } else { x }, y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: [[i32; 2]; 2], b: [[i32; 2]; 2]) -> [[i32; 2]; 2] {
        [0, 1].map(|i| [0, 1].map(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j]))
    }

    #[test]
    fn the_eight_stand_in_their_order() {
        for (i, orientation) in Orientation::ALL.into_iter().enumerate() {
            assert_eq!(orientation.index(), i);
            assert_eq!((orientation.turns(), orientation.is_mirrored()), (i % 4, i >= 4));
        }
        assert_eq!(Orientation::ALL[0], Orientation::default());
    }

    #[test]
    fn they_are_the_group_of_the_square() {
        let all = Orientation::ALL.map(Orientation::source);
        for (i, a) in all.iter().enumerate() {
            assert!(!all[..i].contains(a));
            assert!(all.iter().all(|b| all.contains(&product(*a, *b))));
            assert_eq!(a[0][0] * a[1][1] - a[0][1] * a[1][0], if i < 4 { 1 } else { -1 });
        }
        let turn = all[1];
        assert_eq!(product(turn, turn), all[2]);
        assert_eq!(product(product(turn, turn), product(turn, turn)), all[0]);
        assert_eq!(product(all[4], all[4]), all[0]);
    }

    #[test]
    fn a_quarter_turn_is_clockwise_and_comes_after_the_mirror() {
        // What stands at the right, (1, 0), was at the top, (0, -1), before a turn clockwise.
        assert_eq!(Orientation::ALL[1].source().map(|row| row[0]), [0, -1]);
        // What stands at the bottom, (0, 1), was at the right before the turn and at the left before the mirror.
        assert_eq!(Orientation::ALL[5].source().map(|row| row[1]), [-1, 0]);
    }
}
