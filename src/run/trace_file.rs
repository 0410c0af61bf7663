//! A convolution to be traced, from a file.

use crate::files;
use crate::{Error, Result};
use std::path::Path;
use twinglyph_lesson::trace::Given;

/// Reads the JSON that `twinglyph trace --json` prints, or what stands below its key `problem`.
///
/// # Errors
/// When the file cannot be read, is no JSON, or has keys or numbers that cannot be used.
pub fn read(path: &Path, seed: u64) -> Result<Given> {
    let what = "a problem in JSON";
    let text = files::text(path, what, files::read_stream(path, what, 64 << 20)?)?;
    Given::from_json(&text, seed).map_err(|said| Error::input(path.display(), said))
}
