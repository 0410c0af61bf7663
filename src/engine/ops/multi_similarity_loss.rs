//! Multi-similarity loss (Wang et al. 2019, arXiv 1904.06627) of the squared distances D (N, N) between embeddings of
//! length 1, each with a label; s is the cosine, p runs over the others of i's label, n over those of other labels:
//!
//! ```text
//! s[i,a] = 1 - D[i,a] / 2
//! P_i = 1 + Σ_p exp(-alpha (s[i,p] - base))        N_i = 1 + Σ_n exp(beta (s[i,n] - base))
//! L = 1/N Σ_i (log P_i / alpha + log N_i / beta)
//! dD[i,p] =  1/(2 N) exp(-alpha (s[i,p] - base)) / P_i dL         since ds / dD = -1/2
//! dD[i,n] = -1/(2 N) exp(beta (s[i,n] - base)) / N_i dL           dD[i,i] = 0
//! ```
//!
//! alpha and beta fall out of the slopes. Each is a softmax with one place more, the 1, that takes what is left where
//! all positives are close (all negatives far): then there is nothing to do.
//!
//! All pairs count: the paper leaves out some before (its pair mining), this op does not. The mean is over all N
//! embeddings, as in the paper; one without positives has log P_i = 0. The largest exponent is taken out of each sum.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::labelled_square;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Map, map_chunk};
use twinglyph_kernels::{math, simd::Simd};

/// The multi-similarity loss; input squared distances, output one number.
#[derive(Clone, Debug)]
pub struct MultiSimilarityLoss {
    /// How much the farthest positive outweighs the others.
    pub alpha: f64,
    /// How much the nearest negative outweighs the others.
    pub beta: f64,
    /// The cosine between what is similar and what is not.
    pub base: f64,
    /// The label of each row.
    pub labels: Vec<u32>,
}

/// e^x.
#[derive(Clone, Copy)]
struct Exp;
impl<E: Element> Map<E, 1> for Exp {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x]: [S::V; 1]) -> S::V {
        math::exp(s, x)
    }
}

/// Positives and negatives, in this order.
const SIDES: [usize; 2] = [0, 1];

/// What one anchor's row comes to.
struct Row<E> {
    /// The exponents; behind those of the row the two of the 1s, which are 0.
    exponents: Vec<E>,
    /// Their exponentials, the largest of each side taken out.
    weights: Vec<E>,
    /// The largest exponent of each side.
    most: [E; 2],
    /// The sum of each side's weights.
    total: [E; 2],
}

impl MultiSimilarityLoss {
    fn side(&self, i: usize, a: usize) -> usize {
        (self.labels[a] != self.labels[i]).into()
    }

    fn row<E: Element>(&self) -> Row<E> {
        let len = self.labels.len() + 2;
        Row {
            exponents: vec![E::ZERO; len],
            weights: vec![E::ZERO; len],
            most: [E::ZERO; 2],
            total: [E::ZERO; 2],
        }
    }

    /// Fills in anchor i's row from its distances.
    fn fill<E: Element>(&self, i: usize, d: &[E], row: &mut Row<E>) {
        let n = d.len();
        // -alpha (s - base) and beta (s - base).
        let rates = [-self.alpha, self.beta].map(E::from_f64);
        let base = E::from_f64(self.base);
        let half = E::from_f64(0.5);
        row.most = [E::ZERO; 2];
        for a in (0..n).filter(|a| *a != i) {
            let side = self.side(i, a);
            row.exponents[a] = rates[side] * (E::ONE - half * d[a] - base);
            row.most[side] = row.most[side].max(row.exponents[a]);
        }
        for a in (0..n).filter(|a| *a != i) {
            row.exponents[a] -= row.most[self.side(i, a)];
        }
        for side in SIDES {
            row.exponents[n + side] = -row.most[side];
        }
        // The anchor itself has no place; whatever stands there is not used.
        row.exponents[i] = E::ZERO;
        map_chunk(Exp, [&row.exponents], &mut row.weights);
        row.total = SIDES.map(|side| row.weights[n + side]);
        for a in (0..n).filter(|a| *a != i) {
            row.total[self.side(i, a)] += row.weights[a];
        }
    }
}

impl<E: Element> Op<E> for MultiSimilarityLoss {
    fn name(&self) -> &'static str {
        "multi_similarity_loss"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        labelled_square("multi_similarity_loss", inputs, &self.labels)?;
        Ok(Shape::default())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let n = self.labels.len();
        let mut row = self.row();
        let mut sum = E::ZERO;
        for (i, d) in inputs[0].values().chunks(n).enumerate() {
            self.fill(i, d, &mut row);
            for (side, sharpness) in SIDES.into_iter().zip([self.alpha, self.beta]) {
                let log = row.most[side] + E::from_f64(row.total[side].to_f64().ln());
                sum += log / E::from_f64(sharpness);
            }
        }
        output.values_mut()[0] = sum / E::from_f64(n as f64);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let Some(grad) = &mut grad_inputs[0] else { return };
        let n = self.labels.len();
        let share = grad_output.values()[0] / E::from_f64(2.0 * n as f64);
        let mut row = self.row();
        let rows = node.inputs[0].values().chunks(n).zip(grad.values_mut().chunks_mut(n));
        for (i, (d, grad)) in rows.enumerate() {
            self.fill(i, d, &mut row);
            let shares = [share / row.total[0], -share / row.total[1]];
            for a in (0..n).filter(|a| *a != i) {
                grad[a] += shares[self.side(i, a)] * row.weights[a];
            }
        }
    }
}

impl Samples for MultiSimilarityLoss {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(20);
        let cases: [(f64, f64, f64, &[u32]); 6] = [
            (2.0, 50.0, 0.5, &[0, 1, 0, 1, 2, 2]),
            (2.0, 10.0, 0.5, &[0, 0, 0, 1, 1]),
            (1.0, 3.0, 0.0, &[0, 1, 2, 1, 3, 1, 0, 4, 5]),
            (5.0, 5.0, 0.7, &[7, 7, 7, 7]),
            (2.0, 20.0, 0.5, &[3, 1, 2]),
            (2.0, 20.0, 0.5, &[3]),
        ];
        cases
            .map(|(alpha, beta, base, labels)| {
                let label = format!("labels {labels:?}, alpha {alpha}, beta {beta}, base {base}");
                let op = MultiSimilarityLoss { alpha, beta, base, labels: labels.to_vec() };
                Sample::new(label, op, vec![numbers.positive(&[labels.len(); 2])])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = || MultiSimilarityLoss { alpha: 2.0, beta: 50.0, base: 0.5, labels: vec![0, 0, 1] };
        vec![
            Refusal::new(op(), [&[3, 4]], "shape (3, 4), expected a square (N, N)"),
            Refusal::new(op(), [&[4, 4]], "3 labels for an input of shape (4, 4)"),
            Refusal::new(op(), [&[3, 3], &[3, 3]], "2 inputs given, expected 1"),
        ]
    }
}
