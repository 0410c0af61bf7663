//! Embeddings of glyphs, averaged over views of each where the model wants that.
//!
//! A view is the glyph slightly turned, sheared, scaled and shifted, always by the same amounts. With several views an
//! embedding is
//!
//! ```text
//! e = mean over views of f(view), then brought back to length 1 if f's are of length 1
//! ```

use crate::Result;
use crate::data::Pixels;
use crate::data::augment::Augment;
use crate::data::orientation::Orientation;
use crate::data::writer::Writer;
use crate::nn::Model;
use crate::random::rng;
use crate::tensor::Tensor;

/// What a view may differ by from the glyph; view 0 is the glyph itself.
const VIEWS: Augment =
    Augment { rotate: 8.0, scale: 0.1, shear: 0.1, shift: 0.04, thickness: 0.0, erase: 0.0, elastic: 0.0 };
/// The views' generator: the same views for every model.
const SEED: u64 = 0x76_6965_7773;

/// Embeddings (count, F) of glyphs of (height, width) = `size`.
///
/// # Errors
/// When the layers do not fit together.
pub fn embed<'a>(
    model: &mut Model<f32>,
    size: (usize, usize),
    count: usize,
    glyph: impl Fn(usize) -> &'a Pixels + Sync,
) -> Result<Tensor<f32>> {
    let writer = Writer::new(size, model.architecture().input);
    let views = model.architecture().views;
    let embeddings = model.embed(count * views, |i, image| match i % views {
        0 => writer.plain(glyph(i / views), image),
        view => {
            let (pixels, mut rng) = (glyph(i / views), rng(SEED, view as u64));
            writer.augmented(pixels, &VIEWS, Orientation::ALL[0], &mut rng, image);
        }
    })?;
    if views == 1 {
        return Ok(embeddings);
    }
    mean_rows(&embeddings, views, model.architecture().normalises())
}

/// The mean of every `of` rows that follow each other, brought to length 1 if `normalise`.
///
/// # Errors
/// When the rows do not come in groups of `of`.
pub fn mean_rows(embeddings: &Tensor<f32>, of: usize, normalise: bool) -> Result<Tensor<f32>> {
    let width = embeddings.dims()[1];
    let mut means = Vec::with_capacity(embeddings.values().len() / of);
    for rows in embeddings.values().chunks(of * width) {
        let mut mean: Vec<f32> =
            (0..width).map(|f| rows.iter().skip(f).step_by(width).sum::<f32>() / of as f32).collect();
        if normalise {
            let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
            mean.iter_mut().for_each(|x| *x /= length);
        }
        means.extend(mean);
    }
    Tensor::new([embeddings.dims()[0] / of, width], means)
}
