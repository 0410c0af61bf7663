//! Wrong gradients of what works on all pairs of a batch, and of normalisation, dropout and scaling.

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{
    Dropout, L2Normalise, MinedTripletLoss, Mining, MultiSimilarityLoss, PairwiseSquaredDistance, Scale,
    SupervisedContrastiveLoss,
};
use twinglyph_engine::tape::{Node, Op};

/// Two of one label, three of another, and one alone: every mean is over another number.
const LABELS: [u32; 6] = [0, 1, 0, 1, 2, 1];
const N: usize = LABELS.len();
/// Anchors that have a positive.
const ANCHORS: f64 = 5.0;
const WIDTH: usize = 3;
const TEMPERATURE: f64 = 0.4;
const SIMILAR: [f64; 3] = [2.0, 5.0, 0.5];
const MARGIN: f64 = 0.325;

fn positive(i: usize, a: usize) -> bool {
    a != i && LABELS[a] == LABELS[i]
}

fn others(i: usize) -> impl Iterator<Item = usize> {
    (0..N).filter(move |a| *a != i)
}

/// dD[i,a] = dy slope(D, i, a).
fn matrix(
    what: &str,
    right: impl Op<f64> + 'static,
    d: &Tensor<f64>,
    slope: impl Fn(&[f64], usize, usize) -> f64 + Send + Sync + 'static,
) -> Specimen {
    Specimen::new(what, right, std::slice::from_ref(d), move |node, grad_output, grads| {
        let Some(grad) = &mut grads[0] else { return };
        let n = node.inputs[0].dims()[0];
        for (k, grad) in grad.values_mut().iter_mut().enumerate() {
            *grad += grad_output.values()[0] * slope(node.inputs[0].values(), k / n, k % n);
        }
    })
}

/// Distances in 0.2..1.8.
fn distances() -> Tensor<f64> {
    let x = numbers(5, &[N, N]);
    Tensor::from_fn([N, N], |k| 1.0 + 0.8 * x.values()[k])
}

fn supervised(what: &str, slope: fn(&[f64], usize, usize) -> f64) -> Specimen {
    let op = SupervisedContrastiveLoss { temperature: TEMPERATURE, labels: LABELS.to_vec() };
    matrix(what, op, &distances(), slope)
}

/// The numerator of a softmax over row i.
fn weight(d: &[f64], i: usize, a: usize) -> f64 {
    (-d[i * N + a] / (2.0 * TEMPERATURE)).exp()
}

/// The right slope of the supervised contrastive loss, with another softmax and another weight of a positive.
fn supervised_slope(i: usize, a: usize, softmax: f64, wanted: impl Fn(f64) -> f64) -> f64 {
    let count = others(i).filter(|a| positive(i, *a)).count() as f64;
    if count == 0.0 || a == i {
        return 0.0;
    }
    let wanted = if positive(i, a) { wanted(count) } else { 0.0 };
    (wanted - softmax) / (2.0 * TEMPERATURE) / ANCHORS
}

fn softmax(d: &[f64], i: usize, a: usize) -> f64 {
    weight(d, i, a) / others(i).map(|a| weight(d, i, a)).sum::<f64>()
}

fn right_supervised(d: &[f64], i: usize, a: usize) -> f64 {
    supervised_slope(i, a, softmax(d, i, a), |count| 1.0 / count)
}

fn similar(what: &str, slope: fn(&[f64], usize, usize) -> f64) -> Specimen {
    let [alpha, beta, base] = SIMILAR;
    let op = MultiSimilarityLoss { alpha, beta, base, labels: LABELS.to_vec() };
    matrix(what, op, &distances(), slope)
}

/// The right slope of the multi-similarity loss, with another number for the 1 in the sums.
fn similar_slope(d: &[f64], i: usize, a: usize, one: f64) -> f64 {
    let [alpha, beta, base] = SIMILAR;
    let term = |a: usize| {
        let gap = 1.0 - d[i * N + a] / 2.0 - base;
        if positive(i, a) { (-alpha * gap).exp() } else { (beta * gap).exp() }
    };
    let sum: f64 = others(i).filter(|b| positive(i, *b) == positive(i, a)).map(term).sum();
    let sign = if positive(i, a) { 1.0 } else { -1.0 };
    if a == i { 0.0 } else { sign * term(a) / (one + sum) / (2.0 * N as f64) }
}

