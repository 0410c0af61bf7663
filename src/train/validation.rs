//! A fixed set of pairs (and triplets) of held-out alphabets, the same after every epoch.

use crate::Result;
use crate::data::Dataset;
use crate::data::sampler::{Pair, PairSampler, Triplet, TripletSampler};
use crate::evaluate::calibration::Calibration;
use crate::evaluate::metrics::{best_threshold, roc_auc};
use crate::nn::{Loss, Model};
use crate::ops::{ContrastiveLoss, TripletLoss};
use crate::random::rng;
use crate::recipes::Recipe;
use crate::tensor::Tensor;

/// Streams of chance: the pairs and triplets are the same whatever the training draws.
const PAIRS: u64 = 2;
const TRIPLETS: u64 = 3;

pub(super) struct Validation {
    /// The glyphs that occur, each encoded once.
    glyphs: Vec<usize>,
    pairs: Vec<Pair>,
    triplets: Vec<Triplet>,
    margin: f64,
}

/// What the held-out alphabets say of a model.
pub(super) struct Measured {
    pub(super) loss: f32,
    pub(super) accuracy: f32,
    pub(super) auc: f32,
    pub(super) threshold: f32,
    pub(super) calibration: Option<Calibration>,
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
        Ok(Validation { glyphs, pairs, triplets, margin: recipe.margin })
    }

    pub(super) fn measure(&self, model: &mut Model<f32>, set: &Dataset) -> Result<Measured> {
        let embeddings = model.embed(self.glyphs.len(), |i, image| {
            set.glyphs()[self.glyphs[i]].pixels.write_channels(set.pixels(), image);
        })?;
        let row = |glyph: usize| self.glyphs.binary_search(&glyph).expect("every glyph is in the list");
        let pairs: Vec<_> = self.pairs.iter().map(|pair| (row(pair.left), row(pair.right))).collect();
        let distances = model.distances(&embeddings, &pairs)?;
        let same: Vec<bool> = self.pairs.iter().map(|pair| pair.same).collect();
        let loss = match self.triplets[..] {
            [] => contrastive_loss(model, self.margin, &distances, &same)?,
            _ => triplet_loss(
                model,
                self.margin,
                &embeddings,
                |i| {
                    let triplet = &self.triplets[i];
                    [triplet.anchor, triplet.positive, triplet.negative].map(row)
                },
                self.triplets.len(),
            )?,
        };
        let best = best_threshold(&distances, &same);
        Ok(Measured {
            loss,
            auc: roc_auc(&distances, &same).map_or(f32::NAN, |auc| auc as f32),
            accuracy: best.as_ref().map_or(f32::NAN, |best| best.accuracy as f32),
            threshold: best.map_or(f32::NAN, |best| best.threshold),
            calibration: Calibration::fit(&distances, &same),
        })
    }
}

fn contrastive_loss(model: &mut Model<f32>, margin: f64, distances: &[f32], same: &[bool]) -> Result<f32> {
    let column = [distances.len(), 1];
    let tape = model.tape_mut();
    let distance = tape.constant_with(column, |values| values.copy_from_slice(distances));
    let same = tape.constant_with(column, |values| {
        values.iter_mut().zip(same).for_each(|(value, &same)| *value = f32::from(u8::from(same)));
    });
    let loss = tape.apply(ContrastiveLoss { margin }, &[distance, same])?;
    Ok(tape.value(loss).values()[0])
}

/// The loss of `count` triplets whose rows of `embeddings` are `rows(i)`.
fn triplet_loss(
    model: &mut Model<f32>,
    margin: f64,
    embeddings: &Tensor<f32>,
    rows: impl Fn(usize) -> [usize; 3],
    count: usize,
) -> Result<f32> {
    let width = embeddings.dims()[1];
    let tape = model.tape_mut();
    let sides = [0, 1, 2].map(|side| {
        tape.constant_with([count, width], |values| {
            for (i, value) in values.chunks_mut(width).enumerate() {
                value.copy_from_slice(&embeddings.values()[rows(i)[side] * width..][..width]);
            }
        })
    });
    let loss = tape.apply(TripletLoss { margin }, &sides)?;
    Ok(tape.value(loss).values()[0])
}
