//! `twinglyph train`: trains a model and shows what it learned.

use super::output::{note, print};
use super::recipe_arguments::RecipeArguments;
use crate::Result;
use crate::data::split::Split;
use crate::evaluate::calibration::Rule;
use crate::evaluate::metrics::Evaluation;
use crate::evaluate::protocol::{Protocol, evaluate_sets};
use crate::recipes::Recipe;
use crate::run::directory::RunDirectory;
use crate::run::plots;
use crate::run::trained::{initial_model, load_data, model_file};
use crate::train::{EpochMetrics, Observer, Reading, check, train};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;
use twinglyph_kernels::simd::Level;

/// Train a model; without arguments, on synthetic alphabets in under two minutes.
///
/// Example: twinglyph train --recipe report-triplet --data images_background.zip
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) recipe: RecipeArguments,
    /// An alphabet to hold out from training; chosen by the seed unless given.
    #[arg(long, value_name = "ALPHABET")]
    hold_out: Vec<String>,
    /// Start from the weights of this run or model file.
    #[arg(long, value_name = "RUN")]
    init: Option<PathBuf>,
    /// The run directory; runs/RECIPE-N unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Pairs from each set for the closing figures.
const CLOSING_PAIRS: usize = 10_000;

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut recipe = arguments.recipe.resolve()?;
    if !arguments.hold_out.is_empty() {
        recipe.hold_out = arguments.hold_out.clone();
    }
    let (name, quiet) = (arguments.recipe.name(), arguments.recipe.quiet);
    let set = load_data(&recipe, quiet)?;
    let split = Split::by_alphabet(&set, &recipe.hold_out, recipe.seed)?;
    // What cannot be trained leaves no directory behind.
    check(&recipe, &set, &split)?;
    let model = initial_model(&recipe, arguments.init.as_deref())?;
    let directory = match &arguments.out {
        Some(path) => RunDirectory::create(path)?,
        None => RunDirectory::next(Path::new("runs"), &name)?,
    };
    directory.write_config(&recipe.to_toml())?;
    if !quiet {
        let source = if recipe.data.is_empty() { "synthetic" } else { "given" };
        note(format_args!(
            "Training {} on {} glyphs of {} {source} alphabets, {} more held out; {} threads, {}; to {}",
            name,
            split.training.iter().map(|&a| set.alphabet_range(a).len()).sum::<usize>(),
            split.training.len(),
            split.held_out.len(),
            rayon::current_num_threads(),
            Level::current(),
            directory.path().display(),
        ));
    }
    let mut progress = Progress::new(&recipe, &directory, quiet);
    let mut trained = train(&recipe, model, &set, &split, &mut progress)?;
    let names = |alphabets: &[usize]| alphabets.iter().map(|&a| set.alphabets()[a].name.clone()).collect();
    let (training, held_out) = (names(&split.training), names(&split.held_out));
    let rule = Rule { threshold: trained.threshold, calibration: trained.calibration };
    model_file(&trained.model, &recipe, rule, training, held_out).save(&directory.model_path())?;
    let (seed, pairs) = (recipe.seed, CLOSING_PAIRS);
    let protocol =
        Protocol { set: &set, split: &split, unseen: None, label: recipe.label, pairs, glyphs: 1, seed };
    let evaluation = evaluate_sets(&mut trained.model, rule, &protocol)?;
    write_pictures(&directory, &trained.history, &evaluation)?;
    if !quiet && recipe.keep_best {
        note(format_args!("Kept the weights of epoch {}, the best on the held-out alphabets.", trained.kept));
    }
    print(evaluation.to_string().trim_end())?;
    print(format_args!("Model, metrics and pictures: {}", directory.path().display()))
}

fn write_pictures(directory: &RunDirectory, history: &[EpochMetrics], evaluation: &Evaluation) -> Result<()> {
    directory.write("loss.svg", plots::loss_curves(history)?.as_bytes())?;
    directory.write("accuracy.svg", plots::accuracy_curves(history)?.as_bytes())?;
    for set in &evaluation.sets {
        let picture = plots::confusion_matrix(&set.name, &set.confusion)?;
        directory.write(&format!("confusion-{}.svg", set.name), picture.as_bytes())?;
        // On the training alphabets the probability is not what a new alphabet would get.
        if set.name == "held-out" && !set.reliability.is_empty() {
            let picture = plots::reliability_diagram(&set.name, &set.reliability)?;
            directory.write("reliability-held-out.svg", picture.as_bytes())?;
        }
    }
    Ok(())
}

/// Keras's progress: a live bar on a terminal, a line an epoch everywhere.
struct Progress<'a> {
    directory: &'a RunDirectory,
    history: Vec<EpochMetrics>,
    readings: Vec<Reading>,
    epochs: usize,
    steps: usize,
    quiet: bool,
    bar: ProgressBar,
    started: Instant,
    loss_sum: f64,
}

impl<'a> Progress<'a> {
    fn new(recipe: &Recipe, directory: &'a RunDirectory, quiet: bool) -> Progress<'a> {
        let live = !quiet && std::io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(recipe.steps as u64), target);
        let style = ProgressStyle::with_template("{prefix} {pos}/{len} [{bar:30}] {eta} left - {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=>."));
        Progress {
            directory,
            history: Vec::new(),
            readings: Vec::new(),
            epochs: recipe.epochs,
            steps: recipe.steps,
            quiet,
            bar,
            started: Instant::now(),
            loss_sum: 0.0,
        }
    }
}

impl Observer for Progress<'_> {
    fn step(&mut self, epoch: usize, step: usize, loss: f32) {
        if step == 1 {
            self.bar.reset();
            self.bar.set_prefix(format!("Epoch {epoch}/{}", self.epochs));
            (self.started, self.loss_sum) = (Instant::now(), 0.0);
        }
        self.loss_sum += f64::from(loss);
        self.bar.set_position(step as u64);
        let ms = self.started.elapsed().as_secs_f64() * 1e3 / step as f64;
        self.bar.set_message(format!("{ms:.0}ms/step - loss: {:.4}", self.loss_sum / step as f64));
    }

    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()> {
        self.history.push(*metrics);
        self.readings.push(reading.clone());
        self.directory.write_metrics(&self.history)?;
        self.directory.write_monitors(&self.readings)?;
        if !self.quiet {
            // The first step is not timed: the clock starts when it ends.
            let seconds = self.started.elapsed().as_secs_f64();
            let line = format!(
                "Epoch {}/{} - {}/{} - {:.0}s {:.0}ms/step - loss: {:.4} - accuracy: {:.4} - val_loss: {:.4} - val_accuracy: {:.4}",
                metrics.epoch,
                self.epochs,
                self.steps,
                self.steps,
                seconds,
                seconds * 1e3 / self.steps as f64,
                metrics.loss,
                metrics.accuracy,
                metrics.val_loss,
                metrics.val_accuracy,
            );
            self.bar.suspend(|| note(line));
        }
        Ok(())
    }

    fn alarm(&mut self, sentence: &str) {
        self.bar.suspend(|| note(format_args!("warning: {sentence}")));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
