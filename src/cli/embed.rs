//! `twinglyph embed`: the embeddings of all glyphs, for NumPy.

use super::listener::Terminal;
use super::output::print;
use std::path::PathBuf;
use twinglyph::Result;
use twinglyph::data::progress::Progress;
use twinglyph::run::neighbours::embed_all;
use twinglyph::run::npz::{NpzArray, NpzValues, write_npz};
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
    let glyphs = set.glyphs();
    let n = vec![glyphs.len()];
    let alphabets: Vec<String> =
        glyphs.iter().map(|g| set.alphabets()[g.alphabet as usize].name.clone()).collect();
    let characters: Vec<String> = (glyphs.iter())
        .map(|g| set.alphabets()[g.alphabet as usize].characters[g.character as usize].clone())
        .collect();
    let drawers: Vec<u32> = glyphs.iter().map(|g| g.drawer).collect();
    let paths: Vec<String> = (0..glyphs.len()).map(|glyph| set.path(glyph)).collect();
    let array = |name, values| NpzArray { name, shape: n.clone(), values };
    let arrays = [
        NpzArray {
            name: "embeddings",
            shape: embeddings.dims().to_vec(),
            values: NpzValues::F32(embeddings.values()),
        },
        array("alphabet", NpzValues::Text(&alphabets)),
        array("character", NpzValues::Text(&characters)),
        array("drawer", NpzValues::U32(&drawers)),
        array("path", NpzValues::Text(&paths)),
    ];
    write_npz(&arguments.out, &arrays)?;
    let (count, width) = (embeddings.dims()[0], embeddings.dims()[1]);
    print(format_args!("{count} embeddings of {width} numbers: {}", arguments.out.display()))
}
