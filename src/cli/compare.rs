//! `twinglyph compare`: the verdict on two glyphs.

use super::output::{note, print, print_json};
use crate::Result;
use crate::data::image::decode_glyph;
use crate::data::{GLYPH_SIZE, Pixels};
use crate::evaluate::embed::embed;
use crate::run::trained::TrainedRun;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Say whether two glyphs are of the same alphabet.
///
/// Example: twinglyph compare runs/quickstart-1 a.png b.png
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// A PNG: grey, colour, alpha or 1 bit, dark on light or light on dark.
    #[arg(value_name = "A.png")]
    left: PathBuf,
    /// Another.
    #[arg(value_name = "B.png")]
    right: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict {
    distance: f32,
    threshold: f32,
    same_alphabet: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut run = TrainedRun::load(&arguments.run)?;
    let glyphs = [read(&arguments.left)?, read(&arguments.right)?];
    let embeddings = embed(&mut run.model, GLYPH_SIZE, 2, |i| &glyphs[i])?;
    let distance = run.model.distances(&embeddings, &[(0, 1)])?[0];
    let verdict = Verdict { distance, threshold: run.threshold, same_alphabet: distance <= run.threshold };
    if arguments.json {
        return print_json(&verdict);
    }
    let (answer, sign) =
        if verdict.same_alphabet { ("same alphabet", "<=") } else { ("different alphabets", ">") };
    print(format_args!(
        "{answer}: distance {:.4} {sign} threshold {:.4}",
        verdict.distance, verdict.threshold
    ))
}

/// A glyph's ink; a remark on stderr says what was done to make it fit.
fn read(path: &Path) -> Result<Pixels> {
    let (height, width) = GLYPH_SIZE;
    let glyph = decode_glyph(path, GLYPH_SIZE)?;
    if glyph.source_size != (height, width) {
        let (h, w) = glyph.source_size;
        note(format_args!("{}: {h} x {w} pixels, fitted to {height} x {width}", path.display()));
    }
    if glyph.inverted {
        note(format_args!("{}: light on dark, taken as dark on light", path.display()));
    }
    Ok(Pixels::Grey(glyph.ink.iter().map(|ink| (255.0 * ink).round() as u8).collect()))
}
