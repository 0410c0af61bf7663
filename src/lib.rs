//! twinglyph: a numeric engine that trains Siamese encoders on a multicore CPU.
#![forbid(unsafe_code)]

pub mod data;
pub mod error;
pub mod evaluate;
pub mod run;

pub use error::{Error, Result};
