//! `twinglyph train`: trains a model, or goes on with a training, and shows what it learned.

use super::interrupt::{self, INTERRUPTED};
use super::output::{note, print};
use super::progress::{Progress, Talk};
use super::recipe_arguments::{RecipeArguments, absolute};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use twinglyph::data::Dataset;
use twinglyph::data::split::Split;
use twinglyph::evaluate::protocol::{Protocol, choose_set_rules};
use twinglyph::recipes::{Recipe, Schedule};
use twinglyph::run::directory::{BEST, RunDirectory};
use twinglyph::run::environment::Environment;
use twinglyph::run::report::{REPORT, REPORT_PAIRS, write_report};
use twinglyph::run::trained::{initial_model, load_data, model_file};
use twinglyph::train::Training;
use twinglyph::{Error, Result};
use twinglyph_engine::nn::Summary;
use twinglyph_kernels::simd::Level;

/// Train a model; without arguments, on synthetic alphabets in under two minutes.
///
/// Ctrl-C finishes the step, saves and says how to go on; once more ends at once. A training that was stopped or killed
/// goes on with --resume, to the same model as one that never stopped.
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
    /// Go on with the training of this run directory where it stopped; with more --epochs than it has, also when it is
    /// finished.
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["recipe", "seed", "set", "hold_out", "init", "out"]
    )]
    resume: Option<PathBuf>,
    /// Also show the layers, and after every epoch what the monitors read.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    match &arguments.resume {
        Some(path) => resume(path, &arguments.recipe, arguments.talk()),
        None => begin(&arguments),
    }
}

impl Arguments {
    fn talk(&self) -> Talk {
        match (self.recipe.quiet, self.verbose) {
            (true, _) => Talk::Nothing,
            (false, false) => Talk::Plain,
            (false, true) => Talk::Much,
        }
    }
}

/// A training from its first step.
fn begin(arguments: &Arguments) -> Result<ExitCode> {
    let mut recipe = arguments.recipe.resolve()?;
    if !arguments.hold_out.is_empty() {
        recipe.hold_out = arguments.hold_out.clone();
    }
    let (name, quiet) = (arguments.recipe.name(), arguments.recipe.quiet);
    let set = load_data(&recipe, quiet)?;
    let split = Split::by_alphabet(&set, &recipe.hold_out, recipe.seed)?;
    // What cannot be trained leaves no directory behind.
    let training = Training::new(&recipe, initial_model(&recipe, arguments.init.as_deref())?, &set, &split)?;
    let directory = match &arguments.out {
        Some(path) => RunDirectory::create(path)?,
        None => RunDirectory::next(Path::new("runs"), &name)?,
    };
    let _lock = directory.lock()?;
    directory.sweep()?;
    let run = Run { directory: &directory, recipe: &recipe, set: &set, split: &split };
    let talk = arguments.talk();
    let progress = Progress::new(&run, talk);
    // The configuration is what makes a folder a run that can be resumed: it comes when the first state is there, for that
    // alone knows the weights of --init.
    progress.keep(&training)?;
    directory.write_config(&recipe.to_toml())?;
    if !quiet {
        note(format_args!(
            "Training {name} on {}; to {}",
            on(&recipe, &set, &split),
            directory.path().display()
        ));
    }
    show_layers(&recipe, talk)?;
    run.train(training, progress)
}

