//! `twinglyph nearest`: the glyphs most like one.

use super::compare::read;
use super::listener::Terminal;
use super::output::{check_picture, note, print, print_json};
use std::path::PathBuf;
use twinglyph::Result;
use twinglyph::data::progress::Progress;
use twinglyph::evaluate::neighbours::nearest;
use twinglyph::run::contact_sheet::{A_ROW, contact_sheet};
use twinglyph::run::trained::TrainedRun;

/// List the glyphs of a data set that are most like one, by the model's distance, the nearest first.
///
/// Example: twinglyph nearest runs/quickstart-1 a.png -k 10 --picture nearest.png
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// A PNG: grey, colour, alpha or 1 bit, dark on light or light on dark.
    #[arg(value_name = "GLYPH.png")]
    glyph: PathBuf,
    /// Where to look, a folder or a zip; the run's own data unless given.
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// How many.
    #[arg(short, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    k: u32,
    /// Draw them: the glyph in a dark frame, then its neighbours, row by row.
    #[arg(long, value_name = "FILE.png")]
    picture: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    check_picture(arguments.picture.as_deref())?;
    let run = TrainedRun::load(&arguments.run)?;
    let (glyph, _) = read(&arguments.glyph)?;
    let terminal = Terminal::new(arguments.quiet);
    let set = run.dataset(&arguments.data, &terminal)?;
    let progress = Progress::new(&terminal, "encoding", set.glyphs().len() as u64);
    let reach = |done| progress.reach(done as u64);
    let found = nearest(&run.model, &set, &glyph, arguments.k as usize, reach)?;
    drop(progress);
    if let Some(path) = &arguments.picture {
        contact_sheet(&set, &glyph, &found).save(path)?;
        note(format_args!("{}: the glyph, then its neighbours, {A_ROW} a row", path.display()));
    }
    if arguments.json {
        return print_json(&found);
    }
    for (i, neighbour) in found.iter().enumerate() {
        print(format_args!("{:>4}  {:.4}  {}", i + 1, neighbour.distance, neighbour.path))?;
    }
    Ok(())
}
