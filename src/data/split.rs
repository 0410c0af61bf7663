//! Which alphabets are trained on and which are held out: whole alphabets, so that the figures speak of new ones.

use super::Dataset;
use crate::{Error, Result};
use twinglyph_engine::meant::edits;
use twinglyph_engine::random;

/// The generator's stream for splits; the letters `split`.
const STREAM: u64 = 0x73_706c_6974;
/// Each side must have pairs of different alphabets.
const MIN_SIDE: usize = 2;

/// Indices into [`Dataset::alphabets`], sorted, none on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The alphabets that weights are trained on.
    pub training: Vec<usize>,
    /// The alphabets for the threshold and the validation figures.
    pub held_out: Vec<usize>,
}

impl Split {
    /// Holds out the alphabets named in `hold_out`; if it is empty, `seed` chooses five, or two of fewer than ten.
    ///
    /// The same seed and the same names of alphabets give the same split on every platform.
    ///
    /// # Errors
    /// When the set has fewer than four alphabets, a name is unknown, or a side would have fewer than two alphabets.
    pub fn by_alphabet(set: &Dataset, hold_out: &[String], seed: u64) -> Result<Split> {
        let count = set.alphabets().len();
        if count < 2 * MIN_SIDE {
            return Err(Error::input(
                "data",
                format!(
                    "has {count} {}, expected at least four: two to train on and two to hold out, so that both have \
                     pairs of different alphabets",
                    if count == 1 { "alphabet" } else { "alphabets" }
                ),
            ));
        }
        let held_out = if hold_out.is_empty() {
            choose(count, holding(count), seed)
        } else {
            let unknown = |name: &str| {
                let message = format!("no alphabet is named {name:?}, expected {}", nearest(set, name));
                Error::argument("hold_out", "", message)
            };
            indices(set, hold_out, unknown)?
        };
        let training: Vec<usize> = (0..count).filter(|a| !held_out.contains(a)).collect();
        for (side, verb) in [(&held_out, "holds out"), (&training, "leaves")] {
            if side.len() < MIN_SIDE {
                let message = format!(
                    "{verb} {} of {count} alphabets, expected at least {MIN_SIDE}: there would be no pair of different \
                     alphabets",
                    side.len()
                );
                return Err(Error::argument("hold_out", "", message));
            }
        }
        Ok(Split { training, held_out })
    }

    /// Deals the alphabets to `folds` parts of sizes as equal as can be, in an order that `seed` decides, and gives for
    /// each part a split of the other alphabets, of which some are held out as [`Split::by_alphabet`] does, and the part
    /// itself, which takes no part in that training.
    ///
    /// # Errors
    /// When a part would have fewer than two alphabets, or fewer than four are left to train on.
    pub fn folds(set: &Dataset, folds: usize, seed: u64) -> Result<Vec<(Split, Vec<usize>)>> {
        let count = set.alphabets().len();
        let largest = count.div_ceil(folds.max(1));
        if folds < 2 || count / folds < MIN_SIDE || count - largest < 2 * MIN_SIDE {
            let message = format!(
                "expected at least two folds of at least {MIN_SIDE} of the {count} alphabets, and at least {} left to train \
                 on",
                2 * MIN_SIDE
            );
            return Err(Error::argument("folds", folds, message));
        }
        let order = random::choose(&mut random::rng(seed, STREAM), count, count);
        let part = |fold: usize| {
            let mut part: Vec<usize> = order.iter().copied().skip(fold).step_by(folds).collect();
            part.sort_unstable();
            part
        };
        let split = |fold: usize| {
            let part = part(fold);
            let rest: Vec<usize> = (0..count).filter(|a| !part.contains(a)).collect();
            let held_out: Vec<usize> =
                choose(rest.len(), holding(rest.len()), seed.wrapping_add(fold as u64))
                    .into_iter()
                    .map(|i| rest[i])
                    .collect();
            let training = rest.into_iter().filter(|a| !held_out.contains(a)).collect();
            (Split { training, held_out }, part)
        };
        Ok((0..folds).map(split).collect())
    }

    /// The names of the alphabets trained on, and of those held out.
    pub fn names(&self, set: &Dataset) -> [Vec<String>; 2] {
        let names = |side: &[usize]| side.iter().map(|&a| set.alphabets()[a].name.clone()).collect();
        [names(&self.training), names(&self.held_out)]
    }

    /// Finds again the alphabets that a stored model was trained on and those held out; either may be empty.
    ///
    /// # Errors
    /// When the set has no alphabet of a name, or a name is on both sides.
    pub fn from_names(set: &Dataset, training: &[String], held_out: &[String]) -> Result<Split> {
        let unknown = |name: &str| {
            Error::input(name, "is an alphabet of the model but not of the data, expected data that has it")
        };
        let split =
            Split { training: indices(set, training, unknown)?, held_out: indices(set, held_out, unknown)? };
        match split.training.iter().find(|a| split.held_out.contains(a)) {
            Some(&both) => Err(Error::input(
                &set.alphabets()[both].name,
                "is named among the training and the held-out alphabets, expected it in one of them",
            )),
            None => Ok(split),
        }
    }
}

/// How many of `count` alphabets are held out unless they are named.
fn holding(count: usize) -> usize {
    if count < 10 { 2 } else { 5 }
}

/// `k` of the numbers `0..n`, sorted.
fn choose(n: usize, k: usize, seed: u64) -> Vec<usize> {
    let mut chosen = random::choose(&mut random::rng(seed, STREAM), n, k);
    chosen.sort_unstable();
    chosen
}

/// The alphabets of these names, sorted, each once.
fn indices(set: &Dataset, names: &[String], unknown: impl Fn(&str) -> Error) -> Result<Vec<usize>> {
    let find =
        |name: &String| set.alphabets().iter().position(|a| a.name == *name).ok_or_else(|| unknown(name));
    let mut found = names.iter().map(find).collect::<Result<Vec<_>>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The three names most like `name`, for a sentence.
fn nearest(set: &Dataset, name: &str) -> String {
    let mut names: Vec<&str> = set.alphabets().iter().map(|a| a.name.as_str()).collect();
    names.sort_by_cached_key(|other| edits(name, other));
    let rest = names.len().saturating_sub(3);
    names.truncate(3);
    let listed = names.join(", ");
    if rest == 0 { format!("one of {listed}") } else { format!("one of {listed} or {rest} others") }
}

#[cfg(test)]
mod tests;
