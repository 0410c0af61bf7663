//! A as [`Multiply`] reads it: the numbers that a step of k broadcasts, side by side.

use super::{Init, Multiply, Rows, blocks};
use crate::simd::{Kernel, Level, Simd};
use crate::{Element, scratch};
use std::ops::Range;

/// Numbers of X in a band, about a first-level cache.
const BAND: usize = 1 << 13;
/// Columns of a band at least: some of the widest tiles.
const NARROWEST: usize = 128;

/// The largest M of the tiles.
fn block_height(level: Level) -> usize {
    match level {
        Level::Avx512 => 8,
        Level::Avx2 | Level::Portable => 4,
    }
}

/// A as the tiles read it, in [`blocks`] of rows of C: in a block k after k, the block's numbers side by side.
pub struct Packed<E: Element> {
    level: Level,
    rows: usize,
    depth: usize,
    values: scratch::Scratch<E>,
}

impl<E: Element> Packed<E> {
    /// `a(i, k)` is the number for row i of C and row k of X.
    pub fn new(rows: usize, depth: usize, a: impl Fn(usize, usize) -> E) -> Packed<E> {
        let mut packed = Packed { level: Level::current(), rows, depth, values: scratch::any(rows * depth) };
        for block in packed.blocks() {
            let values = &mut packed.values[block.start * depth..block.end * depth];
            for (k, column) in values.chunks_exact_mut(block.len()).enumerate() {
                column.iter_mut().zip(block.clone()).for_each(|(value, i)| *value = a(i, k));
            }
        }
        packed
    }

    /// The same where row i's numbers are `a[i * depth..]`, k after k.
    pub fn of_rows(a: &[E], depth: usize) -> Packed<E> {
        assert!(depth > 0 && a.len().is_multiple_of(depth), "A is not of whole rows");
        let (level, rows) = (Level::current(), a.len() / depth);
        let mut blocks = blocks(block_height(level), rows);
        if !blocks.all(|block| block.len().is_power_of_two()) {
            return Packed::new(rows, depth, |i, k| a[i * depth + k]);
        }
        let mut packed = Packed { level, rows, depth, values: scratch::any(rows * depth) };
        E::dispatch_at(
            level,
            Interleave { from: a, depth, height: block_height(level), to: &mut packed.values },
        );
        packed
    }

    /// The largest M of the tiles.
    pub fn height(&self) -> usize {
        block_height(self.level)
    }

    pub fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<E> {
        blocks(self.height(), self.rows)
    }

    /// C = init + A^T X; row i of C begins at `out[i * stride]`. In bands of columns, of which X stays in the caches for all
    /// blocks.
    pub fn multiply(&self, rows: Rows<'_, E>, init: Init<'_, E>, out: &mut [E], stride: usize) {
        let band = (BAND / self.depth).max(1).next_multiple_of(NARROWEST);
        for start in (0..rows.len()).step_by(band) {
            let rows = rows.window(start, band.min(rows.len() - start));
            for block in self.blocks() {
                let out = &mut out[block.start * stride + start..];
                self.multiply_block(block, (0, rows), init, out, stride);
            }
        }
    }

    /// The same for a block of C, with which `out` begins, by the rows of X from number k on, as many as there are.
    pub fn multiply_block(
        &self,
        block: Range<usize>,
        (k, rows): (usize, Rows<'_, E>),
        init: Init<'_, E>,
        out: &mut [E],
        stride: usize,
    ) {
        let packed = &self.values[block.start * self.depth..block.end * self.depth];
        let packed = &packed[k * block.len()..(k + rows.count()) * block.len()];
        E::dispatch_at(self.level, Multiply { packed, rows, init: init.of(block), out, stride });
    }
}

/// See [`Packed::of_rows`]: blocks of 1, 2, 4 or 8 rows.
struct Interleave<'a, E> {
    from: &'a [E],
    depth: usize,
    /// See [`blocks`].
    height: usize,
    to: &'a mut [E],
}

impl<E: Element> Kernel<E> for Interleave<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        for block in blocks(self.height, self.from.len() / self.depth) {
            let part = block.start * self.depth..block.end * self.depth;
            let (from, to) = (&self.from[part.clone()], &mut self.to[part]);
            match block.len() {
                8 => interleave::<E, S, 8>(s, from, to),
                4 => interleave::<E, S, 4>(s, from, to),
                2 => interleave::<E, S, 2>(s, from, to),
                _ => to.copy_from_slice(from),
            }
        }
    }
}

/// M rows side by side, by dealing them as a perfect shuffle, log2(M) times.
#[inline(always)]
fn interleave<E: Element, S: Simd<E>, const M: usize>(s: S, from: &[E], to: &mut [E]) {
    let depth = from.len() / M;
    assert!(depth * M == from.len() && to.len() == from.len());
    for k in (0..depth).step_by(S::LANES) {
        let n = (depth - k).min(S::LANES);
        // SAFETY: n numbers of each row are left.
        let load = |i: usize| unsafe { s.load_partial(from.as_ptr().wrapping_add(i * depth + k), n) };
        let mut rows: [S::V; M] = std::array::from_fn(load);
        for _ in 0..M.ilog2() {
            let before = rows;
            for i in 0..M / 2 {
                (rows[2 * i], rows[2 * i + 1]) = s.interleave(before[i], before[i + M / 2]);
            }
        }
        for (i, row) in rows.into_iter().enumerate() {
            let n = (n * M).saturating_sub(i * S::LANES).min(S::LANES);
            // SAFETY: of the n M numbers from k M on, this vector's share.
            unsafe { s.store_partial(to.as_mut_ptr().wrapping_add(k * M + i * S::LANES), n, row) };
        }
    }
}
