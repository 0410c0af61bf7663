//! Convolution, bias, ReLU and 2 x 2 max-pooling in one: backward.
//!
//! Of each window only the winner has a gradient, and it has none where the ReLU gave 0: at most one number of
//! four, at places that the forward pass has noted. Multiplying the zeros would be three quarters of the work. So
//! the winners of a filter are listed, (place, g), and each does its own sums:
//!
//! ```text
//! dw[o, patch]       += g x[patch at the winner's place]
//! dx[patch at place] += g w[o, patch]
//! db[o]              += g
//! ```
//!
//! With images as (H, W, C) - channels last - a row of a patch is one stretch of K_w C numbers, so vectors run along
//! the patch. `dw[o]` and `w[o]` stay in registers while the list is worked off, and the load of x, the two
//! multiply-adds and the store of dx are all that is left.

use super::channels_last::{ChannelsLast, ROOM};
use super::phases::Layout;
use super::{Geometry, NO_WINNER, pooled_size};
use crate::map::{Identity, sum_chunk};
use crate::simd::{Kernel, Level, Simd};
use crate::{Element, scratch};

/// Elements of x and dx that a band works on: about what the first-level cache holds.
const BAND: usize = 16384;

/// Adds dx, dw and db, given the winners, an image at a time.
pub(super) struct MaxBackward<E: Element> {
    level: Level,
    last: ChannelsLast,
    /// (C_out, K_h, K_w, C).
    weight: scratch::Scratch<E>,
    with_input: bool,
    /// How the winners are written.
    winner: Layout,
    /// Rows of windows in a band.
    band: usize,
}

/// Buffers of one part of the batch.
pub(super) struct MaxWork<E: Element> {
    image: scratch::Scratch<E>,
    grad_image: scratch::Scratch<E>,
    /// This part's sum of dw, (C_out, K_h, K_w, C).
    grad_weight: scratch::Scratch<E>,
    list: List<E>,
}

impl<E: Element> MaxBackward<E> {
    /// `x` is how x is written, `winner` how the winners are.
    pub(super) fn new(
        g: &Geometry,
        [x, winner]: [Layout; 2],
        weight: &[E],
        with_input: bool,
    ) -> MaxBackward<E> {
        let last = ChannelsLast::new(g, x);
        let mut weight_last = scratch::any::<E>(g.weight_len());
        last.permute_weight(weight, &mut weight_last);
        let room = if with_input { BAND / 2 } else { BAND } / last.row();
        let band = ((room + 1).saturating_sub(g.kernel.0) / 2).clamp(1, pooled_size(g).0);
        MaxBackward { level: Level::current(), last, weight: weight_last, with_input, band, winner }
    }

    pub(super) fn work(&self) -> MaxWork<E> {
        MaxWork {
            image: self.last.empty(),
            grad_image: scratch::any(if self.with_input { self.last.len() } else { 0 }),
            grad_weight: scratch::zeros(self.weight.len()),
            list: List::new(&self.last, self.band),
        }
    }

    /// Adds db of an image and writes dx (where it is not empty) or `add`s to it; dw is added to the part's sum.
    /// dy is (C_out, H_out / 2, W_out / 2).
    pub(super) fn image(
        &self,
        x: &[E],
        winner: &[u8],
        dy: &[E],
        work: &mut MaxWork<E>,
        grad_bias: &mut [E],
        (dx, add): (&mut [E], bool),
    ) {
        self.last.read(x, &mut work.image);
        work.grad_image.fill(E::ZERO);
        work.list.fill(&self.last, (winner, self.winner), dy, grad_bias);
        let winners = Winners {
            last: &self.last,
            list: &work.list,
            image: &work.image,
            weight: &self.weight,
            grad_image: &mut work.grad_image,
            grad_weight: &mut work.grad_weight,
        };
        E::dispatch_at(self.level, winners);
        if self.with_input {
            self.last.give(&work.grad_image, add, dx);
        }
    }

    /// Adds the part's sum to dw, once its images are done.
    pub(super) fn finish(&self, work: &MaxWork<E>, grad_weight: &mut [E]) {
        self.last.add_weight(&work.grad_weight, grad_weight);
    }
}

