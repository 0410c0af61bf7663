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
//! | [`trace`] | one convolution, forward and back, drawn with every number on the way |
//! | [`cli`] | the command line |
//!
//! # Build, train and evaluate an encoder
//!
//! A recipe is the whole configuration, from the data to the layers; its text is what `twinglyph recipes NAME` prints.
//!
//! ```
//! use twinglyph::data::{sampler::Label, split::Split, synthetic};
//! use twinglyph::evaluate::protocol::{Protocol, evaluate_sets};
//! use twinglyph::nn::Model;
//! use twinglyph::recipes::Recipe;
//! use twinglyph::train::train;
//!
//! # fn main() -> twinglyph::Result<()> {
//! let text = r#"
//!     loss = "triplet"
//!     size = 35             # the glyphs' 105 pixels a side, by area
//!     batch = 16            # triplets a step
//!     steps = 60
//!     epochs = 2
//!     encoder = [
//!         { layer = "conv2d", filters = 8, kernel = 3 },
//!         { layer = "relu" },
//!         { layer = "max_pool2d", window = 2 },
//!         { layer = "flatten" },
//!         { layer = "batch_norm", momentum = 0.9 },
//!         { layer = "dense", units = 8 },
//!     ]
//! "#;
//! let recipe = Recipe::parse("mine", text, &[])?;
//! let set = synthetic::generate(&synthetic::Spec { alphabets: 12, characters: 8, drawers: 4, seed: 1 })?;
//! let split = Split::by_alphabet(&set, &[], recipe.seed)?;
//! let mut trained = train(&recipe, Model::new(recipe.architecture(), recipe.seed)?, &set, &split, &mut ())?;
//! assert!(trained.history[1].loss < trained.history[0].loss);
//!
//! let (label, pairs) = (Label::Alphabet, 2000);
//! let protocol = Protocol { set: &set, split: &split, unseen: None, label, pairs, glyphs: 1, seed: 1 };
//! let evaluation = evaluate_sets(&mut trained.model, trained.rule, &protocol)?;
//! println!("{evaluation}"); // balanced accuracy, AUC, confusion: of alphabets trained on, held out, both
//! assert!(evaluation.sets[0].balanced_accuracy > 0.6);
//! # Ok(())
//! # }
//! ```
//!
//! # A value and its gradient
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
//!
//! # A loss of your own, from ops
//!
//! It is a function of the tape; [`gradcheck::check`] says whether its gradient is right.
//!
//! ```
//! use twinglyph::{Element, Result, Tape, Tensor, Var, gradcheck, ops};
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
//! use twinglyph::tape::{Node, Op, Saved};
//! use twinglyph::{Element, Result, Shape, Tensor, gradcheck, ops};
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

pub mod cli;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod files;
pub mod gradcheck;
pub mod hash;
pub mod nn;
pub mod ops;
pub mod random;
pub mod recipes;
pub mod run;
pub mod tape;
pub mod tensor;
pub mod trace;
pub mod train;

pub use error::{Error, Result};
pub use tape::{Tape, Var};
pub use tensor::{Element, Shape, Tensor};

/// The README's Rust code is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
