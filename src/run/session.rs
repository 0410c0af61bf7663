//! A training and its run directory: what is written and in which order, so that a run which is killed at any moment goes on
//! to the same bytes as one that was left alone.
//!
//! ```text
//! last.safetensors    the state; at the first step, after every epoch, and before a stop
//! config.toml         makes a folder a run that can be gone on with: when the first state is there
//! metrics.csv         after every epoch, before the state
//! best.safetensors    the model of the best epoch so far
//! report.html, plots  when all epochs are done
//! model.safetensors   last: where it is, all the rest is
//! ```

use super::checkpoint_file::CheckpointFile;
use super::directory::{BEST, Lock, RunDirectory};
use super::environment::Environment;
use super::metrics_file::metrics_csv;
use super::report::{REPORT_PAIRS, write_report};
use super::trained::{initial_model, model_file};
use crate::data::Dataset;
use crate::data::split::Split;
use crate::evaluate::metrics::Evaluation;
use crate::evaluate::protocol::{Protocol, choose_set_rules};
use crate::hash::Fnv;
use crate::recipes::Recipe;
use crate::train::checkpoint::Checkpoint;
use crate::train::{EpochMetrics, Observer, Reading, Training};
use crate::{Error, Result};
use std::path::Path;
use std::time::Instant;
use twinglyph_engine::nn::{Layer, Loss, Model};

/// What a session shows while it goes on, and what it is asked.
pub trait Watcher {
    /// A step is done. `accuracy` is that of the epoch's pairs so far; it is computed when asked for.
    fn step(&mut self, _epoch: usize, _step: usize, _loss: f32, _accuracy: &dyn Fn() -> f32) {}
    /// An epoch is done and recorded; it took so many seconds, in however many processes.
    fn epoch(&mut self, _metrics: &EpochMetrics, _reading: &Reading, _seconds: f64) {}
    /// Something is wrong; said once.
    fn alarm(&mut self, _sentence: &str) {}
    /// Whether to stop; asked after every step.
    fn stop(&mut self) -> bool {
        false
    }
    /// All epochs are done and saved; the report comes.
    fn trained(&mut self) {}
}

/// Nobody watches.
impl Watcher for () {}

/// How a session ended.
pub enum Ended {
    /// The watcher wanted to stop: so many epochs are done, and steps of the next one. All is saved.
    Stopped(usize, usize),
    /// The run is finished.
    Finished {
        /// The model as it was measured, by the recipe's protocol.
        evaluation: Evaluation,
        /// The epoch whose weights were kept, from 1.
        kept: u32,
    },
}

/// A training in a run directory that no other process trains in.
pub struct Session<'a> {
    directory: RunDirectory,
    _lock: Lock,
    recipe: Recipe,
    set: &'a Dataset,
    split: &'a Split,
    training: Training<'a>,
    record: Record,
    environment: Environment,
}

/// What was found in a run directory: a run to go on with.
pub struct Begun {
    directory: RunDirectory,
    lock: Lock,
    last: Option<CheckpointFile>,
    /// Its configuration, in which the epochs and where the data is may be changed.
    pub recipe: Recipe,
    written: Recipe,
}

/// The record of the epochs that are done.
struct Record {
    /// The data's fingerprint.
    data: u64,
    history: Vec<EpochMetrics>,
    readings: Vec<Reading>,
    /// Of each epoch that is done.
    seconds: Vec<f64>,
    /// Of the epoch's part in processes before this one.
    before: f64,
    started: Instant,
}

/// The checkpoint's array of the seconds of epochs, the last one's so far.
const SECONDS: &str = "seconds";

