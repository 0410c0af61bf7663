//! Where numbers stopped being finite.
//!
//! A step that went wrong is still on the tape. Its values are looked at from the first to the last; if they are all sound,
//! the walk back is done once more, and what each op hands on is looked at. The first that is not finite is where it began.

use super::{Tape, Var};
use crate::Result;
use crate::tensor::{Element, Tensor};

/// What the walk back looks for.
#[derive(Default)]
pub(super) struct Trace {
    on: bool,
    found: Option<&'static str>,
}

impl Trace {
    /// Looks at the gradients that an op has just added to.
    pub(super) fn look<E: Element>(&mut self, op: &'static str, grads: &[Option<Tensor<E>>]) {
        if self.on && self.found.is_none() && !grads.iter().flatten().all(is_finite) {
            self.found = Some(op);
        }
    }
}

/// Whether all numbers of a tensor are finite: 0 x is 0 but of infinities and of what is no number.
pub fn is_finite<E: Element>(tensor: &Tensor<E>) -> bool {
    tensor.values().iter().fold(true, |sound, &x| sound & (x * E::ZERO == E::ZERO))
}

/// Whether every number is finite, and its square as well.
pub fn has_finite_squares<E: Element>(tensor: &Tensor<E>) -> bool {
    tensor.values().iter().fold(true, |sound, &x| sound & (x * x * E::ZERO == E::ZERO))
}

impl<E: Element> Tape<E> {
    /// The first value from a mark (see [`Tape::len`]) on that is not finite.
    pub fn first_fault(&self, mark: usize) -> Option<Var> {
        let place = (mark..self.entries.len()).find(|&i| !is_finite(&self.entries[i].value))?;
        Some(Var { place, serial: self.entries[place].serial })
    }

    /// The name of the op that made a value; `None` of a parameter or a constant.
    pub fn op_name(&self, var: Var) -> Option<&'static str> {
        self.entry(var).op.as_ref().map(|op| op.name())
    }

    /// Goes back from `loss` once more; the op that was the first to hand on a gradient that is not finite.
    ///
    /// # Errors
    /// As [`Tape::backward`].
    pub fn first_gradient_fault(&mut self, loss: Var) -> Result<Option<&'static str>> {
        self.trace = Trace { on: true, found: None };
        let done = self.backward(loss);
        let found = std::mem::take(&mut self.trace).found;
        done.map(|()| found)
    }
}
