//! What a training that was stopped needs to go on to the same last bit: named arrays of numbers.

use crate::{Error, Result};
use std::collections::BTreeMap;
use twinglyph_engine::tensor::Tensor;

/// The state of a training between two steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// By name.
    pub arrays: BTreeMap<String, Array>,
}

/// Numbers in the order of their axes, the last one fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// As many as the sizes' product.
    pub values: Values,
}

/// Numbers of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Weights and what stands beside them.
    F32(Vec<f32>),
    /// Sums and figures.
    F64(Vec<f64>),
    /// Counts.
    U64(Vec<u64>),
    /// Answers: 0 or 1.
    U8(Vec<u8>),
}

/// A kind of numbers that an array can be made of.
pub trait Kind: Sized {
    /// Packs.
    fn pack(values: Vec<Self>) -> Values;
    /// Unpacks; `None` where they are of another kind.
    fn unpack(values: &Values) -> Option<&[Self]>;
}

macro_rules! kinds {
    ($($kind:ident $number:ty),*) => {$(
        impl Kind for $number {
            fn pack(values: Vec<$number>) -> Values {
                Values::$kind(values)
            }

            fn unpack(values: &Values) -> Option<&[$number]> {
                match values {
                    Values::$kind(values) => Some(values),
                    _ => None,
                }
            }
        }
    )*};
}

kinds!(F32 f32, F64 f64, U64 u64, U8 u8);

impl Checkpoint {
    /// Adds a list.
    pub fn put<K: Kind>(&mut self, name: impl Into<String>, values: Vec<K>) {
        let shape = vec![values.len()];
        self.arrays.insert(name.into(), Array { shape, values: K::pack(values) });
    }

    /// Adds a tensor.
    pub fn put_tensor(&mut self, name: impl Into<String>, tensor: &Tensor<f32>) {
        let array = Array { shape: tensor.dims().to_vec(), values: Values::F32(tensor.values().to_vec()) };
        self.arrays.insert(name.into(), array);
    }

    /// A list, of any length.
    ///
    /// # Errors
    /// When there is none of that name and kind.
    pub fn list<K: Kind>(&self, name: &str) -> Result<&[K]> {
        let array = self.arrays.get(name).ok_or_else(|| Error::input(name, "is missing"))?;
        K::unpack(&array.values).ok_or_else(|| Error::input(name, "holds another kind of numbers"))
    }

    /// A list of `N` numbers.
    ///
    /// # Errors
    /// When there is none of that name, kind and length.
    pub fn numbers<K: Kind + Copy, const N: usize>(&self, name: &str) -> Result<[K; N]> {
        let list = self.list(name)?;
        list.try_into().map_err(|_| Error::input(name, format!("holds {} numbers, expected {N}", list.len())))
    }

    /// A tensor of these sizes.
    ///
    /// # Errors
    /// When there is none of that name and shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor<f32>> {
        let values: &[f32] = self.list(name)?;
        let found = &self.arrays[name].shape;
        if found != shape {
            return Err(Error::input(name, format!("has the shape {found:?}, expected {shape:?}")));
        }
        Tensor::new(shape, values.to_vec())
    }
}
