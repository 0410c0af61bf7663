//! Cross-validation over alphabets: each fold's alphabets are measured by a model that has not seen them.
//!
//! In each fold the other alphabets are split as in any training: most are trained on, some held out for the choice of
//! epoch and threshold. So the fold's own alphabets are as new to the model as those of the world, and no figure
//! chooses anything. Two settings that differ by less than the spread over folds are equal.

use super::{EpochMetrics, Observer, Reading, Settings, train};
use crate::Result;
use crate::data::Dataset;
use crate::data::sampler::PairSampler;
use crate::data::split::Split;
pub use crate::evaluate::figures::{AlphabetFigures, Figures};
use crate::evaluate::protocol::score_glyphs;
use serde::Serialize;
use twinglyph_engine::nn::{Architecture, Model};
use twinglyph_engine::random::rng;

/// The stream of chance of the pairs that measure the folds.
const PAIRS: u64 = 5;

/// What cross-validation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossValidation {
    /// Mean over the folds.
    pub mean: Figures,
    /// Standard deviation over the folds (of a sample: divided by their number less one).
    pub spread: Figures,
    /// Fold by fold.
    pub folds: Vec<Fold>,
    /// Every alphabet, measured in the fold that it belongs to.
    pub alphabets: Vec<AlphabetFigures>,
}

/// One fold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fold {
    /// Names of its alphabets.
    pub alphabets: Vec<String>,
    /// The epoch that was kept.
    pub kept: u32,
    /// What it reached.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What a cross-validation shows while it goes on.
pub trait FoldObserver: Observer {
    /// A fold, counted from 1, begins.
    fn fold(&mut self, fold: usize, alphabets: &[String]);
    /// It is done.
    fn done(&mut self, fold: &Fold);
}

/// Trains and measures fold by fold, on `pairs` balanced pairs of each fold's alphabets.
///
/// # Errors
/// When there are too few alphabets for so many folds, or as [`train`].
pub fn cross_validate(
    architecture: &Architecture,
    settings: &Settings,
    set: &Dataset,
    folds: usize,
    pairs: usize,
    observer: &mut dyn FoldObserver,
) -> Result<CrossValidation> {
    let mut results = Vec::with_capacity(folds);
    let mut alphabets = Vec::new();
    for (i, (split, part)) in Split::folds(set, folds, settings.seed)?.into_iter().enumerate() {
        let names: Vec<String> = part.iter().map(|&a| set.alphabets()[a].name.clone()).collect();
        observer.fold(i + 1, &names);
        let model = Model::new(architecture.clone(), settings.seed)?;
        let trained = train(settings.clone(), model, set, &split, &mut Inner(observer))?;
        let drawn =
            PairSampler::new(set, &part, settings.label)?.batch(0, pairs, &mut rng(settings.seed, PAIRS));
        let scored = score_glyphs(&trained.model, set, &drawn)?;
        let figures = Figures::of(&scored, trained.rule.threshold);
        for (&alphabet, name) in part.iter().zip(&names) {
            let figures = Figures::of_alphabet(&scored, alphabet, trained.rule.threshold);
            alphabets.push(AlphabetFigures { name: name.clone(), figures });
        }
        let fold = Fold { alphabets: names, kept: trained.kept, figures };
        observer.done(&fold);
        results.push(fold);
    }
    alphabets.sort_by(|a, b| a.name.cmp(&b.name));
    let all: Vec<Figures> = results.iter().map(|fold| fold.figures).collect();
    let mean = Figures::each(&all, |values| values.iter().sum::<f64>() / values.len() as f64);
    let spread = Figures::each(&all, |values| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        (squares / (values.len() - 1) as f64).sqrt()
    });
    Ok(CrossValidation { mean, spread, folds: results, alphabets })
}

/// `train` wants an [`Observer`].
struct Inner<'a>(&'a mut dyn FoldObserver);

impl Observer for Inner<'_> {
    fn step(&mut self, epoch: usize, step: usize, loss: f32, accuracy: &dyn Fn() -> f32) {
        self.0.step(epoch, step, loss, accuracy);
    }

    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()> {
        self.0.epoch(metrics, reading)
    }

    fn alarm(&mut self, sentence: &str) {
        self.0.alarm(sentence);
    }
}
