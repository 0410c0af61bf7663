//! Embeddings in an archive that NumPy opens.

use super::npz::{NpzArray, NpzValues, write_npz};
use crate::Result;
use crate::data::Dataset;
use std::path::Path;
use twinglyph_engine::tensor::Tensor;

/// Writes the embeddings (N, F) of all glyphs of a set as `embeddings`, and of each its `alphabet`, `character`, `path` (text)
/// and `drawer` (int32).
///
/// # Errors
/// When the file cannot be written.
pub fn write_embeddings(path: &Path, set: &Dataset, embeddings: &Tensor<f32>) -> Result<()> {
    let glyphs = set.glyphs();
    let n = vec![glyphs.len()];
    let alphabets: Vec<String> =
        glyphs.iter().map(|g| set.alphabets()[g.alphabet as usize].name.clone()).collect();
    let characters: Vec<String> = (glyphs.iter())
        .map(|g| set.alphabets()[g.alphabet as usize].characters[g.character as usize].clone())
        .collect();
    let drawers: Vec<u32> = glyphs.iter().map(|g| g.drawer).collect();
    let paths: Vec<String> = (0..glyphs.len()).map(|glyph| set.path(glyph)).collect();
    let array = |name, values| NpzArray { name, shape: n.clone(), values };
    let arrays = [
        NpzArray {
            name: "embeddings",
            shape: embeddings.dims().to_vec(),
            values: NpzValues::F32(embeddings.values()),
        },
        array("alphabet", NpzValues::Text(&alphabets)),
        array("character", NpzValues::Text(&characters)),
        array("drawer", NpzValues::U32(&drawers)),
        array("path", NpzValues::Text(&paths)),
    ];
    write_npz(path, &arrays)
}
