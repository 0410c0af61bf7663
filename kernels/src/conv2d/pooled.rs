//! Convolution, bias, activation and 2 x 2 pooling in one, by tiles.
//!
//! ```text
//! t       = tanh(conv(x) + b)
//! y[i, j] = (t[2i, 2j] + t[2i, 2j + 1] + t[2i + 1, 2j] + t[2i + 1, 2j + 1]) / 4
//! ```
//!
//! and back, for the convolution's own gradient,
//!
//! ```text
//! dconv[2i + a, 2j + b] = dy[i, j] / 4 (1 - t[2i + a, 2j + b]^2)
//! ```
//!
//! t is kept for this, in rows of S: where the product puts it, nothing is moved. With ReLU and max-pooling it is
//!
//! ```text
//! y[i, j] = max(0, largest of conv at (2i, 2j), (2i, 2j + 1), (2i + 1, 2j), (2i + 1, 2j + 1))
//! ```
//!
//! since the largest of the rectified is the rectified largest; back see [`winners`](super::winners).

use super::gather::{Gather, Work};
use super::phases::Layout;
use super::plan::{Plan, bands, even_bands};
use super::{Geometry, NO_WINNER, pooled_size};
use crate::map::{Identity, sum_chunk};
use crate::simd::{Kernel, MAX_LANES, Simd, dispatch};
use crate::tile::{Dots, Init, Packed, Rows};
use crate::{Element, math, scratch};

/// Positions in a band: a block's part of the sums stays in the first-level cache until it is pooled.
const BAND: usize = 512;

/// The plan of what is pooled: an odd last row or column is not. `x` is how x is written.
pub(super) fn plan(g: &Geometry, x: Layout) -> Plan {
    let (h, w) = pooled_size(g);
    Plan::cropped(g, (2 * h, 2 * w)).of(x)
}

/// Elements of t for an image.
pub(super) fn kept_len(g: &Geometry) -> usize {
    let plan = plan(g, Layout::plain(g.size.0, g.size.1));
    g.filters * plan.h_out * plan.row
}

/// What is kept for the way back.
pub(super) enum Keep<'a, E> {
    /// All of t.
    Tanh(&'a mut [E]),
    /// 0 to 3 in row order, [`NO_WINNER`] where the ReLU gave 0; nobody asks for them where they are empty. The first of
    /// equals wins; a NaN passes, and so does one made of an infinity and its opposite in one window.
    Winners(&'a mut [u8]),
}

/// y, an image at a time.
pub(super) struct PooledForward<'a, E: Element> {
    plan: &'a Plan,
    packed: Packed<E>,
    bias: &'a [E],
    /// Rows of windows in a band.
    band: usize,
}

impl<'a, E: Element> PooledForward<'a, E> {
    pub(super) fn new(plan: &'a Plan, weight: &[E], bias: &'a [E]) -> PooledForward<'a, E> {
        let packed = Packed::of_rows((weight, plan.g.depth()), (plan.g.filters, plan.g.depth()));
        PooledForward { plan, packed, bias, band: even_bands(plan.h_out / 2, 2 * plan.row, BAND) }
    }

    pub(super) fn image(&self, x: &[E], y: &mut [E], mut keep: Keep<'_, E>) {
        let PooledForward { plan, packed, .. } = self;
        let (h, w, row) = (plan.h_out / 2, plan.w_out / 2, plan.row);
        let plane = plan.h_out * row;
        let planes = plan.phases.split(x);
        let columns = plan.columns(planes.as_deref().unwrap_or(x));
        let mut tile = scratch::any::<E>(match keep {
            Keep::Tanh(_) => 0,
            Keep::Winners(_) => packed.height().min(plan.g.filters) * 2 * self.band * row,
        });
        for rows in bands(h, self.band) {
            let (start, whole) = (2 * rows.start * row, 2 * rows.len() * row);
            let columns = columns.window(start, whole - row + plan.w_out);
            for block in packed.blocks() {
                let (init, out, stride) = match &mut keep {
                    Keep::Tanh(t) => (Init::Bias(self.bias), &mut t[block.start * plane + start..], plane),
                    Keep::Winners(_) => (Init::Zero, &mut tile[..], whole),
                };
                packed.multiply_block(block.clone(), (0, columns), init, out, stride);
                for (i, o) in block.enumerate() {
                    let place = (o * h + rows.start) * w..(o * h + rows.end) * w;
                    let y = &mut y[place.clone()];
                    match &mut keep {
                        Keep::Tanh(t) => {
                            let t = &mut t[o * plane + start..][..whole];
                            dispatch(TanhPool { t, row, y, w });
                        }
                        Keep::Winners(winners) => {
                            let (sums, bias) = (&tile[i * whole..][..whole], self.bias[o]);
                            let winners = winners.get_mut(place).unwrap_or_default();
                            dispatch(MaxPool { sums, row, bias, y, w, winners });
                        }
                    }
                }
            }
        }
    }
}

