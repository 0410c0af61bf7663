//! Contrastive loss (Hadsell, Chopra and LeCun 2006) of distances D and labels Y of the same shape, Y = 1 for a
//! pair of one alphabet, 0 for a pair of two:
//!
//! ```text
//! L = mean over pairs of Y D^2 + (1 - Y) max(margin - D, 0)^2
//! dD = (2 Y D - 2 (1 - Y) max(margin - D, 0)) dL / N
//! dY = (D^2 - max(margin - D, 0)^2) dL / N
//! ```
//!
//! Pairs of one alphabet are drawn together; pairs of two are pushed apart until the margin, and there the
//! hinge, being squared, ends with slope 0: the loss has no kink.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};

/// The contrastive loss; inputs distance and same (1 or 0), output one number.
#[derive(Clone, Copy, Debug)]
pub struct ContrastiveLoss {
    /// How far apart pairs of two alphabets are pushed, in units of the distance.
    pub margin: f64,
}

impl<E: Element> Op<E> for ContrastiveLoss {
    fn name(&self) -> &'static str {
        "contrastive_loss"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        same_shapes("contrastive_loss", inputs, 2)?;
        Ok(Shape::default())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (distance, same) = (inputs[0].values(), inputs[1].values());
        let term = |(d, y): (&E, &E)| {
            let hinge = E::ZERO.max(E::from_f64(self.margin) - *d);
            *y * *d * *d + (E::ONE - *y) * hinge * hinge
        };
        let sum: E = distance.iter().zip(same).map(term).sum();
        output.values_mut()[0] = sum / E::from_f64(distance.len() as f64);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (distance, same) = (node.inputs[0].values(), node.inputs[1].values());
        let share = grad_output.values()[0] / E::from_f64(distance.len() as f64);
        let hinge = |n: usize| E::ZERO.max(E::from_f64(self.margin) - distance[n]);
        if let Some(grad) = &mut grad_inputs[0] {
            let two = E::from_f64(2.0);
            for (n, grad) in grad.values_mut().iter_mut().enumerate() {
                *grad += share * two * (same[n] * distance[n] - (E::ONE - same[n]) * hinge(n));
            }
        }
        if let Some(grad) = &mut grad_inputs[1] {
            for (n, grad) in grad.values_mut().iter_mut().enumerate() {
                *grad += share * (distance[n] * distance[n] - hinge(n) * hinge(n));
            }
        }
    }
}

impl Samples for ContrastiveLoss {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(12);
        [(1, 1.0), (6, 1.0), (9, 0.6), (5, 2.5)]
            .map(|(n, margin)| {
                // Distances on both sides of the margin, none close to it.
                let distance = Tensor::from_fn([n, 1], |i| {
                    let offset = 0.1 + 0.2 * (numbers.next() + 1.0);
                    E::from_f64(if i % 3 == 0 { margin + offset } else { margin - offset })
                });
                let same = Tensor::from_fn([n, 1], |i| if i % 2 == 0 { E::ZERO } else { E::ONE });
                let label = format!("{n} pairs, margin {margin}");
                Sample::new(label, ContrastiveLoss { margin }, vec![distance, same]).linear_in(&[1])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = ContrastiveLoss { margin: 1.0 };
        vec![
            Refusal::new(op, [&[4, 1], &[4]], "shapes (4, 1) and (4), expected the same"),
            Refusal::new(op, [&[0, 1], &[0, 1]], "empty input of shape (0, 1)"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_lie_on_both_sides_of_the_margin_and_not_close_to_it() {
        let margins = [1.0, 1.0, 0.6, 2.5];
        let (mut beyond, mut within) = (0, 0);
        for (sample, margin) in ContrastiveLoss::samples::<f64>().iter().zip(margins) {
            for &distance in sample.inputs[0].values() {
                let away = distance - margin;
                assert!((0.1..=0.5).contains(&away.abs()) && distance > 0.0, "{}: {distance}", sample.label);
                *if away > 0.0 { &mut beyond } else { &mut within } += 1;
            }
        }
        assert!(beyond >= 5 && within >= 10, "{beyond} {within}");
    }
}
