//! An image as a convolution reads it: with its padding, and cut into phases.
//!
//! ```text
//! stride (2, 3)      A B C A B C A     the pixels that meet one weight stand 2 rows and 3 columns apart.
//!                    D E F D E F D     Put all A together, all B, ...: in its plane of (rows of H / 2, columns
//!                    A B C A B C A     of W / 3), what a weight meets is one stretch of neighbours, as at stride 1.
//! ```
//!
//! So every convolution is one of stride 1 on planes; only the planes are more. The planes of a channel are
//! ordered (row phase, column phase, channel).

use super::Geometry;
use crate::simd::{Kernel, Level, Simd};
use crate::{Element, scratch};

/// The planes of an image.
#[derive(Clone, Copy)]
pub(super) struct Phases {
    channels: usize,
    /// (H, W) without padding.
    size: (usize, usize),
    padding: (usize, usize),
    /// How many phases there are of rows and of columns.
    step: (usize, usize),
    /// Rows of a plane.
    rows: usize,
    /// Pixels in a row of a plane: from one row to the next.
    pub(super) row: usize,
}

impl Phases {
    /// The planes of the images of a convolution, with `step` phases of rows and columns.
    pub(super) fn new(g: &Geometry, step: (usize, usize)) -> Phases {
        let rows = (g.size.0 + 2 * g.padding.0).div_ceil(step.0);
        let row = (g.size.1 + 2 * g.padding.1).div_ceil(step.1);
        Phases { channels: g.channels, size: g.size, padding: g.padding, step, rows, row }
    }

    /// Pixels of a plane.
    pub(super) fn plane(&self) -> usize {
        self.rows * self.row
    }

    /// Pixels of all planes.
    pub(super) fn len(&self) -> usize {
        self.step.0 * self.step.1 * self.channels * self.plane()
    }

    /// Where pixel (row, column) of a channel of the padded image stands.
    pub(super) fn offset(&self, channel: usize, row: usize, column: usize) -> usize {
        let phase = (row % self.step.0) * self.step.1 + column % self.step.1;
        (phase * self.channels + channel) * self.plane()
            + (row / self.step.0) * self.row
            + column / self.step.1
    }

    /// Whether the planes are the image as it stands.
    pub(super) fn are_the_image(&self) -> bool {
        self.step == (1, 1) && self.padding == (0, 0)
    }

    /// The planes of image x (C, H, W), unless they are x itself.
    pub(super) fn split<E: Element>(&self, x: &[E]) -> Option<scratch::Scratch<E>> {
        if self.are_the_image() {
            return None;
        }
        let level = Level::current();
        let mut planes = scratch::any::<E>(self.len());
        if self.padding != (0, 0) || self.size.0 % self.step.0 + self.size.1 % self.step.1 > 0 {
            planes.fill(E::ZERO);
        }
        for (at, row) in x.chunks_exact(self.size.1).enumerate() {
            for first in 0..self.step.1.min(row.len()) {
                let to = &mut planes[self.start_of_row(at, first)..];
                E::dispatch_at(level, CopyStrided { from: &row[first..], step: self.step.1, to });
            }
        }
        Some(planes)
    }

    /// Adds the planes to image dx (C, H, W); what stands in the padding is dropped.
    pub(super) fn add_to<E: Element>(&self, planes: &[E], dx: &mut [E]) {
        for (at, row) in dx.chunks_exact_mut(self.size.1).enumerate() {
            for first in 0..self.step.1.min(row.len()) {
                let planes = &planes[self.start_of_row(at, first)..];
                for (value, add) in row[first..].iter_mut().step_by(self.step.1).zip(planes) {
                    *value += *add;
                }
            }
        }
    }

    /// Where pixel `first` of row `at` of the image without padding (channel after channel) stands.
    fn start_of_row(&self, at: usize, first: usize) -> usize {
        self.offset(at / self.size.0, at % self.size.0 + self.padding.0, first + self.padding.1)
    }
}

/// to[i] = from[i * step]. Plain code: inside `dispatch` the compiler makes vectors of it.
struct CopyStrided<'a, E> {
    from: &'a [E],
    step: usize,
    to: &'a mut [E],
}

impl<E: Element> Kernel<E> for CopyStrided<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        match self.step {
            1 => self.to[..self.from.len()].copy_from_slice(self.from),
            2 => {
                let pairs = self.from.chunks_exact(2);
                let last = pairs.remainder();
                let (to, rest) = self.to.split_at_mut(self.from.len() / 2);
                for (to, pair) in to.iter_mut().zip(pairs) {
                    *to = pair[0];
                }
                rest[..last.len()].copy_from_slice(last);
            }
            step => {
                for (to, value) in self.to.iter_mut().zip(self.from.iter().step_by(step)) {
                    *to = *value;
                }
            }
        }
    }
}
