//! The textbook's way, for small outputs: columns = im2col(x), and products with them.
//!
//! Where an output has few rows and columns, the positions between its rows that mean nothing (see the module's text)
//! would be most of the work, and half of every vector would be empty. So the columns are written after all, those of
//! several images side by side: position p of image n is number n P + p of a row.
//!
//! ```text
//! y = w columns      dw = dy columns^T      dx = col2im(w^T dy)
//! ```

use super::Geometry;
use super::parts::LEAST;
use crate::parallel::{deal, parts};
use crate::simd::Level;
use crate::tile::{Dots, Init, Multiply, Rows, block_height, blocks, pack};
use crate::{Element, scratch};
use std::ops::Range;

/// A convolution by columns.
pub(super) struct Columns {
    g: Geometry,
    level: Level,
    /// P: H_out W_out.
    positions: usize,
    /// Images side by side at most.
    group: usize,
}

/// What writing a column, and reading one back, costs: as much as the products of so many filters.
const WRITE: usize = 16;
const ADD: usize = 24;
/// What adding up the lanes of a sum costs: as much as so many products.
const LANES: usize = 80;
/// Products that are done before the other way's tables are made.
const TINY: usize = 4096;
/// Elements of a vector: what a row of any length is rounded up to.
const VECTOR: usize = 16;
/// Positions of all images of a group, and elements of their columns: about what the second-level cache holds.
const GROUP_POSITIONS: usize = 512;
const GROUP_LEN: usize = 1 << 17;

impl Columns {
    /// Without looking whether this is the better way.
    fn new(g: &Geometry) -> Columns {
        let positions = g.positions();
        let room = (GROUP_POSITIONS / positions).min(GROUP_LEN / (g.depth() * positions));
        // Enough groups for a few threads, but not of next to nothing.
        let most = g.images.div_ceil(4).max(LEAST.div_ceil(positions));
        Columns { g: *g, level: Level::current(), positions, group: room.clamp(1, most) }
    }

    /// Numbers from the first position of a plane to the last, in rows of the padded image.
    fn stretch(g: &Geometry) -> usize {
        let ((h_out, w_out), row) = (g.output_size(), (g.size.1 + 2 * g.padding.1).div_ceil(g.stride.1));
        ((h_out - 1) * row + w_out).next_multiple_of(VECTOR)
    }

    /// Where it is cheaper to go forward this way.
    pub(super) fn forward(g: &Geometry) -> Option<Columns> {
        let columns = g.positions() * (g.filters + WRITE);
        (Columns::stretch(g) * g.filters * 5 > columns * 6).then(|| Columns::new(g))
    }

    /// Where dw is cheaper this way.
    pub(super) fn weight(g: &Geometry) -> Option<Columns> {
        let this = Columns::new(g);
        let columns = this.positions * (g.filters + WRITE) + LANES / this.group * g.filters;
        ((Columns::stretch(g) + LANES) * g.filters * 5 > columns * 6).then_some(this)
    }

    /// Where dx is cheaper this way.
    pub(super) fn input(g: &Geometry) -> Option<Columns> {
        let plane = |size: usize, padding: usize, stride: usize| (size + 2 * padding).div_ceil(stride);
        let pixels = plane(g.size.0, g.padding.0, g.stride.0) * plane(g.size.1, g.padding.1, g.stride.1);
        let columns = g.positions() * (g.filters + ADD);
        let tiny = g.output_len() * g.depth() < TINY;
        (tiny || pixels.next_multiple_of(VECTOR) * g.filters * 5 > columns * 6).then(|| Columns::new(g))
    }

