//! Distances between the rows of a and b, both (N, F); the output is (N, 1).
//!
//! ```text
//! squared    S[n] = Σ_f (a - b)^2       da = 2 (a - b) dS         db = -da
//! euclidean  D[n] = sqrt(max(S, floor)) da = (a - b) / D dD       db = -da
//! ```
//!
//! The square root has an infinite slope at 0. The floor (1e-7, as in Keras's example) keeps D away from it:
//! where S <= floor, D is the constant sqrt(floor) and its gradient is 0, so equal rows give finite numbers.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{features, same_shapes};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Map, sum_chunk};
use twinglyph_kernels::simd::Simd;

/// The squared Euclidean distance of the rows of two inputs: (N, F) and (N, F) to (N, 1).
#[derive(Clone, Copy, Debug)]
pub struct SquaredDistance;

/// The Euclidean distance of the rows of two inputs: (N, F) and (N, F) to (N, 1).
#[derive(Clone, Copy, Debug)]
pub struct EuclideanDistance {
    /// Least squared distance; below it the distance is constant.
    pub floor: f64,
}

impl Default for EuclideanDistance {
    /// Keras's floor of 1e-7.
    fn default() -> EuclideanDistance {
        EuclideanDistance { floor: 1e-7 }
    }
}

/// (a - b)^2.
#[derive(Clone, Copy)]
pub(super) struct SquaredDifference;
impl<E: Element> Map<E, 2> for SquaredDifference {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [a, b]: [S::V; 2]) -> S::V {
        let difference = s.sub(a, b);
        s.mul(difference, difference)
    }
}

fn rows_shape(op: &'static str, inputs: &[&Shape]) -> Result<Shape> {
    let [n, _] = features(op, same_shapes(op, inputs, 2)?)?;
    Ok([n, 1].into())
}

/// The squared distance of two rows.
pub(super) fn squared_distance<E: Element>(a: &[E], b: &[E]) -> E {
    sum_chunk(SquaredDifference, [a, b])
}

/// `da += factor[n] (a - b)`, db -= the same.
fn add_differences<E: Element>(
    inputs: &[&Tensor<E>],
    grad_inputs: &mut [Option<Tensor<E>>],
    factor: impl Fn(usize) -> E,
) {
    let width = inputs[0].dims()[1];
    let (a, b) = (inputs[0].values(), inputs[1].values());
    for (grad, sign) in grad_inputs.iter_mut().zip([E::ONE, -E::ONE]) {
        let Some(grad) = grad else { continue };
        for (n, grad) in grad.values_mut().chunks_mut(width).enumerate() {
            let factor = sign * factor(n);
            for (f, grad) in grad.iter_mut().enumerate() {
                *grad += factor * (a[n * width + f] - b[n * width + f]);
            }
        }
    }
}

fn write_rows<E: Element>(inputs: &[&Tensor<E>], output: &mut Tensor<E>, value: impl Fn(E) -> E) {
    let width = inputs[0].dims()[1];
    let rows = inputs[0].values().chunks(width).zip(inputs[1].values().chunks(width));
    for (y, (a, b)) in output.values_mut().iter_mut().zip(rows) {
        *y = value(squared_distance(a, b));
    }
}

impl<E: Element> Op<E> for SquaredDistance {
    fn name(&self) -> &'static str {
        "squared_distance"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        rows_shape("squared_distance", inputs)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        write_rows(inputs, output, |squared| squared);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let dy = grad_output.values();
        add_differences(node.inputs, grad_inputs, |n| dy[n] + dy[n]);
    }
}

impl<E: Element> Op<E> for EuclideanDistance {
    fn name(&self) -> &'static str {
        "euclidean_distance"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        rows_shape("euclidean_distance", inputs)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let floor = E::from_f64(self.floor);
        // In this order a NaN is not taken for the floor.
        write_rows(inputs, output, |squared| floor.max(squared).sqrt());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (d, dy) = (node.output.values(), grad_output.values());
        let least = E::from_f64(self.floor).sqrt();
        let factor = |n: usize| if d[n] > least { dy[n] / d[n] } else { E::ZERO };
        add_differences(node.inputs, grad_inputs, factor);
    }
}

fn distance_samples<E: Element>(op: impl Op<E> + Copy + 'static) -> Vec<Sample<E>> {
    let mut numbers = Numbers::new(11);
    let sizes: [&[usize]; 4] = [&[1, 1], &[1, 10], &[7, 3], &[5, 33]];
    sizes
        .map(|shape| {
            let inputs = vec![numbers.distinct(shape), numbers.tensor(shape)];
            Sample::new(Shape::from(shape).to_string(), op, inputs)
        })
        .into()
}

impl Samples for SquaredDistance {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        distance_samples(SquaredDistance)
    }

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::new(SquaredDistance, [&[2, 3], &[2, 4]], "shapes (2, 3) and (2, 4), expected the same"),
            Refusal::new(SquaredDistance, [&[2, 3, 1], &[2, 3, 1]], "expected features (N, F)"),
        ]
    }
}

impl Samples for EuclideanDistance {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        distance_samples(EuclideanDistance::default())
    }

    fn refusals() -> Vec<Refusal> {
        let op = EuclideanDistance::default();
        vec![
            Refusal::new(op, [&[2, 3], &[3, 3]], "shapes (2, 3) and (3, 3), expected the same"),
            Refusal::new(op, [&[2, 0], &[2, 0]], "empty input of shape (2, 0)"),
        ]
    }
}
