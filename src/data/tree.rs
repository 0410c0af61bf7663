//! Any tree of PNGs as data: `ALPHABET/CHARACTER/NAME.png` or `ALPHABET/NAME.png`, in a folder or not, of any size.
//!
//! Images are fitted as those of [`super::image`] are. Where there are no folders of characters, each image is a character of
//! its own. The drawer is the number at the end of the name, as in `0001_07.png`, where all drawings of a character have
//! different ones; else drawings are numbered by their names.

use super::dataset::GLYPH_SIZE as SIZE;
use super::progress::Listener;
use super::source::{Source, unexpected};
use super::{Alphabet, Dataset, Glyph, Pixels, image};
use crate::{Error, Result};
use std::collections::BTreeMap;

const LAYOUT: &str = "PNG images at ALPHABET/CHARACTER/NAME.png or all at ALPHABET/NAME.png";

/// Reads a tree, and says in a sentence what was understood.
pub(super) fn load(source: &Source, listener: &dyn Listener) -> Result<(Dataset, String)> {
    let names: Vec<Vec<&str>> = (0..source.len()).map(|i| source.name(i).split('/').collect()).collect();
    let above = common_folders(&names);
    let depth = names[0].len() - above;
    for (i, name) in names.iter().enumerate() {
        let is_png = name.last().is_some_and(|file| stem(file).is_some());
        if name.len() - above != depth || !(2..=3).contains(&depth) || !is_png {
            return Err(unexpected(source.place(source.name(i)), LAYOUT));
        }
    }
    // What Omniglot's alphabets hold, where alphabets are expected.
    let number = |name: &Vec<&str>| name[above].strip_prefix("character").and_then(|n| n.parse::<u32>().ok());
    if depth == 2 && names.iter().all(|name| number(name).is_some()) {
        let message =
            "holds the characters of one alphabet, expected a folder of alphabets: give the folder above";
        return Err(Error::input(source.place(""), message));
    }
    let images = source.read_all(listener, |i, bytes| {
        let glyph = image::decode(bytes, SIZE).map_err(|message| source.error(i, message))?;
        let fitted = glyph.source_size != SIZE;
        Ok((glyph.pixels(), fitted, glyph.inverted))
    })?;
    let fitted = images.iter().filter(|(_, fitted, _)| *fitted).count();
    let inverted = images.iter().filter(|(.., inverted)| *inverted).count();
    let labels: Vec<(&str, &str, &str)> = (names.iter())
        .map(|name| match name[above..] {
            [alphabet, character, file] => (alphabet, character, file),
            [alphabet, file] => (alphabet, stem(file).unwrap_or(file), file),
            _ => unreachable!("two or three names, as was just checked"),
        })
        .collect();
    let set = build(&labels, images.into_iter().map(|(pixels, ..)| pixels))?;
    let characters: usize = set.alphabets().iter().map(|alphabet| alphabet.characters.len()).sum();
    let mut said = format!("{} glyphs of {} alphabets", set.glyphs().len(), set.alphabets().len());
    said += &match depth {
        3 => format!(" and {characters} characters, by their folders"),
        _ => ", each a character of its own".to_string(),
    };
    if fitted > 0 {
        said += &format!("; {fitted} of another size are fitted to {} x {}", SIZE.0, SIZE.1);
    }
    if inverted > 0 {
        said += &format!("; {inverted} are light on dark, taken as dark on light");
    }
    Ok((set, said))
}

/// How many folders all files have in common above their alphabets'. One alphabet alone is of no use, so a folder that all
/// are in is none, as long as a folder and a file are left.
fn common_folders(names: &[Vec<&str>]) -> usize {
    let shortest = names.iter().map(Vec::len).min().unwrap_or(0);
    (0..shortest.saturating_sub(2))
        .take_while(|&level| names.iter().all(|name| name[level] == names[0][level]))
        .count()
}

/// `0001_07` of `0001_07.png`.
fn stem(file: &str) -> Option<&str> {
    let (stem, extension) = file.rsplit_once('.')?;
    (extension.eq_ignore_ascii_case("png") && !stem.is_empty()).then_some(stem)
}

/// 7 of `0001_07.png`.
fn drawer(file: &str) -> Option<u32> {
    let (_, digits) = stem(file)?.rsplit_once('_')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?.filter(|&drawer| drawer > 0)
}

