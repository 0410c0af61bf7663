//! Glyphs in memory: one bit a pixel where the source has one bit, else eight, and the labels
//! alphabet, character, drawer.

use crate::hash::Fnv;
use crate::{Error, Result};
use std::ops::Range;

/// (height, width) in pixels of every Omniglot image, and of what is read with it.
pub const GLYPH_SIZE: (usize, usize) = (105, 105);

/// The pixels of one glyph, row by row from the top left; ink is 1, paper 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// One bit a pixel, 1 = ink; pixel `i` is bit `i % 8` (least significant first) of byte `i / 8`.
    Bits(Box<[u8]>),
    /// Eight bits a pixel, 255 = ink, 0 = paper.
    Grey(Box<[u8]>),
}

/// One drawing of a character by one drawer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph {
    /// Index into [`Dataset::alphabets`].
    pub alphabet: u32,
    /// Index into that alphabet's [`Alphabet::characters`].
    pub character: u32,
    /// The number of the hand that drew it, from 1.
    pub drawer: u32,
    /// The image.
    pub pixels: Pixels,
    /// The name of the file that it came from, without folders.
    pub file: Option<Box<str>>,
}

/// A writing system: its name and those of its characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet {
    /// Unique in a data set, for example `Futurama`.
    pub name: String,
    /// Unique in the alphabet, for example `character07`.
    pub characters: Vec<String>,
}

/// A set of glyphs of one size, sorted by alphabet name, then character name, then drawer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    size: (usize, usize),
    alphabets: Vec<Alphabet>,
    glyphs: Vec<Glyph>,
    /// The glyphs of alphabet `a` are `glyphs[starts[a]..starts[a + 1]]`.
    starts: Vec<usize>,
}

impl Pixels {
    /// Packs `ink` (true = ink), row by row, into bits.
    pub fn from_ink(ink: impl ExactSizeIterator<Item = bool>) -> Pixels {
        let mut bytes = vec![0u8; ink.len().div_ceil(8)];
        for (i, is_ink) in ink.enumerate() {
            bytes[i / 8] |= u8::from(is_ink) << (i % 8);
        }
        Pixels::Bits(bytes.into())
    }

    /// The ink of pixel `i`, from 0 (paper) to 1 (ink).
    pub fn ink(&self, i: usize) -> f32 {
        match self {
            Pixels::Bits(bytes) => f32::from(bytes[i / 8] >> (i % 8) & 1),
            Pixels::Grey(bytes) => f32::from(bytes[i]) / 255.0,
        }
    }

    /// Writes the ink of all `out.len()` pixels, each from 0 (paper) to 1 (ink).
    pub fn write_ink(&self, out: &mut [f32]) {
        match self {
            Pixels::Bits(bytes) => {
                for (chunk, byte) in out.chunks_mut(8).zip(bytes) {
                    for (bit, value) in chunk.iter_mut().enumerate() {
                        *value = f32::from(byte >> bit & 1);
                    }
                }
            }
            Pixels::Grey(bytes) => {
                for (value, byte) in out.iter_mut().zip(bytes) {
                    *value = f32::from(*byte) / 255.0;
                }
            }
        }
    }

    /// Writes the ink into each of the equal channels of an image (C, H, W) of `pixels` = H W pixels.
    pub fn write_channels(&self, pixels: usize, image: &mut [f32]) {
        let (first, others) = image.split_at_mut(pixels);
        self.write_ink(first);
        for channel in others.chunks_mut(pixels) {
            channel.copy_from_slice(first);
        }
    }

    /// How many pixels the buffer can hold (for bits: rounded up to a whole byte).
    fn capacity(&self) -> usize {
        match self {
            Pixels::Bits(bytes) => bytes.len() * 8,
            Pixels::Grey(bytes) => bytes.len(),
        }
    }

    /// Bytes of memory.
    fn bytes(&self) -> usize {
        match self {
            Pixels::Bits(bytes) | Pixels::Grey(bytes) => bytes.len(),
        }
    }
}

