//! How an image is walked: bands of output rows, and where the rows of its columns begin.

use super::Geometry;
use crate::simd::Level;
use crate::tile::{Rows, blocks};
use crate::{Element, scratch};
use std::ops::Range;

/// How an image is walked: what is the same for all images of a batch.
pub(super) struct Plan {
    pub(super) g: Geometry,
    pub(super) h_out: usize,
    pub(super) w_out: usize,
    /// The size of an image with its padding.
    pub(super) padded: (usize, usize),
    /// Stride 1: the columns are read from the image in its place.
    pub(super) in_place: bool,
    /// From one output row to the next in a tile: S of the module's text where `in_place`, else W_out.
    pub(super) row: usize,
    /// Output rows in a band.
    pub(super) band: usize,
    /// Where each row of columns begins: in the image where `in_place`, else in the band's columns.
    pub(super) offsets: Vec<usize>,
}

/// Positions in a band: a tile's rows of the image and its part of the result stay in the first-level cache.
pub(super) const BAND: usize = 768;

impl Plan {
    pub(super) fn new(g: &Geometry) -> Plan {
        let h_out = g.output_size().0;
        Plan::with_rows(g, h_out, 1)
    }

    /// A plan of the first `h_out` output rows, in bands of a multiple of `rows` rows.
    pub(super) fn with_rows(g: &Geometry, h_out: usize, rows: usize) -> Plan {
        let w_out = g.output_size().1;
        let padded = (g.size.0 + 2 * g.padding.0, g.size.1 + 2 * g.padding.1);
        let in_place = g.stride == (1, 1);
        let row = if in_place { padded.1 } else { w_out };
        // Bands of even height, so that the last is not a sliver.
        let bands = (h_out * row).div_ceil(BAND).min(h_out);
        let band = h_out.div_ceil(bands).next_multiple_of(rows);
        let (k_h, k_w) = g.kernel;
        let offsets = if in_place {
            let at = |c, u, v| (c * padded.0 + u) * padded.1 + v;
            (0..g.depth()).map(|k| at(k / (k_h * k_w), k / k_w % k_h, k % k_w)).collect()
        } else {
            (0..g.depth()).map(|k| k * band * w_out).collect()
        };
        Plan { g: *g, h_out, w_out, padded, in_place, row, band, offsets }
    }

    pub(super) fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (h_out, band) = (self.h_out, self.band);
        (0..h_out).step_by(band).map(move |start| start..h_out.min(start + band))
    }

    /// Positions of a band: whole rows, but of the last only what is output.
    pub(super) fn band_len(&self, band: &Range<usize>) -> usize {
        (band.len() - 1) * self.row + self.w_out
    }

    pub(super) fn columns_len(&self) -> usize {
        if self.in_place { 0 } else { self.g.depth() * self.band * self.w_out }
    }

    pub(super) fn tile_len(&self, level: Level, rows: usize) -> usize {
        blocks(level, rows).map(|b| b.len()).max().unwrap_or(0) * self.band * self.row
    }

    /// The image with zeros around it, where there is padding.
    pub(super) fn padded<E: Element>(&self, x: &[E]) -> Option<scratch::Scratch<E>> {
        if self.g.padding == (0, 0) {
            return None;
        }
        let (h, w) = self.padded;
        let mut out = scratch::zeros::<E>(self.g.channels * h * w);
        for (c, plane) in x.chunks(self.g.size.0 * self.g.size.1).enumerate() {
            for (r, row) in plane.chunks(self.g.size.1).enumerate() {
                let at = (c * h + r + self.g.padding.0) * w + self.g.padding.1;
                out[at..at + row.len()].copy_from_slice(row);
            }
        }
        Some(out)
    }

    /// The columns of a band of a padded image: in their place, or copied to `columns` (im2col).
    pub(super) fn columns<'a, E: Element>(
        &'a self,
        image: &'a [E],
        band: &Range<usize>,
        columns: &'a mut [E],
    ) -> Rows<'a, E> {
        let len = self.band_len(band);
        if self.in_place {
            let whole = (self.h_out - 1) * self.row + self.w_out;
            return Rows::new(image, &self.offsets, whole).window(band.start * self.row, len);
        }
        let (k_h, k_w) = self.g.kernel;
        let (s_h, s_w) = self.g.stride;
        for (k, &offset) in self.offsets.iter().enumerate() {
            let (c, u, v) = (k / (k_h * k_w), k / k_w % k_h, k % k_w);
            for (out, i) in columns[offset..].chunks_mut(self.w_out).zip(band.clone()) {
                let from = &image[(c * self.padded.0 + i * s_h + u) * self.padded.1 + v..];
                for (value, x) in out.iter_mut().zip(from.iter().step_by(s_w)) {
                    *value = *x;
                }
            }
        }
        Rows::new(columns, &self.offsets, len)
    }
}