/// Numbers alphabets, characters and drawers; labels are (alphabet, character, file) sorted by name.
fn build(labels: &[(&str, &str, &str)], pixels: impl Iterator<Item = Pixels>) -> Result<Dataset> {
    let mut alphabets: Vec<Alphabet> = Vec::new();
    let mut drawings: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for &(alphabet, character, file) in labels {
        drawings.entry((alphabet, character)).or_default().push(file);
    }
    let mut place: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    for &(alphabet, character) in drawings.keys() {
        if alphabets.last().is_none_or(|last: &Alphabet| last.name != alphabet) {
            alphabets.push(Alphabet { name: alphabet.into(), characters: Vec::new() });
        }
        let number = alphabets.len() as u32 - 1;
        let characters = &mut alphabets.last_mut().expect("one was just pushed").characters;
        place.insert((alphabet, character), (number, characters.len() as u32));
        characters.push(character.into());
    }
    let drawers: BTreeMap<(&str, &str), Vec<u32>> =
        drawings.iter().map(|(label, files)| (*label, number_drawers(files))).collect();
    let mut next: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut glyphs = Vec::with_capacity(labels.len());
    for (&(alphabet, character, file), pixels) in labels.iter().zip(pixels) {
        let label = (alphabet, character);
        let at = next.entry(label).or_insert(0);
        let drawer = drawers[&label][*at];
        *at += 1;
        let (alphabet, character) = place[&label];
        glyphs.push(Glyph { alphabet, character, drawer, pixels, file: Some(file.into()) });
    }
    Dataset::new(SIZE, alphabets, glyphs).map_err(|error| match error {
        Error::Input { message, .. } => Error::input("data", message),
        other => other,
    })
}

/// The drawers of a character's files.
fn number_drawers(files: &[&str]) -> Vec<u32> {
    let found: Vec<u32> = files.iter().filter_map(|file| drawer(file)).collect();
    let mut different = found.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() == files.len() { found } else { (1..=files.len() as u32).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::omniglot::load;
    use super::super::testing::{png_bits, write};
    use super::*;

    fn glyph(size: usize) -> Vec<u8> {
        png_bits((size, size), move |y, x| y == size / 2 && x > 2)
    }

    fn set_of(files: &[(&str, Vec<u8>)]) -> std::result::Result<Dataset, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            write(folder.path(), name, bytes);
        }
        let said = |error: Error| error.to_string().replace(&folder.path().display().to_string(), "tree");
        load(&[folder.path().to_path_buf()], &()).map_err(said)
    }

    #[test]
    fn folders_of_characters_are_characters_and_names_tell_drawers_where_they_can() {
        let files = [
            "Greek/alpha/a_03.png",
            "Greek/alpha/a_01.png",
            "Greek/beta/x.PNG",
            "Runes/b/1.png",
            "Runes/b/2.png",
        ];
        for above in ["", "top/"] {
            let files: Vec<(String, Vec<u8>)> =
                files.iter().map(|name| (format!("{above}{name}"), glyph(40))).collect();
            let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (&n[..], b.clone())).collect();
            let set = set_of(&files).unwrap();
            let found: Vec<(String, u32)> = (0..5).map(|i| (set.path(i), set.glyphs()[i].drawer)).collect();
            let expected = [
                ("alpha/a_01.png", 1),
                ("alpha/a_03.png", 3),
                ("beta/x.PNG", 1),
                ("b/1.png", 1),
                ("b/2.png", 2),
            ];
            for ((path, drawer), (end, number)) in found.iter().zip(expected) {
                assert!(path.ends_with(end) && *drawer == number, "{found:?}");
            }
            assert_eq!(set.alphabets()[0].characters, ["alpha", "beta"]);
            assert_eq!(set.size(), (105, 105));
        }
    }

    #[test]
    fn without_folders_of_characters_each_image_is_one() {
        let set = set_of(&[("A/1.png", glyph(30)), ("A/2.png", glyph(50)), ("B/1.png", glyph(105))]).unwrap();
        assert_eq!(set.alphabets()[0].characters, ["1", "2"]);
        assert_eq!((set.path(0), set.path(2)), ("A/1/1.png".into(), "B/1/1.png".into()));
    }

    #[test]
    fn what_is_no_tree_of_images_is_named() {
        let refused = |files: &[(&str, Vec<u8>)]| set_of(files).unwrap_err();
        let mixed = refused(&[("A/b/1.png", glyph(30)), ("B/1.png", glyph(30))]);
        assert_eq!(mixed, format!("tree/B/1.png: does not belong here, expected {LAYOUT}"));
        let text = refused(&[("A/1.png", glyph(30)), ("B/1.txt", b"x".to_vec())]);
        assert_eq!(text, format!("tree/B/1.txt: does not belong here, expected {LAYOUT}"));
        assert!(refused(&[("1.png", glyph(30))]).contains("does not belong here"));
        let one = refused(&[("character01/0001_01.png", glyph(30)), ("character02/0002_01.png", glyph(30))]);
        let says =
            "holds the characters of one alphabet, expected a folder of alphabets: give the folder above";
        assert_eq!(one, format!("tree/: {says}"));
        let blank = png_bits((30, 30), |_, _| false);
        let said = refused(&[("A/1.png", glyph(30)), ("B/1.png", blank)]);
        assert!(said.starts_with("tree/B/1.png: shows no ink"), "{said}");
        let said = refused(&[("A/1.png", b"GIF89a".to_vec()), ("B/1.png", glyph(30))]);
        assert!(said.starts_with("tree/A/1.png: is a GIF image, expected a PNG image"), "{said}");
    }
}
