//! Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) of images (N, C, H, W) per channel or of
//! features (N, F) per feature; gamma, beta and the statistics have one number a channel.
//!
//! ```text
//! y = gamma xhat + beta      xhat = (x - mean) rstd      rstd = 1 / sqrt(var + eps)
//! mean = 1/M Σ x             var = 1/M Σ (x - mean)^2    M = N H W, or N
//! ```
//!
//! [`BatchNorm`] takes mean and var from the batch itself, so x reaches y on three paths: directly, through the
//! mean, and through the variance. With g = gamma dy,
//!
//! ```text
//! dvar  = Σ g (x - mean) (-1/2) rstd^3 = -1/2 rstd^2 Σ g xhat
//! dmean = -rstd Σ g                    (the variance's own path through the mean is 0: Σ (x - mean) = 0)
//! dx    = rstd g + dmean / M + dvar 2 (x - mean) / M
//!       = gamma rstd (dy - 1/M Σ dy - xhat 1/M Σ dy xhat)
//! dgamma = Σ dy xhat                   dbeta = Σ dy
//! ```
//!
//! The gradient of Σ y is 0 in x whatever the code does about the statistics: check it against a random
//! cotangent. [`BatchNormEval`] takes mean and var as inputs; only the direct path is left, and
//!
//! ```text
//! dmean = -gamma rstd Σ dy             dvar = -1/2 gamma rstd^2 Σ dy xhat
//! ```

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, expect_shape, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels as kernels;

/// Normalises by the batch's own statistics; inputs x, gamma, beta. Saves `[mean, var, rstd]`, var biased.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    /// Added to the variance; 1e-3 in Keras, 1e-5 in PyTorch.
    pub eps: f64,
}

/// Normalises by given statistics; inputs x, gamma, beta, mean, var.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormEval {
    /// Added to the variance.
    pub eps: f64,
}

fn sizes(op: &'static str, x: &Shape) -> Result<kernels::BatchNorm> {
    match *x.dims() {
        [images, channels] => Ok(kernels::BatchNorm { images, channels, positions: 1 }),
        [images, channels, h, w] => Ok(kernels::BatchNorm { images, channels, positions: h * w }),
        _ => Err(Error::shape(op, format!("an input of shape {x}, expected (N, C, H, W) or (N, F)"))),
    }
}

fn checked_shape(op: &'static str, inputs: &[&Shape], names: &[&str]) -> Result<Shape> {
    let count = names.len() + 1;
    expect_inputs(op, inputs, count..=count)?;
    let channels = sizes(op, inputs[0])?.channels;
    for (shape, name) in inputs[1..].iter().zip(names) {
        expect_shape(op, name, shape, &[channels])?;
    }
    not_empty(op, inputs)?;
    Ok(inputs[0].clone())
}

/// A number less its own mean is 0, whatever it is: nothing can be learned through a batch-norm over one.
pub(super) fn enough_to_normalise(op: &'static str, x: &Shape) -> Result<()> {
    let of_each = sizes(op, x)?;
    if of_each.images * of_each.positions < 2 {
        let message = format!(
            "an input of shape {x} has a single number for each feature, expected at least two, such as a larger batch"
        );
        return Err(Error::shape(op, message));
    }
    Ok(())
}

pub(super) fn add<E: Element>(target: &mut Option<Tensor<E>>, value: impl Fn(usize) -> E) {
    for (i, target) in target.iter_mut().flat_map(|t| t.values_mut()).enumerate() {
        *target += value(i);
    }
}

impl<E: Element> Op<E> for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = checked_shape("batch_norm", inputs, &["gamma", "beta"])?;
        enough_to_normalise("batch_norm", &shape)?;
        Ok(shape)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let g = sizes("batch_norm", inputs[0].shape()).expect("checked by output_shape");
        let [x, gamma, beta] = [0, 1, 2].map(|i| inputs[i].values());
        let [mean, var, rstd] = saved.make(g.channels);
        kernels::batch_norm_statistics(&g, x, mean, var);
        kernels::batch_norm_rstd(E::from_f64(self.eps), var, rstd);
        kernels::batch_norm_apply(&g, x, [mean, rstd], [gamma, beta], output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let g = sizes("batch_norm", node.inputs[0].shape()).expect("checked by output_shape");
        let (x, gamma, dy) = (node.inputs[0].values(), node.inputs[1].values(), grad_output.values());
        let (mean, rstd) = (&node.saved.values[0][..], &node.saved.values[2][..]);
        let [mut dgamma, mut dbeta] = [(); 2].map(|()| kernels::scratch::any::<E>(g.channels));
        kernels::batch_norm_channel_sums(&g, x, [mean, rstd], dy, &mut dgamma, &mut dbeta);
        if let Some(dx) = &mut grad_inputs[0] {
            let sums = Some([&dgamma[..], &dbeta[..]]);
            kernels::batch_norm_backward(&g, x, [mean, rstd], gamma, sums, dy, dx.values_mut());
        }
        add(&mut grad_inputs[1], |c| dgamma[c]);
        add(&mut grad_inputs[2], |c| dbeta[c]);
    }
}

