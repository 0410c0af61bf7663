//! What a training shows while it goes on.

use super::interrupt;
use super::output::{known, note};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use twinglyph::recipes::Recipe;
use twinglyph::run::session::Watcher;
use twinglyph::train::{EpochMetrics, Reading};

/// Keras's progress: a live bar on a terminal, a line an epoch everywhere.
pub(super) struct Progress {
    epochs: usize,
    steps: usize,
    /// The epoch's first step here, and the moment it ended: steps are timed from there on.
    first: Option<(usize, Instant)>,
    /// Of the epoch's steps here.
    loss_sum: f64,
    /// Of the epoch's pairs when it was last looked at.
    accuracy: f32,
    looked: Option<Instant>,
    talk: Talk,
    bar: ProgressBar,
}

/// How often the bar's accuracy is computed anew.
const LOOK: Duration = Duration::from_millis(500);

/// How much is said beside results and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Nothing,
    Plain,
    Much,
}

/// What the monitors read, on a line.
fn monitors(metrics: &EpochMetrics, reading: &Reading) -> String {
    let share = |name: &str, share: Option<f64>| {
        share.map_or(String::new(), |share| format!(" - {name}: {share:.3}"))
    };
    let [least, mean] = reading.spread;
    let [positive, negative] = reading.distance;
    let norms = reading.gradients.iter().map(|(_, norm)| *norm);
    let (low, high) =
        norms.fold((f64::INFINITY, 0.0), |(low, high), norm| (f64::min(low, norm), f64::max(high, norm)));
    format!(
        "val_auc: {} - threshold: {} - learning_rate: {:.2e} - loss over that of having learned nothing: {:.3} - \
         spread: {mean:.3} (least {least:.3}) - distance: {} same, {} different{}{} - \
         gradients: {low:.1e} to {high:.1e}",
        known(metrics.val_auc, 4),
        known(metrics.threshold, 4),
        metrics.learning_rate,
        reading.loss_ratio,
        known(positive, 3),
        known(negative, 3),
        share("active triplets", reading.active),
        share("saturated", reading.saturated),
    )
}

impl Progress {
    pub(super) fn new(recipe: &Recipe, talk: Talk) -> Progress {
        let live = talk != Talk::Nothing && std::io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(recipe.steps as u64), target);
        let style = ProgressStyle::with_template("{prefix} {pos}/{len} [{bar:30}] {eta} left - {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=>."));
        let (epochs, steps) = (recipe.epochs, recipe.steps);
        let (loss_sum, accuracy) = (0.0, f32::NAN);
        Progress { epochs, steps, first: None, loss_sum, accuracy, looked: None, talk, bar }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Progress {
    fn step(&mut self, epoch: usize, step: usize, loss: f32, accuracy: &dyn Fn() -> f32) {
        let epochs = self.epochs;
        let (first, since) = *self.first.get_or_insert_with(|| {
            self.bar.reset();
            self.bar.set_prefix(format!("Epoch {epoch}/{epochs}"));
            self.loss_sum = 0.0;
            (step, Instant::now())
        });
        self.loss_sum += f64::from(loss);
        self.bar.set_position(step as u64);
        let ms = since.elapsed().as_secs_f64() * 1e3 / (step - first).max(1) as f64;
        let loss = self.loss_sum / (step - first + 1) as f64;
        // All the epoch's pairs are sorted for it: now and then will do, and only where it is seen.
        if !self.bar.is_hidden() && self.looked.is_none_or(|looked| looked.elapsed() > LOOK) {
            (self.accuracy, self.looked) = (accuracy(), Some(Instant::now()));
        }
        self.bar
            .set_message(format!("{ms:.0}ms/step - loss: {loss:.4} - accuracy: {}", known(self.accuracy, 4)));
    }

    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading, seconds: f64) {
        self.first = None;
        if self.talk != Talk::Nothing {
            let (epochs, steps) = (self.epochs, self.steps);
            let line = format!(
                "Epoch {}/{epochs} - {steps}/{steps} - {seconds:.0}s {:.0}ms/step - loss: {:.4} - accuracy: {} - \
                 val_loss: {:.4} - val_accuracy: {}",
                metrics.epoch,
                seconds * 1e3 / steps as f64,
                metrics.loss,
                known(metrics.accuracy, 4),
                metrics.val_loss,
                known(metrics.val_accuracy, 4),
            );
            self.bar.suspend(|| note(line));
        }
        if self.talk == Talk::Much {
            self.bar.suspend(|| note(format_args!("  {}", monitors(metrics, reading))));
        }
    }

    fn alarm(&mut self, sentence: &str) {
        self.bar.suspend(|| note(format_args!("warning: {sentence}")));
    }

    fn stop(&mut self) -> bool {
        interrupt::asked()
    }

    fn trained(&mut self) {
        self.finish();
        interrupt::saved();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
