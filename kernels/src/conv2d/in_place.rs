//! dw and dx row by row, from dy where it stands. dw, the images in planes of rows of S:
//!
//! ```text
//! dw[o, c, u, v] += Σ_{i,j} dy[o, i, j] columns[(c, u, v)][i S + j]
//! ```
//!
//! where the product copies some rows of dy in passing; and dx at stride 1:
//!
//! ```text
//! dx[c, i, j] += Σ_{u,o,v} w[o, c, u, v] dy[o, i + p_h - u, j + p_w - v]
//! ```
//!
//! where nothing is copied, and what no row of dy meets costs nothing; but a row's last vector is as dear as a whole one.
//! Lanes that reach over an edge of dy find 0 there: some of a row's first vector and of its last two.

use super::Geometry;
use super::plan::Plan;
use crate::simd::{Kernel, Level, MAX_LANES, Simd};
use crate::tile::{Block, Dots, Pieces, Rows, block_height, pack, run_block, widest_first};
use crate::{Element, scratch};
use std::ops::Range;

/// The widest kernel of dx: with a wider one more vectors could reach over an edge.
const WIDEST: usize = 5;

/// What a copy of a vector of dy would cost, in multiply-adds of a vector.
const COPY: usize = 8;

/// Sums that keep the multipliers busy.
const FEWEST: usize = 12;

/// Planes of dy at most, that is, places at which it is read: the processor foresees so many.
const STREAMS: usize = 16;

/// Bytes of the rows of dy that a row of dx meets, at most: they have to stay in the first-level cache.
const CACHE: usize = 24 << 10;

/// Rows of dx that are made side by side, where one takes several tiles.
const ROWS: usize = 8;

/// Where the planes of dy begin, for dw.
pub(super) struct WeightRows<'a> {
    plan: &'a Plan,
    offsets: Vec<usize>,
}

impl<'a> WeightRows<'a> {
    pub(super) fn new(plan: &'a Plan) -> WeightRows<'a> {
        let g = &plan.g;
        WeightRows { plan, offsets: (0..g.filters).map(|o| o * g.positions()).collect() }
    }

    /// Adds dw of an image.
    pub(super) fn image<E: Element>(&self, x: &[E], dy: &[E], grad_weight: &mut [E]) {
        let Plan { h_out, w_out, row, .. } = *self.plan;
        let planes = self.plan.phases.split(x);
        let right = self.plan.columns(planes.as_deref().unwrap_or(x));
        let left = Rows::new(dy, &self.offsets, h_out * w_out);
        let pieces = Pieces { count: h_out, len: w_out, step: (w_out, row) };
        E::dispatch_at(Level::current(), Dots { left, right, pieces, out: grad_weight });
    }
}

/// The weights, for dx.
pub(super) struct InputRows<E: Element> {
    g: Geometry,
    level: Level,
    /// (u, o, v, c).
    packed: scratch::Scratch<E>,
}

impl<E: Element> InputRows<E> {
    /// dx this way, where it is the faster one.
    pub(super) fn new(g: &Geometry, weight: &[E]) -> Option<InputRows<E>> {
        let ((k_h, k_w), level) = (g.kernel, Level::current());
        let (width, w_out) = (g.size.1, g.output_size().1);
        let vectors = width.div_ceil(MAX_LANES);
        // What the last vector of a row does for nothing, against a copy that would serve so many products.
        let dear = (vectors * MAX_LANES - width) * g.depth() > COPY * width;
        // Few sums would wait for each other.
        let few = g.channels * vectors < FEWEST;
        // Rows of dy are read for all rows of dx that they meet, plane by plane.
        let far = g.filters > STREAMS || g.filters * k_h * w_out * size_of::<E>() > CACHE;
        // They would be read again for each block of channels.
        let several = g.channels > block_height(level);
        if g.stride != (1, 1) || k_w > WIDEST || dear || few || far || several {
            return None;
        }
        let depth = g.filters * k_h * k_w;
        let mut packed = scratch::any::<E>(g.channels * depth);
        // The weights of channel 0.
        let taps: Vec<usize> = (0..k_h)
            .flat_map(|u| (0..g.filters).map(move |o| (o * g.channels * k_h + u) * k_w))
            .flat_map(|first| first..first + k_w)
            .collect();
        let at = |c: usize, k: usize| taps[k] + c * k_h * k_w;
        pack(block_height(level), g.channels, depth, |c, k| weight[at(c, k)], &mut packed);
        Some(InputRows { g: *g, level, packed })
    }

    /// Adds dx of an image.
    pub(super) fn image(&self, dy: &[E], dx: &mut [E]) {
        E::dispatch_at(self.level, InputImage { g: &self.g, packed: &self.packed, dy, dx });
    }
}

/// dx of an image.
struct InputImage<'a, E> {
    g: &'a Geometry,
    packed: &'a [E],
    dy: &'a [E],
    dx: &'a mut [E],
}

impl<E: Element> Kernel<E> for InputImage<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let g = self.g;
        // What the tiles rely on.
        assert!(g.stride == (1, 1) && g.kernel.1 <= WIDEST && WIDEST <= S::LANES + 1);
        assert!(self.dy.len() == g.filters * g.positions());
        assert!(self.dx.len() == g.image_len() && self.packed.len() == g.weight_len());
        run_block(s, g.channels, self);
    }
}

