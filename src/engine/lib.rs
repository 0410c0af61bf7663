//! The engine of [twinglyph](https://docs.rs/twinglyph): reverse-mode differentiation of tensors on a multicore CPU, with
//! SIMD kernels for convolution and what goes with it, and gradients that are proven against numerical ones.
//!
//! | module | what it is |
//! |---|---|
//! | [`tape`] | reverse-mode differentiation: start reading here |
//! | [`ops`] | the differentiable functions, one a file, with their derivations |
//! | [`mod@gradcheck`] | numerical derivatives against an op's or a loss's own |
//! | [`nn`] | layers, the encoder as a list of layers, the Siamese model, Adam |
//! | [`tensor`] | a shape and its numbers |
//! | [`random`] | one generator of random numbers, the same on every platform |
//!
//! # A value and its gradient
//!
//! ```
//! use twinglyph_engine::{Tape, Tensor, ops};
//!
//! # fn main() -> twinglyph_engine::Result<()> {
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
//!
//! # A loss of your own, from ops
//!
//! It is a function of the tape; [`gradcheck::check`] says whether its gradient is right.
//!
//! ```
//! use twinglyph_engine::{Element, Result, Tape, Tensor, Var, gradcheck, ops};
//!
//! /// The mean distance of the rows of a and b, and a little of their squares, so that they stay near 0.
//! fn loss<E: Element>(tape: &mut Tape<E>, [a, b]: [Var; 2]) -> Result<Var> {
//!     let distance = tape.apply(ops::EuclideanDistance { floor: 1e-7 }, &[a, b])?;
//!     let near = tape.apply(ops::Mean, &[distance])?;
//!     let squares = tape.apply(ops::Square, &[a])?;
//!     let size = tape.apply(ops::Mean, &[squares])?;
//!     let size = tape.apply(ops::Scale { factor: 0.01 }, &[size])?;
//!     tape.apply(ops::Add, &[near, size])
//! }
//!
//! # fn main() -> Result<()> {
//! let x = [0.3, 0.8].map(|a| Tensor::from_fn([4, 3], |i| (a * i as f64).sin()));
//! let report = gradcheck::check(|tape, x| loss(tape, [x[0], x[1]]), &x)?;
//! assert!(report.passed, "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # An op of your own, in one file
//!
//! The shape rule, the value, and the product of the upstream gradient with the derivative.
//!
//! ```
//! use twinglyph_engine::tape::{Node, Op, Saved};
//! use twinglyph_engine::{Element, Result, Shape, Tensor, gradcheck, ops};
//!
//! /// Huber's function: x^2 / 2 up to 1 from 0, and from there on a straight line.
//! struct Huber;
//!
//! impl<E: Element> Op<E> for Huber {
//!     fn name(&self) -> &'static str {
//!         "huber"
//!     }
//!
//!     fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
//!         Ok(inputs[0].clone())
//!     }
//!
//!     fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
//!         let half = E::from_f64(0.5);
//!         for (y, &x) in output.values_mut().iter_mut().zip(inputs[0].values()) {
//!             let size = if x < E::ZERO { -x } else { x };
//!             *y = if size < E::ONE { half * x * x } else { size - half };
//!         }
//!     }
//!
//!     /// dx += clamp(x, -1, 1) dy
//!     fn vjp(&self, node: Node<'_, E>, dy: &Tensor<E>, grads: &mut [Option<Tensor<E>>]) {
//!         let Some(dx) = &mut grads[0] else { return };
//!         for ((dx, &x), &dy) in dx.values_mut().iter_mut().zip(node.inputs[0].values()).zip(dy.values()) {
//!             let slope = if x > E::ONE { E::ONE } else if x < -E::ONE { -E::ONE } else { x };
//!             *dx += slope * dy;
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let x = [Tensor::from_fn([5, 2], |i| 2.0 * (0.7 * i as f64).sin())];
//! let report = gradcheck::check(
//!     |tape, x| {
//!         let y = tape.apply(Huber, x)?;
//!         tape.apply(ops::Sum, &[y])
//!     },
//!     &x,
//! )?;
//! assert!(report.passed, "{report}");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod error;
pub mod gradcheck;
pub mod nn;
pub mod ops;
pub mod random;
pub mod tape;
pub mod tensor;

pub use error::{Error, Result};
pub use tape::{Tape, Var};
pub use tensor::{Element, Shape, Tensor};
