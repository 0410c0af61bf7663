//! The numeric loops of twinglyph: convolution, pooling, batch-norm, dense layers, elementwise formulas and
//! their backward passes, on slices.
//!
//! Each loop is written once, generic over the element ([`Element`]: f32, f64) and over the instruction set
//! ([`simd`]), cut into pieces by shape alone and summed in a fixed order, so that a result does not depend
//! on the number of threads. [`mod@reference`] holds the same functions written to be read.
//!
//! Slices of a wrong length are a programmer's error and panic; the crate `twinglyph` checks shapes and
//! answers with a sentence.

mod adam;
mod batch_norm;
mod broadcast;
mod compiled;
mod conv2d;
mod dense;
mod dropout;
mod element;
pub mod im2col;
pub mod map;
pub mod math;
mod matmul;
mod normalised_dense;
mod pairwise;
mod parallel;
mod pool2d;
pub mod probe;
mod rearrange;
pub mod reference;
mod rows;
pub mod scratch;
pub mod simd;
mod tile;

pub use adam::Adam;
pub use batch_norm::{BatchNorm, batch_norm_rstd};
pub use broadcast::Broadcast;
pub use compiled::*;
pub use conv2d::route;
pub use conv2d::{Geometry, Gradients, Kept, MANY_IMAGES, Made, NO_WINNER, Stage, Tail, pooled_size};
pub use dense::{Dense, dense_backward_bias};
pub use dropout::Dropout;
pub use element::Element;
pub use matmul::{MatMul, matmul_backward_left, matmul_backward_right, matmul_forward};
pub use pool2d::Pool2d;
pub use rearrange::Columns;

/// Into how many parts a batch is cut for sums over it: by its size alone, never by the number of threads.
fn partial_count(items: usize) -> usize {
    items.clamp(1, 32)
}

/// `target[i] += Σ_part sums[part * stride + start + i]`, parts in order.
fn add_partials<E: Element>(sums: &[E], stride: usize, start: usize, target: &mut [E]) {
    for part in sums.chunks(stride.max(1)) {
        let part = &part[start..start + target.len()];
        map::map_add(map::Identity, [part], target);
    }
}
