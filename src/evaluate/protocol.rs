//! The report's protocol, repeated honestly: balanced pairs from each set of alphabets, the stored threshold,
//! the base rate beside every accuracy.

use super::embed::embed;
use super::metrics::{Evaluation, OneShotResult, ScoredPair, evaluate_set, one_shot_error};
use crate::data::one_shot::OneShotRun;
use crate::data::sampler::{Label, Pair, PairSampler};
use crate::data::split::Split;
use crate::data::Dataset;
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
    /// Seed of the pairs and of the resampling.
    pub seed: u64,
}

/// Measures the sets `train`, `held-out`, `unseen` (where there are any) and `both`, which is all of them.
///
/// # Errors
/// When a set has too few glyphs for pairs.
pub fn evaluate_sets(model: &mut Model<f32>, threshold: f32, protocol: &Protocol<'_>) -> Result<Evaluation> {
    let Protocol { set, split, unseen, .. } = *protocol;
    let all: Vec<usize> = (0..set.alphabets().len()).collect();
    let mut sets = vec![("train", set, &split.training), ("held-out", set, &split.held_out)];
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
    let mut results = Vec::with_capacity(sets.len());
    for (i, (name, set, alphabets)) in sets.into_iter().enumerate() {
        let seed = protocol.seed.wrapping_add(i as u64);
        let scored = score(model, name, set, alphabets, protocol.label, protocol.pairs, seed)?;
        results.push(evaluate_set(name, &scored, threshold, seed));
    }
    Ok(Evaluation { threshold, sets: results })
}

/// Draws balanced pairs of some alphabets and measures the model on them; `name` is what the result and errors call
/// them.
///
/// # Errors
/// When there are too few glyphs for pairs.
pub fn score(
    model: &mut Model<f32>,
    name: &str,
    set: &Dataset,
    alphabets: &[usize],
    label: Label,
    pairs: usize,
    seed: u64,
) -> Result<Vec<ScoredPair>> {
    let pairs = PairSampler::new(set, alphabets, label)?.batch(pairs, &mut rng(seed, 0));
    let mut glyphs: Vec<usize> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
    glyphs.sort_unstable();
    glyphs.dedup();
    let row = |glyph: usize| glyphs.binary_search(&glyph).expect("every glyph is in the list");
    let rows: Vec<(usize, usize)> = pairs.iter().map(|pair| (row(pair.left), row(pair.right))).collect();
    let embeddings = embed(model, set.size(), glyphs.len(), |i| &set.glyphs()[glyphs[i]].pixels)?;
    let distances = model.distances(&embeddings, &rows)?;
    if let Some(bad) = distances.iter().find(|d| !d.is_finite()) {
        return Err(Error::input(
            name,
            format!("a distance of {bad}, expected finite numbers: the model is broken"),
        ));
    }
    let alphabet = |glyph: usize| set.glyphs()[glyph].alphabet;
    let scored = |(pair, &distance): (&Pair, &f32)| ScoredPair {
        distance,
        same: pair.same,
        alphabets: (alphabet(pair.left), alphabet(pair.right)),
    };
    Ok(pairs.iter().zip(&distances).map(scored).collect())
}

/// For each run, the training glyph at the smallest distance is the answer.
///
/// # Errors
/// When the glyphs are not of the model's size.
pub fn evaluate_one_shot(model: &mut Model<f32>, runs: &[OneShotRun]) -> Result<OneShotResult> {
    let mut errors = Vec::with_capacity(runs.len());
    for run in runs {
        let (tests, classes) = (run.test.len(), run.training.len());
        let glyph = |i: usize| if i < tests { &run.test[i] } else { &run.training[i - tests] };
        let embeddings = embed(model, run.size, tests + classes, glyph)?;
        let pairs: Vec<_> = (0..tests * classes).map(|i| (i / classes, tests + i % classes)).collect();
        let distances = model.distances(&embeddings, &pairs)?;
        let rows: Vec<Vec<f32>> = distances.chunks(classes).map(<[f32]>::to_vec).collect();
        errors.push(one_shot_error(&rows, &run.answers));
    }
    let trials: usize = runs.iter().map(|run| run.test.len()).sum();
    let wrong: f64 = runs.iter().zip(&errors).map(|(run, error)| error * run.test.len() as f64).sum();
    Ok(OneShotResult { error: wrong / trials as f64, trials, runs: errors })
}
