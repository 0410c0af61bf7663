//! Plain convolutions with 3 x 3 filters at stride 1, by [`winograd`]: y = w columns, in squares of 2 x 2 outputs; and
//! dx, which is such a convolution of dy:
//!
//! ```text
//! dx[n,c,r,q] = Σ_{o,u,v} w[o,c,2-u,2-v] dy[n,o, r + u - (2 - p_h), q + v - (2 - p_w)]
//! ```
//!
//! Here is the famous flip after all: filters turned by half a circle, channels and filters in each other's place, and
//! as much padding as makes the full convolution.

use super::Geometry;
use super::averages::store_pair;
use super::phases::Phases;
use super::plan::{bands, even_bands};
use super::windows::BAND;
use super::winograd::{self, TWO, Two};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{CopyRows, Rows, blocks};
use crate::{Element, scratch};
use std::ops::Range;

/// A convolution in squares of 2 x 2 outputs.
pub(super) struct Squares<E: Element> {
    level: Level,
    /// (H_out, W_out).
    size: (usize, usize),
    phases: Phases,
    bank: Bank<E>,
    /// Rows of squares in a band.
    band: usize,
}

/// Cycles for a channel of a vector of squares, beside its products: the patches' transform; and for a filter of it,
/// beside its channels' products: the outputs' transform. Measured.
const PATCHES: usize = 80;
const OUTPUTS: usize = 40;

impl<E: Element> Squares<E> {
    /// Whether this is the faster way.
    fn pays(g: &Geometry) -> bool {
        if g.kernel != (3, 3) || g.stride != (1, 1) {
            return false;
        }
        let (h_out, w_out) = g.output_size();
        let vectors = |rows: usize, row: usize, last: usize| ((rows - 1) * row + last).div_ceil(MAX_LANES);
        let (h, w) = (h_out.div_ceil(2), w_out.div_ceil(2));
        let squares = vectors(h, w + 1, w) * (g.channels * (16 * g.filters + PATCHES) + OUTPUTS * g.filters);
        let direct = vectors(h_out, w_out + 2, w_out) * g.channels * 9 * g.filters;
        squares * 8 < direct * 9
    }

    /// y = conv(x, weight), where this is the faster way.
    pub(super) fn forward(g: &Geometry, weight: &[E]) -> Option<Squares<E>> {
        Squares::<E>::pays(g).then(|| {
            let (level, size) = (Level::current(), g.output_size());
            let phases = Phases::new(g, (2, 2));
            let bank = Bank::new(level, g, &phases, weight);
            let band = even_bands(size.0.div_ceil(2), phases.row, BAND);
            Squares { level, size, phases, bank, band }
        })
    }

    /// dx, as a convolution of dy, where this is the faster way.
    pub(super) fn input(g: &Geometry, weight: &[E]) -> Option<Squares<E>> {
        let padding = (2_usize.checked_sub(g.padding.0)?, 2_usize.checked_sub(g.padding.1)?);
        let turned =
            Geometry { channels: g.filters, size: g.output_size(), filters: g.channels, padding, ..*g };
        if !Squares::<E>::pays(&turned) {
            return None;
        }
        let mut flipped = scratch::any::<E>(g.weight_len());
        for (at, value) in flipped.iter_mut().enumerate() {
            let (c, o, tap) = (at / 9 / g.filters, at / 9 % g.filters, at % 9);
            *value = weight[(o * g.channels + c) * 9 + 8 - tap];
        }
        Squares::forward(&turned, &flipped)
    }

    /// y of an image, or added to it.
    pub(super) fn image(&self, x: &[E], bias: Option<&[E]>, add: bool, y: &mut [E]) {
        let ((h_out, w_out), row) = (self.size, self.phases.row);
        let (h, w) = (h_out.div_ceil(2), w_out.div_ceil(2));
        let planes = self.phases.split(x).expect("a step of 2");
        let columns = self.bank.columns(&planes, (h - 1) * row + w);
        let mut tiles = scratch::any::<E>(self.bank.filters * 4 * self.band * row);
        let mut patches = scratch::any::<E>(self.bank.patches_len());
        for rows in bands(h, self.band) {
            let len = (rows.len() - 1) * row + w;
            let tiles = &mut tiles[..self.bank.filters * 4 * len];
            let (bank, columns) = (&self.bank, columns.window(rows.start * row, len));
            E::dispatch_at(self.level, Band { bank, columns, bias, patches: &mut patches, y: &mut *tiles });
            for below in 0..2 {
                // An odd last row has none below it.
                let count = (h_out - below).div_ceil(2).min(rows.end).saturating_sub(rows.start);
                if count > 0 {
                    let from = (&tiles[below * 2 * len..], 4 * len, 2 * row);
                    let to = (&mut y[(2 * rows.start + below) * w_out..], h_out * w_out, 2 * w_out);
                    let planes = self.bank.filters;
                    let copy = CopyRows { from, to, planes, rows: count, len: w_out, add };
                    E::dispatch_at(self.level, copy);
                }
            }
        }
    }
}

