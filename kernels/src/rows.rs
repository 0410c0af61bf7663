//! Functions of the rows of a matrix x (N, F): each row is done by one thread, and its sums are made in one order.
//!
//! ```text
//! sum          y[n] = a Σ_f x[n,f]                      dx[n,f] += a dy[n]
//! max          y[n] = max_f x[n,f]                      dx[n,f] += dy[n] at the first of the largest
//! log_sum_exp  y[n] = m + ln Σ_f e^(x[n,f] - m)         dx[n,f] += dy[n] e^(x[n,f] - y[n])        m: the largest
//! softmax      y[n,f] = e^(x[n,f] - m) / Σ_g e^(x[n,g] - m)     dx[n,f] += y[n,f] (dy[n,f] - Σ_g y[n,g] dy[n,g])
//! ```

use crate::Element;
use crate::map::{CHUNK, Exp, Identity, Product, map_add_chunk, map_chunk, sum_chunk};
use crate::parallel::{deal, parts};

/// Calls `f(n, row n)` for all rows of `out`, which are `len` long; a task has so many rows that their work is that on
/// [`CHUNK`] numbers, each of the rows' being that on `work`.
pub(crate) fn each_row<E: Element>(
    out: &mut [E],
    len: usize,
    work: usize,
    f: impl Fn(usize, &mut [E]) + Send + Sync,
) {
    let rows = (CHUNK / work).max(1);
    deal(parts(out, rows * len), |task, out| {
        for (i, row) in out.chunks_exact_mut(len).enumerate() {
            f(task * rows + i, row);
        }
    });
}

/// The precondition of every function here: x has whole rows, as many as there are results. Returns F.
fn width(x: usize, results: usize) -> usize {
    assert!(x > 0 && results > 0 && x.is_multiple_of(results), "rows: x is empty or not of whole rows");
    x / results
}

/// Row n of a matrix.
fn row<E>(x: &[E], width: usize, n: usize) -> &[E] {
    &x[n * width..(n + 1) * width]
}

/// Where the first of the largest stands; a NaN counts as larger than any number.
fn largest<E: Element>(row: &[E]) -> usize {
    let mut at = 0;
    for (i, x) in row.iter().enumerate() {
        if *x > row[at] || (x.is_nan() && !row[at].is_nan()) {
            at = i;
        }
    }
    at
}

pub(crate) fn sum_forward<E: Element>(factor: E, x: &[E], y: &mut [E]) {
    let width = width(x.len(), y.len());
    each_row(y, 1, width, |n, y| y[0] = factor * sum_chunk(Identity, [row(x, width, n)]));
}

pub(crate) fn sum_backward<E: Element>(factor: E, grad_output: &[E], grad_input: &mut [E]) {
    let width = width(grad_input.len(), grad_output.len());
    each_row(grad_input, width, width, |n, dx| {
        let share = factor * grad_output[n];
        dx.iter_mut().for_each(|dx| *dx += share);
    });
}

pub(crate) fn max_forward<E: Element>(x: &[E], y: &mut [E]) {
    let width = width(x.len(), y.len());
    each_row(y, 1, width, |n, y| {
        let x = row(x, width, n);
        y[0] = x[largest(x)];
    });
}

pub(crate) fn max_backward<E: Element>(x: &[E], grad_output: &[E], grad_input: &mut [E]) {
    let width = width(x.len(), grad_output.len());
    assert!(grad_input.len() == x.len(), "rows: dx has another size");
    // Found again: a pass over a row is cheaper than to keep where they stood.
    each_row(grad_input, width, width, |n, dx| dx[largest(row(x, width, n))] += grad_output[n]);
}

pub(crate) fn log_sum_exp_forward<E: Element>(x: &[E], y: &mut [E]) {
    let width = width(x.len(), y.len());
    each_row(y, 1, width, |n, y| {
        let x = row(x, width, n);
        let shift = x[largest(x)];
        // Infinite, it is the result; and infinity less infinity is no number.
        let infinite = !shift.is_finite() && !shift.is_nan();
        y[0] = if infinite { shift } else { shift + sum_chunk(Exp { shift, factor: E::ONE }, [x]).ln() };
    });
}

pub(crate) fn log_sum_exp_backward<E: Element>(x: &[E], y: &[E], grad_output: &[E], grad_input: &mut [E]) {
    let width = width(x.len(), y.len());
    assert!(y.len() == grad_output.len() && grad_input.len() == x.len(), "rows: dy or dx has another size");
    each_row(grad_input, width, width, |n, dx| {
        map_add_chunk(Exp { shift: y[n], factor: grad_output[n] }, [row(x, width, n)], dx);
    });
}

pub(crate) fn softmax_forward<E: Element>(width: usize, x: &[E], y: &mut [E]) {
    assert!(width > 0 && x.len() == y.len() && x.len().is_multiple_of(width), "softmax: not of whole rows");
    each_row(y, width, width, |n, y| {
        let x = row(x, width, n);
        map_chunk(Exp { shift: x[largest(x)], factor: E::ONE }, [x], y);
        let share = E::ONE / sum_chunk(Identity, [y]);
        y.iter_mut().for_each(|y| *y *= share);
    });
}

pub(crate) fn softmax_backward<E: Element>(width: usize, y: &[E], grad_output: &[E], grad_input: &mut [E]) {
    let whole = width > 0 && y.len().is_multiple_of(width);
    assert!(whole && y.len() == grad_output.len(), "softmax: not of whole rows");
    assert!(y.len() == grad_input.len(), "softmax: dx has another size");
    each_row(grad_input, width, width, |n, dx| {
        let (y, dy) = (row(y, width, n), row(grad_output, width, n));
        let along = sum_chunk(Product, [y, dy]);
        for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx += *y * (*dy - along);
        }
    });
}
