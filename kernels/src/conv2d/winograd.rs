//! Convolution with 3 x 3 filters by fewer products (Winograd 1980; Lavin and Gray 2016, arXiv 1509.09308).
//!
//! # F(2 x 2, 3 x 3): 16 products for four outputs instead of 36
//!
//! A 4 x 4 patch d of the image and a filter g make the 2 x 2 outputs
//!
//! ```text
//! y = A^T [(G g G^T) . (B^T d B)] A        . element by element, the sum over channels inside
//!
//!        1  0 -1  0         1    0    0            1  1  1  0
//! B^T =  0  1  1  0    G = 1/2  1/2  1/2    A^T =  0  1 -1 -1
//!        0 -1  1  0        1/2 -1/2  1/2
//!        0  1  0 -1         0    0    1
//! ```
//!
//! In one dimension it is quickly checked: with m = (G g) . (B^T d), y_0 = m_0 + m_1 + m_2 = d_0 g_0 + d_1 g_1 + d_2 g_2
//! and y_1 = m_1 - m_2 - m_3 = d_1 g_0 + d_2 g_1 + d_3 g_2. In two dimensions it is done along rows, then columns.
//!
//! Lanes are patches, so the transforms are additions of vectors.
//!
//! # F(4 x 4, 3 x 3): 36 products for sixteen outputs instead of 144
//!
//! The same with a 6 x 6 patch. A form of this kind is a product of polynomials, known by its values at some points and
//! at infinity (Toom and Cook); any five points do, but the rounding errors differ. With the usual 0, ±1, ±2 they are
//! eight times those of the plain sums; with 0, ±√2, ±1/√2, where nothing grows much, two to four times:
//!
//! ```text
//!        1    0   -5/2   0    1   0          1     0     0
//!        0  -1/r  -1/2   r    1   0         1/6   r/6   1/3          1   1   1   1    1    0
//! B^T =  0   1/r  -1/2  -r    1   0    G =  1/6  -r/6   1/3   A^T =  0   r  -r  1/r -1/r   0     r = √2
//!        0   -r    -2   1/r   1   0        -2/3  -r/3  -1/3          0   2   2  1/2  1/2   0
//!        0    r    -2  -1/r   1   0        -2/3   r/3  -1/3          0  2r -2r 1/4 r -1/4 r 1
//!        0    1    0   -5/2   0   1          0     0     1
//! ```

use super::Geometry;
use crate::simd::{Kernel, MAX_LANES, Simd, dispatch};
use crate::tile::Rows;
use crate::{Element, scratch};
use std::f64::consts::SQRT_2;
use std::marker::PhantomData;
use std::ops::Range;

/// Side of a patch of F(2 x 2, 3 x 3).
pub(super) const TWO: usize = 4;

/// Side of a patch of F(4 x 4, 3 x 3).
pub(super) const FOUR: usize = 6;

/// The transforms of a form whose patches have side P.
pub(super) trait Form<const P: usize>: Send + Sync {
    /// Side of its outputs: P - 2.
    const SIDE: usize;
    /// G times a column of three.
    fn stretch<E: Element, S: Simd<E>>(s: S, column: [S::V; 3]) -> [S::V; P];
    /// B^T times a column of P.
    fn differences<E: Element, S: Simd<E>>(s: S, column: [S::V; P]) -> [S::V; P];
    /// A^T times a column of P: the first `SIDE` are meant.
    fn gather<E: Element, S: Simd<E>>(s: S, column: [S::V; P]) -> [S::V; 4];
    /// A times a column of `SIDE`.
    fn spread<E: Element, S: Simd<E>>(s: S, column: [S::V; 4]) -> [S::V; P];
    /// G^T times a column of P.
    fn shrink<E: Element, S: Simd<E>>(s: S, column: [S::V; P]) -> [S::V; 3];
}

/// F(2 x 2, 3 x 3).
pub(super) struct Two;

/// F(4 x 4, 3 x 3).
pub(super) struct Four;

/// G g G^T of every filter and channel, given `weight(filter, channel, tap)`, for blocks of filters: in a block (column,
/// channel, row, filter).
pub(super) fn transform_filters<E: Element, F: Form<P>, const P: usize>(
    g: &Geometry,
    weight: impl Fn(usize, usize, usize) -> E,
    blocks: impl Iterator<Item = Range<usize>>,
) -> scratch::Scratch<E> {
    let depth = g.channels * P * P;
    let mut out = scratch::any::<E>(g.filters * depth);
    for block in blocks {
        let part = &mut out[block.start * depth..block.end * depth];
        for (m, o) in block.clone().enumerate() {
            for start in (0..g.channels).step_by(MAX_LANES) {
                let channels = start..g.channels.min(start + MAX_LANES);
                let mut taps = [[E::ZERO; MAX_LANES]; 9];
                for (lane, c) in channels.clone().enumerate() {
                    taps.iter_mut().enumerate().for_each(|(tap, to)| to[lane] = weight(o, c, tap));
                }
                let mut stretched = [[[E::ZERO; MAX_LANES]; P]; P];
                dispatch(StretchFilters::<E, F, P> { taps: &taps, out: &mut stretched, form: PhantomData });
                for (r, row) in stretched.iter().enumerate() {
                    for (q, lanes) in row.iter().enumerate() {
                        for (c, value) in channels.clone().zip(lanes) {
                            part[((q * g.channels + c) * P + r) * block.len() + m] = *value;
                        }
                    }
                }
            }
        }
    }
    out
}