/// What [`List`] has of one filter and band: where each winner's patch begins, and its g.
type Entries<'a, E> = (&'a [u32], &'a [E]);

/// The winners of an image: filter after filter, in each band after band.
struct List<E: Element> {
    places: scratch::Scratch<u32>,
    values: scratch::Scratch<E>,
    /// Where each (filter, band) ends.
    ends: Vec<usize>,
    bands: usize,
    /// Rows of windows in a band.
    rows: usize,
}

impl<E: Element> List<E> {
    fn new(last: &ChannelsLast, rows: usize) -> List<E> {
        let (h, w) = pooled_size(&last.g);
        let bands = h.div_ceil(rows);
        let len = last.g.filters * h * w;
        // One more: the list always writes an entry before it knows whether it counts.
        let (places, values) = (scratch::any(len + 1), scratch::any(len + 1));
        List { places, values, ends: vec![0; last.g.filters * bands], bands, rows }
    }

    /// Lists the winners of an image that have a gradient; adds their sums to db.
    fn fill(
        &mut self,
        last: &ChannelsLast,
        (winners, layout): (&[u8], Layout),
        grad_output: &[E],
        grad_bias: &mut [E],
    ) {
        let (h, w) = pooled_size(&last.g);
        let (row, pixel) = (last.row(), last.g.channels);
        let corners = [0, pixel, row, row + pixel, 0, 0, 0, 0].map(|at| at as u32);
        assert!(
            winners.len() == last.g.filters * layout.plane && grad_output.len() == last.g.filters * h * w
        );
        assert!(self.places.len() > grad_output.len() && self.values.len() > grad_output.len());
        let (places, values) = (self.places.as_mut_ptr(), self.values.as_mut_ptr());
        let mut count = 0;
        for (at, grad) in grad_output.chunks_exact(w).enumerate() {
            let (o, i) = (at / h, at % h);
            let winner = &winners[o * layout.plane + layout.start(i)..][..w];
            let mut place = (2 * i * row) as u32;
            for (&winner, &grad) in winner.iter().zip(grad) {
                // Always written, but kept only if it counts: no branch to be guessed wrong.
                // SAFETY: `count` is at most the number of winners seen, and there is room for one more than all.
                unsafe {
                    *places.add(count) = place + corners[usize::from(winner & 7)];
                    *values.add(count) = grad;
                }
                count += usize::from(winner < NO_WINNER);
                place += 2 * pixel as u32;
            }
            self.ends[o * self.bands + i / self.rows] = count;
        }
        for (o, sum) in grad_bias.iter_mut().enumerate() {
            let start = if o == 0 { 0 } else { self.ends[o * self.bands - 1] };
            *sum += sum_chunk(Identity, [&self.values[start..self.ends[(o + 1) * self.bands - 1]]]);
        }
    }

    fn entries(&self, at: usize) -> Entries<'_, E> {
        let range = if at == 0 { 0 } else { self.ends[at - 1] }..self.ends[at];
        (&self.places[range.clone()], &self.values[range])
    }
}

/// One image's share.
struct Winners<'a, E: Element> {
    last: &'a ChannelsLast,
    list: &'a List<E>,
    /// Channels last.
    image: &'a [E],
    /// (C_out, K_h, K_w, C).
    weight: &'a [E],
    /// As `image`; empty where dx is not wanted.
    grad_image: &'a mut [E],
    /// As `weight`.
    grad_weight: &'a mut [E],
}

impl<E: Element> Kernel<E> for Winners<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(mut self, s: S) {
        let last = self.last;
        let (h, w) = pooled_size(&last.g);
        // What the loads and stores of `taps` rely on: every patch that is listed lies in the image, and the room
        // behind the image takes the rest of its last vector.
        assert!(2 * h + last.g.kernel.0 - 1 <= last.size.0 && 2 * w + last.g.kernel.1 - 1 <= last.size.1);
        assert!(self.image.len() == last.len() && S::LANES <= ROOM);
        assert!(self.grad_image.is_empty() || self.grad_image.len() == last.len());
        assert!(self.weight.len() == last.g.weight_len() && self.grad_weight.len() == last.g.weight_len());
        let bands = self.list.bands;
        for band in 0..bands {
            for o in 0..last.g.filters {
                let entries = self.list.entries(o * bands + band);
                if self.grad_image.is_empty() {
                    self.filter::<S, false>(s, o, entries);
                } else {
                    self.filter::<S, true>(s, o, entries);
                }
            }
        }
    }
}

