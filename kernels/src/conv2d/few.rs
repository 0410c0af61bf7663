//! Convolution of few channels with 3 x 3 filters, bias, ReLU and 2 x 2 max-pooling in one: dw and db, all that the
//! first layer of a network wants.
//!
//! A patch of few channels is too short for vectors along it, so the lanes are windows again, and [`winograd`]'s
//! F(2 x 2, 3 x 3) is taken backward. From y = A^T [(G g G^T) . (B^T d B)] A follows
//!
//! ```text
//! dg = G^T [ Σ over windows of (A dy A^T) . (B^T d B) ] G
//! ```
//!
//! with dy the window's 2 x 2 gradients: one number at the winner's place, and zeros. 16 products a window and channel;
//! the transforms of dy are additions, and G is only met once, at the end.

use super::phases::Layout;
use super::phases::Phases;
use super::plan::{bands, even_bands};
use super::winograd::{self, TWO, Two};
use super::{Geometry, pooled_size};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::Rows;
use crate::{Element, scratch};
use std::ops::Range;

/// Windows in a band: a column of the transformed patches and two filters' dy stay in the first-level cache.
const BAND: usize = 384;

/// Adds dw and db, given the winners, an image at a time.
pub(super) struct FewBackward {
    level: Level,
    channels: usize,
    filters: usize,
    /// (H, W) of y.
    size: (usize, usize),
    phases: Phases,
    /// Where the numbers of a patch begin in the planes: (channel, row, column).
    offsets: Vec<usize>,
    /// How the winners are written.
    winner: Layout,
    /// Rows of windows in a band.
    band: usize,
}

/// Buffers of one part of the batch.
pub(super) struct FewWork<E: Element> {
    /// dy of a band: (filter, corner of the window, window), and a vector behind each.
    spread: scratch::Scratch<E>,
    /// (column, vector of windows, channel, row).
    patches: scratch::Scratch<E>,
    /// Σ (A dy A^T) . (B^T d B): (column, filter, channel, row), a vector each.
    sums: scratch::Scratch<E>,
}

impl FewBackward {
    /// `x` is how x is written, `winner` how the winners are.
    pub(super) fn new(g: &Geometry, [x, winner]: [Layout; 2]) -> FewBackward {
        let size = pooled_size(g);
        let phases = Phases::new(g, (2, 2)).resized(size.0 + 1, size.1 + 1).of(x);
        let band = even_bands(size.0, phases.row, BAND);
        let (channels, filters, offsets) = (g.channels, g.filters, phases.patches(TWO));
        FewBackward { level: Level::current(), channels, filters, size, phases, offsets, winner, band }
    }

    /// From one corner's dy of a band to the next.
    fn plane(&self) -> usize {
        (self.band * self.phases.row).next_multiple_of(MAX_LANES) + MAX_LANES
    }

    pub(super) fn work<E: Element>(&self) -> FewWork<E> {
        FewWork {
            spread: scratch::zeros(self.filters * 4 * self.plane()),
            patches: scratch::any(TWO * TWO * self.channels * self.plane()),
            sums: scratch::zeros(TWO * TWO * self.filters * self.channels * MAX_LANES),
        }
    }

    /// Adds db of an image; dw to the part's sum. dy is (C_out, H_out / 2, W_out / 2).
    pub(super) fn image<E: Element>(
        &self,
        x: &[E],
        winner: &[u8],
        dy: &[E],
        work: &mut FewWork<E>,
        grad_bias: &mut [E],
    ) {
        let ((h, w), row) = (self.size, self.phases.row);
        assert!(dy.len() == self.filters * h * w && winner.len() == self.filters * self.winner.plane);
        let planes = self.phases.split(x).expect("a step of 2");
        let columns = Rows::new(&planes, &self.offsets, (h - 1) * row + w);
        for rows in bands(h, self.band) {
            let columns = columns.window(rows.start * row, (rows.len() - 1) * row + w);
            let band = FewBand { few: self, rows, columns, dy, winner, work, grad_bias };
            E::dispatch_at(self.level, band);
        }
    }

