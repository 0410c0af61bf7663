//! Convolution of a batch of images with a bank of filters, forward and backward.
//!
//! ```text
//! y[n,o,i,j]  = b[o] + Σ_{c,u,v} w[o,c,u,v] x[n,c, i s_h + u - p_h, j s_w + v - p_w]
//! dw[o,c,u,v] = Σ_{n,i,j} dy[n,o,i,j] x[n,c, i s_h + u - p_h, j s_w + v - p_w]
//! db[o]       = Σ_{n,i,j} dy[n,o,i,j]
//! dx[n,c,r,q] = Σ_{o,u,v : i s_h + u - p_h = r, j s_w + v - p_w = q} w[o,c,u,v] dy[n,o,i,j]
//! ```
//!
//! All is done an image at a time, in bands of output rows that stay in cache, by the two products of
//! [`crate::tile`]. With columns = im2col(x), one row for each (c, u, v) and one column for each (i, j):
//!
//! ```text
//! y = w columns        `multiply`
//! dw = dy columns^T    `dots`
//! dx = col2im(w^T dy)  `multiply`
//! ```
//!
//! The columns exist nowhere when the stride is 1. Take an image of rows of S pixels, padding included,
//! and let output position (i, j) stand at i S + j. Then row (c, u, v) of columns is the image itself, read
//! from pixel (c, u, v) on; the k_w - 1 positions at the end of each row mean nothing, and are left out when
//! the result is copied to its place (forward), or are zeros in dy (backward). dx becomes a gather, the
//! same product once more with dy in the image's role: dx[c, q] = Σ w[o,c,u,v] dy[o, q - u S - v]. This
//! minus is all that is left of the famous flip.
//!
//! With a stride, im2col is done for a band at a time, and col2im likewise.

use crate::map::{Identity, sum_chunk};
use crate::scratch;
use crate::simd::Level;
use crate::tile::{Dots, Init, Multiply, Rows, blocks, pack};
use crate::{Element, add_partials, partial_count};
use rayon::prelude::*;
use std::ops::Range;

/// The sizes of a convolution. Images are (C, H, W), filters (C_out, C_in, K_h, K_w), all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images in the batch, N.
    pub images: usize,
    /// C_in.
    pub channels: usize,
    /// (H, W).
    pub size: (usize, usize),
    /// C_out.
    pub filters: usize,
    /// (K_h, K_w).
    pub kernel: (usize, usize),
    /// (S_h, S_w), from 1.
    pub stride: (usize, usize),
    /// Zeros added at (top and bottom, left and right).
    pub padding: (usize, usize),
}

impl Geometry {
    /// (H_out, W_out) = floor((H + 2 P - K) / S) + 1; 0 where the kernel does not fit.
    pub fn output_size(&self) -> (usize, usize) {
        let out = |size: usize, kernel: usize, stride: usize, padding: usize| {
            (size + 2 * padding).checked_sub(kernel).map_or(0, |room| room / stride + 1)
        };
        (
            out(self.size.0, self.kernel.0, self.stride.0, self.padding.0),
            out(self.size.1, self.kernel.1, self.stride.1, self.padding.1),
        )
    }

    /// C_in K_h K_w: how many products make one output.
    pub fn depth(&self) -> usize {
        self.channels * self.kernel.0 * self.kernel.1
    }

    /// Elements of x.
    pub fn input_len(&self) -> usize {
        self.images * self.image_len()
    }

    /// Elements of y.
    pub fn output_len(&self) -> usize {
        self.images * self.filters * self.positions()
    }

    /// Elements of w.
    pub fn weight_len(&self) -> usize {
        self.filters * self.depth()
    }

    fn image_len(&self) -> usize {
        self.channels * self.size.0 * self.size.1
    }

    fn positions(&self) -> usize {
        let (h_out, w_out) = self.output_size();
        h_out * w_out
    }

