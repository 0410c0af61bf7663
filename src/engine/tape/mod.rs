//! Reverse-mode differentiation (Linnainmaa 1970; Griewank and Walther 2008).
//!
//! A [`Tape`] is a list. Every [`Tape::apply`] computes a value y = op(x_1, ..., x_k) from values already on
//! the list and appends it, so the list is in topological order by construction. [`Tape::backward`] walks it
//! from the end to the start. For each y whose gradient dL/dy is known, the op's `vjp` adds to the gradient of
//! each of its inputs
//!
//! ```text
//! dL/dx_i += (dy/dx_i)^T dL/dy
//! ```
//!
//! That is all. A value used twice receives two additions, so towers that share weights need no care: they
//! use the same [`Var`].
//!
//! Parameters stand at the start of the list and stay there. A training step appends its values behind them,
//! and [`Tape::truncate`] forgets them again, but keeps their memory for the next step.

use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use twinglyph_kernels::map::{Identity, map_add};

mod fault;
mod memory;
mod pointers;
mod watch;

use fault::Trace;
pub use fault::{has_finite_squares, is_finite};
use memory::Pool;
pub use memory::{Saved, expect_room};
use watch::Watcher;
pub use watch::{Call, Watch};

/// A value on a tape: its place, and a number that no other value of any tape has. So a value that was forgotten, or that
/// stands on another tape, is never mistaken for the one that has come to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Var {
    place: usize,
    serial: u64,
}

/// A differentiable function of tensors.
///
/// # What an op may rely on
/// - `forward` gets an `output` of the shape that `output_shape` answered, full of arbitrary numbers, and a [`Saved`] with
///   nothing in it. What it saves there `vjp` finds again, however many values are recorded in between.
/// - `vjp` gets the inputs, the output and what was saved as they were when `forward` returned. It is called any number of
///   times for one call of `forward`: never, where no gradient is wanted, and again for each backward pass.
/// - `grad_inputs[i]` is `Some` where the gradient of input i is wanted, in the shape of the input, with what other uses of
///   the input have added so far.
///
/// # What is expected of it
/// - `output_shape` refuses what the op cannot work on, too few or too many inputs among it: `forward` and `vjp` are called with
///   nothing else.
/// - It has no state. One op may stand on a tape many times, and on several tapes at once; what belongs to one call is in
///   [`Saved`].
/// - `forward` writes every number of the output. `vjp` adds, and never assigns; it leaves `None` as it is, and shapes too.
/// - The same numbers come out of the same numbers, bit for bit, at any number of threads, and whichever gradients are wanted.
///
/// [`mod@crate::gradcheck`] refuses an op that breaks one of these.
pub trait Op<E: Element>: Send + Sync {
    /// The name that errors and tables show.
    fn name(&self) -> &'static str;

    /// The shape of the output, or what is wrong with the inputs' shapes.
    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape>;

    /// Writes every element of `output`, which holds arbitrary numbers; may save what `vjp` will need.
    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>);

    /// Adds (d output / d input_i)^T `grad_output` to `grad_inputs[i]`, for each one that is wanted.
    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]);

    /// Multiplications and additions of the formula as it is written, where these are what takes the time: of
    /// `forward`, or of `vjp` for the gradients that are `wanted`.
    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let _ = (inputs, wanted);
        0
    }
}

/// What `vjp` may look at.
pub struct Node<'a, E: Element> {
    /// The values that the op was applied to.
    pub inputs: &'a [&'a Tensor<E>],
    /// What it computed.
    pub output: &'a Tensor<E>,
    /// What it saved.
    pub saved: &'a Saved<E>,
}

struct Entry<E: Element> {
    /// `None` for a parameter or a constant.
    op: Option<Box<dyn Op<E>>>,
    /// Their places.
    inputs: Vec<usize>,
    value: Tensor<E>,
    /// Whether the value's memory is the pool's.
    pooled: bool,
    saved: Saved<E>,
    /// Whether a gradient flows here: a parameter, or anything computed from one.
    needs_grad: bool,
    serial: u64,
}

/// The list of values, and the gradients that the last [`Tape::backward`] left.
pub struct Tape<E: Element> {
    entries: Vec<Entry<E>>,
    grads: Vec<Option<Tensor<E>>>,
    pool: Pool<E>,
    /// The step of the last backward pass, by the pool's count.
    last_backward: u64,
    /// That of the next value; the upper bits are the tape's own.
    serial: u64,
    watch: Watcher,
    trace: Trace,
}

/// Bits of a value's serial number that count the values of one tape.
const SERIALS: u32 = 40;
static TAPES: AtomicU64 = AtomicU64::new(1);

impl<E: Element> Default for Tape<E> {
    fn default() -> Tape<E> {
        Tape {
            entries: Vec::new(),
            grads: Vec::new(),
            pool: Pool::default(),
            last_backward: 0,
            serial: TAPES.fetch_add(1, Ordering::Relaxed) << SERIALS,
            watch: None,
            trace: Trace::default(),
        }
    }
}

impl<E: Element> Tape<E> {
    /// An empty tape.
    pub fn new() -> Tape<E> {
        Tape::default()
    }

