//! Channels last: images as (H, W, C) and filters as (C_out, K_h, K_w, C), so that a row of a patch is one stretch
//! of K_w C numbers.

use super::Geometry;
use super::phases::Layout;
use crate::rearrange::Strip;
use crate::simd::{Kernel, MAX_LANES, Simd, dispatch};
use crate::{Element, scratch};

/// Images with their padding as (H, W, C), and filters as (C_out, K_h, K_w, C).
#[derive(Clone, Copy)]
pub(super) struct ChannelsLast {
    pub(super) g: Geometry,
    /// (H, W) with padding.
    pub(super) size: (usize, usize),
    /// Elements from a pixel to the next.
    pub(super) pixel: usize,
    /// How x is written.
    x: Layout,
}

/// Elements behind an image: at least those of a vector.
pub(super) const ROOM: usize = MAX_LANES;

impl ChannelsLast {
    pub(super) fn new(g: &Geometry, x: Layout) -> ChannelsLast {
        let size = (g.size.0 + 2 * g.padding.0, g.size.1 + 2 * g.padding.1);
        ChannelsLast { g: *g, size, pixel: g.channels, x }
    }

    /// The same of plain images, with more room to the right and below, and behind the channels of a pixel.
    pub(super) fn wide(g: &Geometry, size: (usize, usize), pixel: usize) -> ChannelsLast {
        let least = ChannelsLast::new(g, Layout::plain(g.size.0, g.size.1));
        assert!(size.0 >= least.size.0 && size.1 >= least.size.1 && pixel >= least.pixel);
        ChannelsLast { size, pixel, ..least }
    }

    /// Elements of a row.
    pub(super) fn row(&self) -> usize {
        self.size.1 * self.pixel
    }

    /// Elements of an image and the room behind it.
    pub(super) fn len(&self) -> usize {
        self.size.0 * self.row() + ROOM
    }

    /// Element (r, 0) of the image without padding.
    pub(super) fn start_of_row(&self, r: usize) -> usize {
        (r + self.g.padding.0) * self.row() + self.g.padding.1 * self.pixel
    }

    /// An image of arbitrary numbers, but of zeros in the padding.
    pub(super) fn empty<E: Element>(&self) -> scratch::Scratch<E> {
        if self.g.padding == (0, 0) { scratch::any(self.len()) } else { scratch::zeros(self.len()) }
    }

    /// Writes image x; the padding is left as it is.
    pub(super) fn read<E: Element>(&self, x: &[E], image: &mut [E]) {
        dispatch(Read { last: self, x, image });
    }

    /// Writes an image to dx (C, H, W), without the padding, or adds it to what is there.
    pub(super) fn give<E: Element>(&self, image: &[E], add: bool, dx: &mut [E]) {
        dispatch(Give { last: self, image, add, dx });
    }

    /// Calls f(k, at) for every weight: it is number k of (C_out, C, K_h, K_w) and number `at` of (C_out, K_h, K_w, C).
    fn weights(&self, mut f: impl FnMut(usize, usize)) {
        let (channels, area) = (self.g.channels, self.g.kernel.0 * self.g.kernel.1);
        for o in 0..self.g.filters {
            let start = o * channels * area;
            for c in 0..channels {
                for tap in 0..area {
                    f(start + c * area + tap, start + tap * channels + c);
                }
            }
        }
    }

    pub(super) fn permute_weight<E: Element>(&self, weight: &[E], to: &mut [E]) {
        self.weights(|k, at| to[at] = weight[k]);
    }

    pub(super) fn add_weight<E: Element>(&self, sum: &[E], to: &mut [E]) {
        self.weights(|k, at| to[k] += sum[at]);
    }
}

/// See [`ChannelsLast::read`].
struct Read<'a, E> {
    last: &'a ChannelsLast,
    x: &'a [E],
    image: &'a mut [E],
}

impl<E: Element> Kernel<E> for Read<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let ChannelsLast { g, pixel, x, .. } = *self.last;
        assert!(self.x.len() == g.channels * x.plane);
        for r in 0..g.size.0 {
            let to = (&mut self.image[self.last.start_of_row(r)..], pixel);
            let from = (&self.x[x.start(r)..], x.plane);
            Strip { from, to, size: (g.channels, g.size.1), add: false }.transpose(s);
        }
    }
}

/// See [`ChannelsLast::give`].
struct Give<'a, E> {
    last: &'a ChannelsLast,
    image: &'a [E],
    add: bool,
    dx: &'a mut [E],
}

impl<E: Element> Kernel<E> for Give<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let (channels, (h, w)) = (self.last.g.channels, self.last.g.size);
        assert!(self.dx.len() == channels * h * w);
        for r in 0..h {
            let from = (&self.image[self.last.start_of_row(r)..], self.last.pixel);
            let to = (&mut self.dx[r * w..], h * w);
            Strip { from, to, size: (w, channels), add: self.add }.transpose(s);
        }
    }
}
