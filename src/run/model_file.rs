//! The model as a safetensors file: an 8-byte little-endian length, a JSON header, the numbers in f32.
//!
//! Tensor names and layouts are those of a PyTorch `nn.Sequential` over the same layer list behind `encoder.`. The
//! header's metadata holds the format version, the recipe, the threshold, the calibration and the names of the
//! alphabets; no path, no time, no thread count, so that one seed gives one file, byte for byte.

use crate::evaluate::calibration::{Calibration, Rule, SetRule};
use crate::files::{self, write_atomic};
use crate::{Error, Result};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;

/// A named array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// For example `encoder.0.weight`.
    pub name: String,
    /// Sizes of the axes, outermost first.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// What travels with a model's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The recipe, as TOML, without paths.
    pub recipe: String,
    /// Pairs at most this far apart are of one alphabet.
    pub threshold: Option<f32>,
    /// From a distance to a probability; files of earlier versions have none.
    pub calibration: Option<Calibration>,
    /// The rules for sets of glyphs, by their size; files of earlier versions have none.
    pub set_rules: Vec<SetRule>,
    /// Names of the alphabets that the model was trained on.
    pub training_alphabets: Vec<String>,
    /// Names of those held out, on which the threshold was chosen.
    pub held_out_alphabets: Vec<String>,
}

/// A model's numbers and what travels with them.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// In the order of the model's layers.
    pub tensors: Vec<NamedTensor>,
    /// The rest.
    pub metadata: Metadata,
}

const FORMAT: &str = "twinglyph";
const VERSION: &str = "1";
/// The largest model file that is read, in bytes.
const LARGEST: u64 = 2 << 30;

impl ModelFile {
    /// The file's bytes; the same model gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut metadata = Map::new();
        let mut text = |key: &str, value: String| metadata.insert(key.into(), Value::String(value));
        text("format", FORMAT.into());
        text("format_version", VERSION.into());
        text("recipe", self.metadata.recipe.clone());
        if let Some(threshold) = self.metadata.threshold {
            text("threshold", threshold.to_string());
        }
        if let Some(Calibration { a, b }) = self.metadata.calibration {
            text("calibration_a", a.to_string());
            text("calibration_b", b.to_string());
        }
        if !self.metadata.set_rules.is_empty() {
            let rules: Vec<Value> = self.metadata.set_rules.iter().map(set_rule).collect();
            text("set_rules", Value::from(rules).to_string());
        }
        text("training_alphabets", json!(self.metadata.training_alphabets).to_string());
        text("held_out_alphabets", json!(self.metadata.held_out_alphabets).to_string());
        let mut header = Map::new();
        header.insert("__metadata__".into(), Value::Object(metadata));
        let mut end = 0;
        for tensor in &self.tensors {
            let start = end;
            end += tensor.values.len() * size_of::<f32>();
            let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]});
            header.insert(tensor.name.clone(), entry);
        }
        // serde_json sorts the keys; spaces align the numbers to 8 bytes.
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + header.len() + end);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        for tensor in &self.tensors {
            bytes.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_atomic(path, &self.to_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no twinglyph model of a version that this program knows.
    pub fn load(path: &Path) -> Result<ModelFile> {
        let bytes = files::read(path, "a model", LARGEST)?;
        ModelFile::from_bytes(&bytes).map_err(|message| Error::input(path.display(), message))
    }

    /// Reads a file's bytes; the error is a message without the file's name.
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn from_bytes(bytes: &[u8]) -> std::result::Result<ModelFile, String> {
        let broken =
            |error: safetensors::SafeTensorError| format!("is no readable safetensors file ({error})");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let metadata = read_metadata(header.metadata().as_ref())?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut tensors = Vec::new();
        // By their place in the file, which is the order of the layers.
        let mut names: Vec<&str> = file.names().into_iter().collect();
        names.sort_by_key(|name| (header.info(name).map(|info| info.data_offsets), name.to_string()));
        for name in names {
            let view = file.tensor(name).map_err(broken)?;
            if view.dtype() != Dtype::F32 {
                return Err(format!("tensor {name} is {:?}, expected F32", view.dtype()));
            }
            let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let values: Vec<f32> = view.data().chunks_exact(4).map(number).collect();
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(format!("tensor {name} holds {value}, expected finite numbers"));
            }
            if let Some(value) = values.iter().find(|&&value| value < 0.0 && name.ends_with("running_var")) {
                return Err(format!("tensor {name} holds {value}, expected variances of at least 0"));
            }
            tensors.push(NamedTensor { name: name.to_string(), shape: view.shape().to_vec(), values });
        }
        Ok(ModelFile { tensors, metadata })
    }
}

/// Numbers as text, as all of the metadata's: what is read is what was written, to the last bit.
fn set_rule(SetRule { glyphs, rule }: &SetRule) -> Value {
    let number = |number: Option<f64>| number.map_or(Value::Null, |number| number.to_string().into());
    let Rule { threshold, calibration } = rule;
    json!([glyphs, threshold.to_string(), number(calibration.map(|c| c.a)), number(calibration.map(|c| c.b))])
}

fn read_set_rule(value: &Value) -> Option<SetRule> {
    let [glyphs, threshold, a, b] = value.as_array()?.as_slice() else { return None };
    let number = |value: &Value| value.as_str()?.parse::<f64>().ok().filter(|number| number.is_finite());
    let calibration = match (a, b) {
        (Value::Null, Value::Null) => None,
        (a, b) => Some(Calibration { a: number(a).filter(|&a| a >= 0.0)?, b: number(b)? }),
    };
    let threshold = threshold.as_str()?.parse::<f32>().ok().filter(|number| number.is_finite())?;
    let glyphs = usize::try_from(glyphs.as_u64()?).ok().filter(|&glyphs| glyphs > 1)?;
    Some(SetRule { glyphs, rule: Rule { threshold, calibration } })
}

