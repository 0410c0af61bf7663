//! The training loop: batches from the sampler, a step of the tape, Adam; after every epoch a look at pairs of
//! held-out alphabets.

mod batch;
pub mod checkpoint;
pub mod cross_validation;
pub mod gradients;
mod monitor;
#[doc(hidden)]
pub mod rehearsal;
pub mod settings;
mod training;
mod validation;

use crate::Result;
use crate::data::Dataset;
use crate::data::split::Split;
use crate::evaluate::calibration::Rule;
pub use monitor::{Reading, alarm};
use serde::Serialize;
pub use settings::{Schedule, Settings};
pub use training::Training;
use twinglyph_engine::nn::Model;

/// What an epoch came to. Accuracies are fractions, taken at the best threshold on the pairs themselves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u32,
    /// Mean of the steps' losses.
    pub loss: f32,
    /// On the epoch's own training pairs.
    pub accuracy: f32,
    /// On the fixed pairs or triplets of held-out alphabets, with running statistics.
    pub val_loss: f32,
    /// On the fixed pairs of held-out alphabets.
    pub val_accuracy: f32,
    /// Area under the ROC curve on the same pairs.
    pub val_auc: f32,
    /// The threshold that gave `val_accuracy`.
    pub threshold: f32,
    /// Adam's step size at the last step.
    pub learning_rate: f32,
}

impl EpochMetrics {
    /// How many numbers it has.
    pub const NUMBERS: usize = 8;

    /// All of them, in the order of the fields.
    fn numbers(&self) -> [f32; EpochMetrics::NUMBERS] {
        let EpochMetrics { epoch, loss, accuracy, val_loss, val_accuracy, val_auc, threshold, learning_rate } =
            *self;
        [epoch as f32, loss, accuracy, val_loss, val_accuracy, val_auc, threshold, learning_rate]
    }

    /// From all of them.
    fn from_numbers(numbers: &[f32]) -> Option<EpochMetrics> {
        let &[epoch, loss, accuracy, val_loss, val_accuracy, val_auc, threshold, learning_rate] = numbers
        else {
            return None;
        };
        let epoch = epoch as u32;
        Some(EpochMetrics {
            epoch,
            loss,
            accuracy,
            val_loss,
            val_accuracy,
            val_auc,
            threshold,
            learning_rate,
        })
    }
}

/// What a training run shows while it goes on, and what it is asked.
pub trait Observer {
    /// A step is done. `accuracy` is that of the epoch's pairs so far; it is computed when asked for.
    fn step(&mut self, epoch: usize, step: usize, loss: f32, accuracy: &dyn Fn() -> f32);
    /// An epoch is done.
    ///
    /// # Errors
    /// When it cannot be recorded; the training then ends.
    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()>;
    /// Something is wrong; said once.
    fn alarm(&mut self, sentence: &str);
    /// Whether to stop; asked after every step.
    fn stop(&mut self) -> bool {
        false
    }
    /// The moment to keep what the training has come to: after every epoch, and before a stop. `better`: the epoch that
    /// just ended is the best so far on the held-out alphabets.
    ///
    /// # Errors
    /// When it cannot be kept; the training then ends.
    fn save(&mut self, _training: &Training<'_>, _better: bool) -> Result<()> {
        Ok(())
    }
}

/// Nobody watches.
impl Observer for () {
    fn step(&mut self, _: usize, _: usize, _: f32, _: &dyn Fn() -> f32) {}

    fn epoch(&mut self, _: &EpochMetrics, _: &Reading) -> Result<()> {
        Ok(())
    }

    fn alarm(&mut self, _: &str) {}
}

/// A trained model.
pub struct Trained {
    /// The model of the epoch that the recipe keeps.
    pub model: Model<f32>,
    /// From a distance to an answer and its probability; chosen on the held-out alphabets.
    pub rule: Rule,
    /// The epoch that was kept, from 1.
    pub kept: u32,
    /// One entry an epoch.
    pub history: Vec<EpochMetrics>,
}

/// Trains `model` on the training alphabets of a split.
///
/// # Errors
/// When an alphabet has too few glyphs, the loss is no longer a number, or the observer fails.
pub fn train(
    settings: Settings,
    model: Model<f32>,
    set: &Dataset,
    split: &Split,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let mut training = Training::new(settings, model, set, split)?;
    training.run(observer)?;
    training.finish()
}
