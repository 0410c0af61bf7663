//! Omniglot from folders and zip archives, as published: `TOP/ALPHABET/characterNN/NNNN_DD.png`. Where no name is of that
//! kind, any tree of images, as `tree.rs` reads it.

pub use super::dataset::GLYPH_SIZE as SIZE;
use super::png::Png;
use super::progress::Listener;
use super::source::{Source, unexpected};
use super::{Alphabet, Dataset, Glyph, Pixels, image, published, tree};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LAYOUT: &str =
    "Omniglot images at ALPHABET/characterNN/NNNN_DD.png, in a folder such as images_background or not";

/// Loads each path, a folder or a zip archive, and merges them into one set of glyphs of 105 x 105. A path without a single
/// name of Omniglot's is taken as a tree of images `ALPHABET/CHARACTER/NAME.png` or `ALPHABET/NAME.png` of any size, and a
/// remark says what was understood. So are images of another size in Omniglot's layout, if all are of another.
///
/// `omniglot` and the other names of [`published`] are what `twinglyph download` has fetched.
///
/// A folder may be the one that holds the alphabets or its parent. Hidden files, `__MACOSX` and folder entries are
/// skipped. Glyphs are black ink on white paper; the drawer is the `DD` of the file's name.
///
/// # Errors
/// When `paths` is empty; when a path does not exist or is neither a folder nor a whole zip archive; when a file in it
/// does not belong to the layout, is not a whole PNG image, is not of 105 x 105 where others are, or is the second of one
/// character and drawer; when two paths hold the same alphabet. The file, or the archive and the entry, is named.
pub fn load(paths: &[PathBuf], listener: &dyn Listener) -> Result<Dataset> {
    let mut sets = Vec::new();
    let mut homes: BTreeMap<String, &Path> = BTreeMap::new();
    let paths = published::resolve(paths)?;
    for path in &paths {
        let set = load_one(path, listener)?;
        for alphabet in set.alphabets() {
            if let Some(other) = homes.insert(alphabet.name.clone(), path) {
                return Err(Error::input(
                    path.display(),
                    format!(
                        "holds the alphabet {}, which {} holds too, expected it once",
                        alphabet.name,
                        other.display()
                    ),
                ));
            }
        }
        sets.push(set);
    }
    if sets.is_empty() {
        return Err(Error::usage(
            "no data is given, expected at least one folder or zip archive of Omniglot images",
        ));
    }
    Dataset::merge(sets)
}

/// What a file's path says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Label<'a> {
    alphabet: &'a str,
    character: &'a str,
    drawer: u32,
}

fn load_one(path: &Path, listener: &dyn Listener) -> Result<Dataset> {
    let source = Source::open(path, LAYOUT)?;
    // One name that is Omniglot's, and all must be; none, and it is a tree of somebody's own.
    if (0..source.len()).all(|i| label(&source, i).is_err()) {
        let (set, understood) = tree::load(&source, listener)?;
        listener.remark(&format!("{}: {understood}", path.display()));
        return Ok(set);
    }
    let labels = (0..source.len()).map(|i| label(&source, i)).collect::<Result<Vec<_>>>()?;
    check_unique(&source, &labels)?;
    let images =
        source.read_all(listener, |i, bytes| read(bytes).map_err(|message| source.error(i, message)))?;
    let (pixels, said) = of_one_kind(&source, images)?;
    if let Some(said) = said {
        listener.remark(&format!("{}: {said}", path.display()));
    }
    build(&source, &labels, pixels)
}

/// An image, as it is or, if it is not of Omniglot's size, made to fit.
enum Image {
    AsItIs(Pixels),
    Fitted((usize, usize), std::result::Result<Pixels, String>),
}

fn read(bytes: &[u8]) -> std::result::Result<Image, String> {
    let png = Png::glyph(bytes)?;
    if png.size == SIZE {
        return png.pixels().map(Image::AsItIs);
    }
    Ok(Image::Fitted(png.size, image::decode(bytes, SIZE).map(|glyph| glyph.pixels())))
}

