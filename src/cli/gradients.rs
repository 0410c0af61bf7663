//! `twinglyph gradients`: loss, embeddings and gradients of one step, to be held against another framework.

use super::output::print;
use std::path::PathBuf;
use twinglyph::recipes::DEFAULT;
use twinglyph::run::arrays_file::load_arrays;
use twinglyph::run::checkpoint_file::write_arrays;
use twinglyph::run::config::load_recipe;
use twinglyph::train::checkpoint::{Checkpoint, Kind};
use twinglyph::train::gradients::{Arrays, gradients, model};
use twinglyph::{Error, Result};
use twinglyph_engine::nn::{Mode, Model};
use twinglyph_engine::tensor::Element;

/// Run one forward and backward pass at given weights on a given batch, and write what it comes to.
///
/// The batch holds `left`, `right` (N, C, H, W) and `same` (N), or `anchor`, `positive`, `negative`; for the losses of
/// labels `images` and `labels` (N), with a character_weight also `characters` (N). Weights are named as in a model
/// file; numbers may be F32 or F64. Written are `loss`, `embedding.left` and so on, `grad.NAME` of every parameter
/// that is trained, and the running statistics after the pass.
///
/// Example: twinglyph gradients --recipe report-triplet --weights w.safetensors --batch b.safetensors --out g.safetensors
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A built-in recipe or a FILE.toml.
    #[arg(long, default_value = DEFAULT, value_name = "NAME|FILE.toml")]
    recipe: String,
    /// Set a key of the recipe, for example --set channels=3.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The weights and running statistics; a model file will do.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The batch.
    #[arg(long, value_name = "FILE")]
    batch: PathBuf,
    /// Where to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// In which arithmetic all is computed and written.
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// As when the model is used: running statistics, no dropout. Else as in a training step whose seed is the recipe's.
    #[arg(long)]
    eval: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Precision {
    F32,
    F64,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let recipe = load_recipe(&arguments.recipe, &arguments.set)?;
    let mode = if arguments.eval { Mode::Eval } else { Mode::Train { seed: recipe.seed } };
    let weights = load_arrays(&arguments.weights)?;
    let batch = load_arrays(&arguments.batch)?;
    let result = match arguments.precision {
        Precision::F32 => pass(model::<f32>(recipe.architecture(), &weights)?, &batch, mode)?,
        Precision::F64 => pass(model::<f64>(recipe.architecture(), &weights)?, &batch, mode)?,
    };
    write_arrays(&arguments.out, &result.0)?;
    print(format_args!("loss {}; {} arrays in {}", result.1, result.0.arrays.len(), arguments.out.display()))
}

/// The arrays, and the loss.
fn pass<E: Element + Kind>(mut model: Model<E>, batch: &Arrays, mode: Mode) -> Result<(Checkpoint, f64)> {
    let result = gradients(&mut model, batch, mode)?;
    let [loss]: [E; 1] = result.numbers("loss")?;
    let loss = loss.to_f64();
    if loss.is_finite() { Ok((result, loss)) } else { Err(Error::input("loss", format!("is {loss}"))) }
}
