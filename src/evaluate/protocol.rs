//! The report's protocol, repeated honestly: balanced pairs from each set of alphabets, the stored threshold,
//! the base rate beside every accuracy; the same for pairs of sets of glyphs.

use super::calibration::{Calibration, Rule};
use super::embed::embed;
use super::glyph_sets::SetSampler;
use super::metrics::{
    Evaluation, OneShotMistake, OneShotResult, Origin, ScoredPair, best_threshold, evaluate_set, nearest,
};
use crate::data::Dataset;
use crate::data::one_shot::OneShotRun;
use crate::data::sampler::{Label, Pair, PairSampler};
use crate::data::split::Split;
use crate::nn::Model;
use crate::random::rng;
use crate::{Error, Result};

/// What is measured.
pub struct Protocol<'a> {
    /// The data that the model was trained on.
    pub set: &'a Dataset,
    /// Its alphabets, trained on and held out.
    pub split: &'a Split,
    /// Alphabets that took no part in training.
    pub unseen: Option<&'a Dataset>,
    /// What makes two glyphs the same.
    pub label: Label,
    /// Pairs from each set.
    pub pairs: usize,
    /// Glyphs a side of every pair.
    pub glyphs: usize,
    /// Seed of the pairs and of the resampling.
    pub seed: u64,
}

/// Pairs of sets of glyphs on which their threshold and calibration are chosen, and the stream that draws them; the
/// letters `choice`.
const CHOICE_PAIRS: usize = 2000;
const CHOICE: u64 = 0x6368_6f69_6365;

/// Measures the sets `train`, `held-out`, `unseen` (where there are any) and `both`, which is all of them.
///
/// The rule is that of single glyphs. Means of several glyphs lie closer together, so for pairs of sets a rule is chosen
/// anew, on the held-out alphabets alone; where there are none, it is the stored one still.
///
/// # Errors
/// When a set has too few glyphs for pairs.
pub fn evaluate_sets(model: &mut Model<f32>, rule: Rule, protocol: &Protocol<'_>) -> Result<Evaluation> {
    let Protocol { set, split, unseen, label, pairs, glyphs, seed } = *protocol;
    let all: Vec<usize> = (0..set.alphabets().len()).collect();
    let mut sets = vec![("train", set, &split.training), ("held-out", set, &split.held_out)];
    sets.retain(|(_, _, alphabets)| !alphabets.is_empty());
    let unseen_all: Vec<usize> =
        unseen.map(|unseen| (0..unseen.alphabets().len()).collect()).unwrap_or_default();
    if let Some(unseen) = unseen {
        sets.push(("unseen", unseen, &unseen_all));
    }
    let merged = unseen.map(|unseen| Dataset::merge(vec![set.clone(), unseen.clone()])).transpose()?;
    let merged_all: Vec<usize> = (0..merged.as_ref().map_or(0, |merged| merged.alphabets().len())).collect();
    // All that the model knows of, whatever else the data holds.
    let mut seen: Vec<usize> = split.training.iter().chain(&split.held_out).copied().collect();
    seen.sort_unstable();
    match &merged {
        Some(merged) => sets.push(("both", merged, &merged_all)),
        None if seen.len() == all.len() => sets.push(("both", set, &all)),
        None => sets.push(("both", set, &seen)),
    }
    // What cannot be drawn from is refused before anything is measured.
    let sets = sets
        .into_iter()
        .map(|(name, set, alphabets)| Ok((name, set, Sampler::new(set, alphabets, label, glyphs)?)))
        .collect::<Result<Vec<_>>>()?;
    let (mut rule, mut origin) = (rule, Origin::Stored);
    if glyphs > 1 && !split.held_out.is_empty() {
        let mut sampler = Sampler::new(set, &split.held_out, label, glyphs)?;
        rule = choose(&sampler.score(model, set, "held-out", CHOICE_PAIRS, (seed, CHOICE))?, rule);
        origin = Origin::HeldOut(CHOICE_PAIRS);
    }
    let mut results = Vec::with_capacity(sets.len());
    for (i, (name, set, mut sampler)) in sets.into_iter().enumerate() {
        let seed = seed.wrapping_add(i as u64);
        let scored = sampler.score(model, set, name, pairs, (seed, 0))?;
        results.push(evaluate_set(name, &scored, &rule, seed));
    }
    Ok(Evaluation { glyphs, threshold: rule.threshold, origin, sets: results })
}

