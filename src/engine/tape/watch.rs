//! Who wants to know how long each op takes.

use super::{Op, Tape};
use crate::tensor::{Element, Shape, Tensor};
use std::sync::{Arc, Mutex, PoisonError};

/// Is told of every call of an op. It has the clock: the tape has none.
pub trait Watch: Send {
    /// An op is about to be called.
    fn start(&mut self);
    /// It has returned.
    fn stop(&mut self, call: &Call);
}

/// A call of an op's `forward` or `vjp`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The op's name.
    pub op: &'static str,
    /// The first input's shape.
    pub input: Shape,
    /// Whether it is `vjp`.
    pub backward: bool,
    /// See [`Op::flops`].
    pub flops: u64,
    /// Bytes of the tensors that it reads and writes, each counted once; where it adds, twice.
    pub bytes: u64,
}

impl Call {
    pub(super) fn forward<E: Element>(op: &impl Op<E>, inputs: &[&Shape], output: usize) -> Call {
        let elements = inputs.iter().map(|x| x.len()).sum::<usize>() + output;
        Call::new::<E>(op.name(), inputs, false, op.flops(inputs, None), elements)
    }

    pub(super) fn backward<E: Element>(
        op: &impl Op<E>,
        inputs: &[&Tensor<E>],
        wanted: &[bool],
        output: usize,
    ) -> Call {
        let shapes: Vec<&Shape> = inputs.iter().map(|x| x.shape()).collect();
        let grads: usize =
            shapes.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(x, _)| 2 * x.len()).sum();
        let elements = shapes.iter().map(|x| x.len()).sum::<usize>() + output + grads;
        Call::new::<E>(op.name(), &shapes, true, op.flops(&shapes, Some(wanted)), elements)
    }

    fn new<E>(op: &'static str, inputs: &[&Shape], backward: bool, flops: u64, elements: usize) -> Call {
        let input = inputs.first().map_or_else(|| Shape::from([0]), |&x| x.clone());
        Call { op, input, backward, flops, bytes: (elements * size_of::<E>()) as u64 }
    }
}

/// Who watches, if anyone; several tapes may have the same.
pub(super) type Watcher = Option<Arc<Mutex<dyn Watch>>>;

impl<E: Element> Tape<E> {
    /// Lets `watch` be told of every call of an op from now on.
    pub fn watch(&mut self, watch: impl Watch + 'static) {
        self.watch = Some(Arc::new(Mutex::new(watch)));
    }

    /// Lets who watches another tape watch this one too.
    pub(crate) fn watch_as(&mut self, other: &Tape<E>) {
        self.watch.clone_from(&other.watch);
    }
}

/// Runs `work` between `start` and `stop`, if anyone watches.
pub(super) fn timed(watch: &Watcher, call: impl FnOnce() -> Call, work: impl FnOnce()) {
    let Some(watch) = watch else { return work() };
    let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    watch.start();
    work();
    watch.stop(&call());
}
