//! Gradient check: what a backward pass computes against what its forward pass does.
//!
//! For y = f(x_1, ..., x_k), a cotangent v of the shape of y and a direction d of the shape of x_i, the tape
//! gives the left side and two evaluations of f the right one:
//!
//! ```text
//! <J_i^T v, d>   =   <v, J_i d>      J_i d ≈ c(h) = (f(.., x_i + h d, ..) - f(.., x_i - h d, ..)) / 2h
//! ```
//!
//! c(h) is wrong by h^2 J''' / 6 + O(h^4); (4 c(h) - c(2h)) / 3 leaves only the h^4. The error shown is
//!
//! ```text
//! |a - n| / max(1, |a|, |n|)         a: by the tape, n: by differences; infinite where one is not finite
//! ```
//!
//! **Which d.** Where f is small, each coordinate of each input, and each output by itself as v: the whole
//! Jacobian, entry by entry. Where it is larger, each coordinate with one v. Where it is large, some
//! coordinates, and directions of random signs ±1, in which a single wrong coordinate counts in full.
//!
//! **Why v is random.** A backward pass may be wrong and still right for v = (1, ..., 1), that is for the
//! gradient of Σ y: that of batch normalisation is 0 in x, with its variance path or without. And units alone
//! would not do either: a ReLU that passes only positive gradients is right for every one of them.
//!
//! **Why f64.** f is known to some 1e-16 of its size, so c(h) to 1e-16 / h = 1e-12 at a step of 1e-4. In f32
//! the best that a difference can do is about 1e-3, and many a bug is smaller. The loops are generic, so those
//! that are checked in f64 are those that train in f32.
//!
//! **Which h.** [`STEPS`], the longest first: a step is taken when c(h) and c(2h) agree to a tenth of the
//! tolerance, else the one at which they agree best. A model has a kink (ReLU, max-pooling) close to nearly
//! every point, and a shorter step passes it by. The choice looks at the differences alone, never at what they
//! are compared with. Where f is affine in an input, c(h) is exact at any step: there h = 1 is tried as well
//! and the bar is 1e-11.
//!
//! **What else.** Gradients must be added to what is there (f is recorded twice on one tape, and the gradient
//! must be twice as large), must not depend on which others are wanted, and must come out the same, bit for
//! bit, when they are computed again: also with f at other values recorded behind it, and after steps at other
//! values and of twice the batch on the same tape (what f refuses there is passed over). At the other values one
//! direction of each input is checked. So an op that keeps to itself what belongs to one call is found out.
//!
//! A loss of one's own is checked in three lines:
//!
//! ```
//! use twinglyph_engine::{Tensor, gradcheck, ops};
//!
//! # fn main() -> twinglyph_engine::Result<()> {
//! let x = [0.3, 0.8].map(|a| Tensor::from_fn([4, 3], |i| (a * i as f64).sin()));
//! let report = gradcheck::check(
//!     |tape, x| {
//!         let distance = tape.apply(ops::SquaredDistance, x)?;
//!         let bounded = tape.apply(ops::Tanh, &[distance])?;
//!         tape.apply(ops::Mean, &[bounded])
//!     },
//!     &x,
//! )?;
//! assert!(report.passed, "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! And so is an op:
//!
//! ```
//! use twinglyph_engine::tape::{Node, Op, Saved};
//! use twinglyph_engine::{Element, Result, Shape, Tensor, gradcheck};
//!
//! /// y = x^3, dx = 3 x^2 dy.
//! struct Cube;
//!
//! impl<E: Element> Op<E> for Cube {
//!     fn name(&self) -> &'static str {
//!         "cube"
//!     }
//!     fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
//!         Ok(inputs[0].clone())
//!     }
//!     fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
//!         for (y, &x) in output.values_mut().iter_mut().zip(inputs[0].values()) {
//!             *y = x * x * x;
//!         }
//!     }
//!     fn vjp(&self, node: Node<'_, E>, dy: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
//!         let Some(dx) = &mut grad_inputs[0] else { return };
//!         let pairs = node.inputs[0].values().iter().zip(dy.values());
//!         for (dx, (&x, &dy)) in dx.values_mut().iter_mut().zip(pairs) {
//!             *dx += E::from_f64(3.0) * x * x * dy;
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let x = Tensor::from_fn([2, 5], |i| i as f64 / 4.0 - 1.0);
//! let report = gradcheck::check(|tape, x| tape.apply(Cube, x), &[x])?;
//! assert!(report.passed && report.worst_error < 1e-9, "{report}");
//! # Ok(())
//! # }
//! ```

