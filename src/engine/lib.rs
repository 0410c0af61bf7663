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
//! ```toml
//! [dependencies]
//! twinglyph-engine = { version = "0.1", features = ["safetensors"] }
//! ```
//!
//! The feature `safetensors` is for models to and from files ([`nn::Model`]'s `to_safetensors` and `from_safetensors`). The glyphs
//! and alphabets that some pages speak of are what twinglyph compares: an image, and what a batch's label says of it.
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
//! use twinglyph_engine::ops::{L2Normalise, LogSumExp, MatMul, Mean, Mul, RowSum, Scale, Sub, Transpose};
//! use twinglyph_engine::{Element, Result, Tape, Tensor, Var, gradcheck};
//!
//! /// InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) of rows (N, F) of a and b that belong together in pairs: the
//! /// cross-entropy of finding each row's partner among all rows of b by the cosine.
//! fn info_nce<E: Element>(tape: &mut Tape<E>, [a, b]: [Var; 2], temperature: f64) -> Result<Var> {
//!     let per = Scale { factor: 1.0 / temperature };
//!     let a = tape.apply(L2Normalise, &[a])?;
//!     let b = tape.apply(L2Normalise, &[b])?;
//!     let columns = tape.apply(Transpose, &[b])?;
//!     let cosines = tape.apply(MatMul, &[a, columns])?; // (N, N)
//!     let logits = tape.apply(per, &[cosines])?;
//!     let all = tape.apply(LogSumExp { keep_axis: false }, &[logits])?; // (N)
//!     let products = tape.apply(Mul, &[a, b])?;
//!     let own = tape.apply(RowSum { keep_axis: false }, &[products])?; // the cosines of the pairs, (N)
//!     let own = tape.apply(per, &[own])?;
//!     let each = tape.apply(Sub, &[all, own])?;
//!     tape.apply(Mean, &[each])
//! }
//!
//! # fn main() -> Result<()> {
//! let x = [0.7, 1.3].map(|a| Tensor::from_fn([5, 3], |i| (a * (i + 1) as f64).sin()));
//! let report = gradcheck::check(|tape, x| info_nce(tape, [x[0], x[1]], 0.2), &x)?;
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
//! use twinglyph_engine::{Element, Error, Result, Shape, Tensor, gradcheck, ops};
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
//!         let [x] = inputs else { return Err(Error::shape("huber", "expected one input")) };
//!         Ok(Shape::clone(x))
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
//!
//! # A training loop of your own, over a model of your own
//!
//! A [`nn::Model`] is a list of layers with its values; [`nn::Adam`] moves any variables of a tape along their gradients.
//!
//! ```
//! use twinglyph_engine::nn::{Adam, AdamSettings, Architecture, Layer, Mode, Model};
//! use twinglyph_engine::random::{self, RngExt};
//! use twinglyph_engine::{Result, Tensor, ops};
//!
//! # fn main() -> Result<()> {
//! // 60 points in the plane; what is to be learned of a point is whether it lies within the unit circle.
//! let mut rng = random::rng(1, 0);
//! let points = Tensor::from_fn([60, 2, 1, 1], |_| rng.random_range(-1.5..1.5f32));
//! let inside: Vec<f32> =
//!     points.values().chunks(2).map(|p| f32::from(p[0] * p[0] + p[1] * p[1] < 1.0)).collect();
//!
//! let layers = vec![Layer::Flatten {}, Layer::Dense { units: 16 }, Layer::Tanh {}, Layer::Dense { units: 1 }, Layer::Sigmoid {}];
//! let mut model = Model::<f32>::new(Architecture::encoder([2, 1, 1], layers), 1)?;
//! let mut adam = Adam::new(AdamSettings { learning_rate: 0.03, ..AdamSettings::default() });
//! let vars = model.trainable();
//! let mut losses = Vec::new();
//! for step in 0..200 {
//!     model.forget();
//!     let x = model.tape_mut().constant(points.clone());
//!     let y = model.encode(x, Mode::Train { seed: step })?;
//!     let tape = model.tape_mut();
//!     let wanted = tape.constant(Tensor::new([60, 1], inside.clone())?);
//!     let error = tape.apply(ops::SquaredDistance, &[y, wanted])?;
//!     let loss = tape.apply(ops::Mean, &[error])?;
//!     tape.backward(loss)?;
//!     adam.step(tape, &vars)?;
//!     losses.push(tape.value(loss).values()[0]);
//! }
//! assert!(losses[199] < losses[0] / 4.0, "{} and {}", losses[0], losses[199]);
//!
//! // Whoever only asks borrows the model; threads may share it.
//! let of = |i: usize, image: &mut [f32]| image.copy_from_slice([[0.0, 0.1], [1.4, 1.4]][i].as_slice());
//! let answers = std::thread::scope(|scope| {
//!     let one = scope.spawn(|| model.embed(2, of));
//!     let other = scope.spawn(|| model.clone().embed(2, of));
//!     (one.join().unwrap(), other.join().unwrap())
//! });
//! let (one, other) = (answers.0?, answers.1?);
//! assert!(one.values()[0] > 0.5 && one.values()[1] < 0.5);
//! assert_eq!(one.values(), other.values());
//! # Ok(())
//! # }
//! ```
//!
//! # Saved and loaded
//!
//! With the feature `safetensors` a model becomes the bytes of a safetensors file, and is made of them again. Without it,
//! [`nn::Model::values`] and [`nn::Model::with_values`] give and take the tensors.
//!
#![cfg_attr(feature = "safetensors", doc = "```")]
#![cfg_attr(not(feature = "safetensors"), doc = "```ignore")]
//! use twinglyph_engine::nn::{Architecture, Layer, Model};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layers = vec![Layer::Flatten {}, Layer::Dense { units: 4 }];
//! let architecture = Architecture::encoder([1, 8, 8], layers);
//! let model = Model::<f32>::new(architecture.clone(), 1)?;
//! let file = std::env::temp_dir().join("twinglyph-engine-example.safetensors");
//! std::fs::write(&file, model.to_safetensors()?)?;
//! let again = Model::<f32>::from_safetensors(architecture, &std::fs::read(&file)?)?;
//! assert_eq!(again.values(), model.values());
//! # std::fs::remove_file(&file)?;
//! # Ok(())
//! # }
//! ```
//!
//! # A layer and a loss of your own
//!
//! They record ops on the tape, once for f32 and f64: [`nn::CustomLayer`] stands in an encoder's list of layers,
//! [`nn::CustomLoss`] in the place of a built-in loss where a Siamese model is trained, by pairs, triplets or labels; its page has
//! an example. In a training loop of your own any function of the tape will do.
//!
//! ```
//! use twinglyph_engine::gradcheck::Check;
//! use twinglyph_engine::nn::{Architecture, CustomLayer, Layer, Mode, Parameter, Source};
//! use twinglyph_engine::{Element, Result, Shape, Tape, Tensor, Var, ops};
//!
//! /// y = x scale, one number for each feature (N, F).
//! #[derive(Debug)]
//! struct Gain;
//!
//! impl CustomLayer for Gain {
//!     fn name(&self) -> &'static str {
//!         "gain"
//!     }
//!
//!     fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>> {
//!         let shape = Shape::from(&input.dims()[1..]);
//!         Ok(vec![Parameter { name: "scale".into(), shape, source: Source::Ones }])
//!     }
//!
//!     fn output_shape(&self, input: &Shape) -> Result<Shape> {
//!         Ok(input.clone())
//!     }
//!
//!     fn apply<E: Element>(&self, tape: &mut Tape<E>, x: Var, parameters: &[Var], _: Mode) -> Result<Var> {
//!         tape.apply(ops::BroadcastMul, &[x, parameters[0]])
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let layers = vec![Layer::Flatten {}, Layer::custom(Gain), Layer::Tanh {}];
//! let architecture = Architecture::encoder([1, 2, 3], layers);
//! let names: Vec<_> = architecture.parameters()?.into_iter().flatten().map(|p| p.name).collect();
//! assert_eq!(names, ["encoder.1.scale"]);
//! let images = Tensor::from_fn([4, 1, 2, 3], |i| (0.7 * i as f64).sin());
//! let scale = Tensor::from_fn([6], |i| 0.5 + 0.1 * i as f64);
//! let report = Check::new().run(
//!     |tape, x| architecture.encode(tape, &[vec![], vec![x[1]], vec![]], x[0], Mode::Eval),
//!     &[images, scale],
//! )?;
//! assert!(report.passed, "{report}");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod error;
pub mod gradcheck;
#[doc(hidden)]
pub mod meant;
pub mod nn;
pub mod ops;
pub mod random;
pub mod tape;
pub mod tensor;

pub use error::{Error, Result};
pub use tape::{Tape, Var};
pub use tensor::{Element, Shape, Tensor};

/// The example of the crate's page is run as a test.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;
