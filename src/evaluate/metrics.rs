//! Metrics over distances and labels. Positive = same label (alphabet or character); a pair is called positive where
//! its distance is at most the threshold.
//!
//! ```text
//! true positive rate   TPR(t) = share of the positives with d <= t
//! false positive rate  FPR(t) = share of the negatives with d <= t
//! balanced accuracy    (TPR + 1 - FPR) / 2: 0.5 for a constant answer, whatever the base rate
//! ROC AUC              P(d+ < d-) + P(d+ = d-) / 2
//! equal error rate     FPR where FPR = 1 - TPR
//! ```

use super::calibration::{Bin, Rule, brier, calibration_error, reliability};
use super::interval::interval;
pub use super::scored_pair::ScoredPair;
use crate::data::sampler::Label;
use serde::Serialize;
use std::fmt;

/// The threshold of the highest balanced accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestThreshold {
    /// Halfway between two neighbouring distances.
    pub threshold: f32,
    /// At that threshold.
    pub balanced_accuracy: f64,
    /// At that threshold.
    pub accuracy: f64,
}

/// How the answers fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Same alphabet, and called so.
    pub tp: usize,
    /// Same alphabet, called different.
    pub fn_: usize,
    /// Different alphabets, called the same.
    pub fp: usize,
    /// Different alphabets, and called so.
    pub tn: usize,
}

/// What a model reaches on one set of pairs; rates are fractions. AUC and EER are `None` where one of the two
/// kinds of pairs is missing, what is said of the probability where the model has no calibration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetResult {
    /// `train`, `held-out`, `unseen` or `both`.
    pub name: String,
    /// How many pairs.
    pub pairs: usize,
    /// What a constant answer scores: the share of the commoner kind.
    pub base_rate: f64,
    /// At the threshold.
    pub accuracy: f64,
    /// At the threshold.
    pub balanced_accuracy: f64,
    /// 95 % of the balanced accuracy, resampled over alphabets.
    pub interval: [f64; 2],
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Equal error rate.
    pub eer: Option<f64>,
    /// Mean squared error of the probability.
    pub brier: Option<f64>,
    /// Expected calibration error of the probability.
    pub ece: Option<f64>,
    /// [[tp, fn], [fp, tn]].
    pub confusion: Confusion,
    /// Bin by bin what `ece` sums; empty without a calibration.
    #[serde(skip)]
    pub reliability: Vec<Bin>,
}

/// Where the threshold and the calibration of an evaluation come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They are stored with the model, and were chosen on pairs of single glyphs.
    Stored,
    /// They were chosen on so many pairs of sets of glyphs of the held-out alphabets.
    HeldOut(usize),
}

/// What a model reaches on all sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// What makes two glyphs the same.
    pub label: Label,
    /// Glyphs a side of every pair.
    pub glyphs: usize,
    /// The threshold that all sets were measured at.
    pub threshold: f32,
    /// Where it and the calibration come from.
    #[serde(skip)]
    pub origin: Origin,
    /// Set by set.
    pub sets: Vec<SetResult>,
}

/// The outcome of the one-shot runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneShotResult {
    /// Mean over all trials.
    pub error: f64,
    /// Answers given.
    pub trials: usize,
    /// Error of each run.
    pub runs: Vec<f64>,
    /// The wrong answers, run by run.
    pub errors: Vec<OneShotMistake>,
}

/// A wrong answer in a one-shot run; numbers are those of the files, item05.png and class08.png.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OneShotMistake {
    /// For example `run01`.
    pub run: String,
    /// The test glyph.
    pub test: u32,
    /// The training glyph of the same character.
    pub answer: u32,
    /// The training glyph that the model chose.
    pub chosen: u32,
}

/// Measures one set of pairs by a rule.
pub fn evaluate_set(name: &str, pairs: &[ScoredPair], rule: &Rule, seed: u64) -> SetResult {
    let distances: Vec<f32> = pairs.iter().map(|pair| pair.distance).collect();
    let same: Vec<bool> = pairs.iter().map(|pair| pair.same).collect();
    let confusion = Confusion::at(rule.threshold, &distances, &same);
    let probabilities: Option<Vec<f64>> = rule
        .calibration
        .map(|calibration| distances.iter().map(|&distance| calibration.probability(distance)).collect());
    let reliability = probabilities.as_ref().map_or(Vec::new(), |p| reliability(p, &same));
    SetResult {
        name: name.to_string(),
        pairs: pairs.len(),
        base_rate: base_rate(&same),
        accuracy: confusion.accuracy(),
        balanced_accuracy: confusion.balanced_accuracy(),
        interval: interval(pairs, rule.threshold, seed),
        auc: roc_auc(&distances, &same),
        eer: equal_error_rate(&distances, &same),
        brier: probabilities.and_then(|p| brier(&p, &same)),
        ece: calibration_error(&reliability),
        confusion,
        reliability,
    }
}

