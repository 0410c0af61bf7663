//! The pen: Omniglot's, a square of 5 x 5 pixels for a dot, its corners worn off when it moves.

use super::dice::Point;
use crate::data::Pixels;

/// Height and width of a glyph, in pixels; Omniglot's.
pub(super) const SIDE: usize = 105;

/// Half of the pen's width, rounded down.
const REACH: i32 = 2;

/// A picture while it is drawn; true = ink.
pub(super) struct Canvas(Vec<bool>);

impl Canvas {
    /// Blank paper.
    pub(super) fn new() -> Canvas {
        Canvas(vec![false; SIDE * SIDE])
    }

    /// Draws a polyline, in pixels; a single point makes a dot.
    pub(super) fn draw(&mut self, line: &[Point]) {
        let cells: Vec<[i32; 2]> = line.iter().map(|p| [cell(p[0]), cell(p[1])]).collect();
        if let [first, rest @ ..] = cells.as_slice()
            && rest.iter().all(|c| c == first)
        {
            self.stamp(*first, true);
        }
        for pair in cells.windows(2) {
            self.segment(pair[0], pair[1]);
        }
    }

    /// The picture, one bit a pixel.
    pub(super) fn into_pixels(self) -> Pixels {
        Pixels::from_ink(self.0.into_iter())
    }

    /// Bresenham's line: the pen is put down at every cell between the two, both included.
    fn segment(&mut self, from: [i32; 2], to: [i32; 2]) {
        let (dx, dy) = ((to[0] - from[0]).abs(), -(to[1] - from[1]).abs());
        let step = [(to[0] - from[0]).signum(), (to[1] - from[1]).signum()];
        let (mut at, mut error) = (from, dx + dy);
        loop {
            self.stamp(at, false);
            if at == to {
                return;
            }
            let twice = 2 * error;
            if twice >= dy {
                error += dy;
                at[0] += step[0];
            }
            if twice <= dx {
                error += dx;
                at[1] += step[1];
            }
        }
    }

    /// Puts the pen down once; ink off the paper is lost.
    fn stamp(&mut self, [x, y]: [i32; 2], corners: bool) {
        let paper = 0..SIDE as i32;
        for dy in -REACH..=REACH {
            for dx in -REACH..=REACH {
                let worn = dx.abs() == REACH && dy.abs() == REACH && !corners;
                if !worn && paper.contains(&(x + dx)) && paper.contains(&(y + dy)) {
                    self.0[(y + dy) as usize * SIDE + (x + dx) as usize] = true;
                }
            }
        }
    }
}

/// The pixel that a coordinate falls in; far off the paper is as good as just off it.
fn cell(x: f64) -> i32 {
    (x + 0.5).floor().clamp(-200.0, 400.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(lines: &[&[Point]]) -> usize {
        let mut canvas = Canvas::new();
        lines.iter().for_each(|line| canvas.draw(line));
        canvas.0.iter().filter(|ink| **ink).count()
    }

    #[test]
    fn a_dot_is_a_square_and_a_line_has_worn_ends() {
        assert_eq!(ink(&[&[[50.0, 50.0]]]), 25);
        assert_eq!(ink(&[&[[50.0, 50.0], [50.2, 49.9]]]), 46 - 21);
        assert_eq!(ink(&[&[[20.0, 50.0], [40.0, 50.0]]]), 25 * 5 - 4);
    }

    #[test]
    fn a_line_off_the_paper_is_cut_at_its_border() {
        assert_eq!(ink(&[&[[-30.0, 10.0], [300.0, 10.0]]]), 105 * 5);
        assert_eq!(ink(&[&[[1e9, -1e9]]]), 0);
    }
}
