//! Where things stand: the P² matrices, and the squares of an image.

use crate::conv2d::channels_last::ChannelsLast;
use crate::simd::MAX_LANES;
use crate::tile::PANEL;
use std::ops::Range;

/// `count` elements in whole panels.
pub(super) fn whole(count: usize) -> usize {
    count.next_multiple_of(PANEL)
}

/// The same in an odd number of vectors: rows at a power of two from each other would share few places in the cache.
fn odd(count: usize) -> usize {
    (count.div_ceil(MAX_LANES) | 1) * MAX_LANES
}

/// P² matrices.
#[derive(Clone, Copy)]
pub(super) struct Matrices {
    pub(super) count: usize,
    pub(super) rows: usize,
    /// In whole panels.
    pub(super) columns: usize,
    /// From one row to the next.
    pub(super) row: usize,
    /// From one panel of a row to the next.
    pub(super) panel: usize,
    /// From one matrix to the next.
    pub(super) matrix: usize,
}

impl Matrices {
    /// Row after row.
    pub(super) fn in_rows(patch: usize, rows: usize, columns: usize) -> Matrices {
        let (columns, row) = (whole(columns), odd(whole(columns)));
        Matrices { count: patch * patch, rows, columns, row, panel: PANEL, matrix: odd(rows * row) }
    }

    /// Panel after panel, as [`Product`](crate::tile::Product) wants what stands on the right.
    pub(super) fn in_panels(patch: usize, rows: usize, columns: usize) -> Matrices {
        let (columns, panel) = (whole(columns), rows * PANEL);
        Matrices { count: patch * patch, rows, columns, row: PANEL, panel, matrix: odd(rows * columns) }
    }

    pub(super) fn len(&self) -> usize {
        self.count * self.matrix
    }

    /// Column c, in a row.
    #[inline(always)]
    pub(super) fn column(&self, c: usize) -> usize {
        c / PANEL * self.panel + c % PANEL
    }

    /// Matrix k.
    pub(super) fn matrix(&self, k: usize) -> Range<usize> {
        k * self.matrix..(k + 1) * self.matrix
    }
}

/// Where the squares of an image begin, channels last.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub(super) tiles: (usize, usize),
    pub(super) side: usize,
    /// The first pixel of the first square.
    pub(super) start: usize,
    /// From one row of pixels to the next.
    pub(super) row: usize,
    pub(super) pixel: usize,
}

impl Grid {
    pub(super) fn new(image: &ChannelsLast, start: usize, tiles: (usize, usize), side: usize) -> Grid {
        Grid { tiles, side, start, row: image.row(), pixel: image.pixel }
    }

    pub(super) fn count(&self) -> usize {
        self.tiles.0 * self.tiles.1
    }

    /// The first pixel of square t.
    pub(super) fn at(&self, t: usize) -> usize {
        let (i, j) = (t / self.tiles.1, t % self.tiles.1);
        self.start + i * self.side * self.row + j * self.side * self.pixel
    }

    /// Panics unless squares of `extent` pixels, and their matrices from row `first` on, are there.
    pub(super) fn check(&self, image: usize, extent: usize, (m, len, first): (&Matrices, usize, usize)) {
        let last = self.at(self.count() - 1) + (extent - 1) * (self.row + self.pixel);
        assert!(last + m.columns <= image && m.columns <= self.pixel, "conv2d: an image is too small");
        assert!(first + self.count() <= m.rows && len >= m.len(), "conv2d: a matrix is too small");
    }
}
