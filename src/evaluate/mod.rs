//! How good a model is: metrics over distances and labels, intervals over alphabets, the protocol.

pub mod embed;
mod interval;
pub mod metrics;
pub mod protocol;