/// t = tanh(t), and y from pairs of rows of t.
struct TanhPool<'a, E> {
    t: &'a mut [E],
    /// From one row of t to the next.
    row: usize,
    y: &'a mut [E],
    /// Numbers of a row of y.
    w: usize,
}

impl<E: Element> Kernel<E> for TanhPool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        assert!(2 * self.w <= self.row);
        let quarter = s.splat(E::from_f64(0.25));
        for (y, t) in self.y.chunks_exact_mut(self.w).zip(self.t.chunks_exact_mut(2 * self.row)) {
            for j in (0..self.w).step_by(S::LANES) {
                let n = (self.w - j).min(S::LANES);
                let mut sum = s.splat(E::ZERO);
                for row in 0..2 {
                    let at = t.as_mut_ptr().wrapping_add(row * self.row + 2 * j);
                    // SAFETY: 2 n numbers of a row of t are left, and n of y.
                    let (even, odd) = unsafe {
                        let [a, b] = pair(s, at, 2 * n);
                        let (a, b) = (math::tanh(s, a), math::tanh(s, b));
                        store_pair(s, at, 2 * n, [a, b]);
                        s.deinterleave(a, b)
                    };
                    sum = s.add(sum, s.add(even, odd));
                }
                // SAFETY: as above.
                unsafe { s.store_partial(y.as_mut_ptr().add(j), n, s.mul(sum, quarter)) };
            }
        }
    }
}

/// y and the winners from pairs of rows of sums.
struct MaxPool<'a, E> {
    sums: &'a [E],
    /// From one row of sums to the next.
    row: usize,
    bias: E,
    y: &'a mut [E],
    /// Numbers of a row of y, and of winners.
    w: usize,
    /// As many as y has; or empty.
    winners: &'a mut [u8],
}

impl<E: Element> Kernel<E> for MaxPool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        assert!(2 * self.w <= self.row);
        let bias = s.splat(self.bias);
        let rows = self.y.chunks_exact_mut(self.w).zip(self.sums.chunks_exact(2 * self.row));
        for (i, (y, sums)) in rows.enumerate() {
            let mut winners = self.winners.get_mut(i * self.w..(i + 1) * self.w);
            for j in (0..self.w).step_by(S::LANES) {
                let n = (self.w - j).min(S::LANES);
                // SAFETY: 2 n numbers of each of the two rows are left, and n of y.
                let winner = unsafe {
                    let [a, b] = pair(s, sums.as_ptr().add(2 * j), 2 * n);
                    let [c, d] = pair(s, sums.as_ptr().add(self.row + 2 * j), 2 * n);
                    let ((a, b), (c, d)) = (s.deinterleave(a, b), s.deinterleave(c, d));
                    let (largest, winner) = largest_of_four(s, &[a, b, c, d], bias);
                    s.store_partial(y.as_mut_ptr().add(j), n, largest);
                    winner
                };
                if let Some(winners) = &mut winners {
                    let mut bytes = [0; MAX_LANES];
                    // SAFETY: `bytes` takes a vector of them.
                    unsafe { s.store_bytes(bytes.as_mut_ptr(), winner) };
                    winners[j..j + n].copy_from_slice(&bytes[..n]);
                }
            }
        }
    }
}

/// max(0, largest + bias), and which it was.
#[inline(always)]
pub(super) fn largest_of_four<E: Element, S: Simd<E>>(s: S, c: &[S::V; 4], bias: S::V) -> (S::V, S::V) {
    let number = |i: u8| s.splat(E::from_f64(f64::from(i)));
    let (mut largest, mut winner) = (c[0], number(0));
    for (i, &c) in (1..).zip(&c[1..]) {
        winner = s.select_gt(c, largest, number(i), winner);
        largest = s.max(c, largest);
    }
    let zero = s.splat(E::ZERO);
    // `max(0, NaN)` is NaN.
    let y = s.max(zero, s.add(largest, bias));
    winner = s.select_gt(y, zero, winner, number(NO_WINNER));
    // A NaN may have lost above, but not in the mean, which is finite where they are.
    let quarter = s.splat(E::from_f64(0.25));
    let mean = c[1..].iter().fold(s.mul(quarter, c[0]), |sum, &c| s.fma(quarter, c, sum));
    let mean = s.max(zero, mean);
    (s.select_gt(mean, s.splat(-E::ONE), y, mean), winner)
}

