//! How an image is walked: its planes, bands of output rows, and where the rows of its columns begin.

use super::Geometry;
use super::phases::{Layout, Phases};
use crate::Element;
use crate::tile::Rows;
use std::ops::Range;

/// How an image is walked: what is the same for all images of a batch.
pub(super) struct Plan {
    pub(super) g: Geometry,
    pub(super) h_out: usize,
    pub(super) w_out: usize,
    pub(super) phases: Phases,
    /// From one output row to the next: S of the module's text.
    pub(super) row: usize,
    /// Output rows in a band.
    pub(super) band: usize,
    /// Where each row of columns begins in the planes.
    pub(super) offsets: Vec<usize>,
}

/// Positions in a band: a tile's rows of the image and its part of the result stay in the first-level cache.
pub(super) const BAND: usize = 1536;

impl Plan {
    pub(super) fn new(g: &Geometry) -> Plan {
        Plan::cropped(g, g.output_size())
    }

    /// A plan of the first rows and columns of the output.
    pub(super) fn cropped(g: &Geometry, (h_out, w_out): (usize, usize)) -> Plan {
        let phases = Phases::new(g, g.stride).met_by(g);
        let row = phases.row;
        let band = even_bands(h_out, row, BAND);
        let offsets =
            g.taps().map(|(c, u, v)| phases.offset(c, u * g.dilation.0, v * g.dilation.1)).collect();
        Plan { g: *g, h_out, w_out, phases, row, band, offsets }
    }

    /// The same for images that are written in this way.
    pub(super) fn of(mut self, x: Layout) -> Plan {
        self.phases = self.phases.of(x);
        self
    }

    /// Positions of all output rows; but of the last only what is output.
    pub(super) fn len(&self) -> usize {
        (self.h_out - 1) * self.row + self.w_out
    }

    pub(super) fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        bands(self.h_out, self.band)
    }

    /// Positions of a band: whole rows, but of the last only what is output.
    pub(super) fn band_len(&self, band: &Range<usize>) -> usize {
        (band.len() - 1) * self.row + self.w_out
    }

    /// The columns of an image, given its planes.
    pub(super) fn columns<'a, E: Element>(&'a self, planes: &'a [E]) -> Rows<'a, E> {
        Rows::new(planes, &self.offsets, self.len())
    }
}

/// How many of `rows` rows of `row` positions go into a band of about `positions`: even, so that the last is no sliver.
pub(super) fn even_bands(rows: usize, row: usize, positions: usize) -> usize {
    let bands = (rows * row).div_ceil(positions).min(rows);
    rows.div_ceil(bands)
}

/// The bands of `rows` rows, `band` each.
pub(super) fn bands(rows: usize, band: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    (0..rows).step_by(band).map(move |start| start..rows.min(start + band))
}