impl<E: Element> Op<E> for BatchNormEval {
    fn name(&self) -> &'static str {
        "batch_norm_eval"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        checked_shape("batch_norm_eval", inputs, &["gamma", "beta", "mean", "var"])
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let g = sizes("batch_norm_eval", inputs[0].shape()).expect("checked by output_shape");
        let [x, gamma, beta, mean, var] = [0, 1, 2, 3, 4].map(|i| inputs[i].values());
        let [rstd] = saved.make(g.channels);
        kernels::batch_norm_rstd(E::from_f64(self.eps), var, rstd);
        kernels::batch_norm_apply(&g, x, [mean, rstd], [gamma, beta], output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let g = sizes("batch_norm_eval", node.inputs[0].shape()).expect("checked by output_shape");
        let [x, gamma, mean] = [0, 1, 3].map(|i| node.inputs[i].values());
        let (rstd, dy) = (&node.saved.values[0][..], grad_output.values());
        if let Some(dx) = &mut grad_inputs[0] {
            kernels::batch_norm_backward(&g, x, [mean, rstd], gamma, None, dy, dx.values_mut());
        }
        if grad_inputs[1..].iter().all(Option::is_none) {
            return;
        }
        let [mut dgamma, mut dbeta] = [(); 2].map(|()| kernels::scratch::any::<E>(g.channels));
        kernels::batch_norm_channel_sums(&g, x, [mean, rstd], dy, &mut dgamma, &mut dbeta);
        let minus_half = E::from_f64(-0.5);
        add(&mut grad_inputs[1], |c| dgamma[c]);
        add(&mut grad_inputs[2], |c| dbeta[c]);
        add(&mut grad_inputs[3], |c| -gamma[c] * rstd[c] * dbeta[c]);
        add(&mut grad_inputs[4], |c| minus_half * gamma[c] * rstd[c] * rstd[c] * dgamma[c]);
    }
}

/// Images and features, a batch of 1 among them.
const CASES: [&[usize]; 6] = [&[2, 1], &[5, 3], &[9, 17], &[1, 2, 3, 3], &[2, 3, 4, 5], &[3, 1, 1, 2]];

impl Samples for BatchNorm {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(9);
        CASES
            .map(|shape| {
                let inputs =
                    vec![numbers.distinct(shape), numbers.tensor(&shape[1..2]), numbers.tensor(&shape[1..2])];
                let label = format!("{}, statistics of the batch", Shape::from(shape));
                Sample::new(label, BatchNorm { eps: 1e-3 }, inputs).linear_in(&[1, 2])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = BatchNorm { eps: 1e-3 };
        vec![
            Refusal::new(op, [&[2, 3], &[2], &[3]], "gamma of shape (2), expected (3)"),
            Refusal::new(op, [&[2, 3, 4], &[3], &[3]], "expected (N, C, H, W) or (N, F)"),
            Refusal::new(op, [&[0, 3], &[3], &[3]], "empty input of shape (0, 3)"),
            Refusal::new(op, [&[1, 3], &[3], &[3]], "expected at least two, such as a larger batch"),
            Refusal::new(op, [&[1, 3, 1, 1], &[3], &[3]], "expected at least two, such as a larger batch"),
        ]
    }
}

impl Samples for BatchNormEval {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(10);
        CASES
            .map(|shape| {
                let channels = &shape[1..2];
                let mut inputs = vec![numbers.tensor(shape)];
                inputs.extend([(); 3].map(|()| numbers.tensor(channels)));
                inputs.push(numbers.positive(channels));
                let label = format!("{}, statistics given", Shape::from(shape));
                Sample::new(label, BatchNormEval { eps: 1e-3 }, inputs).linear_in(&[0, 1, 2, 3])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = BatchNormEval { eps: 1e-3 };
        vec![
            Refusal::new(op, [&[2, 3], &[3], &[3]], "3 inputs given, expected 5"),
            Refusal::new(op, [&[2, 3], &[3], &[3], &[3], &[1]], "var of shape (1), expected (3)"),
        ]
    }
}
