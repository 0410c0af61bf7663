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

use super::channels_last::ChannelsLast;
use super::plan::Layout;
use super::windows::largest_of_four;
use super::winograd::{FOUR, Form, Four, TWO, Two, stretch_filters};
use super::{Geometry, NO_WINNER, pooled_size};
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{PANEL, Product};
use crate::{Element, scratch};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Channels and filters from which on this is the faster way.
const LEAST: usize = 32;
/// Patches of an image up to which it is: the matrices of more would not stay in the caches.
const MOST_PATCHES: usize = 256;
/// Patches of a group of images: so many that the filters' matrices are not read for only a few.
const GROUP: usize = 64;

/// Side of the squares of outputs, if this is the way for such a convolution.
pub(super) fn side(g: &Geometry) -> Option<usize> {
    let fits = g.kernel == (3, 3) && g.stride == (1, 1) && g.channels >= LEAST && g.filters >= LEAST;
    // What costs, in multiply-adds: the products, each channel's patches' transform, each filter's outputs'.
    let cost = |side: usize, patches: usize, outputs: usize| {
        let count = tiles(g, side).0 * tiles(g, side).1;
        let products = (side + 2) * (side + 2) * g.channels * g.filters;
        let cost = g.images * count * (products + g.channels * patches + g.filters * outputs);
        (cost, count)
    };
    let (two, four) = (cost(2, 80, 40), cost(4, 400, 150));
    let (best, side) = if four.0 < two.0 { (four, 4) } else { (two, 2) };
    // The filters' own transform, once for all images.
    let once = 60 * g.channels * g.filters;
    let direct = g.images * g.positions() * g.depth() * g.filters;
    (fits && best.1 <= MOST_PATCHES && best.0 + once < direct).then_some(side)
}

/// Rows and columns of squares of outputs.
fn tiles(g: &Geometry, side: usize) -> (usize, usize) {
    let (h, w) = g.output_size();
    (h.div_ceil(side), w.div_ceil(side))
}

/// `count` elements in whole panels.
fn whole(count: usize) -> usize {
    count.next_multiple_of(PANEL)
}

/// The same in an odd number of vectors: rows at a power of two from each other would share few places in the cache.
fn odd(count: usize) -> usize {
    (count.div_ceil(MAX_LANES) | 1) * MAX_LANES
}

/// P² matrices.
#[derive(Clone, Copy)]
struct Matrices {
    count: usize,
    rows: usize,
    /// In whole panels.
    columns: usize,
    /// From one row to the next.
    row: usize,
    /// From one panel of a row to the next.
    panel: usize,
    /// From one matrix to the next.
    matrix: usize,
}

impl Matrices {
    /// Row after row.
    fn in_rows(patch: usize, rows: usize, columns: usize) -> Matrices {
        let (columns, row) = (whole(columns), odd(whole(columns)));
        Matrices { count: patch * patch, rows, columns, row, panel: PANEL, matrix: odd(rows * row) }
    }

    /// Panel after panel, as [`Product`] wants what stands on the right.
    fn in_panels(patch: usize, rows: usize, columns: usize) -> Matrices {
        let (columns, panel) = (whole(columns), rows * PANEL);
        Matrices { count: patch * patch, rows, columns, row: PANEL, panel, matrix: odd(rows * columns) }
    }

    fn len(&self) -> usize {
        self.count * self.matrix
    }

    /// Column c, in a row.
    #[inline(always)]
    fn column(&self, c: usize) -> usize {
        c / PANEL * self.panel + c % PANEL
    }

    /// Matrix k.
    fn matrix(&self, k: usize) -> Range<usize> {
        k * self.matrix..(k + 1) * self.matrix
    }
}

/// Where the squares of an image begin, channels last.
#[derive(Clone, Copy)]
struct Grid {
    tiles: (usize, usize),
    side: usize,
    /// The first pixel of the first square.
    start: usize,
    /// From one row of pixels to the next.
    row: usize,
    pixel: usize,
}

impl Grid {
    fn new(image: &ChannelsLast, start: usize, tiles: (usize, usize), side: usize) -> Grid {
        Grid { tiles, side, start, row: image.row(), pixel: image.pixel }
    }

    fn count(&self) -> usize {
        self.tiles.0 * self.tiles.1
    }

