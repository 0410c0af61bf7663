//! The layers that a recipe can name: each is an op with its parameters.

use super::custom::{AnyLayer, CustomLayer};
use super::mode::Mode;
use super::parameter::{Parameter, Source};
use crate::ops;
use crate::tape::{Op, Tape, Var};
use crate::tensor::{Element, Shape};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use twinglyph_kernels::Geometry;

/// One entry of an encoder's list. Activation, pooling and flatten are entries of their own, as in PyTorch's
/// `nn.Sequential`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Convolution with bias; weight (filters, C_in / groups, K_h, K_w), bias (filters). See [`ops::Conv2d`].
    Conv2d {
        /// C_out.
        filters: usize,
        /// (K_h, K_w).
        kernel: Pair,
        /// Step of the kernel.
        #[serde(default = "Pair::one", skip_serializing_if = "Pair::is_one")]
        stride: Pair,
        /// Zeros around the image.
        #[serde(default, skip_serializing_if = "Pair::is_zero")]
        padding: Pair,
        /// How many pixels apart those stand that neighbouring weights meet.
        #[serde(default = "Pair::one", skip_serializing_if = "Pair::is_one")]
        dilation: Pair,
        /// Into how many parts channels and filters are cut; as many as channels is a depthwise convolution.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// Transposed convolution with bias; weight (C_in, filters / groups, K_h, K_w), bias (filters). See
    /// [`ops::ConvTranspose2d`].
    ConvTranspose2d {
        /// C_out.
        filters: usize,
        /// (K_h, K_w).
        kernel: Pair,
        /// From the place of one pixel in the output to that of the next.
        #[serde(default = "Pair::one", skip_serializing_if = "Pair::is_one")]
        stride: Pair,
        /// Rows and columns that are cut off around the output.
        #[serde(default, skip_serializing_if = "Pair::is_zero")]
        padding: Pair,
        /// Rows and columns that the output has more below and to the right; less than the stride.
        #[serde(default, skip_serializing_if = "Pair::is_zero")]
        output_padding: Pair,
        /// How many pixels apart those stand that neighbouring weights meet.
        #[serde(default = "Pair::one", skip_serializing_if = "Pair::is_one")]
        dilation: Pair,
        /// Into how many parts channels and filters are cut.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// max(x, 0).
    Relu {},
    /// The hyperbolic tangent.
    Tanh {},
    /// 1 / (1 + e^-x).
    Sigmoid {},
    /// The largest of each window.
    MaxPool2d {
        /// (K_h, K_w).
        window: Pair,
        /// The window's own size unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<Pair>,
    },
    /// The mean of each window.
    AvgPool2d {
        /// (K_h, K_w).
        window: Pair,
        /// The window's own size unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<Pair>,
    },
    /// Batch-norm per channel of images, per feature of features; weight, bias, running_mean, running_var.
    BatchNorm {
        /// Added to the variance; Keras's 1e-3 unless given.
        #[serde(default = "default_eps")]
        eps: f64,
        /// Keras's convention: running = momentum running + (1 - momentum) batch; 0.99 unless given.
        #[serde(default = "default_momentum")]
        momentum: f64,
    },
    /// (N, C, H, W) to (N, C H W).
    Flatten {},
    /// In training a share of the numbers is set to 0 and the rest enlarged to make up for it.
    Dropout {
        /// The share, at least 0 and below 1.
        rate: f64,
    },
    /// Each row of features divided by its length.
    L2Normalise {},
    /// Dense with bias; weight (units, F), bias (units).
    Dense {
        /// Features of the output.
        units: usize,
    },
    /// A layer of one's own: see [`Layer::custom`]. No recipe can name it.
    #[serde(skip)]
    Custom(AnyLayer),
}

/// (vertical, horizontal); written as one number where both are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PairForm", into = "PairForm")]
pub struct Pair(pub usize, pub usize);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number or a pair [vertical, horizontal]")]
enum PairForm {
    One(usize),
    Two([usize; 2]),
}

impl From<PairForm> for Pair {
    fn from(form: PairForm) -> Pair {
        match form {
            PairForm::One(n) => Pair(n, n),
            PairForm::Two([v, h]) => Pair(v, h),
        }
    }
}

impl From<Pair> for PairForm {
    fn from(pair: Pair) -> PairForm {
        if pair.0 == pair.1 { PairForm::One(pair.0) } else { PairForm::Two([pair.0, pair.1]) }
    }
}

impl Pair {
    fn one() -> Pair {
        Pair(1, 1)
    }

    fn is_one(&self) -> bool {
        *self == Pair(1, 1)
    }

    fn is_zero(&self) -> bool {
        *self == Pair(0, 0)
    }

    fn tuple(self) -> (usize, usize) {
        (self.0, self.1)
    }
}

fn one() -> usize {
    1
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

fn default_eps() -> f64 {
    1e-3
}

fn default_momentum() -> f64 {
    0.99
}

impl Layer {
    /// A convolution of stride and dilation 1 with a square kernel, in one group.
    pub fn conv2d(filters: usize, kernel: usize, padding: usize) -> Layer {
        let (kernel, padding) = (Pair(kernel, kernel), Pair(padding, padding));
        Layer::Conv2d { filters, kernel, stride: Pair(1, 1), padding, dilation: Pair(1, 1), groups: 1 }
    }

    /// A layer of one's own.
    pub fn custom(layer: impl CustomLayer) -> Layer {
        Layer::Custom(AnyLayer::new(layer))
    }

    /// The name that a recipe gives it.
    pub fn name(&self) -> &'static str {
        match self {
            Layer::Custom(layer) => layer.name(),
            Layer::Conv2d { .. } => "conv2d",
            Layer::ConvTranspose2d { .. } => "conv_transpose2d",
            Layer::Relu {} => "relu",
            Layer::Tanh {} => "tanh",
            Layer::Sigmoid {} => "sigmoid",
            Layer::MaxPool2d { .. } => "max_pool2d",
            Layer::AvgPool2d { .. } => "avg_pool2d",
            Layer::BatchNorm { .. } => "batch_norm",
            Layer::Flatten {} => "flatten",
            Layer::Dropout { .. } => "dropout",
            Layer::L2Normalise {} => "l2_normalise",
            Layer::Dense { .. } => "dense",
        }
    }

    /// Its parameters for inputs of a shape (N, ...), in the order in which [`Layer::apply`] takes them. Names
    /// and layouts are PyTorch's.
    ///
    /// # Errors
    /// When the layer cannot work on such inputs.
    pub fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>> {
        let parameter = |name: &str, shape: &[usize], source| Parameter {
            name: name.into(),
            shape: shape.into(),
            source,
        };
        let glorot = |fan_in, fan_out| Source::GlorotUniform { fan_in, fan_out };
        Ok(match (self, input.dims()) {
            (Layer::Custom(layer), _) => layer.parameters(input)?,
            (
                Layer::Conv2d { filters, kernel, groups, .. }
                | Layer::ConvTranspose2d { filters, kernel, groups, .. },
                &[_, channels, _, _],
            ) => {
                // What does not divide the op refuses.
                let of_group = |count: usize| count / (*groups).max(1);
                let area = kernel.0 * kernel.1;
                let (rows, columns) = match self {
                    Layer::Conv2d { .. } => (*filters, of_group(channels)),
                    _ => (channels, of_group(*filters)),
                };
                let fans = glorot(of_group(channels) * area, of_group(*filters) * area);
                vec![
                    parameter("weight", &[rows, columns, kernel.0, kernel.1], fans),
                    parameter("bias", &[*filters], Source::Zeros),
                ]
            }
            (Layer::Dense { units }, &[_, features]) => vec![
                parameter("weight", &[*units, features], glorot(features, *units)),
                parameter("bias", &[*units], Source::Zeros),
            ],
            (Layer::BatchNorm { .. }, &[_, channels] | &[_, channels, _, _]) => vec![
                parameter("weight", &[channels], Source::Ones),
                parameter("bias", &[channels], Source::Zeros),
                parameter("running_mean", &[channels], Source::RunningMean),
                parameter("running_var", &[channels], Source::RunningVar),
            ],
            (Layer::Conv2d { .. } | Layer::ConvTranspose2d { .. }, _) => {
                return Err(Error::shape(
                    self.name(),
                    format!("an input of shape {input}, expected images (N, C, H, W)"),
                ));
            }
            (Layer::Dense { .. }, _) => {
                return Err(Error::shape(
                    "dense",
                    format!("an input of shape {input}, expected features (N, F), put a flatten before it"),
                ));
            }
            (Layer::BatchNorm { .. }, _) => {
                return Err(Error::shape(
                    "batch_norm",
                    format!("an input of shape {input}, expected (N, C, H, W) or (N, F)"),
                ));
            }
            _ => Vec::new(),
        })
    }

    /// The shape of its output for inputs of a shape (N, ...).
    ///
    /// # Errors
    /// When the layer cannot work on such inputs.
    pub fn output_shape(&self, input: &Shape) -> Result<Shape> {
        if let Layer::Custom(layer) = self {
            return layer.output_shape(input);
        }
        let parameters = self.parameters(input)?;
        let shapes: Vec<&Shape> = std::iter::once(input).chain(parameters.iter().map(|p| &p.shape)).collect();
        // In training the same, but that a batch-norm needs more than one number for each feature.
        self.op::<f32>(Mode::Eval).output_shape(&shapes)
    }

    /// Applies it to x; in training, batch-norm's running statistics are updated.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn apply<E: Element>(
        &self,
        tape: &mut Tape<E>,
        x: Var,
        parameters: &[Var],
        mode: Mode,
    ) -> Result<Var> {
        let mut inputs = vec![x];
        match (self, mode) {
            (Layer::BatchNorm { momentum, .. }, Mode::Train { .. }) => {
                let [weight, bias, running @ ..] = parameters else {
                    return Err(Error::shape("batch_norm", "4 parameters are needed"));
                };
                inputs.extend([weight, bias]);
                let y = tape.apply(self.op(mode), &inputs)?;
                update_running(tape, y, running, *momentum);
                return Ok(y);
            }
            (Layer::Dropout { .. }, Mode::Eval) => return Ok(x),
            (Layer::Custom(layer), _) => return layer.apply(tape, x, parameters, mode),
            _ => inputs.extend(parameters),
        }
        tape.apply(self.op(mode), &inputs)
    }

    /// The sizes of its convolution, of images and a weight of these shapes; refused of another layer.
    pub(super) fn geometry(&self, x: &Shape, weight: &Shape) -> Result<Geometry> {
        match *self {
            Layer::Conv2d { stride, padding, dilation, groups, .. } => {
                convolution([stride, padding, dilation], groups).geometry(x, weight)
            }
            Layer::ConvTranspose2d { stride, padding, output_padding, dilation, groups, .. } => {
                let convolution = convolution([stride, padding, dilation], groups);
                ops::ConvTranspose2d { convolution, output_padding: output_padding.tuple() }
                    .geometry(x, weight)
            }
            _ => Err(Error::shape(self.name(), "is no convolution")),
        }
    }

    fn op<E: Element>(&self, mode: Mode) -> Box<dyn Op<E>> {
        match *self {
            Layer::Conv2d { stride, padding, dilation, groups, .. } => {
                Box::new(convolution([stride, padding, dilation], groups))
            }
            Layer::ConvTranspose2d { stride, padding, output_padding, dilation, groups, .. } => {
                let convolution = convolution([stride, padding, dilation], groups);
                Box::new(ops::ConvTranspose2d { convolution, output_padding: output_padding.tuple() })
            }
            Layer::Relu {} => Box::new(ops::Relu),
            Layer::Tanh {} => Box::new(ops::Tanh),
            Layer::Sigmoid {} => Box::new(ops::Sigmoid),
            Layer::MaxPool2d { window, stride } => {
                Box::new(ops::MaxPool2d { window: window.tuple(), stride: stride.unwrap_or(window).tuple() })
            }
            Layer::AvgPool2d { window, stride } => {
                Box::new(ops::AvgPool2d { window: window.tuple(), stride: stride.unwrap_or(window).tuple() })
            }
            Layer::BatchNorm { eps, .. } => match mode {
                Mode::Train { .. } => Box::new(ops::BatchNorm { eps }),
                Mode::Eval => Box::new(ops::BatchNormEval { eps }),
            },
            Layer::Flatten {} => Box::new(ops::Flatten),
            Layer::Dropout { rate } => Box::new(ops::Dropout { rate, seed: mode.seed() }),
            Layer::L2Normalise {} => Box::new(ops::L2Normalise),
            Layer::Dense { .. } => Box::new(ops::Dense),
            Layer::Custom(_) => unreachable!("it is applied by itself"),
        }
    }
}

fn convolution(pairs: [Pair; 3], groups: usize) -> ops::Conv2d {
    let [stride, padding, dilation] = pairs.map(Pair::tuple);
    ops::Conv2d { stride, padding, dilation, groups }
}

/// running = momentum running + (1 - momentum) batch: mean and biased variance, which batch-norm saved first.
pub(super) fn update_running<E: Element>(tape: &mut Tape<E>, y: Var, running: &[Var], momentum: f64) {
    let momentum = E::from_f64(momentum);
    for (slot, &running) in running.iter().enumerate() {
        let mut updated = std::mem::replace(tape.value_mut(running), crate::Tensor::zeros([0]));
        for (value, batch) in updated.values_mut().iter_mut().zip(&tape.saved(y).values[slot]) {
            *value = momentum * *value + (E::ONE - momentum) * *batch;
        }
        *tape.value_mut(running) = updated;
    }
}
