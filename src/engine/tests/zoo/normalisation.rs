//! Wrong gradients of batch normalisation:
//! dx = gamma rstd (dy - 1/M Σ dy - xhat 1/M Σ dy xhat), dgamma = Σ dy xhat, dbeta = Σ dy.

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{BatchNorm, BatchNormEval};
use twinglyph_engine::tape::Node;

/// Large, so that forgetting it shows.
const EPS: f64 = 0.1;
const OP: BatchNorm = BatchNorm { eps: EPS };

/// (N, C, H, W).
const SHAPE: [usize; 4] = [3, 2, 2, 3];
const CHANNELS: usize = SHAPE[1];
const POSITIONS: usize = SHAPE[2] * SHAPE[3];
/// M.
const COUNT: f64 = (SHAPE[0] * POSITIONS) as f64;

fn inputs() -> Vec<Tensor<f64>> {
    vec![numbers(1, &SHAPE), numbers(2, &[CHANNELS]), numbers(3, &[CHANNELS])]
}

/// What the formulas are made of, for the element k.
struct Terms {
    x: f64,
    dy: f64,
    gamma: f64,
    rstd: f64,
    var: f64,
    xhat: f64,
    /// Σ dy over the channel.
    sum: f64,
    /// Σ dy xhat over the channel.
    sum_xhat: f64,
    /// Σ dy over all channels.
    sum_of_all: f64,
}

fn channel(k: usize) -> usize {
    k / POSITIONS % CHANNELS
}

fn terms(node: &Node<'_, f64>, dy: &[f64], k: usize) -> Terms {
    let (x, c) = (node.inputs[0].values(), channel(k));
    let (mean, var) = (node.saved.values[0][c], node.saved.values[1][c]);
    let rstd = 1.0 / (var + EPS).sqrt();
    let own = || (0..x.len()).filter(|k| channel(*k) == c);
    Terms {
        x: x[k],
        dy: dy[k],
        gamma: node.inputs[1].values()[c],
        rstd,
        var,
        xhat: (x[k] - mean) * rstd,
        sum: own().map(|k| dy[k]).sum(),
        sum_xhat: own().map(|k| dy[k] * (x[k] - mean) * rstd).sum(),
        sum_of_all: dy.iter().sum(),
    }
}

fn input(what: &str, dx: fn(&Terms) -> f64) -> Specimen {
    Specimen::elementwise(0, &format!("dx, {what}"), OP, &inputs(), move |node, dy, k| {
        dx(&terms(node, dy, k))
    })
}

/// One term an element, summed over the channel.
fn per_channel(i: usize, what: &str, term: fn(&Terms) -> f64) -> Specimen {
    Specimen::in_input(i, what, OP, &inputs(), move |node, dy, grad| {
        for k in 0..dy.len() {
            grad[channel(k)] += term(&terms(node, dy, k));
        }
    })
}

pub fn specimens() -> Vec<Specimen> {
    let given = BatchNormEval { eps: EPS };
    let mut given_inputs = inputs();
    given_inputs.push(numbers(4, &[CHANNELS]));
    given_inputs.push(Tensor::from_fn([CHANNELS], |c| 0.5 + c as f64));
    vec![
        input("without its path through the mean", |t| {
            t.gamma * t.rstd * (t.dy - t.xhat * t.sum_xhat / COUNT)
        }),
        input("without its path through the variance", |t| t.gamma * t.rstd * (t.dy - t.sum / COUNT)),
        input("as if the statistics were given", |t| t.gamma * t.rstd * t.dy),
        input("the variance's path divided by M - 1", |t| {
            t.gamma * t.rstd * (t.dy - t.sum / COUNT - t.xhat * t.sum_xhat / (COUNT - 1.0))
        }),
        input("by the unbiased variance", |t| {
            let rstd = 1.0 / (t.var * COUNT / (COUNT - 1.0) + EPS).sqrt();
            t.gamma * rstd * (t.dy - t.sum / COUNT - t.xhat * t.sum_xhat / COUNT)
        }),
        input("gamma is forgotten", |t| t.rstd * (t.dy - t.sum / COUNT - t.xhat * t.sum_xhat / COUNT)),
        input("eps is forgotten", |t| {
            t.gamma / t.var.sqrt() * (t.dy - t.sum / COUNT - t.xhat * t.sum_xhat / COUNT)
        }),
        input("divided by the images, not by images and positions", |t| {
            let count = SHAPE[0] as f64;
            t.gamma * t.rstd * (t.dy - t.sum / count - t.xhat * t.sum_xhat / count)
        }),
        input("the mean taken over all channels", |t| {
            let mean = t.sum_of_all / (COUNT * CHANNELS as f64);
            t.gamma * t.rstd * (t.dy - mean - t.xhat * t.sum_xhat / COUNT)
        }),
        per_channel(1, "dgamma, by x for xhat", |t| t.dy * t.x),
        per_channel(1, "dgamma, without rstd", |t| t.dy * t.xhat / t.rstd),
        per_channel(2, "dbeta, the mean for the sum", |t| t.dy / COUNT),
        Specimen::in_input(3, "dmean, without gamma", given, &given_inputs, |node, dy, grad| {
            let rstd = &node.saved.values[0];
            (0..dy.len()).for_each(|k| grad[channel(k)] -= rstd[channel(k)] * dy[k]);
        }),
        Specimen::in_input(4, "dvar, with the wrong sign", given, &given_inputs, |node, dy, grad| {
            let [x, gamma, mean] = [0, 1, 3].map(|i| node.inputs[i].values());
            for (k, dy) in dy.iter().enumerate() {
                let c = channel(k);
                grad[c] += 0.5 * gamma[c] * node.saved.values[0][c].powi(3) * dy * (x[k] - mean[c]);
            }
        }),
    ]
}
