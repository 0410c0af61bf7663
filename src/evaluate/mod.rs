//! How good a model is: metrics over distances and labels, intervals over alphabets, probabilities, the protocol.

pub mod calibration;
pub mod embed;
mod encoded;
pub mod figures;
mod glyph_sets;
mod interval;
pub mod metrics;
pub mod neighbours;
pub mod plane;
pub mod protocol;
mod scored_pair;
