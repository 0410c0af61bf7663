//! From images to matrices and back: the transforms of [`winograd`](crate::conv2d::winograd), lanes along channels.

use super::matrices::{Grid, Matrices};
use crate::Element;
use crate::conv2d::pooled::largest_of_four;
use crate::conv2d::winograd::{Form, stretch_filters};
use crate::simd::{Kernel, Simd};
use std::marker::PhantomData;

/// What the patches, or the squares, of an image become in the matrices.
pub(super) struct Take<'a, E, F, const P: usize> {
    pub(super) grid: Grid,
    pub(super) image: &'a [E],
    pub(super) m: &'a Matrices,
    /// The matrices, and the row of the first square.
    pub(super) to: (&'a mut [E], usize),
    /// Whether dy's squares are meant: A dy A^T, else B^T d B.
    pub(super) squares: bool,
    pub(super) form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Take<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let extent = if self.squares { F::SIDE } else { P };
        self.grid.check(self.image.len(), extent, (self.m, self.to.0.len(), self.to.1));
        let zero = s.splat(E::ZERO);
        for t in 0..self.grid.count() {
            let from = self.image.as_ptr().wrapping_add(self.grid.at(t));
            let to = self.to.0.as_mut_ptr().wrapping_add((self.to.1 + t) * self.m.row);
            for c in (0..self.m.columns).step_by(S::LANES) {
                // SAFETY: `check`: pixel (r, q) of the square lies in the image, with all its columns.
                let pixel = |r: usize, q: usize| unsafe {
                    s.load(from.add(r * self.grid.row + q * self.grid.pixel + c))
                };
                let to = to.wrapping_add(self.m.column(c));
                // Along columns, then along rows.
                let mut half = [[zero; P]; P];
                for q in 0..extent {
                    let column = if self.squares {
                        let mut column = [zero; 4];
                        column.iter_mut().enumerate().take(F::SIDE).for_each(|(r, d)| *d = pixel(r, q));
                        F::spread(s, column)
                    } else {
                        let mut column = [zero; P];
                        column.iter_mut().enumerate().for_each(|(r, d)| *d = pixel(r, q));
                        F::differences(s, column)
                    };
                    for (row, value) in half.iter_mut().zip(column) {
                        row[q] = value;
                    }
                }
                for (r, row) in half.into_iter().enumerate() {
                    let row = if self.squares {
                        let mut first = [zero; 4];
                        first.iter_mut().zip(row).for_each(|(to, value)| *to = value);
                        F::spread(s, first)
                    } else {
                        F::differences(s, row)
                    };
                    for (q, value) in row.into_iter().enumerate() {
                        // SAFETY: `check`: the matrices have this row, with all its columns.
                        unsafe { s.store(to.add((r * P + q) * self.m.matrix), value) };
                    }
                }
            }
        }
    }
}

/// A^T M A: a vector's columns of the outputs of one square.
///
/// # Safety
/// `from` is that column of a row of the matrices `m`.
#[inline(always)]
unsafe fn outputs<E: Element, S: Simd<E>, F: Form<P>, const P: usize>(
    s: S,
    m: &Matrices,
    from: *const E,
) -> [[S::V; 4]; 4] {
    let zero = s.splat(E::ZERO);
    let mut half = [[zero; P]; 4];
    for q in 0..P {
        let mut column = [zero; P];
        for (r, value) in column.iter_mut().enumerate() {
            // SAFETY: this function's contract.
            *value = unsafe { s.load(from.add((r * P + q) * m.matrix)) };
        }
        for (row, value) in half.iter_mut().zip(F::gather(s, column)) {
            row[q] = value;
        }
    }
    let mut rows = [[zero; 4]; 4];
    for (row, half) in rows.iter_mut().zip(half).take(F::SIDE) {
        *row = F::gather(s, half);
    }
    rows
}

/// The squares of an image of outputs, as they are.
pub(super) struct Give<'a, E, F, const P: usize> {
    pub(super) grid: Grid,
    pub(super) image: &'a mut [E],
    pub(super) m: &'a Matrices,
    pub(super) from: (&'a [E], usize),
    /// One for each column.
    pub(super) bias: &'a [E],
    pub(super) form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Give<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        self.grid.check(self.image.len(), F::SIDE, (self.m, self.from.0.len(), self.from.1));
        assert!(self.bias.len() >= self.m.columns);
        for t in 0..self.grid.count() {
            let to = self.image.as_mut_ptr().wrapping_add(self.grid.at(t));
            let from = self.from.0.as_ptr().wrapping_add((self.from.1 + t) * self.m.row);
            for c in (0..self.m.columns).step_by(S::LANES) {
                // SAFETY: `check`: the matrices have this row, with all its columns; the bias is checked above.
                let (rows, bias) = unsafe {
                    let rows = outputs::<E, S, F, P>(s, self.m, from.wrapping_add(self.m.column(c)));
                    (rows, s.load(self.bias.as_ptr().add(c)))
                };
                for (r, row) in rows.into_iter().enumerate().take(F::SIDE) {
                    for (q, value) in row.into_iter().enumerate().take(F::SIDE) {
                        let at = r * self.grid.row + q * self.grid.pixel + c;
                        // SAFETY: `check`: this pixel lies in the image, with all its columns.
                        unsafe { s.store(to.add(at), s.add(value, bias)) };
                    }
                }
            }
        }
    }
}

