//! A fixed set of pairs (and triplets) of held-out alphabets, the same after every epoch.

use crate::Result;
use crate::data::Dataset;
use crate::data::sampler::{Pair, PairSampler, Triplet, TripletSampler};
use crate::evaluate::metrics::best_threshold;
use crate::nn::{Loss, Model};
use crate::random::rng;
use crate::recipes::Recipe;

/// Streams of chance: the pairs and triplets are the same whatever the training draws.
const PAIRS: u64 = 2;
const TRIPLETS: u64 = 3;

pub(super) struct Validation {
    /// The glyphs that occur, each encoded once.
    glyphs: Vec<usize>,
    pairs: Vec<Pair>,
    triplets: Vec<Triplet>,
    margin: f32,
}

/// What the held-out alphabets say of a model.
pub(super) struct Measured {
    pub(super) loss: f32,
    pub(super) accuracy: f32,
    pub(super) threshold: f32,
}

impl Validation {
    pub(super) fn new(recipe: &Recipe, set: &Dataset, held_out: &[usize]) -> Result<Validation> {
        let pairs =
            PairSampler::new(set, held_out)?.batch(recipe.validation_pairs, &mut rng(recipe.seed, PAIRS));
        let triplets = match recipe.loss {
            Loss::Contrastive => Vec::new(),
            Loss::Triplet => TripletSampler::new(set, held_out)?
                .batch(recipe.validation_pairs / 2, &mut rng(recipe.seed, TRIPLETS)),
        };
        let mut glyphs: Vec<usize> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
        glyphs.extend(triplets.iter().flat_map(|t| [t.anchor, t.positive, t.negative]));
        glyphs.sort_unstable();
        glyphs.dedup();
        Ok(Validation { glyphs, pairs, triplets, margin: recipe.margin as f32 })
    }

    pub(super) fn measure(&self, model: &mut Model<f32>, set: &Dataset) -> Result<Measured> {
        let embeddings = model.embed(self.glyphs.len(), |i, image| {
            set.glyphs()[self.glyphs[i]].pixels.write_channels(set.pixels(), image);
        })?;
        let row = |glyph: usize| self.glyphs.binary_search(&glyph).expect("every glyph is in the list");
        let pairs: Vec<_> = self.pairs.iter().map(|pair| (row(pair.left), row(pair.right))).collect();
        let distances = model.distances(&embeddings, &pairs)?;
        let same: Vec<bool> = self.pairs.iter().map(|pair| pair.same).collect();
        let width = embeddings.dims()[1];
        let squared = |a: usize, b: usize| -> f32 {
            let side = |glyph| &embeddings.values()[row(glyph) * width..][..width];
            side(a).iter().zip(side(b)).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let loss = if self.triplets.is_empty() {
            let term =
                |(d, same): (&f32, &bool)| if *same { d * d } else { (self.margin - d).max(0.0).powi(2) };
            mean(distances.iter().zip(&same).map(term))
        } else {
            mean(self.triplets.iter().map(|t| {
                (squared(t.anchor, t.positive) - squared(t.anchor, t.negative) + self.margin).max(0.0)
            }))
        };
        let best = best_threshold(&distances, &same);
        Ok(Measured {
            loss,
            accuracy: best.as_ref().map_or(f32::NAN, |best| best.accuracy as f32),
            threshold: best.map_or(f32::NAN, |best| best.threshold),
        })
    }
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f64;
    (values.map(f64::from).sum::<f64>() / count) as f32
}
