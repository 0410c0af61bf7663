//! dw = dy columns^T and dx = col2im(w^T dy), stretch by stretch.

use super::Geometry;
use super::columns::Columns;
use super::parts::in_parts;
use super::plan::{BAND, Plan, bands, even_bands, taps};
use super::squares::plain::Squares;
use crate::map::{Identity, sum_chunk};
use crate::simd::Level;
use crate::tile::{CopyRows, Dots, Init, Multiply, Rows, Stretches, block_height, blocks, pack};
use crate::{Element, scratch};

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
    let sizes = [(&grads.input, g.input_len()), (&grads.weight, g.weight_len()), (&grads.bias, g.filters)];
    for (grad, len) in sizes {
        assert!(grad.as_ref().is_none_or(|grad| grad.len() == len), "conv2d: a gradient has another size");
    }
    let (wants_input, wants_weight) = (grads.input.is_some(), grads.weight.is_some());
    // Each of the two by columns where that is cheaper.
    let input_columns = wants_input.then(|| Columns::input(g)).flatten();
    let weight_columns = wants_weight.then(|| Columns::weight(g)).flatten();
    let squares = (wants_input && input_columns.is_none()).then(|| Squares::input(g, weight)).flatten();
    let with_input = wants_input && input_columns.is_none() && squares.is_none();
    let with_weight = wants_weight && weight_columns.is_none();
    let plan = (with_input || with_weight).then(|| Plan::new(g));
    let shared = plan.as_ref().map(|plan| Backward::new(Level::current(), plan, weight, with_input));
    // A row's last vector is done whole: where that is more than what stands between spread rows, and the rows are not
    // many vectors long, copying dy is cheaper.
    let (w_out, row) = (g.output_size().1, plan.as_ref().map_or(0, |plan| plan.row));
    let by_rows = !with_input && with_weight && (w_out.next_multiple_of(VECTOR) <= row);
    in_parts(
        g.images,
        LEAST.div_ceil(g.positions()),
        grads.input,
        vec![grads.weight, grads.bias],
        |mut part| {
            let images = part.images.clone();
            let [grad_weight, grad_bias] = part.params.get_disjoint_mut([0, 1]).expect("both");
            if !grad_bias.is_empty() {
                let dy = &grad_output[images.start * g.filters * g.positions()..];
                for (at, dy) in dy.chunks(g.positions()).enumerate().take(images.len() * g.filters) {
                    grad_bias[at % g.filters] += sum_chunk(Identity, [dy]);
                }
            }
            if let Some(columns) = &weight_columns {
                columns.run_backward(images.clone(), x, weight, grad_output, grad_weight, &mut []);
            }
            if let Some(columns) = &input_columns {
                columns.run_backward(images.clone(), x, weight, grad_output, &mut [], part.input);
            }
            if let Some(squares) = &squares {
                let dy = &grad_output[images.start * g.filters * g.positions()..];
                let planes = dy.chunks_exact(g.filters * g.positions());
                part.input
                    .chunks_exact_mut(g.image_len())
                    .zip(planes)
                    .for_each(|(dx, dy)| squares.image(dy, None, true, dx));
            }
            let Some(shared) = &shared else { return };
            let mut work = shared.work(by_rows);
            let grad_weight = if with_weight { &mut **grad_weight } else { &mut [] };
            for (index, n) in images.enumerate() {
                let dy = &grad_output[n * g.filters * g.positions()..][..g.filters * g.positions()];
                let x = &x[n * g.image_len()..][..g.image_len()];
                if by_rows {
                    shared.weight_by_rows(x, dy, grad_weight);
                    continue;
                }
                shared.spread(dy, &mut work.spread);
                let dx = if with_input {
                    &mut part.input[index * g.image_len()..][..g.image_len()]
                } else {
                    &mut []
                };
                shared.image(x, &mut work, grad_weight, dx);
            }
        },
    );
}

/// Positions that a part of the batch has at least: with fewer, adding its dw to the others' would be most of the work.
pub(super) const LEAST: usize = 64;

/// Buffers of one part of the batch.
pub(super) struct Work<E: Element> {
    /// dy as [`Backward`] wants it. The zeros between the rows stay from image to image.
    pub(super) spread: scratch::Scratch<E>,
    /// The planes of dx, where they are not dx itself.
    planes: scratch::Scratch<E>,
}

/// What the backward passes of all images share.
pub(super) struct Backward<'a, E: Element> {
    plan: &'a Plan,
    level: Level,
    /// Zeros before each channel of the spread dy, as many as the farthest weight looks back; in whole vectors.
    pub(super) margin: usize,
    /// From one channel of the spread dy to the next; in whole vectors, so that its loads are aligned.
    pub(super) plane: usize,
    /// Where the rows of dy begin for dw.
    weight_offsets: Vec<usize>,
    /// The product for each phase of dx.
    inputs: Vec<PhaseProduct<E>>,
}

/// dx of the planes of one phase: the weights that meet it, packed, (o, u, v) after (o, u, v), and where in the
/// spread dy each one's row begins.
struct PhaseProduct<E: Element> {
    packed: scratch::Scratch<E>,
    offsets: Vec<usize>,
}

/// Positions that dw is summed over at a time: what some rows of dy have of them stays in the second-level cache, and
/// there are so many that adding up the lanes at the end does not count.
const WEIGHT_BAND: usize = 1024;

/// Elements of the widest vector.
const VECTOR: usize = 16;

