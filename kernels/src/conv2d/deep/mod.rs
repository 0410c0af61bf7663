//! Deep convolutions, many channels to many filters, with filters of 3 x 3 at stride 1: products of matrices.
//!
//! [`winograd`](super::winograd)'s transforms cost the more the fewer filters share a patch. Where both channels and filters are many
//! they are next to nothing, and what is left are P² products of matrices, one for each number of a patch, over the
//! patches t of several images:
//!
//! ```text
//! y = A^T M A        M[t,o] = Σ_c V[t,c] U[c,o]            V = B^T d B     U = G g G^T
//! dg = G^T S G       S[o,c] = Σ_t Y[t,o] V[t,c]            Y = A dy A^T
//! dx                 y of dy, the filters turned by half a circle, channels and filters in each other's place
//! ```
//!
//! Images are read channels last: lanes are channels, so that every transform is additions of vectors, and every matrix is
//! read and written in whole vectors, in the order in which the products want it.

mod convolution;
mod matrices;
mod sums;
mod transforms;

use super::channels_last::ChannelsLast;
use super::phases::Layout;
use super::winograd::{FOUR, Four, TWO, Two};
use super::{Geometry, MANY_IMAGES, NO_WINNER, pooled_size};
use crate::parallel::{deal_by_itself, parts};
use crate::{Element, scratch};
use convolution::{Convolution, Convolve};
use matrices::whole;
use sums::{Sums, WeightSums};

/// Channels and filters from which on this is the faster way.
const LEAST: usize = 32;
/// Patches of an image up to which it is: the matrices of more would not stay in the caches.
const MOST_PATCHES: usize = 256;
/// Patches of a group of images: so many that the filters' matrices are not read for only a few.
const GROUP: usize = 64;

/// Side of the squares of outputs, if this is the way for such a convolution.
fn side(g: &Geometry) -> Option<usize> {
    let fits = g.kernel == (3, 3) && g.stride == (1, 1) && g.channels >= LEAST && g.filters >= LEAST;
    let images = g.images.min(MANY_IMAGES);
    // What costs, in multiply-adds: the products, each channel's patches' transform, each filter's outputs'.
    let cost = |side: usize, patches: usize, outputs: usize| {
        let count = tiles(g, side).0 * tiles(g, side).1;
        let products = (side + 2) * (side + 2) * g.channels * g.filters;
        let cost = images * count * (products + g.channels * patches + g.filters * outputs);
        (cost, count)
    };
    let (two, four) = (cost(2, 80, 40), cost(4, 400, 150));
    let (best, side) = if four.0 < two.0 { (four, 4) } else { (two, 2) };
    // The filters' own transform, once for all images.
    let once = 60 * g.channels * g.filters;
    let direct = images * g.positions() * g.depth() * g.filters;
    (fits && best.1 <= MOST_PATCHES && best.0 + once < direct).then_some(side)
}

/// Rows and columns of squares of outputs.
fn tiles(g: &Geometry, side: usize) -> (usize, usize) {
    let (h, w) = g.output_size();
    (h.div_ceil(side), w.div_ceil(side))
}

/// y = conv(x, weight) + bias, if this is the way for such a convolution.
pub(super) struct Forward<E> {
    g: Geometry,
    convolution: Box<dyn Convolve<E>>,
}

impl<E: Element> Forward<E> {
    pub(super) fn new(g: &Geometry, weight: &[E], bias: Option<&[E]>) -> Option<Forward<E>> {
        let weight = |o: usize, c: usize, tap: usize| weight[(o * g.channels + c) * 9 + tap];
        let convolution: Box<dyn Convolve<E>> = match side(g)? {
            2 => Box::new(Convolution::<E, Two, TWO>::new(g, bias, (0, 0), weight)),
            _ => Box::new(Convolution::<E, Four, FOUR>::new(g, bias, (0, 0), weight)),
        };
        Some(Forward { g: *g, convolution })
    }

    pub(super) fn run(&self, x: &[E], y: &mut [E]) {
        let group = self.convolution.group();
        let groups = parts(y, group * self.g.filters * self.g.positions());
        deal_by_itself((groups, x.chunks(group * self.g.image_len())), |_, (y, x)| {
            self.convolution.images(&self.read(x), false, y);
        });
    }

    /// The same with ReLU and 2 x 2 max-pooling; the winners, unless they are empty, as `layout` says.
    pub(super) fn run_pooled(&self, x: &[E], y: &mut [E], (winners, layout): (&mut [u8], Layout)) {
        let (group, (h, w)) = (self.convolution.group(), pooled_size(&self.g));
        let groups = (parts(y, group * self.g.filters * h * w), x.chunks(group * self.g.image_len()));
        if winners.is_empty() {
            return deal_by_itself(groups, |_, (y, x)| {
                self.convolution.pooled_images(&self.read(x), y, (&mut [], layout));
            });
        }
        let winners = parts(winners, group * self.g.filters * layout.plane);
        deal_by_itself((groups, winners), |_, ((y, x), winners)| {
            self.convolution.pooled_images(&self.read(x), y, (winners, layout));
        });
    }

    /// Images of x, channels last.
    fn read(&self, x: &[E]) -> scratch::Scratch<E> {
        let source = self.convolution.source();
        let mut images = scratch::zeros::<E>(x.len() / self.g.image_len() * source.len());
        for (x, image) in x.chunks(self.g.image_len()).zip(images.chunks_mut(source.len())) {
            source.read(x, image);
        }
        images
    }
}

