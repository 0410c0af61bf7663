//! Arrays whose numbers have as many indices as the formulas give them.

use std::fmt;
use std::ops::{Index, IndexMut};

/// Numbers with D indices, row-major: `x[[n, c, r, q]]`. Sizes and indices have a sign, so that `i * s_h + u - p_h` may be
/// computed first and asked afterwards whether it is inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<const D: usize> {
    shape: [isize; D],
    values: Vec<f64>,
}

impl<const D: usize> Array<D> {
    /// These numbers in this shape.
    ///
    /// # Panics
    /// When their number is not the shape's.
    #[track_caller]
    pub fn new(shape: [isize; D], values: Vec<f64>) -> Array<D> {
        let count = shape.iter().product::<isize>();
        let given = values.len();
        assert!(usize::try_from(count) == Ok(given), "{given} numbers for the shape {}", Indices(&shape));
        Array { shape, values }
    }

    /// Zeros.
    ///
    /// # Panics
    /// When a size is negative.
    #[track_caller]
    pub fn zeros(shape: [isize; D]) -> Array<D> {
        assert!(shape.iter().all(|size| *size >= 0), "a negative size in the shape {}", Indices(&shape));
        Array { shape, values: vec![0.0; shape.iter().product::<isize>() as usize] }
    }

    /// The sizes: `let [images, channels, h, w] = x.shape();`
    pub fn shape(&self) -> [isize; D] {
        self.shape
    }

    /// All numbers, in row-major order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All numbers, to be changed.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Where an index stands in the row-major order.
    #[track_caller]
    fn at(&self, index: [isize; D]) -> usize {
        let inside = index.iter().zip(self.shape).all(|(i, size)| (0..size).contains(i));
        assert!(inside, "index {} is outside of the shape {}", Indices(&index), Indices(&self.shape));
        index.iter().zip(self.shape).fold(0, |at, (i, size)| at * size + i) as usize
    }
}

impl<const D: usize> Index<[isize; D]> for Array<D> {
    type Output = f64;

    #[track_caller]
    fn index(&self, index: [isize; D]) -> &f64 {
        &self.values[self.at(index)]
    }
}

impl<const D: usize> IndexMut<[isize; D]> for Array<D> {
    #[track_caller]
    fn index_mut(&mut self, index: [isize; D]) -> &mut f64 {
        let at = self.at(index);
        &mut self.values[at]
    }
}

/// (2, 3, 4).
pub(crate) struct Indices<'a>(pub &'a [isize]);

impl fmt::Display for Indices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> = self.0.iter().map(isize::to_string).collect();
        write!(f, "({})", list.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_index_runs_fastest() {
        let x = Array::new([2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!([x[[0, 2]], x[[1, 0]], x[[1, 2]]], [2.0, 3.0, 5.0]);
    }

    #[test]
    #[should_panic(expected = "index (0, -1) is outside of the shape (2, 3)")]
    fn an_index_outside_says_so() {
        let _ = Array::zeros([2, 3])[[0, -1]];
    }
}
