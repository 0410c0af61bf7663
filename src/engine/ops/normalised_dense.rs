//! Batch-norm of features by the batch's own statistics and the dense layer behind it, in one: what `batch_norm` and
//! `dense` compute one after the other. x (N, F), gamma and beta (F), weight (O, F), bias (O), y (N, O).
//!
//! ```text
//! y[n,o] = b[o] + Σ_f u[n,f] W[o,f]      u = gamma xhat + beta      xhat = (x - mean) rstd
//! ```
//!
//! u and its gradient du = dy W, each as large as x, need not be written: with Q = dy^T xhat (O, F),
//!
//! ```text
//! dW[o,f]   = gamma[f] Q[o,f] + beta[f] db[o]      db[o] = Σ_n dy[n,o]
//! dgamma[f] = Σ_n du[n,f] xhat[n,f] = Σ_o W[o,f] Q[o,f]
//! dbeta[f]  = Σ_n du[n,f] = Σ_o W[o,f] db[o]
//! dx        = gamma rstd (du - dbeta / N - xhat dgamma / N)
//! ```

use super::batch_norm::{add, enough_to_normalise};
use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, expect_shape, features, not_empty};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels as kernels;

/// Normalises features and multiplies; inputs x, gamma, beta, weight, bias. Saves `[mean, var, rstd]`, var biased.
#[derive(Clone, Copy, Debug)]
pub struct NormalisedDense {
    /// Added to the variance.
    pub eps: f64,
}

const NAME: &str = "normalised_dense";

fn sizes(x: &Shape, weight: &Shape) -> kernels::Dense {
    kernels::Dense { rows: x.dims()[0], inputs: x.dims()[1], outputs: weight.dims()[0] }
}

impl<E: Element> Op<E> for NormalisedDense {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs(NAME, inputs, 5..=5)?;
        let [n, f] = features(NAME, inputs[0])?;
        let outputs = features(NAME, inputs[3])?[0];
        let expected: [(&str, &[usize]); 4] =
            [("gamma", &[f]), ("beta", &[f]), ("weight", &[outputs, f]), ("bias", &[outputs])];
        for (shape, (name, dims)) in inputs[1..].iter().zip(expected) {
            expect_shape(NAME, name, shape, dims)?;
        }
        not_empty(NAME, inputs)?;
        enough_to_normalise(NAME, inputs[0])?;
        Ok([n, outputs].into())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let g = sizes(inputs[0].shape(), inputs[3].shape());
        let [x, gamma, beta, weight, bias] = [0, 1, 2, 3, 4].map(|i| inputs[i].values());
        kernels::normalised_dense_forward(
            &g,
            E::from_f64(self.eps),
            x,
            [gamma, beta],
            weight,
            Some(bias),
            saved.make(g.inputs),
            output.values_mut(),
        );
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let g = sizes(node.inputs[0].shape(), node.inputs[3].shape());
        let [x, gamma, beta, weight] = [0, 1, 2, 3].map(|i| node.inputs[i].values());
        let (mean, rstd) = (&node.saved.values[0][..], &node.saved.values[2][..]);
        let [mut dgamma, mut dbeta] = [(); 2].map(|()| kernels::scratch::any::<E>(g.inputs));
        let [dx, grad_gamma, grad_beta, dw, db] = grad_inputs else {
            unreachable!("checked by output_shape")
        };
        kernels::normalised_dense_backward(
            &g,
            x,
            [mean, rstd],
            [gamma, beta],
            weight,
            grad_output.values(),
            [&mut dgamma, &mut dbeta],
            [dx, dw].map(|grad| grad.as_mut().map(Tensor::values_mut)),
        );
        add(grad_gamma, |f| dgamma[f]);
        add(grad_beta, |f| dbeta[f]);
        if let Some(db) = db {
            kernels::dense_backward_bias(grad_output.values(), db.values_mut());
        }
    }

    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let g = sizes(inputs[0], inputs[3]);
        let times = wanted.map_or(1, |wanted| u64::from(wanted[0]) + u64::from(wanted[3]));
        2 * times * (g.rows * g.inputs * g.outputs) as u64
    }
}

impl Samples for NormalisedDense {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(15);
        // (N, F, O): beyond a vector, and beyond a task's features.
        [(2, 1, 1), (5, 3, 2), (9, 17, 4), (3, 16, 11), (5, 1027, 2)]
            .map(|(n, f, o)| {
                let inputs = vec![
                    numbers.distinct(&[n, f]),
                    numbers.tensor(&[f]),
                    numbers.tensor(&[f]),
                    numbers.tensor(&[o, f]),
                    numbers.tensor(&[o]),
                ];
                Sample::new(format!("({n}, {f}) to {o}"), NormalisedDense { eps: 1e-3 }, inputs)
                    .linear_in(&[1, 2, 3, 4])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = NormalisedDense { eps: 1e-3 };
        vec![
            Refusal::new(op, [&[2, 3], &[3], &[3], &[4, 3]], "4 inputs given, expected 5"),
            Refusal::new(op, [&[2, 3], &[2], &[3], &[4, 3], &[4]], "gamma of shape (2), expected (3)"),
            Refusal::new(op, [&[2, 3], &[3], &[3], &[4, 2], &[4]], "weight of shape (4, 2), expected (4, 3)"),
            Refusal::new(op, [&[0, 3], &[3], &[3], &[4, 3], &[4]], "empty input of shape (0, 3)"),
            Refusal::new(
                op,
                [&[1, 3], &[3], &[3], &[4, 3], &[4]],
                "expected at least two, such as a larger batch",
            ),
        ]
    }
}