mod probe;
mod report;
mod table;

pub use report::{Comparison, Report, relative_error};
pub use table::{Outcome, Row, check_op, check_ops};

use crate::ops;
use crate::tape::{Op, Tape, Var};
use crate::tensor::{Shape, Tensor};
use crate::{Error, Result};
use probe::{Direction, Probe};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// The largest error that an op may show.
pub const OP_TOLERANCE: f64 = 1e-7;
/// The largest error that a whole model may show.
pub const MODEL_TOLERANCE: f64 = 1e-6;
/// The steps of the differences, in units of max(1, |x|): 2^-13, 2^-15, .., 2^-23, so that x + h is mostly exact.
pub const STEPS: [f64; 6] =
    [1.0 / 8192.0, 1.0 / 32768.0, 1.0 / 131072.0, 1.0 / 524288.0, 1.0 / 2097152.0, 1.0 / 8388608.0];

/// The bar where f is affine and the step is 1.
const LINEAR_TOLERANCE: f64 = 1e-11;
/// Twice the gradient against the gradient added twice: the same terms in another order.
const SUM_TOLERANCE: f64 = 1e-10;
/// The whole Jacobian, if it has no more entries than this.
const JACOBIAN: usize = 4096;
/// Single coordinates that are tried of an input too large to try them all.
const SOME_COORDINATES: usize = 5;

/// Checks the gradients of `function` at `inputs`, each of them and at the tolerance of an op.
///
/// # Errors
/// Those of `function`. A wrong gradient is no error: see [`Report::passed`].
pub fn check(
    function: impl Fn(&mut Tape<f64>, &[Var]) -> Result<Var>,
    inputs: &[Tensor<f64>],
) -> Result<Report> {
    Check::new().run(function, inputs)
}

/// How to check; [`check`] with more to say.
#[derive(Clone, Debug)]
pub struct Check {
    tolerance: f64,
    seed: u64,
    linear: Vec<usize>,
    only: Option<Vec<usize>>,
    names: Vec<String>,
    directions: usize,
    exhaustive: usize,
}

impl Default for Check {
    fn default() -> Check {
        Check {
            tolerance: OP_TOLERANCE,
            seed: 1,
            linear: Vec::new(),
            only: None,
            names: Vec::new(),
            directions: 20,
            exhaustive: 2000,
        }
    }
}

impl Check {
    /// Every input, at the tolerance of an op.
    pub fn new() -> Check {
        Check::default()
    }

    /// The largest error that passes.
    pub fn tolerance(mut self, tolerance: f64) -> Check {
        self.tolerance = tolerance;
        self
    }

    /// The seed of the cotangent and of the directions; 1 if not said.
    pub fn seed(mut self, seed: u64) -> Check {
        self.seed = seed;
        self
    }

    /// The inputs in which the function is affine, the others held fixed: only for these is h = 1 tried, to the tighter bar.
    pub fn linear_in(mut self, inputs: &[usize]) -> Check {
        self.linear = inputs.to_vec();
        self
    }

    /// Differentiates in these inputs only; the others are constants of the tape.
    pub fn only(mut self, inputs: &[usize]) -> Check {
        self.only = Some(inputs.to_vec());
        self
    }

