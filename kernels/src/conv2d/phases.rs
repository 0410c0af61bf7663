//! An image as a convolution reads it: with its padding, and cut into phases.
//!
//! ```text
//! stride (2, 3)      A B C A B C A     the pixels that meet one weight stand 2 rows and 3 columns apart.
//!                    D E F D E F D     Put all A together, all B, ...: in its plane of (rows of H / 2, columns
//!                    A B C A B C A     of W / 3), what a weight meets is one stretch of neighbours, as at stride 1.
//! ```
//!
//! So every convolution is one of stride 1 on planes; only the planes are more. The planes of an image are
//! ordered (row phase, column phase, channel).

use super::Geometry;
use crate::simd::{Kernel, Simd, dispatch};
use crate::{Element, scratch};

/// How the rows of a plane are written: with gaps behind them, and perhaps even rows first, odd ones behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// From an even row to the odd one below it.
    pub(super) half: usize,
    /// From a row to the one below the next.
    pub(super) pair: usize,
    /// From one plane to the next.
    pub(super) plane: usize,
}

impl Layout {
    /// `rows` rows of `row` numbers, one behind the other.
    pub(super) fn plain(rows: usize, row: usize) -> Layout {
        Layout { half: row, pair: 2 * row, plane: rows * row }
    }

    /// Where row r of a plane begins.
    pub(super) fn start(&self, r: usize) -> usize {
        r % 2 * self.half + r / 2 * self.pair
    }
}

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
    /// How the image is written.
    x: Layout,
    /// The weights that meet them along rows and along columns.
    met: [Met; 2],
}

/// So many weights along an axis, `dilation` apart, on pixels dealt to `step` phases.
#[derive(Clone, Copy)]
struct Met {
    kernel: usize,
    dilation: usize,
    step: usize,
}

impl Met {
    /// Whether a weight meets this phase: not each does where the stride is larger than the kernel, or shares a factor with the
    /// dilation.
    fn phase(&self, phase: usize) -> bool {
        (0..self.kernel).any(|u| u * self.dilation % self.step == phase)
    }
}

impl Phases {
    /// The planes of the images of a convolution, with `step` phases of rows and columns.
    pub(super) fn new(g: &Geometry, step: (usize, usize)) -> Phases {
        let rows = (g.size.0 + 2 * g.padding.0).div_ceil(step.0);
        let row = (g.size.1 + 2 * g.padding.1).div_ceil(step.1);
        Phases {
            channels: g.channels,
            size: g.size,
            padding: g.padding,
            step,
            rows,
            row,
            x: Layout::plain(g.size.0, g.size.1),
            // All.
            met: [step.0, step.1].map(|step| Met { kernel: step, dilation: 1, step }),
        }
    }

    /// The same of which only those planes are asked for that a weight meets.
    pub(super) fn met_by(self, g: &Geometry) -> Phases {
        let rows = Met { kernel: g.kernel.0, dilation: g.dilation.0, step: self.step.0 };
        let columns = Met { kernel: g.kernel.1, dilation: g.dilation.1, step: self.step.1 };
        Phases { met: [rows, columns], ..self }
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
        (self.rows, self.row) == self.size
            && self.step == (1, 1)
            && self.x == Layout::plain(self.size.0, self.size.1)
    }

    /// The same for images that are written in this way.
    pub(super) fn of(self, x: Layout) -> Phases {
        Phases { x, ..self }
    }

    /// Where the numbers of the patches of `side` x `side` begin: (channel, row, column).
    pub(super) fn patches(&self, side: usize) -> Vec<usize> {
        let count = self.channels * side * side;
        (0..count).map(|k| self.offset(k / side / side, k / side % side, k % side)).collect()
    }

    /// The same with planes of this size: zeros behind the image, or without rows and columns that nobody asks for.
    pub(super) fn resized(self, rows: usize, row: usize) -> Phases {
        Phases { rows, row, ..self }
    }

    /// The planes of image x, written as [`Phases::of`] says, unless they are x itself.
    pub(super) fn split<E: Element>(&self, x: &[E]) -> Option<scratch::Scratch<E>> {
        if self.are_the_image() {
            return None;
        }
        assert!(x.len() == self.channels * self.x.plane, "phases: x has another size");
        let mut planes = scratch::any::<E>(self.len());
        let beyond = self.rows * self.step.0 > self.size.0 || self.row * self.step.1 > self.size.1;
        if self.padding != (0, 0) || beyond {
            planes.fill(E::ZERO);
        }
        dispatch(Split { phases: self, x, planes: &mut planes });
        Some(planes)
    }

