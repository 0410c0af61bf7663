//! Convolution, bias, ReLU and 2 x 2 max-pooling in one: forward.
//!
//! ```text
//! y[i, j] = max(0, largest of conv at (2i, 2j), (2i, 2j + 1), (2i + 1, 2j), (2i + 1, 2j + 1))
//! ```
//!
//! The largest of the rectified is the rectified largest, so the ReLU is done last, on a quarter of the numbers.
//!
//! A tile keeps the four convolutions of M filters and a vector of windows in registers until their largest is
//! known; no row of the convolution is ever stored. For this the image is cut into 2 x 2 [`Phases`]: where window
//! (i, j) is the vector's lane i S + j, what weight (u, v) meets at the window's corner (a, b) is one stretch of the
//! plane of (a + u, b + v). Filters of 3 x 3 go by another way: [`super::squares`].

use super::phases::Layout;
use super::phases::Phases;
use super::plan::{bands, even_bands, taps};
use super::{Geometry, NO_WINNER, pooled_size};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{CopyRows, Rows, blocks, pack};
use crate::{Element, scratch};
use std::ops::Range;

/// Windows in a band: what the filters read of the image and what they write stays in the second-level cache.
pub(super) const BAND: usize = 256;

/// y = pool(relu(conv(x, weight) + bias)), an image at a time.
pub(super) struct MaxForward<'a, E: Element> {
    level: Level,
    /// (H, W) of y.
    size: (usize, usize),
    phases: Phases,
    bank: Bank<E>,
    bias: &'a [E],
    /// Rows of windows in a band.
    band: usize,
    /// Whether y is in rows of W, and not as [`layout`] says.
    dense: bool,
}

/// How y, for another stage, and the winners are written.
pub(super) fn layout(g: &Geometry) -> Layout {
    Layout::plain(pooled_size(g).0, phases(g).row)
}

fn phases(g: &Geometry) -> Phases {
    let (h, w) = pooled_size(g);
    Phases::new(g, (2, 2)).cropped(h + g.kernel.0 / 2, w + g.kernel.1 / 2)
}

impl<'a, E: Element> MaxForward<'a, E> {
    /// `x` is how x is written.
    pub(super) fn new(
        g: &Geometry,
        x: Layout,
        weight: &[E],
        bias: &'a [E],
        dense: bool,
    ) -> MaxForward<'a, E> {
        let (level, size) = (Level::current(), pooled_size(g));
        let phases = phases(g).of(x);
        let bank = Bank::new(level, g, &phases, weight);
        MaxForward { level, size, phases, bank, bias, band: even_bands(size.0, phases.row, BAND), dense }
    }

    /// `winner` is 0 to 3 in row order, 4 where the ReLU gave 0; nobody asks for it where it is empty.
    /// The first of equals wins; a NaN passes, and so does one made of an infinity and its opposite in one window.
    pub(super) fn image(&self, x: &[E], y: &mut [E], winner: &mut [u8]) {
        let ((h, w), row, filters) = (self.size, self.phases.row, self.bank.filters);
        let plane = h * row;
        assert!(y.len() == filters * h * if self.dense { w } else { row });
        assert!(winner.is_empty() || winner.len() == filters * plane);
        let planes = self.phases.split(x).expect("a step of 2");
        let columns = self.bank.columns(&planes, (h - 1) * row + w);
        let mut tile = scratch::any::<E>(if self.dense { filters * self.band * row } else { 0 });
        for rows in bands(h, self.band) {
            let (start, len) = (rows.start * row, (rows.len() - 1) * row + w);
            let columns = columns.window(start, len);
            let (bank, bias) = (&self.bank, self.bias);
            let winner = if winner.is_empty() { &mut [] } else { &mut winner[start..] };
            if !self.dense {
                let (y, winner) = ((&mut y[start..], plane), (winner, plane));
                E::dispatch_at(self.level, Windows { bank, columns, bias, y, winner });
                continue;
            }
            let (to, winner) = ((&mut tile[..], len), (winner, plane));
            E::dispatch_at(self.level, Windows { bank, columns, bias, y: to, winner });
            let (from, to) = ((&tile[..], len, row), (&mut y[rows.start * w..], h * w, w));
            let copy = CopyRows { from, to, planes: filters, rows: rows.len(), len: w, add: false };
            E::dispatch_at(self.level, copy);
        }
    }
}

