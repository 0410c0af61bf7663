//! Signs of a training that goes wrong, read at the end of every epoch, and the sentence that says so.
//!
//! The loss is held against what a model scores that has learned nothing and gives every pair the same distance:
//!
//! ```text
//! contrastive   margin^2 / 4          balanced pairs, all at the best distance, margin / 2
//! triplet       margin                every distance is equal
//! of batches    the loss of a batch whose glyphs all lie in one point; so is that of a loss of one's own
//! ```

use super::batch::Tally;
use super::settings::Settings;
use crate::Result;
use crate::data::sampler::Label;
use twinglyph_engine::nn::{Architecture, Form, Layer, Loss, Model, Objective, Parameter};
use twinglyph_engine::tape::Tape;
use twinglyph_engine::tensor::Tensor;

/// What an epoch's end shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// From 1.
    pub epoch: u32,
    /// The loss over that of a model which has learned nothing.
    pub loss_ratio: f64,
    /// The least and the mean standard deviation of the embedding's dimensions, over held-out glyphs.
    pub spread: [f64; 2],
    /// Root mean square length of the embeddings of held-out glyphs.
    pub length: f64,
    /// Share of the embedding's numbers within 0.01 of an end of the tanh's or sigmoid's range, where one made them.
    pub saturated: Option<f64>,
    /// Mean distance of the epoch's positive and of its negative pairs.
    pub distance: [f64; 2],
    /// Standard deviation of the distances of all the epoch's pairs.
    pub distance_spread: f64,
    /// Share of the epoch's triplets that were active, with a triplet loss.
    pub active: Option<f64>,
    /// Of each layer that has parameters, its name and the norm of its gradient at the epoch's last step.
    pub gradients: Vec<(String, f64)>,
}

impl Reading {
    /// How many numbers it has beside the gradients of its layers.
    pub(super) const NUMBERS: usize = 10;

    /// All of them, a missing one as NaN.
    pub(super) fn numbers(&self) -> Vec<f64> {
        let [least, mean] = self.spread;
        let [positive, negative] = self.distance;
        let [saturated, active] = [self.saturated, self.active].map(|share| share.unwrap_or(f64::NAN));
        let mut all = vec![f64::from(self.epoch), self.loss_ratio, least, mean, self.length, saturated];
        all.extend([positive, negative, self.distance_spread, active]);
        all.extend(self.gradients.iter().map(|(_, norm)| norm));
        all
    }

    /// From all of them.
    pub(super) fn from_numbers(numbers: &[f64], layers: &[String]) -> Option<Reading> {
        let (numbers, norms) = numbers.split_at_checked(Reading::NUMBERS)?;
        let &[epoch, loss_ratio, least, mean, length, saturated, positive, negative, distance_spread, active] =
            numbers
        else {
            return None;
        };
        let share = |share: f64| (!share.is_nan()).then_some(share);
        (norms.len() == layers.len()).then(|| Reading {
            epoch: epoch as u32,
            loss_ratio,
            spread: [least, mean],
            length,
            saturated: share(saturated),
            distance: [positive, negative],
            distance_spread,
            active: share(active),
            gradients: layers.iter().cloned().zip(norms.iter().copied()).collect(),
        })
    }
}

/// What was wrong in a run, from the readings of its epochs: the sentence of its alarm, if it gave one.
///
/// # Errors
/// When the recipe's loss cannot be computed.
pub fn alarm(
    architecture: &Architecture,
    settings: &Settings,
    readings: &[Reading],
) -> Result<Option<String>> {
    let mut monitor = Monitor::new(architecture, settings)?;
    Ok(readings.iter().find_map(|reading| monitor.judge(reading)))
}

/// Watches the epochs of a run.
pub(super) struct Monitor {
    baseline: f64,
    /// What the encoder's last activation comes close to where it is saturated.
    ends: Option<[f32; 2]>,
    has_head: bool,
    has_mining: bool,
    first: Option<f64>,
    alarmed: bool,
}