    /// The preconditions of every function here.
    fn check<E>(&self, x: Option<&[E]>, weight: Option<&[E]>, y: &[E]) {
        assert!(self.positions() > 0 && self.stride.0 > 0 && self.stride.1 > 0, "conv2d: empty output");
        assert!(self.channels > 0 && self.filters > 0, "conv2d: no channel or no filter");
        assert!(x.is_none_or(|x| x.len() == self.input_len()), "conv2d: x has another size");
        assert!(weight.is_none_or(|w| w.len() == self.weight_len()), "conv2d: the weight has another size");
        assert!(y.len() == self.output_len(), "conv2d: y has another size");
    }
}

/// y = conv(x, weight) + bias.
pub fn conv2d_forward<E: Element>(g: &Geometry, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    g.check(Some(x), Some(weight), y);
    assert!(bias.is_none_or(|b| b.len() == g.filters), "conv2d: the bias has another size");
    let level = Level::current();
    let plan = Plan::new(g);
    let depth = g.depth();
    let mut packed = scratch::any::<E>(g.weight_len());
    pack(level, g.filters, depth, |o, k| weight[o * depth + k], &mut packed);
    let positions = g.positions();
    y.par_chunks_mut(g.filters * positions).zip(x.par_chunks(g.image_len())).for_each(|(y, x)| {
        let padded = plan.padded(x);
        let image = padded.as_deref().unwrap_or(x);
        let mut columns = scratch::any::<E>(plan.columns_len());
        let mut tile = scratch::any::<E>(plan.tile_len(level, g.filters));
        for band in plan.bands() {
            let rows = plan.columns(image, &band, &mut columns);
            for block in blocks(level, g.filters) {
                let packed = &packed[block.start * depth..block.end * depth];
                let init = bias.map_or(Init::Zero, |b| Init::Bias(&b[block.clone()]));
                let len = plan.band_len(&band);
                if plan.row == plan.w_out {
                    let out = &mut y[block.start * positions + band.start * plan.w_out..];
                    E::dispatch_at(level, Multiply { packed, rows, init, out, stride: positions });
                    continue;
                }
                E::dispatch_at(level, Multiply { packed, rows, init, out: &mut tile, stride: len });
                for (tile, o) in tile.chunks(len).zip(block) {
                    let out = &mut y[o * positions + band.start * plan.w_out..];
                    for (out, row) in out.chunks_mut(plan.w_out).zip(tile.chunks(plan.row)) {
                        out.copy_from_slice(&row[..plan.w_out]);
                    }
                }
            }
        }
    });
}

/// Where [`conv2d_backward`] adds the gradients that are wanted.
pub struct Gradients<'a, E> {
    /// dx, the size of x.
    pub input: Option<&'a mut [E]>,
    /// dw, the size of the weight.
    pub weight: Option<&'a mut [E]>,
    /// db, one for each filter.
    pub bias: Option<&'a mut [E]>,
}

