//! The report's protocol, repeated honestly: balanced pairs from each set of alphabets, the stored threshold,
//! the base rate beside every accuracy; the same for pairs of sets of glyphs.

use super::calibration::{Calibration, Rule, SetRule};
use super::embed::embed;
use super::encoded::Encoded;
use super::glyph_sets::SetSampler;
use super::metrics::{
    Evaluation, OneShotMistake, OneShotResult, Origin, ScoredPair, SetResult, best_threshold, evaluate_set,
    nearest,
};
use crate::Result;
use crate::data::Dataset;
use crate::data::one_shot::OneShotRun;
use crate::data::sampler::{Label, Pair, PairSampler};
use crate::data::split::Split;
use rand_chacha::ChaCha8Rng;
use twinglyph_engine::nn::Model;
use twinglyph_engine::random::rng;

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
/// The stream of the pairs of each set, the letters `pairs`: none that a training of the same seed draws from.
const PAIRS: u64 = 0x70_6169_7273;

/// Measures the sets `train`, `held-out`, `unseen` (where there are any) and `both`, which is all of them.
///
/// The rule is that of single glyphs. Means of several glyphs lie closer together, so for pairs of sets a rule is chosen
/// anew, on the held-out alphabets alone; where there are none, it is the stored one still.
///
/// # Errors
/// When a set has too few glyphs for pairs.
pub fn evaluate_sets(model: &Model<f32>, rule: Rule, protocol: &Protocol<'_>) -> Result<Evaluation> {
    examine(model, rule, protocol, &mut |_| ())
}

/// A set of pairs that has been measured, for whoever wants more of it than its figures.
pub struct Measured<'a> {
    /// All glyphs: those of the training data and the unseen ones together.
    pub whole: &'a Dataset,
    /// The set's alphabets in it.
    pub alphabets: &'a [usize],
    /// The rule that it was measured by.
    pub rule: Rule,
    /// Every pair; glyphs and alphabets are those of `whole`.
    pub pairs: &'a [ScoredPair],
    /// The figures.
    pub result: &'a SetResult,
}

/// As [`evaluate_sets`]; each set, once measured, is shown to `visit` with all its pairs.
///
/// # Errors
/// As [`evaluate_sets`].
pub fn examine(
    model: &Model<f32>,
    rule: Rule,
    protocol: &Protocol<'_>,
    visit: &mut dyn FnMut(Measured<'_>),
) -> Result<Evaluation> {
    let Protocol { set, split, unseen, label, pairs, glyphs, seed } = *protocol;
    let merged = unseen.map(|unseen| Dataset::merge(vec![set.clone(), unseen.clone()])).transpose()?;
    let whole = merged.as_ref().unwrap_or(set);
    let of = |part: &Dataset, alphabets: &[usize]| places(whole, part, alphabets);
    let held_out = of(set, &split.held_out);
    let mut sets = vec![("train", of(set, &split.training)), ("held-out", held_out.clone())];
    if let Some(unseen) = unseen {
        let all: Vec<usize> = (0..unseen.alphabets().len()).collect();
        sets.push(("unseen", of(unseen, &all)));
    }
    // All that the model knows of, whatever else the data holds.
    let mut both: Vec<usize> = sets.iter().flat_map(|(_, alphabets)| alphabets.clone()).collect();
    both.sort_unstable();
    sets.push(("both", both));
    sets.retain(|(_, alphabets)| !alphabets.is_empty());
    // What cannot be drawn from is refused before anything is measured.
    let mut drawings = Vec::with_capacity(sets.len() + 1);
    for (i, (name, alphabets)) in sets.iter().enumerate() {
        let sampler = Sampler::new(whole, alphabets, label, glyphs)?;
        drawings.push(Drawing { name, sampler, pairs, seed: (seed.wrapping_add(i as u64), PAIRS) });
    }
    let choice = match glyphs {
        2.. if !held_out.is_empty() => {
            let sampler = Sampler::new(whole, &held_out, label, glyphs)?;
            Some(Drawing { name: "held-out", sampler, pairs: CHOICE_PAIRS, seed: (seed, CHOICE) })
        }
        _ => None,
    };
    let needed = drawings.iter().chain(&choice).flat_map(Drawing::glyphs);
    let encoded = Encoded::new(model, whole, needed)?;
    let (mut rule, mut origin) = (rule, Origin::Stored);
    if let Some(choice) = choice {
        rule = choose(&choice.score(model, whole, &encoded)?, rule);
        origin = Origin::HeldOut(CHOICE_PAIRS);
    }
    let mut results = Vec::with_capacity(drawings.len());
    for (drawing, (_, alphabets)) in drawings.into_iter().zip(&sets) {
        let (name, seed) = (drawing.name, drawing.seed.0);
        let pairs = drawing.score(model, whole, &encoded)?;
        let result = evaluate_set(name, &pairs, &rule, seed);
        visit(Measured { whole, alphabets, rule, pairs: &pairs, result: &result });
        results.push(result);
    }
    Ok(Evaluation { label, glyphs, threshold: rule.threshold, origin, sets: results })
}

/// Where a part's alphabets stand in the whole.
fn places(whole: &Dataset, part: &Dataset, alphabets: &[usize]) -> Vec<usize> {
    let place = |&alphabet: &usize| {
        let name = &part.alphabets()[alphabet].name;
        whole.alphabets().iter().position(|other| other.name == *name).expect("the whole holds every part")
    };
    alphabets.iter().map(place).collect()
}

/// Glyphs a side for which a model keeps a rule.
const KEPT: [usize; 4] = [2, 5, 10, 20];

/// The rules for sets of 2, 5, 10 and 20 glyphs a side, chosen on the held-out alphabets; of those sizes for which a label
/// of each has enough glyphs.
///
/// # Errors
/// When the glyphs are not of the model's size.
pub fn choose_set_rules(
    model: &Model<f32>,
    set: &Dataset,
    held_out: &[usize],
    label: Label,
    (single, seed): (Rule, u64),
) -> Result<Vec<SetRule>> {
    let mut drawings = Vec::new();
    for glyphs in KEPT {
        if let Ok(sampler) = SetSampler::new(set, held_out, label, glyphs) {
            let sampler = Sampler::Sets(sampler);
            drawings.push((
                glyphs,
                Drawing { name: "held-out", sampler, pairs: CHOICE_PAIRS, seed: (seed, CHOICE) },
            ));
        }
    }
    let encoded = Encoded::new(model, set, drawings.first().map_or(vec![], |(_, drawing)| drawing.glyphs()))?;
    let rule = |(glyphs, drawing): (usize, Drawing<'_>)| {
        Ok(SetRule { glyphs, rule: choose(&drawing.score(model, set, &encoded)?, single) })
    };
    drawings.into_iter().map(rule).collect()
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

/// Draws balanced pairs of some alphabets.
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
}

/// So many pairs, by a seed and its stream.
struct Drawing<'a> {
    name: &'a str,
    sampler: Sampler,
    pairs: usize,
    seed: (u64, u64),
}

