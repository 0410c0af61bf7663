//! Wrong gradients of batch-norm and dense layer in one: with u = gamma xhat + beta and du = dy W,
//! dW = dy^T u, dgamma = Σ du xhat, dbeta = Σ du, dx = gamma rstd (du - dbeta / N - xhat dgamma / N).

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::NormalisedDense;
use twinglyph_engine::tape::Node;

/// Large, so that forgetting it shows.
const EPS: f64 = 0.1;
/// (N, F) to O.
const ROWS: usize = 5;
const FEATURES: usize = 3;
const OUTPUTS: usize = 2;

/// One wrong gradient: `term(t, n, o, f)` is what row n, output o and feature f add to number `at(n, o, f)`.
fn wrong(
    i: usize,
    what: &str,
    at: fn(usize, usize, usize) -> usize,
    term: fn(&Terms<'_>, usize, usize, usize) -> f64,
) -> Specimen {
    let inputs: Vec<Tensor<f64>> = vec![
        numbers(1, &[ROWS, FEATURES]),
        numbers(2, &[FEATURES]),
        numbers(3, &[FEATURES]),
        numbers(4, &[OUTPUTS, FEATURES]),
        numbers(5, &[OUTPUTS]),
    ];
    Specimen::in_input(i, what, NormalisedDense { eps: EPS }, &inputs, move |node, dy, grad| {
        let terms = Terms { node, dy };
        for (n, o, f) in (0..ROWS * OUTPUTS * FEATURES)
            .map(|k| (k / OUTPUTS / FEATURES, k / FEATURES % OUTPUTS, k % FEATURES))
        {
            grad[at(n, o, f)] += term(&terms, n, o, f);
        }
    })
}

struct Terms<'a> {
    node: &'a Node<'a, f64>,
    dy: &'a [f64],
}

impl Terms<'_> {
    fn dy(&self, n: usize, o: usize) -> f64 {
        self.dy[n * OUTPUTS + o]
    }

    fn input(&self, i: usize, k: usize) -> f64 {
        self.node.inputs[i].values()[k]
    }

    fn weight(&self, o: usize, f: usize) -> f64 {
        self.input(3, o * FEATURES + f)
    }

    fn rstd(&self, f: usize) -> f64 {
        self.node.saved.values[2][f]
    }

    fn xhat(&self, n: usize, f: usize) -> f64 {
        (self.input(0, n * FEATURES + f) - self.node.saved.values[0][f]) * self.rstd(f)
    }

    /// dy W.
    fn du(&self, n: usize, f: usize) -> f64 {
        (0..OUTPUTS).map(|o| self.dy(n, o) * self.weight(o, f)).sum()
    }

    fn dbeta(&self, f: usize) -> f64 {
        (0..ROWS).map(|n| self.du(n, f)).sum()
    }

    fn dgamma(&self, f: usize) -> f64 {
        (0..ROWS).map(|n| self.du(n, f) * self.xhat(n, f)).sum()
    }

    /// Output o's share of dx, with the means over N as they are given.
    fn dx(&self, n: usize, f: usize, rstd: f64, [dbeta, dgamma]: [f64; 2]) -> f64 {
        let du = self.du(n, f) - dbeta - self.xhat(n, f) * dgamma;
        self.input(1, f) * rstd * du / OUTPUTS as f64
    }
}

pub fn specimens() -> Vec<Specimen> {
    let (x, feature, weight) = (
        |n: usize, _: usize, f: usize| n * FEATURES + f,
        |_: usize, _: usize, f: usize| f,
        |_: usize, o: usize, f: usize| o * FEATURES + f,
    );
    vec![
        wrong(3, "dW, by xhat for u", weight, |t, n, o, f| t.dy(n, o) * t.xhat(n, f)),
        wrong(3, "dW, without beta", weight, |t, n, o, f| t.dy(n, o) * t.input(1, f) * t.xhat(n, f)),
        wrong(3, "dW, beta once and not for every row", weight, |t, n, o, f| {
            t.dy(n, o) * (t.input(1, f) * t.xhat(n, f) + t.input(2, f) / ROWS as f64)
        }),
        wrong(1, "dgamma, without W", feature, |t, n, o, f| t.dy(n, o) * t.xhat(n, f)),
        wrong(2, "dbeta, without W", feature, |t, n, o, _| t.dy(n, o)),
        wrong(0, "dx, as if the statistics were given", x, |t, n, _, f| t.dx(n, f, t.rstd(f), [0.0; 2])),
        wrong(0, "dx, without its path through the variance", x, |t, n, _, f| {
            t.dx(n, f, t.rstd(f), [t.dbeta(f) / ROWS as f64, 0.0])
        }),
        wrong(0, "dx, the sums over N for the means", x, |t, n, _, f| {
            t.dx(n, f, t.rstd(f), [t.dbeta(f), t.dgamma(f)])
        }),
        wrong(0, "dx, eps is forgotten", x, |t, n, _, f| {
            let means = [t.dbeta(f), t.dgamma(f)].map(|sum| sum / ROWS as f64);
            t.dx(n, f, 1.0 / t.node.saved.values[1][f].sqrt(), means)
        }),
    ]
}
