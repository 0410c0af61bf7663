//! One step's glyphs: their images on the tape, forward, backward, and distances of pairs for the accuracy.

use super::settings::Settings;
use crate::Result;
use crate::data::Dataset;
use crate::data::augment::Augment;
use crate::data::batches::{BatchSampler, Drawn};
use crate::data::orientation::Orientation;
use crate::data::sampler::{Pair, PairSampler, Triplet, TripletSampler};
use crate::data::writer::Writer;
use crate::evaluate::metrics::best_threshold;
use rand::Rng;
use rayon::prelude::*;
use twinglyph_engine::nn::{Form, Mode, Model, PairLoss};
use twinglyph_engine::ops::MinedTripletLoss;
use twinglyph_engine::random::rng;
use twinglyph_engine::tape::Var;

/// Where a step's glyphs come from.
pub(super) enum Sampler {
    Pairs(PairSampler, usize),
    Triplets(TripletSampler, usize),
    Labels(BatchSampler),
}

/// What a step learns from.
pub(super) enum Batch {
    Pairs(Vec<Pair>),
    Triplets(Vec<Triplet>),
    Labels(Vec<Drawn>),
}

/// What the steps of an epoch came to, added up.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) loss: f64,
    /// Distances of pairs, and whether they are of one label.
    pub(super) distances: Vec<f32>,
    pub(super) same: Vec<bool>,
    /// Triplets, and those of them whose hinge was above 0.
    pub(super) triplets: usize,
    pub(super) active: usize,
}

impl Tally {
    /// Balanced, at the best threshold of the pairs.
    pub(super) fn accuracy(&self) -> f32 {
        best_threshold(&self.distances, &self.same).map_or(f32::NAN, |best| best.balanced_accuracy as f32)
    }
}

/// How glyphs become a step's images.
pub(super) struct Images<'a> {
    set: &'a Dataset,
    writer: Writer,
    augment: Augment,
    /// Whether every drawing is written as it is.
    plain: bool,
    seed: u64,
}

/// The augmentation's streams of chance: one for each sample of each step.
const AUGMENT: u64 = 1 << 63;

impl Sampler {
    pub(super) fn new(
        settings: &Settings,
        form: Form,
        set: &Dataset,
        alphabets: &[usize],
    ) -> Result<Sampler> {
        let label = settings.label;
        Ok(match form {
            Form::Pairs => Sampler::Pairs(PairSampler::new(set, alphabets, label)?, settings.batch),
            Form::Triplets => Sampler::Triplets(TripletSampler::new(set, alphabets, label)?, settings.batch),
            Form::Labels => Sampler::Labels(BatchSampler::new(
                set,
                alphabets,
                label,
                settings.sample,
                settings.orientations,
            )?),
        })
    }

    /// The batch of the step of this number, counted through all epochs.
    pub(super) fn batch(&self, step: usize, rng: &mut impl Rng) -> Batch {
        match self {
            // Of an odd batch every other step has a same pair more; only the lowest bit of the product counts.
            Sampler::Pairs(sampler, n) => Batch::Pairs(sampler.batch((step % 2) * (n % 2), *n, rng)),
            Sampler::Triplets(sampler, n) => Batch::Triplets(sampler.batch(*n, rng)),
            Sampler::Labels(sampler) => Batch::Labels(sampler.batch(rng)),
        }
    }
}

impl<'a> Images<'a> {
    pub(super) fn new(settings: &Settings, set: &'a Dataset, input: [usize; 3]) -> Images<'a> {
        Images {
            set,
            writer: Writer::new(set.size(), input),
            augment: settings.augment,
            plain: settings.augment.is_none() && settings.orientations == 1,
            seed: settings.seed,
        }
    }

    /// The images of glyphs as a constant (N, C, H, W). `first` numbers the first of them among all of the run.
    fn put(&self, model: &mut Model<f32>, glyphs: &[(usize, Orientation)], first: u64) -> Var {
        let [c, h, w] = model.architecture().input;
        model.tape_mut().constant_with([glyphs.len(), c, h, w], |values| {
            values.par_chunks_mut(c * h * w).zip(glyphs).enumerate().for_each(
                |(i, (image, &(glyph, orientation)))| {
                    let pixels = &self.set.glyphs()[glyph].pixels;
                    if self.plain {
                        self.writer.plain(pixels, image);
                    } else {
                        let mut rng = rng(self.seed, AUGMENT | (first + i as u64));
                        self.writer.augmented(pixels, &self.augment, orientation, &mut rng, image);
                    }
                },
            );
        })
    }
}

impl Batch {
    /// Runs forward and backward, and adds what came of it to `tally`. `step` counts from 0 over all epochs. The loss; it
    /// and the gradients are left on the tape.
    pub(super) fn step(
        &self,
        model: &mut Model<f32>,
        images: &Images<'_>,
        step: usize,
        by_character: bool,
        tally: &mut Tally,
    ) -> Result<Var> {
        let loss = self.forward(model, images, step as u64, by_character, tally)?;
        model.tape_mut().backward(loss)?;
        tally.loss += f64::from(model.tape().value(loss).values()[0]);
        Ok(loss)
    }