impl Monitor {
    pub(super) fn new(architecture: &Architecture, settings: &Settings) -> Result<Monitor> {
        let Architecture { encoder, head, objective, .. } = architecture;
        let ends = match encoder.last() {
            Some(Layer::Tanh {}) => Some([-1.0, 1.0]),
            Some(Layer::Sigmoid {}) => Some([0.0, 1.0]),
            _ => None,
        };
        Ok(Monitor {
            baseline: baseline(objective, settings)?,
            ends,
            has_head: *head,
            has_mining: objective.mining.is_some(),
            first: None,
            alarmed: false,
        })
    }

    /// What it remembers: the first epoch's loss ratio (NaN before it), and whether it has given its alarm.
    pub(super) fn state(&self) -> [f64; 2] {
        [self.first.unwrap_or(f64::NAN), f64::from(u8::from(self.alarmed))]
    }

    /// Remembers it again.
    pub(super) fn restore(&mut self, [first, alarmed]: [f64; 2]) {
        (self.first, self.alarmed) = ((!first.is_nan()).then_some(first), alarmed != 0.0);
    }

    /// Reads an epoch.
    pub(super) fn read(
        &self,
        epoch: usize,
        loss: f64,
        tally: &Tally,
        embeddings: &Tensor<f32>,
        gradients: Vec<(String, f64)>,
    ) -> Reading {
        let mean_of = |same: bool| {
            let pairs = tally.distances.iter().zip(&tally.same).filter(|(_, s)| **s == same);
            mean(pairs.map(|(d, _)| f64::from(*d)))
        };
        let all = tally.distances.iter().map(|d| f64::from(*d));
        let spread = columns_spread(embeddings);
        let (rows, values) = (embeddings.dims()[0] as f64, embeddings.values());
        let near = |ends: [f32; 2]| {
            let near = |x: &&f32| ends.iter().any(|end| (**x - end).abs() < 0.01);
            values.iter().filter(near).count() as f64 / values.len() as f64
        };
        Reading {
            epoch: epoch as u32,
            loss_ratio: loss / self.baseline,
            spread: [spread.iter().copied().fold(f64::INFINITY, f64::min), mean(spread.iter().copied())],
            length: (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / rows).sqrt(),
            saturated: self.ends.map(near),
            distance: [mean_of(true), mean_of(false)],
            distance_spread: deviation(all),
            active: (tally.triplets > 0).then(|| tally.active as f64 / tally.triplets as f64),
            gradients,
        }
    }

    /// What is wrong, the first time that something is, from the second epoch on.
    pub(super) fn judge(&mut self, reading: &Reading) -> Option<String> {
        let first = *self.first.get_or_insert(reading.loss_ratio);
        if self.alarmed || reading.epoch < 2 {
            return None;
        }
        let sentence = self.sentence(reading, first)?;
        self.alarmed = true;
        Some(format!("epoch {}: {sentence}", reading.epoch))
    }

    fn sentence(&self, r: &Reading, first: f64) -> Option<String> {
        let learned_nothing = r.loss_ratio > 0.98;
        if r.loss_ratio > 100.0 || (r.loss_ratio > 1.5 && r.loss_ratio > 1.2 * first) {
            return Some(format!(
                "the training diverges: the loss is {:.1} times what a model scores that has learned nothing, after {first:.1} \
                 times in the first epoch; a lower learning_rate, a warmup or a clip_norm usually helps",
                r.loss_ratio
            ));
        }
        // sqrt(F) times the mean deviation is about the distance of an embedding from their middle.
        let share = r.spread[1] / r.length.max(1e-30);
        if r.length < 1e-6 || share < 1e-3 || (learned_nothing && r.distance[1] < 1e-2 * r.length.max(1.0)) {
            return Some(format!(
                "the embeddings have collapsed: all glyphs lie within {:.1e} of one point (length {:.1e}), the loss is \
                 {:.2} of what a model scores that has learned nothing; a lower learning_rate, another seed or a \
                 batch_norm before the last dense layer usually helps{}",
                r.spread[1],
                r.length,
                r.loss_ratio,
                if self.has_mining { ", and mining = \"semi_hard\" in place of \"batch_hard\"" } else { "" }
            ));
        }
        if r.saturated.is_some_and(|share| share > 0.9) {
            return Some(format!(
                "the embeddings are saturated: {:.0} % of their numbers lie within 0.01 of the range's ends, where the last activation \
                 passes no gradient; a lower learning_rate or a batch_norm before it usually helps",
                100.0 * r.saturated.unwrap_or(0.0)
            ));
        }
        if self.has_head && r.distance_spread < 1e-3 {
            return Some(format!(
                "the head is saturated: it answers {:.4} for every pair; a lower learning_rate or another seed usually \
                 helps",
                r.distance[0]
            ));
        }
        let dead = r.gradients.iter().all(|(_, norm)| *norm < 1e-7);
        if dead && learned_nothing {
            return Some(
                "no gradient reaches any layer, although nothing has been learned; a lower learning_rate or another \
                 seed usually helps"
                    .into(),
            );
        }
        None
    }
}

