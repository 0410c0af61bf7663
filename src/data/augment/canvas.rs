//! A glyph with paper around it, on which strokes are widened and from which drawings are sampled.
//!
//! Strokes: with D the mean of the ink's maxima over the cross and over the square of 3 x 3 pixels (a pixel in every
//! direction, near enough), E the same with minima, and t the pixels that a stroke is to gain,
//!
//! t > 0: v + t/2 (D v - v), t < 0: v + |t|/2 (max(E v, (v - D E v) / 2) - v).
//!
//! A pixel that is half ink is half a pixel's width, so widths change smoothly. The last term is for strokes too thin to
//! keep a core when a pixel is taken from either side: they keep half of their ink.
//!
//! Samples: the mean of `span` pixels along each axis, as many as an output pixel is wide, then bilinear interpolation.
//! The mean is taken once for the whole glyph, so that a sample is four pixels however much the image shrinks.

use super::elastic::Field;
use crate::data::Pixels;

/// The affine map from output pixels to the glyph's: pixel (x, y) of the output shows the place
/// `start + x across + y down`, each (x, y) in pixels from the centre of the glyph's first pixel.
pub(super) struct Map {
    pub start: [f64; 2],
    pub across: [f64; 2],
    pub down: [f64; 2],
    /// Pixels of the glyph that are averaged along its x and y.
    pub span: [usize; 2],
    /// (height, width) of the output.
    pub to: (usize, usize),
}

/// Memory for one glyph at a time.
pub(super) struct Canvas {
    /// The ink with a margin of paper, row by row.
    ink: Vec<f32>,
    /// As large as `ink`: what a pass reads or writes.
    other: Vec<f32>,
    third: Vec<f32>,
    /// A row's places.
    places: [Vec<f32>; 2],
    /// (height, width) of the glyph.
    size: (usize, usize),
    /// Pixels of paper on all sides.
    margin: usize,
}

impl Canvas {
    pub(super) const fn new() -> Canvas {
        Canvas {
            ink: Vec::new(),
            other: Vec::new(),
            third: Vec::new(),
            places: [Vec::new(), Vec::new()],
            size: (0, 0),
            margin: 0,
        }
    }

    /// From one row to the next.
    fn stride(&self) -> usize {
        self.size.1 + 2 * self.margin
    }

    /// Puts a glyph of (height, width) in the middle.
    ///
    /// Its strokes may grow by a pixel, and means of `span` pixels are to be taken: the margin is such that the outermost
    /// means and their neighbours still see paper alone.
    pub(super) fn load(&mut self, pixels: &Pixels, size: (usize, usize), span: [usize; 2]) {
        self.size = size;
        self.margin = span[0].max(span[1]) + 2;
        let margin = self.margin;
        let stride = self.stride();
        self.other.resize(size.0 * size.1, 0.0);
        pixels.write_ink(&mut self.other);
        self.ink.clear();
        self.ink.resize((size.0 + 2 * margin) * stride, 0.0);
        let rows = self.ink.chunks_exact_mut(stride).skip(margin);
        for (row, ink) in rows.zip(self.other.chunks_exact(size.1)) {
            row[margin..margin + size.1].copy_from_slice(ink);
        }
        self.other.clear();
        self.other.resize(self.ink.len(), 0.0);
    }

    /// Makes strokes wider by `gain` pixels in all, narrower where it is below 0; -2 to 2.
    pub(super) fn thicken(&mut self, gain: f32) {
        let stride = self.stride();
        let share = gain.abs() / 2.0;
        self.third.clear();
        self.third.resize(self.ink.len(), 0.0);
        if gain > 0.0 {
            spread(&self.ink, &mut self.other, stride, larger);
            self.ink.iter_mut().zip(&self.other).for_each(|(v, wide)| *v += share * (wide - *v));
            return;
        }
        spread(&self.ink, &mut self.other, stride, smaller);
        spread(&self.other, &mut self.third, stride, larger);
        for ((v, core), around) in self.ink.iter_mut().zip(&self.other).zip(&self.third) {
            let thin = larger(*core, (*v - around) / 2.0);
            *v += share * (thin - *v);
        }
    }

