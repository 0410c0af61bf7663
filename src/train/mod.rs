//! The training loop: batches from the sampler, a step of the tape, Adam; after every epoch a look at pairs of
//! held-out alphabets.

mod batch;
pub mod cross_validation;
mod monitor;
pub mod rehearsal;
mod validation;

use crate::data::Dataset;
use crate::data::sampler::Label;
use crate::data::split::Split;
use crate::evaluate::calibration::Calibration;
use crate::evaluate::metrics::best_threshold;
use crate::nn::{Adam, AdamSettings, Average, Model};
use crate::random::rng;
use crate::recipes::Recipe;
use crate::tensor::Tensor;
use crate::{Error, Result};
use batch::{Images, Sampler, Tally};
pub use monitor::Reading;
use monitor::{Monitor, layer_gradients};
use serde::Serialize;
use validation::Validation;

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
    /// Adam's step size.
    pub learning_rate: f32,
}

/// What a training run shows while it goes on.
pub trait Observer {
    /// A step is done.
    fn step(&mut self, epoch: usize, step: usize, loss: f32);
    /// An epoch is done.
    ///
    /// # Errors
    /// When it cannot be recorded; the training then ends.
    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()>;
    /// Something is wrong; said once.
    fn alarm(&mut self, sentence: &str);
}

/// A trained model.
pub struct Trained {
    /// The model of the epoch that the recipe keeps.
    pub model: Model<f32>,
    /// Pairs at most this far apart are of one alphabet; chosen on the held-out alphabets.
    pub threshold: f32,
    /// From a distance to a probability; fitted on the same pairs.
    pub calibration: Option<Calibration>,
    /// The epoch that was kept, from 1.
    pub kept: u32,
    /// One entry an epoch.
    pub history: Vec<EpochMetrics>,
}

/// Streams of chance of a run; stream 0 draws the first weights.
const BATCHES: u64 = 1;

/// Whether [`train`] can draw its batches from the alphabets of a split.
///
/// # Errors
/// When an alphabet has too few glyphs, or there are too few alphabets for a batch.
pub fn check(recipe: &Recipe, set: &Dataset, split: &Split) -> Result<()> {
    Sampler::new(recipe, set, &split.training)?;
    Validation::new(recipe, set, &split.held_out).map(|_| ())
}

/// Trains `model` by a recipe on the training alphabets of a split.
///
/// # Errors
/// When an alphabet has too few glyphs, the loss is no longer a number, or the observer fails.
pub fn train(
    recipe: &Recipe,
    mut model: Model<f32>,
    set: &Dataset,
    split: &Split,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let sampler = Sampler::new(recipe, set, &split.training)?;
    let validation = Validation::new(recipe, set, &split.held_out)?;
    let images = Images::new(recipe, set, model.architecture().input);
    let by_character = recipe.label == Label::Character;
    let settings = AdamSettings {
        weight_decay: recipe.weight_decay,
        clip_norm: recipe.clip_norm,
        ..AdamSettings::default()
    };
    let mut adam = Adam::new(&model, settings);
    let mut average = (recipe.ema > 0.0).then(|| Average::new(&model, recipe.ema));
    let mut monitor = Monitor::new(recipe)?;
    let mut rng = rng(recipe.seed, BATCHES);
    let mut history: Vec<EpochMetrics> = Vec::with_capacity(recipe.epochs);
    let mut best: Option<(EpochMetrics, Option<Calibration>, Vec<Tensor<f32>>)> = None;
    let mut last_better = 0;
    for epoch in 1..=recipe.epochs {
        let mut tally = Tally::default();
        let mut learning_rate = 0.0;
        for step in 1..=recipe.steps {
            let index = (epoch - 1) * recipe.steps + step - 1;
            learning_rate = recipe.learning_rate_at(index);
            adam.set_learning_rate(learning_rate);
            let batch = sampler.batch(&mut rng);
            let loss = batch.step(&mut model, &images, index, by_character, &mut tally)?;
            if !loss.is_finite() {
                return Err(Error::input(
                    format!("epoch {epoch}, step {step}"),
                    format!("the loss is {loss}, training has diverged; a lower learning_rate usually helps"),
                ));
            }
            adam.step(&mut model);
            if let Some(average) = &mut average {
                average.update(&model);
            }
            observer.step(epoch, step, loss);
        }
        let gradients = layer_gradients(&model);
        // The average of the weights, where there is one, is what is measured and kept; training goes on with its own.
        let own = average.as_ref().map(|average| {
            let own = model.values();
            model.set_values(average.values().to_vec());
            own
        });
        let val = validation.measure(&mut model, set, false)?;
        let metrics = EpochMetrics {
            epoch: epoch as u32,
            loss: (tally.loss / recipe.steps as f64) as f32,
            accuracy: best_threshold(&tally.distances, &tally.same)
                .map_or(f32::NAN, |best| best.balanced_accuracy as f32),
            val_loss: val.loss,
            val_accuracy: val.accuracy,
            val_auc: val.auc,
            threshold: val.threshold,
            learning_rate: learning_rate as f32,
        };
        let reading =
            monitor.read(epoch, tally.loss / recipe.steps as f64, &tally, &val.embeddings, gradients);
        observer.epoch(&metrics, &reading)?;
        if let Some(sentence) = monitor.judge(&reading) {
            observer.alarm(&sentence);
        }
        history.push(metrics);
        let better = best.as_ref().is_none_or(|(best, ..)| metrics.val_auc > best.val_auc);
        if better {
            last_better = epoch;
        }
        if !recipe.keep_best || better {
            best = Some((metrics, val.calibration, model.values()));
        }
        if let Some(own) = own {
            model.set_values(own);
        }
        if recipe.patience > 0 && epoch - last_better >= recipe.patience {
            break;
        }
    }
    let Some((kept, calibration, values)) = best else {
        return Err(Error::input("epochs", "expected at least one"));
    };
    model.set_values(values);
    let (mut threshold, mut calibration) = (kept.threshold, calibration);
    if model.architecture().views > 1 {
        // Epochs are compared by single views; what is stored with the model is chosen as it will be used.
        let val = validation.measure(&mut model, set, true)?;
        (threshold, calibration) = (val.threshold, val.calibration);
    }
    Ok(Trained { model, threshold, calibration, kept: kept.epoch, history })
}
