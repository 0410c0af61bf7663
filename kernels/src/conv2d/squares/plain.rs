//! Plain convolutions with 3 x 3 filters: y = w columns; and dx, which is such a convolution of dy:
//!
//! ```text
//! dx[n,c,r,q] = Σ_{o,u,v} w[o,c,2-u,2-v] dy[n,o, r + u - (2 - p_h), q + v - (2 - p_w)]
//! ```
//!
//! Here is the famous flip after all: filters turned by half a circle, channels and filters in each other's place, and
//! as much padding as makes the full convolution.

use super::{Bank, Finish, Outputs, SIDE};
use crate::Element;
use crate::conv2d::Geometry;
use crate::conv2d::phases::Phases;
use crate::conv2d::plan::{bands, even_bands};
use crate::scratch;
use crate::simd::{MAX_LANES, Simd};

/// Squares in a band, at most.
const BAND: usize = 256;

/// Rows of squares in a band: few, so that the outputs are still in the caches when they are copied, but not so few that
/// the last vectors of the bands, which are not full, count for more.
fn band_rows(h: usize, row: usize, w: usize) -> usize {
    let vectors = |band: usize| -> usize {
        bands(h, band).map(|rows| ((rows.len() - 1) * row + w).div_ceil(MAX_LANES)).sum()
    };
    let most = even_bands(h, row, BAND);
    let fewest = (1..=most).map(vectors).min().expect("a band has a row");
    (1..=most).find(|&band| 32 * vectors(band) <= 33 * fewest).expect("one has the fewest")
}

/// A convolution in squares of outputs: what is the same for all images.
pub(in crate::conv2d) struct Squares<E: Element> {
    /// (H_out, W_out).
    size: (usize, usize),
    phases: Phases,
    bank: Bank<E>,
    /// Rows of squares in a band.
    band: usize,
}

impl<E: Element> Squares<E> {
    /// `weight(o, c, tap)` are the filters.
    pub(in crate::conv2d) fn new(g: &Geometry, weight: impl Fn(usize, usize, usize) -> E) -> Squares<E> {
        let size = g.output_size();
        let (h, w) = (size.0.div_ceil(SIDE), size.1.div_ceil(SIDE));
        let phases = Phases::new(g, (SIDE, SIDE)).resized(h + 1, w + 1);
        let bank = Bank::new(g, &phases, weight);
        let band = band_rows(h, phases.row, w);
        Squares { size, phases, bank, band }
    }

    /// y of an image, or added to it.
    pub(in crate::conv2d) fn image(&self, x: &[E], bias: Option<&[E]>, add: bool, y: &mut [E]) {
        let ((h_out, w_out), row, filters) = (self.size, self.phases.row, self.bank.filters);
        let (h, w) = (h_out.div_ceil(SIDE), w_out.div_ceil(SIDE));
        assert!(y.len() == filters * h_out * w_out);
        let planes = self.phases.split(x).expect("a step of 4");
        let columns = self.bank.columns(&planes, (h - 1) * row + w);
        let mut tile = scratch::any::<E>(filters * SIDE * SIDE * self.band * row);
        let mut room = self.bank.room();
        for rows in bands(h, self.band) {
            let len = (rows.len() - 1) * row + w;
            let columns = columns.window(rows.start * row, len);
            self.bank.run(columns, &mut room, Plain { bias, y: (&mut tile[..], SIDE * len) });
            self.bank.copy((&tile, SIDE, len, row), &rows, (&mut *y, h_out, w_out), add);
        }
    }
}

/// The outputs as they are.
struct Plain<'a, E: Element> {
    bias: Option<&'a [E]>,
    /// (filter, row of the square, side times the square + its column), and from one row to the next.
    y: (&'a mut [E], usize),
}

impl<E: Element> Finish<E> for Plain<'_, E> {
    #[inline(always)]
    fn check(&self, filters: usize, len: usize) {
        assert!(self.y.1 == SIDE * len && self.y.0.len() >= filters * SIDE * self.y.1);
        assert!(self.bias.is_none_or(|b| b.len() == filters));
    }

    #[inline(always)]
    unsafe fn take<S: Simd<E>, const PARTIAL: bool>(
        &mut self,
        s: S,
        o: usize,
        outputs: Outputs<E>,
        (p, n): (usize, usize),
    ) {
        let bias = s.splat(self.bias.map_or(E::ZERO, |bias| bias[o]));
        for r in 0..SIDE {
            // SAFETY: this function's contract.
            let [a, b, c, d] = unsafe { outputs.row(s, r) }.map(|value| s.add(value, bias));
            let ((even, evens), (odd, odds)) = (s.interleave(a, c), s.interleave(b, d));
            let ((a, b), (c, d)) = (s.interleave(even, odd), s.interleave(evens, odds));
            for (i, value) in [a, b, c, d].into_iter().enumerate() {
                // SAFETY: `check`: SIDE n numbers of this row of filter o are left.
                unsafe {
                    let at = (SIDE * o + r) * self.y.1 + SIDE * p + i * S::LANES;
                    let to = self.y.0.as_mut_ptr().wrapping_add(at);
                    if PARTIAL {
                        s.store_partial(to, (SIDE * n).saturating_sub(i * S::LANES).min(S::LANES), value);
                    } else {
                        s.store(to, value);
                    }
                }
            }
        }
    }
}