/// The largest M of the tiles: 4 M sums, four vectors of the image and one weight have to fit in the registers.
fn block_height(level: Level) -> usize {
    match level {
        Level::Avx512 => 6,
        Level::Avx2 => 3,
        Level::Portable => 1,
    }
}

/// The filters as the tiles read them, and where the numbers that they meet begin in the planes.
struct Bank<E: Element> {
    height: usize,
    filters: usize,
    /// Numbers of a filter in `packed`.
    depth: usize,
    packed: scratch::Scratch<E>,
    /// (channel, u, v) of each of the four corners.
    offsets: Vec<usize>,
}

impl<E: Element> Bank<E> {
    fn new(level: Level, g: &Geometry, phases: &Phases, weight: &[E]) -> Bank<E> {
        let (height, filters, depth) = (block_height(level), g.filters, g.depth());
        let mut packed = scratch::any::<E>(g.weight_len());
        pack(height, filters, depth, |o, k| weight[o * depth + k], &mut packed);
        let offsets = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .into_iter()
            .flat_map(|(a, b)| taps(g).map(move |(c, u, v)| phases.offset(c, a + u, b + v)))
            .collect();
        Bank { height, filters, depth, packed, offsets }
    }

    fn columns<'a>(&'a self, planes: &'a [E], len: usize) -> Rows<'a, E> {
        Rows::new(planes, &self.offsets, len)
    }
}

/// A band of windows, all filters.
struct Windows<'a, E: Element> {
    bank: &'a Bank<E>,
    columns: Rows<'a, E>,
    bias: &'a [E],
    /// (filter, window): the result, and from one filter to the next.
    y: (&'a mut [E], usize),
    /// The same for the winners; or empty.
    winner: (&'a mut [u8], usize),
}

impl<E: Element> Kernel<E> for Windows<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let (bank, len) = (self.bank, self.columns.len());
        // What the tiles rely on.
        assert!(self.columns.count() == 4 * bank.depth && self.bias.len() == bank.filters);
        assert!(bank.packed.len() == bank.filters * bank.depth);
        let fits = |room: usize, plane: usize| plane >= len && room >= (bank.filters - 1) * plane + len;
        assert!(fits(self.y.0.len(), self.y.1) && S::LANES <= MAX_LANES);
        assert!(self.winner.0.is_empty() || fits(self.winner.0.len(), self.winner.1));
        let whole = len / S::LANES * S::LANES;
        for p in (0..whole).step_by(S::LANES) {
            if self.winner.0.is_empty() {
                self.vector::<S, false, false>(s, p, S::LANES);
            } else {
                self.vector::<S, false, true>(s, p, S::LANES);
            }
        }
        if whole < len {
            self.vector::<S, true, true>(s, whole, len - whole);
        }
    }
}

