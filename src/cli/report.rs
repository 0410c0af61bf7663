//! `twinglyph report`: the page of a run, made again.

use super::evaluate::refuse_seen;
use super::output::{note, print};
use crate::Result;
use crate::data::omniglot::{self, LoadOptions};
use crate::data::split::Split;
use crate::evaluate::protocol::Protocol;
use crate::run::directory::RunDirectory;
use crate::run::report::{REPORT, REPORT_PAIRS, write_report};
use crate::run::trained::TrainedRun;
use std::path::PathBuf;

/// Make the report and the plots of a run again, as `train` leaves them; with --unseen, on alphabets that took no part.
///
/// report.html is one file that needs no network: curves, confusion matrices, ROC, distances, accuracy by alphabet, a
/// map of the embeddings, neighbours, the surest mistakes. Every plot is an SVG file beside it.
///
/// Example: twinglyph report runs/quickstart-1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory.
    run: PathBuf,
    /// The data that the model was trained on; that of the run unless given.
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Data of alphabets that the model has not seen.
    #[arg(long, value_name = "PATH")]
    unseen: Vec<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let directory = RunDirectory::begun(&arguments.run)?;
    let mut run = TrainedRun::load(directory.path())?;
    let set = run.dataset(&arguments.data, arguments.quiet)?;
    let split = Split::from_names(&set, &run.training_alphabets, &run.held_out_alphabets)?;
    let unseen = match &arguments.unseen[..] {
        [] => None,
        paths => Some(omniglot::load(paths, &LoadOptions { quiet: arguments.quiet })?),
    };
    if let Some(unseen) = &unseen {
        refuse_seen(&run, unseen)?;
    }
    if !directory.is_finished() && !arguments.quiet {
        note(format_args!(
            "{} is not finished: the report is of its best epoch so far",
            directory.path().display()
        ));
    }
    let protocol = Protocol {
        set: &set,
        split: &split,
        unseen: unseen.as_ref(),
        label: run.config.label,
        pairs: REPORT_PAIRS,
        glyphs: 1,
        seed: run.config.seed,
    };
    write_report(&directory, &run.config, &mut run.model, run.rule, &protocol)?;
    print(directory.path().join(REPORT).display())
}