/// G g G^T of [`MAX_LANES`] filters, side by side.
struct StretchFilters<'a, E, F, const P: usize> {
    taps: &'a [[E; MAX_LANES]; 9],
    out: &'a mut [[[E; MAX_LANES]; P]; P],
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for StretchFilters<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        const { assert!(MAX_LANES.is_multiple_of(S::LANES)) };
        for lane in (0..MAX_LANES).step_by(S::LANES) {
            // SAFETY: a vector is left of the lanes.
            let taps = self.taps.each_ref().map(|tap| unsafe { s.load(tap.as_ptr().add(lane)) });
            let stretched = stretch_filters::<E, S, F, P>(s, taps);
            for (row, to) in stretched.into_iter().zip(self.out.iter_mut()) {
                for (value, to) in row.into_iter().zip(to) {
                    // SAFETY: as above.
                    unsafe { s.store(to.as_mut_ptr().add(lane), value) };
                }
            }
        }
    }
}

/// G g G^T, by rows.
#[inline(always)]
pub(super) fn stretch_filters<E: Element, S: Simd<E>, F: Form<P>, const P: usize>(
    s: S,
    g: [S::V; 9],
) -> [[S::V; P]; P] {
    let columns = [
        F::stretch(s, [g[0], g[3], g[6]]),
        F::stretch(s, [g[1], g[4], g[7]]),
        F::stretch(s, [g[2], g[5], g[8]]),
    ];
    let mut out = [[s.splat(E::ZERO); P]; P];
    for (r, row) in out.iter_mut().enumerate() {
        *row = F::stretch(s, [columns[0][r], columns[1][r], columns[2][r]]);
    }
    out
}

/// B^T d B of the patches of `n` vectors' lanes from p on, for every channel: (column, channel, row), a vector each,
/// and `step` numbers from one column to the next. The rows of `patches` are (channel, row, column) of the patch.
///
/// # Safety
/// p + n <= the rows' length; `v` takes all that is written; n is a vector's length, or less with `PARTIAL`.
#[inline(always)]
pub(super) unsafe fn transform_patches<
    E: Element,
    S: Simd<E>,
    F: Form<P>,
    const P: usize,
    const PARTIAL: bool,
>(
    s: S,
    patches: &Rows<'_, E>,
    (p, n): (usize, usize),
    (v, step): (*mut E, usize),
) {
    for c in 0..patches.count() / (P * P) {
        // B^T d, by rows.
        let mut half = [[s.splat(E::ZERO); P]; P];
        for q in 0..P {
            let mut d = [s.splat(E::ZERO); P];
            for (r, d) in d.iter_mut().enumerate() {
                let at = patches.pointer((c * P + r) * P + q, p);
                // SAFETY: this function's contract.
                *d = unsafe { if PARTIAL { s.load_partial(at, n) } else { s.load(at) } };
            }
            for (row, value) in half.iter_mut().zip(F::differences(s, d)) {
                row[q] = value;
            }
        }
        for (r, row) in half.into_iter().enumerate() {
            for (q, value) in F::differences(s, row).into_iter().enumerate() {
                // SAFETY: this function's contract.
                unsafe { s.store(v.add(q * step + (c * P + r) * S::LANES), value) };
            }
        }
    }
}

impl Form<TWO> for Two {
    const SIDE: usize = 2;

    #[inline(always)]
    fn stretch<E: Element, S: Simd<E>>(s: S, [a, b, c]: [S::V; 3]) -> [S::V; TWO] {
        let (half, even) = (s.splat(E::from_f64(0.5)), s.add(a, c));
        [a, s.mul(s.add(even, b), half), s.mul(s.sub(even, b), half), c]
    }