    /// The first pixel of square t.
    fn at(&self, t: usize) -> usize {
        let (i, j) = (t / self.tiles.1, t % self.tiles.1);
        self.start + i * self.side * self.row + j * self.side * self.pixel
    }

    /// Panics unless squares of `extent` pixels, and their matrices from row `first` on, are there.
    fn check(&self, image: usize, extent: usize, (m, len, first): (&Matrices, usize, usize)) {
        let last = self.at(self.count() - 1) + (extent - 1) * (self.row + self.pixel);
        assert!(last + m.columns <= image && m.columns <= self.pixel, "conv2d: an image is too small");
        assert!(first + self.count() <= m.rows && len >= m.len(), "conv2d: a matrix is too small");
    }
}

/// What the patches, or the squares, of an image become in the matrices.
struct Take<'a, E, F, const P: usize> {
    grid: Grid,
    image: &'a [E],
    m: &'a Matrices,
    /// The matrices, and the row of the first square.
    to: (&'a mut [E], usize),
    /// Whether dy's squares are meant: A dy A^T, else B^T d B.
    squares: bool,
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Take<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let extent = if self.squares { F::SIDE } else { P };
        self.grid.check(self.image.len(), extent, (self.m, self.to.0.len(), self.to.1));
        let zero = s.splat(E::ZERO);
        for t in 0..self.grid.count() {
            let from = self.image.as_ptr().wrapping_add(self.grid.at(t));
            let to = self.to.0.as_mut_ptr().wrapping_add((self.to.1 + t) * self.m.row);
            for c in (0..self.m.columns).step_by(S::LANES) {
                // SAFETY: `check`: pixel (r, q) of the square lies in the image, with all its columns.
                let pixel = |r: usize, q: usize| unsafe {
                    s.load(from.add(r * self.grid.row + q * self.grid.pixel + c))
                };
                let to = to.wrapping_add(self.m.column(c));
                // Along columns, then along rows.
                let mut half = [[zero; P]; P];
                for q in 0..extent {
                    let column = if self.squares {
                        let mut column = [zero; 4];
                        column.iter_mut().enumerate().take(F::SIDE).for_each(|(r, d)| *d = pixel(r, q));
                        F::spread(s, column)
                    } else {
                        let mut column = [zero; P];
                        column.iter_mut().enumerate().for_each(|(r, d)| *d = pixel(r, q));
                        F::differences(s, column)
                    };
                    for (row, value) in half.iter_mut().zip(column) {
                        row[q] = value;
                    }
                }
                for (r, row) in half.into_iter().enumerate() {
                    let row = if self.squares {
                        let mut first = [zero; 4];
                        first.iter_mut().zip(row).for_each(|(to, value)| *to = value);
                        F::spread(s, first)
                    } else {
                        F::differences(s, row)
                    };
                    for (q, value) in row.into_iter().enumerate() {
                        // SAFETY: `check`: the matrices have this row, with all its columns.
                        unsafe { s.store(to.add((r * P + q) * self.m.matrix), value) };
                    }
                }
            }
        }
    }
}

/// A^T M A: a vector's columns of the outputs of one square.
///
/// # Safety
/// `from` is that column of a row of the matrices `m`.
#[inline(always)]
unsafe fn outputs<E: Element, S: Simd<E>, F: Form<P>, const P: usize>(
    s: S,
    m: &Matrices,
    from: *const E,
) -> [[S::V; 4]; 4] {
    let zero = s.splat(E::ZERO);
    let mut half = [[zero; P]; 4];
    for q in 0..P {
        let mut column = [zero; P];
        for (r, value) in column.iter_mut().enumerate() {
            // SAFETY: this function's contract.
            *value = unsafe { s.load(from.add((r * P + q) * m.matrix)) };
        }
        for (row, value) in half.iter_mut().zip(F::gather(s, column)) {
            row[q] = value;
        }
    }
    let mut rows = [[zero; 4]; 4];
    for (row, half) in rows.iter_mut().zip(half).take(F::SIDE) {
        *row = F::gather(s, half);
    }
    rows
}

