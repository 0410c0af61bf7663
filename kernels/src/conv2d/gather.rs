//! dx by tiles: col2im(w^T dy) as a gather, the product once more with dy in the image's role,
//! `dx[c, q] = Σ w[o,c,u,v] dy[o, q - u S - v]`. For this dy is spread to rows of S, with zeros between them.

use super::plan::{BAND, Plan, bands, even_bands};
use crate::simd::{MAX_LANES, dispatch};
use crate::tile::{CopyRows, Init, Packed, Rows};
use crate::{Element, scratch};
use std::ops::Range;

/// Buffers of one part of the batch.
pub(super) struct Work<E: Element> {
    /// A band of dy as [`Gather`] wants it. The zeros between the rows stay from image to image.
    spread: scratch::Scratch<E>,
    /// The planes of dx, where they are not dx itself.
    planes: scratch::Scratch<E>,
}

/// What the backward passes of all images share.
pub(super) struct Gather<'a, E: Element> {
    plan: &'a Plan,
    /// Rows of the planes, and of a band of them.
    rows: usize,
    band: usize,
    /// Rows of dy that a band needs from before it.
    halo: usize,
    /// Before each filter's band of the spread dy, as much as the farthest weight looks back; in whole vectors.
    pub(super) margin: usize,
    /// From one filter of the spread dy to the next; in whole vectors, so that its loads are aligned.
    pub(super) plane: usize,
    /// The product for each phase of dx.
    inputs: Vec<PhaseProduct<E>>,
}

/// dx of the planes of one phase: the weights that meet it, packed, (u, o, v) after (u, o, v), and where in the spread dy
/// each one's row begins.
struct PhaseProduct<E: Element> {
    packed: Packed<E>,
    offsets: Vec<usize>,
    /// How many u meet it: each makes as many rows of the product.
    reach: usize,
}

/// Whether rows of dx that few rows of dy meet are made from these alone: not where rows are short.
fn in_stretches(row: usize) -> bool {
    row >= 2 * MAX_LANES
}

impl<E: Element> PhaseProduct<E> {
    /// The u that meet row i of the phase at a row of dy, of which there are `h_out`.
    fn met(&self, i: usize, h_out: usize) -> Range<usize> {
        let end = (i + 1).min(self.reach);
        (i + 1).saturating_sub(h_out).min(end)..end
    }

    /// A band of rows in stretches that meet the same u. Where rows are short it is one, and dy's zeros are added too.
    fn stretches(&self, band: &Range<usize>, row: usize, h_out: usize) -> Vec<(Range<usize>, Range<usize>)> {
        if !in_stretches(row) {
            return vec![(band.clone(), 0..self.reach)];
        }
        let mut stretches: Vec<(Range<usize>, Range<usize>)> = Vec::with_capacity(2 * self.reach + 1);
        for i in band.clone() {
            let met = self.met(i, h_out);
            match stretches.last_mut() {
                Some((rows, last)) if *last == met => rows.end = i + 1,
                _ => stretches.push((i..i + 1, met)),
            }
        }
        stretches
    }
}

/// Positions of a band of the spread dy: it stays in the second-level cache.
const SPREAD: usize = 2048;

