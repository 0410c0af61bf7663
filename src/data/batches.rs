//! Batches of labels: some alphabets, some characters of each, some drawings of each of these.

use super::Dataset;
use super::orientation::Orientation;
use super::sampler::{Label, check_alphabets};
use crate::{Error, Result};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use twinglyph_engine::random;

/// What a batch of labels is made of: with the alphabet as the label, `alphabets` labels of
/// `characters` x `drawings` glyphs each; with the character, `alphabets` x `characters` labels of `drawings` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shares {
    /// Alphabets, turned and mirrored ones counted as alphabets of their own.
    pub alphabets: usize,
    /// Characters of each alphabet.
    pub characters: usize,
    /// Drawings of each character.
    pub drawings: usize,
}

impl Default for Shares {
    fn default() -> Shares {
        Shares { alphabets: 16, characters: 4, drawings: 2 }
    }
}

impl Shares {
    /// Glyphs in all.
    pub fn glyphs(&self) -> usize {
        self.alphabets.saturating_mul(self.characters).saturating_mul(self.drawings)
    }
}

/// A glyph to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Index into [`Dataset::glyphs`].
    pub glyph: usize,
    /// How it is turned.
    pub orientation: Orientation,
    /// Its number as an alphabet, equal within a batch for equal alphabets in equal orientation.
    pub alphabet: u32,
    /// The same for its character.
    pub character: u32,
}

/// Draws batches of labels from some alphabets.
///
/// The alphabets of a batch are drawn without repetition from all alphabets in all orientations, the characters from
/// the alphabet's and the drawings from the character's; a choice is repeated only where there is nothing left to
/// choose from.
#[derive(Clone, Debug)]
pub struct BatchSampler {
    shares: Shares,
    /// Of each alphabet, the glyphs of each character.
    alphabets: Vec<Vec<Range<usize>>>,
    orientations: usize,
}

impl BatchSampler {
    /// A sampler of the glyphs of `alphabets`, which are indices into [`Dataset::alphabets`], in the first `orientations`
    /// of [`Orientation::ALL`].
    ///
    /// # Errors
    /// When an alphabet does not exist or is given twice, or there are too few glyphs for two labels or for a positive
    /// pair.
    pub fn new(
        set: &Dataset,
        alphabets: &[usize],
        label: Label,
        shares: Shares,
        orientations: usize,
    ) -> Result<BatchSampler> {
        check_alphabets(set, alphabets)?;
        let count = alphabets.len() * orientations;
        let least = if label == Label::Alphabet { 2 } else { 1 };
        if count < least {
            let message = format!("has {count} alphabets to draw from, expected at least {least}");
            return Err(Error::input("data", message));
        }
        if shares.alphabets > count {
            let message = format!(
                "expected at most the {count} alphabets to draw from (in all orientations), found {}",
                shares.alphabets
            );
            return Err(Error::input("sample.alphabets", message));
        }
        let mut all = Vec::with_capacity(alphabets.len());
        for &alphabet in alphabets {
            let characters: Vec<Range<usize>> = set.character_ranges(alphabet).collect();
            let name = &set.alphabets()[alphabet].name;
            let (glyphs, most) = (
                characters.iter().map(Range::len).sum::<usize>(),
                characters.iter().map(Range::len).max().unwrap_or(0),
            );
            if label == Label::Alphabet && glyphs < 2 {
                let message =
                    "is an alphabet of fewer than two glyphs, expected at least two to make a same pair";
                return Err(Error::input(name, message));
            }
            if label == Label::Character && most < 2 {
                let message = "has one drawing of each character, expected at least two to make a same pair";
                return Err(Error::input(name, message));
            }
            all.push(characters);
        }
        Ok(BatchSampler { shares, alphabets: all, orientations })
    }

    /// A batch: alphabet by alphabet, in it character by character.
    pub fn batch(&self, rng: &mut impl Rng) -> Vec<Drawn> {
        let Shares { alphabets, characters, drawings } = self.shares;
        let mut batch = Vec::with_capacity(self.shares.glyphs());
        for class in choose(rng, self.alphabets.len() * self.orientations, alphabets) {
            let ranges = &self.alphabets[class / self.orientations];
            let orientation = Orientation::ALL[class % self.orientations];
            // A number of its own for each character of each class.
            let first = class * self.alphabets.iter().map(Vec::len).max().unwrap_or(0);
            for character in choose(rng, ranges.len(), characters) {
                let range = &ranges[character];
                for drawing in choose(rng, range.len(), drawings) {
                    batch.push(Drawn {
                        glyph: range.start + drawing,
                        orientation,
                        alphabet: class as u32,
                        character: (first + character) as u32,
                    });
                }
            }
        }
        batch
    }
}

