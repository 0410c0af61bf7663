//! dw = dy columns^T and dx = col2im(w^T dy), band by band.

use super::Geometry;
use super::plan::{BAND, Plan};
use crate::map::{Identity, WherePositive, sum_chunk};
use crate::simd::{Level, dispatch};
use crate::tile::{Dots, Init, Multiply, Rows, blocks, pack};
use crate::{Element, add_partials, partial_count, scratch};
use rayon::prelude::*;
use std::ops::Range;

/// Where [`conv2d_backward`] adds the gradients that are wanted.
pub struct Gradients<'a, E> {
    /// dx, the size of x.
    pub input: Option<&'a mut [E]>,
    /// dw, the size of the weight.
    pub weight: Option<&'a mut [E]>,
    /// db, one for each filter.
    pub bias: Option<&'a mut [E]>,
}

/// dy, as the op behind the convolution gives it.
#[derive(Clone, Copy)]
pub(super) enum Upstream<'a, E> {
    /// (N, C_out, H_out, W_out).
    Full(&'a [E]),
    /// Of the fused form: the gradient of the pooled y, y itself, and which of its window each y was.
    Pooled { grad: &'a [E], y: &'a [E], winner: &'a [u8] },
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
    backward(&Plan::new(g), x, weight, Upstream::Full(grad_output), grads);
}

/// Adds the gradients that are wanted, an image at a time.
pub(super) fn backward<E: Element>(
    plan: &Plan,
    x: &[E],
    weight: &[E],
    upstream: Upstream<'_, E>,
    grads: Gradients<'_, E>,
) {
    let g = &plan.g;
    let shared = Backward::new(Level::current(), plan, weight, grads.input.is_some());
    // Each part of the batch has sums of its own; they are added in order at the end.
    let parts = partial_count(g.images);
    let part_images = g.images.div_ceil(parts);
    let wanted = |grad: &Option<&mut [E]>, len: usize| {
        assert!(grad.as_ref().is_none_or(|grad| grad.len() == len), "conv2d: a gradient has another size");
        if grad.is_some() { len } else { 0 }
    };
    let weight_len = wanted(&grads.weight, g.weight_len());
    let bias_len = wanted(&grads.bias, g.filters);
    let input_len = wanted(&grads.input, g.input_len()) / g.images;
    let part_len = weight_len + bias_len;
    let mut sums = scratch::zeros::<E>(parts * part_len.max(1));
    // dx is cut along the images of the parts.
    let mut grad_inputs: Vec<&mut [E]> = Vec::with_capacity(parts);
    let mut rest: &mut [E] = grads.input.unwrap_or_default();
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
            let mut work = shared.work(!grad_weight.is_empty());
            for (index, n) in images.enumerate() {
                let x = &x[n * g.image_len()..][..g.image_len()];
                let upstream = upstream.image(g, n);
                upstream.add_bias(g, grad_bias);
                shared.spread(upstream, &mut work.dy);
                if !grad_weight.is_empty() {
                    shared.weight(x, upstream, &mut work, grad_weight);
                }
                if input_len > 0 {
                    shared.input(upstream, &mut work, &mut grad_input[index * input_len..][..input_len]);
                }
            }
        },
    );
    for (target, start) in [(grads.weight, 0), (grads.bias, weight_len)] {
        if let Some(target) = target {
            add_partials(&sums, part_len, start, target);
        }
    }
}

impl<'a, E: Element> Upstream<'a, E> {
    /// The part of image n.
    fn image(self, g: &Geometry, n: usize) -> Upstream<'a, E> {
        match self {
            Upstream::Full(dy) => {
                let len = g.filters * g.positions();
                Upstream::Full(&dy[n * len..][..len])
            }
            Upstream::Pooled { grad, y, winner } => {
                let (h, w) = super::pooled_size(g);
                let range = n * g.filters * h * w..(n + 1) * g.filters * h * w;
                Upstream::Pooled { grad: &grad[range.clone()], y: &y[range.clone()], winner: &winner[range] }
            }
        }
    }

    /// db += Σ dy.
    fn add_bias(self, g: &Geometry, grad_bias: &mut [E]) {
        let planes = grad_bias.len().max(1);
        for (o, sum) in grad_bias.iter_mut().enumerate() {
            *sum += match self {
                Upstream::Full(dy) => sum_chunk(Identity, [&dy[o * g.positions()..][..g.positions()]]),
                Upstream::Pooled { grad, y, .. } => {
                    let range = o * grad.len() / planes..(o + 1) * grad.len() / planes;
                    sum_chunk(WherePositive, [&y[range.clone()], &grad[range]])
                }
            };
        }
    }

    /// dy where it stands in full.
    fn full(self) -> &'a [E] {
        match self {
            Upstream::Full(dy) => dy,
            Upstream::Pooled { .. } => unreachable!("the fused form has stride 1 and spreads dy"),
        }
    }
}

