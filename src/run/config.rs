//! Where a run's configuration comes from.

use crate::recipes::{Recipe, built_in};
use crate::{Error, Result};

/// A built-in recipe by name, or a file's (anything that ends in `.toml`), with `KEY=VALUE` settings laid over it.
///
/// # Errors
/// When the recipe does not exist, a key is unknown, or a value has the wrong type or cannot work.
pub fn load_recipe(name: &str, settings: &[String]) -> Result<Recipe> {
    if name.ends_with(".toml") {
        let text = std::fs::read_to_string(name).map_err(|error| Error::io(name, error))?;
        Recipe::parse(name, &text, settings)
    } else {
        Recipe::parse(name, built_in(name)?, settings)
    }
}