impl Dataset {
    /// Sorts alphabets, characters and glyphs by name and drawer, and renumbers the glyphs' labels to match.
    ///
    /// `size` is (height, width) of every glyph.
    ///
    /// # Errors
    /// When there is no glyph, a label is out of range, a name stands twice, or the pixels do not fit `size`.
    pub fn new(size: (usize, usize), alphabets: Vec<Alphabet>, glyphs: Vec<Glyph>) -> Result<Dataset> {
        let refuse = |message: String| Err(Error::input("data", message));
        if glyphs.is_empty() {
            return refuse("no glyph found, expected at least one image".into());
        }
        let needed = size.0 * size.1;
        for glyph in &glyphs {
            let characters = alphabets.get(glyph.alphabet as usize).map_or(0, |a| a.characters.len());
            if glyph.character as usize >= characters {
                return refuse(format!(
                    "a glyph is labelled alphabet {} character {}, which does not exist",
                    glyph.alphabet, glyph.character
                ));
            }
            let fits = match glyph.pixels {
                Pixels::Bits(_) => glyph.pixels.capacity() == needed.next_multiple_of(8),
                Pixels::Grey(_) => glyph.pixels.capacity() == needed,
            };
            if !fits {
                return refuse(format!("a glyph's pixels do not make an image of {} x {}", size.0, size.1));
            }
        }
        let (alphabets, glyphs) = sorted(alphabets, glyphs)?;
        let mut starts = vec![0];
        for a in 0..alphabets.len() {
            let start = starts[a];
            let count = glyphs[start..].iter().take_while(|g| g.alphabet as usize == a).count();
            starts.push(start + count);
        }
        Ok(Dataset { size, alphabets, glyphs, starts })
    }

    /// The path of a glyph from its alphabet's folder on; of a glyph without a file, what it would be called.
    pub fn path(&self, glyph: usize) -> String {
        let Glyph { alphabet, character, drawer, ref file, .. } = self.glyphs[glyph];
        let alphabet = &self.alphabets[alphabet as usize];
        let character = &alphabet.characters[character as usize];
        match file {
            Some(file) => format!("{}/{character}/{file}", alphabet.name),
            None => format!("{}/{character}/{drawer:02}.png", alphabet.name),
        }
    }

    /// Of each character of an alphabet that has glyphs, which of [`Dataset::glyphs`] are its drawings.
    pub fn character_ranges(&self, alphabet: usize) -> impl Iterator<Item = Range<usize>> {
        let all = self.alphabet_range(alphabet);
        let glyphs = &self.glyphs[all.clone()];
        let mut start = all.start;
        glyphs.chunk_by(|a, b| a.character == b.character).map(move |drawings| {
            let range = start..start + drawings.len();
            start = range.end;
            range
        })
    }

    /// (height, width) of every glyph, in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// The alphabets, sorted by name.
    pub fn alphabets(&self) -> &[Alphabet] {
        &self.alphabets
    }

    /// All glyphs, sorted by alphabet, character, drawer.
    pub fn glyphs(&self) -> &[Glyph] {
        &self.glyphs
    }

    /// Where in [`Dataset::glyphs`] the glyphs of an alphabet stand.
    pub fn alphabet_range(&self, alphabet: usize) -> Range<usize> {
        self.starts[alphabet]..self.starts[alphabet + 1]
    }