    /// A value that gradients are wanted for.
    pub fn parameter(&mut self, value: Tensor<E>) -> Var {
        self.push(None, Vec::new(), value, Saved::default(), true)
    }

    /// A value that no gradient is wanted for.
    pub fn constant(&mut self, value: Tensor<E>) -> Var {
        self.push(None, Vec::new(), value, Saved::default(), false)
    }

    /// A constant written by `fill` into memory that the tape has at hand; `fill` gets arbitrary numbers.
    pub fn constant_with(&mut self, shape: impl Into<Shape>, fill: impl FnOnce(&mut [E])) -> Var {
        let mut value = self.pool.tensor(shape.into());
        fill(value.values_mut());
        let var = self.constant(value);
        self.entries[var.place].pooled = true;
        var
    }

    /// Computes `op` of `inputs` and appends the result.
    ///
    /// # Errors
    /// When the op cannot work on inputs of these shapes, there is no memory for its output, or an input is not on this tape.
    pub fn apply(&mut self, op: impl Op<E> + 'static, inputs: &[Var]) -> Result<Var> {
        let places: Vec<usize> = inputs.iter().map(|&x| self.place(op.name(), x)).collect::<Result<_>>()?;
        let values: Vec<&Tensor<E>> = places.iter().map(|&x| &self.entries[x].value).collect();
        let shapes: Vec<&Shape> = values.iter().map(|x| x.shape()).collect();
        let mut output = self.pool.try_tensor(op.output_shape(&shapes)?)?;
        let len = output.shape().len();
        let mut saved = self.pool.saved(self.entries.len());
        let needs_grad = places.iter().any(|&x| self.entries[x].needs_grad);
        saved.wanted = needs_grad;
        let call = || Call::forward(&op, &shapes, len);
        watch::timed(&self.watch, call, || op.forward(&values, &mut output, &mut saved));
        Ok(self.push(Some(Box::new(op)), places, output, saved, needs_grad))
    }

    /// Computes the gradient of the single number `loss` with respect to every parameter.
    ///
    /// # Errors
    /// When `loss` is not a single number; else as [`Tape::backward_from`].
    pub fn backward(&mut self, loss: Var) -> Result<()> {
        let shape = self.entries[self.place("backward", loss)?].value.shape();
        if shape.len() != 1 {
            return Err(Error::shape("backward", format!("the loss has shape {shape}, expected one number")));
        }
        let seed = Tensor::from_fn(shape.dims(), |_| E::ONE);
        self.backward_from(loss, &seed)
    }

    /// Computes (d output / d parameter)^T `grad_output` for every parameter. The gradients of the last backward pass are
    /// forgotten.
    ///
    /// # Errors
    /// When `grad_output` has another shape than `output`, `output` depends on no parameter, there is no memory for a
    /// gradient, or an op's `vjp` does not keep to what [`Op`] expects of it.
    pub fn backward_from(&mut self, output: Var, grad_output: &Tensor<E>) -> Result<()> {
        let last = self.place("backward", output)?;
        let shape = self.entries[last].value.shape();
        if shape != grad_output.shape() {
            let given = grad_output.shape();
            return Err(Error::shape(
                "backward",
                format!("a gradient of shape {given} for a value of {shape}"),
            ));
        }
        if !self.entries[last].needs_grad {
            return Err(Error::shape(
                "backward",
                "from a value that depends on no parameter, expected one that does",
            ));
        }
        for grad in &mut self.grads {
            self.pool.give_back(grad.take(), self.last_backward);
        }
        self.last_backward = self.pool.step;
        let mut seed = self.pool.tensor(grad_output.shape().clone());
        seed.values_mut().copy_from_slice(grad_output.values());
        self.grads[last] = Some(seed);

        for i in (0..=last).rev() {
            let entry = &self.entries[i];
            let Some(op) = entry.op.as_ref().filter(|_| entry.needs_grad) else { continue };
            let Some(grad_output) = self.grads[i].take() else { continue };
            let inputs: Vec<&Tensor<E>> = entry.inputs.iter().map(|&x| &self.entries[x].value).collect();
            let node = Node { inputs: &inputs, output: &entry.value, saved: &entry.saved };
            // Take the inputs' gradients off the list, let the op add to them, put them back.
            let mut grad_inputs = Vec::with_capacity(inputs.len());
            for &x in &entry.inputs {
                let grad = self.grads[x].take();
                grad_inputs.push(match (self.entries[x].needs_grad, grad) {
                    (true, None) => Some(self.pool.zeros(&self.entries[x].value)?),
                    (true, grad) => grad,
                    (false, _) => None,
                });
            }
            let wanted: Vec<bool> = grad_inputs.iter().map(Option::is_some).collect();
            let call = || Call::backward(op, &inputs, &wanted, grad_output.shape().len());
            watch::timed(&self.watch, call, || op.vjp(node, &grad_output, &mut grad_inputs));
            let shapes = inputs.iter().zip(&wanted).map(|(x, wanted)| wanted.then_some(x.shape()));
            if !shapes.eq(grad_inputs.iter().map(|grad| grad.as_ref().map(Tensor::shape))) {
                let message = "its vjp put in or took away a gradient, or changed its shape, expected it to add to those that are there";
                return Err(Error::shape(op.name(), message));
            }
            self.trace.look(op.name(), &grad_inputs);
            for (&x, grad) in entry.inputs.iter().zip(grad_inputs) {
                // An input that the op has twice was taken once and made new once: add the two.
                self.grads[x] = match (self.grads[x].take(), grad) {
                    (Some(mut sum), Some(grad)) => {
                        map_add(Identity, [grad.values()], sum.values_mut());
                        self.pool.give_back(Some(grad), self.pool.step);
                        Some(sum)
                    }
                    (sum, grad) => sum.or(grad),
                };
            }
            // What is not a parameter has passed its gradient on and needs it no longer.
            self.pool.give_back(Some(grad_output), self.pool.step);
        }
        Ok(())
    }

