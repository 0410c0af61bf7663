//! A tensor of a model before it has numbers.

use crate::tensor::{Element, Shape, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Where a parameter's first value comes from, and whether training changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
    GlorotUniform {
        /// Products that make one output.
        fan_in: usize,
        /// Outputs that one input takes part in.
        fan_out: usize,
    },
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// 0; a statistic, not trained.
    RunningMean,
    /// 1; a statistic, not trained.
    RunningVar,
}

/// A tensor of the model: its name, shape and origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// For example `encoder.0.weight`.
    pub name: String,
    /// Its shape; layouts are PyTorch's.
    pub shape: Shape,
    /// Its first value.
    pub source: Source,
}

impl Source {
    /// Whether training changes it.
    pub fn is_trainable(self) -> bool {
        !matches!(self, Source::RunningMean | Source::RunningVar)
    }

    /// A first value, from the generator where chance is in it.
    pub fn tensor<E: Element>(self, shape: &Shape, rng: &mut ChaCha8Rng) -> Tensor<E> {
        match self {
            Source::GlorotUniform { fan_in, fan_out } => {
                let limit = (6.0 / (fan_in + fan_out) as f64).sqrt();
                Tensor::from_fn(shape.dims(), |_| E::from_f64(rng.random_range(-limit..limit)))
            }
            Source::Zeros | Source::RunningMean => Tensor::zeros(shape.dims()),
            Source::Ones | Source::RunningVar => Tensor::from_fn(shape.dims(), |_| E::ONE),
        }
    }
}
