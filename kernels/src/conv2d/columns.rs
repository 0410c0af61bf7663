//! By columns that are written, [`im2col`](crate::im2col), or by patches, columns transposed: one for each position p.
//!
//! ```text
//!        vectors along positions             along patches, where positions are few
//! y      w columns            `multiply`
//! dw     dy columns^T         `dots`         dy patches              `multiply`
//! dx     col2im(w^T dy)       `multiply`     col2im((dy^T w)^T)      `multiply`
//! ```
//!
//! The patches of several images stand one below the other.

use super::Geometry;
use super::parts::LEAST;
use super::route::{MOST_COLUMNS, Pass, along_patches};
use crate::dense::offsets;
use crate::im2col::{col2im, im2col};
use crate::rearrange::Strip;
use crate::simd::dispatch;
use crate::tile::{Dots, Init, Packed, Rows};
use crate::{Element, scratch};

/// Positions of all images of a group at most.
const GROUP_POSITIONS: usize = 512;

/// A convolution by columns.
pub(super) struct Columns {
    g: Geometry,
    /// Images side by side at most.
    group: usize,
}

impl Columns {
    pub(super) fn new(g: &Geometry) -> Columns {
        let positions = g.positions();
        let room = (GROUP_POSITIONS / positions).min(MOST_COLUMNS / (g.depth() * positions));
        // Enough groups for a few threads, but not of next to nothing.
        let most = g.images.div_ceil(4).max(LEAST.div_ceil(positions));
        Columns { g: *g, group: room.clamp(1, most) }
    }

    /// Adds dw of some images.
    pub(super) fn weight<E: Element>(&self, xs: &[&[E]], dys: &[&[E]], grad_weight: &mut [E]) {
        let (g, depth, positions) = (&self.g, self.g.depth(), self.g.positions());
        let along_patches = along_patches(Pass::WeightGradient, g);
        let group = if along_patches { self.group } else { 1 };
        for (xs, dys) in xs.chunks(group).zip(dys.chunks(group)) {
            let len = dys.len() * positions;
            let mut columns = scratch::any::<E>(depth * len);
            for (n, x) in xs.iter().enumerate() {
                im2col(g, x, &mut columns[n * positions..], len);
            }
            if along_patches {
                let mut patches = scratch::any::<E>(depth * len);
                transpose((&columns, len), (&mut patches, depth));
                let dy = |o: usize, p: usize| dys[p / positions][o * positions + p % positions];
                let (packed, offsets) = (Packed::new(g.filters, len, dy), offsets(len, depth));
                packed.multiply(Rows::new(&patches, &offsets, depth), Init::Add, grad_weight, depth);
            } else {
                let (left, right) = (offsets(g.filters, len), offsets(depth, len));
                let (left, right) = (Rows::new(dys[0], &left, len), Rows::new(&columns, &right, len));
                dispatch(Dots::whole(left, right, grad_weight));
            }
        }
    }

    /// Adds dx of some images.
    pub(super) fn input<E: Element>(&self, weight: &[E], dys: &[&[E]], dxs: &mut [&mut [E]]) {
        let (g, depth, positions) = (&self.g, self.g.depth(), self.g.positions());
        if !along_patches(Pass::InputGradient, g) {
            let packed = Packed::new(depth, g.filters, |k, o| weight[o * depth + k]);
            let mut columns = scratch::any::<E>(depth * positions);
            let offsets = offsets(g.filters, positions);
            for (dy, dx) in dys.iter().zip(dxs) {
                packed.multiply(Rows::new(dy, &offsets, positions), Init::Zero, &mut columns, positions);
                col2im(g, &columns, positions, dx);
            }
            return;
        }
        let offsets = offsets(g.filters, depth);
        let weight = Rows::new(weight, &offsets, depth);
        for (dys, dxs) in dys.chunks(self.group).zip(dxs.chunks_mut(self.group)) {
            let len = dys.len() * positions;
            let dy = |p: usize, o: usize| dys[p / positions][o * positions + p % positions];
            let [mut columns, mut patches] = [(); 2].map(|()| scratch::any::<E>(depth * len));
            Packed::new(len, g.filters, dy).multiply(weight, Init::Zero, &mut patches, depth);
            transpose((&patches, depth), (&mut columns, len));
            for (n, dx) in dxs.iter_mut().enumerate() {
                col2im(g, &columns[n * positions..], len, dx);
            }
        }
    }
}

/// The transpose of a matrix; both with rows of so many numbers.
fn transpose<E: Element>(from: (&[E], usize), to: (&mut [E], usize)) {
    let size = (to.1, from.1);
    dispatch(Strip { from, to, size, add: false });
}

/// y, an image at a time.
pub(super) struct ColumnsForward<'a, E: Element> {
    g: Geometry,
    packed: Packed<E>,
    bias: Option<&'a [E]>,
}

impl<'a, E: Element> ColumnsForward<'a, E> {
    pub(super) fn new(g: &Geometry, weight: &[E], bias: Option<&'a [E]>) -> ColumnsForward<'a, E> {
        ColumnsForward { g: *g, packed: Packed::of_rows(weight, g.depth()), bias }
    }

    pub(super) fn image(&self, x: &[E], y: &mut [E]) {
        let (depth, positions) = (self.g.depth(), self.g.positions());
        let mut columns = scratch::any::<E>(depth * positions);
        im2col(&self.g, x, &mut columns, positions);
        let (offsets, bias) = (offsets(depth, positions), self.bias.map_or(Init::Zero, Init::Bias));
        self.packed.multiply(Rows::new(&columns, &offsets, positions), bias, y, positions);
    }
}
