//! Convolution with 3 x 3 filters, bias, ReLU and 2 x 2 max-pooling in one: forward, by [`winograd`]'s F(4 x 4, 3 x 3).
//!
//! Its sixteen outputs are four windows of the pooling, a quad: windows (2i + a, 2j + b) for a, b in 0..2. For this the
//! image is cut into 4 x 4 [`Phases`]: where quad (i, j) is the vector's lane i S + j, what number (r, q) of the patch
//! is for all lanes is one stretch of the plane of (r, q). Sums, outputs and maxima never leave the registers and the
//! first-level cache.
//!
//! Two quads side by side are four windows side by side: interleaved, a vector of quads is two of windows, row 2i + a
//! of them in rows of 2 S. That is how they are written ([`Layout`]).

use super::phases::Phases;
use super::plan::{Layout, bands, even_bands};
use super::windows::{BAND, largest_of_four};
use super::winograd::{self, FOUR, Four};
use super::{Geometry, averages::store_pair, pooled_size};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{CopyRows, Rows, blocks};
use crate::{Element, scratch};
use std::ops::Range;

/// y = pool(relu(conv(x, weight) + bias)), an image at a time.
pub(super) struct QuadForward<'a, E: Element> {
    level: Level,
    /// (H, W) of y.
    size: (usize, usize),
    phases: Phases,
    /// Filters in a block.
    height: usize,
    packed: scratch::Scratch<E>,
    /// Where the numbers of a patch begin in the planes: (channel, row, column).
    offsets: Vec<usize>,
    bias: &'a [E],
    /// Rows of quads in a band.
    band: usize,
    /// Whether y is in rows of W, and not as [`layout`] says.
    dense: bool,
}

/// Whether this form is for such a convolution.
pub(super) fn fits(g: &Geometry) -> bool {
    g.kernel == (3, 3)
}

fn phases(g: &Geometry) -> Phases {
    let (h, w) = pooled_size(g);
    Phases::new(g, (4, 4)).resized(h.div_ceil(2) + 1, w.div_ceil(2) + 1)
}

/// How y, for another stage, and the winners are written.
pub(super) fn layout(g: &Geometry) -> Layout {
    let pair = 2 * phases(g).row;
    let half = pooled_size(g).0.div_ceil(2) * pair;
    Layout { half, pair, plane: 2 * half }
}

/// The largest M of the tiles: 6 M sums, a vector of the patches and one weight have to fit in the registers.
fn block_height(level: Level) -> usize {
    match level {
        Level::Avx512 => 4,
        Level::Avx2 => 2,
        Level::Portable => 1,
    }
}

impl<'a, E: Element> QuadForward<'a, E> {
    /// `x` is how x is written.
    pub(super) fn new(
        g: &Geometry,
        x: Layout,
        weight: &[E],
        bias: &'a [E],
        dense: bool,
    ) -> QuadForward<'a, E> {
        let (level, size, phases) = (Level::current(), pooled_size(g), phases(g).of(x));
        let height = block_height(level);
        let packed = winograd::transform_filters::<E, Four, FOUR>(g, weight, blocks(height, g.filters));
        let band = even_bands(size.0.div_ceil(2), phases.row, BAND / 4);
        let offsets = phases.patches(FOUR);
        QuadForward { level, size, phases, height, packed, offsets, bias, band, dense }
    }

    /// As [`super::windows::MaxForward::image`].
    pub(super) fn image(&self, x: &[E], y: &mut [E], winner: &mut [u8]) {
        let ((h, w), row, filters) = (self.size, self.phases.row, self.bias.len());
        let (rows, quads) = (h.div_ceil(2), w.div_ceil(2));
        let half = rows * 2 * row;
        assert!(y.len() == filters * if self.dense { h * w } else { 2 * half });
        assert!(winner.is_empty() || winner.len() == filters * 2 * half);
        let planes = self.phases.split(x).expect("a step of 4");
        let columns = Rows::new(&planes, &self.offsets, (rows - 1) * row + quads);
        let mut tile = scratch::any::<E>(if self.dense { filters * 4 * self.band * row } else { 0 });
        let mut room = scratch::any::<E>((self.offsets.len() + 4 * FOUR * self.height) * MAX_LANES);
        for rows in bands(rows, self.band) {
            let (start, len) = (rows.start * row, (rows.len() - 1) * row + quads);
            let winner = if winner.is_empty() { &mut [] } else { &mut winner[2 * start..] };
            let (to, to_half) =
                if self.dense { (&mut tile[..], 2 * len) } else { (&mut y[2 * start..], half) };
            let band = Quads {
                height: self.height,
                packed: &self.packed,
                columns: columns.window(start, len),
                bias: self.bias,
                room: &mut room,
                y: (to, to_half),
                winner: (winner, half),
            };
            E::dispatch_at(self.level, band);
            if !self.dense {
                continue;
            }
            for a in 0..2 {
                // An odd last row has none below it.
                let count = (h - a).div_ceil(2).min(rows.end).saturating_sub(rows.start);
                if count > 0 {
                    let from = (&tile[a * 2 * len..], 4 * len, 2 * row);
                    let to = (&mut y[(2 * rows.start + a) * w..], h * w, 2 * w);
                    let copy = CopyRows { from, to, planes: filters, rows: count, len: w, add: false };
                    E::dispatch_at(self.level, copy);
                }
            }
        }
    }
}