impl<'a, E: Element> Backward<'a, E> {
    pub(super) fn new(level: Level, plan: &'a Plan, weight: &[E], with_input: bool) -> Backward<'a, E> {
        let g = &plan.g;
        let (step, (k_h, k_w)) = (g.stride, g.kernel);
        let back = |u: usize, v: usize| (u / step.0) * plan.row + v / step.1;
        let margin = back(k_h - 1, k_w - 1).next_multiple_of(VECTOR);
        let plane = (margin + plan.phases.plane()).next_multiple_of(VECTOR);
        let weight_offsets = (0..g.filters).map(|o| o * plane + margin).collect();
        let phases = if with_input { step.0 * step.1 } else { 0 };
        let product = |phase: usize| {
            let meets = |&(c, u, v): &(usize, usize, usize)| {
                c == 0 && (u % step.0, v % step.1) == (phase / step.1, phase % step.1)
            };
            let met: Vec<_> = taps(g).filter(meets).collect();
            let depth = g.filters * met.len();
            let at = |c: usize, k: usize| {
                let (_, u, v) = met[k % met.len()];
                ((k / met.len() * g.channels + c) * k_h + u) * k_w + v
            };
            let mut packed = scratch::any::<E>(g.channels * depth);
            pack(block_height(level), g.channels, depth, |c, k| weight[at(c, k)], &mut packed);
            let offsets = (0..g.filters)
                .flat_map(|o| met.iter().map(move |&(_, u, v)| o * plane + margin - back(u, v)))
                .collect();
            PhaseProduct { packed, offsets }
        };
        Backward { plan, level, margin, plane, weight_offsets, inputs: (0..phases).map(product).collect() }
    }

    /// Buffers; without one for the spread dy where none is wanted.
    pub(super) fn work(&self, by_rows: bool) -> Work<E> {
        let planes = if self.inputs.is_empty() || self.plan.phases.are_the_image() {
            0
        } else {
            self.plan.phases.len()
        };
        let spread = if by_rows { 0 } else { self.plan.g.filters * self.plane };
        Work { spread: scratch::zeros(spread), planes: scratch::any(planes) }
    }

    /// Adds dw and dx of an image, where they are not empty, once dy is spread.
    pub(super) fn image(&self, x: &[E], work: &mut Work<E>, grad_weight: &mut [E], dx: &mut [E]) {
        if !grad_weight.is_empty() {
            self.weight(x, &work.spread, grad_weight);
        }
        if dx.is_empty() {
            return;
        }
        if work.planes.is_empty() {
            self.input(&work.spread, Init::Add, dx);
        } else {
            self.input(&work.spread, Init::Zero, &mut work.planes);
            // Where the stride is larger than the kernel, no weight meets the phases from the kernel's size on.
            let met = (self.plan.g.kernel.0, self.plan.g.kernel.1);
            self.plan.phases.add_to(&work.planes, met, dx);
        }
    }

    /// Copies dy to rows of S with zeros between and around them.
    fn spread(&self, dy: &[E], spread: &mut [E]) {
        let (plan, w_out) = (self.plan, self.plan.w_out);
        let (from, to) =
            ((dy, plan.g.positions(), w_out), (&mut spread[self.margin..], self.plane, plan.row));
        let (planes, rows) = (plan.g.filters, plan.h_out);
        E::dispatch_at(self.level, CopyRows { from, to, planes, rows, len: w_out, add: false });
    }

    /// dw += dy columns^T.
    fn weight(&self, x: &[E], spread: &[E], grad_weight: &mut [E]) {
        let (plan, len) = (self.plan, self.plan.len());
        let planes = plan.phases.split(x);
        let columns = plan.columns(planes.as_deref().unwrap_or(x));
        let rows = Rows::new(spread, &self.weight_offsets, len);
        for start in (0..len).step_by(WEIGHT_BAND) {
            let band = WEIGHT_BAND.min(len - start);
            let (left, right, stretches) =
                (rows.window(start, band), columns.window(start, band), Stretches::one(band));
            E::dispatch_at(self.level, Dots { left, right, stretches, out: grad_weight });
        }
    }

    /// The same from dy as it stands, row by row: for where nothing else wants it spread.
    fn weight_by_rows(&self, x: &[E], dy: &[E], grad_weight: &mut [E]) {
        let plan = self.plan;
        let planes = plan.phases.split(x);
        let columns = plan.columns(planes.as_deref().unwrap_or(x));
        let positions = plan.g.positions();
        let offsets: Vec<usize> = (0..plan.g.filters).map(|o| o * positions).collect();
        let rows = Rows::new(dy, &offsets, positions);
        let band = even_bands(plan.h_out, plan.row, WEIGHT_BAND);
        for band in bands(plan.h_out, band) {
            let left = rows.window(band.start * plan.w_out, band.len() * plan.w_out);
            let right = columns.window(band.start * plan.row, plan.band_len(&band));
            let stretches = Stretches { count: band.len(), len: plan.w_out, steps: (plan.w_out, plan.row) };
            E::dispatch_at(self.level, Dots { left, right, stretches, out: grad_weight });
        }
    }

    /// The planes of dx: a gather from the spread dy for each phase, with what they begin with.
    fn input(&self, spread: &[E], init: Init<'_, E>, planes: &mut [E]) {
        let (g, pixels) = (&self.plan.g, self.plan.phases.plane());
        for (product, planes) in self.inputs.iter().zip(planes.chunks_mut(g.channels * pixels)) {
            let depth = product.offsets.len();
            if depth == 0 {
                // Between the weights' reach, where the stride is larger than the kernel: never added to dx.
                continue;
            }
            let rows = Rows::new(spread, &product.offsets, pixels);
            for start in (0..pixels).step_by(BAND) {
                let rows = rows.window(start, BAND.min(pixels - start));
                for block in blocks(block_height(self.level), g.channels) {
                    let packed = &product.packed[block.start * depth..block.end * depth];
                    let out = &mut planes[block.start * pixels + start..];
                    E::dispatch_at(self.level, Multiply { packed, rows, init, out, stride: pixels });
                }
            }
        }
    }
}
