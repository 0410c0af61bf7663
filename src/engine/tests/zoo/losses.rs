//! Wrong gradients of distances and losses.

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{ContrastiveLoss, EuclideanDistance, SquaredDistance, TripletLoss};
use twinglyph_engine::tape::Node;

const CONTRASTIVE: ContrastiveLoss = ContrastiveLoss { margin: 1.0 };
const TRIPLET: TripletLoss = TripletLoss { margin: 0.5 };
const WIDTH: usize = 3;

fn pairs() -> Vec<Tensor<f64>> {
    vec![numbers(1, &[4, WIDTH]), numbers(2, &[4, WIDTH])]
}

/// dD = share term(D, Y).
fn contrastive(what: &str, term: fn(f64, f64) -> f64) -> Specimen {
    // Near, far and beyond the margin, of one alphabet and of two.
    let distance = Tensor::new([6, 1], vec![0.2, 0.7, 1.6, 0.3, 0.8, 1.5]).unwrap();
    let same = Tensor::new([6, 1], vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0]).unwrap();
    Specimen::elementwise(0, what, CONTRASTIVE, &[distance, same], move |node, dy, k| {
        dy[0] / 6.0 * term(node.inputs[0].values()[k], node.inputs[1].values()[k])
    })
}

fn hinge(d: f64) -> f64 {
    (1.0 - d).max(0.0)
}

/// Σ_f (a - b)^2 of row n.
fn squared(a: &Tensor<f64>, b: &Tensor<f64>, n: usize) -> f64 {
    let row = n * WIDTH..(n + 1) * WIDTH;
    a.values()[row.clone()].iter().zip(&b.values()[row]).map(|(a, b)| (a - b).powi(2)).sum()
}

/// |a - p|^2 - |a - n|^2 of a triplet.
fn gap(node: &Node<'_, f64>, n: usize) -> f64 {
    squared(node.inputs[0], node.inputs[1], n) - squared(node.inputs[0], node.inputs[2], n)
}

/// The gradient of input i: share term(a, p, n) where active(gap).
fn triplet(i: usize, what: &str, active: fn(f64) -> bool, term: fn(f64, f64, f64) -> f64) -> Specimen {
    let anchor = numbers(1, &[6, WIDTH]);
    // The squared distances are 1.36 times these squares: |a - p|^2 - |a - n|^2 is above 0, between -margin
    // and 0, and below -margin.
    let sizes = [(0.9, 0.4), (0.5, 0.7), (0.4, 0.9), (0.8, 0.8), (0.6, 0.7), (0.1, 0.8)];
    let beside = |size: fn((f64, f64)) -> f64, way: [f64; WIDTH]| {
        Tensor::from_fn([6, WIDTH], |k| anchor.values()[k] + size(sizes[k / WIDTH]) * way[k % WIDTH])
    };
    let positive = beside(|(positive, _)| positive, [1.0, 0.5, -1.0 / 3.0]);
    let negative = beside(|(_, negative)| negative, [-0.5, 1.0 / 3.0, 1.0]);
    let inputs = [anchor.clone(), positive, negative];
    Specimen::elementwise(i, what, TRIPLET, &inputs, move |node, dy, k| {
        let [a, p, n] = [0, 1, 2].map(|i| node.inputs[i].values()[k]);
        if active(gap(node, k / WIDTH)) { dy[0] / 6.0 * term(a, p, n) } else { 0.0 }
    })
}

pub fn specimens() -> Vec<Specimen> {
    let euclidean = EuclideanDistance::default();
    let difference = |node: &Node<'_, f64>, k: usize| node.inputs[0].values()[k] - node.inputs[1].values()[k];
    let right = |gap: f64| gap + TRIPLET.margin > 0.0;
    let equal = vec![numbers(1, &[1, WIDTH]); 2];
    let anchor = Tensor::new([1, 1], vec![0.0]).unwrap();
    let negative = Tensor::new([1, 1], vec![1.0]).unwrap();
    vec![
        Specimen::elementwise(1, "db with the sign of da", SquaredDistance, &pairs(), move |node, dy, k| {
            2.0 * dy[k / WIDTH] * difference(node, k)
        }),
        Specimen::elementwise(0, "without the 2", SquaredDistance, &pairs(), move |node, dy, k| {
            dy[k / WIDTH] * difference(node, k)
        }),
        Specimen::elementwise(1, "db with the sign of da", euclidean, &pairs(), move |node, dy, k| {
            dy[k / WIDTH] * difference(node, k) / node.output.values()[k / WIDTH]
        }),
        Specimen::elementwise(0, "without the division by D", euclidean, &pairs(), move |node, dy, k| {
            dy[k / WIDTH] * difference(node, k)
        }),
        Specimen::elementwise(0, "divided by D^2 for D", euclidean, &pairs(), move |node, dy, k| {
            dy[k / WIDTH] * difference(node, k) / node.output.values()[k / WIDTH].powi(2)
        }),
        Specimen::elementwise(0, "0 / 0 at distance 0", euclidean, &equal, move |node, dy, k| {
            dy[0] * difference(node, k) / squared(node.inputs[0], node.inputs[1], 0).sqrt()
        })
        .at_kink(&[0.0; WIDTH]),
        contrastive("the labels are turned round", |d, y| 2.0 * (1.0 - y) * d - 2.0 * y * hinge(d)),
        contrastive("the hinge pulls together", |d, y| 2.0 * y * d + 2.0 * (1.0 - y) * hinge(d)),
        contrastive("without the 2 of the hinge", |d, y| 2.0 * y * d - (1.0 - y) * hinge(d)),
        contrastive("the hinge as if it were not squared", |d, y| {
            2.0 * y * d - (1.0 - y) * if d < 1.0 { 1.0 } else { 0.0 }
        }),
        contrastive("without the hinge, beyond the margin too", |d, y| {
            2.0 * y * d - 2.0 * (1.0 - y) * (1.0 - d)
        }),
        contrastive("the sum for the mean", |d, y| 6.0 * (2.0 * y * d - 2.0 * (1.0 - y) * hinge(d))),
        triplet(0, "da without the negative's term", right, |a, p, _| 2.0 * (a - p)),
        triplet(0, "da with the wrong sign", right, |_, p, n| 2.0 * (p - n)),
        triplet(1, "dp with the wrong sign", right, |a, p, _| 2.0 * (a - p)),
        triplet(2, "dn with the wrong sign", right, |a, _, n| 2.0 * (n - a)),
        triplet(0, "active where it should rest", |gap| gap + TRIPLET.margin <= 0.0, |_, p, n| 2.0 * (n - p)),
        triplet(0, "active everywhere", |_| true, |_, p, n| 2.0 * (n - p)),
        triplet(0, "the margin is forgotten in what is active", |gap| gap > 0.0, |_, p, n| 2.0 * (n - p)),
        triplet(0, "the sum for the mean", right, |_, p, n| 12.0 * (n - p)),
        // 0.5^2 - 1^2 + 0.75 = 0 exactly.
        Specimen::elementwise(
            0,
            "active at the kink",
            TripletLoss { margin: 0.75 },
            &[anchor, Tensor::new([1, 1], vec![0.5]).unwrap(), negative],
            |node, dy, k| dy[0] * 2.0 * (node.inputs[2].values()[k] - node.inputs[1].values()[k]),
        )
        .at_kink(&[0.0]),
    ]
}
