//! `twinglyph report`: the page of a run, made again.

use super::data_of_run::{DataOfRun, Measured};
use super::output::{note, print};
use twinglyph::Result;
use twinglyph::evaluate::protocol::Protocol;
use twinglyph::run::directory::RunDirectory;
use twinglyph::run::report::{REPORT, REPORT_PAIRS, write_report};
use twinglyph::run::trained::TrainedRun;

/// Make the report and the plots of a run again, as `train` leaves them; with --unseen, on alphabets that took no part.
///
/// report.html is one file that needs no network: curves, confusion matrices, ROC, distances, accuracy by alphabet, a
/// map of the embeddings, neighbours, the surest mistakes. Every plot is an SVG file beside it.
///
/// Example: twinglyph report runs/quickstart-1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    of: DataOfRun,
}

pub(super) fn run(Arguments { of }: Arguments) -> Result<()> {
    let directory = RunDirectory::begun(&of.run)?;
    let run = TrainedRun::load(directory.path())?;
    let Measured { set, split, unseen } = of.load(&run)?;
    if !directory.is_finished() && !of.quiet {
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
    write_report(&directory, &run.config, &run.model, run.rule, &protocol)?;
    print(directory.path().join(REPORT).display())
}
