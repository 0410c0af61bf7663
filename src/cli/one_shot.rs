//! `twinglyph one-shot`: Lake's 20-way one-shot runs.

use super::listener::Terminal;
use super::output::{check_picture, note, print, print_json};
use std::path::{Path, PathBuf};
use twinglyph::Result;
use twinglyph::data::one_shot::{self, OneShotRun};
use twinglyph::evaluate::metrics::OneShotResult;
use twinglyph::evaluate::protocol::evaluate_one_shot;
use twinglyph::run::mistakes;
use twinglyph::run::trained::TrainedRun;

/// Classify the test glyphs of Lake's one-shot runs by the nearest training glyph.
///
/// --json lists the errors: the run, and the numbers of the test glyph (item05.png), of its training glyph
/// (class08.png) and of the chosen one. --picture draws them, four a row: the test glyph, the training
/// glyph that was chosen, the one that is right.
///
/// Example: twinglyph one-shot runs/report-triplet-1 --runs all_runs.zip
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// The archive or folder of the runs (run01 to run20).
    #[arg(long, value_name = "PATH")]
    runs: PathBuf,
    /// Draw the errors: test glyph, chosen, right. With no error nothing is written.
    #[arg(long, value_name = "FILE.png")]
    picture: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    check_picture(arguments.picture.as_deref())?;
    let run = TrainedRun::load(&arguments.run)?;
    let runs = one_shot::load(&arguments.runs, &Terminal::new(false))?;
    let result = evaluate_one_shot(&run.model, &runs)?;
    if let Some(path) = &arguments.picture {
        draw(path, &runs, &result)?;
    }
    if arguments.json {
        return print_json(&result);
    }
    for (one, error) in runs.iter().zip(&result.runs) {
        print(format_args!("{:<8}{:>6.1} % error, {} trials", one.name, error * 100.0, one.test.len()))?;
    }
    print(format_args!("{:<8}{:>6.1} % error, {} trials", "mean", result.error * 100.0, result.trials))
}

fn draw(path: &Path, runs: &[OneShotRun], result: &OneShotResult) -> Result<()> {
    if result.errors.is_empty() {
        note(format_args!("no errors: {} is not written", path.display()));
        return Ok(());
    }
    mistakes::draw(runs, &result.errors)?.save(path)?;
    note(format_args!(
        "{}: {} errors, {} a row, each: the test glyph, the one chosen, the right one",
        path.display(),
        result.errors.len(),
        mistakes::A_ROW,
    ));
    Ok(())
}
