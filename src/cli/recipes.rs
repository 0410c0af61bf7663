//! `twinglyph recipes`: the built-in training configurations.

use super::output::print;
use twinglyph::recipes::{BUILT_IN, DEFAULT, Recipe, built_in};
use twinglyph::{Error, Result};

/// List the built-in recipes, or print one to start an own from.
///
/// Example: twinglyph recipes report-triplet > my.toml, then twinglyph train --recipe my.toml
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// The recipe to print.
    name: Option<String>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    if let Some(name) = arguments.name {
        // It is no flag's value here.
        let text = built_in(&name).map_err(|error| Error::usage(error.to_string()))?;
        return print(text.trim_end());
    }
    for (name, text) in BUILT_IN {
        let recipe = Recipe::parse(name, text, &[])?;
        let (each, kind) = recipe.batch_of();
        let count = recipe.epochs * recipe.steps * each;
        let mark = if name == DEFAULT { ", the default" } else { "" };
        print(format_args!("{name:<22}{} layers, {count} {kind}{mark}", recipe.encoder.len()))?;
    }
    Ok(())
}
