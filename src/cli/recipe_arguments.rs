//! What `train` and `cross-validate` take in common: a recipe and what is laid over it.

use super::output::MOST_THREADS;
use std::path::{Path, PathBuf};
use twinglyph::data::published::resolve;
use twinglyph::recipes::{DEFAULT, Recipe};
use twinglyph::run::config::load_recipe;
use twinglyph::{Error, Result};

#[derive(clap::Args)]
pub(super) struct RecipeArguments {
    /// A built-in recipe (see `twinglyph recipes`) or a FILE.toml.
    #[arg(long, default_value = DEFAULT, value_name = "NAME|FILE.toml")]
    pub(super) recipe: String,
    /// Omniglot or any tree of PNGs, as a folder or a zip, or `omniglot` after `twinglyph download`; synthetic alphabets
    /// unless given.
    #[arg(long, value_name = "PATH")]
    pub(super) data: Vec<PathBuf>,
    /// Epochs, in place of the recipe's.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) epochs: Option<u32>,
    /// Seed, in place of the recipe's: one seed, one result, bit for bit.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Threads; all cores unless given. The result does not depend on it.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MOST_THREADS))]
    pub(super) threads: Option<u16>,
    /// Set a key of the recipe, for example --set learning_rate=3e-4.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Show no progress.
    #[arg(long)]
    pub(super) quiet: bool,
}

impl RecipeArguments {
    /// The recipe with every flag laid over it.
    pub(super) fn resolve(&self) -> Result<Recipe> {
        let mut recipe = load_recipe(&self.recipe, &self.set)?;
        if let Some(epochs) = self.epochs {
            recipe.epochs = epochs as usize;
        }
        if let Some(seed) = self.seed {
            recipe.seed = seed;
        }
        if !self.data.is_empty() {
            recipe.data = self.data.clone();
        }
        recipe.data = absolute(&recipe.data)?;
        Ok(recipe)
    }

    /// `my` for `folder/my.toml`.
    pub(super) fn name(&self) -> String {
        Path::new(&self.recipe)
            .file_name()
            .map_or(self.recipe.clone(), |name| name.to_string_lossy().trim_end_matches(".toml").into())
    }
}

/// Paths that hold wherever the user stands when the run is evaluated or resumed.
pub(super) fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let paths = resolve(paths)?;
    paths.iter().map(|path| std::path::absolute(path).map_err(|error| Error::io(path, error))).collect()
}
