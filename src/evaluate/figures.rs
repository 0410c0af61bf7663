//! The three figures that a set of pairs comes to, of all pairs or of those of one alphabet.

use super::metrics::{Confusion, ScoredPair, equal_error_rate, roc_auc};
use serde::Serialize;

/// What a model reaches on pairs; fractions. What is not defined for lack of a kind of pairs is NaN, in JSON null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// At the threshold that was chosen on held-out alphabets.
    pub balanced_accuracy: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Equal error rate.
    pub eer: f64,
}

/// One alphabet: pairs of it, and pairs of it and another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlphabetFigures {
    /// Its name.
    pub name: String,
    /// What a model that has not seen it reached on it.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Figures {
    /// Of scored pairs at a threshold.
    pub fn of(pairs: &[ScoredPair], threshold: f32) -> Figures {
        let distances: Vec<f32> = pairs.iter().map(|pair| pair.distance).collect();
        let same: Vec<bool> = pairs.iter().map(|pair| pair.same).collect();
        Figures {
            balanced_accuracy: Confusion::at(threshold, &distances, &same).balanced_accuracy(),
            auc: roc_auc(&distances, &same).unwrap_or(f64::NAN),
            eer: equal_error_rate(&distances, &same).unwrap_or(f64::NAN),
        }
    }

    /// Of those pairs that have a glyph of `alphabet` on either side.
    pub fn of_alphabet(pairs: &[ScoredPair], alphabet: usize, threshold: f32) -> Figures {
        let is_of = |pair: &&ScoredPair| [pair.alphabets.0, pair.alphabets.1].contains(&(alphabet as u32));
        Figures::of(&pairs.iter().filter(is_of).copied().collect::<Vec<_>>(), threshold)
    }

    /// Each figure of several, summed up by `of`.
    pub fn each(all: &[Figures], of: impl Fn(&[f64]) -> f64) -> Figures {
        let column = |value: fn(&Figures) -> f64| of(&all.iter().map(value).collect::<Vec<_>>());
        Figures {
            balanced_accuracy: column(|f| f.balanced_accuracy),
            auc: column(|f| f.auc),
            eer: column(|f| f.eer),
        }
    }
}