/// The squares of an image of outputs, as they are.
struct Give<'a, E, F, const P: usize> {
    grid: Grid,
    image: &'a mut [E],
    m: &'a Matrices,
    from: (&'a [E], usize),
    /// One for each column.
    bias: &'a [E],
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Give<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        self.grid.check(self.image.len(), F::SIDE, (self.m, self.from.0.len(), self.from.1));
        assert!(self.bias.len() >= self.m.columns);
        for t in 0..self.grid.count() {
            let to = self.image.as_mut_ptr().wrapping_add(self.grid.at(t));
            let from = self.from.0.as_ptr().wrapping_add((self.from.1 + t) * self.m.row);
            for c in (0..self.m.columns).step_by(S::LANES) {
                // SAFETY: `check`: the matrices have this row, with all its columns; the bias is checked above.
                let (rows, bias) = unsafe {
                    let rows = outputs::<E, S, F, P>(s, self.m, from.wrapping_add(self.m.column(c)));
                    (rows, s.load(self.bias.as_ptr().add(c)))
                };
                for (r, row) in rows.into_iter().enumerate().take(F::SIDE) {
                    for (q, value) in row.into_iter().enumerate().take(F::SIDE) {
                        let at = r * self.grid.row + q * self.grid.pixel + c;
                        // SAFETY: `check`: this pixel lies in the image, with all its columns.
                        unsafe { s.store(to.add(at), s.add(value, bias)) };
                    }
                }
            }
        }
    }
}

/// The largest of each window of 2 x 2 outputs, and which it was.
struct Pool<'a, E, F, const P: usize> {
    /// Of windows.
    grid: Grid,
    image: &'a mut [E],
    /// Empty where they are not wanted.
    winners: &'a mut [E],
    m: &'a Matrices,
    from: (&'a [E], usize),
    /// One for each column.
    bias: &'a [E],
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Pool<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        self.grid.check(self.image.len(), F::SIDE / 2, (self.m, self.from.0.len(), self.from.1));
        assert!(self.winners.is_empty() || self.winners.len() == self.image.len());
        assert!(self.bias.len() >= self.m.columns);
        for t in 0..self.grid.count() {
            let from = self.from.0.as_ptr().wrapping_add((self.from.1 + t) * self.m.row);
            for c in (0..self.m.columns).step_by(S::LANES) {
                // SAFETY: `check`: the matrices have this row, with all its columns; the bias is checked above.
                let (rows, bias) = unsafe {
                    let rows = outputs::<E, S, F, P>(s, self.m, from.wrapping_add(self.m.column(c)));
                    (rows, s.load(self.bias.as_ptr().add(c)))
                };
                for (a, b) in (0..F::SIDE / 2).flat_map(|a| (0..F::SIDE / 2).map(move |b| (a, b))) {
                    let (upper, lower) = (&rows[2 * a], &rows[2 * a + 1]);
                    let window = [upper[2 * b], upper[2 * b + 1], lower[2 * b], lower[2 * b + 1]];
                    let (largest, winner) = largest_of_four(s, &window, bias);
                    let at = self.grid.at(t) + a * self.grid.row + b * self.grid.pixel + c;
                    // SAFETY: `check`: this window lies in the image, with all its columns; the winners are as many.
                    unsafe {
                        s.store(self.image.as_mut_ptr().add(at), largest);
                        if !self.winners.is_empty() {
                            s.store(self.winners.as_mut_ptr().add(at), winner);
                        }
                    }
                }
            }
        }
    }
}

/// The matrices U of filters (C_out, C, 3, 3).
struct Filters<'a, E, F, const P: usize> {
    /// (tap, c, o), whole panels of filters.
    taps: &'a [E],
    m: &'a Matrices,
    to: &'a mut [E],
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Filters<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let m = self.m;
        let plane = m.rows * m.columns;
        assert!(self.taps.len() == 9 * plane && self.to.len() >= m.len());
        for c in 0..m.rows {
            for o in (0..m.columns).step_by(S::LANES) {
                let mut taps = [s.splat(E::ZERO); 9];
                for (k, tap) in taps.iter_mut().enumerate() {
                    // SAFETY: row c of tap k, checked above.
                    *tap = unsafe { s.load(self.taps.as_ptr().add(k * plane + c * m.columns + o)) };
                }
                for (r, row) in stretch_filters::<E, S, F, P>(s, taps).into_iter().enumerate() {
                    for (q, value) in row.into_iter().enumerate() {
                        let at = (r * P + q) * m.matrix + c * m.row + m.column(o);
                        // SAFETY: row c of matrix (r, q), checked above.
                        unsafe { s.store(self.to.as_mut_ptr().add(at), value) };
                    }
                }
            }
        }
    }
}

