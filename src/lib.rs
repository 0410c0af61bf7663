//! twinglyph: a numeric engine that trains Siamese encoders on a multicore CPU.
//!
//! | module | what it is |
//! |---|---|
//! | [`tape`] | reverse-mode differentiation: start reading here |
//! | [`ops`] | the differentiable functions, one a file, with their derivations |
//! | [`mod@gradcheck`] | numerical derivatives against an op's or a loss's own |
//! | [`nn`] | layers, the encoder as a list of layers, the Siamese model, Adam |
//! | [`data`] | Omniglot, synthetic alphabets, splits by alphabet, samplers |
//! | [`recipes`] | training configurations |
//! | [`train`], [`evaluate`] | the loop; metrics, intervals, the protocol |
//! | [`run`] | what a run leaves on disk |
//! | [`cli`] | the command line |
//!
//! A value and its gradient:
//!
//! ```
//! use twinglyph::{Tape, Tensor, ops};
//!
//! # fn main() -> twinglyph::Result<()> {
//! let mut tape = Tape::<f64>::new();
//! let x = tape.parameter(Tensor::new([2], vec![3.0, -4.0])?);
//! let squares = tape.apply(ops::Square, &[x])?;
//! let loss = tape.apply(ops::Sum, &[squares])?;
//! tape.backward(loss)?;
//! assert_eq!(tape.value(loss).values(), [25.0]);
//! assert_eq!(tape.grad(x).unwrap().values(), [6.0, -8.0]);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod gradcheck;
pub mod hash;
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

/// The README's Rust code is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