/// The share of the commoner kind of pair: what a constant answer scores. 0 of no pairs.
pub fn base_rate(same: &[bool]) -> f64 {
    let positives = same.iter().filter(|&&same| same).count();
    positives.max(same.len() - positives) as f64 / same.len().max(1) as f64
}

/// Area under the ROC curve, ties counted half (Mann and Whitney's U); `None` without both kinds of pairs.
pub fn roc_auc(distances: &[f32], same: &[bool]) -> Option<f64> {
    let points = roc_points(distances, same)?;
    Some(points.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum())
}

/// Where the false positive rate equals the false negative rate, on the ROC curve drawn with straight lines;
/// `None` without both kinds of pairs.
pub fn equal_error_rate(distances: &[f32], same: &[bool]) -> Option<f64> {
    let points = roc_points(distances, same)?;
    // FPR - (1 - TPR) rises from -1 to 1.
    let excess = |(fpr, tpr): (f64, f64)| fpr - (1.0 - tpr);
    let crossing = points.windows(2).find(|w| excess(w[1]) >= 0.0)?;
    let (from, to) = (excess(crossing[0]), excess(crossing[1]));
    // It begins at -1 and this is the first that is not below 0: from < 0 <= to.
    let share = -from / (to - from);
    Some(crossing[0].0 + share * (crossing[1].0 - crossing[0].0))
}

/// The ROC curve: (FPR, TPR) as the threshold rises, from (0, 0) to (1, 1); `None` without both kinds of pairs.
pub fn roc_points(distances: &[f32], same: &[bool]) -> Option<Vec<(f64, f64)>> {
    let steps = steps(distances, same);
    let last = *steps.last()?;
    if last.positives == 0 || last.negatives == 0 {
        return None;
    }
    let rate = |step: &Step| {
        (step.negatives as f64 / last.negatives as f64, step.positives as f64 / last.positives as f64)
    };
    Some(std::iter::once((0.0, 0.0)).chain(steps.iter().map(rate)).collect())
}

/// The threshold of the highest balanced accuracy, halfway between two neighbouring distances; of equals the
/// smallest. `None` without both kinds of pairs.
pub fn best_threshold(distances: &[f32], same: &[bool]) -> Option<BestThreshold> {
    let steps = steps(distances, same);
    let last = *steps.last()?;
    if last.positives == 0 || last.negatives == 0 {
        return None;
    }
    let (positives, negatives) = (last.positives as f64, last.negatives as f64);
    let balanced =
        |step: &Step| (step.positives as f64 / positives + 1.0 - step.negatives as f64 / negatives) / 2.0;
    let mut best = 0;
    for (i, step) in steps.iter().enumerate() {
        if balanced(step) > balanced(&steps[best]) {
            best = i;
        }
    }
    let step = &steps[best];
    let threshold = match steps.get(best + 1) {
        // The sum could overflow, and the middle of two neighbouring floats may round to the upper one.
        Some(next) => {
            let middle = step.distance / 2.0 + next.distance / 2.0;
            if middle >= step.distance && middle < next.distance { middle } else { step.distance }
        }
        None => step.distance,
    };
    let correct = step.positives + last.negatives - step.negatives;
    Some(BestThreshold {
        threshold,
        balanced_accuracy: balanced(step),
        accuracy: correct as f64 / (positives + negatives),
    })
}

/// The place of the smallest distance, the first of equals.
pub fn nearest(distances: &[f32]) -> usize {
    let smaller =
        |best: usize, i: usize| if distances[i].total_cmp(&distances[best]).is_lt() { i } else { best };
    (0..distances.len()).fold(0, smaller)
}

impl Confusion {
    /// Counts the answers at a threshold.
    pub fn at(threshold: f32, distances: &[f32], same: &[bool]) -> Confusion {
        let mut confusion = Confusion::default();
        for (&distance, &same) in distances.iter().zip(same) {
            let count = match (same, distance <= threshold) {
                (true, true) => &mut confusion.tp,
                (true, false) => &mut confusion.fn_,
                (false, true) => &mut confusion.fp,
                (false, false) => &mut confusion.tn,
            };
            *count += 1;
        }
        confusion
    }

