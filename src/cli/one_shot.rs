//! `twinglyph one-shot`: Lake's 20-way one-shot runs.

use super::output::{print, print_json};
use crate::Result;
use crate::data::omniglot::LoadOptions;
use crate::data::one_shot;
use crate::evaluate::protocol::evaluate_one_shot;
use crate::run::trained::TrainedRun;
use std::path::PathBuf;

/// Classify the test glyphs of Lake's one-shot runs by the nearest training glyph.
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
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut run = TrainedRun::load(&arguments.run)?;
    let runs = one_shot::load(&arguments.runs, &LoadOptions::default())?;
    let result = evaluate_one_shot(&mut run.model, &runs)?;
    if arguments.json {
        return print_json(&result);
    }
    for (one, error) in runs.iter().zip(&result.runs) {
        print(format_args!("{:<8}{:>6.1} % error, {} trials", one.name, error * 100.0, one.test.len()))?;
    }
    print(format_args!("{:<8}{:>6.1} % error, {} trials", "mean", result.error * 100.0, result.trials))
}