/// The best threshold on some pairs, and the calibration; those of `rule` where the pairs are of one kind.
fn choose(pairs: &[ScoredPair], rule: Rule) -> Rule {
    let (distances, same): (Vec<f32>, Vec<bool>) =
        pairs.iter().map(|pair| (pair.distance, pair.same)).unzip();
    Rule {
        threshold: best_threshold(&distances, &same).map_or(rule.threshold, |best| best.threshold),
        calibration: Calibration::fit(&distances, &same).or(rule.calibration),
    }
}

/// Draws balanced pairs of some alphabets and measures their distances.
enum Sampler {
    Glyphs(PairSampler),
    Sets(SetSampler),
}

impl Sampler {
    fn new(set: &Dataset, alphabets: &[usize], label: Label, glyphs: usize) -> Result<Sampler> {
        Ok(match glyphs {
            1 => Sampler::Glyphs(PairSampler::new(set, alphabets, label)?),
            _ => Sampler::Sets(SetSampler::new(set, alphabets, label, glyphs)?),
        })
    }

    /// The distances of `n` pairs, drawn by a seed and its stream.
    fn score(
        &mut self,
        model: &mut Model<f32>,
        set: &Dataset,
        name: &str,
        n: usize,
        (seed, stream): (u64, u64),
    ) -> Result<Vec<ScoredPair>> {
        let mut rng = rng(seed, stream);
        let scored = match self {
            Sampler::Glyphs(sampler) => score_glyphs(model, set, &sampler.batch(n, &mut rng))?,
            Sampler::Sets(sampler) => sampler.score(model, set, n, &mut rng)?,
        };
        match scored.iter().find(|pair| !pair.distance.is_finite()) {
            Some(ScoredPair { distance, .. }) => {
                let message =
                    format!("a distance of {distance}, expected finite numbers: the model is broken");
                Err(Error::input(name, message))
            }
            None => Ok(scored),
        }
    }
}

/// The distances of pairs of glyphs, each of which is encoded once.
///
/// # Errors
/// When the layers do not fit together.
pub fn score_glyphs(model: &mut Model<f32>, set: &Dataset, pairs: &[Pair]) -> Result<Vec<ScoredPair>> {
    let mut glyphs: Vec<usize> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
    glyphs.sort_unstable();
    glyphs.dedup();
    let row = |glyph: usize| glyphs.binary_search(&glyph).expect("every glyph is in the list");
    let rows: Vec<(usize, usize)> = pairs.iter().map(|pair| (row(pair.left), row(pair.right))).collect();
    let embeddings = embed(model, set.size(), glyphs.len(), |i| &set.glyphs()[glyphs[i]].pixels)?;
    let distances = model.distances(&embeddings, &rows)?;
    let alphabet = |glyph: usize| set.glyphs()[glyph].alphabet;
    let scored = pairs.iter().zip(distances).map(|(pair, distance)| ScoredPair {
        distance,
        same: pair.same,
        alphabets: (alphabet(pair.left), alphabet(pair.right)),
    });
    Ok(scored.collect())
}

/// For each run, the training glyph at the smallest distance is the answer.
///
/// # Errors
/// When the glyphs are not of the model's size.
pub fn evaluate_one_shot(model: &mut Model<f32>, runs: &[OneShotRun]) -> Result<OneShotResult> {
    let mut shares = Vec::with_capacity(runs.len());
    let mut errors = Vec::new();
    for run in runs {
        let (tests, classes) = (run.test.len(), run.training.len());
        let glyph = |i: usize| if i < tests { &run.test[i] } else { &run.training[i - tests] };
        let embeddings = embed(model, run.size, tests + classes, glyph)?;
        let pairs: Vec<_> = (0..tests * classes).map(|i| (i / classes, tests + i % classes)).collect();
        let distances = model.distances(&embeddings, &pairs)?;
        let before = errors.len();
        for (test, (row, &answer)) in distances.chunks(classes).zip(&run.answers).enumerate() {
            let chosen = nearest(row);
            if chosen != answer {
                errors.push(OneShotMistake {
                    run: run.name.clone(),
                    test: run.test_numbers[test],
                    answer: run.training_numbers[answer],
                    chosen: run.training_numbers[chosen],
                });
            }
        }
        shares.push((errors.len() - before) as f64 / tests.max(1) as f64);
    }
    let trials: usize = runs.iter().map(|run| run.test.len()).sum();
    Ok(OneShotResult { error: errors.len() as f64 / trials.max(1) as f64, trials, runs: shares, errors })
}

#[cfg(test)]
mod tests;