    /// y = conv(x, weight) + bias.
    pub(super) fn run_forward<E: Element>(&self, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
        let (g, depth) = (&self.g, self.g.depth());
        let height = block_height(self.level);
        let mut packed = scratch::any::<E>(g.weight_len());
        pack(height, g.filters, depth, |o, k| weight[o * depth + k], &mut packed);
        let (x_len, y_len) = (self.group * g.image_len(), self.group * g.filters * self.positions);
        let run = |x: &[E], y: &mut [E]| {
            let images = x.len() / g.image_len();
            let len = images * self.positions;
            let columns = self.im2col(x, images);
            let offsets: Vec<usize> = (0..depth).map(|k| k * len).collect();
            let rows = Rows::new(&columns, &offsets, len);
            let mut side_by_side = scratch::any::<E>(if images > 1 { g.filters * len } else { 0 });
            let out = if images > 1 { &mut side_by_side[..] } else { &mut *y };
            for block in blocks(height, g.filters) {
                let packed = &packed[block.start * depth..block.end * depth];
                let init = bias.map_or(Init::Zero, |b| Init::Bias(&b[block.clone()]));
                let out = &mut out[block.start * len..];
                E::dispatch_at(self.level, Multiply { packed, rows, init, out, stride: len });
            }
            if images > 1 {
                for (at, y) in y.chunks_exact_mut(self.positions).enumerate() {
                    let (n, o) = (at / g.filters, at % g.filters);
                    copy(&side_by_side[o * len + n * self.positions..], y);
                }
            }
        };
        if g.images <= self.group {
            return run(x, y);
        }
        deal((parts(y, y_len), x.chunks(x_len)), |_, (y, x)| run(x, y));
    }

    /// Adds dw and dx of some images, where they are not empty. x and dy are those of all images, dx of these.
    pub(super) fn run_backward<E: Element>(
        &self,
        all: Range<usize>,
        x: &[E],
        weight: &[E],
        grad_output: &[E],
        grad_weight: &mut [E],
        dx: &mut [E],
    ) {
        let (g, depth) = (&self.g, self.g.depth());
        let (image, planes) = (g.image_len(), g.filters * self.positions);
        // W^T: what a pixel of each column gets from the filters.
        let mut packed = scratch::any::<E>(if dx.is_empty() { 0 } else { g.weight_len() });
        if !dx.is_empty() {
            pack(block_height(self.level), depth, g.filters, |k, o| weight[o * depth + k], &mut packed);
        }
        for start in all.clone().step_by(self.group) {
            let images = start..all.end.min(start + self.group);
            let len = images.len() * self.positions;
            let dy = &grad_output[images.start * planes..images.end * planes];
            let mut side_by_side = scratch::any::<E>(if images.len() > 1 { dy.len() } else { 0 });
            for (at, dy) in dy.chunks_exact(self.positions).enumerate().filter(|_| images.len() > 1) {
                let (n, o) = (at / g.filters, at % g.filters);
                let to = o * len + n * self.positions;
                copy(dy, &mut side_by_side[to..to + self.positions]);
            }
            let dy = if images.len() > 1 { &side_by_side[..] } else { dy };
            let offsets: Vec<usize> = (0..depth.max(g.filters)).map(|k| k * len).collect();
            let left = Rows::new(dy, &offsets[..g.filters], len);
            if !grad_weight.is_empty() && len < LANES && depth >= VECTOR {
                // So few positions that vectors along them would be mostly adding up of lanes: along k, then.
                let rows = self.im2row(&x[images.start * image..images.end * image], images.len());
                let mut packed = scratch::any::<E>(g.filters * len);
                let height = block_height(self.level);
                pack(height, g.filters, len, |o, p| dy[o * len + p], &mut packed);
                let offsets: Vec<usize> = (0..len).map(|p| p * depth).collect();
                for block in blocks(height, g.filters) {
                    let packed = &packed[block.start * len..block.end * len];
                    let rows = Rows::new(&rows, &offsets, depth);
                    let out = &mut grad_weight[block.start * depth..];
                    let product = Multiply { packed, rows, init: Init::Add, out, stride: depth };
                    E::dispatch_at(self.level, product);
                }
            } else if !grad_weight.is_empty() {
                let columns = self.im2col(&x[images.start * image..images.end * image], images.len());
                let right = Rows::new(&columns, &offsets[..depth], len);
                E::dispatch_at(self.level, Dots::whole(left, right, grad_weight));
            }
            if !dx.is_empty() {
                let mut columns = scratch::any::<E>(depth * len);
                for block in blocks(block_height(self.level), depth) {
                    let packed = &packed[block.start * g.filters..block.end * g.filters];
                    let out = &mut columns[block.start * len..];
                    let product = Multiply { packed, rows: left, init: Init::Zero, out, stride: len };
                    E::dispatch_at(self.level, product);
                }
                let first = (images.start - all.start) * image;
                self.col2im(&columns, &mut dx[first..first + images.len() * image], images.len());
            }
        }
    }