/// The pixels, and a sentence where they were made to fit: all of them, since one of another size among Omniglot's own is
/// not Omniglot's.
fn of_one_kind(source: &Source, images: Vec<Image>) -> Result<(Vec<Pixels>, Option<String>)> {
    let some_are_right = images.iter().any(|image| matches!(image, Image::AsItIs(_)));
    let count = images.len();
    let one = |(i, image)| match image {
        Image::AsItIs(pixels) => Ok(pixels),
        Image::Fitted((h, w), _) if some_are_right => {
            Err(source.error(i, format!("is {h} x {w} pixels, expected {} x {}", SIZE.0, SIZE.1)))
        }
        Image::Fitted(_, fitted) => fitted.map_err(|message| source.error(i, message)),
    };
    let pixels = images.into_iter().enumerate().map(one).collect::<Result<Vec<_>>>()?;
    let (h, w) = SIZE;
    let said =
        format!("{count} glyphs in Omniglot's layout; all are of another size and fitted to {h} x {w}");
    Ok((pixels, (!some_are_right).then_some(said)))
}

/// Parses the path of file `i`.
fn label(source: &Source, i: usize) -> Result<Label<'_>> {
    let name = source.name(i);
    let names: Vec<&str> = name.split('/').collect();
    let parsed = match names[..] {
        [alphabet, character, file] | [_, alphabet, character, file] => drawer(file)
            .filter(|_| is_character(character))
            .map(|drawer| Label { alphabet, character, drawer }),
        _ => None,
    };
    parsed.ok_or_else(|| unexpected(source.place(name), LAYOUT))
}

/// Whether it is `characterNN`.
fn is_character(name: &str) -> bool {
    name.strip_prefix("character").is_some_and(is_number)
}

/// The drawer `DD` of `NNNN_DD.png`, from 1.
fn drawer(file: &str) -> Option<u32> {
    let (number, drawer) = file.strip_suffix(".png")?.split_once('_')?;
    // NumPy's int32 is what `embed` writes it as.
    let in_range = |&d: &u32| d > 0 && d <= i32::MAX as u32;
    (is_number(number) && is_number(drawer)).then(|| drawer.parse().ok())?.filter(in_range)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Refuses an alphabet that stands in two folders, and two images of one character by one drawer.
fn check_unique(source: &Source, labels: &[Label]) -> Result<()> {
    let mut folders: BTreeMap<&str, &str> = BTreeMap::new();
    let mut first: BTreeMap<Label, usize> = BTreeMap::new();
    for (i, label) in labels.iter().enumerate() {
        // TOP, or nothing: what stands before ALPHABET/characterNN/NNNN_DD.png.
        let name = source.name(i);
        let end = name.rmatch_indices('/').nth(2).map_or(0, |(at, _)| at);
        let folder = &name[..end];
        if *folders.entry(label.alphabet).or_insert(folder) != folder {
            let message = format!(
                "is of the alphabet {}, which stands in another folder too, expected it once",
                label.alphabet
            );
            return Err(source.error(i, message));
        }
        if let Some(other) = first.insert(*label, i) {
            let file = source.name(other).rsplit('/').next().unwrap_or_default();
            let message =
                format!("is of the same character and drawer as {file}, expected one image of each drawer");
            return Err(source.error(i, message));
        }
    }
    Ok(())
}

/// Numbers the alphabets and characters.
fn build(source: &Source, labels: &[Label], pixels: Vec<Pixels>) -> Result<Dataset> {
    let mut alphabets: Vec<Alphabet> = Vec::new();
    let mut alphabet_of: BTreeMap<&str, u32> = BTreeMap::new();
    let mut character_of: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut glyphs = Vec::with_capacity(pixels.len());
    for (i, (label, pixels)) in labels.iter().zip(pixels).enumerate() {
        let alphabet = *alphabet_of.entry(label.alphabet).or_insert_with(|| {
            alphabets.push(Alphabet { name: label.alphabet.into(), characters: Vec::new() });
            (alphabets.len() - 1) as u32
        });
        let characters = &mut alphabets[alphabet as usize].characters;
        let character = *character_of.entry((label.alphabet, label.character)).or_insert_with(|| {
            characters.push(label.character.into());
            (characters.len() - 1) as u32
        });
        let file = source.name(i).rsplit('/').next().map(Box::from);
        glyphs.push(Glyph { alphabet, character, drawer: label.drawer, pixels, file });
    }
    Dataset::new(SIZE, alphabets, glyphs)
}

#[cfg(test)]
mod tests;
