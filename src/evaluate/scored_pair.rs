//! What all measures are taken of.

/// A pair that a model has measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredPair {
    /// The model's distance.
    pub distance: f32,
    /// Of one alphabet.
    pub same: bool,
    /// The alphabets of the two glyphs.
    pub alphabets: (u32, u32),
    /// The two glyphs, as indices into [`crate::data::Dataset::glyphs`]; of sets, the first of each.
    pub glyphs: (u32, u32),
}
