//! twinglyph: a numeric engine that trains Siamese encoders on a multicore CPU.
#![forbid(unsafe_code)]

pub mod data;
pub mod error;
pub mod evaluate;
pub mod gradcheck;
pub mod ops;
pub mod run;
pub mod tape;
pub mod tensor;

pub use error::{Error, Result};
pub use tape::{Tape, Var};
pub use tensor::{Element, Shape, Tensor};
