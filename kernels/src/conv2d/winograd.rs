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
use crate::simd::Simd;
use crate::tile::Rows;
use crate::{Element, scratch};
use std::f64::consts::SQRT_2;
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
    fn stretch<E: Element>(column: [E; 3]) -> [E; P];
    /// B^T times a column of P.
    fn differences<E: Element, S: Simd<E>>(s: S, column: [S::V; P]) -> [S::V; P];
    /// A^T times a column of P: the first `SIDE` are meant.
    fn gather<E: Element, S: Simd<E>>(s: S, column: [S::V; P]) -> [S::V; 4];
}

/// F(2 x 2, 3 x 3).
pub(super) struct Two;

/// F(4 x 4, 3 x 3).
pub(super) struct Four;

/// G g G^T of every filter and channel, for blocks of filters: in a block (column, channel, row, filter).
pub(super) fn transform_filters<E: Element, F: Form<P>, const P: usize>(
    g: &Geometry,
    weight: &[E],
    blocks: impl Iterator<Item = Range<usize>>,
) -> scratch::Scratch<E> {
    assert!(g.kernel == (3, 3), "conv2d: this form is for filters of 3 x 3");
    let depth = g.channels * P * P;
    let mut out = scratch::any::<E>(g.filters * depth);
    for block in blocks {
        let part = &mut out[block.start * depth..block.end * depth];
        for (m, o) in block.clone().enumerate() {
            for c in 0..g.channels {
                let filter = &weight[(o * g.channels + c) * 9..][..9];
                // G g, row by row, then times G^T.
                let half =
                    std::array::from_fn::<_, 3, _>(|v| F::stretch([filter[v], filter[3 + v], filter[6 + v]]));
                for r in 0..P {
                    for (q, value) in F::stretch(half.map(|column| column[r])).into_iter().enumerate() {
                        part[((q * g.channels + c) * P + r) * block.len() + m] = value;
                    }
                }
            }
        }
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

    fn stretch<E: Element>([a, b, c]: [E; 3]) -> [E; TWO] {
        let half = E::from_f64(0.5);
        [a, (a + c + b) * half, (a + c - b) * half, c]
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
}

impl Form<FOUR> for Four {
    const SIDE: usize = 4;

    fn stretch<E: Element>([a, b, c]: [E; 3]) -> [E; FOUR] {
        let number = E::from_f64;
        let even = a * number(1.0 / 6.0) + c * number(1.0 / 3.0);
        let other = a * number(-2.0 / 3.0) - c * number(1.0 / 3.0);
        let (odd, odds) = (b * number(SQRT_2 / 6.0), b * number(SQRT_2 / 3.0));
        [a, even + odd, even - odd, other - odds, other + odds, c]
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
}
