//! Fixed pairs, triplets or batches of held-out alphabets, the same after every epoch.

use super::batch::labels;
use super::settings::Settings;
use crate::Result;
use crate::data::Dataset;
use crate::data::batches::{BatchSampler, Drawn, Shares};
use crate::data::sampler::{Label, Pair, PairSampler, Triplet, TripletSampler};
use crate::evaluate::calibration::Calibration;
use crate::evaluate::embed::{embed, embed_plain};
use crate::evaluate::metrics::{best_threshold, roc_auc};
use twinglyph_engine::nn::{Form, Model};
use twinglyph_engine::random::rng;
use twinglyph_engine::tape::{Tape, Var};
use twinglyph_engine::tensor::Tensor;

/// Streams of chance: what is drawn here is the same whatever the training draws.
const PAIRS: u64 = 2;
const TRIPLETS: u64 = 3;
const BATCHES: u64 = 4;

pub(super) struct Validation {
    /// The glyphs that occur, each encoded once.
    glyphs: Vec<usize>,
    pairs: Vec<Pair>,
    triplets: Vec<Triplet>,
    batches: Vec<Vec<Drawn>>,
    label: Label,
}

/// What the held-out alphabets say of a model.
pub(super) struct Measured {
    pub(super) loss: f32,
    pub(super) accuracy: f32,
    pub(super) auc: f32,
    pub(super) threshold: f32,
    /// Of all the glyphs.
    pub(super) embeddings: Tensor<f32>,
    pub(super) calibration: Option<Calibration>,
}

impl Validation {
    pub(super) fn new(
        settings: &Settings,
        form: Form,
        set: &Dataset,
        held_out: &[usize],
    ) -> Result<Validation> {
        let label = settings.label;
        let count = settings.validation_pairs;
        let pairs = PairSampler::new(set, held_out, label)?.batch(0, count, &mut rng(settings.seed, PAIRS));
        let (mut triplets, mut batches) = (Vec::new(), Vec::new());
        match form {
            Form::Pairs => {}
            Form::Triplets => {
                let sampler = TripletSampler::new(set, held_out, label)?;
                triplets = sampler.batch(count / 2, &mut rng(settings.seed, TRIPLETS));
            }
            Form::Labels => {
                let alphabets = settings.sample.alphabets.min(held_out.len());
                let shares = Shares { alphabets, ..settings.sample };
                let sampler = BatchSampler::new(set, held_out, label, shares, 1)?;
                let mut rng = rng(settings.seed, BATCHES);
                batches = (0..(count / shares.glyphs()).max(1)).map(|_| sampler.batch(&mut rng)).collect();
            }
        }
        let mut glyphs: Vec<usize> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
        glyphs.extend(triplets.iter().flat_map(|t| [t.anchor, t.positive, t.negative]));
        glyphs.extend(batches.iter().flatten().map(|drawn| drawn.glyph));
        glyphs.sort_unstable();
        glyphs.dedup();
        Ok(Validation { glyphs, pairs, triplets, batches, label })
    }

    /// Measures the glyphs as they are, or `with_views`, as the model will be used: several times the work.
    pub(super) fn measure(&self, model: &Model<f32>, set: &Dataset, with_views: bool) -> Result<Measured> {
        let (count, glyph) = (self.glyphs.len(), |i: usize| &set.glyphs()[self.glyphs[i]].pixels);
        let embeddings = if with_views {
            embed(model, set.size(), count, glyph)?
        } else {
            embed_plain(model, set.size(), count, glyph)?
        };
        let pairs: Vec<_> =
            self.pairs.iter().map(|pair| (self.row(pair.left), self.row(pair.right))).collect();
        let distances = model.distances(&embeddings, &pairs)?;
        let same: Vec<bool> = self.pairs.iter().map(|pair| pair.same).collect();
        let best = best_threshold(&distances, &same);
        Ok(Measured {
            loss: self.loss(model, &embeddings, &distances, &same)?,
            auc: roc_auc(&distances, &same).map_or(f32::NAN, |auc| auc as f32),
            accuracy: best.as_ref().map_or(f32::NAN, |best| best.accuracy as f32),
            threshold: best.map_or(f32::NAN, |best| best.threshold),
            calibration: Calibration::fit(&distances, &same),
            embeddings,
        })
    }

    fn row(&self, glyph: usize) -> usize {
        self.glyphs.binary_search(&glyph).expect("every glyph is in the list")
    }

    /// The loss of the model's form; of batches, their mean.
    fn loss(
        &self,
        model: &Model<f32>,
        embeddings: &Tensor<f32>,
        distances: &[f32],
        same: &[bool],
    ) -> Result<f32> {
        let objective = &model.architecture().objective;
        let width = embeddings.dims()[1];
        let rows = |tape: &mut Tape<f32>, glyphs: &mut dyn ExactSizeIterator<Item = usize>| -> Var {
            tape.constant_with([glyphs.len(), width], |values| {
                for (value, glyph) in values.chunks_mut(width).zip(glyphs) {
                    value.copy_from_slice(&embeddings.values()[self.row(glyph) * width..][..width]);
                }
            })
        };
        let tape = &mut Tape::new();
        let loss = match objective.form() {
            Form::Pairs => {
                let column = [distances.len(), 1];
                let distance = tape.constant_with(column, |values| values.copy_from_slice(distances));
                let same = tape.constant_with(column, |values| {
                    values.iter_mut().zip(same).for_each(|(value, &same)| *value = f32::from(u8::from(same)));
                });
                objective.of_pairs(tape, distance, same)?
            }
            Form::Triplets => {
                let sides = [0, 1, 2].map(|side| {
                    let glyph = |t: &Triplet| [t.anchor, t.positive, t.negative][side];
                    rows(tape, &mut self.triplets.iter().map(glyph))
                });
                objective.of_triplets(tape, sides)?
            }
            Form::Labels => {
                let mut sum = 0.0;
                for drawn in &self.batches {
                    tape.truncate(0);
                    let rows = rows(tape, &mut drawn.iter().map(|drawn| drawn.glyph));
                    let labels = labels(drawn, self.label == Label::Character);
                    let loss = objective.of_labels(tape, rows, [&labels[0], &labels[1]], 0)?.loss;
                    sum += tape.value(loss).values()[0];
                }
                return Ok(sum / self.batches.len() as f32);
            }
        };
        Ok(tape.value(loss).values()[0])
    }
}
