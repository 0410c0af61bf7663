//! Numbers that go to other places, as they are or added to what is there. Threads share no place that is written.

use crate::Element;
use crate::parallel::{deal, parts};
use crate::rows::each_row;

/// Columns of a matrix: its numbers, how many columns it has, and the first of those that are meant.
pub struct Columns<T> {
    /// The matrix, row after row.
    pub matrix: T,
    /// Numbers of a row.
    pub width: usize,
    /// The first of the columns.
    pub first: usize,
}

pub(crate) fn copy_columns<E: Element>(from: Columns<&[E]>, to: Columns<&mut [E]>, count: usize, add: bool) {
    let inside = from.first + count <= from.width && to.first + count <= to.width;
    assert!(count > 0 && inside, "columns: beyond their matrix");
    assert!(
        from.matrix.len() * to.width == to.matrix.len() * from.width,
        "columns: of another number of rows"
    );
    each_row(to.matrix, to.width, count, |n, row| {
        let row = &mut row[to.first..to.first + count];
        let from = &from.matrix[n * from.width + from.first..][..count];
        if add {
            row.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
        } else {
            row.copy_from_slice(from);
        }
    });
}

/// Rows and columns of the squares that a transpose is done in, so that both sides stay in the first-level cache.
const SQUARE: usize = 32;

pub(crate) fn transpose<E: Element>(width: usize, x: &[E], y: &mut [E], add: bool) {
    assert!(width > 0 && x.len().is_multiple_of(width) && x.len() == y.len(), "transpose: not of whole rows");
    let rows = x.len() / width;
    // A task has some columns of x, which are whole rows of y.
    deal(parts(y, SQUARE * rows.max(1)), |task, y| {
        for start in (0..rows).step_by(SQUARE) {
            for (i, y) in y.chunks_exact_mut(rows).enumerate() {
                let column = x[start * width + task * SQUARE + i..].iter().step_by(width);
                for (y, x) in y[start..].iter_mut().take(SQUARE).zip(column) {
                    *y = if add { *y + *x } else { *x };
                }
            }
        }
    });
}

fn check_rows(width: usize, rows: &[usize], x: usize, y: usize) {
    assert!(width > 0 && x.is_multiple_of(width) && y == rows.len() * width, "gather: not of whole rows");
    assert!(rows.iter().all(|row| (row + 1) * width <= x), "gather: a row beyond the last");
}

pub(crate) fn gather_rows<E: Element>(width: usize, rows: &[usize], x: &[E], y: &mut [E]) {
    check_rows(width, rows, x.len(), y.len());
    each_row(y, width, width, |i, y| y.copy_from_slice(&x[rows[i] * width..][..width]));
}

pub(crate) fn gather_rows_backward<E: Element>(
    width: usize,
    rows: &[usize],
    grad_output: &[E],
    grad_input: &mut [E],
) {
    check_rows(width, rows, grad_input.len(), grad_output.len());
    for (row, dy) in rows.iter().zip(grad_output.chunks_exact(width)) {
        let dx = &mut grad_input[row * width..][..width];
        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += *dy);
    }
}
