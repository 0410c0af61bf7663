//! Triplet loss over triplets that are chosen in the batch, of the squared distances D (N, N) between embeddings, each
//! with a label. An anchor's positives are the others of its label, its negatives those of other labels:
//!
//! ```text
//! h = D[a,p] - D[a,n] + margin        L = mean over the T chosen triplets (a, p, n) of max(h, 0)
//! where h > 0:     dD[a,p] += dL / T        dD[a,n] -= dL / T
//! ```
//!
//! | mining | which triplets |
//! |---|---|
//! | random | for each anchor and positive, one negative, all equally likely |
//! | semi-hard | for each anchor and positive, the nearest negative that is farther than the positive; where there is none, the farthest negative (Schroff, Kalenichenko and Philbin 2015, arXiv 1503.03832; the rest as TensorFlow Addons has it) |
//! | batch-hard | for each anchor, its farthest positive and its nearest negative (Hermans, Beyer and Leibe 2017, arXiv 1703.07737) |
//!
//! Of equals the lowest index is taken. The choice is a constant to the gradient: it is piecewise constant, and where it
//! jumps the gradient is that of what was chosen. At the kink h = 0 the gradient is 0. A batch without a triplet has
//! loss 0 and gradient 0.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::labelled_square;
use crate::Result;
use crate::random::{below, rng};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use serde::{Deserialize, Serialize};

/// How a batch's triplets are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mining {
    /// Any negative for each anchor and positive.
    Random,
    /// The nearest negative that is farther than the positive.
    SemiHard,
    /// The farthest positive and the nearest negative of each anchor.
    BatchHard,
}

/// The triplet loss over triplets from the batch; input squared distances, output one number.
#[derive(Clone, Debug)]
pub struct MinedTripletLoss {
    /// How much farther the negative shall be than the positive, in units of the squared distance.
    pub margin: f64,
    /// How triplets are chosen.
    pub mining: Mining,
    /// For [`Mining::Random`]: another seed, other negatives.
    pub seed: u64,
    /// The label of each row.
    pub labels: Vec<u32>,
}

/// The index whose distance no other beats; of equals the first.
fn best<E: Element>(mut of: impl Iterator<Item = u32>, d: &[E], beats: impl Fn(E, E) -> bool) -> Option<u32> {
    let first = of.next()?;
    Some(of.fold(first, |best, i| if beats(d[i as usize], d[best as usize]) { i } else { best }))
}

fn nearest<E: Element>(of: impl Iterator<Item = u32>, d: &[E]) -> Option<u32> {
    best(of, d, |a, b| a < b)
}

fn farthest<E: Element>(of: impl Iterator<Item = u32>, d: &[E]) -> Option<u32> {
    best(of, d, |a, b| a > b)
}

impl MinedTripletLoss {
    /// How many triplets were chosen, and how many of them are active: h > 0.
    pub fn active<E>(saved: &Saved<E>) -> (usize, usize) {
        let active = saved.bytes.first().map_or(0, |flags| flags.iter().filter(|flag| **flag == 1).count());
        (saved.indices.len() / 3, active)
    }

    /// Appends the triplets of one anchor; `d` is its row.
    fn choose<E: Element>(&self, anchor: u32, d: &[E], triplets: &mut Vec<u32>) {
        let label = self.labels[anchor as usize];
        let (mut positives, mut negatives) = (Vec::new(), Vec::new());
        for (i, other) in (0..).zip(&self.labels) {
            match *other == label {
                true if i == anchor => {}
                true => positives.push(i),
                false => negatives.push(i),
            }
        }
        if negatives.is_empty() {
            return;
        }
        let negatives = || negatives.iter().copied();
        match self.mining {
            Mining::Random => {
                // A stream for each anchor: no draw depends on another anchor's labels.
                let mut random = rng(self.seed, anchor.into());
                for p in positives {
                    let drawn = below(&mut random, negatives().len() as u32) as usize;
                    triplets.extend([anchor, p].into_iter().chain(negatives().nth(drawn)));
                }
            }
            Mining::SemiHard => {
                for p in positives {
                    let farther = negatives().filter(|n| d[*n as usize] > d[p as usize]);
                    let n = nearest(farther, d).or_else(|| farthest(negatives(), d));
                    triplets.extend([anchor, p].into_iter().chain(n));
                }
            }
            Mining::BatchHard => {
                if let (Some(p), Some(n)) = (farthest(positives.into_iter(), d), nearest(negatives(), d)) {
                    triplets.extend([anchor, p, n]);
                }
            }
        }
    }
}

