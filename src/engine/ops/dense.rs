//! Dense layer: y = x W^T + b with x (N, F), weight (O, F), bias (O), y (N, O).
//!
//! `y[n,o]` depends on `x[n,f]` through `W[o,f]` alone, so
//!
//! ```text
//! dx[n,f] = Σ_o dy[n,o] W[o,f]       dx = dy W
//! dW[o,f] = Σ_n dy[n,o] x[n,f]       dW = dy^T x
//! db[o]   = Σ_n dy[n,o]
//! ```

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, expect_shape, features, not_empty};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels as kernels;

/// y = x W^T + b; inputs x, weight and, if wanted, bias.
#[derive(Clone, Copy, Debug)]
pub struct Dense;

fn sizes(x: &Shape, weight: &Shape) -> kernels::Dense {
    kernels::Dense { rows: x.dims()[0], inputs: x.dims()[1], outputs: weight.dims()[0] }
}

impl<E: Element> Op<E> for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs("dense", inputs, 2..=3)?;
        let [n, f] = features("dense", inputs[0])?;
        let outputs = features("dense", inputs[1])?[0];
        expect_shape("dense", "weight", inputs[1], &[outputs, f])?;
        if let Some(bias) = inputs.get(2) {
            expect_shape("dense", "bias", bias, &[outputs])?;
        }
        not_empty("dense", inputs)?;
        Ok([n, outputs].into())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let g = sizes(inputs[0].shape(), inputs[1].shape());
        let bias = inputs.get(2).map(|b| b.values());
        kernels::dense_forward(&g, inputs[0].values(), inputs[1].values(), bias, output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (x, weight, dy) = (node.inputs[0], node.inputs[1], grad_output.values());
        let g = sizes(x.shape(), weight.shape());
        if let Some(dx) = &mut grad_inputs[0] {
            kernels::dense_backward_input(&g, weight.values(), dy, dx.values_mut());
        }
        if let Some(dw) = &mut grad_inputs[1] {
            kernels::dense_backward_weight(&g, x.values(), dy, dw.values_mut());
        }
        if let Some(Some(db)) = grad_inputs.get_mut(2) {
            kernels::dense_backward_bias(dy, db.values_mut());
        }
    }

    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let g = sizes(inputs[0], inputs[1]);
        let dense = 2 * (g.rows * g.inputs * g.outputs) as u64;
        dense * wanted.map_or(1, |wanted| u64::from(wanted[0]) + u64::from(wanted[1]))
    }
}

impl Samples for Dense {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(5);
        let mut samples = Vec::new();
        for (n, f, o) in [(1, 1, 1), (1, 5, 3), (4, 3, 2), (9, 17, 10)] {
            let mut inputs = vec![numbers.tensor(&[n, f]), numbers.tensor(&[o, f])];
            let label = format!("({n}, {f}) to {o}");
            samples.push(Sample::new(label.clone(), Dense, inputs.clone()).linear_in(&[0, 1]));
            inputs.push(numbers.tensor(&[o]));
            samples.push(Sample::new(label + ", bias", Dense, inputs).linear_in(&[0, 1, 2]));
        }
        samples
    }

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::new(Dense, [&[2, 3], &[4, 5]], "weight of shape (4, 5), expected (4, 3)"),
            Refusal::new(Dense, [&[2, 3], &[4, 3], &[3]], "bias of shape (3), expected (4)"),
            Refusal::new(Dense, [&[2, 3, 1], &[4, 3]], "expected features (N, F)"),
            Refusal::new(Dense, [&[0, 3], &[4, 3]], "empty input of shape (0, 3)"),
        ]
    }
}