/// A training from where it stopped.
fn resume(path: &Path, arguments: &RecipeArguments, talk: Talk) -> Result<ExitCode> {
    let directory = RunDirectory::begun(path)?;
    let _lock = directory.lock()?;
    directory.sweep()?;
    let mut recipe = directory.config()?;
    let finished = |epochs: usize| {
        let shown = directory.path().display();
        print(format_args!("{shown} is finished; more --epochs than its {epochs} train it further"))
            .map(|()| ExitCode::SUCCESS)
    };
    let last = directory.last()?;
    let epochs = arguments.epochs.map_or(recipe.epochs, |epochs| epochs as usize);
    if epochs < recipe.epochs {
        let message = format!("--epochs {epochs}: the run has {}, expected at least as many", recipe.epochs);
        return Err(Error::usage(message));
    }
    let further = epochs > recipe.epochs;
    if directory.is_finished() && !further {
        return finished(recipe.epochs);
    }
    if directory.is_finished() && last.is_none() {
        let message = "has no last.safetensors, expected the state that a longer training goes on from";
        return Err(Error::input(directory.path().display(), message));
    }
    if further && recipe.schedule == Schedule::Cosine && last.is_some() {
        note(format_args!(
            "the step size falls over all epochs: what comes is not what {epochs} epochs at once would have come to"
        ));
    }
    recipe.epochs = epochs;
    if !arguments.data.is_empty() {
        recipe.data = absolute(&arguments.data)?;
    }
    let set = load_data(&recipe, arguments.quiet)?;
    let known = last.as_ref().map_or_else(|| directory.data_fingerprint(), |last| Ok(Some(last.data)))?;
    if known.is_some_and(|known| known != set.fingerprint()) {
        let what = recipe.data.first().map_or("synthetic".into(), |path| path.display().to_string());
        let message = "holds other glyphs than those that the run was begun with, expected the same";
        return Err(Error::input(what, message));
    }
    let split = Split::by_alphabet(&set, &recipe.hold_out, recipe.seed)?;
    let mut training = Training::new(&recipe, initial_model(&recipe, None)?, &set, &split)?;
    let run = Run { directory: &directory, recipe: &recipe, set: &set, split: &split };
    let mut progress = Progress::new(&run, talk);
    match &last {
        Some(last) => {
            let of =
                |error: Error| Error::input(directory.path().display(), format!("last.safetensors: {error}"));
            training.restore(&last.checkpoint).map_err(of)?;
            progress.restore(&training, &last.checkpoint).map_err(of)?;
        }
        None => progress.keep(&training)?,
    }
    let (epoch, step) = training.position();
    if training.is_done() && directory.is_finished() {
        print(format_args!(
            "{} is finished: after epoch {epoch} its patience of {} epochs was at its end",
            directory.path().display(),
            recipe.patience
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    // In this order: were the epochs written first, a run killed in between would seem to have finished them.
    if further {
        directory.unfinish()?;
    }
    if further || !arguments.data.is_empty() {
        directory.write_config(&recipe.to_toml())?;
    }
    // A run that was killed between the two has one epoch more here than in the state that it goes on from.
    if epoch > 0 {
        progress.write_metrics()?;
    }
    if !arguments.quiet {
        note(format_args!(
            "Going on with {} after epoch {epoch} of {epochs} and {step} steps, on {}",
            directory.path().display(),
            on(&recipe, &set, &split),
        ));
    }
    show_layers(&recipe, talk)?;
    run.train(training, progress)
}

fn show_layers(recipe: &Recipe, talk: Talk) -> Result<()> {
    if talk == Talk::Much {
        note(Summary::new(&recipe.architecture())?.to_string().trim_end());
    }
    Ok(())
}

/// What a training works on, in words.
fn on(recipe: &Recipe, set: &Dataset, split: &Split) -> String {
    format!(
        "{} glyphs of {} {} alphabets, {} more held out; {} threads, {}",
        split.training.iter().map(|&a| set.alphabet_range(a).len()).sum::<usize>(),
        split.training.len(),
        if recipe.data.is_empty() { "synthetic" } else { "given" },
        split.held_out.len(),
        rayon::current_num_threads(),
        Level::current(),
    )
}

/// What is trained, on what, and where to.
pub(super) struct Run<'a> {
    pub(super) directory: &'a RunDirectory,
    pub(super) recipe: &'a Recipe,
    pub(super) set: &'a Dataset,
    pub(super) split: &'a Split,
}

impl Run<'_> {
    /// Trains to the end, or until Ctrl-C; then measures, and writes all that a finished run has, the model last.
    fn train(&self, mut training: Training<'_>, mut progress: Progress<'_>) -> Result<ExitCode> {
        let Run { directory, recipe, set, split } = *self;
        directory.write_environment(&Environment::current(set, split))?;
        interrupt::listen()?;
        if !training.run(&mut progress)? {
            let ((epoch, step), shown) = (training.position(), directory.path().display());
            progress.finish();
            note(format_args!(
                "Stopped and saved after epoch {epoch} of {} and {step} steps; go on with: twinglyph train --resume {shown}",
                recipe.epochs
            ));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        progress.finish();
        interrupt::saved();
        let trained = training.finish()?;
        let protocol = Protocol {
            set,
            split,
            unseen: None,
            label: recipe.label,
            pairs: REPORT_PAIRS,
            glyphs: 1,
            seed: recipe.seed,
        };
        let evaluation = write_report(directory, recipe, &trained.model, trained.rule, &protocol)?;
        let (rule, seed) = (trained.rule, recipe.seed);
        let set_rules = choose_set_rules(&trained.model, set, &split.held_out, recipe.label, (rule, seed))?;
        let values = trained.model.values();
        let file = model_file(&trained.model, &values, recipe, (rule, set_rules), split.names(set));
        file.save(&directory.final_model_path())?;
        if !progress.is_quiet() && recipe.keep_best {
            note(format_args!(
                "Kept the weights of epoch {}, the best on the held-out alphabets.",
                trained.kept
            ));
        }
        print(evaluation.to_string().trim_end())?;
        print(format_args!("Model, metrics and pictures: {}", directory.path().display()))?;
        print(format_args!("Report: {}", directory.path().join(REPORT).display()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// The weights of the best epoch so far, as a model.
    pub(super) fn write_best(&self, training: &Training<'_>) -> Result<()> {
        let Some((values, rule)) = training.kept() else { return Ok(()) };
        let file =
            model_file(training.model(), values, self.recipe, (rule, Vec::new()), self.split.names(self.set));
        self.directory.write(BEST, &file.to_bytes())
    }
}