impl<E: Element> Winners<'_, E> {
    /// The sums of filter o, in pieces of its patch that fit in the registers.
    #[inline(always)]
    fn filter<S: Simd<E>, const INPUT: bool>(&mut self, s: S, o: usize, entries: Entries<'_, E>) {
        let (k_h, k_w) = self.last.g.kernel;
        let across = (k_w * self.last.g.channels).div_ceil(S::LANES);
        // Two of each vector, one more for x, dx and g: 27 of 32, 15 of 16, 7 of 8.
        let room = match S::REGISTERS {
            32 => 12,
            16 => 6,
            _ => 2,
        };
        let mut v = 0;
        while v < across {
            let width = (across - v).min(room).min(6);
            let mut u = 0;
            while u < k_h {
                let height = (k_h - u).min(room / width).min(5);
                macro_rules! piece {
                    ($(($u:literal, $v:literal))*) => {
                        match (height, width) {
                            $(($u, $v) if $u * $v <= room => self.taps::<S, $u, $v, INPUT>(s, o, (u, v), entries),)*
                            _ => unreachable!("a piece of {height} x {width}"),
                        }
                    };
                }
                piece!((1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(1, 2)(2, 2)(3, 2)(4, 2)(5, 2)(1, 3)(2, 3)(3, 3)(4, 3)(
                    1, 4
                )(2, 4)(3, 4)(1, 5)(2, 5)(1, 6)(2, 6));
                u += height;
            }
            v += width;
        }
    }

    /// U rows of V vectors of the patch, from vector (u, v) on.
    #[inline(always)]
    fn taps<S: Simd<E>, const U: usize, const V: usize, const INPUT: bool>(
        &mut self,
        s: S,
        o: usize,
        (u, v): (usize, usize),
        (places, values): Entries<'_, E>,
    ) {
        let last = self.last;
        let (across, row) = (last.g.kernel.1 * last.g.channels, last.row());
        // Number i of row j of this piece, in w[o] and dw[o], and how many of a vector there are.
        let at = |j: usize, i: usize| (o * last.g.kernel.0 + u + j) * across + (v + i) * S::LANES;
        let left = |i: usize| (across - (v + i) * S::LANES).min(S::LANES);
        let mut sums = [[s.splat(E::ZERO); V]; U];
        let mut weights = [[s.splat(E::ZERO); V]; U];
        for j in 0..U {
            for i in 0..V {
                // SAFETY: w and dw have the rows u..u + U of filter o, and `left` numbers from the vector on.
                unsafe {
                    sums[j][i] = s.load_partial(self.grad_weight.as_ptr().add(at(j, i)), left(i));
                    if INPUT {
                        weights[j][i] = s.load_partial(self.weight.as_ptr().add(at(j, i)), left(i));
                    }
                }
            }
        }
        let image = self.image.as_ptr().wrapping_add(u * row + v * S::LANES);
        let grad_image = self.grad_image.as_mut_ptr().wrapping_add(u * row + v * S::LANES);
        for (&place, &value) in places.iter().zip(values) {
            let g = s.splat(value);
            for j in 0..U {
                for i in 0..V {
                    let at = place as usize + j * row + i * S::LANES;
                    // SAFETY: the place and its patch lie in the image, the rest of a vector in the room behind it.
                    unsafe {
                        sums[j][i] = s.fma(g, s.load(image.add(at)), sums[j][i]);
                        if INPUT {
                            let to = grad_image.add(at);
                            s.store(to, s.fma(g, weights[j][i], s.load(to)));
                        }
                    }
                }
            }
        }
        for (j, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                // SAFETY: as where they were loaded.
                unsafe { s.store_partial(self.grad_weight.as_mut_ptr().add(at(j, i)), left(i), *sum) };
            }
        }
    }
}
