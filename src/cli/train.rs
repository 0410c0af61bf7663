//! `twinglyph train`: trains a model, or goes on with a training, and shows what it learned.

use super::interrupt;
use super::listener::Terminal;
use super::output::{note, print};
use super::progress::{Progress, Talk};
use super::recipe_arguments::{RecipeArguments, absolute};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use twinglyph::data::Dataset;
use twinglyph::data::split::Split;
use twinglyph::recipes::{Recipe, Schedule};
use twinglyph::run::directory::RunDirectory;
use twinglyph::run::environment::kernels;
use twinglyph::run::report::REPORT;
use twinglyph::run::session::{Begun, Ended, GoOn, Session};
use twinglyph::run::trained::{initial_model, load_data};
use twinglyph::{Error, Result};
use twinglyph_engine::nn::Summary;

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
    let name = arguments.recipe.name();
    let set = load_data(&recipe, &Terminal::new(arguments.recipe.quiet))?;
    let split = Split::by_alphabet(&set, &recipe.hold_out, recipe.seed)?;
    let model = initial_model(&recipe, arguments.init.as_deref())?;
    let directory = || match &arguments.out {
        Some(path) => RunDirectory::create(path),
        None => RunDirectory::next(Path::new("runs"), &name),
    };
    let session = Session::begin(recipe, model, &set, &split, directory)?;
    let on = on(session.recipe(), &set, &split);
    train(session, arguments.talk(), |path| format!("Training {name} on {on}; to {path}"))
}

/// A training from where it stopped.
fn resume(path: &Path, arguments: &RecipeArguments, talk: Talk) -> Result<ExitCode> {
    let mut begun = Begun::open(path)?;
    let had = begun.recipe.epochs;
    begun.recipe.epochs = arguments.epochs.map_or(had, |epochs| epochs as usize);
    let epochs = begun.recipe.epochs;
    if epochs < had {
        return Err(Error::usage(format!("--epochs {epochs}: the run has {had}, expected at least as many")));
    }
    let shown = path.display().to_string();
    if begun.is_finished() {
        print(format_args!("{shown} is finished; more --epochs than its {had} train it further"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if begun.is_longer() && begun.recipe.schedule == Schedule::Cosine && begun.has_state() {
        note(format_args!(
            "the step size falls over all epochs: what comes is not what {epochs} epochs at once would have come to"
        ));
    }
    if !arguments.data.is_empty() {
        begun.recipe.data = absolute(&arguments.data)?;
    }
    let patience = begun.recipe.patience;
    let set = load_data(&begun.recipe, &Terminal::new(arguments.quiet))?;
    let split = Split::by_alphabet(&set, &begun.recipe.hold_out, begun.recipe.seed)?;
    let session = match begun.go_on(&set, &split)? {
        GoOn::With(session) => *session,
        GoOn::OutOfPatience(epoch) => {
            print(format_args!(
                "{shown} is finished: after epoch {epoch} its patience of {patience} epochs was at its end"
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if session.environment().on_other_kernels() {
        note(format_args!(
            "{shown} is trained on {}: its last digits are not those of a run on either alone",
            session.environment().simd
        ));
    }
    let (epoch, step) = session.position();
    let on = on(session.recipe(), &set, &split);
    train(session, talk, |path| {
        format!("Going on with {path} after epoch {epoch} of {epochs} and {step} steps, on {on}")
    })
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
        kernels(),
    )
}

/// Trains to the end, or until a signal, and shows what comes of it.
fn train(session: Session<'_>, talk: Talk, first: impl Fn(&str) -> String) -> Result<ExitCode> {
    let (recipe, path) = (session.recipe().clone(), session.path().to_path_buf());
    let shown = path.display().to_string();
    if talk != Talk::Nothing {
        note(first(&shown));
    }
    if talk == Talk::Much {
        note(Summary::new(&recipe.architecture())?.to_string().trim_end());
    }
    interrupt::listen()?;
    let mut progress = Progress::new(&recipe, talk);
    let ended = session.run(&mut progress)?;
    progress.finish();
    match ended {
        Ended::Stopped(epoch, step) => {
            note(format_args!(
                "Stopped and saved after epoch {epoch} of {} and {step} steps; go on with: twinglyph train --resume {shown}",
                recipe.epochs
            ));
            Ok(ExitCode::from(interrupt::code()))
        }
        Ended::Finished { evaluation, kept } => {
            if talk != Talk::Nothing && recipe.keep_best {
                note(format_args!("Kept the weights of epoch {kept}, the best on the held-out alphabets."));
            }
            print(evaluation.to_string().trim_end())?;
            print(format_args!("Model, metrics and pictures: {shown}"))?;
            print(format_args!("Report: {}", path.join(REPORT).display()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
