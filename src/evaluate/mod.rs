//! How good a model is: metrics over distances and labels, intervals over alphabets, probabilities, the protocol.

pub mod calibration;
mod interval;
pub mod metrics;
pub mod protocol;
