//! Arrays in NumPy's format: an archive of `NAME.npy` files, each a short header and the numbers
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, version 1.0).

use crate::files::write_atomic;
use crate::{Error, Result};
use rawzip::ZipArchiveWriter;
use std::io::Write;
use std::path::Path;

/// An array under its name.
pub struct NpzArray<'a> {
    /// For example `embeddings`.
    pub name: &'a str,
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: NpzValues<'a>,
}

/// What NumPy calls float32, uint32 and str.
pub enum NpzValues<'a> {
    /// `<f4`.
    F32(&'a [f32]),
    /// `<u4`.
    U32(&'a [u32]),
    /// `<U` and the length of the longest.
    Text(&'a [String]),
}

/// The magic bytes, the version, and the length of what follows: a header is filled up to a multiple of 64.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
const ALIGN: usize = 64;

/// Writes the arrays, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write_npz(path: &Path, arrays: &[NpzArray<'_>]) -> Result<()> {
    write_atomic(path, &archive(arrays).map_err(|e| Error::input(path.display(), e.to_string()))?)
}

/// Entries are stored: NumPy reads them at the disk's pace, and embeddings hardly shrink.
fn archive(arrays: &[NpzArray<'_>]) -> std::result::Result<Vec<u8>, rawzip::Error> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for array in arrays {
        let (mut entry, config) = zip.new_file(&*format!("{}.npy", array.name)).start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(&npy(array))?;
        let (_, sizes) = writer.finish()?;
        entry.finish(sizes)?;
    }
    zip.finish()
}

fn npy(array: &NpzArray<'_>) -> Vec<u8> {
    let (kind, data) = match array.values {
        NpzValues::F32(values) => {
            ("<f4".into(), values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
        }
        NpzValues::U32(values) => ("<u4".into(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        NpzValues::Text(values) => {
            let longest = values.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
            let mut bytes = Vec::with_capacity(values.len() * longest * 4);
            for text in values {
                let end = bytes.len() + longest * 4;
                bytes.extend(text.chars().flat_map(|c| u32::from(c).to_le_bytes()));
                bytes.resize(end, 0);
            }
            (format!("<U{longest}"), bytes)
        }
    };
    let shape: String = array.shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let before = MAGIC.len() + 2;
    let len = (before + header.len() + 1).next_multiple_of(ALIGN) - before - 1;
    header.extend(std::iter::repeat_n(' ', len - header.len()));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_as_numpy_writes_it() {
        let text = ["ab".to_string(), "é".into()];
        let bytes = npy(&NpzArray { name: "a", shape: vec![2], values: NpzValues::Text(&text) });
        let header = "{'descr': '<U2', 'fortran_order': False, 'shape': (2, ), }";
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let len = usize::from(bytes[8]) + 256 * usize::from(bytes[9]);
        assert_eq!((10 + len) % 64, 0);
        assert!(bytes[10..].starts_with(header.as_bytes()));
        assert_eq!(bytes[10 + len - 1], b'\n');
        assert_eq!(&bytes[10 + len..], [97, 0, 0, 0, 98, 0, 0, 0, 233, 0, 0, 0, 0, 0, 0, 0]);
        let numbers = NpzArray { name: "b", shape: vec![1, 2], values: NpzValues::F32(&[1.0, -2.0]) };
        let bytes = npy(&numbers);
        assert!(bytes.ends_with(&[0, 0, 128, 63, 0, 0, 0, 192]) && bytes.len() == 128 + 8, "{}", bytes.len());
    }
}