    /// Adds the part's sum to dw, once its images are done.
    pub(super) fn finish<E: Element>(&self, work: &FewWork<E>, grad_weight: &mut [E]) {
        assert!(grad_weight.len() == self.filters * self.channels * 9);
        for (at, grad) in grad_weight.chunks_exact_mut(9).enumerate() {
            let sum = |r: usize, q: usize| {
                let start = ((q * self.filters * self.channels + at) * TWO + r) * MAX_LANES;
                let lanes = work.sums[start..start + MAX_LANES].iter();
                // The last row and column of A are left as they are, without their minus.
                let sum = lanes.fold(E::ZERO, |sum, lane| sum + *lane);
                if (r == TWO - 1) != (q == TWO - 1) { -sum } else { sum }
            };
            let half: [[E; 3]; TWO] = std::array::from_fn(|q| shrink(std::array::from_fn(|r| sum(r, q))));
            for u in 0..3 {
                for (v, value) in shrink(half.map(|column| column[u])).into_iter().enumerate() {
                    grad[3 * u + v] += value;
                }
            }
        }
    }
}

/// G^T of F(2 x 2, 3 x 3) times a column of four.
fn shrink<E: Element>([a, b, c, d]: [E; TWO]) -> [E; 3] {
    let half = E::from_f64(0.5);
    let even = (b + c) * half;
    [a + even, (b - c) * half, even + d]
}

/// A band of windows, all filters.
struct FewBand<'a, E: Element> {
    few: &'a FewBackward,
    /// The rows of windows that these are.
    rows: Range<usize>,
    columns: Rows<'a, E>,
    dy: &'a [E],
    winner: &'a [u8],
    work: &'a mut FewWork<E>,
    grad_bias: &'a mut [E],
}

impl<E: Element> Kernel<E> for FewBand<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let (few, len) = (self.few, self.columns.len());
        let (plane, count) = (few.plane(), len.div_ceil(S::LANES));
        // What the loads and stores rely on; the last vector of a row, and of the band, has room behind it.
        assert!(self.columns.count() == TWO * TWO * few.channels && S::LANES <= MAX_LANES);
        assert!(
            self.rows.end <= few.size.0 && len + S::LANES <= plane && self.grad_bias.len() == few.filters
        );
        assert!(self.work.spread.len() == few.filters * 4 * plane);
        assert!(self.work.patches.len() >= TWO * TWO * few.channels * plane);
        assert!(self.work.sums.len() == TWO * TWO * few.filters * few.channels * MAX_LANES);
        let pixel = few.channels * TWO * S::LANES;
        for k in 0..count {
            let (p, n) = (k * S::LANES, (len - k * S::LANES).min(S::LANES));
            let v = (self.work.patches.as_mut_ptr().wrapping_add(k * pixel), count * pixel);
            // SAFETY: p + n <= len, and there is room for `count` vectors of every number of a patch.
            unsafe {
                if n == S::LANES {
                    winograd::transform_patches::<E, S, Two, TWO, false>(s, &self.columns, (p, n), v);
                } else {
                    winograd::transform_patches::<E, S, Two, TWO, true>(s, &self.columns, (p, n), v);
                }
            }
        }
        self.spread(s);
        match (few.channels, S::REGISTERS) {
            (1, 32) => self.columns::<S, 4, 1>(s),
            (2, 32) => self.columns::<S, 2, 2>(s),
            (3, 32) => self.columns::<S, 2, 3>(s),
            (1, _) => self.columns::<S, 1, 1>(s),
            (2, _) => self.columns::<S, 1, 2>(s),
            (3, _) => self.columns::<S, 1, 3>(s),
            (channels, _) => unreachable!("{channels} channels are not few"),
        }
    }
}

