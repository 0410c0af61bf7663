//! Where glyphs come from: folders, archives, synthetic alphabets; splits by alphabet, samplers of pairs and
//! triplets.

pub mod dataset;
pub mod image;
pub mod omniglot;
pub mod one_shot;
mod png;
pub mod progress;
pub mod sampler;
mod source;
pub mod split;
pub mod synthetic;
#[cfg(test)]
mod testing;

pub use dataset::{Alphabet, Dataset, Glyph, Pixels};
pub use omniglot::{LoadOptions, SIZE as GLYPH_SIZE};
