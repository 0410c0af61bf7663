//! A training's state as a safetensors file, with the data's fingerprint and a checksum in its metadata.

use crate::files::{self, write_atomic};
use crate::hash::Fnv;
use crate::train::checkpoint::{Array, Checkpoint, Values};
use crate::{Error, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use std::collections::HashMap;
use std::path::Path;

/// A checkpoint and the data that it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointFile {
    /// See [`crate::data::Dataset::fingerprint`].
    pub data: u64,
    /// The state.
    pub checkpoint: Checkpoint,
}

/// The one key of the metadata, so that the file's bytes do not depend on the order of keys.
const KEY: &str = "twinglyph_checkpoint";
const VERSION: u64 = 1;
/// The largest checkpoint that is read, in bytes: five times a model's, and what else there is.
const LARGEST: u64 = 12 << 30;

impl CheckpointFile {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes().map_err(|message| Error::input(path.display(), message))?;
        write_atomic(path, &bytes)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no checkpoint of a version that this program knows, or is damaged.
    pub fn load(path: &Path) -> Result<CheckpointFile> {
        let bytes = files::read(path, "a checkpoint", LARGEST)?;
        CheckpointFile::from_bytes(&bytes).map_err(|message| Error::input(path.display(), message))
    }

    /// The file's bytes; the same state gives the same bytes.
    fn to_bytes(&self) -> std::result::Result<Vec<u8>, String> {
        let raw = raw_arrays(&self.checkpoint);
        let checksum = checksum(self.data, raw.iter().map(|raw| (raw.name, raw.shape, &raw.bytes[..])));
        let header = format!("{VERSION} {:016x} {checksum:016x}", self.data);
        pack(&raw, Some(HashMap::from([(KEY.to_string(), header)])))
    }

    /// Reads a file's bytes; the error is a message without the file's name.
    fn from_bytes(bytes: &[u8]) -> std::result::Result<CheckpointFile, String> {
        let broken = |error| format!("is no readable safetensors file ({error})");
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let header = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
        let header = header.ok_or("is a safetensors file, but no checkpoint of twinglyph")?;
        let mut words = header.split(' ');
        let version = words.next().unwrap_or_default();
        if version != VERSION.to_string() {
            return Err(format!("has checkpoint version {version}, this program knows version {VERSION}"));
        }
        let mut number = || words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
        let (Some(data), Some(expected)) = (number(), number()) else {
            return Err("has no fingerprint and checksum in its metadata".into());
        };
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut views = file.tensors();
        views.sort_by(|a, b| a.0.cmp(&b.0));
        let found = checksum(data, views.iter().map(|(name, view)| (&name[..], view.shape(), view.data())));
        if found != expected {
            return Err("is damaged: its checksum does not fit".into());
        }
        let mut checkpoint = Checkpoint::default();
        for (name, view) in views {
            let values = numbers(&view)
                .ok_or_else(|| format!("array {name} is {:?}, expected F32, F64, U64 or U8", view.dtype()))?;
            checkpoint.arrays.insert(name, Array { shape: view.shape().to_vec(), values });
        }
        Ok(CheckpointFile { data, checkpoint })
    }
}

/// Of everything in the file, arrays by name.
fn checksum<'a>(data: u64, arrays: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>) -> u64 {
    let mut hash = Fnv::default();
    hash.bytes(&data.to_le_bytes());
    for (name, shape, bytes) in arrays {
        hash.bytes(name.as_bytes());
        shape.iter().for_each(|&side| hash.number(side));
        hash.bytes(bytes);
    }
    hash.finish()
}

/// Writes arrays alone as a safetensors file, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_arrays(path: &Path, arrays: &Checkpoint) -> Result<()> {
    let bytes = pack(&raw_arrays(arrays), None).map_err(|message| Error::input(path.display(), message))?;
    write_atomic(path, &bytes)
}

/// An array as it stands in a file.
struct Raw<'a> {
    name: &'a str,
    dtype: Dtype,
    shape: &'a [usize],
    bytes: Vec<u8>,
}

/// By name.
fn raw_arrays(checkpoint: &Checkpoint) -> Vec<Raw<'_>> {
    let all = checkpoint.arrays.iter().map(|(name, array)| {
        let (dtype, bytes) = raw(&array.values);
        Raw { name, dtype, shape: &array.shape, bytes }
    });
    all.collect()
}

