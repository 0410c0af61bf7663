//! Convolution, bias, ReLU and 2 x 2 max-pooling in one, for stride 1.
//!
//! ```text
//! y[i, j] = max(0, largest of conv at (2i, 2j), (2i, 2j + 1), (2i + 1, 2j), (2i + 1, 2j + 1))
//! ```
//!
//! The largest of the rectified is the rectified largest, so the ReLU is done last, on a quarter of the numbers.
//! For the way back, one byte says which of the four won; where y = 0 the ReLU stopped the gradient.

use super::Geometry;
use super::backward::{Gradients, Upstream, backward};
use super::plan::Plan;
use crate::pool2d::larger;
use crate::simd::{Kernel, Level, Simd, dispatch};
use crate::tile::{Init, Multiply, blocks, pack};
use crate::{Element, scratch};
use rayon::prelude::*;

/// (H_out / 2, W_out / 2), rounded down.
pub fn pooled_size(g: &Geometry) -> (usize, usize) {
    let (h_out, w_out) = g.output_size();
    (h_out / 2, w_out / 2)
}

/// y = pool(relu(conv(x, weight) + bias)), (N, C_out, H_out / 2, W_out / 2); `winner` is 0 to 3 in row order.
///
/// The first of equals wins; a NaN is larger than any number and passes.
pub fn conv2d_relu_max_pool_forward<E: Element>(
    g: &Geometry,
    x: &[E],
    weight: &[E],
    bias: Option<&[E]>,
    y: &mut [E],
    winner: &mut [u8],
) {
    check(g, x, weight, y, winner);
    assert!(bias.is_none_or(|b| b.len() == g.filters), "conv2d: the bias has another size");
    let level = Level::current();
    let (h, w) = pooled_size(g);
    let plan = Plan::with_rows(g, 2 * h, 2);
    let depth = g.depth();
    let mut packed = scratch::any::<E>(g.weight_len());
    pack(level, g.filters, depth, |o, k| weight[o * depth + k], &mut packed);
    y.par_chunks_mut(g.filters * h * w)
        .zip(winner.par_chunks_mut(g.filters * h * w))
        .zip(x.par_chunks(g.image_len()))
        .for_each(|((y, winner), x)| {
            let padded = plan.padded(x);
            let image = padded.as_deref().unwrap_or(x);
            let mut tile = scratch::any::<E>(plan.tile_len(level, g.filters));
            for band in plan.bands() {
                let rows = plan.columns(image, &band, &mut []);
                let len = plan.band_len(&band);
                for block in blocks(level, g.filters) {
                    let packed = &packed[block.start * depth..block.end * depth];
                    let init = bias.map_or(Init::Zero, |b| Init::Bias(&b[block.clone()]));
                    E::dispatch_at(level, Multiply { packed, rows, init, out: &mut tile, stride: len });
                    for (tile, o) in tile.chunks(len).zip(block) {
                        for (i, pair) in (band.start / 2..band.end / 2).zip(tile.chunks(2 * plan.row)) {
                            let range = (o * h + i) * w..(o * h + i + 1) * w;
                            let (upper, lower) = pair.split_at(plan.row);
                            let (y, winner) = (&mut y[range.clone()], &mut winner[range]);
                            dispatch(Pool { upper, lower, y, winner });
                        }
                    }
                }
            }
        });
}

/// Adds dx, dw and db of [`conv2d_relu_max_pool_forward`].
pub fn conv2d_relu_max_pool_backward<E: Element>(
    g: &Geometry,
    x: &[E],
    weight: &[E],
    (y, winner): (&[E], &[u8]),
    grad_output: &[E],
    grads: Gradients<'_, E>,
) {
    check(g, x, weight, y, winner);
    assert!(grad_output.len() == y.len(), "conv2d: dy has another size");
    let plan = Plan::with_rows(g, 2 * pooled_size(g).0, 1);
    backward(&plan, x, weight, Upstream::Pooled { grad: grad_output, y, winner }, grads);
}

fn check<E: Element>(g: &Geometry, x: &[E], weight: &[E], y: &[E], winner: &[u8]) {
    let (h, w) = pooled_size(g);
    assert!(g.stride == (1, 1), "conv2d: the fused form has stride 1");
    assert!(h * w > 0, "conv2d: empty output");
    assert!(
        x.len() == g.input_len() && weight.len() == g.weight_len(),
        "conv2d: x or the weight has another size"
    );
    assert!(y.len() == g.images * g.filters * h * w, "conv2d: y has another size");
    assert!(winner.len() == y.len(), "conv2d: the winners have another size");
}

/// One row of y from two rows of the convolution. Plain code: inside `dispatch` the compiler makes vectors of it.
struct Pool<'a, E> {
    upper: &'a [E],
    lower: &'a [E],
    y: &'a mut [E],
    winner: &'a mut [u8],
}

impl<E: Element> Kernel<E> for Pool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        let windows = self.upper.chunks_exact(2).zip(self.lower.chunks_exact(2));
        for ((y, winner), (a, b)) in self.y.iter_mut().zip(self.winner).zip(windows) {
            let (upper, upper_at) = larger((a[1], 1), (a[0], 0));
            let (lower, lower_at) = larger((b[1], 3), (b[0], 2));
            let (best, at) = larger((lower, lower_at), (upper, upper_at));
            // In this order a NaN is not taken for 0.
            *y = E::ZERO.max(best);
            *winner = at;
        }
    }
}

/// Two rows of dy from one row of the pooled gradient: each number goes to its winner, where the ReLU let it pass.
pub(super) struct Unpool<'a, E> {
    pub(super) grad: &'a [E],
    pub(super) y: &'a [E],
    pub(super) winner: &'a [u8],
    pub(super) upper: &'a mut [E],
    pub(super) lower: &'a mut [E],
}

impl<E: Element> Kernel<E> for Unpool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        let windows = self.upper.chunks_exact_mut(2).zip(self.lower.chunks_exact_mut(2));
        for (((grad, y), winner), (a, b)) in self.grad.iter().zip(self.y).zip(self.winner).zip(windows) {
            let passed = if *y > E::ZERO { *grad } else { E::ZERO };
            let share = |at: u8| if *winner == at { passed } else { E::ZERO };
            (a[0], a[1], b[0], b[1]) = (share(0), share(1), share(2), share(3));
        }
    }
}