/// Adds dx, dw and db for dy = `grad_output`.
pub fn conv2d_backward<E: Element>(
    g: &Geometry,
    x: &[E],
    weight: &[E],
    grad_output: &[E],
    grads: Gradients<'_, E>,
) {
    g.check(Some(x), Some(weight), grad_output);
    let level = Level::current();
    let plan = Plan::new(g);
    let backward = Backward::new(level, &plan, weight, grads.input.is_some());
    // Each part of the batch has sums of its own; they are added in order at the end.
    let parts = partial_count(g.images);
    let part_images = g.images.div_ceil(parts);
    let (weight_len, bias_len) =
        (grads.weight.as_ref().map_or(0, |w| w.len()), grads.bias.as_ref().map_or(0, |b| b.len()));
    assert!(weight_len == 0 || weight_len == g.weight_len(), "conv2d: dw has another size");
    assert!(bias_len == 0 || bias_len == g.filters, "conv2d: db has another size");
    let part_len = weight_len + bias_len;
    let mut sums = scratch::zeros::<E>(parts * part_len.max(1));
    let mut no_input = scratch::any::<E>(0);
    let (grad_input, input_len) = match grads.input {
        Some(grad_input) => {
            assert!(grad_input.len() == g.input_len(), "conv2d: dx has another size");
            (grad_input, g.image_len())
        }
        None => (&mut no_input[..], 0),
    };
    let mut grad_inputs: Vec<&mut [E]> = Vec::with_capacity(parts);
    let mut rest = grad_input;
    for part in 0..parts {
        let images = part_images.min(g.images.saturating_sub(part * part_images));
        let (head, tail) = rest.split_at_mut(images * input_len);
        grad_inputs.push(head);
        rest = tail;
    }
    sums.par_chunks_mut(part_len.max(1)).zip(grad_inputs).enumerate().for_each(
        |(part, (sums, grad_input))| {
            let (grad_weight, grad_bias) = sums[..part_len].split_at_mut(weight_len);
            let images = part * part_images..g.images.min((part + 1) * part_images);
            let mut work = backward.work(!grad_weight.is_empty());
            for (index, n) in images.enumerate() {
                let dy = &grad_output[n * g.filters * g.positions()..][..g.filters * g.positions()];
                let x = &x[n * g.image_len()..][..g.image_len()];
                for (sum, dy) in grad_bias.iter_mut().zip(dy.chunks(g.positions())) {
                    *sum += sum_chunk(Identity, [dy]);
                }
                backward.spread(dy, &mut work.dy);
                if !grad_weight.is_empty() {
                    backward.weight(x, dy, &mut work, grad_weight);
                }
                if input_len > 0 {
                    backward.input(dy, &mut work, &mut grad_input[index * input_len..][..input_len]);
                }
            }
        },
    );
    let (weights, biases) = (grads.weight.into_iter(), grads.bias.into_iter());
    let mut targets: Vec<(&mut [E], usize)> = weights.map(|w| (w, 0)).collect();
    targets.extend(biases.map(|b| (b, weight_len)));
    for (target, start) in targets {
        add_partials(&sums, part_len, start, target);
    }
}

/// How an image is walked: what is the same for all images of a batch.
struct Plan {
    g: Geometry,
    h_out: usize,
    w_out: usize,
    /// The size of an image with its padding.
    padded: (usize, usize),
    /// Stride 1: the columns are read from the image in its place.
    in_place: bool,
    /// From one output row to the next in a tile: S of the module's text where `in_place`, else W_out.
    row: usize,
    /// Output rows in a band.
    band: usize,
    /// Where each row of columns begins: in the image where `in_place`, else in the band's columns.
    offsets: Vec<usize>,
}

/// Positions in a band: a tile's rows of the image and its part of the result stay in the first-level cache.
const BAND: usize = 768;

impl Plan {
    fn new(g: &Geometry) -> Plan {
        let (h_out, w_out) = g.output_size();
        let padded = (g.size.0 + 2 * g.padding.0, g.size.1 + 2 * g.padding.1);
        let in_place = g.stride == (1, 1);
        let row = if in_place { padded.1 } else { w_out };
        // Bands of even height, so that the last is not a sliver.
        let bands = (h_out * row).div_ceil(BAND).min(h_out);
        let band = h_out.div_ceil(bands);
        let (k_h, k_w) = g.kernel;
        let offsets = if in_place {
            let at = |c, u, v| (c * padded.0 + u) * padded.1 + v;
            (0..g.depth()).map(|k| at(k / (k_h * k_w), k / k_w % k_h, k % k_w)).collect()
        } else {
            (0..g.depth()).map(|k| k * band * w_out).collect()
        };
        Plan { g: *g, h_out, w_out, padded, in_place, row, band, offsets }
    }

    fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (h_out, band) = (self.h_out, self.band);
        (0..h_out).step_by(band).map(move |start| start..h_out.min(start + band))
    }

    /// Positions of a band: whole rows, but of the last only what is output.
    fn band_len(&self, band: &Range<usize>) -> usize {
        (band.len() - 1) * self.row + self.w_out
    }

    fn columns_len(&self) -> usize {
        if self.in_place { 0 } else { self.g.depth() * self.band * self.w_out }
    }

    fn tile_len(&self, level: Level, rows: usize) -> usize {
        blocks(level, rows).map(|b| b.len()).max().unwrap_or(0) * self.band * self.row
    }

    /// The image with zeros around it, where there is padding.
    fn padded<E: Element>(&self, x: &[E]) -> Option<scratch::Scratch<E>> {
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
    fn columns<'a, E: Element>(
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

/// What the backward passes of all images share.
struct Backward<'a, E: Element> {
    plan: &'a Plan,
    level: Level,
    /// The weights packed for dx: in place (c; o, u, v), else (k; o).
    packed: scratch::Scratch<E>,
    /// Zeros before each channel of the spread dy: (K_h - 1) S + K_w - 1, and as many behind it.
    margin: usize,
    /// From one channel of the spread dy to the next.
    plane: usize,
    /// Where the rows of dy begin for dw.
    weight_offsets: Vec<usize>,
    /// Where they begin for dx.
    input_offsets: Vec<usize>,
}

/// Buffers of one part of the batch.
struct Work<E: Element> {
    dy: scratch::Scratch<E>,
    columns: scratch::Scratch<E>,
    padded: scratch::Scratch<E>,
}

