//! The way back through convolution, ReLU and 2 x 2 max-pooling in one.
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
//! the patch. dw[o] and w[o] stay in registers while the list is worked off, and the load of x, the two
//! multiply-adds and the store of dx are all that is left.

use super::channels_last::{ChannelsLast, ROOM};
use super::parts::{Gradients, in_parts};
use super::{Geometry, NO_WINNER, pooled_size};
use crate::map::{Identity, sum_chunk};
use crate::simd::{Kernel, Level, Simd};
use crate::{Element, scratch};

/// Elements of x and dx that a band works on: about what the first-level cache holds.
const BAND: usize = 16384;

/// Adds dx, dw and db of [`conv2d_relu_max_pool_forward`](super::conv2d_relu_max_pool_forward), given its winners.
pub fn conv2d_relu_max_pool_backward<E: Element>(
    g: &Geometry,
    x: &[E],
    weight: &[E],
    winner: &[u8],
    grad_output: &[E],
    grads: Gradients<'_, E>,
) {
    check(g, x, weight, grad_output.len(), winner);
    let level = Level::current();
    let last = ChannelsLast::new(g);
    let (h, w) = pooled_size(g);
    let with_input = grads.input.is_some();
    let room = if with_input { BAND / 2 } else { BAND } / last.row();
    let band = ((room + 1).saturating_sub(g.kernel.0) / 2).clamp(1, h);
    let mut weight_last = scratch::any::<E>(g.weight_len());
    last.permute_weight(weight, &mut weight_last);
    let mut sum = grads.weight.as_ref().map(|_| scratch::zeros::<E>(g.weight_len()));
    let inner = Gradients { input: grads.input, weight: sum.as_deref_mut(), bias: grads.bias };
    in_parts(g, inner, |part| {
        let mut image = scratch::zeros::<E>(last.len());
        let mut grad_image = scratch::any::<E>(if with_input { last.len() } else { 0 });
        // Where dw is not wanted, or db, it is summed for nothing.
        let spare = |len: usize, have: usize| scratch::zeros::<E>(if have == 0 { len } else { 0 });
        let (mut spare_weight, mut spare_bias) =
            (spare(g.weight_len(), part.weight.len()), spare(g.filters, part.bias.len()));
        let grad_weight = if part.weight.is_empty() { &mut spare_weight[..] } else { part.weight };
        let grad_bias = if part.bias.is_empty() { &mut spare_bias[..] } else { part.bias };
        let mut list = List::new(&last, band);
        for (index, n) in part.images.enumerate() {
            let outputs = n * g.filters * h * w..(n + 1) * g.filters * h * w;
            let x = &x[n * g.image_len()..][..g.image_len()];
            last.read(x, &mut image);
            grad_image.fill(E::ZERO);
            list.fill(&last, &winner[outputs.clone()], &grad_output[outputs], grad_bias);
            let winners = Winners {
                last: &last,
                list: &list,
                image: &image,
                weight: &weight_last,
                grad_image: &mut grad_image,
                grad_weight,
            };
            E::dispatch_at(level, winners);
            if with_input {
                let dx = &mut part.input[index * g.image_len()..][..g.image_len()];
                last.add_to(&grad_image, dx);
            }
        }
    });
    if let (Some(sum), Some(target)) = (sum, grads.weight) {
        last.add_weight(&sum, target);
    }
}

/// The preconditions of both directions.
pub(super) fn check<E: Element>(g: &Geometry, x: &[E], weight: &[E], y: usize, winner: &[u8]) {
    let (h, w) = pooled_size(g);
    assert!(g.stride == (1, 1), "conv2d: the fused form has stride 1");
    assert!(h * w > 0, "conv2d: empty output");
    assert!(
        x.len() == g.input_len() && weight.len() == g.weight_len(),
        "conv2d: x or the weight has another size"
    );
    assert!(y == g.images * g.filters * h * w, "conv2d: y or dy has another size");
    assert!(winner.len() == y, "conv2d: the winners have another size");
}

/// What [`List`] has of one filter and band: where each winner's patch begins, and its g.
type Entries<'a, E> = (&'a [u32], &'a [E]);

/// The winners of an image: filter after filter, in each band after band.
struct List<E: Element> {
    places: Vec<u32>,
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
        let (places, values) = (vec![0; len + 1], scratch::any(len + 1));
        List { places, values, ends: vec![0; last.g.filters * bands], bands, rows }
    }

    /// Lists the winners of an image that have a gradient; adds their sums to db.
    fn fill(&mut self, last: &ChannelsLast, winner: &[u8], grad_output: &[E], grad_bias: &mut [E]) {
        let (h, w) = pooled_size(&last.g);
        let (row, pixel) = (last.row(), last.g.channels);
        let corners = [0, pixel, row, row + pixel, 0, 0, 0, 0].map(|at| at as u32);
        assert!(winner.len() == last.g.filters * h * w && grad_output.len() == winner.len());
        assert!(self.places.len() > winner.len() && self.values.len() > winner.len());
        let mut count = 0;
        for (at, (winner, grad)) in winner.chunks_exact(w).zip(grad_output.chunks_exact(w)).enumerate() {
            let (o, i) = (at / h, at % h);
            let mut place = (2 * i * row) as u32;
            for (&winner, &grad) in winner.iter().zip(grad) {
                // Always written, but kept only if it counts: no branch to be guessed wrong.
                // SAFETY: `count` is at most the number of winners seen, and there is room for one more than all.
                unsafe {
                    *self.places.get_unchecked_mut(count) = place + corners[usize::from(winner & 7)];
                    *self.values.get_unchecked_mut(count) = grad;
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