/// Where each triplet's two distances stand in D: to the positive, to the negative.
fn places(triplets: &[u32], n: usize) -> impl Iterator<Item = [usize; 2]> + '_ {
    triplets.chunks_exact(3).map(move |t| [t[1], t[2]].map(|other| t[0] as usize * n + other as usize))
}

impl<E: Element> Op<E> for MinedTripletLoss {
    fn name(&self) -> &'static str {
        "mined_triplet_loss"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        labelled_square("mined_triplet_loss", inputs, &self.labels)?;
        Ok(Shape::default())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let (d, n) = (inputs[0].values(), self.labels.len());
        saved.make_indices(0);
        for (anchor, row) in (0..).zip(d.chunks(n)) {
            self.choose(anchor, row, &mut saved.indices);
        }
        // Whoever trains wants to know the share of active triplets, so it is saved in any case.
        saved.make_bytes(0);
        let mut sum = E::ZERO;
        for [positive, negative] in places(&saved.indices, n) {
            let hinge = d[positive] - d[negative] + E::from_f64(self.margin);
            saved.bytes[0].push((hinge > E::ZERO).into());
            // In this order a NaN stays.
            sum += E::ZERO.max(hinge);
        }
        output.values_mut()[0] = sum / E::from_f64(saved.bytes[0].len().max(1) as f64);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let Some(grad) = &mut grad_inputs[0] else { return };
        let (n, grad) = (self.labels.len(), grad.values_mut());
        let (count, _) = MinedTripletLoss::active(node.saved);
        let share = grad_output.values()[0] / E::from_f64(count.max(1) as f64);
        let triplets = places(&node.saved.indices, n).zip(&node.saved.bytes[0]);
        for ([positive, negative], _) in triplets.filter(|(_, active)| **active == 1) {
            grad[positive] += share;
            grad[negative] -= share;
        }
    }
}

impl Samples for MinedTripletLoss {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(19);
        let labels: [&[u32]; 4] = [&[0, 0, 1], &[0, 1, 0, 1, 2, 2], &[0, 0, 0, 1, 1, 1, 2], &[5, 5, 5]];
        let mut samples = Vec::new();
        for labels in labels {
            for mining in [Mining::Random, Mining::SemiHard, Mining::BatchHard] {
                // The distances are multiples of 0.05, the margins lie between two: no choice and no hinge is near its
                // kink.
                for margin in [0.325, -0.125] {
                    let op = MinedTripletLoss { margin, mining, seed: 5, labels: labels.to_vec() };
                    let d = numbers.distinct(&[labels.len(); 2]);
                    let label = format!("{mining:?}, labels {labels:?}, margin {margin}");
                    samples.push(Sample::new(label, op, vec![d]));
                }
            }
        }
        samples
    }

    fn refusals() -> Vec<Refusal> {
        let op = |labels: &[u32]| MinedTripletLoss {
            margin: 1.0,
            mining: Mining::BatchHard,
            seed: 0,
            labels: labels.to_vec(),
        };
        vec![
            Refusal::new(op(&[0, 0, 1]), [&[3, 4]], "shape (3, 4), expected a square (N, N)"),
            Refusal::new(op(&[0, 0]), [&[3, 3]], "2 labels for an input of shape (3, 3)"),
            Refusal::new(op(&[]), [&[0, 0]], "empty input of shape (0, 0)"),
        ]
    }
}
