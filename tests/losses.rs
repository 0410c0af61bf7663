//! The losses against numbers worked out by hand, and against what they are for.

use twinglyph::ops::{ContrastiveLoss, EuclideanDistance, SquaredDistance, TripletLoss};
use twinglyph::tape::Op;
use twinglyph::{Tape, Tensor, Var};

/// The loss and its gradients.
fn run(op: impl Op<f64> + 'static, inputs: &[Tensor<f64>]) -> (f64, Vec<Vec<f64>>) {
    let mut tape = Tape::new();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.parameter(x.clone())).collect();
    let loss = tape.apply(op, &vars).unwrap();
    tape.backward(loss).unwrap();
    (tape.value(loss).values()[0], vars.iter().map(|x| tape.grad(*x).unwrap().values().to_vec()).collect())
}

fn column<const N: usize>(values: [f64; N]) -> Tensor<f64> {
    Tensor::new([N, 1], values.to_vec()).unwrap()
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64]) {
    assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14), "{a:?} and {b:?}");
}

/// margin 1, four pairs:
///
/// ```text
/// Y   D      Y D^2 + (1 - Y) max(1 - D, 0)^2    2 Y D - 2 (1 - Y) max(1 - D, 0)
/// 1   0.5    0.25                                1
/// 1   2      4                                   4
/// 0   0.25   0.75^2 = 0.5625                    -1.5
/// 0   3      0                                   0
/// mean       4.8125 / 4 = 1.203125               each / 4
/// ```
#[test]
fn the_contrastive_loss_is_what_the_formula_gives_by_hand() {
    let inputs = [column([0.5, 2.0, 0.25, 3.0]), column([1.0, 1.0, 0.0, 0.0])];
    let (loss, grads) = run(ContrastiveLoss { margin: 1.0 }, &inputs);
    assert_close(&[loss], &[1.203125]);
    assert_close(&grads[0], &[0.25, 1.0, -0.375, 0.0]);
    // dY = (D^2 - max(1 - D, 0)^2) / 4 = (0.25 - 0.25, 4 - 0, 0.0625 - 0.5625, 9 - 0) / 4.
    assert_close(&grads[1], &[0.0, 1.0, -0.125, 2.25]);
}

/// Both labels of one and the same distance, each alone: Y = 1 gives D^2, Y = 0 gives (margin - D)^2.
#[test]
fn the_contrastive_loss_tells_the_two_labels_apart() {
    let loss = |d: f64, same: f64| run(ContrastiveLoss { margin: 2.0 }, &[column([d]), column([same])]).0;
    assert_close(&[loss(0.5, 1.0), loss(0.5, 0.0)], &[0.25, 2.25]);
    assert_close(&[loss(3.0, 1.0), loss(3.0, 0.0)], &[9.0, 0.0]);
}

/// The commonest error of this family is labels turned round against the loss. A step against the gradient
/// must shorten the distance of a pair of one alphabet and lengthen that of a pair of two.
#[test]
fn a_step_down_the_contrastive_loss_draws_one_alphabet_together_and_pushes_two_apart() {
    let a = Tensor::new([2, 2], vec![0.0, 0.0, 0.0, 0.0]).unwrap();
    let b = Tensor::new([2, 2], vec![0.3, 0.4, 0.3, 0.4]).unwrap();
    let same = column([1.0, 0.0]);
    let distances = |a: &Tensor<f64>, b: &Tensor<f64>| {
        let mut tape = Tape::new();
        let (a, b) = (tape.parameter(a.clone()), tape.parameter(b.clone()));
        let y = tape.constant(same.clone());
        let d = tape.apply(EuclideanDistance::default(), &[a, b]).unwrap();
        let loss = tape.apply(ContrastiveLoss { margin: 1.0 }, &[d, y]).unwrap();
        tape.backward(loss).unwrap();
        (tape.value(d).values().to_vec(), [a, b].map(|x| tape.grad(x).unwrap().values().to_vec()))
    };
    let (before, grads) = distances(&a, &b);
    let step = |x: &Tensor<f64>, grad: &[f64]| Tensor::from_fn([2, 2], |k| x.values()[k] - 0.1 * grad[k]);
    let (after, _) = distances(&step(&a, &grads[0]), &step(&b, &grads[1]));
    assert_close(&before, &[0.5, 0.5]);
    assert!(after[0] < before[0], "one alphabet: from {} to {}", before[0], after[0]);
    assert!(after[1] > before[1], "two alphabets: from {} to {}", before[1], after[1]);
    // In numbers: dD = (2 D, -2 (1 - D)) / 2 = (0.5, -0.5), da = (a - b) / D dD = -(0.6, 0.8) dD, db = -da.
    assert_close(&grads[0], &[-0.3, -0.4, 0.3, 0.4]);
    assert_close(&grads[1], &[0.3, 0.4, -0.3, -0.4]);
}