impl Drawing<'_> {
    fn rng(&self) -> ChaCha8Rng {
        rng(self.seed.0, self.seed.1)
    }

    /// All glyphs that the pairs are made of, some of them often.
    fn glyphs(&self) -> Vec<usize> {
        match &self.sampler {
            // Drawn again for their distances: a million pairs need not be kept.
            Sampler::Glyphs(sampler) => glyphs_of(&sampler.batch(0, self.pairs, &mut self.rng())).collect(),
            Sampler::Sets(sampler) => sampler.glyphs().collect(),
        }
    }

    /// The pairs' distances.
    fn score(self, model: &Model<f32>, set: &Dataset, encoded: &Encoded) -> Result<Vec<ScoredPair>> {
        let mut rng = self.rng();
        match self.sampler {
            Sampler::Glyphs(sampler) => score(model, set, encoded, &sampler.batch(0, self.pairs, &mut rng)),
            Sampler::Sets(mut sampler) => sampler.score(model, encoded, self.pairs, &mut rng),
        }
    }
}

fn glyphs_of(pairs: &[Pair]) -> impl Iterator<Item = usize> {
    pairs.iter().flat_map(|pair| [pair.left, pair.right])
}

/// The distances of pairs of glyphs, each of which is encoded once.
///
/// # Errors
/// When the layers do not fit together.
pub fn score_glyphs(model: &Model<f32>, set: &Dataset, pairs: &[Pair]) -> Result<Vec<ScoredPair>> {
    let encoded = Encoded::new(model, set, glyphs_of(pairs))?;
    score(model, set, &encoded, pairs)
}

fn score(model: &Model<f32>, set: &Dataset, encoded: &Encoded, pairs: &[Pair]) -> Result<Vec<ScoredPair>> {
    let distances = encoded.distances(model, pairs.iter().map(|pair| (pair.left, pair.right)))?;
    let alphabet = |glyph: usize| set.glyphs()[glyph].alphabet;
    let scored = pairs.iter().zip(distances).map(|(pair, distance)| ScoredPair {
        distance,
        same: pair.same,
        alphabets: (alphabet(pair.left), alphabet(pair.right)),
        glyphs: (pair.left as u32, pair.right as u32),
    });
    Ok(scored.collect())
}

/// For each run, the training glyph at the smallest distance is the answer.
///
/// # Errors
/// When the glyphs are not of the model's size.
pub fn evaluate_one_shot(model: &Model<f32>, runs: &[OneShotRun]) -> Result<OneShotResult> {
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
