//! Sums along the rows of two matrices: vectors of products, whose lanes are added at the end.

use super::Rows;
use crate::Element;
use crate::simd::{Kernel, MAX_LANES, Simd, sums_of_lanes};

/// `G[i][k] += Σ_p Y[i][p] X[k][p]`.
pub struct Dots<'a, E> {
    /// Y.
    pub left: Rows<'a, E>,
    /// X, whose rows are as long.
    pub right: Rows<'a, E>,
    /// G, row-major: `left.count()` x `right.count()`.
    pub out: &'a mut [E],
}

impl<E: Element> Kernel<E> for Dots<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        assert!(self.left.len == self.right.len, "rows of different lengths");
        assert!(self.out.len() == self.left.count() * self.right.count(), "G has another size");
        let rows = self.left.count();
        let mut i = 0;
        while i < rows {
            // Rows of Y are shared by all of X, so more of them are worth more; but a block of 8 + 1 is not.
            let height = match (S::REGISTERS, rows - i) {
                (8, 1) => 1,
                (8, _) => 2,
                (32, 8..) => 8,
                (_, 1) => 1,
                (_, 2 | 3) => 2,
                _ => 4,
            };
            match (S::REGISTERS, height) {
                (32, 8) => dots_block::<E, S, 8, 3>(s, &mut self, i),
                (32, 4) => dots_block::<E, S, 4, 6>(s, &mut self, i),
                (32, 2) => dots_block::<E, S, 2, 8>(s, &mut self, i),
                (32, 1) => dots_block::<E, S, 1, 8>(s, &mut self, i),
                (16, 4) => dots_block::<E, S, 4, 3>(s, &mut self, i),
                (16, 2) => dots_block::<E, S, 2, 4>(s, &mut self, i),
                (16, 1) => dots_block::<E, S, 1, 6>(s, &mut self, i),
                (8, 2) => dots_block::<E, S, 2, 2>(s, &mut self, i),
                (_, _) => dots_block::<E, S, 1, 3>(s, &mut self, i),
            }
            i += height;
        }
    }
}

/// M rows of G from row i on.
#[inline(always)]
fn dots_block<E: Element, S: Simd<E>, const M: usize, const N: usize>(s: S, job: &mut Dots<'_, E>, i: usize) {
    let columns = job.right.count();
    let mut k = 0;
    while k + N <= columns {
        dots_tile::<E, S, M, N>(s, job, i, k);
        k += N;
    }
    // What is left, in tiles of 3 and 1: a tile of 4 x 1 is still as fast as memory.
    while k + 3 <= columns {
        dots_tile::<E, S, M, 3>(s, job, i, k);
        k += 3;
    }
    while k < columns {
        dots_tile::<E, S, M, 1>(s, job, i, k);
        k += 1;
    }
}

/// Elements of the largest tile of [`Dots`]: 24 vectors of 16.
const MAX_TILE: usize = 384;

#[inline(always)]
fn dots_tile<E: Element, S: Simd<E>, const M: usize, const N: usize>(
    s: S,
    job: &mut Dots<'_, E>,
    i: usize,
    k: usize,
) {
    let len = job.left.len;
    let columns = job.right.count();
    let mut left = [std::ptr::null(); M];
    for (m, pointer) in left.iter_mut().enumerate() {
        *pointer = job.left.pointer(i + m, 0);
    }
    let mut right = [std::ptr::null(); N];
    for (j, pointer) in right.iter_mut().enumerate() {
        *pointer = job.right.pointer(k + j, 0);
    }
    let mut sums = [[s.splat(E::ZERO); N]; M];
    let mut p = 0;
    while p + S::LANES <= len {
        let mut x = [s.splat(E::ZERO); N];
        for (x, pointer) in x.iter_mut().zip(&right) {
            // SAFETY: a vector is left of the rows, which `Rows::new` holds in their buffers.
            *x = unsafe { s.load(pointer.add(p)) };
        }
        for (row, pointer) in sums.iter_mut().zip(&left) {
            // SAFETY: as above.
            let y = unsafe { s.load(pointer.add(p)) };
            for (sum, x) in row.iter_mut().zip(&x) {
                *sum = s.fma(y, *x, *sum);
            }
        }
        p += S::LANES;
    }
    if p < len {
        let n = len - p;
        let mut x = [s.splat(E::ZERO); N];
        for (x, pointer) in x.iter_mut().zip(&right) {
            // SAFETY: n numbers are left of the rows.
            *x = unsafe { s.load_partial(pointer.add(p), n) };
        }
        for (row, pointer) in sums.iter_mut().zip(&left) {
            // SAFETY: as above.
            let y = unsafe { s.load_partial(pointer.add(p), n) };
            for (sum, x) in row.iter_mut().zip(&x) {
                *sum = s.fma(y, *x, *sum);
            }
        }
    }
    // By way of memory: a loop this long over the sums themselves would keep them out of registers above.
    let mut stored = [E::ZERO; MAX_TILE];
    const { assert!(M * N * S::LANES <= MAX_TILE) };
    for (m, row) in sums.iter().enumerate() {
        for (j, sum) in row.iter().enumerate() {
            // SAFETY: M N vectors fit in `stored`.
            unsafe { s.store(stored.as_mut_ptr().add((m * N + j) * S::LANES), *sum) };
        }
    }
    let mut totals = [E::ZERO; MAX_TILE / 4];
    for first in (0..M * N).step_by(S::LANES) {
        let mut vectors = [s.splat(E::ZERO); MAX_LANES];
        for (i, vector) in vectors.iter_mut().enumerate().take(S::LANES.min(M * N - first)) {
            // SAFETY: `stored` has M N vectors.
            *vector = unsafe { s.load(stored.as_ptr().add((first + i) * S::LANES)) };
        }
        // SAFETY: `totals` has room for the vectors that begin before M N.
        unsafe { s.store(totals.as_mut_ptr().add(first), sums_of_lanes(s, vectors)) };
    }
    const { assert!(M * N + MAX_LANES <= MAX_TILE / 4) };
    for (m, totals) in totals[..M * N].chunks_exact(N).enumerate() {
        for (out, total) in job.out[(i + m) * columns + k..][..N].iter_mut().zip(totals) {
            *out += *total;
        }
    }
}