/// `k` of the numbers `0..n`, each once before any is there twice.
fn choose(rng: &mut impl Rng, n: usize, k: usize) -> Vec<usize> {
    let mut chosen = random::choose(rng, n, k);
    while chosen.len() < k {
        chosen.extend(random::choose(rng, n, k - chosen.len()));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::labelled_set;
    use std::collections::{BTreeMap, BTreeSet};
    use twinglyph_engine::random::rng;

    const SHARES: Shares = Shares { alphabets: 3, characters: 4, drawings: 2 };

    /// Three alphabets of 5, 6 and 7 characters in 3 drawings each.
    fn sampler(label: Label, shares: Shares, orientations: usize) -> Result<(Dataset, BatchSampler)> {
        let set = labelled_set(&[5, 6, 7], 3);
        let sampler = BatchSampler::new(&set, &[0, 1, 2], label, shares, orientations)?;
        Ok((set, sampler))
    }

    #[test]
    fn a_batch_is_made_of_the_shares_that_were_asked_for() {
        for orientations in [1, 8] {
            let (set, sampler) = sampler(Label::Alphabet, SHARES, orientations).unwrap();
            let mut rng = rng(1, 0);
            for _ in 0..200 {
                let batch = sampler.batch(&mut rng);
                assert_eq!(batch.len(), 24);
                let mut alphabets: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
                let mut characters: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
                for drawn in &batch {
                    alphabets.entry(drawn.alphabet).or_default().insert(drawn.character);
                    characters.entry(drawn.character).or_default().insert(drawn.glyph);
                }
                assert_eq!(alphabets.len(), 3);
                assert!(
                    alphabets.values().all(|characters| characters.len() == 4),
                    "a character is repeated"
                );
                assert!(characters.values().all(|glyphs| glyphs.len() == 2), "a drawing is repeated");
                // Labels are equal exactly where alphabet or character and orientation are.
                for a in &batch {
                    for b in &batch {
                        let [x, y] = [a, b].map(|drawn| &set.glyphs()[drawn.glyph]);
                        let turned_alike = a.orientation == b.orientation;
                        let same = x.alphabet == y.alphabet && turned_alike;
                        assert_eq!(a.alphabet == b.alphabet, same);
                        assert_eq!(a.character == b.character, same && x.character == y.character);
                    }
                }
            }
        }
    }

    #[test]
    fn every_alphabet_in_every_orientation_is_drawn_about_as_often() {
        let (_, sampler) = sampler(Label::Alphabet, Shares { alphabets: 6, ..SHARES }, 4).unwrap();
        let mut counts = [0u32; 12];
        let mut rng = rng(2, 0);
        for _ in 0..4000 {
            sampler.batch(&mut rng).chunks(8).for_each(|own| counts[own[0].alphabet as usize] += 1);
        }
        // 2,000 +- 5 standard deviations of 4,000 draws with probability 1/2.
        assert!(counts.iter().all(|count| (1842..=2158).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_too_few_is_repeated_only_after_all_has_been_taken() {
        let shares = Shares { alphabets: 2, characters: 7, drawings: 4 };
        let (_, sampler) = sampler(Label::Character, shares, 1).unwrap();
        let batch = sampler.batch(&mut rng(3, 0));
        for own in batch.chunks(4) {
            let glyphs: BTreeSet<usize> = own.iter().map(|drawn| drawn.glyph).collect();
            assert_eq!(glyphs.len(), 3, "{own:?}");
        }
        assert_eq!(batch.len(), shares.glyphs());
        let mut rng = rng(4, 0);
        for _ in 0..50 {
            let mut counts = [0; 5];
            choose(&mut rng, 5, 14).into_iter().for_each(|i| counts[i] += 1);
            assert!(counts.iter().all(|count| (2..=3).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn sets_and_shares_that_cannot_work_are_refused_with_a_sentence() {
        let error = |result: Result<(Dataset, BatchSampler)>| result.unwrap_err().to_string();
        let many = Shares { alphabets: 4, ..SHARES };
        assert_eq!(
            error(sampler(Label::Alphabet, many, 1)),
            "sample.alphabets: expected at most the 3 alphabets to draw from (in all orientations), found 4"
        );
        assert!(sampler(Label::Alphabet, many, 4).is_ok());
        let single = labelled_set(&[5, 1], 1);
        let new = |label| {
            let shares = Shares { alphabets: 2, ..SHARES };
            BatchSampler::new(&single, &[0, 1], label, shares, 1).map(|sampler| (single.clone(), sampler))
        };
        assert_eq!(
            error(new(Label::Alphabet)),
            "A01: is an alphabet of fewer than two glyphs, expected at least two to make a same pair"
        );
        assert_eq!(
            error(new(Label::Character)),
            "A00: has one drawing of each character, expected at least two to make a same pair"
        );
    }
}
