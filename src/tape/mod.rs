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

mod fault;
mod memory;
mod pointers;
mod watch;

use fault::Trace;
pub use fault::{has_finite_squares, is_finite};
use memory::Pool;
pub use memory::{Saved, expect_room};
pub use watch::{Call, Watch};

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Var(usize);

/// A differentiable function of tensors.
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
    inputs: Vec<Var>,
    value: Tensor<E>,
    saved: Saved<E>,
    /// Whether a gradient flows here: a parameter, or anything computed from one.
    needs_grad: bool,
}

/// The list of values, and the gradients that the last [`Tape::backward`] left.
#[derive(Default)]
pub struct Tape<E: Element> {
    entries: Vec<Entry<E>>,
    grads: Vec<Option<Tensor<E>>>,
    pool: Pool<E>,
    watch: Option<Box<dyn Watch>>,
    forward_only: bool,
    trace: Trace,
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
        self.constant(value)
    }

    /// Computes `op` of `inputs` and appends the result.
    ///
    /// # Errors
    /// When the op cannot work on inputs of these shapes, or there is no memory for its output.
    pub fn apply(&mut self, op: impl Op<E> + 'static, inputs: &[Var]) -> Result<Var> {
        let values: Vec<&Tensor<E>> = inputs.iter().map(|x| &self.entries[x.0].value).collect();
        let shapes: Vec<&Shape> = values.iter().map(|x| x.shape()).collect();
        let mut output = self.pool.try_tensor(op.output_shape(&shapes)?)?;
        let len = output.shape().len();
        let mut saved = self.pool.saved.remove(&self.entries.len()).unwrap_or_default();
        let needs_grad = !self.forward_only && inputs.iter().any(|x| self.entries[x.0].needs_grad);
        saved.wanted = needs_grad;
        let call = || Call::forward(&op, &shapes, len);
        watch::timed(&mut self.watch, call, || op.forward(&values, &mut output, &mut saved));
        Ok(self.push(Some(Box::new(op)), inputs.to_vec(), output, saved, needs_grad))
    }

    /// Computes the gradient of the single number `loss` with respect to every parameter.
    ///
    /// # Errors
    /// When `loss` is not a single number.
    pub fn backward(&mut self, loss: Var) -> Result<()> {
        let shape = self.value(loss).shape();
        if shape.len() != 1 {
            return Err(Error::shape("backward", format!("the loss has shape {shape}, expected one number")));
        }
        let seed = Tensor::from_fn(shape.dims(), |_| E::ONE);
        self.backward_from(loss, &seed)
    }

    /// Computes (d output / d parameter)^T `grad_output` for every parameter.
    ///
    /// # Errors
    /// When `grad_output` has another shape than `output`, or there is no memory for a gradient.
    pub fn backward_from(&mut self, output: Var, grad_output: &Tensor<E>) -> Result<()> {
        let shape = self.value(output).shape();
        if shape != grad_output.shape() {
            let given = grad_output.shape();
            return Err(Error::shape(
                "backward",
                format!("a gradient of shape {given} for a value of {shape}"),
            ));
        }
        for grad in &mut self.grads {
            self.pool.give_back(grad.take());
        }
        if !self.entries[output.0].needs_grad {
            return Ok(());
        }
        let mut seed = self.pool.tensor(grad_output.shape().clone());
        seed.values_mut().copy_from_slice(grad_output.values());
        self.grads[output.0] = Some(seed);

        for i in (0..=output.0).rev() {
            let entry = &self.entries[i];
            let Some(op) = entry.op.as_ref().filter(|_| entry.needs_grad) else { continue };
            let Some(grad_output) = self.grads[i].take() else { continue };
            let inputs: Vec<&Tensor<E>> = entry.inputs.iter().map(|x| &self.entries[x.0].value).collect();
            let node = Node { inputs: &inputs, output: &entry.value, saved: &entry.saved };
            // Take the inputs' gradients off the list, let the op add to them, put them back.
            let mut grad_inputs = Vec::with_capacity(inputs.len());
            for x in &entry.inputs {
                let grad = self.grads[x.0].take();
                grad_inputs.push(match (self.entries[x.0].needs_grad, grad) {
                    (true, None) => Some(self.pool.zeros(&self.entries[x.0].value)?),
                    (true, grad) => grad,
                    (false, _) => None,
                });
            }
            let wanted: Vec<bool> = grad_inputs.iter().map(Option::is_some).collect();
            let call = || Call::backward(op, &inputs, &wanted, grad_output.shape().len());
            watch::timed(&mut self.watch, call, || op.vjp(node, &grad_output, &mut grad_inputs));
            self.trace.look(op.name(), &grad_inputs);
            for (x, grad) in entry.inputs.iter().zip(grad_inputs) {
                // An input that the op has twice was taken once and made new once: add the two.
                self.grads[x.0] = match (self.grads[x.0].take(), grad) {
                    (Some(mut sum), Some(grad)) => {
                        twinglyph_kernels::map::map_add(
                            twinglyph_kernels::map::Identity,
                            [grad.values()],
                            sum.values_mut(),
                        );
                        self.pool.give_back(Some(grad));
                        Some(sum)
                    }
                    (sum, grad) => sum.or(grad),
                };
            }
            // What is not a parameter has passed its gradient on and needs it no longer.
            self.pool.give_back(Some(grad_output));
        }
        Ok(())
    }

    /// The value of a variable.
    pub fn value(&self, var: Var) -> &Tensor<E> {
        &self.entries[var.0].value
    }

    /// A parameter's or constant's value, to be changed between steps.
    pub fn value_mut(&mut self, var: Var) -> &mut Tensor<E> {
        &mut self.entries[var.0].value
    }

    /// A parameter's gradient after [`Tape::backward`]; `None` where the loss does not depend on it.
    pub fn grad(&self, var: Var) -> Option<&Tensor<E>> {
        self.grads[var.0].as_ref()
    }

    /// A parameter's value and gradient, for an optimizer.
    pub fn value_mut_and_grad(&mut self, var: Var) -> (&mut Tensor<E>, Option<&Tensor<E>>) {
        (&mut self.entries[var.0].value, self.grads[var.0].as_ref())
    }

    /// What the op that made this value saved.
    pub fn saved(&self, var: Var) -> &Saved<E> {
        &self.entries[var.0].saved
    }

    /// How many values the tape holds: a mark for [`Tape::truncate`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing on the tape.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets every value from the mark on, and keeps its memory.
    pub fn truncate(&mut self, mark: usize) {
        for (i, entry) in self.entries.drain(mark..).enumerate() {
            self.pool.give_back(Some(entry.value));
            self.pool.saved.insert(mark + i, entry.saved);
        }
        for grad in self.grads.drain(mark..) {
            self.pool.give_back(grad);
        }
    }

    /// From now on, values are computed for their own sake: no gradient will be asked for, and ops save nothing.
    pub fn set_forward_only(&mut self, forward_only: bool) {
        self.forward_only = forward_only;
    }

    /// Lets `watch` be told of every call of an op from now on.
    pub fn watch(&mut self, watch: impl Watch + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// How many buffers have been allocated so far; it stands still from a training loop's second step on.
    pub fn allocations(&self) -> usize {
        self.pool.allocations
    }

    fn push(
        &mut self,
        op: Option<Box<dyn Op<E>>>,
        inputs: Vec<Var>,
        value: Tensor<E>,
        saved: Saved<E>,
        needs_grad: bool,
    ) -> Var {
        self.entries.push(Entry { op, inputs, value, saved, needs_grad });
        self.grads.push(None);
        Var(self.entries.len() - 1)
    }
}