impl<'a> Session<'a> {
    /// A training of `model` from its first step. `directory` is asked for when it is sure that there is something to train.
    ///
    /// # Errors
    /// As [`Training::new`]; when a layer or the loss is one's own; when the directory cannot be made or written, or another process trains in it.
    pub fn begin(
        recipe: Recipe,
        model: Model<f32>,
        set: &'a Dataset,
        split: &'a Split,
        directory: impl FnOnce() -> Result<RunDirectory>,
    ) -> Result<Session<'a>> {
        let own = recipe.encoder.iter().find(|layer| matches!(layer, Layer::Custom(_)));
        if own.is_some() || matches!(recipe.loss, Loss::Custom(_)) {
            let what = own.map_or("loss", Layer::name);
            let message = "is one's own, which no configuration can hold, expected a built-in one: train it without a directory";
            return Err(Error::input(what, message));
        }
        let mut environment = Environment::current(set, split);
        if model.values() != Model::<f32>::new(recipe.architecture(), recipe.seed)?.values() {
            environment.init = format!("{:016x}", hash_of(&model));
        }
        let training = Training::new(recipe.settings(), model, set, split)?;
        let directory = directory()?;
        let _lock = directory.lock()?;
        directory.sweep()?;
        let record = Record::new(set);
        let session = Session { directory, _lock, recipe, set, split, training, record, environment };
        // The first state comes before the configuration, for it alone knows the weights that the training begins with.
        session.keep()?;
        session.directory.write_config(&session.recipe.to_toml())?;
        Ok(session)
    }

    /// The run's directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What is trained.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What it is made with and on.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Epochs that are done, and steps of the next one.
    pub fn position(&self) -> (usize, usize) {
        self.training.position()
    }

    /// Trains to the end, or until the watcher wants to stop; then measures, and writes all that a finished run has.
    ///
    /// # Errors
    /// As [`Training::run`]; when something cannot be written.
    pub fn run(self, watcher: &mut dyn Watcher) -> Result<Ended> {
        let Session { directory, _lock, recipe, set, split, mut training, record, environment } = self;
        directory.write_environment(&environment)?;
        let (directory, recipe) = (&directory, &recipe);
        let mut keeper = Keeper { directory, recipe, set, split, record, watcher };
        if !training.run(&mut keeper)? {
            let (epochs, steps) = training.position();
            return Ok(Ended::Stopped(epochs, steps));
        }
        keeper.watcher.trained();
        let trained = training.finish()?;
        let (label, rule, seed) = (recipe.label, trained.rule, recipe.seed);
        let protocol = Protocol { set, split, unseen: None, label, pairs: REPORT_PAIRS, glyphs: 1, seed };
        let evaluation = write_report(directory, recipe, &trained.model, rule, &protocol)?;
        let set_rules = choose_set_rules(&trained.model, set, &split.held_out, label, (rule, seed))?;
        let values = trained.model.values();
        let file = model_file(&trained.model, &values, recipe, (rule, set_rules), split.names(set));
        file.save(&directory.final_model_path())?;
        Ok(Ended::Finished { evaluation, kept: trained.kept })
    }

    fn keep(&self) -> Result<()> {
        self.record.keep(&self.directory, &self.training)
    }
}

impl Begun {
    /// Takes up the run in a directory.
    ///
    /// # Errors
    /// When there is none, another process trains in it, or its files are damaged.
    pub fn open(path: &Path) -> Result<Begun> {
        let directory = RunDirectory::begun(path)?;
        let lock = directory.lock()?;
        directory.sweep()?;
        let (recipe, last) = (directory.config()?, directory.last()?);
        Ok(Begun { directory, lock, last, written: recipe.clone(), recipe })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Whether all is done that the configuration wants: there is a model, and no more epochs were asked for.
    pub fn is_finished(&self) -> bool {
        self.directory.is_finished() && !self.is_longer()
    }

    /// Whether more epochs are wanted than the run was begun with, or than it had when it was finished.
    pub fn is_longer(&self) -> bool {
        self.recipe.epochs > self.written.epochs
    }

    /// Whether a step was taken.
    pub fn has_state(&self) -> bool {
        self.last.is_some()
    }

    /// The session that goes on with it, on its data.
    ///
    /// # Errors
    /// When the data is not what the run was begun with, fewer epochs are wanted than it has, or a file cannot be read or
    /// written.
    pub fn go_on<'a>(self, set: &'a Dataset, split: &'a Split) -> Result<GoOn<'a>> {
        let is_longer = self.is_longer();
        let Begun { directory, lock: _lock, last, recipe, written } = self;
        let shown = directory.path().display().to_string();
        if recipe.epochs < written.epochs {
            let message =
                format!("{} are wanted, expected at least the run's {}", recipe.epochs, written.epochs);
            return Err(Error::input("epochs", message));
        }
        if directory.is_finished() && last.is_none() {
            let message = "has no last.safetensors, expected the state that a longer training goes on from";
            return Err(Error::input(shown, message));
        }
        let known = last.as_ref().map_or_else(|| directory.data_fingerprint(), |last| Ok(Some(last.data)))?;
        if known.is_some_and(|known| known != set.fingerprint()) {
            let what = recipe.data.first().map_or("synthetic".into(), |path| path.display().to_string());
            let message = "holds other glyphs than those that the run was begun with, expected the same";
            return Err(Error::input(what, message));
        }
        let training = Training::new(recipe.settings(), initial_model(&recipe, None)?, set, split)?;
        let record = Record::new(set);
        let mut environment = Environment::current(set, split);
        if let Some(before) = directory.environment()? {
            environment = environment.after(before);
        }
        if is_longer && last.is_some() {
            environment.longer.push(written.epochs);
        }
        let mut session = Session { directory, _lock, recipe, set, split, training, record, environment };
        match &last {
            Some(last) => {
                let of = |error: Error| Error::input(&shown, format!("last.safetensors: {error}"));
                session.training.restore(&last.checkpoint).map_err(of)?;
                session.record.restore(&session.training, &last.checkpoint).map_err(of)?;
            }
            None => session.keep()?,
        }
        let directory = &session.directory;
        let (epochs, _) = session.position();
        if session.training.is_done() && directory.is_finished() {
            return Ok(GoOn::OutOfPatience(epochs));
        }
        // In this order: were the epochs written first, a run killed in between would seem to have finished them.
        if is_longer {
            directory.unfinish()?;
        }
        if session.recipe != written {
            directory.write_config(&session.recipe.to_toml())?;
        }
        // A run that was killed between the two has one epoch more here than in the state that it goes on from.
        if epochs > 0 {
            session.record.write_metrics(directory)?;
        }
        Ok(GoOn::With(Box::new(session)))
    }
}

/// What comes of [`Begun::go_on`].
pub enum GoOn<'a> {
    /// A session.
    With(Box<Session<'a>>),
    /// The run is finished: after so many epochs its patience was at its end.
    OutOfPatience(usize),
}

/// Of all values, parameter by parameter.
fn hash_of(model: &Model<f32>) -> u64 {
    let mut hash = Fnv::default();
    for value in model.values() {
        value.values().iter().for_each(|number| hash.bytes(&number.to_le_bytes()));
    }
    hash.finish()
}

impl Record {
    fn new(set: &Dataset) -> Record {
        Record {
            data: set.fingerprint(),
            history: Vec::new(),
            readings: Vec::new(),
            seconds: Vec::new(),
            before: 0.0,
            started: Instant::now(),
        }
    }

