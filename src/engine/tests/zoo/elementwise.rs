//! Wrong gradients of activations, arithmetic, reductions, flatten and dense; and those that are wrong about
//! the tape: what is there, what is wanted, what was there the last time.

use super::{Specimen, numbers};
use std::sync::Mutex;
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{Add, Dense, Flatten, Mean, Mul, Relu, Sigmoid, Sqrt, Square, Sub, Tanh};
use twinglyph_engine::tape::Op;

pub fn specimens() -> Vec<Specimen> {
    let x = || vec![numbers(1, &[3, 4])];
    let two = || vec![numbers(1, &[3, 4]), numbers(2, &[3, 4])];
    let positive = vec![Tensor::from_fn([5], |i| 0.3 + i as f64)];
    let zero = vec![Tensor::scalar(0.0)];
    // As many rows as outputs as features, so that nothing is out of bounds.
    let dense = vec![numbers(1, &[3, 3]), numbers(2, &[3, 3]), numbers(3, &[3])];
    vec![
        Specimen::elementwise(0, "dy passes everywhere", Relu, &x(), |_, dy, k| dy[k]),
        Specimen::elementwise(0, "by the sign of dy, not of x", Relu, &x(), |_, dy, k| dy[k].max(0.0)),
        Specimen::elementwise(0, "only positive dy pass", Relu, &x(), |node, dy, k| {
            if node.output.values()[k] > 0.0 { dy[k].max(0.0) } else { 0.0 }
        }),
        Specimen::elementwise(0, "passes at 0", Relu, &zero, |_, dy, k| dy[k]).at_kink(&[0.0]),
        Specimen::elementwise(0, "1 - y for 1 - y^2", Tanh, &x(), |node, dy, k| {
            dy[k] * (1.0 - node.output.values()[k])
        }),
        Specimen::elementwise(0, "1 - x^2 for 1 - y^2", Tanh, &x(), |node, dy, k| {
            dy[k] * (1.0 - node.inputs[0].values()[k].powi(2))
        }),
        Specimen::elementwise(0, "x (1 - x) for y (1 - y)", Sigmoid, &x(), |node, dy, k| {
            let x = node.inputs[0].values()[k];
            dy[k] * x * (1.0 - x)
        }),
        Specimen::elementwise(0, "dy is left out", Sigmoid, &x(), |node, _, k| {
            let y = node.output.values()[k];
            y * (1.0 - y)
        }),
        Specimen::elementwise(0, "its own factor for the other", Mul, &two(), |node, dy, k| {
            dy[k] * node.inputs[0].values()[k]
        }),
        Specimen::elementwise(1, "with the sign of a for b", Sub, &two(), |_, dy, k| dy[k]),
        Specimen::elementwise(0, "without the 2", Square, &x(), |node, dy, k| {
            dy[k] * node.inputs[0].values()[k]
        }),
        Specimen::elementwise(0, "without the 2", Sqrt, &positive, |node, dy, k| {
            dy[k] / node.output.values()[k]
        }),
        Specimen::elementwise(0, "infinite at 0", Sqrt, &zero, |node, dy, k| {
            dy[k] / (2.0 * node.output.values()[k])
        })
        .at_kink(&[0.0]),
        Specimen::elementwise(0, "without the division", Mean, &x(), |_, dy, _| dy[0]),
        Specimen::in_input(0, "channels last", Flatten, &[numbers(1, &[2, 3, 2, 2])], |_, dy, dx| {
            for (k, dx) in dx.iter_mut().enumerate() {
                let (n, c, position) = (k / 12, k / 4 % 3, k % 4);
                *dx += dy[n * 12 + position * 3 + c];
            }
        }),
        Specimen::in_input(0, "dx by the transposed weight", Dense, &dense, |node, dy, dx| {
            for (k, dx) in dx.iter_mut().enumerate() {
                *dx +=
                    (0..3).map(|o| dy[k / 3 * 3 + o] * node.inputs[1].values()[k % 3 * 3 + o]).sum::<f64>();
            }
        }),
        Specimen::in_input(1, "dW transposed", Dense, &dense, |node, dy, dw| {
            for (k, dw) in dw.iter_mut().enumerate() {
                *dw +=
                    (0..3).map(|n| dy[n * 3 + k % 3] * node.inputs[0].values()[n * 3 + k / 3]).sum::<f64>();
            }
        }),
        Specimen::elementwise(2, "db of the last row only", Dense, &dense, |_, dy, o| dy[6 + o]),
        Specimen::elementwise(2, "db, the mean for the sum", Dense, &dense, |_, dy, o| {
            (dy[o] + dy[3 + o] + dy[6 + o]) / 3.0
        }),
        Specimen::in_input(0, "written over what is there", Add, &two(), |_, dy, dx| dx.copy_from_slice(dy)),
        Specimen::new("the gradients wanted are counted, not named", Mul, &two(), |node, dy, grads| {
            // Right when both are wanted: else b's factor meets b's gradient.
            for (grad, other) in grads.iter_mut().flatten().zip([1, 0]) {
                let pairs = dy.values().iter().zip(node.inputs[other].values());
                grad.values_mut().iter_mut().zip(pairs).for_each(|(dx, (dy, x))| *dx += dy * x);
            }
        }),
        {
            let scratch = Mutex::new(vec![0.0; 12]);
            Specimen::in_input(
                0,
                "scratch is not cleared between calls",
                Square,
                &x(),
                move |node, dy, dx| {
                    let mut scratch = scratch.lock().unwrap();
                    for (k, (sum, dx)) in scratch.iter_mut().zip(dx).enumerate() {
                        *sum += 2.0 * node.inputs[0].values()[k] * dy[k];
                        *dx += *sum;
                    }
                },
            )
        },
        Specimen::new("both gradients go to the first input", Sub, &two(), |node, dy, grads| {
            let kept = grads[1].take();
            Sub.vjp(node, dy, grads);
            if let Some(da) = &mut grads[0] {
                da.values_mut().iter_mut().zip(dy.values()).for_each(|(da, dy)| *da -= dy);
            }
            grads[1] = kept;
        }),
    ]
}
