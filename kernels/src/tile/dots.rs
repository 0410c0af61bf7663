//! Sums along the rows of two matrices: vectors of products, whose lanes are added at the end.
//!
//! Long rows are gone through in bands, all tiles in one before the next: then the rows of Y that a block of tiles
//! shares are in the first-level cache for all but its first tile. Between the bands the sums are kept as vectors.
//!
//! Where Y is in pieces, the first tile of a block reads them where they stand, and copies them in passing to rows with
//! zeros between the pieces, in step with X. The tiles after it read the copy.

use super::{Rows, fits};
use crate::simd::{Kernel, MAX_LANES, Simd, sums_of_lanes};
use crate::{Element, scratch};

/// Bytes of a row in a band: four rows of Y fill three quarters of a first-level cache of 32 KiB.
const BAND: usize = 6144;

/// Bytes of sums, as vectors, that are worth keeping from band to band. Where they are more, the lanes are added at
/// the end of each band, and a band is [`LONG`] times as long.
const KEPT: usize = 1 << 19;

/// See [`KEPT`].
const LONG: usize = 4;

/// Room for a row of a band that is copied, and the vectors that reach beyond it.
const fn room<E>() -> usize {
    LONG * BAND / size_of::<E>() + 2 * MAX_LANES
}

/// `G[i][k] += Σ_p Y[i][p] X[k][p]`.
pub struct Dots<'a, E> {
    /// Y.
    pub left: Rows<'a, E>,
    /// X.
    pub right: Rows<'a, E>,
    /// Which p.
    pub pieces: Pieces,
    /// G, row-major: `left.count()` x `right.count()`.
    pub out: &'a mut [E],
}

/// The rows of Y and X in pieces.
#[derive(Clone, Copy)]
pub struct Pieces {
    /// How many.
    pub count: usize,
    /// Numbers of a piece.
    pub len: usize,
    /// From one to the next, in Y and in X.
    pub step: (usize, usize),
}

impl<'a, E: Element> Dots<'a, E> {
    /// For all p of rows that are equally long.
    pub fn whole(left: Rows<'a, E>, right: Rows<'a, E>, out: &'a mut [E]) -> Dots<'a, E> {
        assert!(left.len == right.len, "rows of different lengths");
        Dots { left, right, pieces: Pieces { count: left.len, len: 1, step: (1, 1) }, out }
    }
}

impl<E: Element> Kernel<E> for Dots<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let Pieces { count, len, step } = self.pieces;
        if count * len == 0 {
            return;
        }
        assert!(len <= step.0 && len <= step.1, "pieces that overlap");
        let inside = fits(count, step.0, len, self.left.len) && fits(count, step.1, len, self.right.len);
        assert!(inside, "pieces beyond the rows");
        assert!(self.out.len() == self.left.count() * self.right.count(), "G has another size");
        let size = self.out.len() * S::LANES;
        let keep = size * size_of::<E>() <= KEPT;
        let numbers = BAND / size_of::<E>() * if keep { 1 } else { LONG };
        let band = (numbers / step.1).clamp(1, count);
        let keep = keep && band < count;
        let mut kept = scratch::any::<E>(if keep { size } else { MAX_TILE });
        let mut copy =
            scratch::any::<E>(if step.0 == step.1 || band == 1 { 0 } else { MAX_ROWS * room::<E>() });
        for first in (0..count).step_by(band) {
            let pieces = band.min(count - first);
            let part = DotsBand {
                at: (first * step.0, first * step.1),
                len: (pieces - 1) * step.1 + len,
                pieces,
                begun: keep && first > 0,
                ends: !keep || first + pieces == count,
                keep,
                kept: &mut kept,
                copy: (copy.as_mut_ptr(), copy.len()),
            };
            dots_band(s, &mut self, part);
        }
    }
}

/// A band of the rows.
struct DotsBand<'a, E> {
    /// Where it begins in Y and in X, and its length in X.
    at: (usize, usize),
    len: usize,
    pieces: usize,
    /// Whether there are sums of bands before, and whether the lanes are to be added now.
    begun: bool,
    ends: bool,
    /// Whether the sums are kept: tile by tile, a vector each. Else there is room for those of one tile.
    keep: bool,
    kept: &'a mut [E],
    /// The copy of some rows of the band of Y, [`room`] for each, or nothing; and how long it is. A pointer, since what is
    /// copied is read by pointers too.
    copy: (*mut E, usize),
}

/// All tiles in one band.
#[inline(always)]
fn dots_band<E: Element, S: Simd<E>>(s: S, job: &mut Dots<'_, E>, mut part: DotsBand<'_, E>) {
    let rows = job.left.count();
    let mut i = 0;
    while i < rows {
        // Four rows of Y and not more, though they are shared by all of X: fewer rows make longer bands.
        let height = match (S::REGISTERS, rows - i) {
            (_, 1) => 1,
            (8, _) | (_, 2 | 3) => 2,
            _ => MAX_ROWS,
        };
        let part = &mut part;
        match (S::REGISTERS, height) {
            (32, MAX_ROWS) => dots_block::<E, S, MAX_ROWS, 6>(s, job, i, part),
            (32, 2) => dots_block::<E, S, 2, 8>(s, job, i, part),
            (32, 1) => dots_block::<E, S, 1, 8>(s, job, i, part),
            (16, MAX_ROWS) => dots_block::<E, S, MAX_ROWS, 3>(s, job, i, part),
            (16, 2) => dots_block::<E, S, 2, 4>(s, job, i, part),
            (16, 1) => dots_block::<E, S, 1, 6>(s, job, i, part),
            (8, 2) => dots_block::<E, S, 2, 2>(s, job, i, part),
            (_, _) => dots_block::<E, S, 1, 3>(s, job, i, part),
        }
        i += height;
    }
}

