//! Tensors: a shape and its numbers, contiguous and row-major.

use crate::{Error, Result};
use std::fmt;
pub use twinglyph_kernels::Element;

/// The sizes of a tensor's axes; images are (N, C, H, W), features (N, F), a scalar is ().
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The sizes, outermost axis first.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The number of elements; `usize::MAX` of more than that.
    pub fn len(&self) -> usize {
        self.0.iter().fold(1, |len, &side| len.saturating_mul(side))
    }

    /// No element at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Shape {
        Shape(dims.to_vec())
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape(dims.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "({})", dims.join(", "))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Numbers in a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<E> {
    shape: Shape,
    values: Vec<E>,
}

impl<E: Element> Tensor<E> {
    /// `values` in row-major order.
    ///
    /// # Errors
    /// When their number is not the shape's.
    pub fn new(shape: impl Into<Shape>, values: Vec<E>) -> Result<Tensor<E>> {
        let shape = shape.into();
        if shape.len() != values.len() {
            return Err(Error::shape("tensor", format!("{} values do not fill {shape}", values.len())));
        }
        Ok(Tensor { shape, values })
    }

    /// All zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Tensor<E> {
        let shape = shape.into();
        Tensor { values: vec![E::ZERO; shape.len()], shape }
    }

    /// Element by element from its index.
    pub fn from_fn(shape: impl Into<Shape>, value: impl FnMut(usize) -> E) -> Tensor<E> {
        let shape = shape.into();
        Tensor { values: (0..shape.len()).map(value).collect(), shape }
    }

    /// A single number, shape ().
    pub fn scalar(value: E) -> Tensor<E> {
        Tensor { shape: Shape::default(), values: vec![value] }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The sizes of the axes.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The numbers in row-major order.
    pub fn values(&self) -> &[E] {
        &self.values
    }

    /// The numbers, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [E] {
        &mut self.values
    }

    /// The numbers, without the shape.
    pub fn into_values(self) -> Vec<E> {
        self.values
    }
}