impl<E: Element> FewBand<'_, E> {
    /// dy as four planes of each filter, one for each corner of the windows; and its sum to db.
    #[inline(always)]
    fn spread<S: Simd<E>>(&mut self, s: S) {
        let (few, plane, (h, w)) = (self.few, self.few.plane(), self.few.size);
        let (zero, number) = (s.splat(E::ZERO), |k: usize| s.splat(E::from_f64(k as f64 + 0.5)));
        for (o, sum) in self.grad_bias.iter_mut().enumerate() {
            let mut total = zero;
            for i in self.rows.clone() {
                let winners = o * few.winner.plane + few.winner.start(i);
                for j in (0..w).step_by(S::LANES) {
                    let n = (w - j).min(S::LANES);
                    let mut bytes = [0; MAX_LANES];
                    // SAFETY: n numbers of dy's row are left; the winners are read where they are, or as a copy of
                    // what is left of them; each plane has room for a vector behind its last window.
                    unsafe {
                        let winner = if winners + j + S::LANES <= self.winner.len() {
                            s.load_bytes(self.winner.as_ptr().add(winners + j))
                        } else {
                            bytes[..n].copy_from_slice(&self.winner[winners + j..][..n]);
                            s.load_bytes(bytes.as_ptr())
                        };
                        let mut rest = s.load_partial(self.dy.as_ptr().add((o * h + i) * w + j), n);
                        let at = o * 4 * plane + (i - self.rows.start) * few.phases.row + j;
                        for k in 0..4 {
                            let here = s.select_gt(winner, number(k), zero, rest);
                            rest = s.select_gt(winner, number(k), rest, zero);
                            s.store(self.work.spread.as_mut_ptr().add(at + k * plane), here);
                            total = s.add(total, here);
                        }
                    }
                }
            }
            *sum += s.reduce_add(total);
        }
    }

    /// Adds the products to the sums, M filters at a time.
    #[inline(always)]
    fn columns<S: Simd<E>, const M: usize, const C: usize>(&mut self, s: S) {
        let filters = self.few.filters;
        let whole = filters / M * M;
        for o in (0..whole).step_by(M) {
            self.products::<S, M, C, 0>(s, o);
            self.products::<S, M, C, 1>(s, o);
            self.products::<S, M, C, 2>(s, o);
            self.products::<S, M, C, 3>(s, o);
        }
        for o in whole..filters {
            self.products::<S, 1, C, 0>(s, o);
            self.products::<S, 1, C, 1>(s, o);
            self.products::<S, 1, C, 2>(s, o);
            self.products::<S, 1, C, 3>(s, o);
        }
    }

    /// Column Q of the sums of filters o..o + M.
    #[inline(always)]
    fn products<S: Simd<E>, const M: usize, const C: usize, const Q: usize>(&mut self, s: S, o: usize) {
        let (plane, count) = (self.few.plane(), self.columns.len().div_ceil(S::LANES));
        let work = &mut *self.work;
        let patches = work.patches.as_ptr().wrapping_add(Q * count * C * TWO * S::LANES);
        let spread = work.spread.as_ptr();
        let at =
            |m: usize, c: usize, r: usize| (((Q * self.few.filters + o + m) * C + c) * TWO + r) * MAX_LANES;
        let mut sums = [[[s.splat(E::ZERO); TWO]; C]; M];
        for (m, sums) in sums.iter_mut().enumerate() {
            for (c, sums) in sums.iter_mut().enumerate() {
                for (r, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: `run` has checked the sizes.
                    *sum = unsafe { s.load(work.sums.as_ptr().add(at(m, c, r))) };
                }
            }
        }
        for k in 0..count {
            let mut turned = [[s.splat(E::ZERO); TWO]; M];
            for (m, turned) in turned.iter_mut().enumerate() {
                // SAFETY: `run` has checked the sizes.
                let corner = |i: usize| unsafe {
                    s.load(spread.wrapping_add(((o + m) * 4 + i) * plane + k * S::LANES))
                };
                // A dy A^T: along the rows, then along the column. Its last row and column want a minus yet.
                let [top, bottom] = [0, 2].map(|i| match Q {
                    0 => corner(i),
                    1 => s.add(corner(i), corner(i + 1)),
                    2 => s.sub(corner(i), corner(i + 1)),
                    _ => corner(i + 1),
                });
                *turned = [top, s.add(top, bottom), s.sub(top, bottom), bottom];
            }
            for c in 0..C {
                for r in 0..TWO {
                    let x = patches.wrapping_add(((k * C + c) * TWO + r) * S::LANES);
                    // SAFETY: `run` has checked the sizes.
                    let x = unsafe { s.load(x) };
                    for (sums, turned) in sums.iter_mut().zip(&turned) {
                        sums[c][r] = s.fma(turned[r], x, sums[c][r]);
                    }
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            for (c, sums) in sums.into_iter().enumerate() {
                for (r, sum) in sums.into_iter().enumerate() {
                    // SAFETY: `run` has checked the sizes.
                    unsafe { s.store(work.sums.as_mut_ptr().add(at(m, c, r)), sum) };
                }
            }
        }
    }
}
