//! Pooling over windows of each plane; windows lie wholly inside, what is left over at the right and at the
//! bottom is dropped.

use crate::Element;
use crate::parallel::{deal, parts};
use crate::simd::{Kernel, Simd, dispatch};

/// The sizes of a pooling. Planes are (H, W), row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// N C.
    pub planes: usize,
    /// (H, W).
    pub size: (usize, usize),
    /// (K_h, K_w).
    pub window: (usize, usize),
    /// (S_h, S_w), from 1.
    pub stride: (usize, usize),
}

impl Pool2d {
    /// (H_out, W_out) = floor((H - K) / S) + 1; 0 where the window does not fit.
    pub fn output_size(&self) -> (usize, usize) {
        let out = |size: usize, window: usize, stride: usize| {
            size.checked_sub(window).map_or(0, |room| room / stride + 1)
        };
        (out(self.size.0, self.window.0, self.stride.0), out(self.size.1, self.window.1, self.stride.1))
    }

    fn input_plane(&self) -> usize {
        self.size.0 * self.size.1
    }

    fn output_plane(&self) -> usize {
        let (h_out, w_out) = self.output_size();
        h_out * w_out
    }

    fn check(&self, x: usize, y: usize) {
        assert!(self.output_plane() > 0 && self.window.0 * self.window.1 > 0, "pool2d: empty output");
        assert!(self.stride.0 > 0 && self.stride.1 > 0, "pool2d: a stride of 0");
        assert!(x == self.planes * self.input_plane(), "pool2d: x has another size");
        assert!(y == self.planes * self.output_plane(), "pool2d: y has another size");
        assert!(self.input_plane() <= u32::MAX as usize, "pool2d: a plane too large");
    }
}

pub(crate) fn max_forward<E: Element>(g: &Pool2d, x: &[E], y: &mut [E], argmax: &mut [u32]) {
    g.check(x.len(), y.len());
    assert!(argmax.len() == y.len(), "pool2d: argmax has another size");
    let outputs = g.output_plane();
    let planes = (parts(y, outputs), parts(argmax, outputs));
    deal((planes, x.chunks(g.input_plane())), |_, ((y, argmax), x)| dispatch(MaxForward { g, x, y, argmax }));
}

pub(crate) fn max_backward<E: Element>(g: &Pool2d, argmax: &[u32], grad_output: &[E], grad_input: &mut [E]) {
    g.check(grad_input.len(), grad_output.len());
    assert!(argmax.len() == grad_output.len(), "pool2d: argmax has another size");
    let outputs = g.output_plane();
    let given = (grad_output.chunks(outputs), argmax.chunks(outputs));
    deal((parts(grad_input, g.input_plane()), given), |_, (dx, (dy, argmax))| {
        for (dy, at) in dy.iter().zip(argmax) {
            dx[*at as usize] += *dy;
        }
    });
}

pub(crate) fn avg_forward<E: Element>(g: &Pool2d, x: &[E], y: &mut [E]) {
    g.check(x.len(), y.len());
    let planes = (parts(y, g.output_plane()), x.chunks(g.input_plane()));
    deal(planes, |_, (y, x)| dispatch(AvgForward { g, x, y }));
}

pub(crate) fn avg_backward<E: Element>(g: &Pool2d, grad_output: &[E], grad_input: &mut [E]) {
    g.check(grad_input.len(), grad_output.len());
    let planes = (parts(grad_input, g.input_plane()), grad_output.chunks(g.output_plane()));
    deal(planes, |_, (dx, dy)| dispatch(AvgBackward { g, dy, dx }));
}

/// One plane. The body is plain code: inside [`dispatch`] the compiler makes vectors of it.
struct MaxForward<'a, E> {
    g: &'a Pool2d,
    x: &'a [E],
    y: &'a mut [E],
    argmax: &'a mut [u32],
}

impl<E: Element> Kernel<E> for MaxForward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        if self.g.window == (2, 2) && self.g.stride == (2, 2) { max_two_by_two(self) } else { max_rows(self) }
    }
}

