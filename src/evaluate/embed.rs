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
use twinglyph_engine::nn::Model;
use twinglyph_engine::random::rng;
use twinglyph_engine::tensor::Tensor;

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
    model: &Model<f32>,
    size: (usize, usize),
    count: usize,
    glyph: impl Fn(usize) -> &'a Pixels + Sync,
) -> Result<Tensor<f32>> {
    let writer = Writer::new(size, model.architecture().input);
    let views = model.architecture().views;
    if views == 1 {
        return embed_plain(model, size, count, glyph);
    }
    let embeddings = model.embed(count * views, |i, image| match i % views {
        0 => writer.plain(glyph(i / views), image),
        view => {
            let (pixels, mut rng) = (glyph(i / views), rng(SEED, view as u64));
            writer.augmented(pixels, &VIEWS, Orientation::ALL[0], &mut rng, image);
        }
    })?;
    let (width, normalise) = (embeddings.dims()[1], model.architecture().normalises());
    let views = embeddings.values().chunks(views * width);
    let means = views.flat_map(|rows| mean(rows.chunks(width), width, normalise)).collect();
    Tensor::new([count, width], means)
}

/// The same of the glyphs as they are, whatever views the model wants.
///
/// # Errors
/// When the layers do not fit together.
pub fn embed_plain<'a>(
    model: &Model<f32>,
    size: (usize, usize),
    count: usize,
    glyph: impl Fn(usize) -> &'a Pixels + Sync,
) -> Result<Tensor<f32>> {
    let writer = Writer::new(size, model.architecture().input);
    model.embed(count, |i, image| writer.plain(glyph(i), image))
}

/// The mean of embeddings, summed in f64; of length 1 where `normalise`.
pub fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize, normalise: bool) -> Vec<f32> {
    let mut sums = vec![0.0f64; width];
    let mut count = 0;
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        count += 1;
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    // Opposite embeddings have no direction in common; their mean stays 0.
    let divisor = if normalise && length > 0.0 { length } else { f64::from(count.max(1)) };
    sums.iter().map(|sum| (sum / divisor) as f32).collect()
}
