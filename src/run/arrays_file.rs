//! Arrays in a safetensors file of anybody's.

use crate::train::gradients::Arrays;
use crate::{Error, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 30;

/// Reads a safetensors file of any metadata; numbers may be F64, F32, I64, I32, U8 or BOOL.
///
/// # Errors
/// When it cannot be read, is none, or holds numbers of another kind.
pub fn load_arrays(path: &Path) -> Result<Arrays> {
    let file = path.display().to_string();
    let bytes = crate::files::read(path, "a safetensors file", LARGEST)?;
    let read = SafeTensors::deserialize(&bytes)
        .map_err(|error| Error::input(&file, format!("is no readable safetensors file ({error})")))?;
    let mut arrays = BTreeMap::new();
    for (name, view) in read.tensors() {
        let Some(values) = numbers(&view) else {
            let message =
                format!("array {name} is {:?}, expected F64, F32, I64, I32, U8 or BOOL", view.dtype());
            return Err(Error::input(file, message));
        };
        arrays.insert(name, (view.shape().to_vec(), values));
    }
    Ok(Arrays { source: file, arrays })
}

fn numbers(view: &TensorView<'_>) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], number: fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
    }
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::F32 => each(bytes, |bytes| f64::from(f32::from_le_bytes(bytes))),
        // Whole numbers here are labels and counts, far below 2^53.
        Dtype::I64 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        Dtype::I32 => each(bytes, |bytes| f64::from(i32::from_le_bytes(bytes))),
        Dtype::U8 | Dtype::BOOL => each(bytes, |[byte]: [u8; 1]| f64::from(byte)),
        _ => return None,
    })
}
