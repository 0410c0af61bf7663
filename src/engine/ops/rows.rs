//! Functions of each row along the last axis of x (..., F); y is (...), or (..., 1) with `keep_axis`.
//!
//! ```text
//! row_sum      y[n] = Σ_f x[n,f]            dx[n,f] = dy[n]
//! row_mean     y[n] = 1/F Σ_f x[n,f]        dx[n,f] = dy[n] / F
//! row_max      y[n] = max_f x[n,f]          dx[n,f] = dy[n] at the first of the largest, else 0
//! log_sum_exp  y[n] = ln Σ_f e^x[n,f]       dx[n,f] = e^(x[n,f] - y[n]) dy[n]
//! softmax      y[n,f] = e^x[n,f] / Σ_g e^x[n,g]      y is (..., F)
//!              dx[n,f] = y[n,f] (dy[n,f] - Σ_g y[n,g] dy[n,g])
//! ```
//!
//! The derivative of a logarithm of a sum is a term's share of the sum, so the gradient of log_sum_exp is the softmax. That
//! of the softmax: ln y\[f\] = x\[f\] - log_sum_exp(x), so dy\[f\]/dx\[g\] = y\[f\] (\[f = g\] - y\[g\]), and the sum over f
//! with dy stands above.
//!
//! Both take the largest x out before the exponential, m + ln Σ e^(x - m), so that none is too large for it and one of them
//! is 1. What else is not finite: a NaN makes its row NaN; the maximum takes it for the largest, and it gets the gradient.
//! Infinity makes log_sum_exp infinite and the softmax NaN; -infinity counts as nothing, and a row of nothing else has the
//! log_sum_exp -infinity, with gradients of NaN, and the softmax NaN.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels as kernels;

/// The sum of each row: (..., F) to (...).
#[derive(Clone, Copy, Debug, Default)]
pub struct RowSum {
    /// Whether the last axis stays, as one place.
    pub keep_axis: bool,
}

/// The mean of each row: (..., F) to (...).
#[derive(Clone, Copy, Debug, Default)]
pub struct RowMean {
    /// Whether the last axis stays, as one place.
    pub keep_axis: bool,
}

/// The largest of each row: (..., F) to (...).
#[derive(Clone, Copy, Debug, Default)]
pub struct RowMax {
    /// Whether the last axis stays, as one place.
    pub keep_axis: bool,
}

/// ln Σ e^x of each row: (..., F) to (...).
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSumExp {
    /// Whether the last axis stays, as one place.
    pub keep_axis: bool,
}

/// Shares of each row, positive and of sum 1: (..., F) to the same.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

/// The shape of a tensor with rows, and of what stands before the last axis.
fn rows<'a>(op: &'static str, inputs: &[&'a Shape]) -> Result<(&'a Shape, &'a [usize])> {
    let shape = same_shapes(op, inputs, 1)?;
    match shape.dims() {
        [] => Err(Error::shape(op, "a single number, expected rows (..., F)")),
        [outer @ .., _] => Ok((shape, outer)),
    }
}

/// F.
fn width<E: Element>(x: &Tensor<E>) -> usize {
    *x.dims().last().expect("checked by output_shape")
}

const SIZES: [&[usize]; 5] = [&[1], &[7], &[3, 1], &[4, 5], &[2, 3, 2, 19]];

/// An op, its name, its samples' numbers, the inputs in which it is affine; forward of (x, y, F), vjp of (x, y, dy, dx).
macro_rules! reduction {
    ($op:ident, $name:literal, $numbers:ident, $linear:expr, |$x:ident, $y:ident, $f:pat_param| $forward:expr,
     |$node:ident, $dy:ident, $dx:ident| $vjp:expr) => {
        impl<E: Element> Op<E> for $op {
            fn name(&self) -> &'static str {
                $name
            }

            fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
                let (_, outer) = rows($name, inputs)?;
                Ok(if self.keep_axis { [outer, &[1]].concat()[..].into() } else { outer.into() })
            }

            fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
                let ($x, $y, $f) = (inputs[0].values(), output.values_mut(), width(inputs[0]));
                $forward;
            }

            fn vjp(
                &self,
                $node: Node<'_, E>,
                grad_output: &Tensor<E>,
                grad_inputs: &mut [Option<Tensor<E>>],
            ) {
                if let Some(dx) = &mut grad_inputs[0] {
                    let ($dy, $dx) = (grad_output.values(), dx.values_mut());
                    $vjp;
                }
            }
        }

        impl Samples for $op {
            fn samples<E: Element>() -> Vec<Sample<E>> {
                let mut numbers = Numbers::new(20);
                let cases = SIZES.iter().flat_map(|shape| [false, true].map(|keep_axis| (*shape, keep_axis)));
                cases
                    .map(|(shape, keep_axis)| {
                        let label = format!("{}, keep_axis: {keep_axis}", Shape::from(shape));
                        Sample::new(label, $op { keep_axis }, vec![numbers.$numbers(shape)])
                            .linear_in(&$linear)
                    })
                    .collect()
            }

            fn refusals() -> Vec<Refusal> {
                row_refusals($op::default())
            }
        }
    };
}

reduction!(
    RowSum,
    "row_sum",
    tensor,
    [0],
    |x, y, _| kernels::row_sum_forward(E::ONE, x, y),
    |_node, dy, dx| kernels::row_sum_backward(E::ONE, dy, dx)
);
reduction!(
    RowMean,
    "row_mean",
    tensor,
    [0],
    |x, y, f| kernels::row_sum_forward(E::from_f64(1.0 / f as f64), x, y),
    |node, dy, dx| {
        let share = E::from_f64(1.0 / width(node.inputs[0]) as f64);
        kernels::row_sum_backward(share, dy, dx);
    }
);
reduction!(RowMax, "row_max", distinct, [], |x, y, _| kernels::row_max_forward(x, y), |node, dy, dx| {
    kernels::row_max_backward(node.inputs[0].values(), dy, dx)
});
reduction!(
    LogSumExp,
    "log_sum_exp",
    tensor,
    [],
    |x, y, _| kernels::log_sum_exp_forward(x, y),
    |node, dy, dx| {
        kernels::log_sum_exp_backward(node.inputs[0].values(), node.output.values(), dy, dx);
    }
);

impl<E: Element> Op<E> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(rows("softmax", inputs)?.0.clone())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        kernels::softmax_forward(width(inputs[0]), inputs[0].values(), output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        if let Some(dx) = &mut grad_inputs[0] {
            let y = node.output;
            kernels::softmax_backward(width(y), y.values(), grad_output.values(), dx.values_mut());
        }
    }
}

impl Samples for Softmax {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(21);
        let sample = |shape: &[usize]| {
            Sample::new(Shape::from(shape).to_string(), Softmax, vec![numbers.tensor(shape)])
        };
        SIZES.map(sample).into()
    }

    fn refusals() -> Vec<Refusal> {
        row_refusals(Softmax)
    }
}

fn row_refusals(op: impl Op<f64> + Copy + 'static) -> Vec<Refusal> {
    vec![
        Refusal::new(op, [&[]], "a single number, expected rows (..., F)"),
        Refusal::new(op, [&[3, 0]], "empty input of shape (3, 0)"),
        Refusal::new(op, [&[2, 3], &[2, 3]], "2 inputs given, expected 1"),
    ]
}
