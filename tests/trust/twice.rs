//! An op's numbers depend on its inputs alone: not on what its memory held before, nor on how many threads there are.

use crate::cases::Case;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, LazyLock};
use twinglyph_engine::tape::{Tape, Var};
use twinglyph_engine::{Result, Shape, Tensor};

/// One thread, and several.
static THREADS: LazyLock<[ThreadPool; 2]> =
    LazyLock::new(|| [1, 4].map(|count| ThreadPoolBuilder::new().num_threads(count).build().unwrap()));

/// Whether one thread on a new tape and several on a used one come to the same bits, forward and backward.
pub fn same_bits_twice(case: &Case) -> Result<bool> {
    let [one, several] = &*THREADS;
    Ok(one.install(|| bits(case, false))? == several.install(|| bits(case, true))?)
}

/// The output and every gradient; on a used tape, after a step on the same numbers in reverse.
fn bits(case: &Case, used: bool) -> Result<Vec<u64>> {
    let mut tape = Tape::new();
    let inputs: Vec<Var> = case.inputs.iter().map(|input| tape.parameter(input.clone())).collect();
    let mut bits = Vec::new();
    if used {
        // Whatever memory is at hand holds other numbers.
        let shapes: Vec<&Shape> = case.inputs.iter().map(Tensor::shape).collect();
        let output = case.op.output_shape(&shapes)?;
        for shape in shapes.into_iter().chain([&output]) {
            for _ in 0..3 {
                tape.constant_with(shape.clone(), |junk| junk.fill(0.7));
            }
        }
        tape.truncate(inputs.len());
    }
    for reverse in [true, false].into_iter().skip(usize::from(!used)) {
        for (&var, input) in inputs.iter().zip(&case.inputs) {
            let values = tape.value_mut(var).values_mut();
            values.copy_from_slice(input.values());
            if reverse {
                values.reverse();
            }
        }
        tape.truncate(inputs.len());
        let y = tape.apply(Arc::clone(&case.op), &inputs)?;
        let seed = Tensor::from_fn(tape.value(y).shape().dims(), |i| ((i + 1) as f64 * 0.7).sin());
        tape.backward_from(y, &seed)?;
        let grads = inputs.iter().filter_map(|&input| tape.grad(input).ok());
        bits = grads.chain([tape.value(y)]).flat_map(Tensor::values).map(|x| x.to_bits()).collect();
    }
    Ok(bits)
}

mod tests {
    use super::*;
    use twinglyph_engine::ops;
    use twinglyph_engine::tape::{Node, Op, Saved};

    /// What may be wrong with an op that copies its input.
    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        /// A number of the output stays what it was.
        Unwritten,
        /// What is saved is added to what the memory held.
        SavedOnTop,
        /// Each thread adds a little.
        Threads,
    }

    impl Op<f64> for Fault {
        fn name(&self) -> &'static str {
            "fault"
        }

        fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
            Ok(inputs[0].clone())
        }

        fn forward(&self, inputs: &[&Tensor<f64>], output: &mut Tensor<f64>, saved: &mut Saved<f64>) {
            let (x, y) = (inputs[0].values(), output.values_mut());
            let start = usize::from(*self == Fault::Unwritten);
            y[start..].copy_from_slice(&x[start..]);
            let kept = saved.make_values(1);
            kept[0] = x[0] + if *self == Fault::SavedOnTop { kept[0] } else { 0.0 };
        }

        fn vjp(&self, node: Node<'_, f64>, dy: &Tensor<f64>, grads: &mut [Option<Tensor<f64>>]) {
            let Some(dx) = &mut grads[0] else { return };
            let threads = if *self == Fault::Threads { rayon::current_num_threads() as f64 } else { 1.0 };
            for (dx, dy) in dx.values_mut().iter_mut().zip(dy.values()) {
                *dx += dy * node.saved.values[0][0] * (1.0 + 1e-15 * threads);
            }
        }
    }

    #[test]
    fn an_op_that_leans_on_its_memory_or_its_threads_is_noticed() {
        let case = |op: Arc<dyn Op<f64>>| Case {
            label: String::new(),
            op,
            inputs: vec![Tensor::from_fn([3, 2], |i| i as f64 + 1.5)],
            linear: Vec::new(),
        };
        for fault in [Fault::None, Fault::Unwritten, Fault::SavedOnTop, Fault::Threads] {
            let is_sound = same_bits_twice(&case(Arc::new(fault))).unwrap();
            assert_eq!(is_sound, fault == Fault::None, "fault {}", fault as usize);
        }
        assert!(same_bits_twice(&case(Arc::new(ops::Tanh))).unwrap());
    }
}
