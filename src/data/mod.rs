//! Where glyphs come from: folders, archives (fetched, if need be), synthetic alphabets; splits by alphabet, samplers of pairs and
//! triplets; glyphs drawn anew: scaled, turned, augmented.

pub mod augment;
pub mod batches;
pub mod dataset;
pub mod download;
pub mod image;
pub mod omniglot;
pub mod one_shot;
pub mod orientation;
mod png;
pub mod progress;
pub mod published;
pub mod sampler;
pub mod scale;
mod source;
pub mod split;
pub mod synthetic;
#[cfg(test)]
mod testing;
mod tree;
pub mod writer;

pub use augment::Augment;
pub use dataset::{Alphabet, Dataset, GLYPH_SIZE, Glyph, Pixels};
pub use orientation::Orientation;
pub use progress::Listener;
pub use scale::AreaScale;
