//! Gradient checks of whole Siamese models: both encoders, both losses, in train and eval mode, with and without
//! head, on images small enough for differences, through the layers that train.

use super::architecture::Architecture;
use super::custom::Form;
use super::layer::{Layer, Pair};
use super::mode::Mode;
use super::objective::{Loss, Objective};
use super::parameter::Source;
use crate::Result;
use crate::gradcheck::{Check, MODEL_TOLERANCE, Row};
use crate::ops::Mining;
use crate::random::{ChaCha8Rng, rng};
use crate::tape::Var;
use crate::tensor::{Shape, Tensor};
use rand::RngExt;

/// The models that [`check_models`] checks.
pub const CHECKED_MODELS: [&str; 16] = [
    "report contrastive train",
    "report contrastive eval",
    "report triplet train",
    "report triplet eval",
    "figure5 contrastive head train",
    "figure5 contrastive head eval",
    "figure5 contrastive train",
    "figure5 contrastive eval",
    "figure5 triplet train",
    "figure5 triplet eval",
    "deep supervised_contrastive train",
    "deep supervised_contrastive eval",
    "deep multi_similarity train",
    "deep random train",
    "deep semi_hard train",
    "deep batch_hard train",
];

/// Checks the models whose name is wanted; the loss is differentiated with respect to every parameter.
///
/// # Errors
/// When a model's layers do not fit together.
pub fn check_models(wanted: impl Fn(&str) -> bool) -> Result<Vec<Row>> {
    CHECKED_MODELS.into_iter().filter(|name| wanted(name)).map(check_model).collect()
}

/// Pairs or triplets of a check.
const BATCH: usize = 4;

fn check_model(name: &str) -> Result<Row> {
    let has = |word: &str| name.contains(word);
    let mining =
        [("random", Mining::Random), ("semi_hard", Mining::SemiHard), ("batch_hard", Mining::BatchHard)]
            .into_iter()
            .find_map(|(word, mining)| has(word).then_some(mining));
    let loss = match () {
        () if has("supervised_contrastive") => Loss::SupervisedContrastive,
        () if has("multi_similarity") => Loss::MultiSimilarity,
        () if has("triplet") || mining.is_some() => Loss::Triplet,
        () => Loss::Contrastive,
    };
    let mode = if has("train") { Mode::Train { seed: 5 } } else { Mode::Eval };
    let (input, encoder) = match () {
        () if has("report") => ([1, 16, 17], report()),
        () if has("figure5") => ([3, 17, 18], figure5()),
        () => ([1, 12, 13], deep()),
    };
    // A margin that keeps hinges of unit vectors away from 0.
    let margin = if mining.is_some() { 4.0 } else { 1.0 };
    let objective = Objective { loss, margin, mining, temperature: 0.5, character_weight: 0.5 };
    let architecture = Architecture { input, encoder, head: has("head"), views: 1, objective };
    let mut rng = rng(7, 0);
    let layers = architecture.parameters()?;
    let flat: Vec<_> = layers.iter().flatten().collect();
    let mut inputs: Vec<Tensor<f64>> = flat.iter().map(|p| value(p.source, &p.shape, &mut rng)).collect();
    let trainable: Vec<usize> = (0..flat.len()).filter(|&i| flat[i].source.is_trainable()).collect();
    let (towers, batch) = match architecture.objective.form() {
        Form::Pairs => (2, BATCH),
        Form::Triplets => (3, BATCH),
        Form::Labels => (1, 2 * BATCH),
    };
    for _ in 0..towers {
        let shape = [batch, input[0], input[1], input[2]];
        inputs.push(Tensor::from_fn(shape, |_| rng.random_range(0.0..1.0)));
    }
    let same = Tensor::from_fn([BATCH, 1], |i| (i % 2) as f64);
    let report = Check::new()
        .tolerance(MODEL_TOLERANCE)
        .only(&trainable)
        .names(flat.iter().map(|p| p.name.clone()))
        .run(
            |tape, inputs| {
                let mut rest = inputs;
                let parameters: Vec<Vec<Var>> = layers
                    .iter()
                    .map(|layer| {
                        let (head, tail) = rest.split_at(layer.len());
                        rest = tail;
                        head.to_vec()
                    })
                    .collect();
                match *rest {
                    [left, right] => {
                        let same = tape.constant(same.clone());
                        Ok(architecture.pair_loss(tape, &parameters, [left, right], same, mode)?.loss)
                    }
                    [anchor, positive, negative] => Ok(architecture
                        .triplet_loss(tape, &parameters, [anchor, positive, negative], mode)?
                        .0),
                    [images] => {
                        // Two labels of two finer labels of two glyphs each.
                        let labels: [Vec<u32>; 2] =
                            [2 * 2, 2].map(|glyphs| (0..2 * BATCH as u32).map(|i| i / glyphs).collect());
                        let labels = [&labels[0][..], &labels[1][..]];
                        Ok(architecture.labels_loss(tape, &parameters, images, labels, mode)?.loss)
                    }
                    _ => unreachable!("one to three towers"),
                }
            },
            &inputs,
        )?;
    Ok(Row::from_report(name, MODEL_TOLERANCE, &report))
}

/// A value in general position: no bias is 0, no scale is 1, no variance is 1.
fn value(source: Source, shape: &Shape, rng: &mut ChaCha8Rng) -> Tensor<f64> {
    let mut around = |middle: f64, spread: f64| {
        Tensor::from_fn(shape.dims(), |_| middle + rng.random_range(-spread..spread))
    };
    match source {
        Source::GlorotUniform { .. } => source.tensor(shape, rng),
        Source::Zeros | Source::RunningMean => around(0.0, 0.2),
        Source::Ones | Source::RunningVar => around(1.0, 0.3),
    }
}

/// The encoder of the report's text, narrower.
fn report() -> Vec<Layer> {
    let conv = |filters| Layer::conv2d(filters, 3, 0);
    let pool = || Layer::MaxPool2d { window: Pair(2, 2), stride: None };
    vec![
        conv(4),
        Layer::Relu {},
        pool(),
        conv(6),
        Layer::Relu {},
        pool(),
        Layer::Flatten {},
        Layer::BatchNorm { eps: 1e-3, momentum: 0.99 },
        Layer::Dense { units: 5 },
    ]
}

/// The encoder of figure 5, its kernels and channels as they are.
fn figure5() -> Vec<Layer> {
    let conv = |filters| Layer::conv2d(filters, 5, 0);
    let pool = || Layer::AvgPool2d { window: Pair(2, 2), stride: None };
    let norm = || Layer::BatchNorm { eps: 1e-3, momentum: 0.99 };
    vec![
        norm(),
        conv(4),
        Layer::Tanh {},
        pool(),
        conv(16),
        Layer::Tanh {},
        Layer::Flatten {},
        norm(),
        Layer::Dense { units: 10 },
        Layer::Tanh {},
    ]
}

/// A deeper encoder with what metric learning adds: batch-norm between, dropout, embeddings of length 1.
fn deep() -> Vec<Layer> {
    let conv = |filters| Layer::conv2d(filters, 3, 1);
    let pool = || Layer::MaxPool2d { window: Pair(2, 2), stride: None };
    let norm = || Layer::BatchNorm { eps: 1e-3, momentum: 0.9 };
    vec![
        conv(4),
        Layer::Relu {},
        pool(),
        norm(),
        conv(5),
        norm(),
        Layer::Relu {},
        pool(),
        Layer::Flatten {},
        Layer::Dropout { rate: 0.25 },
        Layer::Dense { units: 6 },
        Layer::L2Normalise {},
    ]
}
