//! Where a run's configuration comes from.

use crate::Result;
use crate::files;
use crate::recipes::{Recipe, built_in};
use std::path::Path;

/// The largest recipe that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// A built-in recipe by name, or a file's (anything that ends in `.toml`), with `KEY=VALUE` settings laid over it.
///
/// # Errors
/// When the recipe does not exist, a key is unknown, or a value has the wrong type or cannot work.
pub fn load_recipe(name: &str, settings: &[String]) -> Result<Recipe> {
    if name.ends_with(".toml") {
        let path = Path::new(name);
        let text = files::text(path, "a recipe", files::read(path, "a recipe", LARGEST)?)?;
        Recipe::parse(name, &text, settings)
    } else {
        Recipe::parse(name, built_in(name)?, settings)
    }
}
