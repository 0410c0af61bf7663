//! What a training shows and keeps while it goes on.

use super::interrupt;
use super::output::note;
use super::train::Run;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use twinglyph::Result;
use twinglyph::run::checkpoint_file::CheckpointFile;
use twinglyph::run::metrics_file::metrics_csv;
use twinglyph::train::checkpoint::Checkpoint;
use twinglyph::train::{EpochMetrics, Observer, Reading, Training};

/// Keras's progress: a live bar on a terminal, a line an epoch everywhere. Files: the metrics, the checkpoints.
pub(super) struct Progress<'a> {
    run: &'a Run<'a>,
    /// The data's fingerprint.
    data: u64,
    history: Vec<EpochMetrics>,
    readings: Vec<Reading>,
    /// Of each epoch that is done.
    seconds: Vec<f64>,
    /// Of the epoch's part in processes before this one.
    before: f64,
    started: Instant,
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
        "val_auc: {:.4} - threshold: {:.4} - learning_rate: {:.2e} - loss over that of having learned nothing: {:.3} - \
         spread: {mean:.3} (least {least:.3}) - distance: {positive:.3} same, {negative:.3} different{}{} - \
         gradients: {low:.1e} to {high:.1e}",
        metrics.val_auc,
        metrics.threshold,
        metrics.learning_rate,
        reading.loss_ratio,
        share("active triplets", reading.active),
        share("saturated", reading.saturated),
    )
}

/// The checkpoint's array of the seconds of epochs, the last one's so far.
const SECONDS: &str = "seconds";

impl<'a> Progress<'a> {
    pub(super) fn new(run: &'a Run<'a>, talk: Talk) -> Progress<'a> {
        let live = talk != Talk::Nothing && std::io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(run.recipe.steps as u64), target);
        let style = ProgressStyle::with_template("{prefix} {pos}/{len} [{bar:30}] {eta} left - {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=>."));
        Progress {
            run,
            data: run.set.fingerprint(),
            history: Vec::new(),
            readings: Vec::new(),
            seconds: Vec::new(),
            before: 0.0,
            started: Instant::now(),
            first: None,
            loss_sum: 0.0,
            accuracy: f32::NAN,
            looked: None,
            talk,
            bar,
        }
    }

    /// Goes on from a training that was taken up.
    pub(super) fn restore(&mut self, training: &Training<'_>, checkpoint: &Checkpoint) -> Result<()> {
        (self.history, self.readings) = (training.history().to_vec(), training.readings().to_vec());
        self.seconds = checkpoint.list(SECONDS)?.to_vec();
        self.before = if self.seconds.len() > self.history.len() { self.seconds.pop() } else { None }
            .unwrap_or_default();
        self.seconds.resize(self.history.len(), f64::NAN);
        Ok(())
    }

    /// Writes the table of the epochs that are done, of which there is one at least.
    pub(super) fn write_metrics(&self) -> Result<()> {
        self.run.directory.write_metrics(&metrics_csv(&self.history, &self.readings, &self.seconds))
    }

    /// Writes the training's state.
    pub(super) fn keep(&self, training: &Training<'_>) -> Result<()> {
        let mut checkpoint = training.checkpoint();
        let mut seconds = self.seconds.clone();
        seconds.push(self.before + self.started.elapsed().as_secs_f64());
        checkpoint.put(SECONDS, seconds);
        self.run.directory.write_last(&CheckpointFile { data: self.data, checkpoint })
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.talk == Talk::Nothing
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress<'_> {
    fn step(&mut self, epoch: usize, step: usize, loss: f32, accuracy: &dyn Fn() -> f32) {
        let epochs = self.run.recipe.epochs;
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
        self.bar.set_message(format!("{ms:.0}ms/step - loss: {loss:.4} - accuracy: {:.4}", self.accuracy));
    }

    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()> {
        let seconds = self.before + self.started.elapsed().as_secs_f64();
        (self.before, self.started, self.first) = (0.0, Instant::now(), None);
        self.history.push(*metrics);
        self.readings.push(reading.clone());
        self.seconds.push(seconds);
        self.write_metrics()?;
        if !self.is_quiet() {
            let (epochs, steps) = (self.run.recipe.epochs, self.run.recipe.steps);
            let line = format!(
                "Epoch {}/{epochs} - {steps}/{steps} - {seconds:.0}s {:.0}ms/step - loss: {:.4} - accuracy: {:.4} - \
                 val_loss: {:.4} - val_accuracy: {:.4}",
                metrics.epoch,
                seconds * 1e3 / steps as f64,
                metrics.loss,
                metrics.accuracy,
                metrics.val_loss,
                metrics.val_accuracy,
            );
            self.bar.suspend(|| note(line));
        }
        if self.talk == Talk::Much {
            self.bar.suspend(|| note(format_args!("  {}", monitors(metrics, reading))));
        }
        Ok(())
    }

    fn alarm(&mut self, sentence: &str) {
        self.bar.suspend(|| note(format_args!("warning: {sentence}")));
    }

    fn stop(&mut self) -> bool {
        interrupt::asked()
    }

    fn save(&mut self, training: &Training<'_>, better: bool) -> Result<()> {
        if better {
            self.run.write_best(training)?;
        }
        self.keep(training)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
