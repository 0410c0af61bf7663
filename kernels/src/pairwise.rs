//! Squared distances between all rows of one matrix x (N, F), by differences: no digit is lost where two rows are close,
//! and a row is at distance 0 from itself.
//!
//! ```text
//! y[i,j] = Σ_f (x[i,f] - x[j,f])^2                              vectors along j, f by f in order
//! dx[i,f] += Σ_j 2 (dy[i,j] + dy[j,i]) (x[i,f] - x[j,f])        vectors along f, j by j in order
//! ```
//!
//! A task has one row of the result, so threads share no sum.

use crate::parallel::{deal, parts};
use crate::simd::{Kernel, Simd, dispatch};
use crate::{Element, scratch};

fn rows(x: usize, width: usize, y: usize) -> usize {
    assert!(width > 0 && x > 0 && x.is_multiple_of(width), "pairwise: x is empty or not of whole rows");
    assert!(y == (x / width).pow(2), "pairwise: y has another size");
    x / width
}

pub(crate) fn forward<E: Element>(width: usize, x: &[E], y: &mut [E]) {
    let n = rows(x.len(), width, y.len());
    let mut columns = scratch::any::<E>(x.len());
    for (j, row) in x.chunks_exact(width).enumerate() {
        row.iter().enumerate().for_each(|(f, x)| columns[f * n + j] = *x);
    }
    let columns = &columns[..];
    deal((parts(y, n), x.chunks(width)), |_, (out, row)| dispatch(DistancesOf { row, columns, out }));
}

pub(crate) fn backward<E: Element>(width: usize, x: &[E], dy: &[E], dx: &mut [E]) {
    let n = rows(x.len(), width, dy.len());
    assert!(dx.len() == x.len(), "pairwise: dx has another size");
    deal(parts(dx, width), |i, out| {
        let row = &x[i * width..(i + 1) * width];
        dispatch(GradientOf { row, x, to: &dy[i * n..(i + 1) * n], from: &dy[i..], n, out });
    });
}

/// One row's distances; `columns` is x with its columns one after the other.
struct DistancesOf<'a, E> {
    row: &'a [E],
    columns: &'a [E],
    out: &'a mut [E],
}

impl<E: Element> Kernel<E> for DistancesOf<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        // Plain code: inside `dispatch` the compiler makes vectors of it.
        self.out.fill(E::ZERO);
        for (a, column) in self.row.iter().zip(self.columns.chunks_exact(self.out.len())) {
            for (sum, b) in self.out.iter_mut().zip(column) {
                let difference = *a - *b;
                *sum += difference * difference;
            }
        }
    }
}

/// One row's gradient; `to` is its row of dy, `from` its column, `n` apart.
struct GradientOf<'a, E> {
    row: &'a [E],
    x: &'a [E],
    to: &'a [E],
    from: &'a [E],
    n: usize,
    out: &'a mut [E],
}

impl<E: Element> Kernel<E> for GradientOf<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        // The sum apart from what is there, so that it is the same whatever it is added to.
        let mut sum = scratch::zeros::<E>(self.row.len());
        let both = self.to.iter().zip(self.from.iter().step_by(self.n));
        for ((to, from), other) in both.zip(self.x.chunks_exact(self.row.len())) {
            let factor = E::from_f64(2.0) * (*to + *from);
            for ((sum, a), b) in sum.iter_mut().zip(self.row).zip(other) {
                *sum += factor * (*a - *b);
            }
        }
        for (out, sum) in self.out.iter_mut().zip(sum.iter()) {
            *out += *sum;
        }
    }
}