    /// columns of some images, side by side.
    fn im2col<E: Element>(&self, x: &[E], images: usize) -> scratch::Scratch<E> {
        let mut columns = scratch::any::<E>(self.g.depth() * images * self.positions);
        self.each_row(images, |row, pixels, range| {
            let row = &mut columns[row];
            row[..range.start].fill(E::ZERO);
            row[range.end..].fill(E::ZERO);
            let step = self.g.stride.1;
            let row = &mut row[range];
            if step == 1 {
                copy(&x[pixels..], row);
            } else {
                row.iter_mut().zip(x[pixels..].iter().step_by(step)).for_each(|(to, x)| *to = *x);
            }
        });
        columns
    }

    /// The same by rows: for each position of each image a row, the patch (c, u, v) that it is made from.
    fn im2row<E: Element>(&self, x: &[E], images: usize) -> scratch::Scratch<E> {
        let (g, (k_h, k_w), (_, w_out)) = (&self.g, self.g.kernel, self.g.output_size());
        let mut rows = scratch::any::<E>(images * self.positions * g.depth());
        for (at, row) in rows.chunks_exact_mut(k_w).enumerate() {
            let (c, u) = (at / k_h % g.channels, at % k_h);
            let p = at / (k_h * g.channels);
            let (n, i, j) = (p / self.positions, p % self.positions / w_out, p % w_out);
            let r = (i * g.stride.0 + u).wrapping_sub(g.padding.0);
            if r >= g.size.0 {
                row.fill(E::ZERO);
                continue;
            }
            let image_row = &x[((n * g.channels + c) * g.size.0 + r) * g.size.1..][..g.size.1];
            let column = (j * g.stride.1).wrapping_sub(g.padding.1);
            if let Some(pixels) = image_row.get(column..column.wrapping_add(k_w)) {
                copy(pixels, row);
                continue;
            }
            for (v, value) in row.iter_mut().enumerate() {
                *value = image_row.get(column.wrapping_add(v)).copied().unwrap_or(E::ZERO);
            }
        }
        rows
    }

    /// Adds columns to the pixels that they would have come from.
    fn col2im<E: Element>(&self, columns: &[E], dx: &mut [E], images: usize) {
        self.each_row(images, |row, pixels, range| {
            let row = &columns[row][range];
            let step = self.g.stride.1;
            if step == 1 {
                row.iter().zip(&mut dx[pixels..]).for_each(|(add, to)| *to += *add);
            } else {
                row.iter().zip(dx[pixels..].iter_mut().step_by(step)).for_each(|(add, to)| *to += *add);
            }
        });
    }

    /// Calls f for each row of the output in each row of columns: where it stands, the first pixel that it meets, and
    /// which of its positions meet one; the rest meet the padding.
    #[inline(always)]
    fn each_row(&self, images: usize, mut f: impl FnMut(Range<usize>, usize, Range<usize>)) {
        let (g, (h_out, w_out)) = (&self.g, self.g.output_size());
        let len = images * self.positions;
        for (k, (c, u, v)) in super::plan::taps(g).enumerate() {
            let first = g.padding.1.saturating_sub(v).div_ceil(g.stride.1).min(w_out);
            let end = (g.size.1 + g.padding.1).saturating_sub(v).div_ceil(g.stride.1).clamp(first, w_out);
            // Empty where no column of the output meets a pixel.
            let column = (first * g.stride.1 + v).saturating_sub(g.padding.1).min(g.size.1);
            for n in 0..images {
                for i in 0..h_out {
                    let start = k * len + n * self.positions + i * w_out;
                    let r = (i * g.stride.0 + u).wrapping_sub(g.padding.0);
                    if r < g.size.0 {
                        f(
                            start..start + w_out,
                            ((n * g.channels + c) * g.size.0 + r) * g.size.1 + column,
                            first..end,
                        );
                    } else {
                        f(start..start + w_out, 0, 0..0);
                    }
                }
            }
        }
    }
}

/// Copies the first of `from`: rows too short for a call of `memcpy` each.
#[inline(always)]
fn copy<E: Element>(from: &[E], to: &mut [E]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
