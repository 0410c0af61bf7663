//! Convolution with 3 x 3 filters, bias, ReLU and 2 x 2 max-pooling in one: forward.
//!
//! A square of 4 x 4 outputs, a quad, is four windows of the pooling: windows (2i + a, 2j + b) for a, b in 0..2. Two
//! quads side by side are four windows side by side: interleaved, a vector of quads is two of windows, row 2i + a of
//! them in rows of 2 S. That is how they are written ([`Layout`]).

use super::{Bank, Finish, Outputs};
use crate::conv2d::phases::Layout;
use crate::conv2d::phases::Phases;
use crate::conv2d::plan::{bands, even_bands};
use crate::conv2d::pooled::{largest_of_four, store_pair};
use crate::conv2d::{Geometry, pooled_size};
use crate::simd::{MAX_LANES, Simd};
use crate::tile::fits;
use crate::{Element, scratch};

/// Quads in a band: what the filters read of the image and what they write stays in the second-level cache.
const BAND: usize = 64;

/// y = pool(relu(conv(x, weight) + bias)), an image at a time.
pub(in crate::conv2d) struct QuadForward<'a, E: Element> {
    /// (H, W) of y.
    size: (usize, usize),
    phases: Phases,
    bank: Bank<E>,
    bias: &'a [E],
    /// Rows of quads in a band.
    band: usize,
    /// Whether y is in rows of W, and not as [`layout`] says.
    dense: bool,
}

fn phases(g: &Geometry) -> Phases {
    let (h, w) = pooled_size(g);
    Phases::new(g, (4, 4)).resized(h.div_ceil(2) + 1, w.div_ceil(2) + 1)
}

/// How y, for another stage, and the winners are written.
pub(in crate::conv2d) fn layout(g: &Geometry) -> Layout {
    let pair = 2 * phases(g).row;
    let half = pooled_size(g).0.div_ceil(2) * pair;
    Layout { half, pair, plane: 2 * half }
}

impl<'a, E: Element> QuadForward<'a, E> {
    /// `x` is how x is written.
    pub(in crate::conv2d) fn new(
        g: &Geometry,
        x: Layout,
        weight: &[E],
        bias: &'a [E],
        dense: bool,
    ) -> QuadForward<'a, E> {
        let (size, phases) = (pooled_size(g), phases(g).of(x));
        let bank = Bank::new(g, &phases, |o, c, tap| weight[(o * g.channels + c) * 9 + tap]);
        let band = even_bands(size.0.div_ceil(2), phases.row, BAND);
        QuadForward { size, phases, bank, bias, band, dense }
    }

    /// `winner` is 0 to 3 in row order, [`NO_WINNER`](crate::conv2d::NO_WINNER) where the ReLU gave 0; nobody asks for it
    /// where it is empty. The first of equals wins; a NaN passes, and so does one made of an infinity and its opposite in
    /// one window.
    pub(in crate::conv2d) fn image(&self, x: &[E], y: &mut [E], winner: &mut [u8]) {
        let ((h, w), row, filters) = (self.size, self.phases.row, self.bank.filters);
        let (rows, quads) = (h.div_ceil(2), w.div_ceil(2));
        let half = rows * 2 * row;
        assert!(y.len() == filters * if self.dense { h * w } else { 2 * half });
        assert!(winner.is_empty() || winner.len() == filters * 2 * half);
        let planes = self.phases.split(x).expect("a step of 4");
        let columns = self.bank.columns(&planes, (rows - 1) * row + quads);
        let mut tile = scratch::any::<E>(if self.dense { filters * 4 * self.band * row } else { 0 });
        let mut room = self.bank.room();
        for rows in bands(rows, self.band) {
            let (start, len) = (rows.start * row, (rows.len() - 1) * row + quads);
            let (to, to_half) =
                if self.dense { (&mut tile[..], 2 * len) } else { (&mut y[2 * start..], half) };
            let (columns, bias, y_to) = (columns.window(start, len), self.bias, (to, to_half));
            if winner.is_empty() {
                let tail = MaxPool::<E, false> { bias, y: y_to, winner: (&mut [], half) };
                self.bank.run(columns, &mut room, tail);
            } else {
                let tail = MaxPool::<E, true> { bias, y: y_to, winner: (&mut winner[2 * start..], half) };
                self.bank.run(columns, &mut room, tail);
            }
            if self.dense {
                self.bank.copy((&tile, 2, len, row), &rows, (&mut *y, h, w), false);
            }
        }
    }
}

/// The largest of each window.
struct MaxPool<'a, E: Element, const WINNERS: bool> {
    bias: &'a [E],
    /// (filter, a, twice the quad + b): the result, and from one a to the next.
    y: (&'a mut [E], usize),
    /// The same for the winners, where they are wanted.
    winner: (&'a mut [u8], usize),
}

impl<E: Element, const WINNERS: bool> Finish<E> for MaxPool<'_, E, WINNERS> {
    #[inline(always)]
    fn check(&self, filters: usize, len: usize) {
        let fits = |room: usize, half: usize| half >= 2 * len && fits(2 * filters, half, 2 * len, room);
        assert!(self.bias.len() == filters && fits(self.y.0.len(), self.y.1));
        assert!(!WINNERS || fits(self.winner.0.len(), self.winner.1));
    }

    #[inline(always)]
    unsafe fn take<S: Simd<E>, const PARTIAL: bool>(
        &mut self,
        s: S,
        o: usize,
        outputs: Outputs<E>,
        (p, n): (usize, usize),
    ) {
        let bias = s.splat(self.bias[o]);
        for a in 0..2 {
            // SAFETY: this function's contract.
            let (upper, lower) = unsafe { (outputs.row(s, 2 * a), outputs.row(s, 2 * a + 1)) };
            let window = |b: usize| [upper[b], upper[b + 1], lower[b], lower[b + 1]];
            let (left, right) = (largest_of_four(s, &window(0), bias), largest_of_four(s, &window(2), bias));
            let (first, second) = s.interleave(left.0, right.0);
            // SAFETY: `check`: there is room for 2 len numbers from the start of each a of each filter.
            unsafe {
                let to = self.y.0.as_mut_ptr().add((2 * o + a) * self.y.1 + 2 * p);
                if PARTIAL {
                    store_pair(s, to, 2 * n, [first, second]);
                } else {
                    s.store(to, first);
                    s.store(to.add(S::LANES), second);
                }
            }
            if WINNERS {
                let (first, second) = s.interleave(left.1, right.1);
                // SAFETY: as above; `bytes` takes two vectors.
                unsafe {
                    let to = self.winner.0.as_mut_ptr().add((2 * o + a) * self.winner.1 + 2 * p);
                    if PARTIAL {
                        let mut bytes = [0; 2 * MAX_LANES];
                        s.store_bytes(bytes.as_mut_ptr(), first);
                        s.store_bytes(bytes.as_mut_ptr().add(S::LANES), second);
                        to.copy_from_nonoverlapping(bytes.as_ptr(), 2 * n);
                    } else {
                        s.store_bytes(to, first);
                        s.store_bytes(to.add(S::LANES), second);
                    }
                }
            }
        }
    }
}