/// What the backward passes of all images share.
struct Backward<'a, E: Element> {
    plan: &'a Plan,
    level: Level,
    /// The weights packed for dx: in place (c; o, u, v), else (k; o).
    packed: scratch::Scratch<E>,
    /// Zeros before each channel of the spread dy: (K_h - 1) S + K_w - 1; behind it, up to the image's size.
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
        let pixels = plan.padded.0 * plan.padded.1;
        let plane = if plan.in_place { margin + pixels } else { plan.h_out * plan.row };
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
    fn spread(&self, upstream: Upstream<'_, E>, spread: &mut [E]) {
        if !self.plan.in_place {
            return;
        }
        let planes = spread.chunks_mut(self.plane).map(|plane| &mut plane[self.margin..]);
        match upstream {
            Upstream::Full(dy) => {
                for (plane, dy) in planes.zip(dy.chunks(self.plan.g.positions())) {
                    for (row, dy) in plane.chunks_mut(self.plan.row).zip(dy.chunks(self.plan.w_out)) {
                        row[..self.plan.w_out].copy_from_slice(dy);
                    }
                }
            }
            Upstream::Pooled { grad, y, winner } => {
                let (h, w) = super::pooled_size(&self.plan.g);
                for (o, plane) in planes.enumerate() {
                    for i in 0..h {
                        let range = (o * h + i) * w..(o * h + i + 1) * w;
                        let rows = plane[2 * i * self.plan.row..].split_at_mut(self.plan.row);
                        let (grad, y, winner) = (&grad[range.clone()], &y[range.clone()], &winner[range]);
                        dispatch(super::pooled::Unpool { grad, y, winner, upper: rows.0, lower: rows.1 });
                    }
                }
            }
        }
    }

    /// dw += dy columns^T, band by band.
    fn weight(&self, x: &[E], upstream: Upstream<'_, E>, work: &mut Work<E>, grad_weight: &mut [E]) {
        let plan = self.plan;
        let padded = plan.padded(x);
        let image = padded.as_deref().unwrap_or(x);
        for band in plan.bands() {
            let len = plan.band_len(&band);
            let left = if plan.in_place {
                Rows::new(&work.dy, &self.weight_offsets, plan.h_out * plan.row)
                    .window(band.start * plan.row, len)
            } else {
                Rows::new(upstream.full(), &self.weight_offsets, plan.h_out * plan.w_out)
                    .window(band.start * plan.w_out, len)
            };
            let right = plan.columns(image, &band, &mut work.columns);
            E::dispatch_at(self.level, Dots { left, right, out: grad_weight });
        }
    }

    /// dx += col2im(w^T dy).
    fn input(&self, upstream: Upstream<'_, E>, work: &mut Work<E>, grad_input: &mut [E]) {
        if self.plan.g.padding == (0, 0) {
            return self.input_padded(upstream, &work.dy, &mut work.columns, grad_input);
        }
        // Into an image with its padding, of which only the inside is kept.
        let (plan, size) = (self.plan, self.plan.g.size);
        work.padded.fill(E::ZERO);
        self.input_padded(upstream, &work.dy, &mut work.columns, &mut work.padded);
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
    fn input_padded(&self, upstream: Upstream<'_, E>, spread: &[E], columns: &mut [E], grad_input: &mut [E]) {
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
        let rows = Rows::new(upstream.full(), &self.input_offsets, g.positions());
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
