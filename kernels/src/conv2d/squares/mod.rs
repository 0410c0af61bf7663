//! Convolutions with 3 x 3 filters at stride 1 by a [`Form`] of [`winograd`], a square of 2 x 2 or 4 x 4 outputs at a
//! time.
//!
//! For this the image is cut into 2 x 2 or 4 x 4 [`Phases`]: where square (i, j) is the vector's lane i S + j, what number
//! (r, q) of the patch is for all lanes is one stretch of the plane of (r, q). A vector of squares goes through all
//! filters, some at a time; sums and outputs never leave the registers and the first-level cache. What becomes of the
//! outputs is the [`Tail`]'s matter: [`plain`] writes them, [`max_pool`] their largest.

pub(super) mod max_pool;
pub(super) mod plain;

use super::Geometry;
use super::phases::Phases;
use super::winograd::{self, Form};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{CopyRows, Rows, blocks};
use crate::{Element, scratch};
use std::marker::PhantomData;
use std::ops::Range;

/// The largest M of the tiles: P M sums, a vector of the patches and one weight have to fit in the registers.
fn block_height(level: Level, patch: usize) -> usize {
    match level {
        Level::Avx512 => 24 / patch,
        Level::Avx2 => 12 / patch,
        Level::Portable => 1,
    }
}

/// The filters as the tiles read them, and where the numbers that they meet begin in the planes.
struct Bank<E: Element, F, const P: usize> {
    level: Level,
    /// Filters in a block.
    height: usize,
    filters: usize,
    packed: scratch::Scratch<E>,
    /// (channel, row, column) of a patch.
    offsets: Vec<usize>,
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Bank<E, F, P> {
    fn new(g: &Geometry, phases: &Phases, weight: &[E]) -> Bank<E, F, P> {
        let level = Level::current();
        let (height, filters) = (block_height(level, P), g.filters);
        let packed = winograd::transform_filters::<E, F, P>(g, weight, blocks(height, filters));
        Bank { level, height, filters, packed, offsets: phases.patches(P), form: PhantomData }
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
        scratch::any((self.depth() + F::SIDE * P * self.height) * MAX_LANES)
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

    fn run<T: Tail<E, F, P>>(&self, columns: Rows<'_, E>, room: &mut [E], tail: T) {
        E::dispatch_at(self.level, Band { bank: self, columns, room, tail });
    }
}

/// What becomes of the outputs.
trait Tail<E: Element, F, const P: usize> {
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
        outputs: Outputs<E, F, P>,
        at: (usize, usize),
    );
}

/// The outputs of one filter for a vector of squares, but for the last step: A^T has been applied, A has not.
struct Outputs<E, F, const P: usize>(*const E, PhantomData<F>);

impl<E: Element, F: Form<P>, const P: usize> Outputs<E, F, P> {
    /// Row r of the squares.
    ///
    /// # Safety
    /// [`products`] has written them, and r < `SIDE`.
    #[inline(always)]
    unsafe fn row<S: Simd<E>>(&self, s: S, r: usize) -> [S::V; 4] {
        let mut sums = [s.splat(E::ZERO); P];
        for (q, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *sum = unsafe { s.load(self.0.wrapping_add((r * P + q) * S::LANES)) };
        }
        F::gather(s, sums)
    }
}

/// A band of squares, all filters.
struct Band<'a, E: Element, F, T, const P: usize> {
    bank: &'a Bank<E, F, P>,
    columns: Rows<'a, E>,
    /// See [`Bank::room`].
    room: &'a mut [E],
    tail: T,
}

impl<E: Element, F: Form<P>, T: Tail<E, F, P>, const P: usize> Kernel<E> for Band<'_, E, F, T, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let (bank, len) = (self.bank, self.columns.len());
        let depth = bank.depth();
        // What the tiles rely on.
        assert!(self.columns.count() == depth && bank.packed.len() == bank.filters * depth);
        assert!(self.room.len() >= (depth + F::SIDE * P * bank.height) * MAX_LANES && S::LANES <= MAX_LANES);
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

impl<E: Element, F: Form<P>, T: Tail<E, F, P>, const P: usize> Band<'_, E, F, T, P> {
    /// Squares p..p + n of every filter.
    #[inline(always)]
    fn vector<S: Simd<E>, const PARTIAL: bool>(&mut self, s: S, p: usize, n: usize) {
        let bank = self.bank;
        let v = (self.room.as_mut_ptr(), bank.depth() / P * S::LANES);
        // SAFETY: p + n <= len, and `run` has checked that there is room for the patches.
        unsafe { winograd::transform_patches::<E, S, F, P, PARTIAL>(s, &self.columns, (p, n), v) };
        for block in blocks(bank.height, bank.filters) {
            match (S::REGISTERS, block.len()) {
                (32, 6) if P == 4 => self.tile::<S, 6, PARTIAL>(s, block, p, n),
                (32, 5) if P == 4 => self.tile::<S, 5, PARTIAL>(s, block, p, n),
                (32, 4) => self.tile::<S, 4, PARTIAL>(s, block, p, n),
                (32, 3) => self.tile::<S, 3, PARTIAL>(s, block, p, n),
                (16, 3) if P == 4 => self.tile::<S, 3, PARTIAL>(s, block, p, n),
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
        let v = self.room.as_ptr();
        let gathered = self.room.as_mut_ptr().wrapping_add(depth * S::LANES);
        // SAFETY: `run` and this assertion have checked the sizes.
        unsafe { products::<E, S, F, P, M>(s, depth / (P * P), packed.as_ptr(), v, gathered) };
        for (m, o) in block.enumerate() {
            let outputs =
                Outputs(gathered.wrapping_add(m * F::SIDE * P * S::LANES).cast_const(), PhantomData);
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
/// wrote, and there is room for `SIDE` P M vectors at `gathered`.
#[inline(always)]
unsafe fn products<E: Element, S: Simd<E>, F: Form<P>, const P: usize, const M: usize>(
    s: S,
    channels: usize,
    mut u: *const E,
    mut v: *const E,
    gathered: *mut E,
) {
    for q in 0..P {
        let mut sums = [[s.splat(E::ZERO); P]; M];
        for _ in 0..channels {
            for r in 0..P {
                // SAFETY: this function's contract: P^2 channels vectors, and M numbers for each.
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
            for (row, value) in F::gather(s, sums).into_iter().enumerate().take(F::SIDE) {
                // SAFETY: this function's contract.
                unsafe { s.store(gathered.add(((m * F::SIDE + row) * P + q) * S::LANES), value) };
            }
        }
    }
}