    /// The number of pixels of a glyph.
    pub fn pixels(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// One set of all the alphabets of `sets`.
    ///
    /// # Errors
    /// When there is no set, the sizes differ, or an alphabet is in two of them.
    pub fn merge(sets: Vec<Dataset>) -> Result<Dataset> {
        let size = sets.first().map_or((0, 0), |set| set.size);
        let mut alphabets = Vec::new();
        let mut glyphs = Vec::with_capacity(sets.iter().map(|set| set.glyphs.len()).sum());
        for set in sets {
            if set.size != size {
                let message = format!(
                    "glyphs of {} x {} and of {} x {} are together, expected one size",
                    size.0, size.1, set.size.0, set.size.1
                );
                return Err(Error::input("data", message));
            }
            let offset = alphabets.len() as u32;
            alphabets.extend(set.alphabets);
            glyphs.extend(set.glyphs.into_iter().map(|g| Glyph { alphabet: g.alphabet + offset, ..g }));
        }
        Dataset::new(size, alphabets, glyphs)
    }

    /// A number that tells this set from any other: of its size, names, labels and pixels, the same on every platform.
    ///
    /// Against mix-ups, not against malice: it is FNV-1a.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv::default();
        hash.number(self.size.0);
        hash.number(self.size.1);
        hash.number(self.alphabets.len());
        for alphabet in &self.alphabets {
            hash.bytes(alphabet.name.as_bytes());
            hash.number(alphabet.characters.len());
            alphabet.characters.iter().for_each(|name| hash.bytes(name.as_bytes()));
        }
        hash.number(self.glyphs.len());
        for glyph in &self.glyphs {
            [glyph.alphabet, glyph.character, glyph.drawer].iter().for_each(|&n| hash.number(n as usize));
            let (kind, bytes) = match &glyph.pixels {
                Pixels::Bits(bytes) => (1, bytes),
                Pixels::Grey(bytes) => (8, bytes),
            };
            hash.number(kind);
            hash.bytes(bytes);
        }
        hash.finish()
    }

    /// Bytes of memory that the pixels take.
    pub fn pixel_bytes(&self) -> usize {
        self.glyphs.iter().map(|g| g.pixels.bytes()).sum()
    }
}

/// Sorts the alphabets and characters by name, and relabels and sorts the glyphs.
fn sorted(alphabets: Vec<Alphabet>, mut glyphs: Vec<Glyph>) -> Result<(Vec<Alphabet>, Vec<Glyph>)> {
    let (alphabet_order, alphabet_rank) = order_of(alphabets.iter().map(|a| a.name.as_str()), "the data")?;
    let mut character_ranks = Vec::new();
    let mut sorted_characters = Vec::new();
    for alphabet in &alphabets {
        let names = alphabet.characters.iter().map(String::as_str);
        let (order, rank) = order_of(names, &alphabet.name)?;
        sorted_characters.push(order.iter().map(|&i| alphabet.characters[i].clone()).collect::<Vec<_>>());
        character_ranks.push(rank);
    }
    for glyph in &mut glyphs {
        let old = glyph.alphabet as usize;
        glyph.character = character_ranks[old][glyph.character as usize];
        glyph.alphabet = alphabet_rank[old];
    }
    glyphs.sort_by_key(|g| (g.alphabet, g.character, g.drawer));
    let alphabets = alphabet_order
        .into_iter()
        .map(|i| Alphabet {
            name: alphabets[i].name.clone(),
            characters: std::mem::take(&mut sorted_characters[i]),
        })
        .collect();
    Ok((alphabets, glyphs))
}

