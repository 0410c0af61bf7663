//! Convolutions with 3 x 3 filters at stride 1 by [`winograd`]'s F(4 x 4, 3 x 3), a square of 4 x 4 outputs at a time.
//!
//! For this the image is cut into 4 x 4 [`Phases`]: where square (i, j) is the vector's lane i S + j, what number
//! (r, q) of the patch is for all lanes is one stretch of the plane of (r, q). A vector of squares goes through all
//! filters, some at a time; sums and outputs never leave the registers and the first-level cache. What becomes of the
//! outputs is the [`Finish`]'s matter: [`plain`] writes them, [`max_pool`] their largest.

pub(super) mod max_pool;
pub(super) mod plain;

use super::Geometry;
use super::phases::Phases;
use super::winograd::{self, FOUR, Form, Four};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{CopyRows, Rows, blocks};
use crate::{Element, scratch};
use std::ops::Range;

/// Side of the squares of outputs.
const SIDE: usize = Four::SIDE;

/// The largest M of the tiles: six M sums, a vector of the patches and one weight have to fit in the registers.
fn block_height(level: Level) -> usize {
    match level {
        Level::Avx512 => 4,
        Level::Avx2 => 2,
        Level::Portable => 1,
    }
}

/// The filters as the tiles read them, and where the numbers that they meet begin in the planes.
struct Bank<E: Element> {
    level: Level,
    /// Filters in a block.
    height: usize,
    filters: usize,
    packed: scratch::Scratch<E>,
    /// (channel, row, column) of a patch.
    offsets: Vec<usize>,
}

impl<E: Element> Bank<E> {
    fn new(g: &Geometry, phases: &Phases, weight: impl Fn(usize, usize, usize) -> E) -> Bank<E> {
        let level = Level::current();
        let (height, filters) = (block_height(level), g.filters);
        let packed = winograd::transform_filters::<E, Four, FOUR>(g, weight, blocks(height, filters));
        Bank { level, height, filters, packed, offsets: phases.patches(FOUR) }
    }

    /// The patches of `len` squares.
    fn columns<'a>(&'a self, planes: &'a [E], len: usize) -> Rows<'a, E> {
        Rows::new(planes, &self.offsets, len)
    }

    /// Numbers of a filter in `packed`.
    fn depth(&self) -> usize {
        self.offsets.len()
    }

    /// Room for transformed patches, and behind them for sums that are gathered along columns only.
    fn room(&self) -> scratch::Scratch<E> {
        scratch::any((self.depth() + SIDE * FOUR * self.height) * MAX_LANES)
    }

    /// Copies rows `rows` of squares, outputs of `side` x `side` each, from a band's tile to rows of y, (filter, H, W), or
    /// adds them. In the tile, row r of the squares of a filter is one stretch of `side` `len`; from one row of squares to
    /// the next it is `side` `row`.
    fn copy(
        &self,
        (tile, side, len, row): (&[E], usize, usize, usize),
        rows: &Range<usize>,
        (y, h, w): (&mut [E], usize, usize),
        add: bool,
    ) {
        for r in 0..side.min(h) {
            // The last row of squares may reach over the end.
            let count = (h - r).div_ceil(side).min(rows.end).saturating_sub(rows.start);
            if count > 0 {
                let from = (&tile[r * side * len..], side * side * len, side * row);
                let to = (&mut y[(side * rows.start + r) * w..], h * w, side * w);
                let copy = CopyRows { from, to, planes: self.filters, rows: count, len: w, add };
                E::dispatch_at(self.level, copy);
            }
        }
    }

    fn run<T: Finish<E>>(&self, columns: Rows<'_, E>, room: &mut [E], tail: T) {
        E::dispatch_at(self.level, SquaresBand { bank: self, columns, room, tail });
    }
}

/// What becomes of the outputs.
trait Finish<E: Element> {
    /// Panics unless there is room for all that `take` writes.
    fn check(&self, filters: usize, len: usize);

    /// Takes the outputs of filter o for squares p..p + n; n is a vector's length, or less with `PARTIAL`.
    ///
    /// # Safety
    /// `check` has passed, o is a filter, p + n <= len, and the outputs are there.
    unsafe fn take<S: Simd<E>, const PARTIAL: bool>(
        &mut self,
        s: S,
        o: usize,
        outputs: Outputs<E>,
        at: (usize, usize),
    );
}

/// The outputs of one filter for a vector of squares, but for the last step: A^T has been applied, A has not.
struct Outputs<E>(*const E);