/// Rows of the highest tile.
const MAX_ROWS: usize = 4;

/// M rows of G from row i on.
#[inline(always)]
fn dots_block<E: Element, S: Simd<E>, const M: usize, const N: usize>(
    s: S,
    job: &mut Dots<'_, E>,
    i: usize,
    part: &mut DotsBand<'_, E>,
) {
    let columns = job.right.count();
    let mut left: [*const E; M] = std::array::from_fn(|m| job.left.pointer(i + m, part.at.0));
    let mut k = 0;
    // What is left, in tiles of 3 and 1: a tile of 4 x 1 is still as fast as memory.
    macro_rules! tiles {
        ($($n:tt)*) => {$(
            if k == 0 && columns >= $n && part.copy.1 > 0 {
                dots_tile::<E, S, M, $n, true>(s, job, &left, (i, k), part);
                left = std::array::from_fn(|m| part.copy.0.wrapping_add(m * room::<E>()).cast_const());
                k += $n;
            }
            while columns - k >= $n {
                dots_tile::<E, S, M, $n, false>(s, job, &left, (i, k), part);
                k += $n;
            }
        )*};
    }
    tiles!(N 3 1);
}

/// Elements of the largest tile of [`Dots`]: 24 vectors of 16.
const MAX_TILE: usize = 384;

/// Columns k to k + N of rows i to i + M of G: a band's part. With `COPY` the pieces of Y are copied in passing.
#[inline(always)]
fn dots_tile<E: Element, S: Simd<E>, const M: usize, const N: usize, const COPY: bool>(
    s: S,
    job: &mut Dots<'_, E>,
    left: &[*const E; M],
    (i, k): (usize, usize),
    part: &mut DotsBand<'_, E>,
) {
    let columns = job.right.count();
    let mut right = [std::ptr::null(); N];
    for (j, pointer) in right.iter_mut().enumerate() {
        *pointer = job.right.pointer(k + j, part.at.1);
    }

    let mut sums = [[s.splat(E::ZERO); N]; M];
    // The tiles of a block of rows stand one behind the other.
    let place = if part.keep { (i * columns + k * M) * S::LANES } else { 0 };
    const { assert!(M * N * S::LANES <= MAX_TILE) };
    let kept = part.kept[place..place + M * N * S::LANES].as_mut_ptr();
    if part.begun {
        for (m, row) in sums.iter_mut().enumerate() {
            for (j, sum) in row.iter_mut().enumerate() {
                // SAFETY: M N vectors are kept.
                *sum = unsafe { s.load(kept.add((m * N + j) * S::LANES)) };
            }
        }
    }
    let Pieces { len: piece_len, step, .. } = job.pieces;
    let (pieces, len) = if COPY { (part.pieces, piece_len) } else { (1, part.len) };
    let copy = part.copy.0;
    if COPY {
        assert!(part.copy.1 >= M * room::<E>() && part.len + S::LANES <= room::<E>());
    }
    for piece in 0..pieces {
        let (at, to) = (piece * step.0, piece * step.1);
        let mut p = 0;
        while p + S::LANES <= len {
            let mut x = [s.splat(E::ZERO); N];
            for (x, pointer) in x.iter_mut().zip(&right) {
                // SAFETY: a vector is left of the piece, or of the band: it lies in the rows, as `run` has checked.
                *x = unsafe { s.load(pointer.add(to + p)) };
            }
            for (m, (row, pointer)) in sums.iter_mut().zip(left).enumerate() {
                // SAFETY: as above; so does the copy.
                let y = unsafe { s.load(pointer.add(at + p)) };
                if COPY {
                    // SAFETY: a row of the copy has room for a vector more than the band.
                    unsafe { s.store(copy.add(m * room::<E>() + to + p), y) };
                }
                for (sum, x) in row.iter_mut().zip(&x) {
                    *sum = s.fma(y, *x, *sum);
                }
            }
            p += S::LANES;
        }
        // A copied piece has zeros behind it, up to the next: whole vectors, which reach into that one.
        let end = if COPY && piece + 1 < pieces { step.1 } else { len };
        while p < end {
            let n = len.saturating_sub(p);
            let mut x = [s.splat(E::ZERO); N];
            for (x, pointer) in x.iter_mut().zip(&right) {
                // SAFETY: n numbers are left of the piece, or of the band.
                *x = unsafe { s.load_partial(pointer.wrapping_add(to + p), n) };
            }
            for (m, (row, pointer)) in sums.iter_mut().zip(left).enumerate() {
                // SAFETY: as above.
                let y = unsafe { s.load_partial(pointer.wrapping_add(at + p), n) };
                if COPY {
                    // SAFETY: as above.
                    unsafe { s.store(copy.add(m * room::<E>() + to + p), y) };
                }
                for (sum, x) in row.iter_mut().zip(&x) {
                    *sum = s.fma(y, *x, *sum);
                }
            }
            p += S::LANES;
        }
    }
    // By way of memory: a loop this long over the sums themselves would keep them out of registers above.
    for (m, row) in sums.iter().enumerate() {
        for (j, sum) in row.iter().enumerate() {
            // SAFETY: there is room for M N vectors.
            unsafe { s.store(kept.add((m * N + j) * S::LANES), *sum) };
        }
    }
    if !part.ends {
        return;
    }
    let mut totals = [E::ZERO; MAX_TILE / 4];
    for first in (0..M * N).step_by(S::LANES) {
        let mut vectors = [s.splat(E::ZERO); MAX_LANES];
        for (i, vector) in vectors.iter_mut().enumerate().take(S::LANES.min(M * N - first)) {
            // SAFETY: M N vectors are kept.
            *vector = unsafe { s.load(kept.add((first + i) * S::LANES)) };
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
