//! Convolution with 3 x 3 filters by 16 products for four outputs instead of 36 (Winograd 1980; Lavin and Gray 2016,
//! their F(2 x 2, 3 x 3)).
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
//! The four outputs are just a window of 2 x 2 max-pooling. Lanes are windows, so the transforms are additions of
//! vectors, and the four outputs stand in registers when the largest is wanted.

use super::Geometry;
use crate::simd::Simd;
use crate::tile::Rows;
use crate::{Element, scratch};

/// Elements of a transformed patch.
pub(super) const PATCH: usize = 16;

/// G g G^T of every filter and channel, for blocks of filters: in a block (column, channel, row, filter).
pub(super) fn transform_filters<E: Element>(
    g: &Geometry,
    weight: &[E],
    blocks: impl Iterator<Item = std::ops::Range<usize>>,
) -> scratch::Scratch<E> {
    assert!(g.kernel == (3, 3), "conv2d: this form is for filters of 3 x 3");
    let mut out = scratch::any::<E>(g.filters * g.channels * PATCH);
    for block in blocks {
        let part = &mut out[block.start * g.channels * PATCH..block.end * g.channels * PATCH];
        for (m, o) in block.clone().enumerate() {
            for c in 0..g.channels {
                let filter = &weight[(o * g.channels + c) * 9..][..9];
                // G g, row by row, then times G^T.
                let half =
                    std::array::from_fn::<_, 3, _>(|v| stretch([filter[v], filter[3 + v], filter[6 + v]]));
                let row = |r: usize| stretch(half.map(|column| column[r]));
                for r in 0..4 {
                    for (q, value) in row(r).into_iter().enumerate() {
                        part[((q * g.channels + c) * 4 + r) * block.len() + m] = value;
                    }
                }
            }
        }
    }
    out
}

/// G times a column of three.
fn stretch<E: Element>([a, b, c]: [E; 3]) -> [E; 4] {
    let half = E::from_f64(0.5);
    [a, (a + c + b) * half, (a + c - b) * half, c]
}

/// B^T d B of the patches of `n` windows from p on, for every channel: (column, channel, row), a vector each.
/// The rows of `patches` are (channel, row, column) of the patch.
///
/// # Safety
/// p + n <= the rows' length; `v` takes a vector for each row; n is a vector's length, or less with `PARTIAL`.
#[inline(always)]
pub(super) unsafe fn transform_patches<E: Element, S: Simd<E>, const PARTIAL: bool>(
    s: S,
    patches: &Rows<'_, E>,
    (p, n): (usize, usize),
    v: *mut E,
) {
    let channels = patches.count() / PATCH;
    for c in 0..channels {
        // B^T d, by rows.
        let mut half = [[s.splat(E::ZERO); 4]; 4];
        for q in 0..4 {
            let mut d = [s.splat(E::ZERO); 4];
            for (r, d) in d.iter_mut().enumerate() {
                let at = patches.pointer(c * PATCH + r * 4 + q, p);
                // SAFETY: this function's contract.
                *d = unsafe { if PARTIAL { s.load_partial(at, n) } else { s.load(at) } };
            }
            for (row, value) in half.iter_mut().zip(differences(s, d)) {
                row[q] = value;
            }
        }
        for (r, row) in half.into_iter().enumerate() {
            let columns = differences(s, row);
            for (q, value) in columns.into_iter().enumerate() {
                // SAFETY: this function's contract.
                unsafe { s.store(v.add(((q * channels + c) * 4 + r) * S::LANES), value) };
            }
        }
    }
}

/// B^T times a column of four.
#[inline(always)]
fn differences<E: Element, S: Simd<E>>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
    [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)]
}

/// The four outputs of M filters for a vector of windows: in row order, each without its bias.
///
/// # Safety
/// `u` has a block of M filters as [`transform_filters`] makes it, `v` what [`transform_patches`] wrote.
#[inline(always)]
pub(super) unsafe fn outputs<E: Element, S: Simd<E>, const M: usize>(
    s: S,
    channels: usize,
    mut u: *const E,
    mut v: *const E,
) -> [[S::V; 4]; M] {
    let mut y = [[s.splat(E::ZERO); 4]; M];
    for q in 0..4 {
        let mut m = [[s.splat(E::ZERO); 4]; M];
        for _ in 0..channels {
            for r in 0..4 {
                // SAFETY: this function's contract: 16 channels vectors, and M numbers for each.
                unsafe {
                    let x = s.load(v);
                    for (i, m) in m.iter_mut().enumerate() {
                        m[r] = s.fma(s.splat(*u.add(i)), x, m[r]);
                    }
                }
                u = u.wrapping_add(M);
                v = v.wrapping_add(S::LANES);
            }
        }
        // A^T along the column, then this column's share of the other direction.
        for (y, [a, b, c, d]) in y.iter_mut().zip(m) {
            let upper = s.add(s.add(a, b), c);
            let lower = s.sub(s.sub(b, c), d);
            for (row, value) in [upper, lower].into_iter().enumerate() {
                if q < 3 {
                    y[2 * row] = s.add(y[2 * row], value);
                }
                if q == 1 {
                    y[2 * row + 1] = s.add(y[2 * row + 1], value);
                } else if q > 1 {
                    y[2 * row + 1] = s.sub(y[2 * row + 1], value);
                }
            }
        }
    }
    y
}
