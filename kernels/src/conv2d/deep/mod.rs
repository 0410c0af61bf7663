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
use super::route::Form;
use super::winograd::{FOUR, Four, TWO, Two};
use super::{Geometry, NO_WINNER, pooled_size};
use crate::parallel::{deal_by_itself, parts};
use crate::{Element, scratch};
use convolution::{Convolution, Convolve};
use matrices::whole;
use sums::{Sums, WeightSums};

/// Patches of a group of images: so many that the filters' matrices are not read for only a few.
const GROUP: usize = 64;

/// Rows and columns of squares of outputs.
fn tiles(g: &Geometry, side: usize) -> (usize, usize) {
    let (h, w) = g.output_size();
    (h.div_ceil(side), w.div_ceil(side))
}

/// y = conv(x, weight) + bias.
pub(super) struct Forward<E> {
    g: Geometry,
    convolution: Box<dyn Convolve<E>>,
}

impl<E: Element> Forward<E> {
    pub(super) fn new(g: &Geometry, form: Form, weight: &[E], bias: Option<&[E]>) -> Forward<E> {
        let weight = |o: usize, c: usize, tap: usize| weight[(o * g.channels + c) * 9 + tap];
        Forward { g: *g, convolution: convolution(g, form, bias, (0, 0), weight) }
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

/// A convolution by a form; `least` is the size (H, W) that its images have at least, `weight(o, c, tap)` are the filters.
fn convolution<E: Element>(
    g: &Geometry,
    form: Form,
    bias: Option<&[E]>,
    least: (usize, usize),
    weight: impl Fn(usize, usize, usize) -> E,
) -> Box<dyn Convolve<E>> {
    match form {
        Form::Two => Box::new(Convolution::<E, Two, TWO>::new(g, bias, least, weight)),
        Form::Four => Box::new(Convolution::<E, Four, FOUR>::new(g, bias, least, weight)),
    }
}

/// dx as a convolution of dy, and dw.
pub(super) struct Backward<E: Element> {
    g: Geometry,
    x: ChannelsLast,
    dy: ChannelsLast,
    input: Option<Box<dyn Convolve<E>>>,
    weight: Box<dyn WeightSums<E>>,
}

impl<E: Element> Backward<E> {
    /// By these forms of dw and of dx.
    pub(super) fn new(g: &Geometry, [dw, dx]: [Form; 2], weight: &[E], with_input: bool) -> Backward<E> {
        let turned = g.turned().expect("where it goes this way");
        let (squares, side) = (tiles(g, dw.side()), dw.side());
        let least = (squares.0 * side + turned.padding.0, squares.1 * side + turned.padding.1);
        let flipped = |c: usize, o: usize, tap: usize| weight[(o * g.channels + c) * 9 + 8 - tap];
        let input = convolution(&turned, dx, None, least, flipped);
        let dy = *input.source();
        let last = source(g, side, (0, 0));
        let sums: Box<dyn WeightSums<E>> = match dw {
            Form::Two => Box::new(Sums::<Two, TWO>::new(g, &last, &dy)),
            Form::Four => Box::new(Sums::<Four, FOUR>::new(g, &last, &dy)),
        };
        Backward { g: *g, x: last, dy, input: with_input.then_some(input), weight: sums }
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
