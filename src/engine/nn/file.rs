//! Values by name as the bytes of a safetensors file, the format that PyTorch's and others' tools read
//! (<https://github.com/huggingface/safetensors>).

use super::architecture::Architecture;
use super::model::Model;
use crate::tensor::{Element, Tensor};
use crate::{Error, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use std::collections::BTreeMap;

/// The bytes of a file that holds these tensors, in f32 or f64 as they are.
///
/// # Errors
/// When two have the same name.
pub fn to_safetensors<'a, E: Element>(
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor<E>)>,
) -> Result<Vec<u8>> {
    let mut raw = BTreeMap::new();
    for (name, tensor) in tensors {
        let numbers = tensor.values().iter().map(|value| value.to_f64());
        let (dtype, bytes) = match size_of::<E>() {
            4 => (Dtype::F32, numbers.flat_map(|x| (x as f32).to_le_bytes()).collect::<Vec<u8>>()),
            _ => (Dtype::F64, numbers.flat_map(f64::to_le_bytes).collect()),
        };
        if raw.insert(name, (dtype, tensor.dims(), bytes)).is_some() {
            return Err(Error::input(name, "is the name of two tensors, expected one"));
        }
    }
    let broken = |error: safetensors::SafeTensorError| Error::input("safetensors", error.to_string());
    let mut views = Vec::with_capacity(raw.len());
    for (name, (dtype, dims, bytes)) in &raw {
        views.push((*name, TensorView::new(*dtype, dims.to_vec(), bytes).map_err(broken)?));
    }
    serialize(views, None).map_err(broken)
}

/// The tensors of a file's bytes, by name; numbers may be F32 or F64, and are rounded to E.
///
/// # Errors
/// When these are no such bytes, or hold numbers of another kind.
pub fn from_safetensors<E: Element>(bytes: &[u8]) -> Result<BTreeMap<String, Tensor<E>>> {
    fn each<const N: usize, E: Element>(bytes: &[u8], number: fn([u8; N]) -> f64) -> Vec<E> {
        bytes.as_chunks::<N>().0.iter().map(|bytes| E::from_f64(number(*bytes))).collect()
    }
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| Error::input("safetensors", format!("are no readable bytes of a file ({error})")))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let values = match view.dtype() {
            Dtype::F32 => each(view.data(), |bytes| f64::from(f32::from_le_bytes(bytes))),
            Dtype::F64 => each(view.data(), f64::from_le_bytes),
            other => {
                return Err(Error::input(name, format!("holds numbers of {other:?}, expected F32 or F64")));
            }
        };
        tensors.insert(name, Tensor::new(view.shape(), values)?);
    }
    Ok(tensors)
}

impl<E: Element> Model<E> {
    /// All values as the bytes of a safetensors file, under their names.
    ///
    /// # Errors
    /// When two layers of one's own give parameters the same name.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let values = self.parameters().map(|(parameter, var)| (&parameter.name[..], self.tape().value(var)));
        to_safetensors(values)
    }

    /// A model with the values that [`Model::to_safetensors`] wrote. The architecture is not among them: whoever saves a model
    /// keeps it. What no parameter tells of, as an activation, is believed.
    ///
    /// # Errors
    /// When the parameters of the bytes are not those of this architecture, by name and shape; the error names the parameter.
    pub fn from_safetensors(architecture: Architecture, bytes: &[u8]) -> Result<Model<E>> {
        let mut tensors = from_safetensors(bytes)?;
        let model = Model::with_values(architecture, |parameter| {
            tensors.remove(&parameter.name).ok_or_else(|| {
                Error::input(&parameter.name, "is missing, the file is of a model with other layers")
            })
        })?;
        match tensors.keys().next() {
            Some(name) => Err(Error::input(name, "is in the file, but in none of the layers")),
            None => Ok(model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Layer;

    fn architecture(units: usize) -> Architecture {
        Architecture::encoder([1, 2, 3], vec![Layer::Flatten {}, Layer::Dense { units }])
    }

    #[test]
    fn a_model_is_read_as_it_was_written_and_another_one_is_refused_by_name() {
        let model = Model::<f32>::new(architecture(4), 1).unwrap();
        let bytes = model.to_safetensors().unwrap();
        let read = Model::<f32>::from_safetensors(architecture(4), &bytes).unwrap();
        assert_eq!(read.values(), model.values());
        assert_eq!(read.to_safetensors().unwrap(), bytes);
        // In f64 the same numbers.
        let wide = Model::<f64>::from_safetensors(architecture(4), &bytes).unwrap();
        let numbers =
            |values: Vec<Tensor<f64>>| values.into_iter().flat_map(Tensor::into_values).collect::<Vec<_>>();
        let narrow: Vec<f64> =
            model.values().into_iter().flat_map(Tensor::into_values).map(f64::from).collect();
        assert_eq!(numbers(wide.values()), narrow);
        let says = |architecture, bytes: &[u8]| match Model::<f32>::from_safetensors(architecture, bytes) {
            Ok(_) => panic!("taken"),
            Err(error) => error.to_string(),
        };
        assert_eq!(says(architecture(5), &bytes), "encoder.1.weight: has shape (4, 6), expected (5, 6)");
        let none = Architecture::encoder([1, 2, 3], vec![Layer::Flatten {}]);
        assert_eq!(says(none, &bytes), "encoder.1.bias: is in the file, but in none of the layers");
        let two = vec![Layer::Flatten {}, Layer::Dense { units: 4 }, Layer::Dense { units: 1 }];
        let said = says(Architecture::encoder([1, 2, 3], two), &bytes);
        assert_eq!(said, "encoder.2.weight: is missing, the file is of a model with other layers");
        assert!(says(architecture(4), &bytes[..9]).starts_with("safetensors: are no readable bytes"));
        let two = Tensor::<f64>::zeros([2]);
        assert!(to_safetensors([("a", &two), ("a", &two)]).is_err());
    }
}
