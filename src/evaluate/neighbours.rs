//! The glyphs nearest to one.

use super::embed::embed;
use crate::Result;
use crate::data::{Dataset, Pixels};
use serde::Serialize;
use twinglyph_engine::nn::Model;
use twinglyph_engine::tensor::Tensor;

/// A glyph near another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The model's distance.
    pub distance: f32,
    /// The alphabet's name.
    pub alphabet: String,
    /// The character's name in it.
    pub character: String,
    /// From 1.
    pub drawer: u32,
    /// From the alphabet's folder on.
    pub path: String,
    /// Index into [`Dataset::glyphs`].
    #[serde(skip)]
    pub glyph: usize,
}

/// Glyphs that are encoded between two looks at the progress.
const CHUNK: usize = 512;

/// The embeddings (N, F) of all glyphs of a set; `done` is told how many there are so far.
///
/// # Errors
/// When the glyphs are not of the model's size.
pub fn embed_all(model: &Model<f32>, set: &Dataset, mut done: impl FnMut(usize)) -> Result<Tensor<f32>> {
    let count = set.glyphs().len();
    let mut values = Vec::new();
    for start in (0..count).step_by(CHUNK) {
        let n = CHUNK.min(count - start);
        let part = embed(model, set.size(), n, |i| &set.glyphs()[start + i].pixels)?;
        values.extend_from_slice(part.values());
        done(start + n);
    }
    let width = values.len() / count.max(1);
    Tensor::new([count, width], values)
}

/// The `k` glyphs of a set that are nearest to `glyph`, the nearest first; of equally near ones those that stand earlier.
///
/// # Errors
/// When the glyphs are not of the model's size.
pub fn nearest(
    model: &Model<f32>,
    set: &Dataset,
    glyph: &Pixels,
    k: usize,
    done: impl FnMut(usize),
) -> Result<Vec<Neighbour>> {
    let all = embed_all(model, set, done)?;
    let one = embed(model, set.size(), 1, |_| glyph)?;
    let [count, width] = [all.dims()[0], all.dims()[1]];
    let mut values = all.into_values();
    values.extend_from_slice(one.values());
    let embeddings = Tensor::new([count + 1, width], values)?;
    let pairs: Vec<(usize, usize)> = (0..count).map(|i| (i, count)).collect();
    let distances = model.distances(&embeddings, &pairs)?;
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    let neighbour = |&glyph: &usize| {
        let found = &set.glyphs()[glyph];
        let alphabet = &set.alphabets()[found.alphabet as usize];
        Neighbour {
            distance: distances[glyph],
            alphabet: alphabet.name.clone(),
            character: alphabet.characters[found.character as usize].clone(),
            drawer: found.drawer,
            path: set.path(glyph),
            glyph,
        }
    };
    Ok(order.iter().take(k).map(neighbour).collect())
}
