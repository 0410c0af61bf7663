//! Rows brought to length 1: x (N, F), y (N, F), row by row.
//!
//! ```text
//! r = sqrt(max(|x|^2, 1e-12))        y = x / r
//! |x|^2 > 1e-12    dr/dx = x / r = y, so dx = dy / r - x (x . dy) / r^3 = (dy - y (y . dy)) / r
//! else             r is constant:        dx = dy / r
//! ```
//!
//! The gradient is what of dy lies across the row, since moving along it changes nothing. The floor is for rows of length
//! 0: they stay 0, and their gradient is 1e6 dy, large but a number.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{features, same_shapes};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Map, Product, Scale, map_add_chunk, map_chunk, sum_chunk};
use twinglyph_kernels::simd::Simd;

/// Divides each row by its length.
#[derive(Clone, Copy, Debug)]
pub struct L2Normalise;

/// Least squared length; shorter rows are divided by its root.
const FLOOR: f64 = 1e-12;

/// scale (dy - along y).
#[derive(Clone, Copy)]
struct Across<E> {
    along: E,
    scale: E,
}
impl<E: Element> Map<E, 2> for Across<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [y, dy]: [S::V; 2]) -> S::V {
        s.mul(s.splat(self.scale), s.sub(dy, s.mul(s.splat(self.along), y)))
    }
}

/// |x|^2 and the 1 / r that belongs to it.
fn square_and_scale<E: Element>(x: &[E]) -> (E, E) {
    let square = sum_chunk(Product, [x, x]);
    // In this order a NaN is not taken for the floor.
    (square, E::ONE / E::from_f64(FLOOR).max(square).sqrt())
}

impl<E: Element> Op<E> for L2Normalise {
    fn name(&self) -> &'static str {
        "l2_normalise"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = same_shapes("l2_normalise", inputs, 1)?;
        features("l2_normalise", shape)?;
        Ok(shape.clone())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let width = inputs[0].dims()[1];
        let rows = inputs[0].values().chunks(width).zip(output.values_mut().chunks_mut(width));
        for (x, y) in rows {
            map_chunk(Scale(square_and_scale(x).1), [x], y);
        }
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let Some(dx) = &mut grad_inputs[0] else { return };
        let width = node.output.dims()[1];
        let rows = node.inputs[0].values().chunks(width).zip(node.output.values().chunks(width));
        let grads = grad_output.values().chunks(width).zip(dx.values_mut().chunks_mut(width));
        for ((x, y), (dy, dx)) in rows.zip(grads) {
            let (square, scale) = square_and_scale(x);
            let along = if square <= E::from_f64(FLOOR) { E::ZERO } else { sum_chunk(Product, [y, dy]) };
            map_add_chunk(Across { along, scale }, [y, dy], dx);
        }
    }
}

impl Samples for L2Normalise {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(16);
        let sizes: [&[usize]; 4] = [&[1, 1], &[1, 10], &[7, 3], &[5, 33]];
        sizes
            .map(|shape| {
                let x = numbers.away_from_zero(shape);
                Sample::new(Shape::from(shape).to_string(), L2Normalise, vec![x])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::new(L2Normalise, [&[2, 3, 1]], "expected features (N, F)"),
            Refusal::new(L2Normalise, [&[2, 0]], "empty input of shape (2, 0)"),
        ]
    }
}
