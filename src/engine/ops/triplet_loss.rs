//! Triplet loss (Schroff, Kalenichenko and Philbin 2015, arXiv 1503.03832) of embeddings a (anchor), p (positive,
//! of the anchor's alphabet) and n (negative, of another), each (N, F):
//!
//! ```text
//! h = |a - p|^2 - |a - n|^2 + margin        L = mean over triplets of max(h, 0)
//! where h > 0, with g = dL / N:
//! da = 2 g ((a - p) - (a - n)) = 2 g (n - p)        dp = -2 g (a - p)        dn = 2 g (a - n)
//! ```
//!
//! At the kink h = 0 the gradient is 0. When all embeddings fall into one point, h is the margin everywhere and
//! every gradient is 0: a triplet loss stuck at its margin has collapsed.

use super::distance::squared_distance;
use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{features, same_shapes};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};

/// The triplet loss; inputs anchor, positive, negative, output one number.
#[derive(Clone, Copy, Debug)]
pub struct TripletLoss {
    /// How much farther the negative shall be than the positive, in units of the squared distance.
    pub margin: f64,
}

impl TripletLoss {
    /// h of triplet i.
    fn hinge<E: Element>(&self, inputs: &[&Tensor<E>], i: usize) -> E {
        let width = inputs[0].dims()[1];
        let [a, p, n] = [0, 1, 2].map(|k| &inputs[k].values()[i * width..(i + 1) * width]);
        squared_distance(a, p) - squared_distance(a, n) + E::from_f64(self.margin)
    }
}

impl<E: Element> Op<E> for TripletLoss {
    fn name(&self) -> &'static str {
        "triplet_loss"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        features("triplet_loss", same_shapes("triplet_loss", inputs, 3)?)?;
        Ok(Shape::default())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let count = inputs[0].dims()[0];
        let sum: E = (0..count).map(|i| E::ZERO.max(self.hinge(inputs, i))).sum();
        output.values_mut()[0] = sum / E::from_f64(count as f64);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (count, width) = (node.inputs[0].dims()[0], node.inputs[0].dims()[1]);
        let two_g = E::from_f64(2.0) * grad_output.values()[0] / E::from_f64(count as f64);
        let [a, p, n] = [0, 1, 2].map(|k| node.inputs[k].values());
        for i in (0..count).filter(|&i| self.hinge(node.inputs, i) > E::ZERO) {
            for f in i * width..(i + 1) * width {
                let terms = [two_g * (n[f] - p[f]), two_g * (p[f] - a[f]), two_g * (a[f] - n[f])];
                for (grad, term) in grad_inputs.iter_mut().zip(terms) {
                    if let Some(grad) = grad {
                        grad.values_mut()[f] += term;
                    }
                }
            }
        }
    }
}

impl Samples for TripletLoss {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(13);
        [(1, 1, 1.0), (5, 3, 1.0), (8, 10, 0.5), (4, 2, 0.0)]
            .map(|(n, f, margin)| {
                let op = TripletLoss { margin };
                // Both sides of the kink, none close to it.
                loop {
                    let inputs: Vec<Tensor<E>> = (0..3).map(|_| numbers.tensor(&[n, f])).collect();
                    let all: Vec<&Tensor<E>> = inputs.iter().collect();
                    let clear = |i| op.hinge(&all, i).abs() > E::from_f64(0.05);
                    if (0..n).all(clear) && (0..n).any(|i| op.hinge(&all, i) > E::ZERO) {
                        break Sample::new(format!("{n} triplets of {f}, margin {margin}"), op, inputs);
                    }
                }
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = TripletLoss { margin: 1.0 };
        vec![
            Refusal::new(op, [&[4, 2], &[4, 2]], "2 inputs given, expected 3"),
            Refusal::new(op, [&[4, 2], &[4, 2], &[4, 3]], "shapes (4, 2) and (4, 3), expected the same"),
        ]
    }
}
