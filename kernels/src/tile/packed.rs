//! A as [`Multiply`] reads it: the numbers that a step of k broadcasts, side by side.

use super::{Block, Init, Rows, blocks, fits};
use crate::simd::{Kernel, Level, Simd};
use crate::{Element, scratch};
use std::ops::Range;

/// Numbers of X in a band, about a first-level cache.
const BAND: usize = 1 << 13;
/// Columns of a band at least: some of the widest tiles.
const NARROWEST: usize = 192;

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

    /// The same where the numbers of row i are `a[i * step..][..depth]`.
    pub fn of_rows((a, step): (&[E], usize), (rows, depth): (usize, usize)) -> Packed<E> {
        let level = Level::current();
        let height = block_height(level);
        if !blocks(height, rows).all(|block| block.len().is_power_of_two()) {
            return Packed::new(rows, depth, |i, k| a[i * step + k]);
        }
        let mut packed = Packed { level, rows, depth, values: scratch::any(rows * depth) };
        let job = Interleave { from: (a, step), size: (rows, depth), height, to: &mut packed.values };
        E::dispatch_at(level, job);
        packed
    }

    /// The same where the numbers of column k are `a[k * step..][..rows]`.
    pub fn of_columns((a, step): (&[E], usize), (rows, depth): (usize, usize)) -> Packed<E> {
        let mut packed = Packed { level: Level::current(), rows, depth, values: scratch::any(rows * depth) };
        for block in packed.blocks() {
            let to = &mut packed.values[block.start * depth..block.end * depth];
            // A short copy of any length would be a call of `memcpy`.
            macro_rules! of {
                ($($m:literal)*) => {
                    match block.len() {
                        $($m => stretches::<E, $m>(&a[block.start..], step, to),)*
                        m => unreachable!("a block of {m} rows"),
                    }
                };
            }
            of!(1 2 3 4 5 6 7 8);
        }
        packed
    }

    /// The largest M of the tiles.
    pub fn height(&self) -> usize {
        block_height(self.level)
    }

    /// The blocks of rows of C that a tile does at once.
    pub fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<E> {
        blocks(self.height(), self.rows)
    }

    /// C = init + A^T X; row i of C begins at `out[i * stride]`. In bands of columns, of which X stays in the caches for all
    /// blocks.
    pub fn multiply(&self, rows: Rows<'_, E>, init: Init<'_, E>, out: &mut [E], stride: usize) {
        let band = (BAND / self.depth).max(1).next_multiple_of(NARROWEST);
        let which = 0..self.rows;
        E::dispatch_at(self.level, Multiply { packed: self, which, k: 0, band, rows, init, out, stride });
    }

    /// The same for one of the [`Packed::blocks`], with whose first row `out` begins, by the rows of X from number k on, as
    /// many as there are. `init` is for all rows.
    pub fn multiply_block(
        &self,
        block: Range<usize>,
        (k, rows): (usize, Rows<'_, E>),
        init: Init<'_, E>,
        out: &mut [E],
        stride: usize,
    ) {
        let (which, band) = (block, rows.len().max(1));
        E::dispatch_at(self.level, Multiply { packed: self, which, k, band, rows, init, out, stride });
    }
}

/// See [`Packed::multiply`].
struct Multiply<'a, E: Element> {
    packed: &'a Packed<E>,
    /// The rows of C whose blocks are meant.
    which: Range<usize>,
    /// The first number of A that is meant.
    k: usize,
    /// Columns of a band.
    band: usize,
    rows: Rows<'a, E>,
    init: Init<'a, E>,
    out: &'a mut [E],
    stride: usize,
}

impl<E: Element> Kernel<E> for Multiply<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let Multiply { packed, which, k, init, stride, .. } = self;
        for start in (0..self.rows.len()).step_by(self.band) {
            let rows = self.rows.window(start, self.band.min(self.rows.len() - start));
            for block in packed.blocks().filter(|block| which.contains(&block.start)) {
                let (depth, height) = (packed.depth, block.len());
                let values = &packed.values[block.start * depth..block.end * depth];
                let values = &values[k * height..(k + rows.count()) * height];
                let out = &mut self.out[(block.start - which.start) * stride + start..];
                Block { packed: values, height, rows, init: init.of(block), out, stride }.multiply(s);
            }
        }
    }
}

/// M numbers of `from`, and again `step` further on, side by side.
fn stretches<E: Element, const M: usize>(from: &[E], step: usize, to: &mut [E]) {
    for (k, to) in to.as_chunks_mut::<M>().0.iter_mut().enumerate() {
        to.copy_from_slice(&from[k * step..][..M]);
    }
}

/// See [`Packed::of_rows`]: blocks of 1, 2, 4 or 8 rows.
struct Interleave<'a, E> {
    /// A, and from one row to the next.
    from: (&'a [E], usize),
    /// Rows and depth.
    size: (usize, usize),
    /// See [`blocks`].
    height: usize,
    to: &'a mut [E],
}

impl<E: Element> Kernel<E> for Interleave<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let (step, (rows, depth)) = (self.from.1, self.size);
        for block in blocks(self.height, rows) {
            let from = (&self.from.0[block.start * step..], step);
            let to = &mut self.to[block.start * depth..block.end * depth];
            match block.len() {
                8 => interleave::<E, S, 8>(s, from, to),
                4 => interleave::<E, S, 4>(s, from, to),
                2 => interleave::<E, S, 2>(s, from, to),
                _ => to.copy_from_slice(&from.0[..depth]),
            }
        }
    }
}

/// M rows side by side, by dealing them as a perfect shuffle, log2(M) times.
#[inline(always)]
fn interleave<E: Element, S: Simd<E>, const M: usize>(s: S, (from, step): (&[E], usize), to: &mut [E]) {
    let depth = to.len() / M;
    assert!(depth * M == to.len() && fits(M, step, depth, from.len()));
    for k in (0..depth).step_by(S::LANES) {
        let n = (depth - k).min(S::LANES);
        // SAFETY: n numbers of each row are left.
        let load = |i: usize| unsafe { s.load_partial(from.as_ptr().wrapping_add(i * step + k), n) };
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
