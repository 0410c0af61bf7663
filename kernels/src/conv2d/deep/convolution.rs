//! y = A^T M A: forward, and dx.

use super::matrices::{Grid, Matrices, whole};
use super::transforms::{Filters, Give, Pool, Take};
use super::{group, source, tiles};
use crate::conv2d::channels_last::ChannelsLast;
use crate::conv2d::phases::Layout;
use crate::conv2d::winograd::Form;
use crate::conv2d::{Geometry, pooled_size};
use crate::simd::Level;
use crate::tile::Product;
use crate::{Element, scratch};
use std::marker::PhantomData;

/// y = conv(x, weight) of some images, or dx.
pub(super) trait Convolve<E>: Send + Sync {
    /// Images at a time.
    fn group(&self) -> usize;
    /// How an image of x is to be written.
    fn source(&self) -> &ChannelsLast;
    /// y of images that `source` has written, or that added to y.
    fn images(&self, images: &[E], add: bool, y: &mut [E]);
    /// y = pool(relu(conv)) of such images, and the winners, if they are not empty.
    fn pooled_images(&self, images: &[E], y: &mut [E], winners: (&mut [u8], Layout));
}

/// y = conv(x, weight) + bias.
pub(super) struct Convolution<E: Element, F, const P: usize> {
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
    pub(super) fn new(
        g: &Geometry,
        bias: Option<&[E]>,
        least: (usize, usize),
        weight: impl Fn(usize, usize, usize) -> E,
    ) -> Convolution<E, F, P> {
        let level = Level::current();
        let ((h, w), size) = (tiles(g, F::SIDE), g.output_size());
        let source = source(g, F::SIDE, least);
        let y = Geometry { channels: g.filters, size, padding: (0, 0), ..*g };
        let target = ChannelsLast::wide(&y, (h * F::SIDE, w * F::SIDE), whole(g.filters));
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
        let target = ChannelsLast::wide(&pooled, windows, self.target.pixel);
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
