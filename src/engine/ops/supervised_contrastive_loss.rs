//! Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362, there L^sup_out) of the squared distances D (N, N)
//! between embeddings of length 1, each with a label. P(i) are the others of i's label:
//!
//! ```text
//! l[i,a] = -D[i,a] / (2 T)                       L_i = log Σ_{a != i} exp l[i,a] - 1/|P(i)| Σ_{p in P(i)} l[i,p]
//! L = mean of L_i over the M anchors i that have a positive
//! dl[i,a] = (softmax_a l[i,a] - [a in P(i)] / |P(i)|) dL / M         (a != i)
//! dD[i,a] = -dl[i,a] / (2 T)                                         dD[i,i] = 0
//! ```
//!
//! The paper's logits are cosines, cos / T. Of embeddings of length 1, D = 2 - 2 cos, so l = cos / T - 1 / T, and the
//! constant falls out of the softmax: the two are the same loss. An anchor alone with its label asks for nothing and
//! does not count; where all are alone, loss and gradient are 0. The largest logit is taken out before the exponential.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::labelled_square;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Identity, Map, map_chunk, sum_chunk};
use twinglyph_kernels::{math, simd::Simd};

/// The supervised contrastive loss; input squared distances, output one number.
#[derive(Clone, Debug)]
pub struct SupervisedContrastiveLoss {
    /// T: the smaller, the more the nearest count.
    pub temperature: f64,
    /// The label of each row.
    pub labels: Vec<u32>,
}

/// exp((least - d) rate): the exponential of a logit, the largest taken out.
#[derive(Clone, Copy)]
struct Weight<E> {
    least: E,
    rate: E,
}
impl<E: Element> Map<E, 1> for Weight<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [d]: [S::V; 1]) -> S::V {
        math::exp(s, s.mul(s.splat(self.rate), s.sub(s.splat(self.least), d)))
    }
}

impl SupervisedContrastiveLoss {
    /// 1 / (2 T).
    fn rate<E: Element>(&self) -> E {
        E::from_f64(0.5 / self.temperature)
    }

    fn is_positive(&self, i: usize, a: usize) -> bool {
        a != i && self.labels[a] == self.labels[i]
    }

    /// The anchors that have positives, and how many.
    fn anchors(&self) -> Vec<(usize, usize)> {
        let positives = |i| (0..self.labels.len()).filter(|&a| self.is_positive(i, a)).count();
        (0..self.labels.len()).map(|i| (i, positives(i))).filter(|(_, positives)| *positives > 0).collect()
    }

    /// Writes the numerators of anchor i's softmax; the distance of its nearest and their sum.
    fn softmax<E: Element>(&self, i: usize, d: &[E], weights: &mut [E]) -> (E, E) {
        let others = d[..i].iter().chain(&d[i + 1..]).copied();
        let least = others.reduce(|least, d| if d < least { d } else { least }).unwrap_or(E::ZERO);
        map_chunk(Weight { least, rate: self.rate() }, [d], weights);
        weights[i] = E::ZERO;
        (least, sum_chunk(Identity, [weights]))
    }
}

impl<E: Element> Op<E> for SupervisedContrastiveLoss {
    fn name(&self) -> &'static str {
        "supervised_contrastive_loss"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        labelled_square("supervised_contrastive_loss", inputs, &self.labels)?;
        Ok(Shape::default())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let n = self.labels.len();
        let anchors = self.anchors();
        let mut weights = vec![E::ZERO; n];
        let mut sum = E::ZERO;
        for &(i, positives) in &anchors {
            let d = &inputs[0].values()[i * n..(i + 1) * n];
            let (least, total) = self.softmax(i, d, &mut weights);
            let farther: E = (0..n).filter(|&a| self.is_positive(i, a)).map(|p| d[p] - least).sum();
            let log = E::from_f64(total.to_f64().ln());
            sum += log + self.rate::<E>() * farther / E::from_f64(positives as f64);
        }
        output.values_mut()[0] = sum / E::from_f64(anchors.len().max(1) as f64);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let Some(grad) = &mut grad_inputs[0] else { return };
        let n = self.labels.len();
        let anchors = self.anchors();
        let share = grad_output.values()[0] * self.rate::<E>() / E::from_f64(anchors.len().max(1) as f64);
        let mut weights = vec![E::ZERO; n];
        for (i, positives) in anchors {
            let row = i * n..(i + 1) * n;
            let (_, total) = self.softmax(i, &node.inputs[0].values()[row.clone()], &mut weights);
            let wanted = E::ONE / E::from_f64(positives as f64);
            for (a, (grad, weight)) in grad.values_mut()[row].iter_mut().zip(&weights).enumerate() {
                let wanted = if self.is_positive(i, a) { wanted } else { E::ZERO };
                *grad += share * (wanted - *weight / total);
            }
        }
    }
}

impl Samples for SupervisedContrastiveLoss {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(18);
        let cases: [(f64, &[u32]); 6] = [
            (1.0, &[4, 4]),
            (0.5, &[0, 1, 0, 1, 2, 2]),
            (0.1, &[0, 0, 0, 1, 1]),
            (0.2, &[0, 1, 2, 1, 3, 1, 0, 4, 5]),
            (0.5, &[7, 7, 7, 7]),
            (0.5, &[3, 1, 2]),
        ];
        cases
            .map(|(temperature, labels)| {
                let label = format!("labels {labels:?}, temperature {temperature}");
                let op = SupervisedContrastiveLoss { temperature, labels: labels.to_vec() };
                Sample::new(label, op, vec![numbers.positive(&[labels.len(); 2])])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = || SupervisedContrastiveLoss { temperature: 0.1, labels: vec![0, 0, 1] };
        vec![
            Refusal::new(op(), [&[3, 4]], "shape (3, 4), expected a square (N, N)"),
            Refusal::new(op(), [&[3]], "shape (3), expected a square (N, N)"),
            Refusal::new(op(), [&[4, 4]], "3 labels for an input of shape (4, 4)"),
            Refusal::new(op(), [&[3, 3], &[3, 3]], "2 inputs given, expected 1"),
        ]
    }
}
