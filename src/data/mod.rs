//! Where glyphs come from: folders, archives, synthetic alphabets; splits by alphabet, samplers of pairs and
//! triplets.

pub mod dataset;
pub mod image;
pub mod omniglot;
pub mod one_shot;
pub mod sampler;
pub mod source;
pub mod split;
pub mod synthetic;

pub use dataset::{Alphabet, Dataset, Glyph, Pixels};

/// (height, width) of Omniglot's images, and of the synthetic ones.
pub const GLYPH_SIZE: (usize, usize) = (105, 105);