    /// The share of right answers; 0 of no pairs.
    pub fn accuracy(&self) -> f64 {
        (self.tp + self.tn) as f64 / (self.tp + self.fn_ + self.fp + self.tn).max(1) as f64
    }

    /// The mean of the shares of right answers among the pairs of one alphabet and among those of two; where one
    /// kind is missing, that of the other.
    pub fn balanced_accuracy(&self) -> f64 {
        let share =
            |right: usize, wrong: usize| (right + wrong > 0).then(|| right as f64 / (right + wrong) as f64);
        match (share(self.tp, self.fn_), share(self.tn, self.fp)) {
            (Some(a), Some(b)) => (a + b) / 2.0,
            (a, b) => a.or(b).unwrap_or(0.0),
        }
    }
}

impl Serialize for Confusion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [[self.tp, self.fn_], [self.fp, self.tn]].serialize(serializer)
    }
}

impl SetResult {
    /// What stands above [`SetResult::cells`] in a table.
    pub const HEADS: [&str; 10] = [
        "pairs of",
        "pairs",
        "base rate",
        "accuracy",
        "balanced",
        "95 % interval",
        "AUC",
        "EER",
        "Brier",
        "ECE",
    ];

    /// The figures in words; `-` where there is none.
    pub fn cells(&self) -> [String; 10] {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let thousandths = |value: f64| format!("{value:.3}");
        [
            self.name.clone(),
            self.pairs.to_string(),
            percent(self.base_rate),
            percent(self.accuracy),
            percent(self.balanced_accuracy),
            format!("{:.1} to {:.1} %", 100.0 * self.interval[0], 100.0 * self.interval[1]),
            dash(self.auc.map(thousandths)),
            dash(self.eer.map(percent)),
            dash(self.brier.map(thousandths)),
            dash(self.ece.map(percent)),
        ]
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.glyphs > 1 {
            let (k, of) = (self.glyphs, self.label.with_article());
            writeln!(f, "Each side of a pair is the mean embedding of {k} different glyphs of {of}.")?;
        }
        match self.origin {
            Origin::Stored => {}
            Origin::HeldOut(pairs) => writeln!(
                f,
                "Threshold and probability are chosen for that, on {pairs} such pairs of the held-out alphabets."
            )?,
        }
        writeln!(
            f,
            "Threshold {:.4}: pairs at most this far apart are called the same {}.",
            self.threshold,
            self.label.name()
        )?;
        let mut row = |[first, rest @ ..]: [String; 10]| {
            write!(f, "{first:<10}")?;
            let widths = [8, 11, 10, 10, 17, 8, 8, 8, 8];
            rest.iter().zip(widths).try_for_each(|(cell, width)| write!(f, "{cell:>width$}"))?;
            writeln!(f)
        };
        row(SetResult::HEADS.map(String::from))?;
        self.sets.iter().try_for_each(|set| row(set.cells()))?;
        writeln!(
            f,
            "\nConfusion{:>23}{:>14}{:>18}{:>14}",
            "same: called same", "different", "different: same", "different"
        )?;
        for set in &self.sets {
            let Confusion { tp, fn_, fp, tn } = set.confusion;
            writeln!(f, "{:<10}{tp:>22}{fn_:>14}{fp:>18}{tn:>14}", set.name)?;
        }
        Ok(())
    }
}

/// Pairs with a distance of at most `distance`.
#[derive(Clone, Copy)]
struct Step {
    distance: f32,
    positives: usize,
    negatives: usize,
}

/// One step for each different distance, in ascending order; a NaN is farther than any number.
fn steps(distances: &[f32], same: &[bool]) -> Vec<Step> {
    let key = |d: f32| if d.is_nan() { f32::INFINITY } else { d };
    let mut pairs: Vec<(f32, bool)> = distances.iter().map(|&d| key(d)).zip(same.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut steps: Vec<Step> = Vec::new();
    let (mut positives, mut negatives) = (0, 0);
    for (distance, same) in pairs {
        positives += usize::from(same);
        negatives += usize::from(!same);
        match steps.last_mut() {
            Some(last) if last.distance == distance => {
                (last.positives, last.negatives) = (positives, negatives)
            }
            _ => steps.push(Step { distance, positives, negatives }),
        }
    }
    steps
}

#[cfg(test)]
mod tests;
