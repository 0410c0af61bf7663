//! Squared distances between all rows of x (N, F); the output is (N, N).
//!
//! ```text
//! D[i,j] = |x_i - x_j|^2
//! dx_i = Σ_j 2 (dD[i,j] + dD[j,i]) (x_i - x_j)
//! ```
//!
//! x_i stands in row i and in column i, and both places of a pair have the same slope in it: each pair counts from both
//! sides. The distances are sums of squared differences. |x_i|^2 + |x_j|^2 - 2 x_i . x_j, a matrix product, would lose
//! the digits of close rows, and may fall below 0.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{features, same_shapes};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::{pairwise_squared_distance_backward, pairwise_squared_distance_forward};

/// The squared Euclidean distances between all rows of one input.
#[derive(Clone, Copy, Debug)]
pub struct PairwiseSquaredDistance;

impl<E: Element> Op<E> for PairwiseSquaredDistance {
    fn name(&self) -> &'static str {
        "pairwise_squared_distance"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let [n, _] =
            features("pairwise_squared_distance", same_shapes("pairwise_squared_distance", inputs, 1)?)?;
        Ok([n, n].into())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let x = inputs[0];
        pairwise_squared_distance_forward(x.dims()[1], x.values(), output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let x = node.inputs[0];
        if let Some(dx) = &mut grad_inputs[0] {
            let dy = grad_output.values();
            pairwise_squared_distance_backward(x.dims()[1], x.values(), dy, dx.values_mut());
        }
    }

    /// A difference, a product and an addition for each pair and feature; as much, and the slope's sum, for the gradient.
    fn flops(&self, inputs: &[&Shape], _: Option<&[bool]>) -> u64 {
        let [n, f] = [inputs[0].dims()[0], inputs[0].dims()[1]].map(|size| size as u64);
        3 * n * n * f
    }
}

impl Samples for PairwiseSquaredDistance {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(17);
        let sizes: [&[usize]; 5] = [&[1, 3], &[2, 1], &[7, 3], &[5, 17], &[17, 2]];
        sizes
            .map(|shape| {
                let x = numbers.tensor(shape);
                Sample::new(Shape::from(shape).to_string(), PairwiseSquaredDistance, vec![x])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = PairwiseSquaredDistance;
        vec![
            Refusal::new(op, [&[4]], "expected features (N, F)"),
            Refusal::new(op, [&[0, 3]], "empty input of shape (0, 3)"),
            Refusal::new(op, [&[4, 3], &[4, 3]], "2 inputs given, expected 1"),
        ]
    }
}
