//! Matrix product: Y = A B with A (N, K), B (K, M), Y (N, M).
//!
//! `Y[n,m]` = Σ_k `A[n,k]` `B[k,m]` depends on `A[n,k]` through `B[k,m]`, for every m, so
//!
//! ```text
//! dA[n,k] = Σ_m dY[n,m] B[k,m]       dA = dY B^T
//! dB[k,m] = Σ_n A[n,k] dY[n,m]       dB = A^T dY
//! ```

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels as kernels;

/// Y = A B: (N, K) and (K, M) to (N, M).
#[derive(Clone, Copy, Debug)]
pub struct MatMul;

fn sizes(a: &[usize], b: &[usize]) -> kernels::MatMul {
    kernels::MatMul { rows: a[0], depth: a[1], columns: b[1] }
}

impl<E: Element> Op<E> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs("matmul", inputs, 2..=2)?;
        not_empty("matmul", inputs)?;
        match (inputs[0].dims(), inputs[1].dims()) {
            (&[n, k], &[depth, m]) if k == depth => Ok([n, m].into()),
            _ => {
                let (a, b) = (inputs[0], inputs[1]);
                Err(Error::shape(
                    "matmul",
                    format!("inputs of shapes {a} and {b}, expected (N, K) and (K, M)"),
                ))
            }
        }
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let [a, b] = [inputs[0], inputs[1]];
        kernels::matmul_forward(&sizes(a.dims(), b.dims()), a.values(), b.values(), output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let ([a, b], dy) = ([node.inputs[0], node.inputs[1]], grad_output.values());
        let g = sizes(a.dims(), b.dims());
        if let Some(da) = &mut grad_inputs[0] {
            kernels::matmul_backward_left(&g, b.values(), dy, da.values_mut());
        }
        if let Some(db) = &mut grad_inputs[1] {
            kernels::matmul_backward_right(&g, a.values(), dy, db.values_mut());
        }
    }

    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let g = sizes(inputs[0].dims(), inputs[1].dims());
        let product = 2 * (g.rows * g.depth * g.columns) as u64;
        product * wanted.map_or(1, |wanted| u64::from(wanted[0]) + u64::from(wanted[1]))
    }
}

impl Samples for MatMul {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(23);
        [(1, 1, 1), (1, 5, 1), (5, 1, 3), (4, 3, 2), (3, 4, 9), (9, 17, 10)]
            .map(|(n, k, m)| {
                let inputs = vec![numbers.tensor(&[n, k]), numbers.tensor(&[k, m])];
                Sample::new(format!("({n}, {k}) by ({k}, {m})"), MatMul, inputs).linear_in(&[0, 1])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::new(
                MatMul,
                [&[2, 3], &[4, 5]],
                "inputs of shapes (2, 3) and (4, 5), expected (N, K) and (K, M)",
            ),
            Refusal::new(
                MatMul,
                [&[2, 3], &[3]],
                "inputs of shapes (2, 3) and (3), expected (N, K) and (K, M)",
            ),
            Refusal::new(MatMul, [&[2, 0], &[0, 3]], "empty input of shape (2, 0)"),
            Refusal::new(MatMul, [&[2, 2]], "1 inputs given, expected 2"),
        ]
    }
}