/// A band of quads, all filters.
struct Quads<'a, E: Element> {
    height: usize,
    packed: &'a [E],
    columns: Rows<'a, E>,
    bias: &'a [E],
    /// Room for transformed patches, and behind them for sums that are gathered along columns only.
    room: &'a mut [E],
    /// (filter, a, twice the quad + b): the result, and from one a to the next.
    y: (&'a mut [E], usize),
    /// The same for the winners; or empty.
    winner: (&'a mut [u8], usize),
}

impl<E: Element> Kernel<E> for Quads<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let (depth, filters, len) = (self.columns.count(), self.bias.len(), self.columns.len());
        // What the tiles rely on.
        assert!(self.packed.len() == filters * depth && S::LANES <= MAX_LANES);
        assert!(self.room.len() >= (depth + 4 * FOUR * self.height) * MAX_LANES);
        let fits = |room: usize, half: usize| half >= 2 * len && room >= (2 * filters - 1) * half + 2 * len;
        assert!(fits(self.y.0.len(), self.y.1));
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

impl<E: Element> Quads<'_, E> {
    /// Quads p..p + n of every filter.
    #[inline(always)]
    fn vector<S: Simd<E>, const PARTIAL: bool, const WINNERS: bool>(&mut self, s: S, p: usize, n: usize) {
        let step = self.columns.count() / FOUR * S::LANES;
        // SAFETY: p + n <= len, and `run` has checked that there is room for the patches.
        unsafe {
            let v = (self.room.as_mut_ptr(), step);
            winograd::transform_patches::<E, S, Four, FOUR, PARTIAL>(s, &self.columns, (p, n), v);
        }
        for block in blocks(self.height, self.bias.len()) {
            match (S::REGISTERS, block.len()) {
                (32, 4) => self.tile::<S, 4, PARTIAL, WINNERS>(s, block, p, n),
                (32, 3) => self.tile::<S, 3, PARTIAL, WINNERS>(s, block, p, n),
                (16 | 32, 2) => self.tile::<S, 2, PARTIAL, WINNERS>(s, block, p, n),
                (_, 1) => self.tile::<S, 1, PARTIAL, WINNERS>(s, block, p, n),
                (registers, height) => unreachable!("no tile of {height} filters in {registers} registers"),
            }
        }
    }

    /// Quads p..p + n of a block of M filters.
    #[inline(always)]
    fn tile<S: Simd<E>, const M: usize, const PARTIAL: bool, const WINNERS: bool>(
        &mut self,
        s: S,
        block: Range<usize>,
        p: usize,
        n: usize,
    ) {
        let depth = self.columns.count();
        let packed = &self.packed[block.start * depth..block.end * depth];
        assert!(packed.len() == M * depth);
        let v = self.room.as_ptr();
        let gathered = self.room.as_mut_ptr().wrapping_add(depth * S::LANES);
        // SAFETY: `run` and this assertion have checked the sizes.
        unsafe { products::<E, S, M>(s, depth / (FOUR * FOUR), packed.as_ptr(), v, gathered) };
        for (m, o) in block.enumerate() {
            let bias = s.splat(self.bias[o]);
            for a in 0..2 {
                let mut rows = [[s.splat(E::ZERO); 4]; 2];
                for (row, outputs) in rows.iter_mut().enumerate() {
                    let mut sums = [s.splat(E::ZERO); FOUR];
                    for (q, sum) in sums.iter_mut().enumerate() {
                        let at = ((m * 4 + 2 * a + row) * FOUR + q) * S::LANES;
                        // SAFETY: `products` has written it.
                        *sum = unsafe { s.load(gathered.wrapping_add(at)) };
                    }
                    *outputs = winograd::gather_four(s, sums);
                }
                let [upper, lower] = rows;
                let window = |b: usize| [upper[b], upper[b + 1], lower[b], lower[b + 1]];
                let (left, right) =
                    (largest_of_four(s, &window(0), bias), largest_of_four(s, &window(2), bias));
                let (first, second) = s.interleave(left.0, right.0);
                // SAFETY: o is a filter, a is 0 or 1, and p + n <= len.
                unsafe {
                    let to = self.y.0.as_mut_ptr().add((2 * o + a) * self.y.1 + 2 * p);
                    if PARTIAL {
                        store_pair(s, to, 2 * n, [first, second]);
                    } else {
                        s.store(to, first);
                        s.store(to.add(S::LANES), second);
                    }
                }
                // Without them, the compiler drops what is done to find them.
                if WINNERS && !self.winner.0.is_empty() {
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
}

/// A^T times the products of M filters and the patches, summed over channels: (filter, row, column), a vector each. What
/// is left is A from the right.
///
/// # Safety
/// `u` has a block of M filters as [`winograd::transform_filters`] makes it, `v` what [`winograd::transform_patches`]
/// wrote, and there is room for 24 M vectors at `gathered`.
#[inline(always)]
unsafe fn products<E: Element, S: Simd<E>, const M: usize>(
    s: S,
    channels: usize,
    mut u: *const E,
    mut v: *const E,
    gathered: *mut E,
) {
    for q in 0..FOUR {
        let mut sums = [[s.splat(E::ZERO); FOUR]; M];
        for _ in 0..channels {
            for r in 0..FOUR {
                // SAFETY: this function's contract: 36 channels vectors, and M numbers for each.
                unsafe {
                    let x = s.load(v);
                    for (i, sums) in sums.iter_mut().enumerate() {
                        sums[r] = s.fma(s.splat(*u.add(i)), x, sums[r]);
                    }
                }
                u = u.wrapping_add(M);
                v = v.wrapping_add(S::LANES);
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            for (row, value) in winograd::gather_four(s, sums).into_iter().enumerate() {
                // SAFETY: this function's contract.
                unsafe { s.store(gathered.add(((m * 4 + row) * FOUR + q) * S::LANES), value) };
            }
        }
    }
}