    /// Adds the planes to image dx (C, H, W); what stands in the padding is dropped.
    pub(super) fn add_to<E: Element>(&self, planes: &[E], dx: &mut [E]) {
        for (at, row) in dx.chunks_exact_mut(self.size.1).enumerate() {
            if !self.met[0].phase((at % self.size.0 + self.padding.0) % self.step.0) {
                continue;
            }
            for first in 0..self.step.1.min(row.len()) {
                if !self.met[1].phase((first + self.padding.1) % self.step.1) {
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
        // Where column `first` of a phase's first row goes, and how many columns of its phase there are from it on.
        let place = |c: usize, phase: usize, first: usize| {
            let column = first + phases.padding.1;
            let met = phases.met[1].phase(column % step);
            let room = if met { phases.row.saturating_sub(column / step) } else { 0 };
            (phases.offset(c, phase, column), (width - first).div_ceil(step).min(room))
        };
        let dealt = width >= step && (step == 2 || step == 4) && phases.step.0 <= 4;
        for (c, image) in self.x.chunks_exact(phases.x.plane).enumerate() {
            let places: [[_; 4]; 4] = std::array::from_fn(|phase| {
                let place = |first| {
                    if dealt && phase < phases.step.0 && first < step {
                        place(c, phase, first)
                    } else {
                        (0, 0)
                    }
                };
                std::array::from_fn(place)
            });
            // In the image's own order, so that it streams through the caches.
            for r in 0..height {
                let (i, phase) =
                    ((r + phases.padding.0) / phases.step.0, (r + phases.padding.0) % phases.step.0);
                if i >= phases.rows {
                    break;
                }
                if !phases.met[0].phase(phase) {
                    continue;
                }
                let row = &image[phases.x.start(r)..][..width];
                if !dealt {
                    for first in 0..step.min(width) {
                        let (start, count) = place(c, phase, first);
                        let to = &mut self.planes[start + i * phases.row..][..count];
                        for (to, value) in to.iter_mut().zip(row[first..].iter().step_by(step)) {
                            *to = *value;
                        }
                    }
                    continue;
                }
                let to = places[phase].map(|(start, count)| (start + i * phases.row, count));
                // A vector may reach over the end of its row into those below, which are written later.
                let below = (phases.rows - 1 - i).min((height - 1 - r) / phases.step.0);
                let over = phases.padding.1 == 0 && below * phases.row >= S::LANES;
                let behind = if over { S::LANES } else { 0 };
                assert!(
                    to.iter()
                        .all(|(start, count)| *count == 0 || start + count + behind <= self.planes.len())
                );
                // SAFETY: the assertion; with `over` the rows below are at least a vector.
                unsafe {
                    if step == 2 {
                        deal::<E, S, 2>(s, row, self.planes.as_mut_ptr(), to, over);
                    } else {
                        deal::<E, S, 4>(s, row, self.planes.as_mut_ptr(), to, over);
                    }
                }
            }
        }
    }
}

/// Deals a row to W = 2 or 4: each of the first W (start, count) in `to` gets every W-th number.
///
/// # Safety
/// Each start..start + count is writable, and with `over` also a vector behind.
#[inline(always)]
unsafe fn deal<E: Element, S: Simd<E>, const W: usize>(
    s: S,
    row: &[E],
    to: *mut E,
    places: [(usize, usize); 4],
    over: bool,
) {
    let mut at = 0;
    while W * at < row.len() {
        let left = row.len() - W * at;
        let from = row.as_ptr().wrapping_add(W * at);
        let mut dealt = [s.splat(E::ZERO); 4];
        for (i, vector) in dealt.iter_mut().enumerate().take(W) {
            let n = left.saturating_sub(i * S::LANES).min(S::LANES);
            // SAFETY: n numbers of the row are left there.
            *vector = unsafe { s.load_partial(from.wrapping_add(i * S::LANES), n) };
        }
        let [a, b, c, d] = dealt;
        let (even, odd) = s.deinterleave(a, b);
        dealt = [even, odd, c, d];
        if W == 4 {
            let (evens, odds) = s.deinterleave(c, d);
            let ((first, third), (second, fourth)) = (s.deinterleave(even, evens), s.deinterleave(odd, odds));
            dealt = [first, second, third, fourth];
        }
        for ((start, count), values) in places.into_iter().zip(dealt).take(W) {
            let n = count.saturating_sub(at).min(S::LANES);
            // SAFETY: this function's contract.
            unsafe {
                if over && n > 0 {
                    s.store(to.wrapping_add(start + at), values);
                } else {
                    s.store_partial(to.wrapping_add(start + at), n, values);
                }
            }
        }
        at += S::LANES;
    }
}