    /// The value of a variable.
    ///
    /// # Panics
    /// When the variable is of another tape, or was forgotten by [`Tape::truncate`]; so do all functions here that take one
    /// and do not return a [`Result`].
    pub fn value(&self, var: Var) -> &Tensor<E> {
        &self.entry(var).value
    }

    /// Whether it depends on a parameter, so that [`Tape::backward_from`] can go back from it.
    ///
    /// # Errors
    /// When it is not on this tape.
    pub fn needs_grad(&self, var: Var) -> Result<bool> {
        Ok(self.entries[self.place("needs_grad", var)?].needs_grad)
    }

    /// A parameter's or constant's value, to be changed between steps.
    pub fn value_mut(&mut self, var: Var) -> &mut Tensor<E> {
        let place = self.must(var);
        &mut self.entries[place].value
    }

    /// A parameter's gradient after [`Tape::backward`].
    ///
    /// # Errors
    /// When the last backward pass gave it none: it is no parameter (gradients of other values are not kept), what was
    /// differentiated does not depend on it, or there was no backward pass. The sentence says which.
    pub fn grad(&self, var: Var) -> Result<&Tensor<E>> {
        let place = self.place("grad", var)?;
        self.grads[place].as_ref().ok_or_else(|| {
            let entry = &self.entries[place];
            Error::shape(
                "grad",
                match (&entry.op, entry.needs_grad) {
                    (None, true) => "no backward pass has reached this parameter",
                    (None, false) => "of a constant, expected a parameter",
                    (Some(_), _) => "of a computed value, expected a parameter: other gradients are not kept",
                },
            )
        })
    }

    /// A parameter's value and its gradient if it has one, for an optimizer.
    pub fn value_mut_and_grad(&mut self, var: Var) -> (&mut Tensor<E>, Option<&Tensor<E>>) {
        let place = self.must(var);
        (&mut self.entries[place].value, self.grads[place].as_ref())
    }

    /// What the op that made this value saved.
    pub fn saved(&self, var: Var) -> &Saved<E> {
        &self.entry(var).saved
    }

    /// How many values the tape holds: a mark for [`Tape::truncate`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing on the tape.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets every value from the mark on, and keeps their memory for what comes: a step ends here. Of memory that the
    /// last few steps had no use for, no more is kept than the largest of them needed.
    pub fn truncate(&mut self, mark: usize) {
        let (len, step) = (self.entries.len(), self.pool.step);
        for (i, entry) in self.entries.drain(mark.min(len)..).enumerate() {
            self.pool.give_back(entry.pooled.then_some(entry.value), step);
            self.pool.give_back_saved(mark + i, entry.saved);
        }
        for grad in self.grads.drain(mark.min(len)..) {
            self.pool.give_back(grad, self.last_backward);
        }
        self.pool.end_step(len);
    }

    /// How many buffers for tensors have been allocated so far; it stands still from a training loop's second step on. Lists
    /// that a call makes (inputs, shapes, the boxed op) are not counted.
    pub fn allocations(&self) -> usize {
        self.pool.allocations
    }

    fn push(
        &mut self,
        op: Option<Box<dyn Op<E>>>,
        inputs: Vec<usize>,
        value: Tensor<E>,
        saved: Saved<E>,
        needs_grad: bool,
    ) -> Var {
        let (place, serial, pooled) = (self.entries.len(), self.serial, op.is_some());
        self.serial += 1;
        self.entries.push(Entry { op, inputs, value, pooled, saved, needs_grad, serial });
        self.grads.push(None);
        Var { place, serial }
    }

    /// Where a variable stands.
    fn place(&self, call: &'static str, var: Var) -> Result<usize> {
        match self.entries.get(var.place) {
            Some(entry) if entry.serial == var.serial => Ok(var.place),
            _ if var.serial >> SERIALS == self.serial >> SERIALS => {
                Err(Error::shape(call, "given a value that has been forgotten, expected one on the tape"))
            }
            _ => Err(Error::shape(call, "given a value of another tape, expected one of this")),
        }
    }

    fn must(&self, var: Var) -> usize {
        self.place("tape", var).unwrap_or_else(|error| panic!("{error}"))
    }

    fn entry(&self, var: Var) -> &Entry<E> {
        &self.entries[self.must(var)]
    }
}