/// The loss of a model that has learned nothing.
fn baseline(objective: &Objective, settings: &Settings) -> Result<f64> {
    let shares = settings.sample;
    let mut tape = Tape::<f64>::new();
    let mut points = |rows| tape.constant(Tensor::zeros([rows, 1]));
    Ok(match (objective.form(), &objective.loss) {
        (Form::Pairs, Loss::Custom(_)) => {
            let (distance, same) = (points(2), Tensor::new([2, 1], vec![0.0, 1.0])?);
            let same = tape.constant(same);
            let loss = objective.of_pairs(&mut tape, distance, same)?;
            tape.value(loss).values()[0]
        }
        (Form::Triplets, Loss::Custom(_)) => {
            let points = [points(1), points(1), points(1)];
            let loss = objective.of_triplets(&mut tape, points)?;
            tape.value(loss).values()[0]
        }
        (Form::Pairs, _) => objective.margin * objective.margin / 4.0,
        (Form::Triplets, _) => objective.margin,
        (Form::Labels, _) => {
            let glyphs = shares.glyphs();
            let each = [shares.characters * shares.drawings, shares.drawings];
            let labels = each.map(|each| (0..glyphs as u32).map(|i| i / each as u32).collect::<Vec<u32>>());
            let points = points(glyphs);
            let coarse = usize::from(settings.label == Label::Character);
            let loss = objective.of_labels(&mut tape, points, [&labels[coarse], &labels[1]], 0)?.loss;
            tape.value(loss).values()[0]
        }
    })
}

/// The norm of the gradient of each layer that has parameters, from the last backward pass.
pub(super) fn layer_gradients(model: &Model<f32>) -> Vec<(String, f64)> {
    let mut layers: Vec<(String, f64)> = Vec::new();
    for (parameter, norm) in model.gradient_norms() {
        let layer = layer_of(parameter);
        match layers.last_mut() {
            Some((name, sum)) if name == layer => *sum = sum.hypot(norm),
            _ => layers.push((layer.into(), norm)),
        }
    }
    layers
}

/// The names of the layers that have gradients.
pub(super) fn trained_layers(model: &Model<f32>) -> Vec<String> {
    let trained = model.parameters().filter(|(parameter, _)| parameter.source.is_trainable());
    let mut layers: Vec<String> = trained.map(|(parameter, _)| layer_of(parameter).into()).collect();
    layers.dedup();
    layers
}

/// `encoder.0` of `encoder.0.weight`.
fn layer_of(parameter: &Parameter) -> &str {
    parameter.name.rsplit_once('.').map_or(&parameter.name, |(layer, _)| layer)
}

/// The standard deviation of each column.
fn columns_spread(embeddings: &Tensor<f32>) -> Vec<f64> {
    let width = embeddings.dims()[1];
    let column = |f: usize| embeddings.values().iter().skip(f).step_by(width).map(|&x| f64::from(x));
    (0..width).map(|f| deviation(column(f))).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), x| (sum + x, count + 1));
    sum / count as f64
}

fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let middle = mean(values.clone());
    mean(values.map(|x| (x - middle) * (x - middle))).sqrt()
}