impl<'a, E: Element> Backward<'a, E> {
    fn new(level: Level, plan: &'a Plan, weight: &[E], with_input: bool) -> Backward<'a, E> {
        let g = &plan.g;
        let (k_h, k_w) = g.kernel;
        let (area, depth) = (k_h * k_w, g.depth());
        let margin = if plan.in_place { (k_h - 1) * plan.row + k_w - 1 } else { 0 };
        let plane = margin + plan.h_out * plan.row + margin;
        let mut packed = scratch::any::<E>(if with_input { g.weight_len() } else { 0 });
        let mut input_offsets = Vec::new();
        if with_input && plan.in_place {
            let at = |c: usize, k: usize| (k / area) * depth + c * area + k % area;
            pack(level, g.channels, g.filters * area, |c, k| weight[at(c, k)], &mut packed);
            // dy at q - u S - v: the margin in front keeps it in the buffer.
            input_offsets = (0..g.filters * area)
                .map(|k| k / area * plane + margin - (k / k_w % k_h) * plan.row - k % k_w)
                .collect();
        } else if with_input {
            pack(level, depth, g.filters, |k, o| weight[o * depth + k], &mut packed);
            input_offsets = (0..g.filters).map(|o| o * g.positions()).collect();
        }
        let weight_offsets = (0..g.filters).map(|o| o * plane + margin).collect();
        Backward { plan, level, packed, margin, plane, weight_offsets, input_offsets }
    }

    fn work(&self, with_weight: bool) -> Work<E> {
        let plan = self.plan;
        let spread = if plan.in_place { plan.g.filters * self.plane } else { 0 };
        let columns = if with_weight || !plan.in_place { plan.columns_len() } else { 0 };
        let padded =
            if plan.g.padding == (0, 0) { 0 } else { plan.g.channels * plan.padded.0 * plan.padded.1 };
        Work { dy: scratch::zeros(spread), columns: scratch::any(columns), padded: scratch::any(padded) }
    }

    /// Copies dy to rows of S with zeros between and around them. The zeros stay from image to image.
    fn spread(&self, dy: &[E], spread: &mut [E]) {
        if self.plan.in_place {
            for (plane, dy) in spread.chunks_mut(self.plane).zip(dy.chunks(self.plan.g.positions())) {
                for (row, dy) in
                    plane[self.margin..].chunks_mut(self.plan.row).zip(dy.chunks(self.plan.w_out))
                {
                    row[..self.plan.w_out].copy_from_slice(dy);
                }
            }
        }
    }

    /// dw += dy columns^T, band by band.
    fn weight(&self, x: &[E], dy: &[E], work: &mut Work<E>, grad_weight: &mut [E]) {
        let plan = self.plan;
        let padded = plan.padded(x);
        let image = padded.as_deref().unwrap_or(x);
        for band in plan.bands() {
            let len = plan.band_len(&band);
            let left = if plan.in_place {
                Rows::new(&work.dy, &self.weight_offsets, plan.h_out * plan.row)
                    .window(band.start * plan.row, len)
            } else {
                Rows::new(dy, &self.weight_offsets, plan.h_out * plan.w_out)
                    .window(band.start * plan.w_out, len)
            };
            let right = plan.columns(image, &band, &mut work.columns);
            E::dispatch_at(self.level, Dots { left, right, out: grad_weight });
        }
    }

    /// dx += col2im(w^T dy).
    fn input(&self, dy: &[E], work: &mut Work<E>, grad_input: &mut [E]) {
        if self.plan.g.padding == (0, 0) {
            return self.input_padded(dy, &work.dy, &mut work.columns, grad_input);
        }
        // Into an image with its padding, of which only the inside is kept.
        let (plan, size) = (self.plan, self.plan.g.size);
        work.padded.fill(E::ZERO);
        self.input_padded(dy, &work.dy, &mut work.columns, &mut work.padded);
        for (c, plane) in grad_input.chunks_mut(size.0 * size.1).enumerate() {
            for (r, row) in plane.chunks_mut(size.1).enumerate() {
                let at = (c * plan.padded.0 + r + plan.g.padding.0) * plan.padded.1 + plan.g.padding.1;
                for (value, add) in row.iter_mut().zip(&work.padded[at..]) {
                    *value += *add;
                }
            }
        }
    }

    /// The same for an image that has its padding.
    fn input_padded(&self, dy: &[E], spread: &[E], columns: &mut [E], grad_input: &mut [E]) {
        let plan = self.plan;
        let g = &plan.g;
        let pixels = plan.padded.0 * plan.padded.1;
        if plan.in_place {
            let depth = g.filters * g.kernel.0 * g.kernel.1;
            let rows = Rows::new(spread, &self.input_offsets, pixels);
            for start in (0..pixels).step_by(BAND) {
                let rows = rows.window(start, BAND.min(pixels - start));
                for block in blocks(self.level, g.channels) {
                    let packed = &self.packed[block.start * depth..block.end * depth];
                    let out = &mut grad_input[block.start * pixels + start..];
                    E::dispatch_at(
                        self.level,
                        Multiply { packed, rows, init: Init::Add, out, stride: pixels },
                    );
                }
            }
            return;
        }
        let rows = Rows::new(dy, &self.input_offsets, g.positions());
        for band in plan.bands() {
            let len = plan.band_len(&band);
            let rows = rows.window(band.start * plan.w_out, len);
            for block in blocks(self.level, g.depth()) {
                let packed = &self.packed[block.start * g.filters..block.end * g.filters];
                let out = &mut columns[plan.offsets[block.start]..];
                let stride = plan.band * plan.w_out;
                E::dispatch_at(self.level, Multiply { packed, rows, init: Init::Zero, out, stride });
            }
            self.col2im(&band, columns, grad_input);
        }
    }

    /// Adds each of a band's columns to the pixels that it was taken from.
    fn col2im(&self, band: &Range<usize>, columns: &[E], image: &mut [E]) {
        let plan = self.plan;
        let (k_h, k_w) = plan.g.kernel;
        let (s_h, s_w) = plan.g.stride;
        for (k, &offset) in plan.offsets.iter().enumerate() {
            let (c, u, v) = (k / (k_h * k_w), k / k_w % k_h, k % k_w);
            for (from, i) in columns[offset..].chunks(plan.w_out).zip(band.clone()) {
                let to = &mut image[(c * plan.padded.0 + i * s_h + u) * plan.padded.1 + v..];
                for (value, add) in to.iter_mut().step_by(s_w).zip(from) {
                    *value += *add;
                }
            }
        }
    }
}