fn pack(
    arrays: &[Raw<'_>],
    metadata: Option<HashMap<String, String>>,
) -> std::result::Result<Vec<u8>, String> {
    let mut views = Vec::with_capacity(arrays.len());
    for Raw { name, dtype, shape, bytes } in arrays {
        let view = TensorView::new(*dtype, shape.to_vec(), bytes).map_err(|error| error.to_string())?;
        views.push((*name, view));
    }
    serialize(views, metadata).map_err(|error| error.to_string())
}

fn raw(values: &Values) -> (Dtype, Vec<u8>) {
    match values {
        Values::F32(values) => (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::F64(values) => (Dtype::F64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::U64(values) => (Dtype::U64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::U8(values) => (Dtype::U8, values.clone()),
    }
}

fn numbers(view: &TensorView<'_>) -> Option<Values> {
    fn each<const N: usize, T>(bytes: &[u8], number: fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
    }
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => Values::F32(each(bytes, f32::from_le_bytes)),
        Dtype::F64 => Values::F64(each(bytes, f64::from_le_bytes)),
        Dtype::U64 => Values::U64(each(bytes, u64::from_le_bytes)),
        Dtype::U8 => Values::U8(bytes.to_vec()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinglyph_engine::tensor::Tensor;

    fn file() -> CheckpointFile {
        let mut checkpoint = Checkpoint::default();
        checkpoint.put_tensor("model.encoder.0.weight", &Tensor::new([2, 1], vec![0.1, f32::NAN]).unwrap());
        checkpoint.put("counts", vec![3u64, u64::MAX]);
        checkpoint.put("tally.loss", vec![0.1f64 + 0.2]);
        checkpoint.put("tally.same", vec![1u8, 0, 1]);
        checkpoint.put("history", Vec::<f32>::new());
        CheckpointFile { data: 0xfeed_0000_0000_0001, checkpoint }
    }

    #[test]
    fn what_is_written_is_read_bit_for_bit() {
        let bytes = file().to_bytes().unwrap();
        let read = CheckpointFile::from_bytes(&bytes).unwrap();
        // NaN is not equal to itself; its bytes are.
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert_eq!(read.checkpoint.list::<u64>("counts").unwrap(), [3, u64::MAX]);
        assert_eq!(read.checkpoint.list::<f64>("tally.loss").unwrap(), [0.1 + 0.2]);
        assert_eq!(read.checkpoint.numbers::<u8, 3>("tally.same").unwrap(), [1, 0, 1]);
        assert!(read.checkpoint.tensor("model.encoder.0.weight", &[2, 1]).is_ok());
        assert_eq!(read.data, file().data);
    }

    #[test]
    fn a_file_is_read_back_and_one_larger_than_any_checkpoint_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        file().save(&path).unwrap();
        assert_eq!(CheckpointFile::load(&path).unwrap().to_bytes(), file().to_bytes());
        // A hole takes no room on the disk.
        std::fs::File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        let error = CheckpointFile::load(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("12884901889 bytes, expected a checkpoint of at most 12884901888"),
            "{error}"
        );
    }

    #[test]
    fn arrays_alone_are_a_safetensors_file_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gradients.safetensors");
        write_arrays(&path, &file().checkpoint).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        assert!(metadata.metadata().is_none());
        let arrays = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(arrays.len(), file().checkpoint.arrays.len());
        let tally = arrays.tensor("tally.loss").unwrap();
        assert_eq!((tally.dtype(), tally.data()), (Dtype::F64, &(0.1f64 + 0.2).to_le_bytes()[..]));
    }

    #[test]
    fn every_prefix_and_every_changed_byte_is_refused() {
        let bytes = file().to_bytes().unwrap();
        for len in 0..bytes.len() {
            assert!(CheckpointFile::from_bytes(&bytes[..len]).is_err(), "the first {len} bytes");
        }
        let mut unseen = 0;
        for i in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[i] ^= flip;
                if let Ok(read) = CheckpointFile::from_bytes(&changed) {
                    // A space more or less in the header, a hexadecimal digit in capitals.
                    assert_eq!(read.to_bytes().unwrap(), bytes, "byte {i} with {flip:#x}");
                    unseen += 1;
                }
            }
        }
        assert!(unseen < 40, "{unseen}");
    }

    #[test]
    fn what_is_asked_for_and_not_there_is_named() {
        let checkpoint = file().checkpoint;
        let error = |result: Result<[u64; 3]>| result.unwrap_err().to_string();
        assert_eq!(error(checkpoint.numbers("counts")), "counts: holds 2 numbers, expected 3");
        assert_eq!(error(checkpoint.numbers("tally.loss")), "tally.loss: holds another kind of numbers");
        assert_eq!(error(checkpoint.numbers("none")), "none: is missing");
        let error = checkpoint.tensor("model.encoder.0.weight", &[1, 2]).unwrap_err().to_string();
        assert_eq!(error, "model.encoder.0.weight: has the shape [2, 1], expected [1, 2]");
    }
}
