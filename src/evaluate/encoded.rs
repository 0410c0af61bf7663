//! Glyphs of a dataset encoded once, however many pairs and sets they are drawn into.

use super::embed::embed;
use crate::Result;
use crate::data::Dataset;
use twinglyph_engine::nn::Model;
use twinglyph_engine::tensor::Tensor;

/// The embeddings of some of a dataset's glyphs.
pub(super) struct Encoded {
    /// Which glyphs, ascending.
    glyphs: Vec<usize>,
    /// (glyphs, F), a row each.
    embeddings: Tensor<f32>,
}

impl Encoded {
    /// Encodes each of `glyphs`, indices into [`Dataset::glyphs`], once.
    ///
    /// # Errors
    /// When the glyphs are not of the model's size.
    pub(super) fn new(
        model: &Model<f32>,
        set: &Dataset,
        glyphs: impl IntoIterator<Item = usize>,
    ) -> Result<Encoded> {
        let mut wanted = vec![false; set.glyphs().len()];
        glyphs.into_iter().for_each(|glyph| wanted[glyph] = true);
        let glyphs: Vec<usize> = (0..wanted.len()).filter(|&glyph| wanted[glyph]).collect();
        let embeddings = embed(model, set.size(), glyphs.len(), |i| &set.glyphs()[glyphs[i]].pixels)?;
        Ok(Encoded { glyphs, embeddings })
    }

    /// F.
    pub(super) fn width(&self) -> usize {
        self.embeddings.dims()[1]
    }

    /// The embedding of a glyph.
    pub(super) fn embedding(&self, glyph: usize) -> &[f32] {
        &self.embeddings.values()[self.row(glyph) * self.width()..][..self.width()]
    }

    /// The model's distances of pairs of glyphs.
    ///
    /// # Errors
    /// When the embeddings are not this model's.
    pub(super) fn distances(
        &self,
        model: &Model<f32>,
        pairs: impl Iterator<Item = (usize, usize)>,
    ) -> Result<Vec<f32>> {
        let rows: Vec<_> = pairs.map(|(left, right)| (self.row(left), self.row(right))).collect();
        model.distances(&self.embeddings, &rows)
    }

    fn row(&self, glyph: usize) -> usize {
        self.glyphs.binary_search(&glyph).expect("the glyph is among those that were encoded")
    }
}