/// G^T S G: the gradients of the filters, (tap, o, c).
struct Shrink<'a, E, F, const P: usize> {
    sums: &'a [E],
    m: &'a Matrices,
    /// In rows as those of the matrices.
    to: &'a mut [E],
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Shrink<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let m = self.m;
        let plane = m.rows * m.row;
        assert!(self.to.len() == 9 * plane && self.sums.len() >= m.len());
        for at in (0..m.rows).flat_map(|o| (0..m.columns).step_by(S::LANES).map(move |c| o * m.row + c)) {
            let mut half = [[s.splat(E::ZERO); P]; 3];
            for q in 0..P {
                let mut column = [s.splat(E::ZERO); P];
                for (r, value) in column.iter_mut().enumerate() {
                    // SAFETY: row o of matrix (r, q), checked above.
                    *value = unsafe { s.load(self.sums.as_ptr().add((r * P + q) * m.matrix + at)) };
                }
                for (row, value) in half.iter_mut().zip(F::shrink(s, column)) {
                    row[q] = value;
                }
            }
            for (u, row) in half.into_iter().enumerate() {
                for (v, value) in F::shrink(s, row).into_iter().enumerate() {
                    // SAFETY: row o of tap (u, v), checked above.
                    unsafe { s.store(self.to.as_mut_ptr().add((3 * u + v) * plane + at), value) };
                }
            }
        }
    }
}

/// y = conv(x, weight) of some images, or dx.
trait Convolve<E>: Send + Sync {
    /// Images at a time.
    fn group(&self) -> usize;
    /// How an image of x is to be written.
    fn source(&self) -> &ChannelsLast;
    /// y of images that `source` has written, or that added to y.
    fn images(&self, images: &[E], add: bool, y: &mut [E]);
    /// y = pool(relu(conv)) of such images, and the winners, if they are not empty.
    fn pooled_images(&self, images: &[E], y: &mut [E], winners: (&mut [u8], Layout));
}

/// y = conv(x, weight) + bias, if this is the way for such a convolution.
pub(super) struct Forward<E> {
    g: Geometry,
    convolution: Box<dyn Convolve<E>>,
}

impl<E: Element> Forward<E> {
    pub(super) fn new(g: &Geometry, weight: &[E], bias: Option<&[E]>) -> Option<Forward<E>> {
        let weight = |o: usize, c: usize, tap: usize| weight[(o * g.channels + c) * 9 + tap];
        let x = Layout::plain(g.size.0, g.size.1);
        let convolution: Box<dyn Convolve<E>> = match side(g)? {
            2 => Box::new(Convolution::<E, Two, TWO>::new(g, x, bias, (0, 0), weight)),
            _ => Box::new(Convolution::<E, Four, FOUR>::new(g, x, bias, (0, 0), weight)),
        };
        Some(Forward { g: *g, convolution })
    }

    pub(super) fn run(&self, x: &[E], y: &mut [E]) {
        let group = self.convolution.group();
        let parts = y.par_chunks_mut(group * self.g.filters * self.g.positions());
        parts.zip(x.par_chunks(group * self.g.image_len())).with_max_len(1).for_each(|(y, x)| {
            self.convolution.images(&self.read(x), false, y);
        });
    }