    /// What reports call the inputs, in their order; "input 0" and so on where this is not said.
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Check {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Random directions for each input that is not checked coordinate by coordinate; 20 if not said.
    pub fn directions(mut self, count: usize) -> Check {
        self.directions = count;
        self
    }

    /// Up to how many numbers in all inputs together each coordinate is checked; 2,000 if not said.
    pub fn exhaustive_up_to(mut self, numbers: usize) -> Check {
        self.exhaustive = numbers;
        self
    }

    /// Checks an op that comes behind a pointer, as a list of several does; any other is applied in [`Check::run`].
    ///
    /// # Errors
    /// The op's refusal of the inputs' shapes.
    pub fn run_op(&self, op: &Arc<dyn Op<f64>>, inputs: &[Tensor<f64>]) -> Result<Report> {
        self.run(|tape, x| tape.apply(op.clone(), x), inputs)
    }

    /// Checks the gradients of `function` at `inputs`.
    ///
    /// # Errors
    /// Those of `function`, and when [`Check::linear_in`] or [`Check::only`] named an input that is not there.
    pub fn run(
        &self,
        function: impl Fn(&mut Tape<f64>, &[Var]) -> Result<Var>,
        inputs: &[Tensor<f64>],
    ) -> Result<Report> {
        let wanted = self.wanted(inputs.len())?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut report = Report::new(self.tolerance);
        let mut probe = Probe::new(&function, inputs, &wanted);

        let y = probe.record()?;
        let shape = probe.shape(y);
        // Neither 0 nor all of one sign.
        let cotangent = Tensor::from_fn(shape.clone(), |_| sign(&mut random) * random.random_range(0.5..1.5));
        let gradients = probe.pull_back(y, &cotangent)?;
        let again = probe.pull_back(y, &cotangent)?;
        let numbers: usize = wanted.iter().map(|&i| inputs[i].values().len()).sum();
        let mut jacobian = Vec::new();
        if numbers * shape.len() <= JACOBIAN {
            for o in 0..shape.len() {
                let unit = Tensor::from_fn(shape.clone(), |at| f64::from(at == o));
                jacobian.push(probe.pull_back(y, &unit)?);
            }
        }

        for &i in &wanted {
            for direction in self.pick(&inputs[i], numbers, &mut random) {
                let place = |what: &str| format!("{}{direction}{what}", self.name(i, &inputs[i], &direction));
                let mut compare = |limit: f64, moved: &[f64], step: &str| {
                    let numeric = dot(cotangent.values(), moved);
                    report.compare(limit, direction.along(&gradients[i]), numeric, || place(step));
                    for (o, (row, moved)) in jacobian.iter().zip(moved).enumerate() {
                        let analytic = direction.along(&row[i]);
                        report.compare(limit, analytic, *moved, || {
                            place(&format!(", output {}{step}", index(&shape, o)))
                        });
                    }
                };
                compare(self.tolerance, &probe.derivative(i, &direction, self.tolerance)?, "");
                if self.linear.contains(&i) {
                    compare(LINEAR_TOLERANCE, &probe.central(i, &direction, 1.0)?, ", step 1");
                }
            }
        }

        if !report.passed {
            // Where the derivative is wrong, that is what there is to say.
            return Ok(report);
        }
        for &i in &wanted {
            let name = self.name(i, &inputs[i], &Direction::All);
            report.compare_all(0.0, &again[i], &gradients[i], || format!("{name}, computed a second time"));
            if wanted.len() > 1 {
                let mut alone = Probe::new(&function, inputs, std::slice::from_ref(&i));
                let y = alone.record()?;
                let gradient = &alone.pull_back(y, &cotangent)?[i];
                report.compare_all(0.0, gradient, &gradients[i], || format!("{name}, wanted alone"));
            }
        }
        let mut twice = Probe::new(&function, inputs, &wanted);
        let (one, other) = (twice.record()?, twice.record()?);
        let both = twice.apply(ops::Add, &[one, other])?;
        let sums = twice.pull_back(both, &cotangent)?;
        for &i in &wanted {
            let doubled: Vec<f64> = gradients[i].iter().map(|g| g + g).collect();
            report.compare_all(SUM_TOLERANCE, &sums[i], &doubled, || {
                format!(
                    "{}, of a value used twice (a vjp must add)",
                    self.name(i, &inputs[i], &Direction::All)
                )
            });
        }
        self.check_again(&function, inputs, &wanted, &cotangent, &gradients, &mut random, &mut report)?;
        Ok(report)
    }

    /// The gradients once more, with other values and another batch recorded behind f, and before it on the same tape; and
    /// those at the other values.
    #[allow(clippy::too_many_arguments, reason = "what `run` has found so far")]
    fn check_again(
        &self,
        function: &impl Fn(&mut Tape<f64>, &[Var]) -> Result<Var>,
        inputs: &[Tensor<f64>],
        wanted: &[usize],
        cotangent: &Tensor<f64>,
        gradients: &[Vec<f64>],
        random: &mut ChaCha8Rng,
        report: &mut Report,
    ) -> Result<()> {
        let others = other_values(inputs, wanted);
        let whole = |i: usize, what: &str| format!("{}, {what}", self.name(i, &inputs[i], &Direction::All));
        let mut tape = Probe::new(function, inputs, wanted);
        let y = tape.record()?;
        tape.record_at(&others);
        let behind = tape.pull_back(y, cotangent)?;
        tape.step_at(&others)?;
        tape.step_at(&twice_the_batch(&others))?;
        let y = tape.record()?;
        let after = tape.pull_back(y, cotangent)?;
        for &i in wanted {
            report.compare_all(0.0, &behind[i], &gradients[i], || {
                whole(i, "with other values recorded behind it")
            });
            report.compare_all(0.0, &after[i], &gradients[i], || whole(i, "after steps at other values"));
        }
        let mut there = Probe::new(function, &others, wanted);
        // Not every function takes every value.
        let Ok(y) = there.record() else { return Ok(()) };
        let shape = there.shape(y);
        if shape != *cotangent.shape() || !there.value(y).values().iter().all(|y| y.is_finite()) {
            return Ok(());
        }
        let found = there.pull_back(y, cotangent)?;
        for &i in wanted {
            let signs = Direction::Signs((0..inputs[i].values().len()).map(|_| sign(random)).collect());
            let moved = there.derivative(i, &signs, self.tolerance)?;
            let numeric = dot(cotangent.values(), &moved);
            report.compare(self.tolerance, signs.along(&found[i]), numeric, || whole(i, "at other values"));
        }
        Ok(())
    }

    fn wanted(&self, inputs: usize) -> Result<Vec<usize>> {
        let mut named = self.linear.iter().chain(self.only.iter().flatten());
        if let Some(i) = named.find(|i| **i >= inputs) {
            return Err(Error::usage(format!("gradient check of input {i}, but there are {inputs} inputs")));
        }
        Ok((0..inputs).filter(|i| self.only.as_ref().is_none_or(|only| only.contains(i))).collect())
    }

    fn pick(&self, x: &Tensor<f64>, numbers: usize, random: &mut ChaCha8Rng) -> Vec<Direction> {
        let len = x.values().len();
        if numbers <= self.exhaustive || len <= self.directions {
            return (0..len).map(Direction::Coordinate).collect();
        }
        let signs = (0..self.directions).map(|_| Direction::Signs((0..len).map(|_| sign(random)).collect()));
        let mut all: Vec<Direction> = signs.collect();
        all.extend((0..SOME_COORDINATES).map(|_| {
            let at = random.random_range(0..len as u64);
            Direction::Coordinate(at as usize)
        }));
        all
    }

    /// `weight[1, 0, 2]`, or `weight` where the direction is no single coordinate.
    fn name(&self, i: usize, x: &Tensor<f64>, direction: &Direction) -> String {
        let name = self.names.get(i).cloned().unwrap_or_else(|| format!("input {i}"));
        match direction {
            Direction::Coordinate(at) => format!("{name}{}", index(x.shape(), *at)),
            _ => name,
        }
    }
}

/// The numbers of each input in another order, and those that are differentiated in smaller, so that signs stay what they are.
fn other_values(inputs: &[Tensor<f64>], wanted: &[usize]) -> Vec<Tensor<f64>> {
    let other = |(i, x): (usize, &Tensor<f64>)| {
        let (values, factor) = (x.values(), if wanted.contains(&i) { 0.75 } else { 1.0 });
        Tensor::from_fn(x.shape().clone(), |at| factor * values[(at + 1) % values.len()])
    };
    inputs.iter().enumerate().map(other).collect()
}

/// Each input that has as many rows as the first one twice, one below the other.
fn twice_the_batch(inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let rows = |x: &Tensor<f64>| x.dims().first().copied();
    let batch = inputs.first().and_then(rows);
    let double = |x: &Tensor<f64>| match (rows(x), x.dims()) {
        (rows, [_, rest @ ..]) if rows == batch => {
            let dims: Vec<usize> = rows.iter().map(|n| 2 * n).chain(rest.iter().copied()).collect();
            Tensor::from_fn(&dims[..], |at| x.values()[at % x.values().len()])
        }
        _ => x.clone(),
    };
    inputs.iter().map(double).collect()
}

fn sign(random: &mut ChaCha8Rng) -> f64 {
    if random.random_range(0..2u32) == 0 { -1.0 } else { 1.0 }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `[n, c, h, w]` of the element that stands at `at`.
fn index(shape: &Shape, mut at: usize) -> String {
    let mut place: Vec<String> = Vec::new();
    for size in shape.dims().iter().rev() {
        place.insert(0, (at % size).to_string());
        at /= size;
    }
    format!("[{}]", place.join(", "))
}