/// The common case, written so that the compiler can load windows side by side: no branch, no index to check.
#[inline(always)]
fn max_two_by_two<E: Element>(job: MaxForward<'_, E>) {
    let width = job.g.size.1;
    let w_out = job.g.output_size().1;
    for (i, (y, argmax)) in job.y.chunks_exact_mut(w_out).zip(job.argmax.chunks_exact_mut(w_out)).enumerate()
    {
        let start = 2 * i * width;
        let upper = job.x[start..start + 2 * w_out].chunks_exact(2);
        let lower = job.x[start + width..start + width + 2 * w_out].chunks_exact(2);
        let mut at = start as u32;
        for (((y, argmax), a), b) in y.iter_mut().zip(argmax).zip(upper).zip(lower) {
            let mut best = (a[0], at);
            best = larger((a[1], at + 1), best);
            best = larger((b[0], at + width as u32), best);
            best = larger((b[1], at + width as u32 + 1), best);
            (*y, *argmax) = best;
            at += 2;
        }
    }
}

#[inline(always)]
fn max_rows<E: Element>(job: MaxForward<'_, E>) {
    let (g, width) = (job.g, job.g.size.1);
    let w_out = g.output_size().1;
    for (i, (y, argmax)) in job.y.chunks_mut(w_out).zip(job.argmax.chunks_mut(w_out)).enumerate() {
        for (j, (y, argmax)) in y.iter_mut().zip(argmax).enumerate() {
            let first = i * g.stride.0 * width + j * g.stride.1;
            let mut best = (job.x[first], first as u32);
            for u in 0..g.window.0 {
                let start = first + u * width;
                for (v, value) in job.x[start..start + g.window.1].iter().enumerate() {
                    best = larger((*value, (start + v) as u32), best);
                }
            }
            (*y, *argmax) = best;
        }
    }
}

/// The new one if it is larger than the best so far, or no number.
#[inline(always)]
pub(crate) fn larger<E: Element, I>(new: (E, I), best: (E, I)) -> (E, I) {
    let wins = (new.0 > best.0) | new.0.is_nan();
    (if wins { new.0 } else { best.0 }, if wins { new.1 } else { best.1 })
}

struct AvgForward<'a, E> {
    g: &'a Pool2d,
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Element> Kernel<E> for AvgForward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        if self.g.stride.1 == 2 { avg_rows::<E, 2>(self) } else { avg_rows::<E, 0>(self) }
    }
}

#[inline(always)]
fn avg_rows<E: Element, const STRIDE: usize>(job: AvgForward<'_, E>) {
    let (g, width) = (job.g, job.g.size.1);
    let w_out = g.output_size().1;
    let share = E::ONE / E::from_f64((g.window.0 * g.window.1) as f64);
    for (i, y) in job.y.chunks_mut(w_out).enumerate() {
        y.fill(E::ZERO);
        for u in 0..g.window.0 {
            for v in 0..g.window.1 {
                let start = (i * g.stride.0 + u) * width + v;
                let stride = if STRIDE == 0 { g.stride.1 } else { STRIDE };
                let x = &job.x[start..start + (w_out - 1) * stride + 1];
                for j in 0..w_out {
                    y[j] += x[j * stride];
                }
            }
        }
        for y in y {
            *y *= share;
        }
    }
}

struct AvgBackward<'a, E> {
    g: &'a Pool2d,
    dy: &'a [E],
    dx: &'a mut [E],
}

impl<E: Element> Kernel<E> for AvgBackward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        if self.g.stride.1 == 2 && self.g.window.1 == 2 {
            avg_spread::<E, 2>(self)
        } else {
            avg_spread::<E, 0>(self)
        }
    }
}

#[inline(always)]
fn avg_spread<E: Element, const STRIDE: usize>(job: AvgBackward<'_, E>) {
    let (g, width) = (job.g, job.g.size.1);
    let w_out = g.output_size().1;
    let share = E::ONE / E::from_f64((g.window.0 * g.window.1) as f64);
    for (i, dy) in job.dy.chunks(w_out).enumerate() {
        for u in 0..g.window.0 {
            let row = &mut job.dx[(i * g.stride.0 + u) * width..][..width];
            if STRIDE == 2 {
                for (pair, dy) in row.chunks_exact_mut(2).zip(dy) {
                    let part = *dy * share;
                    pair[0] += part;
                    pair[1] += part;
                }
                continue;
            }
            for (j, dy) in dy.iter().enumerate() {
                let part = *dy * share;
                for value in &mut row[j * g.stride.1..j * g.stride.1 + g.window.1] {
                    *value += part;
                }
            }
        }
    }
}
