//! Plain convolutions with 3 x 3 filters: y = w columns; and dx, which is such a convolution of dy:
//!
//! ```text
//! dx[n,c,r,q] = Σ_{o,u,v} w[o,c,2-u,2-v] dy[n,o, r + u - (2 - p_h), q + v - (2 - p_w)]
//! ```
//!
//! Here is the famous flip after all: filters turned by half a circle, channels and filters in each other's place, and
//! as much padding as makes the full convolution.

use super::{Bank, Outputs, Tail};
use crate::conv2d::phases::Phases;
use crate::conv2d::plan::{bands, even_bands};
use crate::conv2d::winograd::{FOUR, Form, Four, TWO, Two};
use crate::conv2d::{Geometry, MANY_IMAGES};
use crate::simd::{MAX_LANES, Simd};
use crate::{Element, scratch};

/// Outputs in a band, at most.
const BAND: usize = 4096;

/// Rows of squares in a band: few, so that the outputs are still in the caches when they are copied, but not so few that
/// the last vectors of the bands, which are not full, count for more.
fn band_rows(h: usize, row: usize, w: usize, most: usize) -> usize {
    let vectors = |band: usize| -> usize {
        bands(h, band).map(|rows| ((rows.len() - 1) * row + w).div_ceil(MAX_LANES)).sum()
    };
    let most = even_bands(h, row, most);
    let fewest = (1..=most).map(vectors).min().expect("a band has a row");
    (1..=most).find(|&band| 32 * vectors(band) <= 33 * fewest).expect("one has the fewest")
}

/// A convolution in squares of outputs.
pub(in crate::conv2d) enum Squares<E: Element> {
    Two(Plan<E, Two, TWO>),
    Four(Plan<E, Four, FOUR>),
}

impl<E: Element> Squares<E> {
    /// y = conv(x, weight), where this is the faster way.
    pub(in crate::conv2d) fn forward(g: &Geometry, weight: &[E]) -> Option<Squares<E>> {
        match side(g)? {
            2 => Some(Squares::Two(Plan::new(g, weight))),
            _ => Some(Squares::Four(Plan::new(g, weight))),
        }
    }

    /// dx, as a convolution of dy, where this is the faster way.
    pub(in crate::conv2d) fn input(g: &Geometry, weight: &[E]) -> Option<Squares<E>> {
        let padding = (2_usize.checked_sub(g.padding.0)?, 2_usize.checked_sub(g.padding.1)?);
        let turned =
            Geometry { channels: g.filters, size: g.output_size(), filters: g.channels, padding, ..*g };
        side(&turned)?;
        let mut flipped = scratch::any::<E>(g.weight_len());
        for (c, filter) in flipped.chunks_exact_mut(9 * g.filters).enumerate() {
            for (o, to) in filter.chunks_exact_mut(9).enumerate() {
                let from = &weight[(o * g.channels + c) * 9..][..9];
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
            }
        }
        Squares::forward(&turned, &flipped)
    }

    /// y of an image, or added to it.
    pub(in crate::conv2d) fn image(&self, x: &[E], bias: Option<&[E]>, add: bool, y: &mut [E]) {
        match self {
            Squares::Two(plan) => plan.image(x, bias, add, y),
            Squares::Four(plan) => plan.image(x, bias, add, y),
        }
    }
}

/// Side of the squares that make the fastest way, if they do. What costs: for a vector of squares each channel's patches'
/// transform, each filter's outputs' transform, and the products between them; measured, in multiply-adds of a vector.
fn side(g: &Geometry) -> Option<usize> {
    if g.kernel != (3, 3) || g.stride != (1, 1) {
        return None;
    }
    let ((h_out, w_out), channels, filters) = (g.output_size(), g.channels, g.filters);
    let vectors = |rows: usize, row: usize, last: usize| ((rows - 1) * row + last).div_ceil(MAX_LANES);
    let cost = |side: usize, patches: usize, outputs: usize| {
        let (h, w) = (h_out.div_ceil(side), w_out.div_ceil(side));
        let products = (side + 2) * (side + 2) * filters;
        vectors(h, w + 1, w) * (channels * (products + patches) + outputs * filters)
    };
    // The filters have to stay in the second-level cache.
    let four = if 36 * channels * filters <= MAX_FILTERS { cost(4, 400, 150) } else { usize::MAX };
    let two = cost(2, 80, 40);
    let direct = vectors(h_out, w_out + 2, w_out) * channels * 9 * filters;
    // The filters' own transform, once for all images.
    let once = 60 * channels * filters / g.images.min(MANY_IMAGES);
    (four.min(two) + once < direct / 8 * 9).then_some(if four < two { 4 } else { 2 })
}