/// Of the triplets that the op chose; `wrong(D, (a, p, n), [chosen, active], dD)` adds dD for dL = 1.
fn mined(
    what: &str,
    mining: Mining,
    wrong: impl Fn(&[f64], [usize; 3], [f64; 2], &mut [f64]) + Send + Sync + 'static,
) -> Specimen {
    let op = MinedTripletLoss { margin: MARGIN, mining, seed: 3, labels: LABELS.to_vec() };
    // 0, 0.05, 0.1 ... in an order without pattern: no choice and no hinge is near its kink. The first anchor's
    // negatives are so far that it is at rest.
    let d = Tensor::from_fn([N, N], |k| {
        let far = if k < N && !positive(0, k) { 2.0 } else { 0.0 };
        0.05 * ((k * 23 + 7) % 37) as f64 + far
    });
    Specimen::new(what, op, &[d], move |node: Node<'_, f64>, grad_output, grads| {
        let Some(grad) = &mut grads[0] else { return };
        let (chosen, active) = MinedTripletLoss::active(node.saved);
        let counts = [chosen as f64, active as f64];
        let mut slopes = [0.0; N * N];
        for triplet in node.saved.indices.chunks(3) {
            let triplet = [0, 1, 2].map(|k| triplet[k] as usize);
            wrong(node.inputs[0].values(), triplet, counts, &mut slopes);
        }
        for (grad, slope) in grad.values_mut().iter_mut().zip(slopes) {
            *grad += grad_output.values()[0] * slope;
        }
    })
}

fn hinge(d: &[f64], [a, p, n]: [usize; 3]) -> f64 {
    d[a * N + p] - d[a * N + n] + MARGIN
}

/// dx_i = Σ_j factor(dy[i,j], dy[j,i]) (x_i - x_j).
fn pairwise(what: &str, factor: fn(f64, f64) -> f64) -> Specimen {
    let x = [numbers(1, &[4, WIDTH])];
    Specimen::elementwise(0, what, PairwiseSquaredDistance, &x, move |node, dy, k| {
        let (x, i, f) = (node.inputs[0].values(), k / WIDTH, k % WIDTH);
        (0..4).map(|j| factor(dy[i * 4 + j], dy[j * 4 + i]) * (x[k] - x[j * WIDTH + f])).sum()
    })
}

/// dx = gradient(y, dy, along, r) where along = y . dy and r = |x|.
fn normalise(what: &str, gradient: fn(f64, f64, f64, f64) -> f64) -> Specimen {
    Specimen::elementwise(0, what, L2Normalise, &[numbers(1, &[4, WIDTH])], move |node, dy, k| {
        let row = k / WIDTH * WIDTH..(k / WIDTH + 1) * WIDTH;
        let (x, y) = (&node.inputs[0].values()[row.clone()], &node.output.values()[row.clone()]);
        let along = y.iter().zip(&dy[row]).map(|(y, dy)| y * dy).sum();
        let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        gradient(y[k % WIDTH], dy[k], along, length)
    })
}

fn dropout(what: &str, gradient: fn(f64, f64, f64) -> f64) -> Specimen {
    let op = Dropout { rate: 0.4, seed: 1 };
    Specimen::elementwise(0, what, op, &[numbers(1, &[4, 5])], move |node, dy, k| {
        gradient(node.inputs[0].values()[k], node.output.values()[k], dy[k])
    })
}