impl<E: Element> Outputs<E> {
    /// Row r of the squares.
    ///
    /// # Safety
    /// [`products`] has written them, and r < `SIDE`.
    #[inline(always)]
    unsafe fn row<S: Simd<E>>(&self, s: S, r: usize) -> [S::V; 4] {
        let mut sums = [s.splat(E::ZERO); FOUR];
        for (q, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *sum = unsafe { s.load(self.0.wrapping_add((r * FOUR + q) * S::LANES)) };
        }
        Four::gather(s, sums)
    }
}

/// A band of squares, all filters.
struct SquaresBand<'a, E: Element, T> {
    bank: &'a Bank<E>,
    columns: Rows<'a, E>,
    /// See [`Bank::room`].
    room: &'a mut [E],
    tail: T,
}

impl<E: Element, T: Finish<E>> Kernel<E> for SquaresBand<'_, E, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let (bank, len) = (self.bank, self.columns.len());
        let depth = bank.depth();
        // What the tiles rely on.
        assert!(self.columns.count() == depth && bank.packed.len() == bank.filters * depth);
        assert!(self.room.len() >= (depth + SIDE * FOUR * bank.height) * MAX_LANES && S::LANES <= MAX_LANES);
        self.tail.check(bank.filters, len);
        let whole = len / S::LANES * S::LANES;
        for p in (0..whole).step_by(S::LANES) {
            self.vector::<S, false>(s, p, S::LANES);
        }
        if whole < len {
            self.vector::<S, true>(s, whole, len - whole);
        }
    }
}

impl<E: Element, T: Finish<E>> SquaresBand<'_, E, T> {
    /// Squares p..p + n of every filter.
    #[inline(always)]
    fn vector<S: Simd<E>, const PARTIAL: bool>(&mut self, s: S, p: usize, n: usize) {
        let bank = self.bank;
        let v = (self.room.as_mut_ptr(), bank.depth() / FOUR * S::LANES);
        // SAFETY: p + n <= len, and `run` has checked that there is room for the patches.
        unsafe { winograd::transform_patches::<E, S, Four, FOUR, PARTIAL>(s, &self.columns, (p, n), v) };
        for block in blocks(bank.height, bank.filters) {
            match (S::REGISTERS, block.len()) {
                (32, 4) => self.tile::<S, 4, PARTIAL>(s, block, p, n),
                (32, 3) => self.tile::<S, 3, PARTIAL>(s, block, p, n),
                (16 | 32, 2) => self.tile::<S, 2, PARTIAL>(s, block, p, n),
                (_, 1) => self.tile::<S, 1, PARTIAL>(s, block, p, n),
                (registers, height) => unreachable!("no tile of {height} filters in {registers} registers"),
            }
        }
    }

    /// Squares p..p + n of a block of M filters.
    #[inline(always)]
    fn tile<S: Simd<E>, const M: usize, const PARTIAL: bool>(
        &mut self,
        s: S,
        block: Range<usize>,
        p: usize,
        n: usize,
    ) {
        let depth = self.bank.depth();
        let packed = &self.bank.packed[block.start * depth..block.end * depth];
        assert!(packed.len() == M * depth);
        let v = self.room.as_mut_ptr();
        let gathered = v.wrapping_add(depth * S::LANES);
        // SAFETY: `run` and this assertion have checked the sizes.
        unsafe { products::<E, S, M>(s, depth / (FOUR * FOUR), packed.as_ptr(), v, gathered) };
        for (m, o) in block.enumerate() {
            let outputs = Outputs(gathered.wrapping_add(m * SIDE * FOUR * S::LANES).cast_const());
            // SAFETY: `products` has written them; `run` has called `check`; o is a filter and p + n <= len.
            unsafe { self.tail.take::<S, PARTIAL>(s, o, outputs, (p, n)) };
        }
    }
}

/// A^T times the products of M filters and the patches, summed over channels: (filter, row, column), a vector each. What
/// is left is A from the right.
///
/// # Safety
/// `u` has a block of M filters as [`winograd::transform_filters`] makes it, `v` what [`winograd::transform_patches`]
/// wrote, and there is room for `SIDE` 6 M vectors at `gathered`.
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
            for (row, value) in Four::gather(s, sums).into_iter().enumerate() {
                // SAFETY: this function's contract.
                unsafe { s.store(gathered.add(((m * SIDE + row) * FOUR + q) * S::LANES), value) };
            }
        }
    }
}
