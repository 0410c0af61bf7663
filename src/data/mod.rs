//! Where glyphs come from: folders, archives, synthetic alphabets; splits, samplers.

pub mod dataset;

pub use dataset::{Alphabet, Dataset, Glyph, Pixels};