/// The largest M of the tiles: 4 M sums, the vectors of the image and one weight have to fit in the registers. With few
/// channels the sums are soon done, and keeping the outputs in registers beside them counts for more.
fn block_height(level: Level, g: &Geometry) -> usize {
    match level {
        Level::Avx512 if g.channels <= 4 => 3,
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
    /// (channel, row, column) of a patch.
    offsets: Vec<usize>,
}

impl<E: Element> Bank<E> {
    fn new(level: Level, g: &Geometry, phases: &Phases, weight: &[E]) -> Bank<E> {
        let (height, filters, depth) = (block_height(level, g), g.filters, g.channels * TWO * TWO);
        let packed = winograd::transform_filters::<E, Two, TWO>(g, weight, blocks(height, filters));
        Bank { height, filters, depth, packed, offsets: phases.patches(TWO) }
    }

    fn columns<'a>(&'a self, planes: &'a [E], len: usize) -> Rows<'a, E> {
        Rows::new(planes, &self.offsets, len)
    }

    /// Elements of the transformed patches of the widest vector.
    fn patches_len(&self) -> usize {
        self.depth * MAX_LANES
    }

    fn block(&self, block: &Range<usize>) -> &[E] {
        &self.packed[block.start * self.depth..block.end * self.depth]
    }
}

/// A band of squares, all filters.
struct Band<'a, E: Element> {
    bank: &'a Bank<E>,
    columns: Rows<'a, E>,
    bias: Option<&'a [E]>,
    /// Room for transformed patches.
    patches: &'a mut [E],
    /// (filter, row of the square, twice the square): the result.
    y: &'a mut [E],
}

impl<E: Element> Kernel<E> for Band<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let (bank, len) = (self.bank, self.columns.len());
        // What the tiles rely on.
        assert!(self.columns.count() == bank.depth && self.patches.len() >= bank.patches_len());
        assert!(bank.packed.len() == bank.filters * bank.depth && S::LANES <= MAX_LANES);
        assert!(self.y.len() == bank.filters * 4 * len && self.bias.is_none_or(|b| b.len() == bank.filters));
        for p in (0..len).step_by(S::LANES) {
            let n = (len - p).min(S::LANES);
            let v = (self.patches.as_mut_ptr(), bank.depth / TWO * S::LANES);
            // SAFETY: p + n <= len, and there is room for the patches.
            unsafe {
                if n == S::LANES {
                    winograd::transform_patches::<E, S, Two, TWO, false>(s, &self.columns, (p, n), v);
                } else {
                    winograd::transform_patches::<E, S, Two, TWO, true>(s, &self.columns, (p, n), v);
                }
            }
            for block in blocks(bank.height, bank.filters) {
                match (S::REGISTERS, block.len()) {
                    (32, 6) => self.tile::<S, 6>(s, block, p, n),
                    (32, 5) => self.tile::<S, 5>(s, block, p, n),
                    (32, 4) => self.tile::<S, 4>(s, block, p, n),
                    (16 | 32, 3) => self.tile::<S, 3>(s, block, p, n),
                    (16 | 32, 2) => self.tile::<S, 2>(s, block, p, n),
                    (_, 1) => self.tile::<S, 1>(s, block, p, n),
                    (registers, height) => {
                        unreachable!("no tile of {height} filters in {registers} registers")
                    }
                }
            }
        }
    }
}

impl<E: Element> Band<'_, E> {
    /// Squares p..p + n of a block of M filters.
    #[inline(always)]
    fn tile<S: Simd<E>, const M: usize>(&mut self, s: S, block: Range<usize>, p: usize, n: usize) {
        let packed = self.bank.block(&block);
        assert!(packed.len() == M * self.bank.depth);
        let channels = self.bank.depth / (TWO * TWO);
        // SAFETY: `run` and this assertion have checked the sizes.
        let c = unsafe { winograd::outputs::<E, S, M>(s, channels, packed.as_ptr(), self.patches.as_ptr()) };
        let len = self.columns.len();
        for (c, o) in c.iter().zip(block) {
            let bias = s.splat(self.bias.map_or(E::ZERO, |bias| bias[o]));
            for row in 0..2 {
                let (a, b) = s.interleave(s.add(c[2 * row], bias), s.add(c[2 * row + 1], bias));
                let at = (2 * o + row) * 2 * len + 2 * p;
                // SAFETY: 2 n numbers of this row of filter o are left.
                unsafe { store_pair(s, self.y.as_mut_ptr().add(at), 2 * n, [a, b]) };
            }
        }
    }
}
