//! What the training loop goes by, whatever it was read from.

use crate::data::augment::Augment;
use crate::data::batches::Shares;
use crate::data::sampler::Label;
use serde::{Deserialize, Serialize};

/// How a model is trained. What is trained, and by which loss, is the model's own:
/// [`twinglyph_engine::nn::Architecture`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What two glyphs must share to be a positive pair.
    pub label: Label,
    /// Pairs or triplets a step; batches of labels have `sample` instead.
    pub batch: usize,
    /// What a batch of labels is made of.
    pub sample: Shares,
    /// Steps an epoch.
    pub steps: usize,
    /// Epochs.
    pub epochs: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Steps in which the step size rises from 0.
    pub warmup: usize,
    /// How the step size goes on.
    pub schedule: Schedule,
    /// See [`twinglyph_engine::nn::AdamSettings::weight_decay`].
    pub weight_decay: f64,
    /// See [`twinglyph_engine::nn::AdamSettings::clip_norm`].
    pub clip_norm: f64,
    /// Decay of the exponential average of the weights, which then is what is measured and kept. 0: no average.
    pub ema: f64,
    /// Of each alphabet count as one of their own: 1 itself only, 4 also turned by quarter-turns, 8 also mirrored.
    pub orientations: usize,
    /// How each drawing is changed before it is learned from.
    pub augment: Augment,
    /// Seed of the batches, of augmentation and of the validation pairs.
    pub seed: u64,
    /// Pairs of held-out alphabets on which every epoch is validated and the threshold is chosen.
    pub validation_pairs: usize,
    /// Keep the weights of the epoch with the highest ROC AUC on the held-out alphabets, not those of the last.
    pub keep_best: bool,
    /// Stop after so many epochs without a higher ROC AUC on the held-out alphabets. 0: never.
    pub patience: usize,
}

/// How the step size goes on after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Half a period of a cosine, from its full size to 0 (Loshchilov and Hutter 2017).
    Cosine,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            label: Label::Alphabet,
            batch: 32,
            sample: Shares::default(),
            steps: 200,
            epochs: 20,
            learning_rate: 1e-3,
            warmup: 0,
            schedule: Schedule::Constant,
            weight_decay: 0.0,
            clip_norm: 0.0,
            ema: 0.0,
            orientations: 1,
            augment: Augment::default(),
            seed: 1,
            validation_pairs: 2000,
            keep_best: true,
            patience: 0,
        }
    }
}

impl Settings {
    /// The step size of a step, counted from 0 over all epochs.
    pub fn learning_rate_at(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.learning_rate * (step + 1) as f64 / self.warmup as f64;
        }
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let rest = (self.epochs * self.steps).saturating_sub(self.warmup).max(1);
                let done = ((step - self.warmup) as f64 / rest as f64).min(1.0);
                self.learning_rate * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
            }
        }
    }
}