impl<'a, E: Element> Gather<'a, E> {
    /// A band has so many `positions`, or as many as the second-level cache holds.
    pub(super) fn new(
        plan: &'a Plan,
        weight: &[E],
        with_input: bool,
        positions: Option<usize>,
    ) -> Gather<'a, E> {
        let g = &plan.g;
        let (step, (k_h, k_w)) = (g.stride, g.kernel);
        let rows = plan.phases.plane() / plan.row;
        let (band, halo) = (even_bands(rows, plan.row, positions.unwrap_or(SPREAD)), (k_h - 1) / step.0);
        let back = |u: usize, v: usize| (u / step.0) * plan.row + v / step.1;
        let margin = back(k_h - 1, k_w - 1).next_multiple_of(MAX_LANES);
        let plane = (margin + band * plan.row).next_multiple_of(MAX_LANES);
        let phases = if with_input { step.0 * step.1 } else { 0 };
        let product = |phase: usize| {
            let meets = |&(c, u, v): &(usize, usize, usize)| {
                c == 0 && (u % step.0, v % step.1) == (phase / step.1, phase % step.1)
            };
            let met: Vec<_> = g.taps().filter(meets).map(|(_, u, v)| (u, v)).collect();
            let depth = g.filters * met.len();
            let reach = k_h.saturating_sub(phase / step.1).div_ceil(step.0);
            let columns = met.len().checked_div(reach).unwrap_or(0);
            // For each row of the product, which weight of channel 0 it is of, and where it begins in the spread dy.
            let (taps, offsets): (Vec<usize>, Vec<usize>) = (0..reach)
                .flat_map(|u| (0..g.filters).map(move |o| (u, o)))
                .flat_map(|(u, o)| met[u * columns..][..columns].iter().map(move |&(u, v)| (o, u, v)))
                .map(|(o, u, v)| ((o * g.channels * k_h + u) * k_w + v, o * plane + margin - back(u, v)))
                .unzip();
            let packed = Packed::new(g.channels, depth, |c, k| weight[taps[k] + c * k_h * k_w]);
            PhaseProduct { packed, offsets, reach }
        };
        let inputs = (0..phases).map(product).collect();
        Gather { plan, rows, band, halo, margin, plane, inputs }
    }

    pub(super) fn work(&self) -> Work<E> {
        let planes = if self.inputs.is_empty() || self.plan.phases.are_the_image() {
            0
        } else {
            self.plan.phases.len()
        };
        Work { spread: scratch::zeros(self.plan.g.filters * self.plane), planes: scratch::any(planes) }
    }

    /// Adds dx of an image, where it is not empty, band by band; `spread` writes a band of dy.
    pub(super) fn image(
        &self,
        work: &mut Work<E>,
        dx: &mut [E],
        mut spread: impl FnMut(&mut [E], &Range<usize>),
    ) {
        for band in bands(self.rows, self.band) {
            spread(&mut work.spread, &band);
            if dx.is_empty() {
                continue;
            }
            let (init, planes) = if work.planes.is_empty() {
                (Init::Add, &mut *dx)
            } else {
                (Init::Zero, &mut work.planes[..])
            };
            self.input(&work.spread, &band, init, planes);
        }
        if !dx.is_empty() && !work.planes.is_empty() {
            self.plan.phases.add_to(&work.planes, dx);
        }
    }

    /// Copies a band of dy, and the rows before it that its weights look back to, to rows of S with zeros between them
    /// and in place of rows that are none.
    pub(super) fn spread(&self, dy: &[E], band: &Range<usize>, spread: &mut [E]) {
        let (plan, w_out, row) = (self.plan, self.plan.w_out, self.plan.row);
        let first = band.start.saturating_sub(self.halo);
        let count = band.end.min(plan.h_out).saturating_sub(first);
        // Row i of dy stands here.
        let start = |i: usize| self.margin - self.halo * row + (i + self.halo - band.start) * row;
        // In stretches, only the gaps between these rows are read, and they are still zeros.
        if !in_stretches(row) {
            for plane in spread.chunks_exact_mut(self.plane) {
                plane[self.margin - self.halo * row..start(first)].fill(E::ZERO);
                plane[start(first + count)..self.margin + band.len() * row].fill(E::ZERO);
            }
        }
        if count > 0 {
            let from = (&dy[first * w_out..], plan.g.positions(), w_out);
            let to = (&mut spread[start(first)..], self.plane, row);
            let planes = plan.g.filters;
            dispatch(CopyRows { from, to, planes, rows: count, len: w_out, add: false });
        }
    }

    /// A band of the planes of dx: a gather from the spread dy for each phase, with what they begin with.
    fn input(&self, spread: &[E], band: &Range<usize>, init: Init<'_, E>, planes: &mut [E]) {
        let (g, row, pixels) = (&self.plan.g, self.plan.row, self.plan.phases.plane());
        for (product, planes) in self.inputs.iter().zip(planes.chunks_mut(g.channels * pixels)) {
            let depth = product.offsets.len();
            if depth == 0 {
                // Between the weights' reach, where the stride is larger than the kernel: never added to dx.
                continue;
            }
            let rows = Rows::new(spread, &product.offsets, band.len() * row);
            for (part, met) in product.stretches(band, row, self.plan.h_out) {
                let (first, len) = ((part.start - band.start) * row, part.len() * row);
                let met = met.start * depth / product.reach..met.end * depth / product.reach;
                if met.is_empty() {
                    if let Init::Zero = init {
                        planes
                            .chunks_mut(pixels)
                            .for_each(|plane| plane[part.start * row..][..len].fill(E::ZERO));
                    }
                    continue;
                }
                // What several blocks of channels read stays in the first-level cache.
                let step = if g.channels > product.packed.height() { BAND } else { len };
                for start in (0..len).step_by(step) {
                    let rows = rows.select(met.clone()).window(first + start, step.min(len - start));
                    for block in product.packed.blocks() {
                        let out = &mut planes[block.start * pixels + part.start * row + start..];
                        product.packed.multiply_block(block, (met.start, rows), init, out, pixels);
                    }
                }
            }
        }
    }
}
