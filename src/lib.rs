//! twinglyph: a numeric engine that trains Siamese encoders on a multicore CPU.
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod gradcheck;
pub mod nn;
pub mod ops;
pub mod random;
pub mod recipes;
pub mod run;
pub mod tape;
pub mod tensor;
pub mod train;

pub use error::{Error, Result};
pub use tape::{Tape, Var};
pub use tensor::{Element, Shape, Tensor};