    /// The same with ReLU and 2 x 2 max-pooling; the winners, unless they are empty, as `layout` says.
    pub(super) fn run_pooled(&self, x: &[E], y: &mut [E], (winners, layout): (&mut [u8], Layout)) {
        let (group, (h, w)) = (self.convolution.group(), pooled_size(&self.g));
        let parts = y.par_chunks_mut(group * self.g.filters * h * w);
        let parts = parts.zip(x.par_chunks(group * self.g.image_len()));
        if winners.is_empty() {
            return parts.with_max_len(1).for_each(|(y, x)| {
                self.convolution.pooled_images(&self.read(x), y, (&mut [], layout));
            });
        }
        let winners = winners.par_chunks_mut(group * self.g.filters * layout.plane);
        parts.zip(winners).with_max_len(1).for_each(|((y, x), winners)| {
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
    /// `x` is how x is written.
    pub(super) fn new(g: &Geometry, x: Layout, weight: &[E], with_input: bool) -> Option<Backward<E>> {
        let weight_side = side(g)?;
        let (padding, size) =
            ((2_usize.checked_sub(g.padding.0)?, 2_usize.checked_sub(g.padding.1)?), g.output_size());
        let turned = Geometry { channels: g.filters, size, filters: g.channels, padding, ..*g };
        let input_side = side(&turned)?;
        let squares = tiles(g, weight_side);
        let reach = |squares: usize, padding: usize| squares * weight_side + padding;
        let least = (reach(squares.0, padding.0), reach(squares.1, padding.1));
        let plain = Layout::plain(size.0, size.1);
        // Turned by half a circle.
        let flipped = |c: usize, o: usize, tap: usize| weight[(o * g.channels + c) * 9 + 8 - tap];
        let input: Box<dyn Convolve<E>> = match input_side {
            2 => Box::new(Convolution::<E, Two, TWO>::new(&turned, plain, None, least, flipped)),
            _ => Box::new(Convolution::<E, Four, FOUR>::new(&turned, plain, None, least, flipped)),
        };
        let dy = *input.source();
        let last = source(g, x, weight_side, (0, 0));
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
    /// last; the padding is zeros. x is that of these images, `x_len` each. dx is written anew unless it is to be added to.
    pub(super) fn images(
        &self,
        count: usize,
        (x, x_len): (&[E], usize),
        mut spread: impl FnMut(usize, &ChannelsLast, &mut [E]),
        grad_weight: &mut [E],
        (dx, add): (&mut [E], bool),
    ) {
        let group = self.weight.group();
        let mut x_group = scratch::zeros::<E>(group * self.x.len());
        let mut dy_group = scratch::zeros::<E>(group * self.dy.len());
        let mut sums = scratch::zeros::<E>(if grad_weight.is_empty() { 0 } else { self.weight.len() });
        let (input, dx_len) = (self.input.as_deref().filter(|_| !dx.is_empty()), self.g.image_len());
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
            let dx = &mut dx[start * dx_len..(start + len) * dx_len];
            let dys = dy_group[..len * self.dy.len()].chunks(input.group() * self.dy.len());
            for (dy, dx) in dys.zip(dx.chunks_mut(input.group() * dx_len)) {
                input.images(dy, add, dx);
            }
        }
        if !grad_weight.is_empty() {
            self.weight.finish(&sums, grad_weight);
        }
    }
}

/// How an image is written whose outputs are made in squares of `side`, and of `least` (H, W) at least.
fn source(g: &Geometry, x: Layout, side: usize, least: (usize, usize)) -> ChannelsLast {
    let (h, w) = tiles(g, side);
    let padded = (g.size.0 + 2 * g.padding.0, g.size.1 + 2 * g.padding.1);
    let size = (least.0.max(h * side + 2).max(padded.0), least.1.max(w * side + 2).max(padded.1));
    ChannelsLast::wide(g, x, size, whole(g.channels))
}

/// Images that make a [`GROUP`] of patches.
fn group(g: &Geometry, side: usize) -> usize {
    let (h, w) = tiles(g, side);
    (GROUP / (h * w)).clamp(1, g.images)
}

/// y = conv(x, weight) + bias.
struct Convolution<E: Element, F, const P: usize> {
    g: Geometry,
    level: Level,
    source: ChannelsLast,
    /// y, channels last.
    target: ChannelsLast,
    grid: Grid,
    group: usize,
    /// U, (c, o).
    m: Matrices,
    filters: scratch::Scratch<E>,
    bias: scratch::Scratch<E>,
    form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Convolution<E, F, P> {
    /// `weight(o, c, tap)` are the filters.
    fn new(
        g: &Geometry,
        x: Layout,
        bias: Option<&[E]>,
        least: (usize, usize),
        weight: impl Fn(usize, usize, usize) -> E,
    ) -> Convolution<E, F, P> {
        let level = Level::current();
        let ((h, w), size) = (tiles(g, F::SIDE), g.output_size());
        let source = source(g, x, F::SIDE, least);
        let y = Geometry { channels: g.filters, size, padding: (0, 0), ..*g };
        let plain = Layout::plain(size.0, size.1);
        let target = ChannelsLast::wide(&y, plain, (h * F::SIDE, w * F::SIDE), whole(g.filters));
        let grid = Grid::new(&source, 0, (h, w), F::SIDE);
        let m = Matrices::in_panels(P, g.channels, g.filters);
        let mut taps = scratch::zeros::<E>(9 * m.rows * m.columns);
        for (k, row) in taps.chunks_exact_mut(m.columns).enumerate() {
            let (tap, c) = (k / m.rows, k % m.rows);
            row.iter_mut().enumerate().take(g.filters).for_each(|(o, to)| *to = weight(o, c, tap));
        }
        let mut filters = scratch::any::<E>(m.len());
        E::dispatch_at(level, Filters { taps: &taps, m: &m, to: &mut filters[..], form: PhantomData::<F> });
        let mut padded = scratch::zeros::<E>(m.columns);
        if let Some(bias) = bias {
            padded[..g.filters].copy_from_slice(bias);
        }
        let group = group(g, F::SIDE);
        Convolution { g: *g, level, source, target, grid, group, m, filters, bias: padded, form: PhantomData }
    }

    /// M of some images.
    fn products(&self, images: &[E]) -> (Matrices, scratch::Scratch<E>) {
        let rows = images.len() / self.source.len() * self.grid.count();
        let v = Matrices::in_rows(P, rows, self.m.rows);
        let mut patches = scratch::any::<E>(v.len());
        for (n, image) in images.chunks_exact(self.source.len()).enumerate() {
            let to = (&mut patches[..], n * self.grid.count());
            let (grid, m) = (self.grid, &v);
            E::dispatch_at(self.level, Take { grid, image, m, to, squares: false, form: PhantomData::<F> });
        }
        let m = Matrices::in_rows(P, rows, self.m.columns);
        let mut products = scratch::any::<E>(m.len());
        let size = (rows, self.m.rows, self.m.columns);
        for k in 0..P * P {
            let (left, right) = ((&patches[v.matrix(k)], v.row, 1), &self.filters[self.m.matrix(k)]);
            let out = (&mut products[m.matrix(k)], m.row);
            E::dispatch_at(self.level, Product { size, left, right, out, add: false });
        }
        (m, products)
    }
}

impl<E: Element, F: Form<P>, const P: usize> Convolve<E> for Convolution<E, F, P> {
    fn group(&self) -> usize {
        self.group
    }

    fn source(&self) -> &ChannelsLast {
        &self.source
    }

    fn images(&self, images: &[E], add: bool, y: &mut [E]) {
        let (m, products) = self.products(images);
        let mut target = scratch::any::<E>(self.target.len());
        let grid = Grid::new(&self.target, 0, self.grid.tiles, F::SIDE);
        for (n, y) in y.chunks_exact_mut(self.g.filters * self.g.positions()).enumerate() {
            let from = (&products[..], n * grid.count());
            let (image, m, bias) = (&mut target[..], &m, &self.bias[..]);
            E::dispatch_at(self.level, Give { grid, image, m, from, bias, form: PhantomData::<F> });
            self.target.give(&target, add, y);
        }
    }

    fn pooled_images(&self, images: &[E], y: &mut [E], (winners, layout): (&mut [u8], Layout)) {
        let (m, products) = self.products(images);
        let (h, w) = pooled_size(&self.g);
        let pooled = Geometry { size: (h, w), ..self.target.g };
        let windows = (self.grid.tiles.0 * F::SIDE / 2, self.grid.tiles.1 * F::SIDE / 2);
        let target = ChannelsLast::wide(&pooled, Layout::plain(h, w), windows, self.target.pixel);
        let grid = Grid::new(&target, 0, self.grid.tiles, F::SIDE / 2);
        let (len, kept) = (self.g.filters * h * w, self.g.filters * layout.plane);
        let keeps = !winners.is_empty();
        let mut largest = scratch::any::<E>(target.len());
        let mut which = scratch::any::<E>(if keeps { target.len() } else { 0 });
        let mut numbers = scratch::any::<E>(if keeps { len } else { 0 });
        let mut winners = winners.chunks_exact_mut(kept);
        for (n, y) in y.chunks_exact_mut(len).enumerate() {
            let from = (&products[..], n * grid.count());
            let (image, winners_to, m, bias) = (&mut largest[..], &mut which[..], &m, &self.bias[..]);
            let form = PhantomData::<F>;
            E::dispatch_at(self.level, Pool { grid, image, winners: winners_to, m, from, bias, form });
            target.give(&largest, false, y);
            if let Some(winners) = winners.next() {
                target.give(&which, false, &mut numbers);
                for (at, row) in numbers.chunks_exact(w).enumerate() {
                    let to = &mut winners[at / h * layout.plane + layout.start(at % h)..][..w];
                    to.iter_mut().zip(row).for_each(|(to, number)| *to = number.to_f64() as u8);
                }
            }
        }
    }
}

/// The sums S over patches, and dw from them.
trait WeightSums<E>: Send + Sync {
    /// Images at a time.
    fn group(&self) -> usize;
    /// Elements of S.
    fn len(&self) -> usize;
    /// Adds the products of some images' x and dy to S.
    fn add(&self, images: (&[E], &[E]), sums: &mut [E]);
    /// Adds dw.
    fn finish(&self, sums: &[E], grad_weight: &mut [E]);
}

struct Sums<F, const P: usize> {
    g: Geometry,
    group: usize,
    /// x and dy: the squares of dy stand where the patches of x do, but in an image with other padding.
    grids: [Grid; 2],
    lens: [usize; 2],
    /// S, (o, c).
    m: Matrices,
    form: PhantomData<F>,
}

impl<F: Form<P>, const P: usize> Sums<F, P> {
    fn new(g: &Geometry, x: &ChannelsLast, dy: &ChannelsLast) -> Sums<F, P> {
        let tiles = tiles(g, F::SIDE);
        let start = dy.start_of_row(0);
        let grids = [Grid::new(x, 0, tiles, F::SIDE), Grid::new(dy, start, tiles, F::SIDE)];
        let m = Matrices::in_rows(P, g.filters, g.channels);
        Sums { g: *g, group: group(g, F::SIDE), grids, lens: [x.len(), dy.len()], m, form: PhantomData }
    }
}

impl<E: Element, F: Form<P>, const P: usize> WeightSums<E> for Sums<F, P> {
    fn group(&self) -> usize {
        self.group
    }

    fn len(&self) -> usize {
        self.m.len()
    }

    fn add(&self, (x, dy): (&[E], &[E]), sums: &mut [E]) {
        let level = Level::current();
        let rows = x.len() / self.lens[0] * self.grids[0].count();
        let v = Matrices::in_panels(P, rows, self.g.channels);
        let y = Matrices::in_rows(P, rows, self.g.filters);
        let (mut patches, mut squares) = (scratch::any::<E>(v.len()), scratch::any::<E>(y.len()));
        for (images, len, grid, m, to, squares) in [
            (x, self.lens[0], self.grids[0], &v, &mut patches, false),
            (dy, self.lens[1], self.grids[1], &y, &mut squares, true),
        ] {
            for (n, image) in images.chunks_exact(len).enumerate() {
                let to = (&mut to[..], n * grid.count());
                E::dispatch_at(level, Take { grid, image, m, to, squares, form: PhantomData::<F> });
            }
        }
        let size = (self.g.filters, rows, self.m.columns);
        for k in 0..P * P {
            let (left, right) = ((&squares[y.matrix(k)], 1, y.row), &patches[v.matrix(k)]);
            let out = (&mut sums[self.m.matrix(k)], self.m.row);
            E::dispatch_at(level, Product { size, left, right, out, add: true });
        }
    }

    fn finish(&self, sums: &[E], grad_weight: &mut [E]) {
        let m = &self.m;
        let plane = m.rows * m.row;
        let mut taps = scratch::any::<E>(9 * plane);
        let to = &mut taps[..];
        E::dispatch_at(Level::current(), Shrink { sums, m, to, form: PhantomData::<F> });
        for (at, grad) in grad_weight.chunks_exact_mut(9).enumerate() {
            let (o, c) = (at / self.g.channels, at % self.g.channels);
            for (tap, grad) in grad.iter_mut().enumerate() {
                *grad += taps[tap * plane + o * m.row + c];
            }
        }
    }
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