    #[inline(always)]
    fn differences<E: Element, S: Simd<E>>(s: S, [a, b, c, d]: [S::V; TWO]) -> [S::V; TWO] {
        [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)]
    }

    #[inline(always)]
    fn gather<E: Element, S: Simd<E>>(s: S, [a, b, c, d]: [S::V; TWO]) -> [S::V; 4] {
        let zero = s.splat(E::ZERO);
        [s.add(s.add(a, b), c), s.sub(s.sub(b, c), d), zero, zero]
    }

    #[inline(always)]
    fn spread<E: Element, S: Simd<E>>(s: S, [a, b, ..]: [S::V; 4]) -> [S::V; TWO] {
        [a, s.add(a, b), s.sub(a, b), s.sub(s.splat(E::ZERO), b)]
    }

    #[inline(always)]
    fn shrink<E: Element, S: Simd<E>>(s: S, [a, b, c, d]: [S::V; TWO]) -> [S::V; 3] {
        let half = s.splat(E::from_f64(0.5));
        let even = s.mul(s.add(b, c), half);
        [s.add(a, even), s.mul(s.sub(b, c), half), s.add(even, d)]
    }
}

impl Form<FOUR> for Four {
    const SIDE: usize = 4;

    #[inline(always)]
    fn stretch<E: Element, S: Simd<E>>(s: S, [a, b, c]: [S::V; 3]) -> [S::V; FOUR] {
        let scaled = |k: f64, x: S::V| s.mul(s.splat(E::from_f64(k)), x);
        let even = s.add(scaled(1.0 / 6.0, a), scaled(1.0 / 3.0, c));
        let other = s.sub(scaled(-2.0 / 3.0, a), scaled(1.0 / 3.0, c));
        let (odd, odds) = (scaled(SQRT_2 / 6.0, b), scaled(SQRT_2 / 3.0, b));
        [a, s.add(even, odd), s.sub(even, odd), s.sub(other, odds), s.add(other, odds), c]
    }

    #[inline(always)]
    fn differences<E: Element, S: Simd<E>>(s: S, [a, b, c, d, e, f]: [S::V; FOUR]) -> [S::V; FOUR] {
        let times = |k: f64, x: S::V, y: S::V| s.fma(s.splat(E::from_f64(k)), x, y);
        let (even, odd) = (times(-0.5, c, e), times(-0.5, b, d));
        let (evens, odds) = (times(-2.0, c, e), times(-2.0, b, d));
        [
            times(-2.5, c, s.add(a, e)),
            times(SQRT_2, odd, even),
            times(-SQRT_2, odd, even),
            times(1.0 / SQRT_2, odds, evens),
            times(-1.0 / SQRT_2, odds, evens),
            times(-2.5, d, s.add(b, f)),
        ]
    }

    #[inline(always)]
    fn gather<E: Element, S: Simd<E>>(s: S, [a, b, c, d, e, f]: [S::V; FOUR]) -> [S::V; 4] {
        let times = |k: f64, x: S::V, y: S::V| s.fma(s.splat(E::from_f64(k)), x, y);
        let scaled = |k: f64, x: S::V| s.mul(s.splat(E::from_f64(k)), x);
        let (sum, sums) = (s.add(b, c), s.add(d, e));
        let (difference, differences) = (s.sub(b, c), s.sub(d, e));
        [
            s.add(s.add(a, sum), sums),
            times(SQRT_2, difference, scaled(1.0 / SQRT_2, differences)),
            times(2.0, sum, scaled(0.5, sums)),
            times(2.0 * SQRT_2, difference, times(SQRT_2 / 4.0, differences, f)),
        ]
    }

    #[inline(always)]
    fn spread<E: Element, S: Simd<E>>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; FOUR] {
        let times = |k: f64, x: S::V, y: S::V| s.fma(s.splat(E::from_f64(k)), x, y);
        let scaled = |k: f64, x: S::V| s.mul(s.splat(E::from_f64(k)), x);
        let (even, odd) = (times(2.0, c, a), scaled(SQRT_2, times(2.0, d, b)));
        let (evens, odds) = (times(0.5, c, a), scaled(1.0 / SQRT_2, times(0.5, d, b)));
        [a, s.add(even, odd), s.sub(even, odd), s.add(evens, odds), s.sub(evens, odds), d]
    }

    #[inline(always)]
    fn shrink<E: Element, S: Simd<E>>(s: S, [a, b, c, d, e, f]: [S::V; FOUR]) -> [S::V; 3] {
        let times = |k: f64, x: S::V, y: S::V| s.fma(s.splat(E::from_f64(k)), x, y);
        let scaled = |k: f64, x: S::V| s.mul(s.splat(E::from_f64(k)), x);
        let (sum, sums) = (s.add(b, c), s.add(d, e));
        let (difference, differences) = (s.sub(b, c), s.sub(d, e));
        [
            times(1.0 / 6.0, sum, times(-2.0 / 3.0, sums, a)),
            scaled(SQRT_2 / 6.0, times(-2.0, differences, difference)),
            times(1.0 / 3.0, s.sub(sum, sums), f),
        ]
    }
}