    /// Writes what the map shows, each place moved by the field.
    pub(super) fn sample(&mut self, map: &Map, field: Option<&Field>, out: &mut [f32]) {
        let stride = self.stride();
        self.average(1, map.span[0]);
        self.average(stride, map.span[1]);
        let (height, width) = map.to;
        // A mean stands where its first pixel was.
        let offset = [0, 1].map(|i| self.margin as f64 - (map.span[i] - 1) as f64 / 2.0);
        let limit = [self.size.1, self.size.0].map(|side| (side + self.margin + 1) as f32);
        self.places.iter_mut().for_each(|places| places.resize(width, 0.0));
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            for (axis, places) in self.places.iter_mut().enumerate() {
                let start = (map.start[axis] + map.down[axis] * y as f64 + offset[axis]) as f32;
                let step = map.across[axis] as f32;
                places.iter_mut().enumerate().for_each(|(x, place)| *place = start + x as f32 * step);
            }
            if let Some(field) = field {
                field.move_row((y as f64 + 0.5) / height as f64, &mut self.places);
            }
            let [xs, ys] = &self.places;
            for ((out, &x), &y) in row.iter_mut().zip(xs).zip(ys) {
                // Beyond the margin there is paper, as in it.
                let (x, y) = (x.clamp(0.0, limit[0]), y.clamp(0.0, limit[1]));
                let (column, line) = (x as i32, y as i32);
                let (x, y) = (x - column as f32, y - line as f32);
                let at = line as usize * stride + column as usize;
                let near = &self.ink[at..at + stride + 2];
                let above = near[0] + x * (near[1] - near[0]);
                let below = near[stride] + x * (near[stride + 1] - near[stride]);
                *out = above + y * (below - above);
            }
        }
    }

    /// Each pixel becomes the mean of itself and of the `count` - 1 that follow it at `step`.
    fn average(&mut self, step: usize, count: usize) {
        if count < 2 {
            return;
        }
        let end = self.ink.len() - (count - 1) * step;
        self.other.copy_from_slice(&self.ink);
        for i in 1..count {
            let following = &self.other[i * step..];
            self.ink[..end].iter_mut().zip(following).for_each(|(sum, v)| *sum += v);
        }
        let share = 1.0 / count as f32;
        self.ink.iter_mut().for_each(|v| *v *= share);
    }
}

/// Writes the mean of `pick` over the cross and over the square of 3 x 3 pixels. What has not
/// all its neighbours is left.
#[inline(always)]
fn spread(from: &[f32], to: &mut [f32], stride: usize, pick: impl Fn(f32, f32) -> f32) {
    // A row at a time: with slices of one length the loop has no bounds to test and becomes vectors.
    let count = stride - 2;
    for (y, to) in to.chunks_exact_mut(stride).enumerate().skip(1) {
        let start = (y - 1) * stride;
        if start + 3 * stride > from.len() {
            return;
        }
        let near = |row: usize, column: usize| &from[start + row * stride + column..][..count];
        let (a, b, c) = (near(0, 0), near(0, 1), near(0, 2));
        let (d, e, f) = (near(1, 0), near(1, 1), near(1, 2));
        let (g, h, i) = (near(2, 0), near(2, 1), near(2, 2));
        for (x, to) in to[1..][..count].iter_mut().enumerate() {
            let cross = pick(pick(pick(d[x], e[x]), f[x]), pick(b[x], h[x]));
            let corners = pick(pick(a[x], c[x]), pick(g[x], i[x]));
            *to = (cross + pick(cross, corners)) / 2.0;
        }
    }
}

/// Without the care for what is no number that [`f32::max`] takes: one instruction.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}
