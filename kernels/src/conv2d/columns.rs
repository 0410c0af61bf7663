//! By columns that are written, [`im2col`](crate::im2col), or by patches, columns transposed: one for each position p.
//!
//! ```text
//!        vectors along positions             along patches, where positions are few
//! y      w columns            `multiply`
//! dw     dy columns^T         `dots`         dy patches              `multiply`
//! dx     col2im(w^T dy)       `multiply`     col2im((dy^T w)^T)      `multiply`
//! ```
//!
//! Part by part, so that the columns stay in the caches: several images side by side, their patches one below the other, or
//! some rows of the output of a large one.

use super::Geometry;
use super::parts::LEAST;
use super::plan::{bands, even_bands};
use super::route::{MOST_COLUMNS, Pass, along_patches};
use crate::dense::offsets;
use crate::im2col::{col2im, im2col};
use crate::rearrange::Strip;
use crate::simd::dispatch;
use crate::tile::{CopyRows, Dots, Init, Packed, Rows};
use crate::{Element, scratch};
use std::ops::Range;

/// Positions of all images of a part at most.
const PART_POSITIONS: usize = 512;

/// A convolution by columns.
pub(super) struct Columns {
    g: Geometry,
    /// Images side by side at most.
    images: usize,
    /// Output rows of a band, where an image is too large to be done at once.
    band: usize,
}

impl Columns {
    pub(super) fn new(g: &Geometry) -> Columns {
        let (h_out, w_out) = g.output_size();
        let room = PART_POSITIONS.min(MOST_COLUMNS / g.depth()) / g.positions();
        // Enough parts for a few threads, but not of next to nothing.
        let most = g.images.div_ceil(4).max(LEAST.div_ceil(g.positions()));
        let band = even_bands(h_out, w_out, (MOST_COLUMNS / g.depth()).max(1));
        Columns { g: *g, images: room.clamp(1, most), band }
    }

    /// Some images, and rows of their output, after the other.
    fn parts(&self, images: usize, most: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let (h_out, band) = (self.g.output_size().0, self.band);
        let images = (0..images).step_by(most).map(move |start| start..images.min(start + most));
        images.flat_map(move |images| bands(h_out, band).map(move |rows| (images.clone(), rows)))
    }

    /// The columns of such a part, those of its images side by side, and how many there are of them.
    fn columns<E: Element>(&self, xs: &[&[E]], rows: &Range<usize>) -> (scratch::Scratch<E>, usize) {
        let count = rows.len() * self.g.output_size().1;
        let len = xs.len() * count;
        let mut columns = scratch::any::<E>(self.g.depth() * len);
        for (n, x) in xs.iter().enumerate() {
            im2col(&self.g, x, rows.clone(), &mut columns[n * count..], len);
        }
        (columns, len)
    }

    /// dy of such a part, that of several images side by side in `room`, and from one row to the next.
    fn together<'a, E: Element>(
        &self,
        dys: &[&'a [E]],
        rows: &Range<usize>,
        room: &'a mut Option<scratch::Scratch<E>>,
    ) -> (&'a [E], usize) {
        let (w_out, positions) = (self.g.output_size().1, self.g.positions());
        let (start, count) = (rows.start * w_out, rows.len() * w_out);
        if let [dy] = dys {
            return (&dy[start..], positions);
        }
        let len = dys.len() * count;
        let together = room.insert(scratch::any(self.g.filters * len));
        for (n, dy) in dys.iter().enumerate() {
            let (from, to) = ((&dy[start..], 0, positions), (&mut together[n * count..], 0, len));
            dispatch(CopyRows { from, to, planes: 1, rows: self.g.filters, len: count, add: false });
        }
        (together, len)
    }

    /// y of an image; `packed` is w.
    pub(super) fn image<E: Element>(&self, packed: &Packed<E>, bias: Init<'_, E>, x: &[E], y: &mut [E]) {
        let (w_out, positions) = (self.g.output_size().1, self.g.positions());
        for (_, rows) in self.parts(1, 1) {
            let (columns, len) = self.columns(&[x], &rows);
            let (offsets, y) = (offsets(self.g.depth(), len), &mut y[rows.start * w_out..]);
            packed.multiply(Rows::new(&columns, &offsets, len), bias, y, positions);
        }
    }

    /// Adds dw of some images.
    pub(super) fn weight<E: Element>(&self, xs: &[&[E]], dys: &[&[E]], grad_weight: &mut [E]) {
        let (g, depth) = (&self.g, self.g.depth());
        let along_patches = along_patches(Pass::WeightGradient, g);
        let most = if along_patches { self.images } else { 1 };
        for (images, rows) in self.parts(xs.len(), most) {
            let (columns, len) = self.columns(&xs[images.clone()], &rows);
            let mut room = None;
            let (dy, row) = self.together(&dys[images], &rows, &mut room);
            if along_patches {
                let (mut patches, offsets) = (scratch::any::<E>(len * depth), offsets(len, depth));
                let (from, to) = ((&columns[..], len), (&mut patches[..], depth));
                dispatch(Strip { from, to, size: (depth, len), add: false });
                let patches = Rows::new(&patches, &offsets, depth);
                let packed = Packed::of_rows((dy, row), (g.filters, len));
                packed.multiply(patches, Init::Add, grad_weight, depth);
            } else {
                let (left, right) = (offsets(g.filters, row), offsets(depth, len));
                let (left, right) = (Rows::new(dy, &left, len), Rows::new(&columns, &right, len));
                dispatch(Dots::whole(left, right, grad_weight));
            }
        }
    }

    /// Adds dx of some images; `packed` is w^T, where it does not go along patches.
    pub(super) fn input<E: Element>(
        &self,
        (weight, packed): (&[E], Option<&Packed<E>>),
        dys: &[&[E]],
        dxs: &mut [&mut [E]],
    ) {
        let (g, depth) = (&self.g, self.g.depth());
        for (images, rows) in self.parts(dys.len(), self.images) {
            let count = rows.len() * g.output_size().1;
            let len = images.len() * count;
            let mut room = None;
            let (dy, row) = self.together(&dys[images.clone()], &rows, &mut room);
            let mut columns = scratch::any::<E>(depth * len);
            if let Some(packed) = packed {
                let offsets = offsets(g.filters, row);
                packed.multiply(Rows::new(dy, &offsets, len), Init::Zero, &mut columns, len);
            } else {
                let (mut patches, offsets) = (scratch::any::<E>(len * depth), offsets(g.filters, depth));
                let weight = Rows::new(weight, &offsets, depth);
                let packed = Packed::of_columns((dy, row), (len, g.filters));
                packed.multiply(weight, Init::Zero, &mut patches, depth);
                let (from, to) = ((&patches[..], depth), (&mut columns[..], len));
                dispatch(Strip { from, to, size: (len, depth), add: false });
            }
            for (n, dx) in dxs[images].iter_mut().enumerate() {
                col2im(g, &columns[n * count..], len, rows.clone(), dx);
            }
        }
    }

    /// w^T for [`Columns::input`].
    pub(super) fn packed<E: Element>(&self, weight: &[E]) -> Option<Packed<E>> {
        (!along_patches(Pass::InputGradient, &self.g))
            .then(|| Packed::of_columns((weight, self.g.depth()), (self.g.depth(), self.g.filters)))
    }
}