/// Elements of the transformed filters of F(4 x 4, 3 x 3): half a second-level cache in f32.
const MAX_FILTERS: usize = 1 << 17;

/// What is the same for all images.
pub(in crate::conv2d) struct Plan<E: Element, F, const P: usize> {
    /// (H_out, W_out).
    size: (usize, usize),
    phases: Phases,
    bank: Bank<E, F, P>,
    /// Rows of squares in a band.
    band: usize,
}

impl<E: Element, F: Form<P>, const P: usize> Plan<E, F, P> {
    fn new(g: &Geometry, weight: &[E]) -> Plan<E, F, P> {
        let size = g.output_size();
        let (h, w) = (size.0.div_ceil(F::SIDE), size.1.div_ceil(F::SIDE));
        let phases = Phases::new(g, (F::SIDE, F::SIDE)).resized(h + 1, w + 1);
        let bank = Bank::new(g, &phases, weight);
        let band = band_rows(h, phases.row, w, BAND / F::SIDE / F::SIDE);
        Plan { size, phases, bank, band }
    }

    fn image(&self, x: &[E], bias: Option<&[E]>, add: bool, y: &mut [E]) {
        let ((h_out, w_out), row, filters) = (self.size, self.phases.row, self.bank.filters);
        let (h, w) = (h_out.div_ceil(F::SIDE), w_out.div_ceil(F::SIDE));
        assert!(y.len() == filters * h_out * w_out);
        let planes = self.phases.split(x).expect("a step of 2 or 4");
        let columns = self.bank.columns(&planes, (h - 1) * row + w);
        let mut tile = scratch::any::<E>(filters * F::SIDE * F::SIDE * self.band * row);
        let mut room = self.bank.room();
        for rows in bands(h, self.band) {
            let len = (rows.len() - 1) * row + w;
            let columns = columns.window(rows.start * row, len);
            self.bank.run(columns, &mut room, Plain { bias, y: (&mut tile[..], F::SIDE * len) });
            self.bank.copy((&tile, F::SIDE, len, row), &rows, (&mut *y, h_out, w_out), add);
        }
    }
}

/// The outputs as they are.
struct Plain<'a, E: Element> {
    bias: Option<&'a [E]>,
    /// (filter, row of the square, side times the square + its column), and from one row to the next.
    y: (&'a mut [E], usize),
}

impl<E: Element, F: Form<P>, const P: usize> Tail<E, F, P> for Plain<'_, E> {
    #[inline(always)]
    fn check(&self, filters: usize, len: usize) {
        assert!(self.y.1 == F::SIDE * len && self.y.0.len() >= filters * F::SIDE * self.y.1);
        assert!(self.bias.is_none_or(|b| b.len() == filters));
    }

    #[inline(always)]
    unsafe fn take<S: Simd<E>, const PARTIAL: bool>(
        &mut self,
        s: S,
        o: usize,
        outputs: Outputs<E, F, P>,
        (p, n): (usize, usize),
    ) {
        let bias = s.splat(self.bias.map_or(E::ZERO, |bias| bias[o]));
        for r in 0..F::SIDE {
            // SAFETY: this function's contract.
            let mut row = unsafe { outputs.row(s, r) };
            row.iter_mut().for_each(|value| *value = s.add(*value, bias));
            let [a, b, c, d] = row;
            if F::SIDE == 2 {
                (row[0], row[1]) = s.interleave(a, b);
            } else {
                let ((even, evens), (odd, odds)) = (s.interleave(a, c), s.interleave(b, d));
                ((row[0], row[1]), (row[2], row[3])) = (s.interleave(even, odd), s.interleave(evens, odds));
            }
            for (i, value) in row.into_iter().enumerate().take(F::SIDE) {
                // SAFETY: `check`: SIDE n numbers of this row of filter o are left.
                unsafe {
                    let at = (F::SIDE * o + r) * self.y.1 + F::SIDE * p + i * S::LANES;
                    let to = self.y.0.as_mut_ptr().add(at);
                    if PARTIAL {
                        s.store_partial(to, (F::SIDE * n).saturating_sub(i * S::LANES).min(S::LANES), value);
                    } else {
                        s.store(to, value);
                    }
                }
            }
        }
    }
}