    /// Goes on from a training that was taken up.
    fn restore(&mut self, training: &Training<'_>, checkpoint: &Checkpoint) -> Result<()> {
        (self.history, self.readings) = (training.history().to_vec(), training.readings().to_vec());
        self.seconds = checkpoint.list(SECONDS)?.to_vec();
        let begun = self.seconds.len() > self.history.len();
        self.before = if begun { self.seconds.pop() } else { None }.unwrap_or_default();
        self.seconds.resize(self.history.len(), f64::NAN);
        Ok(())
    }

    /// Adds an epoch; the seconds that it took.
    fn add(&mut self, metrics: &EpochMetrics, reading: &Reading) -> f64 {
        let seconds = self.before + self.started.elapsed().as_secs_f64();
        (self.before, self.started) = (0.0, Instant::now());
        self.history.push(*metrics);
        self.readings.push(reading.clone());
        self.seconds.push(seconds);
        seconds
    }

    /// Writes the table of the epochs that are done, of which there is one at least.
    fn write_metrics(&self, directory: &RunDirectory) -> Result<()> {
        directory.write_metrics(&metrics_csv(&self.history, &self.readings, &self.seconds))
    }

    /// Writes the training's state.
    fn keep(&self, directory: &RunDirectory, training: &Training<'_>) -> Result<()> {
        let mut checkpoint = training.checkpoint();
        let mut seconds = self.seconds.clone();
        seconds.push(self.before + self.started.elapsed().as_secs_f64());
        checkpoint.put(SECONDS, seconds);
        directory.write_last(&CheckpointFile { data: self.data, checkpoint })
    }
}

/// Writes what a training comes to, and lets its watcher know.
struct Keeper<'a, 'w> {
    directory: &'a RunDirectory,
    recipe: &'a Recipe,
    set: &'a Dataset,
    split: &'a Split,
    record: Record,
    watcher: &'w mut dyn Watcher,
}

impl Observer for Keeper<'_, '_> {
    fn step(&mut self, epoch: usize, step: usize, loss: f32, accuracy: &dyn Fn() -> f32) {
        self.watcher.step(epoch, step, loss, accuracy);
    }

    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()> {
        let seconds = self.record.add(metrics, reading);
        self.record.write_metrics(self.directory)?;
        self.watcher.epoch(metrics, reading, seconds);
        Ok(())
    }

    fn alarm(&mut self, sentence: &str) {
        self.watcher.alarm(sentence);
    }

    fn stop(&mut self) -> bool {
        self.watcher.stop()
    }

    fn save(&mut self, training: &Training<'_>, better: bool) -> Result<()> {
        if let (true, Some((values, rule))) = (better, training.kept()) {
            let names = self.split.names(self.set);
            let file = model_file(training.model(), values, self.recipe, (rule, Vec::new()), names);
            self.directory.write(BEST, &file.to_bytes())?;
        }
        self.record.keep(self.directory, training)
    }
}