impl<E: Element> Windows<'_, E> {
    /// Windows p..p + n of every filter.
    #[inline(always)]
    fn vector<S: Simd<E>, const PARTIAL: bool, const WINNERS: bool>(&mut self, s: S, p: usize, n: usize) {
        let bank = self.bank;
        for block in blocks(bank.height, bank.filters) {
            match (S::REGISTERS, block.len()) {
                (32, 6) => self.tile::<S, 6, PARTIAL, WINNERS>(s, block, p, n),
                (32, 5) => self.tile::<S, 5, PARTIAL, WINNERS>(s, block, p, n),
                (32, 4) => self.tile::<S, 4, PARTIAL, WINNERS>(s, block, p, n),
                (16 | 32, 3) => self.tile::<S, 3, PARTIAL, WINNERS>(s, block, p, n),
                (16 | 32, 2) => self.tile::<S, 2, PARTIAL, WINNERS>(s, block, p, n),
                (_, 1) => self.tile::<S, 1, PARTIAL, WINNERS>(s, block, p, n),
                (registers, height) => unreachable!("no tile of {height} filters in {registers} registers"),
            }
        }
    }

    /// Windows p..p + n of a block of M filters.
    #[inline(always)]
    fn tile<S: Simd<E>, const M: usize, const PARTIAL: bool, const WINNERS: bool>(
        &mut self,
        s: S,
        block: Range<usize>,
        p: usize,
        n: usize,
    ) {
        let packed = &self.bank.packed[block.start * self.bank.depth..block.end * self.bank.depth];
        assert!(packed.len() == M * self.bank.depth);
        // SAFETY: `run` and this assertion have checked the sizes, and p + n <= len.
        let c = unsafe { corners::<E, S, M, PARTIAL>(s, &self.columns, packed.as_ptr(), (p, n)) };
        for (c, o) in c.iter().zip(block) {
            let (y, winner) = largest_of_four(s, c, s.splat(self.bias[o]));
            // SAFETY: o is a filter and p + n <= len.
            unsafe {
                let to_y = self.y.0.as_mut_ptr().add(o * self.y.1 + p);
                if PARTIAL { s.store_partial(to_y, n, y) } else { s.store(to_y, y) }
            }
            // Without them, the compiler drops what is done to find them.
            if WINNERS && !self.winner.0.is_empty() {
                // SAFETY: as above; `bytes` takes a whole vector.
                unsafe {
                    let to_winner = self.winner.0.as_mut_ptr().add(o * self.winner.1 + p);
                    if PARTIAL {
                        let mut bytes = [0; MAX_LANES];
                        s.store_bytes(bytes.as_mut_ptr(), winner);
                        to_winner.copy_from_nonoverlapping(bytes.as_ptr(), n);
                    } else {
                        s.store_bytes(to_winner, winner);
                    }
                }
            }
        }
    }
}

/// The convolutions at the four corners of windows p..p + n: the sums as they are written.
///
/// # Safety
/// `a` has M numbers for each weight, and p + n <= the columns' length.
#[inline(always)]
unsafe fn corners<E: Element, S: Simd<E>, const M: usize, const PARTIAL: bool>(
    s: S,
    columns: &Rows<'_, E>,
    mut a: *const E,
    (p, n): (usize, usize),
) -> [[S::V; 4]; M] {
    let mut c = [[s.splat(E::ZERO); 4]; M];
    let depth = columns.count() / 4;
    for k in 0..depth {
        let mut x = [s.splat(E::ZERO); 4];
        for (corner, x) in x.iter_mut().enumerate() {
            let at = columns.pointer(corner * depth + k, p);
            // SAFETY: this function's contract.
            *x = unsafe { if PARTIAL { s.load_partial(at, n) } else { s.load(at) } };
        }
        for (m, c) in c.iter_mut().enumerate() {
            // SAFETY: this function's contract.
            let weight = s.splat(unsafe { *a.add(m) });
            for (c, x) in c.iter_mut().zip(&x) {
                *c = s.fma(weight, *x, *c);
            }
        }
        a = a.wrapping_add(M);
    }
    c
}

/// max(0, largest + bias), and which it was.
#[inline(always)]
pub(super) fn largest_of_four<E: Element, S: Simd<E>>(s: S, c: &[S::V; 4], bias: S::V) -> (S::V, S::V) {
    let number = |i: u8| s.splat(E::from_f64(f64::from(i)));
    let (mut largest, mut winner) = (c[0], number(0));
    for (i, &c) in (1..).zip(&c[1..]) {
        winner = s.select_gt(c, largest, number(i), winner);
        largest = s.max(c, largest);
    }
    let zero = s.splat(E::ZERO);
    // `max(0, NaN)` is NaN.
    let y = s.max(zero, s.add(largest, bias));
    winner = s.select_gt(y, zero, winner, number(NO_WINNER));
    // A NaN may have lost above, but not in the sum.
    let sum = s.max(zero, s.add(s.add(c[0], c[1]), s.add(c[2], c[3])));
    (s.select_gt(sum, s.splat(-E::ONE), y, sum), winner)
}