/// dx as a convolution of dy, and dw, if this is the way for such a convolution.
pub(super) struct Backward<E: Element> {
    g: Geometry,
    x: ChannelsLast,
    dy: ChannelsLast,
    input: Option<Box<dyn Convolve<E>>>,
    weight: Box<dyn WeightSums<E>>,
}

impl<E: Element> Backward<E> {
    pub(super) fn new(g: &Geometry, weight: &[E], with_input: bool) -> Option<Backward<E>> {
        let weight_side = side(g)?;
        let (padding, size) =
            ((2_usize.checked_sub(g.padding.0)?, 2_usize.checked_sub(g.padding.1)?), g.output_size());
        let turned = Geometry { channels: g.filters, size, filters: g.channels, padding, ..*g };
        let input_side = side(&turned)?;
        let squares = tiles(g, weight_side);
        let reach = |squares: usize, padding: usize| squares * weight_side + padding;
        let least = (reach(squares.0, padding.0), reach(squares.1, padding.1));
        // Turned by half a circle.
        let flipped = |c: usize, o: usize, tap: usize| weight[(o * g.channels + c) * 9 + 8 - tap];
        let input: Box<dyn Convolve<E>> = match input_side {
            2 => Box::new(Convolution::<E, Two, TWO>::new(&turned, None, least, flipped)),
            _ => Box::new(Convolution::<E, Four, FOUR>::new(&turned, None, least, flipped)),
        };
        let dy = *input.source();
        let last = source(g, weight_side, (0, 0));
        let sums: Box<dyn WeightSums<E>> = match weight_side {
            2 => Box::new(Sums::<Two, TWO>::new(g, &last, &dy)),
            _ => Box::new(Sums::<Four, FOUR>::new(g, &last, &dy)),
        };
        Some(Backward { g: *g, x: last, dy, input: with_input.then_some(input), weight: sums })
    }

    /// Images that a part of the batch has at least: with fewer, adding its dw to the others' would be most of the work.
    pub(super) fn least(&self) -> usize {
        self.weight.group()
    }

    /// Adds dw and dx, where they are not empty, of some images; `spread(n, dy)` writes dy of number n of them, channels
    /// last; the padding is zeros. x is that of these images.
    pub(super) fn images(
        &self,
        count: usize,
        x: &[E],
        mut spread: impl FnMut(usize, &ChannelsLast, &mut [E]),
        grad_weight: &mut [E],
        dx: &mut [E],
    ) {
        let group = self.weight.group();
        let mut x_group = scratch::zeros::<E>(group * self.x.len());
        let mut dy_group = scratch::zeros::<E>(group * self.dy.len());
        let mut sums = scratch::zeros::<E>(if grad_weight.is_empty() { 0 } else { self.weight.len() });
        let (input, x_len) = (self.input.as_deref().filter(|_| !dx.is_empty()), self.g.image_len());
        for start in (0..count).step_by(group) {
            let len = group.min(count - start);
            for (n, dy) in dy_group.chunks_exact_mut(self.dy.len()).enumerate().take(len) {
                spread(start + n, &self.dy, dy);
            }
            if !grad_weight.is_empty() {
                for (n, image) in x_group.chunks_exact_mut(self.x.len()).enumerate().take(len) {
                    self.x.read(&x[(start + n) * x_len..][..x_len], image);
                }
                let images = (&x_group[..len * self.x.len()], &dy_group[..len * self.dy.len()]);
                self.weight.add(images, &mut sums);
            }
            let Some(input) = input else { continue };
            let dx = &mut dx[start * x_len..(start + len) * x_len];
            let dys = dy_group[..len * self.dy.len()].chunks(input.group() * self.dy.len());
            for (dy, dx) in dys.zip(dx.chunks_mut(input.group() * x_len)) {
                input.images(dy, true, dx);
            }
        }
        if !grad_weight.is_empty() {
            self.weight.finish(&sums, grad_weight);
        }
    }
}

/// How an image is written whose outputs are made in squares of `side`, and of `least` (H, W) at least.
fn source(g: &Geometry, side: usize, least: (usize, usize)) -> ChannelsLast {
    let (h, w) = tiles(g, side);
    let padded = (g.size.0 + 2 * g.padding.0, g.size.1 + 2 * g.padding.1);
    let size = (least.0.max(h * side + 2).max(padded.0), least.1.max(w * side + 2).max(padded.1));
    ChannelsLast::wide(g, size, whole(g.channels))
}

/// Images that make a [`GROUP`] of patches.
fn group(g: &Geometry, side: usize) -> usize {
    let (h, w) = tiles(g, side);
    (GROUP / (h * w)).clamp(1, g.images)
}

/// Writes dy of a max-pooled image, channels last: each gradient at its winner's place; adds its sums to db.
pub(super) fn spread_winners<E: Element>(
    g: &Geometry,
    (winners, layout): (&[u8], Layout),
    grad_output: &[E],
    grad_bias: &mut [E],
    (last, dy): (&ChannelsLast, &mut [E]),
) {
    let (h, w) = pooled_size(g);
    let (row, pixel, start) = (last.row(), last.pixel, last.start_of_row(0));
    let corners = [0, pixel, row, row + pixel];
    dy.fill(E::ZERO);
    for (at, grad) in grad_output.chunks_exact(w).enumerate() {
        let (o, i) = (at / h, at % h);
        let winner = &winners[o * layout.plane + layout.start(i)..][..w];
        let mut sum = E::ZERO;
        for (j, (&winner, &grad)) in winner.iter().zip(grad).enumerate() {
            if winner < NO_WINNER {
                dy[start + o + 2 * i * row + 2 * j * pixel + corners[usize::from(winner)]] = grad;
                sum += grad;
            }
        }
        grad_bias[o] += sum;
    }
}
