//! By [`im2col`](crate::im2col), for small outputs of many filters and, for dx, where weights stand apart. The columns of
//! several images stand side by side; transposed they are patches, one for each position p, along which vectors are long.
//!
//! ```text
//! patches = columns^T      dw = dy patches      dpatches = dy^T w      dx = col2im(dpatches^T)
//! ```

use super::Geometry;
use super::parts::LEAST;
use crate::im2col::{col2im, im2col};
use crate::simd::Level;
use crate::tile::{Init, Multiply, Rows, block_height, blocks, pack};
use crate::{Element, scratch};

/// Positions of all images of a group, and elements of their columns: about what the second-level cache holds.
const GROUP_POSITIONS: usize = 512;
const GROUP_LEN: usize = 1 << 17;

/// The gradients of a convolution by columns.
pub(super) struct Columns {
    g: Geometry,
    level: Level,
    /// Images side by side at most.
    group: usize,
}

impl Columns {
    pub(super) fn new(g: &Geometry) -> Columns {
        let positions = g.positions();
        let room = (GROUP_POSITIONS / positions).min(GROUP_LEN / (g.depth() * positions));
        // Enough groups for a few threads, but not of next to nothing.
        let most = g.images.div_ceil(4).max(LEAST.div_ceil(positions));
        Columns { g: *g, level: Level::current(), group: room.clamp(1, most) }
    }

    /// C = A^T X, or that added to C: `a(k, i)` are the numbers of A, X and C have rows of `len`.
    fn multiply<E: Element>(
        &self,
        (rows, depth): (usize, usize),
        a: impl Fn(usize, usize) -> E,
        (x, len): (&[E], usize),
        init: Init<'_, E>,
        out: &mut [E],
    ) {
        let height = block_height(self.level);
        let mut packed = scratch::any::<E>(rows * depth);
        pack(height, rows, depth, |i, k| a(k, i), &mut packed);
        let offsets: Vec<usize> = (0..depth).map(|k| k * len).collect();
        for block in blocks(height, rows) {
            let packed = &packed[block.start * depth..block.end * depth];
            let rows = Rows::new(x, &offsets, len);
            let out = &mut out[block.start * len..block.end * len];
            E::dispatch_at(self.level, Multiply { packed, rows, init, out, stride: len });
        }
    }

    /// Adds dw of some images: Σ over positions, with vectors along (c, u, v).
    pub(super) fn weight<E: Element>(&self, xs: &[&[E]], dys: &[&[E]], grad_weight: &mut [E]) {
        let (g, depth, positions) = (&self.g, self.g.depth(), self.g.positions());
        for (xs, dys) in xs.chunks(self.group).zip(dys.chunks(self.group)) {
            let len = dys.len() * positions;
            let mut columns = scratch::any::<E>(depth * len);
            for (n, x) in xs.iter().enumerate() {
                im2col(g, x, &mut columns[n * positions..], len);
            }
            let patches = transposed(&columns, len);
            let dy = |p: usize, o: usize| dys[p / positions][o * positions + p % positions];
            self.multiply((g.filters, len), dy, (&patches, depth), Init::Add, grad_weight);
        }
    }

    /// Adds dx of some images.
    pub(super) fn input<E: Element>(&self, weight: &[E], dys: &[&[E]], dxs: &mut [&mut [E]]) {
        let (g, depth, positions) = (&self.g, self.g.depth(), self.g.positions());
        for (dys, dxs) in dys.chunks(self.group).zip(dxs.chunks_mut(self.group)) {
            let len = dys.len() * positions;
            let dy = |o: usize, p: usize| dys[p / positions][o * positions + p % positions];
            let mut patches = scratch::any::<E>(depth * len);
            self.multiply((len, g.filters), dy, (weight, depth), Init::Zero, &mut patches);
            let columns = transposed(&patches, depth);
            for (n, dx) in dxs.iter_mut().enumerate() {
                col2im(g, &columns[n * positions..], len, dx);
            }
        }
    }
}

/// The transpose of a matrix with rows of `width`.
fn transposed<E: Element>(x: &[E], width: usize) -> scratch::Scratch<E> {
    let mut y = scratch::any::<E>(x.len());
    let rows = x.len() / width;
    for (j, column) in y.chunks_exact_mut(rows).enumerate() {
        column.iter_mut().enumerate().for_each(|(i, to)| *to = x[i * width + j]);
    }
    y
}
