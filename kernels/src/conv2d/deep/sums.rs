//! dg = G^T S G: the gradient of the filters.

use super::matrices::{Grid, Matrices};
use super::transforms::{Shrink, Take};
use super::{group, tiles};
use crate::conv2d::Geometry;
use crate::conv2d::channels_last::ChannelsLast;
use crate::conv2d::winograd::Form;
use crate::simd::Level;
use crate::tile::Product;
use crate::{Element, scratch};
use std::marker::PhantomData;

/// The sums S over patches, and dw from them.
pub(super) trait WeightSums<E>: Send + Sync {
    /// Images at a time.
    fn group(&self) -> usize;
    /// Elements of S.
    fn len(&self) -> usize;
    /// Adds the products of some images' x and dy to S.
    fn add(&self, images: (&[E], &[E]), sums: &mut [E]);
    /// Adds dw.
    fn finish(&self, sums: &[E], grad_weight: &mut [E]);
}

pub(super) struct Sums<F, const P: usize> {
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
    pub(super) fn new(g: &Geometry, x: &ChannelsLast, dy: &ChannelsLast) -> Sums<F, P> {
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