/// The largest of each window of 2 x 2 outputs, and which it was.
pub(super) struct Pool<'a, E, F, const P: usize> {
    /// Of windows.
    pub(super) grid: Grid,
    pub(super) image: &'a mut [E],
    /// Empty where they are not wanted.
    pub(super) winners: &'a mut [E],
    pub(super) m: &'a Matrices,
    pub(super) from: (&'a [E], usize),
    /// One for each column.
    pub(super) bias: &'a [E],
    pub(super) form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Pool<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        self.grid.check(self.image.len(), F::SIDE / 2, (self.m, self.from.0.len(), self.from.1));
        assert!(self.winners.is_empty() || self.winners.len() == self.image.len());
        assert!(self.bias.len() >= self.m.columns);
        for t in 0..self.grid.count() {
            let from = self.from.0.as_ptr().wrapping_add((self.from.1 + t) * self.m.row);
            for c in (0..self.m.columns).step_by(S::LANES) {
                // SAFETY: `check`: the matrices have this row, with all its columns; the bias is checked above.
                let (rows, bias) = unsafe {
                    let rows = outputs::<E, S, F, P>(s, self.m, from.wrapping_add(self.m.column(c)));
                    (rows, s.load(self.bias.as_ptr().add(c)))
                };
                for (a, b) in (0..F::SIDE / 2).flat_map(|a| (0..F::SIDE / 2).map(move |b| (a, b))) {
                    let (upper, lower) = (&rows[2 * a], &rows[2 * a + 1]);
                    let window = [upper[2 * b], upper[2 * b + 1], lower[2 * b], lower[2 * b + 1]];
                    let (largest, winner) = largest_of_four(s, &window, bias);
                    let at = self.grid.at(t) + a * self.grid.row + b * self.grid.pixel + c;
                    // SAFETY: `check`: this window lies in the image, with all its columns; the winners are as many.
                    unsafe {
                        s.store(self.image.as_mut_ptr().add(at), largest);
                        if !self.winners.is_empty() {
                            s.store(self.winners.as_mut_ptr().add(at), winner);
                        }
                    }
                }
            }
        }
    }
}

/// The matrices U of filters (C_out, C, 3, 3).
pub(super) struct Filters<'a, E, F, const P: usize> {
    /// (tap, c, o), whole panels of filters.
    pub(super) taps: &'a [E],
    pub(super) m: &'a Matrices,
    pub(super) to: &'a mut [E],
    pub(super) form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Filters<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let m = self.m;
        let plane = m.rows * m.columns;
        assert!(self.taps.len() == 9 * plane && self.to.len() >= m.len());
        for c in 0..m.rows {
            for o in (0..m.columns).step_by(S::LANES) {
                let mut taps = [s.splat(E::ZERO); 9];
                for (k, tap) in taps.iter_mut().enumerate() {
                    // SAFETY: row c of tap k, checked above.
                    *tap = unsafe { s.load(self.taps.as_ptr().add(k * plane + c * m.columns + o)) };
                }
                for (r, row) in stretch_filters::<E, S, F, P>(s, taps).into_iter().enumerate() {
                    for (q, value) in row.into_iter().enumerate() {
                        let at = (r * P + q) * m.matrix + c * m.row + m.column(o);
                        // SAFETY: row c of matrix (r, q), checked above.
                        unsafe { s.store(self.to.as_mut_ptr().add(at), value) };
                    }
                }
            }
        }
    }
}

/// G^T S G: the gradients of the filters, (tap, o, c).
pub(super) struct Shrink<'a, E, F, const P: usize> {
    pub(super) sums: &'a [E],
    pub(super) m: &'a Matrices,
    /// In rows as those of the matrices.
    pub(super) to: &'a mut [E],
    pub(super) form: PhantomData<F>,
}

impl<E: Element, F: Form<P>, const P: usize> Kernel<E> for Shrink<'_, E, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let m = self.m;
        let plane = m.rows * m.row;
        assert!(self.to.len() == 9 * plane && self.sums.len() >= m.len());
        for at in (0..m.rows).flat_map(|o| (0..m.columns).step_by(S::LANES).map(move |c| o * m.row + c)) {
            let mut half = [[s.splat(E::ZERO); P]; 3];
            for q in 0..P {
                let mut column = [s.splat(E::ZERO); P];
                for (r, value) in column.iter_mut().enumerate() {
                    // SAFETY: row o of matrix (r, q), checked above.
                    *value = unsafe { s.load(self.sums.as_ptr().add((r * P + q) * m.matrix + at)) };
                }
                for (row, value) in half.iter_mut().zip(F::shrink(s, column)) {
                    row[q] = value;
                }
            }
            for (u, row) in half.into_iter().enumerate() {
                for (v, value) in F::shrink(s, row).into_iter().enumerate() {
                    // SAFETY: row o of tap (u, v), checked above.
                    unsafe { s.store(self.to.as_mut_ptr().add((3 * u + v) * plane + at), value) };
                }
            }
        }
    }
}