/// margin 1, three triplets of two features:
///
/// ```text
/// a       p       n       |a-p|^2  |a-n|^2   h      L    2 (n - p)   -2 (a - p)   2 (a - n)
/// (0,0)   (1,0)   (0,1)   1        1         1      1    (-2, 2)     (2, 0)       (0, -2)
/// (1,1)   (1,1)   (3,1)   0        4        -3      0    0           0            0
/// (0,2)   (1,0)   (0,1)   5        1         5      5    (-2, 2)     (2, -4)      (0, 2)
/// mean                                              2    each / 3
/// ```
#[test]
fn the_triplet_loss_is_what_the_formula_gives_by_hand() {
    let rows = |values: [f64; 6]| Tensor::new([3, 2], values.to_vec()).unwrap();
    let inputs = [
        rows([0.0, 0.0, 1.0, 1.0, 0.0, 2.0]),
        rows([1.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
        rows([0.0, 1.0, 3.0, 1.0, 0.0, 1.0]),
    ];
    let (loss, grads) = run(TripletLoss { margin: 1.0 }, &inputs);
    assert_close(&[loss], &[2.0]);
    let third = |values: [f64; 6]| values.map(|v| v / 3.0);
    assert_close(&grads[0], &third([-2.0, 2.0, 0.0, 0.0, -2.0, 2.0]));
    assert_close(&grads[1], &third([2.0, 0.0, 0.0, 0.0, 2.0, -4.0]));
    assert_close(&grads[2], &third([0.0, -2.0, 0.0, 0.0, 0.0, 2.0]));
    // Anchor, positive and negative moved together leave the loss as it is.
    let sum: Vec<f64> = (0..6).map(|k| grads.iter().map(|grad| grad[k]).sum()).collect();
    assert_close(&sum, &[0.0; 6]);
}

#[test]
fn a_step_down_the_triplet_loss_draws_the_positive_nearer_and_the_negative_away() {
    let inputs = [[0.1, 0.2], [0.6, -0.3], [-0.2, 0.4]].map(|x| Tensor::new([1, 2], x.to_vec()).unwrap());
    let (before, grads) = run(TripletLoss { margin: 1.0 }, &inputs);
    let moved: Vec<Tensor<f64>> =
        (0..3).map(|i| Tensor::from_fn([1, 2], |k| inputs[i].values()[k] - 0.05 * grads[i][k])).collect();
    let squared = |x: &[Tensor<f64>], other: usize| {
        let mut tape = Tape::new();
        let pair = [0, other].map(|i: usize| tape.constant(x[i].clone()));
        let s = tape.apply(SquaredDistance, &pair).unwrap();
        tape.value(s).values()[0]
    };
    assert!(squared(&moved, 1) < squared(&inputs, 1));
    assert!(squared(&moved, 2) > squared(&inputs, 2));
    assert!(run(TripletLoss { margin: 1.0 }, &moved).0 < before);
}

/// 3-4-5 and 5-12-13.
#[test]
fn distances_are_those_of_pythagoras() {
    let a = Tensor::new([2, 2], vec![3.0, 0.0, 5.0, 1.0]).unwrap();
    let b = Tensor::new([2, 2], vec![0.0, 4.0, 0.0, 13.0]).unwrap();
    let mut tape = Tape::new();
    let pair = [a, b].map(|x| tape.parameter(x));
    let squared = tape.apply(SquaredDistance, &pair).unwrap();
    let distance = tape.apply(EuclideanDistance::default(), &pair).unwrap();
    assert_eq!(tape.value(squared).dims(), [2, 1]);
    assert_close(tape.value(squared).values(), &[25.0, 169.0]);
    assert_close(tape.value(distance).values(), &[5.0, 13.0]);
    // da = 2 (a - b), and (a - b) / D.
    let ones = column([1.0, 1.0]);
    tape.backward_from(squared, &ones).unwrap();
    assert_close(tape.grad(pair[0]).unwrap().values(), &[6.0, -8.0, 10.0, -24.0]);
    tape.backward_from(distance, &ones).unwrap();
    assert_close(tape.grad(pair[1]).unwrap().values(), &[-0.6, 0.8, -5.0 / 13.0, 12.0 / 13.0]);
}