pub fn specimens() -> Vec<Specimen> {
    let scale = Scale { factor: 2.5 };
    let x = [numbers(1, &[3, 4])];
    let mut all = vec![
        Specimen::elementwise(0, "dy as it is", scale, &x, |_, dy, k| dy[k]),
        Specimen::elementwise(0, "divided by the factor", scale, &x, |_, dy, k| dy[k] / 2.5),
        dropout("what is dropped passes too", |_, _, dy| dy / 0.6),
        dropout("what is kept is not scaled up", |_, y, dy| if y == 0.0 { 0.0 } else { dy }),
        dropout("scaled by 1 / rate", |_, y, dy| if y == 0.0 { 0.0 } else { dy / 0.4 }),
        dropout("the other elements", |_, y, dy| if y == 0.0 { dy / 0.6 } else { 0.0 }),
        normalise("the length as a constant", |_, dy, _, r| dy / r),
        normalise("what lies along the row is added", |y, dy, along, r| (dy + y * along) / r),
        normalise("without the division by r", |y, dy, along, _| dy - y * along),
        normalise("x for y in what is taken away", |y, dy, along, r| (dy - y * r * along) / r),
        Specimen::elementwise(
            0,
            "0 / 0 at a row of zeros",
            L2Normalise,
            &[Tensor::zeros([1, 2])],
            |node, dy, k| node.inputs[0].values()[k] / node.inputs[0].values()[k] * dy[k],
        )
        .at_kink(&[1e6; 2]),
        pairwise("of its row alone", |to, _| 2.0 * to),
        pairwise("of its column alone", |_, from| 2.0 * from),
        pairwise("the column with the other sign", |to, from| 2.0 * (to - from)),
        pairwise("without the 2", |to, from| to + from),
        pairwise("with the wrong sign", |to, from| -2.0 * (to + from)),
        supervised("the anchor itself in the denominator", |d, i, a| {
            let sum: f64 = (0..N).map(|a| weight(d, i, a)).sum();
            supervised_slope(i, a, weight(d, i, a) / sum, |count| 1.0 / count)
        }),
        supervised("the positives are not in the denominator", |d, i, a| {
            let sum: f64 = others(i).filter(|a| !positive(i, *a)).map(|a| weight(d, i, a)).sum();
            let share = if positive(i, a) { 0.0 } else { weight(d, i, a) / sum };
            supervised_slope(i, a, share, |count| 1.0 / count)
        }),
        supervised("the sum over positives for their mean", |d, i, a| {
            supervised_slope(i, a, softmax(d, i, a), |_| 1.0)
        }),
        supervised("the mean over all, with those that have no positive", |d, i, a| {
            right_supervised(d, i, a) * ANCHORS / N as f64
        }),
        supervised("1 / T is forgotten", |d, i, a| right_supervised(d, i, a) * TEMPERATURE),
        supervised("the 2 of D = 2 - 2 cos is forgotten", |d, i, a| 2.0 * right_supervised(d, i, a)),
        supervised("the logits' sign for the distances'", |d, i, a| -right_supervised(d, i, a)),
        supervised("half to each side of a pair", |d, i, a| {
            0.5 * (right_supervised(d, i, a) + right_supervised(d, a, i))
        }),
        supervised("above the diagonal only", |d, i, a| if a > i { right_supervised(d, i, a) } else { 0.0 }),
        similar("without the 1 in the sums", |d, i, a| similar_slope(d, i, a, 0.0)),
        similar("alpha and beta are left in", |d, i, a| {
            similar_slope(d, i, a, 1.0) * if positive(i, a) { SIMILAR[0] } else { SIMILAR[1] }
        }),
        similar("negatives are drawn nearer", |d, i, a| similar_slope(d, i, a, 1.0).abs()),
        similar("the 2 of D = 2 - 2 s is forgotten", |d, i, a| 2.0 * similar_slope(d, i, a, 1.0)),
        similar("the sum for the mean", |d, i, a| N as f64 * similar_slope(d, i, a, 1.0)),
        similar("an anchor without positives does not count", |d, i, a| {
            if LABELS[i] == 2 { 0.0 } else { similar_slope(d, i, a, 1.0) }
        }),
        mined("the hinge is forgotten", Mining::Random, |_, [a, p, n], [chosen, _], slopes| {
            slopes[a * N + p] += 1.0 / chosen;
            slopes[a * N + n] -= 1.0 / chosen;
        }),
        mined("the margin is forgotten in what is active", Mining::Random, |d, t, [chosen, _], slopes| {
            let active = f64::from(hinge(d, t) > MARGIN) / chosen;
            slopes[t[0] * N + t[1]] += active;
            slopes[t[0] * N + t[2]] -= active;
        }),
        // 0.5 - 1 + 0.5 = 0 and 0.25 - 0.75 + 0.5 = 0 exactly.
        matrix(
            "active at the kink",
            MinedTripletLoss { margin: 0.5, mining: Mining::BatchHard, seed: 0, labels: vec![0, 0, 1] },
            &Tensor::new([3, 3], vec![0.0, 0.5, 1.0, 0.25, 0.0, 0.75, 0.3, 0.4, 0.0]).unwrap(),
            |_, i, a| [[0.0, 0.5, -0.5], [0.5, 0.0, -0.5], [0.0; 3]][i][a],
        )
        .at_kink(&[0.0; 9]),
    ];
    let active = |d: &[f64], t: [usize; 3]| f64::from(hinge(d, t) > 0.0);
    for mining in [Mining::SemiHard, Mining::BatchHard] {
        let named = |what: &str| format!("{what}, {mining:?}");
        all.extend([
            mined(&named("negatives are drawn nearer"), mining, move |d, t, [chosen, _], slopes| {
                slopes[t[0] * N + t[1]] += active(d, t) / chosen;
                slopes[t[0] * N + t[2]] += active(d, t) / chosen;
            }),
            mined(&named("the negative is forgotten"), mining, move |d, t, [chosen, _], slopes| {
                slopes[t[0] * N + t[1]] += active(d, t) / chosen;
            }),
            mined(&named("the sum for the mean"), mining, move |d, t, _, slopes| {
                slopes[t[0] * N + t[1]] += active(d, t);
                slopes[t[0] * N + t[2]] -= active(d, t);
            }),
            mined(&named("the mean over those that are active"), mining, move |d, t, [_, count], slopes| {
                slopes[t[0] * N + t[1]] += active(d, t) / count;
                slopes[t[0] * N + t[2]] -= active(d, t) / count;
            }),
            mined(&named("from the positive's row"), mining, move |d, t, [chosen, _], slopes| {
                slopes[t[1] * N + t[0]] += active(d, t) / chosen;
                slopes[t[0] * N + t[2]] -= active(d, t) / chosen;
            }),
            mined(
                &named("to the first negative for the chosen one"),
                mining,
                move |d, t, [chosen, _], slopes| {
                    let first = others(t[0]).find(|n| !positive(t[0], *n)).unwrap();
                    slopes[t[0] * N + t[1]] += active(d, t) / chosen;
                    slopes[t[0] * N + first] -= active(d, t) / chosen;
                },
            ),
        ]);
    }
    all
}
