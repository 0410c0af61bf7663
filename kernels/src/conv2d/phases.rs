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
use crate::simd::{Kernel, Simd, dispatch};
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
    /// From one row of the image to the next.
    image_row: usize,
}

impl Phases {
    /// The planes of the images of a convolution, with `step` phases of rows and columns.
    pub(super) fn new(g: &Geometry, step: (usize, usize)) -> Phases {
        let rows = (g.size.0 + 2 * g.padding.0).div_ceil(step.0);
        let row = (g.size.1 + 2 * g.padding.1).div_ceil(step.1);
        Phases { channels: g.channels, size: g.size, padding: g.padding, step, rows, row, image_row: g.size.1 }
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
        self.step == (1, 1) && self.padding == (0, 0) && self.image_row == self.size.1
    }

    /// The same for images in rows of `image_row`, of which the first W are the image.
    pub(super) fn of_rows(self, image_row: usize) -> Phases {
        assert!(image_row >= self.size.1, "a row shorter than the image");
        Phases { image_row, ..self }
    }

    /// The same without the rows and columns of planes from (rows, row) on, which nobody asks for.
    pub(super) fn cropped(self, rows: usize, row: usize) -> Phases {
        Phases { rows: self.rows.min(rows), row: self.row.min(row), ..self }
    }

    /// The planes of image x (C, H, [`Phases::of_rows`]), unless they are x itself.
    pub(super) fn split<E: Element>(&self, x: &[E]) -> Option<scratch::Scratch<E>> {
        if self.are_the_image() {
            return None;
        }
        let mut planes = scratch::any::<E>(self.len());
        let uneven = !self.size.0.is_multiple_of(self.step.0) || !self.size.1.is_multiple_of(self.step.1);
        if self.padding != (0, 0) || uneven {
            planes.fill(E::ZERO);
        }
        dispatch(Split { phases: self, x, planes: &mut planes });
        Some(planes)
    }

    /// Adds the planes of the first `met` phases of rows and of columns to image dx (C, H, W); what stands in the
    /// padding is dropped.
    pub(super) fn add_to<E: Element>(&self, planes: &[E], met: (usize, usize), dx: &mut [E]) {
        for (at, row) in dx.chunks_exact_mut(self.size.1).enumerate() {
            if (at % self.size.0 + self.padding.0) % self.step.0 >= met.0 {
                continue;
            }
            for first in 0..self.step.1.min(row.len()) {
                if (first + self.padding.1) % self.step.1 >= met.1 {
                    continue;
                }
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

/// See [`Phases::split`].
struct Split<'a, E> {
    phases: &'a Phases,
    x: &'a [E],
    planes: &'a mut [E],
}

impl<E: Element> Kernel<E> for Split<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let phases = self.phases;
        let ((height, width), step) = (phases.size, phases.step.1);
        for (c, image) in self.x.chunks_exact(height * phases.image_row).enumerate() {
            for (r, row) in image.chunks_exact(phases.image_row).enumerate() {
                let row = &row[..width];
                let r = r + phases.padding.0;
                if r / phases.step.0 >= phases.rows {
                    break;
                }
                // Where column `first` of the row goes, and how many more of its phase.
                let place = |first: usize| {
                    let column = first + phases.padding.1;
                    let room = phases.row.saturating_sub(column / step);
                    (phases.offset(c, r, column), (width - first).div_ceil(step).min(room))
                };
                if step == 2 && width > 1 {
                    let to = [place(0), place(1)];
                    assert!(
                        to.iter()
                            .all(|(at, count)| at + count <= self.planes.len() && *count <= width / 2 + 1)
                    );
                    // SAFETY: the assertion.
                    unsafe { deal(s, row, self.planes.as_mut_ptr(), to) };
                    continue;
                }
                for first in 0..step.min(width) {
                    let (at, count) = place(first);
                    for (to, value) in
                        self.planes[at..at + count].iter_mut().zip(row[first..].iter().step_by(step))
                    {
                        *to = *value;
                    }
                }
            }
        }
    }
}

/// Deals a row to two: each (start, count) in `to` gets every other number.
///
/// # Safety
/// Each start..start + count is writable.
#[inline(always)]
unsafe fn deal<E: Element, S: Simd<E>>(s: S, row: &[E], to: *mut E, [even, odd]: [(usize, usize); 2]) {
    let mut at = 0;
    while 2 * at < row.len() {
        let left = row.len() - 2 * at;
        let from = row.as_ptr().wrapping_add(2 * at);
        let second = left.saturating_sub(S::LANES).min(S::LANES);
        // SAFETY: what is left of the row is read, and of each target written, at most.
        unsafe {
            let a = s.load_partial(from, left.min(S::LANES));
            let b = s.load_partial(from.wrapping_add(S::LANES), second);
            let (evens, odds) = s.deinterleave(a, b);
            for ((start, count), values) in [(even, evens), (odd, odds)] {
                let n = count.saturating_sub(at).min(S::LANES);
                s.store_partial(to.wrapping_add(start + at), n, values);
            }
        }
        at += S::LANES;
    }
}
