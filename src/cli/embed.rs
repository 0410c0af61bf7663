//! `twinglyph embed`: the embeddings of all glyphs, for NumPy.

use super::listener::Terminal;
use super::output::print;
use std::path::PathBuf;
use twinglyph::Result;
use twinglyph::data::progress::Progress;
use twinglyph::evaluate::neighbours::embed_all;
use twinglyph::run::embeddings_file::write_embeddings;
use twinglyph::run::trained::TrainedRun;

/// Write the embeddings of all glyphs as an archive that NumPy opens.
///
/// It holds `embeddings` (N, F) in float32, `alphabet`, `character` and `path` as text, `drawer` as int32, N each, sorted
/// by alphabet, character and drawer. In Python: numpy.load("embeddings.npz")["embeddings"].
///
/// Example: twinglyph embed runs/quickstart-1 --out embeddings.npz
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// The glyphs, as a folder or a zip; those of the run unless given.
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// The file to write.
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let run = TrainedRun::load(&arguments.run)?;
    let terminal = Terminal::new(arguments.quiet);
    let set = run.dataset(&arguments.data, &terminal)?;
    let progress = Progress::new(&terminal, "encoding", set.glyphs().len() as u64);
    let embeddings = embed_all(&run.model, &set, |done| progress.reach(done as u64))?;
    drop(progress);
    write_embeddings(&arguments.out, &set, &embeddings)?;
    let (count, width) = (embeddings.dims()[0], embeddings.dims()[1]);
    print(format_args!("{count} embeddings of {width} numbers: {}", arguments.out.display()))
}
