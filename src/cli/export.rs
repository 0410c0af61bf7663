//! `twinglyph export`: the encoder for other programs.

use super::output::{note, print};
use std::path::PathBuf;
use twinglyph::Result;
use twinglyph::files::write_atomic;
use twinglyph::run::onnx::to_onnx;
use twinglyph::run::trained::TrainedRun;

/// Write a model's encoder as ONNX, for other programs.
///
/// Its input `images` is (N, C, H, W) in f32: the ink of each pixel, 0 for paper and 1 for a stroke, scaled to the model's
/// size by the mean of the area that a pixel covers, in C equal channels. Its output `embedding` is (N, F): two glyphs are
/// of one alphabet (or character) where the Euclidean distance of theirs is at most the threshold, which stands in the
/// file's metadata. A model of several views averages the embeddings of each; the file holds the encoder of one.
///
/// Example: twinglyph export runs/quickstart-1 --onnx encoder.onnx
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let run = TrainedRun::load(&arguments.run)?;
    let architecture = run.model.architecture();
    if architecture.views > 1 {
        note(format_args!(
            "the model averages the embeddings of {} views of a glyph; the file is the encoder of one",
            architecture.views
        ));
    }
    if architecture.head {
        note("the model's head, behind the distance, is not part of the file");
    }
    let ([c, h, w], features) = (architecture.input, architecture.embedding_len()?);
    write_atomic(&arguments.onnx, &to_onnx(&run))?;
    print(format_args!(
        "images (N, {c}, {h}, {w}) to embedding (N, {features}): {}",
        arguments.onnx.display()
    ))
}
