//! Splits by alphabet: what is learned must hold for alphabets that were never seen.

use super::Dataset;
use crate::random::rng;
use crate::{Error, Result};
use rand::seq::SliceRandom;

/// Indices of alphabets, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Trained on.
    pub training: Vec<usize>,
    /// Held out: for validation and for the threshold.
    pub held_out: Vec<usize>,
}

/// The stream of chance that chooses alphabets.
const STREAM: u64 = 100;

impl Split {
    /// Holds out the alphabets named, or, where none is named, some chosen by the seed: five, or two of fewer
    /// than ten.
    ///
    /// # Errors
    /// When there are fewer than four alphabets, a name is unknown, or fewer than two alphabets are left on a
    /// side, of which no pair of different alphabets can be made.
    pub fn by_alphabet(set: &Dataset, hold_out: &[String], seed: u64) -> Result<Split> {
        let count = set.alphabets().len();
        if count < 4 {
            let message =
                format!("{count} alphabets, expected at least 4: two to learn from and two to hold out");
            return Err(Error::input("data", message));
        }
        let mut held_out = if hold_out.is_empty() {
            let mut all: Vec<usize> = (0..count).collect();
            all.shuffle(&mut rng(seed, STREAM));
            all.truncate(if count < 10 { 2 } else { 5 });
            all
        } else {
            indices(set, hold_out, "--hold-out")?
        };
        held_out.sort_unstable();
        held_out.dedup();
        let training: Vec<usize> = (0..count).filter(|a| held_out.binary_search(a).is_err()).collect();
        for (side, what) in [(&held_out, "held out"), (&training, "left to learn from")] {
            if side.len() < 2 {
                let message = format!(
                    "{} alphabet {what}, expected at least 2, for pairs of different ones",
                    side.len()
                );
                return Err(Error::input("--hold-out", message));
            }
        }
        Ok(Split { training, held_out })
    }

    /// The split that a stored model names.
    ///
    /// # Errors
    /// When the data lacks one of its alphabets.
    pub fn from_names(set: &Dataset, training: &[String], held_out: &[String]) -> Result<Split> {
        let mut split = Split {
            training: indices(set, training, "--data")?,
            held_out: indices(set, held_out, "--data")?,
        };
        split.training.sort_unstable();
        split.held_out.sort_unstable();
        Ok(split)
    }
}

fn indices(set: &Dataset, names: &[String], flag: &str) -> Result<Vec<usize>> {
    let find = |name: &String| {
        set.alphabets().iter().position(|alphabet| alphabet.name == *name).ok_or_else(|| {
            let mut known: Vec<&str> =
                set.alphabets().iter().map(|alphabet| alphabet.name.as_str()).collect();
            known.sort_by_key(|known| distance(known, name));
            known.truncate(3);
            Error::input(
                format!("{flag} {name}"),
                format!("the data has no such alphabet, the nearest names are {}", known.join(", ")),
            )
        })
    };
    names.iter().map(find).collect()
}

/// Levenshtein's distance of two names, letters' case ignored.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Alphabet, Glyph, Pixels};

    fn set(names: &[&str]) -> Dataset {
        let alphabets = names.iter().map(|n| Alphabet { name: n.to_string(), characters: vec!["c".into()] });
        let glyphs = (0..names.len() as u32).map(|alphabet| Glyph {
            alphabet,
            character: 0,
            drawer: 1,
            pixels: Pixels::from_ink([true].into_iter()),
        });
        Dataset::new((1, 1), alphabets.collect(), glyphs.collect()).unwrap()
    }

    #[test]
    fn five_alphabets_are_held_out_and_two_of_fewer_than_ten() {
        for (count, expected) in [(4, 2), (9, 2), (10, 5), (30, 5)] {
            let names: Vec<String> = (0..count).map(|i| format!("A{i:02}")).collect();
            let set = set(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let split = Split::by_alphabet(&set, &[], 3).unwrap();
            assert_eq!((split.held_out.len(), split.training.len()), (expected, count - expected));
            let mut all = [split.training.clone(), split.held_out.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            assert_eq!(split, Split::by_alphabet(&set, &[], 3).unwrap());
        }
    }

    #[test]
    fn an_unknown_alphabet_is_named_with_its_neighbours() {
        let set = set(&["Greek", "Latin", "Futurama", "Hebrew"]);
        let error = Split::by_alphabet(&set, &["Greec".into(), "Latin".into()], 1).unwrap_err().to_string();
        assert!(
            error.starts_with("--hold-out Greec: the data has no such alphabet, the nearest names are Greek")
        );
        let error = Split::by_alphabet(&set, &["Greek".into()], 1).unwrap_err().to_string();
        assert_eq!(
            error,
            "--hold-out: 1 alphabet held out, expected at least 2, for pairs of different ones"
        );
    }

    #[test]
    fn fewer_than_four_alphabets_are_refused() {
        let error = Split::by_alphabet(&set(&["A", "B", "C"]), &[], 1).unwrap_err().to_string();
        assert!(error.starts_with("data: 3 alphabets, expected at least 4"), "{error}");
    }
}
