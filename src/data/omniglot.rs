//! Omniglot as Brenden Lake publishes it: `TOP/ALPHABET/characterNN/NNNN_DD.png`, 105 x 105, black on white, as a
//! folder or as a zip archive; the background and the evaluation set alike.

use super::image::decode_pixels;
use super::source::{Entry, Source};
use super::{Alphabet, Dataset, GLYPH_SIZE, Glyph};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How data is loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    /// Show no progress.
    pub quiet: bool,
}

/// Reads folders and archives into one data set.
///
/// # Errors
/// When a path cannot be read, holds anything but glyphs, or two of them hold the same alphabet; the message
/// names the file and what was expected.
pub fn load(paths: &[PathBuf], options: &LoadOptions) -> Result<Dataset> {
    let sets =
        paths.iter().map(|path| load_one(&Source::open(path)?, options)).collect::<Result<Vec<_>>>()?;
    Dataset::merge(sets)
}

/// The labels that a file's name tells.
struct Labels<'a> {
    top: String,
    alphabet: &'a str,
    character: &'a str,
    drawer: u32,
}

fn load_one(source: &Source, options: &LoadOptions) -> Result<Dataset> {
    let labels: Vec<Labels<'_>> = source
        .entries()
        .iter()
        .map(|entry| labels(entry).ok_or_else(|| unexpected(source, entry)))
        .collect::<Result<_>>()?;
    let (Some(first), Some(last)) = (labels.first(), labels.last()) else {
        let message = "holds no glyph, expected ALPHABET/characterNN/NNNN_DD.png";
        return Err(Error::input(source.name(), message));
    };
    if let Some(other) = labels.iter().chain([last]).find(|labels| labels.top != first.top) {
        let message = format!("holds two data sets, {} and {}, expected one", first.top, other.top);
        return Err(Error::input(source.name(), message));
    }
    let mut names: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for labels in &labels {
        names.entry(labels.alphabet).or_default().insert(labels.character, 0);
    }
    for characters in names.values_mut() {
        (0..).zip(characters.values_mut()).for_each(|(i, index)| *index = i);
    }
    let pixels = source.read_all(options.quiet, |entry, bytes| {
        decode_pixels(&|| source.name_of(entry), bytes, GLYPH_SIZE)
    })?;
    let alphabet_index: BTreeMap<&str, u32> = names.keys().copied().zip(0..).collect();
    let glyphs = labels.iter().zip(pixels).map(|(labels, pixels)| Glyph {
        alphabet: alphabet_index[labels.alphabet],
        character: names[labels.alphabet][labels.character],
        drawer: labels.drawer,
        pixels,
    });
    let glyphs = glyphs.collect();
    let alphabets = names
        .iter()
        .map(|(name, characters)| Alphabet {
            name: name.to_string(),
            characters: characters.keys().map(|name| name.to_string()).collect(),
        })
        .collect();
    Dataset::new(GLYPH_SIZE, alphabets, glyphs)
        .map_err(|error| Error::input(source.name(), error.to_string()))
}

fn labels(entry: &Entry) -> Option<Labels<'_>> {
    let [top @ .., alphabet, character, file] = &entry.parts()[..] else { return None };
    let (number, drawer) = file.strip_suffix(".png")?.split_once('_')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(number) || !digits(drawer) {
        return None;
    }
    Some(Labels { top: top.join("/"), alphabet, character, drawer: drawer.parse().ok()? })
}

fn unexpected(source: &Source, entry: &Entry) -> Error {
    Error::input(
        source.name_of(entry),
        "unexpected file, expected only glyphs as ALPHABET/characterNN/NNNN_DD.png",
    )
}

#[cfg(test)]
mod tests;
