//! Numbers that go to other places, as they are or added to what is there. Threads share no place that is written.

use crate::Element;
use crate::parallel::{deal, parts};
use crate::rows::each_row;
use crate::simd::{Kernel, MAX_LANES, Simd, dispatch, transpose as transpose_square};
use crate::tile::fits;

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
    let rows = |len: usize, width: usize| if len.is_multiple_of(width) { Some(len / width) } else { None };
    let (these, those) = (rows(from.matrix.len(), from.width), rows(to.matrix.len(), to.width));
    assert!(these.is_some() && these == those, "columns: of another number of rows");
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

/// Columns of x that a task has: whole rows of y.
const STRIP: usize = 32;

pub(crate) fn transpose<E: Element>(width: usize, x: &[E], y: &mut [E], add: bool) {
    assert!(width > 0 && x.len().is_multiple_of(width) && x.len() == y.len(), "transpose: not of whole rows");
    let rows = x.len() / width;
    deal(parts(y, STRIP * rows.max(1)), |task, y| {
        let size = (rows, y.len() / rows);
        dispatch(Strip { from: (&x[task * STRIP..], width), to: (y, rows), size, add });
    });
}

/// Some columns of a matrix as rows, or added to them.
pub(crate) struct Strip<'a, E> {
    /// Where they are, and from one row to the next.
    pub(crate) from: (&'a [E], usize),
    /// Where they go, and from one row to the next.
    pub(crate) to: (&'a mut [E], usize),
    /// Rows and columns of what is read.
    pub(crate) size: (usize, usize),
    pub(crate) add: bool,
}

impl<E: Element> Strip<'_, E> {
    /// Up to this many rows or columns are turned number by number, which is faster then.
    const FEW: usize = 4;

    /// In squares of vectors.
    #[inline(always)]
    pub(crate) fn transpose<S: Simd<E>>(self, s: S) {
        let Strip { from: (from, width), to: (to, height), size: (rows, columns), add } = self;
        assert!(fits(rows, width, columns, from.len()) && fits(columns, height, rows, to.len()));
        if rows <= Self::FEW || columns <= Self::FEW {
            for j in 0..columns {
                for (i, to) in to[j * height..][..rows].iter_mut().enumerate() {
                    let value = from[i * width + j];
                    *to = if add { *to + value } else { value };
                }
            }
            return;
        }
        for i in (0..rows).step_by(S::LANES) {
            let m = (rows - i).min(S::LANES);
            for j in (0..columns).step_by(S::LANES) {
                let n = (columns - j).min(S::LANES);
                let mut square = [s.splat(E::ZERO); MAX_LANES];
                for (k, vector) in square.iter_mut().enumerate().take(m) {
                    // SAFETY: n numbers of row i + k are left.
                    *vector = unsafe { s.load_partial(from.as_ptr().add((i + k) * width + j), n) };
                }
                transpose_square(s, &mut square);
                for (k, mut vector) in square.into_iter().enumerate().take(n) {
                    // SAFETY: m numbers of row j + k are left.
                    unsafe {
                        let to = to.as_mut_ptr().add((j + k) * height + i);
                        if add {
                            vector = s.add(s.load_partial(to, m), vector);
                        }
                        s.store_partial(to, m, vector);
                    }
                }
            }
        }
    }
}

impl<E: Element> Kernel<E> for Strip<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        self.transpose(s);
    }
}

fn check_rows(width: usize, rows: &[usize], x: usize, y: usize) {
    assert!(width > 0 && x.is_multiple_of(width) && y == rows.len() * width, "gather: not of whole rows");
    assert!(rows.iter().all(|row| *row < x / width), "gather: a row beyond the last");
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