fn read_metadata(map: Option<&HashMap<String, String>>) -> std::result::Result<Metadata, String> {
    let text = |key: &str| map.and_then(|map| map.get(key));
    if text("format").map(String::as_str) != Some(FORMAT) {
        return Err("is a safetensors file, but no model of twinglyph".into());
    }
    match text("format_version").map(String::as_str) {
        Some(VERSION) => {}
        version => {
            let version = version.unwrap_or("none");
            return Err(format!("has format version {version}, this program knows version {VERSION}"));
        }
    }
    let threshold = match text("threshold") {
        None => None,
        Some(text) => {
            let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
            Some(number.ok_or_else(|| format!("has a threshold of {text:?}, expected a finite number"))?)
        }
    };
    let number =
        |key: &str| text(key).and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    let calibration = match (text("calibration_a"), text("calibration_b")) {
        (None, None) => None,
        _ => match (number("calibration_a"), number("calibration_b")) {
            (Some(a), Some(b)) if a >= 0.0 => Some(Calibration { a, b }),
            _ => {
                let expected = "expected finite numbers in calibration_a, not negative, and calibration_b";
                return Err(format!("has a broken calibration, {expected}"));
            }
        },
    };
    let set_rules = match text("set_rules") {
        None => Vec::new(),
        Some(text) => serde_json::from_str::<Vec<Value>>(text)
            .ok()
            .and_then(|rules| rules.iter().map(read_set_rule).collect())
            .ok_or("has broken set_rules, expected a list of [glyphs, threshold, a, b]")?,
    };
    let names = |key: &str| {
        text(key)
            .and_then(|text| serde_json::from_str::<Vec<String>>(text).ok())
            .ok_or_else(|| format!("lacks {key}, expected a list of names in its metadata"))
    };
    Ok(Metadata {
        recipe: text("recipe").cloned().ok_or("lacks its recipe in its metadata")?,
        threshold,
        calibration,
        set_rules,
        training_alphabets: names("training_alphabets")?,
        held_out_alphabets: names("held_out_alphabets")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelFile {
        let tensor = |name: &str, shape: &[usize], values: &[f32]| NamedTensor {
            name: name.into(),
            shape: shape.into(),
            values: values.into(),
        };
        ModelFile {
            tensors: vec![
                tensor("encoder.2.weight", &[2, 1], &[0.1, -7.5]),
                tensor("encoder.10.bias", &[1], &[3.0e-12]),
            ],
            metadata: Metadata {
                recipe: "loss = \"triplet\"\n".into(),
                threshold: Some(0.123_456_79),
                calibration: Some(Calibration { a: 0.1 + 0.2, b: -1.0 / 3.0 }),
                set_rules: vec![
                    SetRule { glyphs: 2, rule: Rule { threshold: 0.1, calibration: None } },
                    SetRule {
                        glyphs: 5,
                        rule: Rule {
                            threshold: 1.0 / 3.0,
                            calibration: Some(Calibration { a: 0.7, b: -0.1 }),
                        },
                    },
                ],
                training_alphabets: vec!["Greek".into(), "a \"b\"".into()],
                held_out_alphabets: vec![],
            },
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_bytes_are_always_the_same() {
        let bytes = model().to_bytes();
        assert_eq!(ModelFile::from_bytes(&bytes).unwrap(), model());
        assert_eq!(bytes, model().to_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        model().save(&path).unwrap();
        assert_eq!(ModelFile::load(&path).unwrap(), model());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_prefix_and_every_changed_byte_is_read_or_refused_without_a_panic() {
        let bytes = model().to_bytes();
        for len in 0..bytes.len() {
            assert!(ModelFile::from_bytes(&bytes[..len]).is_err(), "the first {len} bytes");
        }
        for i in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[i] ^= flip;
                let _ = ModelFile::from_bytes(&changed);
            }
        }
    }

    #[test]
    fn other_files_and_broken_numbers_are_named() {
        let mut file = model();
        file.tensors[1].values[0] = f32::NAN;
        let error = ModelFile::from_bytes(&file.to_bytes()).unwrap_err();
        assert_eq!(error, "tensor encoder.10.bias holds NaN, expected finite numbers");
        let text = String::from_utf8_lossy(&model().to_bytes()).replace("\"twinglyph\"", "\"otherglyph\"");
        assert!(ModelFile::from_bytes(text.as_bytes()).is_err());
        let mut newer = model().to_bytes();
        let at = newer.windows(22).position(|w| w == b"\"format_version\":\"1\",\"").unwrap();
        newer[at + 18] = b'2';
        let error = ModelFile::from_bytes(&newer).unwrap_err();
        assert_eq!(error, "has format version 2, this program knows version 1");
        let broken = |from: &str, to: &str| {
            let mut bytes = model().to_bytes();
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            ModelFile::from_bytes(&bytes).unwrap_err()
        };
        for (from, to) in [("0.30000000000000004", "-0.3000000000000004"), ("calibration_b", "calibration_c")]
        {
            assert!(broken(from, to).starts_with("has a broken calibration, expected finite"), "{to}");
        }
    }

    #[test]
    fn a_file_of_before_there_were_calibrations_is_read() {
        let mut old = model();
        old.metadata.calibration = None;
        let bytes = old.to_bytes();
        assert!(!bytes.windows(11).any(|w| w == b"calibration"));
        assert_eq!(ModelFile::from_bytes(&bytes).unwrap(), old);
    }
}