impl<E: Element> Block<E> for InputImage<'_, E> {
    #[inline(always)]
    fn run<S: Simd<E>, const M: usize, const N: usize>(mut self, s: S) {
        let (height, width) = self.g.size;
        for start in (0..height).step_by(ROWS) {
            let (rows, mut j) = (start..height.min(start + ROWS), 0);
            macro_rules! columns {
                ($width:tt) => {{
                    self.columns::<S, M, { $width }>(s, rows.clone(), j);
                    j += $width * S::LANES;
                }};
            }
            widest_first!(N, width.saturating_sub(j).div_ceil(S::LANES), columns);
        }
    }
}

impl<E: Element> InputImage<'_, E> {
    /// N vectors of some rows, from column j on. The last may reach over the end.
    #[inline(always)]
    fn columns<S: Simd<E>, const M: usize, const N: usize>(&mut self, s: S, rows: Range<usize>, j: usize) {
        let (g, (h_out, w_out)) = (self.g, self.g.output_size());
        // The lanes of vector n that weight column v finds in a row of dy.
        let within = |n: usize, v: usize| {
            let first = (v + S::LANES).saturating_sub(j + n * S::LANES + g.padding.1 + S::LANES);
            let end = (w_out + v).saturating_sub(j + n * S::LANES + g.padding.1).min(S::LANES);
            first.min(end)..end
        };
        let mut windows: [[Range<usize>; N]; WIDEST] = std::array::from_fn(|_| std::array::from_fn(|_| 0..0));
        for (v, windows) in windows.iter_mut().enumerate().take(g.kernel.1) {
            *windows = std::array::from_fn(|n| within(n, v));
        }
        for i in rows {
            let end = (i + g.padding.0 + 1).min(g.kernel.0);
            let met = (i + g.padding.0 + 1).saturating_sub(h_out).min(end)..end;
            // SAFETY: `run` has checked the sizes; i is a row, j a column of it, `met` and `windows` are as they should.
            unsafe { self.tile::<S, M, N>(s, (i, j), met, &windows) };
        }
    }

    /// N vectors of row i from column j on.
    ///
    /// # Safety
    /// The sizes are as `run` asserts them, (i, j) is a pixel, `met` are the u that meet this row at a row of dy, and
    /// `windows` for each v the lanes that lie in it.
    #[inline(always)]
    unsafe fn tile<S: Simd<E>, const M: usize, const N: usize>(
        &mut self,
        s: S,
        (i, j): (usize, usize),
        met: Range<usize>,
        windows: &[[Range<usize>; N]; WIDEST],
    ) {
        let (g, (h_out, w_out)) = (self.g, self.g.output_size());
        let (height, width) = g.size;
        let last = (width - j - (N - 1) * S::LANES).min(S::LANES);
        let dx = |m: usize, n: usize| {
            ((m * height + i) * width + j + n * S::LANES, if n + 1 < N { S::LANES } else { last })
        };
        let mut sums = [[s.splat(E::ZERO); N]; M];
        for (m, row) in sums.iter_mut().enumerate() {
            for (n, sum) in row.iter_mut().enumerate() {
                let (at, lanes) = dx(m, n);
                // SAFETY: so many pixels are left of the row.
                *sum = unsafe { s.load_partial(self.dx.as_ptr().add(at), lanes) };
            }
        }
        let mut weights = self.packed[met.start * g.filters * g.kernel.1 * M..].as_ptr();
        for u in met {
            for o in 0..g.filters {
                let row = (o * h_out + i + g.padding.0 - u) * w_out + j + g.padding.1;
                for (v, windows) in windows.iter().enumerate().take(g.kernel.1) {
                    let at = self.dy.as_ptr().wrapping_add(row).wrapping_sub(v);
                    let mut vectors = [s.splat(E::ZERO); N];
                    for (n, vector) in vectors.iter_mut().enumerate() {
                        let at = at.wrapping_add(n * S::LANES);
                        // Vectors between lie in dy, since the kernel is no wider than a vector and one.
                        // SAFETY: the window is of this row of dy.
                        *vector = unsafe {
                            if n == 0 || n + 2 >= N {
                                s.load_window(at, windows[n].clone())
                            } else {
                                s.load(at)
                            }
                        };
                    }
                    for (m, row) in sums.iter_mut().enumerate() {
                        // SAFETY: M numbers for each (u, o, v).
                        let weight = s.splat(unsafe { *weights.add(m) });
                        for (sum, vector) in row.iter_mut().zip(&vectors) {
                            *sum = s.fma(weight, *vector, *sum);
                        }
                    }
                    weights = weights.wrapping_add(M);
                }
            }
        }
        for (m, row) in sums.iter().enumerate() {
            for (n, sum) in row.iter().enumerate() {
                let (at, lanes) = dx(m, n);
                // SAFETY: as above.
                unsafe { s.store_partial(self.dx.as_mut_ptr().add(at), lanes, *sum) };
            }
        }
    }
}