/// The order that sorts `names`, and each name's rank in it; a name that stands twice is an error.
fn order_of<'a>(names: impl Iterator<Item = &'a str>, place: &str) -> Result<(Vec<usize>, Vec<u32>)> {
    let names: Vec<&str> = names.collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&i| names[i]);
    if let Some(pair) = order.windows(2).find(|w| names[w[0]] == names[w[1]]) {
        return Err(Error::input(names[pair[0]], format!("stands twice in {place}, expected unique names")));
    }
    let mut rank = vec![0; names.len()];
    for (r, &i) in order.iter().enumerate() {
        rank[i] = r as u32;
    }
    Ok((order, rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyph(alphabet: u32, character: u32, drawer: u32) -> Glyph {
        Glyph {
            alphabet,
            character,
            drawer,
            pixels: Pixels::from_ink([drawer == 1; 6].into_iter()),
            file: None,
        }
    }

    #[test]
    fn a_dataset_is_sorted_by_name_whatever_the_order_it_came_in() {
        let names = |a: &str, c: &[&str]| Alphabet {
            name: a.into(),
            characters: c.iter().map(|s| s.to_string()).collect(),
        };
        let alphabets = vec![names("B", &["y", "x"]), names("A", &["z"])];
        let set =
            Dataset::new((2, 3), alphabets, vec![glyph(0, 0, 2), glyph(0, 1, 1), glyph(1, 0, 1)]).unwrap();
        assert_eq!(set.alphabets(), [names("A", &["z"]), names("B", &["x", "y"])]);
        let labels: Vec<_> = set.glyphs().iter().map(|g| (g.alphabet, g.character, g.drawer)).collect();
        assert_eq!(labels, [(0, 0, 1), (1, 0, 1), (1, 1, 2)]);
        assert_eq!(set.alphabet_range(1), 1..3);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let twice = Alphabet { name: "A".into(), characters: vec!["x".into(), "x".into()] };
        let error = Dataset::new((2, 3), vec![twice], vec![glyph(0, 0, 1)]).unwrap_err();
        assert_eq!(error.to_string(), "x: stands twice in A, expected unique names");
    }

    #[test]
    fn bits_hold_the_ink_they_were_given() {
        let ink: Vec<bool> = (0..21).map(|i| i % 3 == 0).collect();
        let pixels = Pixels::from_ink(ink.iter().copied());
        let mut out = [9.0; 21];
        pixels.write_ink(&mut out);
        for (i, &is_ink) in ink.iter().enumerate() {
            assert_eq!(out[i], f32::from(u8::from(is_ink)));
            assert_eq!(pixels.ink(i), out[i]);
        }
    }

    fn set_of(name: &str, size: (usize, usize)) -> Dataset {
        let alphabet = Alphabet { name: name.into(), characters: vec!["x".into()] };
        let pixels = Pixels::Grey(vec![7; size.0 * size.1].into());
        Dataset::new(
            size,
            vec![alphabet],
            vec![Glyph { alphabet: 0, character: 0, drawer: 1, pixels, file: None }],
        )
        .unwrap()
    }

    #[test]
    fn merging_keeps_every_alphabet_and_does_not_depend_on_the_order() {
        let merged = Dataset::merge(vec![set_of("B", (2, 3)), set_of("A", (2, 3))]).unwrap();
        assert_eq!(merged, Dataset::merge(vec![set_of("A", (2, 3)), set_of("B", (2, 3))]).unwrap());
        assert_eq!(merged.alphabets().len(), 2);
        assert_eq!((merged.glyphs()[0].alphabet, merged.glyphs()[1].alphabet), (0, 1));
    }

    #[test]
    fn merging_refuses_two_sizes_and_an_alphabet_in_two_sets() {
        let error = |sets| Dataset::merge(sets).unwrap_err().to_string();
        assert_eq!(
            error(vec![set_of("A", (2, 3)), set_of("B", (3, 2))]),
            "data: glyphs of 2 x 3 and of 3 x 2 are together, expected one size"
        );
        assert_eq!(
            error(vec![set_of("A", (2, 3)), set_of("A", (2, 3))]),
            "A: stands twice in the data, expected unique names"
        );
        assert_eq!(error(vec![]), "data: no glyph found, expected at least one image");
    }

    #[test]
    fn a_fingerprint_tells_sets_apart_and_never_changes() {
        let set = set_of("A", (2, 3));
        let others = [set_of("B", (2, 3)), set_of("A", (3, 2)), set_of("A", (1, 6))];
        for other in others {
            assert_ne!(set.fingerprint(), other.fingerprint());
        }
        let mut glyph = set.glyphs()[0].clone();
        glyph.drawer = 2;
        let redrawn = Dataset::new((2, 3), set.alphabets().to_vec(), vec![glyph]).unwrap();
        assert_ne!(set.fingerprint(), redrawn.fingerprint());
        // Computed apart from this crate: stored models and runs hold such numbers.
        assert_eq!(set.fingerprint(), 0x19f0_ca16_837f_5325);
    }
}