    fn forward(
        &self,
        model: &mut Model<f32>,
        images: &Images<'_>,
        step: u64,
        by_character: bool,
        tally: &mut Tally,
    ) -> Result<Var> {
        model.forget();
        let mode = Mode::Train { seed: images.seed.wrapping_add(step << 16) };
        match self {
            Batch::Pairs(pairs) => {
                let first = step * 2 * pairs.len() as u64;
                let sides = [0, 1].map(|side| {
                    let glyphs: Vec<_> =
                        pairs.iter().map(|pair| upright([pair.left, pair.right][side])).collect();
                    images.put(model, &glyphs, first + (side * pairs.len()) as u64)
                });
                let labels = model.tape_mut().constant_with([pairs.len(), 1], |values| {
                    for (value, pair) in values.iter_mut().zip(pairs) {
                        *value = f32::from(u8::from(pair.same));
                    }
                });
                let PairLoss { loss, distance, .. } = model.pair_loss(sides, labels, mode)?;
                tally.distances.extend_from_slice(model.tape().value(distance).values());
                tally.same.extend(pairs.iter().map(|pair| pair.same));
                Ok(loss)
            }
            Batch::Triplets(triplets) => {
                let first = step * 3 * triplets.len() as u64;
                let sides = [0, 1, 2].map(|side| {
                    let glyph = |t: &Triplet| upright([t.anchor, t.positive, t.negative][side]);
                    let glyphs: Vec<_> = triplets.iter().map(glyph).collect();
                    images.put(model, &glyphs, first + (side * triplets.len()) as u64)
                });
                let (loss, embeddings) = model.triplet_loss(sides, mode)?;
                let tape = model.tape();
                let width = tape.value(embeddings[0]).dims()[1];
                let [a, p, n] = embeddings.map(|var| tape.value(var).values().chunks(width));
                let margin = model.architecture().objective.margin as f32;
                for ((a, p), n) in a.zip(p).zip(n) {
                    // A triplet counts as two pairs.
                    let (near, far) = (squared(a, p), squared(a, n));
                    tally.distances.extend([near.sqrt(), far.sqrt()]);
                    tally.same.extend([true, false]);
                    tally.active += usize::from(near - far + margin > 0.0);
                }
                tally.triplets += triplets.len();
                Ok(loss)
            }
            Batch::Labels(drawn) => {
                let glyphs: Vec<_> = drawn.iter().map(|d| (d.glyph, d.orientation)).collect();
                let var = images.put(model, &glyphs, step * drawn.len() as u64);
                let labels = labels(drawn, by_character);
                let loss = model.labels_loss(var, [&labels[0], &labels[1]], mode)?;
                let tape = model.tape();
                if let Some(mined) = loss.mined {
                    let (triplets, active) = MinedTripletLoss::active(tape.saved(mined));
                    tally.triplets += triplets;
                    tally.active += active;
                }
                // Some of the batch's pairs: neighbours, which mostly share their label, and glyphs half a batch apart.
                let squared = tape.value(loss.squared_distances).values();
                let n = drawn.len();
                for apart in [1, n / 2] {
                    for i in 0..n {
                        let j = (i + apart) % n;
                        tally.distances.push(squared[i * n + j].sqrt());
                        tally.same.push(labels[0][i] == labels[0][j]);
                    }
                }
                Ok(loss.loss)
            }
        }
    }
}

/// The labels that the recipe learns by, and the finer ones.
pub(super) fn labels(drawn: &[Drawn], by_character: bool) -> [Vec<u32>; 2] {
    let characters: Vec<u32> = drawn.iter().map(|d| d.character).collect();
    if by_character {
        return [characters.clone(), characters];
    }
    [drawn.iter().map(|d| d.alphabet).collect(), characters]
}

fn upright(glyph: usize) -> (usize, Orientation) {
    (glyph, Orientation::ALL[0])
}

fn squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
