//! Pairs and triplets of glyphs, drawn so that no negative shares the anchor's label: its alphabet, or its character.

use super::Dataset;
use crate::{Error, Result};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use twinglyph_engine::random::below;

/// What two glyphs must share to be a positive pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The alphabet.
    #[default]
    Alphabet,
    /// The character.
    Character,
}

impl Label {
    /// For sentences.
    pub fn name(self) -> &'static str {
        match self {
            Label::Alphabet => "alphabet",
            Label::Character => "character",
        }
    }

    /// For sentences.
    pub fn with_article(self) -> &'static str {
        match self {
            Label::Alphabet => "an alphabet",
            Label::Character => "a character",
        }
    }
}

/// Two different glyphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Index into [`Dataset::glyphs`].
    pub left: usize,
    /// Index into [`Dataset::glyphs`].
    pub right: usize,
    /// Whether they are of the same label.
    pub same: bool,
}

/// Three different glyphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Triplet {
    /// Index into [`Dataset::glyphs`].
    pub anchor: usize,
    /// Another glyph of the anchor's label.
    pub positive: usize,
    /// A glyph of another label.
    pub negative: usize,
}

/// Draws balanced pairs from some alphabets.
///
/// A same pair: a label, then two different glyphs of it; a different pair: two different labels, then a glyph
/// of each. All choices are uniform, so a small alphabet is drawn as often as a large one.
#[derive(Clone, Debug)]
pub struct PairSampler {
    groups: Groups,
}

/// Draws triplets from some alphabets: two different labels, then two different glyphs of the first as anchor and
/// positive and a glyph of the second as negative. All choices are uniform.
#[derive(Clone, Debug)]
pub struct TripletSampler {
    groups: Groups,
}

impl PairSampler {
    /// A sampler of the glyphs of `alphabets`, which are indices into [`Dataset::alphabets`].
    ///
    /// # Errors
    /// When there are fewer than two labels, an alphabet does not exist or is given twice, or one has no two glyphs of a
    /// label.
    pub fn new(set: &Dataset, alphabets: &[usize], label: Label) -> Result<PairSampler> {
        Ok(PairSampler { groups: Groups::new(set, alphabets, label)? })
    }

    /// A pair that is of the same label with probability 1/2.
    pub fn sample(&self, rng: &mut impl Rng) -> Pair {
        let same = below(rng, 2) == 0;
        self.pair(same, rng)
    }

    /// `n` pairs of a row of pairs, from number `first` on: those of even numbers are of one label, the others of two.
    ///
    /// So batches that go on where the one before ended are of as many same pairs as different ones, whatever `n`. They are
    /// not shuffled: the mean over a batch does not know its order.
    pub fn batch(&self, first: usize, n: usize, rng: &mut impl Rng) -> Vec<Pair> {
        (first..first + n).map(|i| self.pair(i.is_multiple_of(2), rng)).collect()
    }

    /// A pair of the same label, or of different ones.
    pub fn pair(&self, same: bool, rng: &mut impl Rng) -> Pair {
        let (a, b) = self.groups.two(rng);
        let (left, right) = if same {
            self.groups.two_of(a, rng)
        } else {
            (self.groups.one_of(a, rng), self.groups.one_of(b, rng))
        };
        Pair { left, right, same }
    }
}

impl TripletSampler {
    /// A sampler of the glyphs of `alphabets`, which are indices into [`Dataset::alphabets`].
    ///
    /// # Errors
    /// As [`PairSampler::new`].
    pub fn new(set: &Dataset, alphabets: &[usize], label: Label) -> Result<TripletSampler> {
        Ok(TripletSampler { groups: Groups::new(set, alphabets, label)? })
    }

    /// A triplet.
    pub fn sample(&self, rng: &mut impl Rng) -> Triplet {
        let (a, b) = self.groups.two(rng);
        let (anchor, positive) = self.groups.two_of(a, rng);
        Triplet { anchor, positive, negative: self.groups.one_of(b, rng) }
    }

    /// `n` triplets.
    pub fn batch(&self, n: usize, rng: &mut impl Rng) -> Vec<Triplet> {
        (0..n).map(|_| self.sample(rng)).collect()
    }
}

/// Glyphs of one label stand together, those of an alphabet and, in it, those of a character.
#[derive(Clone, Debug)]
struct Groups {
    ranges: Vec<Range<usize>>,
}

impl Groups {
    fn new(set: &Dataset, alphabets: &[usize], label: Label) -> Result<Groups> {
        check_alphabets(set, alphabets)?;
        let mut ranges = Vec::with_capacity(alphabets.len());
        match label {
            Label::Alphabet => {
                if alphabets.len() < 2 {
                    let message = format!(
                        "has {} of the alphabets to draw from, expected at least two: a negative is of another one",
                        alphabets.len()
                    );
                    return Err(Error::input("data", message));
                }
                for &alphabet in alphabets {
                    let range = set.alphabet_range(alphabet);
                    if range.len() < 2 {
                        let glyphs = if range.len() == 1 { "glyph" } else { "glyphs" };
                        let message = format!(
                            "is an alphabet of {} {glyphs}, expected at least two to make a same pair",
                            range.len()
                        );
                        return Err(Error::input(&set.alphabets()[alphabet].name, message));
                    }
                    ranges.push(range);
                }
            }
            Label::Character => {
                for &alphabet in alphabets {
                    ranges.extend(set.character_ranges(alphabet).filter(|range| range.len() >= 2));
                }
                if ranges.len() < 2 {
                    let message = format!(
                        "has {} of the characters to draw from in two drawings or more, expected at least two: a \
                         negative is of another one",
                        ranges.len()
                    );
                    return Err(Error::input("data", message));
                }
            }
        }
        Ok(Groups { ranges })
    }

    /// Two different groups.
    fn two(&self, rng: &mut impl Rng) -> (usize, usize) {
        two_below(rng, self.ranges.len())
    }

    /// A glyph of a group.
    fn one_of(&self, group: usize, rng: &mut impl Rng) -> usize {
        let range = &self.ranges[group];
        range.start + below(rng, range.len() as u32) as usize
    }

    /// Two different glyphs of a group.
    fn two_of(&self, group: usize, rng: &mut impl Rng) -> (usize, usize) {
        let range = &self.ranges[group];
        let (a, b) = two_below(rng, range.len());
        (range.start + a, range.start + b)
    }
}

/// Refuses alphabets that do not exist, are given twice, or have more glyphs than can be drawn from.
pub(super) fn check_alphabets(set: &Dataset, alphabets: &[usize]) -> Result<()> {
    for (i, &alphabet) in alphabets.iter().enumerate() {
        let Some(name) = set.alphabets().get(alphabet).map(|a| &a.name) else {
            let count = set.alphabets().len();
            let message = format!("has no alphabet number {alphabet}, expected one below {count}");
            return Err(Error::input("data", message));
        };
        if alphabets[..i].contains(&alphabet) {
            return Err(Error::input(name, "is given twice to draw from, expected each alphabet once"));
        }
        if u32::try_from(set.alphabet_range(alphabet).len()).is_err() {
            return Err(Error::input(name, "has too many glyphs to draw from, expected fewer than 2^32"));
        }
    }
    Ok(())
}

/// Two different numbers below `n` (at least 2): the second is drawn from the others, of which there is one fewer.
fn two_below(rng: &mut impl Rng, n: usize) -> (usize, usize) {
    let first = below(rng, n as u32) as usize;
    let second = below(rng, n as u32 - 1) as usize;
    (first, second + usize::from(second >= first))
}

#[cfg(test)]
mod tests;
