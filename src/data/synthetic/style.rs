//! What the characters of one alphabet have in common.

use super::dice::{Dice, Purpose};
use super::motif::{self, Kind, Motif, Taste};

/// How the figures of a character stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Beside an upright stem, as in runes.
    Stem,
    /// Hanging from a bar, as in Devanagari.
    Headline,
    /// One after another in a single stroke, as in Balinese.
    Chain,
    /// In blocks beside and above one another, as in Korean.
    Blocks,
    /// In and around a closed figure.
    Ring,
    /// On top of one another, each as large as the character.
    Overlay,
    /// Straight strokes from place to place on a lattice, as in Tifinagh.
    Lattice,
    /// Dots on a grid, as in Braille.
    Dots,
}

/// A small sign beside the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Dot,
    TwoDots,
    Bar,
    Tick,
    Ring,
}

/// What happens at the ends of strokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// A short stroke across the end.
    Serif,
    /// The stroke turns off at the end.
    Hook,
    /// A small ring at the end.
    Ring,
}

/// How a character repeats itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symmetry {
    /// The right half mirrors the left.
    Mirror,
    /// The lower half mirrors the upper.
    Water,
    /// The second half is the first, turned by half a turn.
    Turn,
}

/// An alphabet's style.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// Half of a character's (width, height), in pixels.
    pub(super) half: [f64; 2],
    /// How corners and closed figures look.
    pub(super) taste: Taste,
    /// The usual layout, and one that some characters have instead.
    pub(super) layouts: [Layout; 2],
    /// How often the usual layout is used.
    pub(super) usual: f64,
    /// The figures, and how often each is used.
    pub(super) motifs: Vec<Motif>,
    pub(super) weights: Vec<f64>,
    /// How often a character has one, two, three, ... figures.
    pub(super) pieces: [f64; 4],
    /// How long all strokes of a character may be together, in pixels.
    pub(super) most: f64,
    /// How often a figure may stand mirrored (left-right, top-bottom).
    pub(super) flips: [f64; 2],
    /// Where a stem or the like stands, from -1 (left, top) to 1.
    pub(super) side: f64,
    /// How much of the stem or bar stands out beyond the figures.
    pub(super) reach: f64,
    pub(super) symmetry: Symmetry,
    /// How often a character is symmetric.
    pub(super) symmetric: f64,
    pub(super) mark: [Mark; 2],
    /// How often a character has a mark.
    pub(super) marked: f64,
    /// Where marks stand: above, below, right, left, inside.
    pub(super) mark_place: usize,
    pub(super) ending: Ending,
    /// How often a stroke's end has that ending.
    pub(super) ended: f64,
    /// Columns and rows of the lattice or of the dots.
    pub(super) lattice: [usize; 2],
    /// How much of a lattice's lines is upright or lying.
    pub(super) straight: f64,
    /// How far all characters lean: x per y.
    pub(super) slant: f64,
    /// How irregular the places of figures are.
    pub(super) loose: f64,
}

const LAYOUTS: [Layout; 8] = [
    Layout::Stem,
    Layout::Headline,
    Layout::Chain,
    Layout::Blocks,
    Layout::Ring,
    Layout::Overlay,
    Layout::Lattice,
    Layout::Dots,
];

const KINDS: [Kind; 14] = [
    Kind::Line,
    Kind::Corner,
    Kind::Zigzag,
    Kind::Arc,
    Kind::Loop,
    Kind::Bowl,
    Kind::Snake,
    Kind::Spiral,
    Kind::Wave,
    Kind::Hook,
    Kind::Cross,
    Kind::Fork,
    Kind::Bars,
    Kind::Walk,
];

/// How often a kind of figure is in the vocabulary of an angular and of a round alphabet, in the order of `KINDS`.
const ANGULAR: [f64; 14] = [2.0, 3.0, 1.5, 0.5, 1.2, 1.0, 0.3, 0.4, 0.6, 0.5, 1.2, 1.2, 0.8, 2.5];
const ROUND: [f64; 14] = [1.0, 0.7, 0.3, 3.0, 2.2, 1.5, 2.0, 0.8, 1.6, 2.0, 0.6, 0.7, 0.5, 1.2];

/// The style of an alphabet.
pub(super) fn draw(seed: u64, alphabet: u32) -> Style {
    let dice = &mut Dice::new(seed, Purpose::Style, [alphabet, 0, 0]);
    let round = match dice.weighted(&[4.0, 5.0, 2.0]) {
        0 => dice.range(0.0, 0.2),
        1 => dice.range(0.7, 1.0),
        _ => dice.range(0.2, 0.7),
    };
    let taste = Taste {
        round,
        sides: dice.pick(&[3, 4, 4, 4, 5, 6]),
        lean: dice.range(0.06, 0.16),
        stray: dice.range(0.02, 0.12),
    };
    let layouts =
        if round > 0.5 { [5., 2., 4., 3., 1.2, 3., 0.3, 0.4] } else { [5., 2., 1.5, 3., 1.2, 3., 3.5, 0.4] };
    let layouts = [LAYOUTS[dice.weighted(&layouts)], LAYOUTS[dice.weighted(&layouts[..7])]];
    let kinds = if round > 0.5 { ROUND } else { ANGULAR };
    let motifs: Vec<Motif> =
        (0..dice.between(4, 7)).map(|_| motif::draw(KINDS[dice.weighted(&kinds)], taste, dice)).collect();
    let weights = (0..motifs.len()).map(|i| 1.0 / (i as f64 + 1.5)).collect();
    let height = dice.range(22.0, 38.0);
    Style {
        half: [(height * dice.range(0.65, 1.15)).clamp(17.0, 37.0), height],
        taste,
        layouts,
        usual: dice.range(0.7, 1.0),
        motifs,
        weights,
        pieces: dice.pick(&[[4., 3., 1., 0.], [2., 4., 1., 0.], [1., 3., 3., 1.], [0., 2., 3., 2.]]),
        most: dice.range(150.0, 310.0),
        flips: [dice.pick(&[0.0, 0.3, 0.5]), dice.pick(&[0.0, 0.0, 0.3, 0.5])],
        side: dice.pick(&[-0.85, -0.85, 0.0, 0.0, 0.85]),
        reach: dice.pick(&[0.0, 0.0, 0.25, 0.5]),
        symmetry: dice.pick(&[Symmetry::Mirror, Symmetry::Mirror, Symmetry::Water, Symmetry::Turn]),
        symmetric: dice.pick(&[0.0, 0.0, 0.0, 0.1, 0.3, 0.7]),
        mark: [0; 2]
            .map(|_| dice.pick(&[Mark::Dot, Mark::Dot, Mark::TwoDots, Mark::Bar, Mark::Tick, Mark::Ring])),
        marked: dice.pick(&[0.0, 0.0, 0.05, 0.1, 0.25, 0.5]),
        mark_place: dice.below(5),
        ending: dice.pick(&[Ending::Serif, Ending::Hook, Ending::Hook, Ending::Ring]),
        ended: dice.pick(&[0.0, 0.0, 0.0, 0.15, 0.3, 0.6]),
        lattice: [dice.between(2, 3), dice.between(2, 4)],
        straight: dice.range(0.1, 0.9),
        slant: if dice.chance(0.3) { dice.range(-0.25, 0.25) } else { 0.0 },
        loose: dice.range(0.02, 0.1),
    }
}