/// The first n numbers at p, n <= 2 vectors; zeros behind them.
///
/// # Safety
/// They are readable.
#[inline(always)]
unsafe fn pair<E: Element, S: Simd<E>>(s: S, p: *const E, n: usize) -> [S::V; 2] {
    let second = n.saturating_sub(S::LANES);
    // SAFETY: the caller's promise.
    unsafe { [s.load_partial(p, n.min(S::LANES)), s.load_partial(p.wrapping_add(S::LANES), second)] }
}

/// Writes the first n numbers of a pair of vectors at p.
///
/// # Safety
/// They are writable.
#[inline(always)]
pub(super) unsafe fn store_pair<E: Element, S: Simd<E>>(s: S, p: *mut E, n: usize, [a, b]: [S::V; 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        s.store_partial(p, n.min(S::LANES), a);
        s.store_partial(p.wrapping_add(S::LANES), n.saturating_sub(S::LANES), b);
    }
}

/// The way back, an image at a time; dw and dx as in the plain convolution.
pub(super) struct AverageBackward<'a, E: Element> {
    plan: &'a Plan,
    convolution: Gather<'a, E>,
}

impl<'a, E: Element> AverageBackward<'a, E> {
    pub(super) fn new(plan: &'a Plan, weight: &[E], with_input: bool) -> AverageBackward<'a, E> {
        // In one band.
        let convolution = Gather::new(plan, weight, with_input, Some(plan.phases.plane()));
        AverageBackward { plan, convolution }
    }

    pub(super) fn work(&self) -> Work<E> {
        self.convolution.work()
    }

    /// Adds dw, db and dx (where it is not empty) of an image.
    pub(super) fn image(
        &self,
        x: &[E],
        t: &[E],
        dy: &[E],
        work: &mut Work<E>,
        [grad_weight, grad_bias]: [&mut [E]; 2],
        dx: &mut [E],
    ) {
        let (plan, margin) = (self.plan, self.convolution.margin);
        let (h, w, row) = (plan.h_out / 2, plan.w_out / 2, plan.row);
        let x_planes = plan.phases.split(x);
        let columns = plan.columns(x_planes.as_deref().unwrap_or(x));
        // Where the rows of dconv begin.
        let offsets: Vec<usize> = (0..plan.g.filters).map(|o| o * self.convolution.plane + margin).collect();
        self.convolution.image(work, dx, |spread, _| {
            let planes = spread.chunks_exact_mut(self.convolution.plane);
            let kept = t.chunks_exact(plan.h_out * row).zip(dy.chunks_exact(h * w));
            for (((t, dy), spread), sum) in kept.zip(planes).zip(&mut *grad_bias) {
                let spread = &mut spread[margin..][..plan.h_out * row];
                dispatch(TanhUnpool { t, dy, row, w, spread });
                *sum += sum_chunk(Identity, [&*spread]);
            }
            dispatch(Dots::whole(Rows::new(spread, &offsets, plan.len()), columns, grad_weight));
        });
    }
}

/// dconv from dy and t; both in rows of S.
struct TanhUnpool<'a, E> {
    t: &'a [E],
    dy: &'a [E],
    row: usize,
    /// Numbers of a row of dy.
    w: usize,
    spread: &'a mut [E],
}

impl<E: Element> Kernel<E> for TanhUnpool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        assert!(2 * self.w <= self.row);
        let (one, quarter) = (s.splat(E::ONE), s.splat(E::from_f64(0.25)));
        let rows = self.t.chunks_exact(2 * self.row).zip(self.spread.chunks_exact_mut(2 * self.row));
        for (dy, (t, spread)) in self.dy.chunks_exact(self.w).zip(rows) {
            for j in (0..self.w).step_by(S::LANES) {
                let n = (self.w - j).min(S::LANES);
                // SAFETY: n numbers of dy are left.
                let share = s.mul(quarter, unsafe { s.load_partial(dy.as_ptr().add(j), n) });
                let (first, second) = s.interleave(share, share);
                for row in 0..2 {
                    let at = row * self.row + 2 * j;
                    let slope = |t: S::V| s.sub(one, s.mul(t, t));
                    // SAFETY: 2 n numbers of a row of t and of the spread dy are left.
                    unsafe {
                        let [a, b] = pair(s, t.as_ptr().add(at), 2 * n);
                        let d = [s.mul(first, slope(a)), s.mul(second, slope(b))];
                        store_pair(s, spread.as_mut_ptr().add(at), 2 * n, d);
                    }
                }
            }
        }
    }
}
