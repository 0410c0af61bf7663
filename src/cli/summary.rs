//! `twinglyph summary`: the layer table.

use super::output::print;
use twinglyph::Result;
use twinglyph::recipes::DEFAULT;
use twinglyph::run::config::load_recipe;
use twinglyph_engine::nn::Summary;

/// Print a recipe's layers, their output shapes and parameters, as Keras does.
///
/// Example: twinglyph summary --recipe figure5-contrastive
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A built-in recipe or a FILE.toml.
    #[arg(long, default_value = DEFAULT, value_name = "NAME|FILE.toml")]
    recipe: String,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let recipe = load_recipe(&arguments.recipe, &[])?;
    print(Summary::new(&recipe.architecture())?.to_string().trim_end())
}
