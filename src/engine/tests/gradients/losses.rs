//! The losses against numbers worked out by hand, and against what they are for.

use twinglyph_engine::ops::{
    ContrastiveLoss, Dropout, EuclideanDistance, L2Normalise, MinedTripletLoss, Mining, MultiSimilarityLoss,
    PairwiseSquaredDistance, SquaredDistance, SupervisedContrastiveLoss, TripletLoss,
};
use twinglyph_engine::tape::Op;
use twinglyph_engine::{Element, Tape, Tensor, Var, gradcheck};

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

fn square<const N: usize>(rows: [[f64; N]; N]) -> Tensor<f64> {
    Tensor::new([N, N], rows.as_flattened().to_vec()).unwrap()
}

/// Numbers in -1..1 without any pattern.
fn numbers(shape: [usize; 2]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| ((i + 1) as f64 * 12.9898).sin())
}

/// T = 1/2, so l = -D; third of its label is none, so L is the mean of two:
///
/// ```text
/// i   exp l[i,a]     softmax       L_i       dD[i,a] = ([p] - softmax) / 2
/// 0   -  1  1/3      -  3/4  1/4   log 4/3   -    1/8  -1/8
/// 1   1/2  -  1      1/3  -  2/3   log 3     1/3  -    -1/3
/// mean                             log 2
/// ```
#[test]
fn the_supervised_contrastive_loss_is_what_the_formula_gives_by_hand() {
    let op = SupervisedContrastiveLoss { temperature: 0.5, labels: vec![4, 4, 1] };
    let (ln_2, ln_3) = (2f64.ln(), 3f64.ln());
    let (loss, grads) = run(op, &[square([[0.0, 0.0, ln_3], [ln_2, 0.0, 0.0], [0.7, 0.2, 0.0]])]);
    assert_close(&[loss], &[ln_2]);
    let (eighth, third) = (1.0 / 8.0, 1.0 / 3.0);
    assert_close(&grads[0], &[0.0, eighth, -eighth, third, 0.0, -third, 0.0, 0.0, 0.0]);
}

/// The paper's formula as it stands there, of cosines: Σ_i -1/|P(i)| Σ_p log(exp(z_i . z_p / T) / Σ_a exp(z_i . z_a / T)),
/// divided by the number of anchors that have a positive.
fn textbook(x: &Tensor<f64>, labels: &[u32], temperature: f64) -> f64 {
    let width = x.dims()[1];
    let unit: Vec<Vec<f64>> = x
        .values()
        .chunks(width)
        .map(|row| row.iter().map(|v| v / row.iter().map(|v| v * v).sum::<f64>().sqrt()).collect())
        .collect();
    let e = |i: usize, a: usize| {
        (unit[i].iter().zip(&unit[a]).map(|(u, v)| u * v).sum::<f64>() / temperature).exp()
    };
    let all = 0..labels.len();
    let (mut sum, mut anchors) = (0.0, 0);
    for i in all.clone() {
        let positives: Vec<usize> = all.clone().filter(|&p| p != i && labels[p] == labels[i]).collect();
        if positives.is_empty() {
            continue;
        }
        let total: f64 = all.clone().filter(|&a| a != i).map(|a| e(i, a)).sum();
        let logs: f64 = positives.iter().map(|&p| (e(i, p) / total).ln()).sum();
        sum -= logs / positives.len() as f64;
        anchors += 1;
    }
    sum / f64::from(anchors)
}

/// Embeddings to length 1, all their distances, the loss.
fn through<E: Element>(
    tape: &mut Tape<E>,
    op: impl Op<E> + 'static,
    x: Var,
) -> twinglyph_engine::Result<Var> {
    let x = tape.apply(L2Normalise, &[x])?;
    let d = tape.apply(PairwiseSquaredDistance, &[x])?;
    tape.apply(op, &[d])
}

#[test]
fn the_supervised_contrastive_loss_of_distances_is_the_textbooks_of_cosines() {
    // With some alone; all together; and one positive each, which is cross-entropy: find the partner among the others.
    for labels in [vec![0, 1, 0, 2, 1, 0, 3, 1], vec![6; 8], vec![0, 1, 2, 3, 0, 1, 2, 3]] {
        for temperature in [0.07, 0.5, 3.0] {
            let x = numbers([8, 5]);
            let op = SupervisedContrastiveLoss { temperature, labels: labels.clone() };
            let mut tape = Tape::new();
            let var = tape.parameter(x.clone());
            let loss = through(&mut tape, op, var).unwrap();
            let (ours, theirs) = (tape.value(loss).values()[0], textbook(&x, &labels, temperature));
            assert!((ours - theirs).abs() < 1e-12 * theirs, "{labels:?}, {temperature}: {ours} and {theirs}");
        }
    }
}

/// alpha = 2, beta = 4, base = 1/2. D = 1 is the cosine 1/2, where either exponent is 0; at D[1,2] it is
/// 4 (1/2 - D / 2) = log 3:
///
/// ```text
/// i   P_i     N_i         log P / 2 + log N / 4       dD = +- share of the sum / 6
/// 0   1 + 1   1 + 1       log 2 / 2 + log 2 / 4       -      1/12   -1/12
/// 1   1 + 1   1 + 3       log 2 / 2 + log 4 / 4       1/12   -      -1/8
/// 2   1       1 + 1 + 1   log 3 / 4                   -1/18  -1/18  -
/// ```
#[test]
fn the_multi_similarity_loss_is_what_the_formula_gives_by_hand() {
    let op = MultiSimilarityLoss { alpha: 2.0, beta: 4.0, base: 0.5, labels: vec![1, 1, 0] };
    let (ln_2, ln_3) = (2f64.ln(), 3f64.ln());
    let d = square([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0 - ln_3 / 2.0], [1.0, 1.0, 0.0]]);
    let (loss, grads) = run(op, &[d]);
    assert_close(&[loss], &[(1.75 * ln_2 + ln_3 / 4.0) / 3.0]);
    let [a, b, c] = [12.0, 8.0, 18.0].map(|n| 1.0 / n);
    assert_close(&grads[0], &[0.0, a, -a, a, 0.0, -b, -c, -c, 0.0]);
}

/// margin 1, batch-hard. Of anchor 0 the farthest positive is 2, the nearest negative 3; anchor 3 has no positive:
///
/// ```text
/// a   p   n   D[a,p]   D[a,n]   h
/// 0   2   3   3        2         2
/// 1   0   3   1        4        -2
/// 2   0   3   3        3.5       0.5
/// mean of max(h, 0)              2.5 / 3
/// ```
#[test]
fn the_batch_hard_triplet_loss_is_what_the_formula_gives_by_hand() {
    let op = MinedTripletLoss { margin: 1.0, mining: Mining::BatchHard, seed: 0, labels: vec![5, 5, 5, 2] };
    let d = square([[0.0, 1.0, 3.0, 2.0], [1.0, 0.0, 0.5, 4.0], [3.0, 0.5, 0.0, 3.5], [2.0, 4.0, 3.5, 0.0]]);
    let mut tape = Tape::new();
    let d = tape.parameter(d);
    let loss = tape.apply(op, &[d]).unwrap();
    assert_eq!(tape.saved(loss).indices, [0, 2, 3, 1, 0, 3, 2, 0, 3]);
    assert_eq!(MinedTripletLoss::active(tape.saved(loss)), (3, 2));
    assert_close(tape.value(loss).values(), &[2.5 / 3.0]);
    tape.backward(loss).unwrap();
    let third = 1.0 / 3.0;
    let expected = [[0.0, 0.0, third, -third], [0.0; 4], [third, 0.0, 0.0, -third], [0.0; 4]];
    assert_close(tape.grad(d).unwrap().values(), expected.as_flattened());
}

/// The triplets that an op chooses, no gradient asked for.
fn chosen(mining: Mining, seed: u64, labels: &[u32], d: &Tensor<f64>) -> Vec<[u32; 3]> {
    let op = MinedTripletLoss { margin: 0.2, mining, seed, labels: labels.to_vec() };
    let mut tape = Tape::new();
    let d = tape.constant(d.clone());
    let loss = tape.apply(op, &[d]).unwrap();
    let triplets: Vec<[u32; 3]> = tape.saved(loss).indices.chunks(3).map(|t| t.try_into().unwrap()).collect();
    assert_eq!(MinedTripletLoss::active(tape.saved(loss)).0, triplets.len());
    triplets
}

#[test]
fn mining_chooses_what_a_search_through_all_triplets_chooses() {
    for (round, labels) in [vec![0, 0, 1, 1, 2, 2, 0, 1], vec![3, 3, 3, 3, 1, 3], vec![0, 1, 0, 1, 0, 1, 4]]
        .into_iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        // Few values, so that ties are common.
        let n = labels.len();
        let d = Tensor::from_fn([n, n], |k| ((k + 100 * round) as f64 * 78.233).sin().abs() * 6.0)
            .values()
            .to_vec();
        let d: Vec<f64> = d.into_iter().map(f64::round).collect();
        let all = || 0..n as u32;
        let at = |a: u32, b: u32| d[a as usize * n + b as usize];
        let same = |a: u32, b: u32| labels[a as usize] == labels[b as usize];
        let (mut semi_hard, mut batch_hard) = (Vec::new(), Vec::new());
        for a in all() {
            let positives: Vec<u32> = all().filter(|&p| p != a && same(a, p)).collect();
            let negatives: Vec<u32> = all().filter(|&n| !same(a, n)).collect();
            // min_by takes the first of equals, max_by the last: so it goes from the end.
            let near = |of: &[u32]| of.iter().copied().min_by(|x, y| at(a, *x).total_cmp(&at(a, *y)));
            let far = |of: &[u32]| of.iter().rev().copied().max_by(|x, y| at(a, *x).total_cmp(&at(a, *y)));
            for &p in &positives {
                let farther: Vec<u32> = negatives.iter().copied().filter(|&n| at(a, n) > at(a, p)).collect();
                semi_hard.extend(near(&farther).or_else(|| far(&negatives)).map(|n| [a, p, n]));
            }
            batch_hard.extend(far(&positives).zip(near(&negatives)).map(|(p, n)| [a, p, n]));
        }
        let d = Tensor::new([n, n], d.clone()).unwrap();
        assert_eq!(chosen(Mining::SemiHard, 0, &labels, &d), semi_hard, "{d:?}");
        assert_eq!(chosen(Mining::BatchHard, 0, &labels, &d), batch_hard, "{d:?}");
    }
}

#[test]
fn random_mining_gives_each_anchor_and_positive_one_of_its_negatives_all_equally_often() {
    let labels = [0, 0, 1, 1, 2, 0];
    let d = numbers([6, 6]);
    let pairs = [[0, 1], [0, 5], [1, 0], [1, 5], [2, 3], [3, 2], [5, 0], [5, 1]];
    let mut counts = [[0u32; 6]; 8];
    for seed in 0..3000 {
        let triplets = chosen(Mining::Random, seed, &labels, &d);
        assert_eq!(triplets.iter().map(|t| [t[0], t[1]]).collect::<Vec<_>>(), pairs);
        assert_eq!(triplets, chosen(Mining::Random, seed, &labels, &d));
        for (counts, [_, _, n]) in counts.iter_mut().zip(triplets) {
            counts[n as usize] += 1;
        }
    }
    for (counts, [a, _]) in counts.iter().zip(pairs) {
        let negatives: Vec<usize> = (0..6).filter(|&n| labels[n] != labels[a as usize]).collect();
        let mean = 3000.0 / negatives.len() as f64;
        for n in 0..6 {
            let expected = if negatives.contains(&n) { mean } else { 0.0 };
            // 5 standard deviations of a count are less than 5 sqrt(mean).
            assert!((f64::from(counts[n]) - expected).abs() <= 5.0 * expected.sqrt(), "{counts:?}");
        }
    }
}

const MINING: [Mining; 3] = [Mining::Random, Mining::SemiHard, Mining::BatchHard];

/// Every loss over all pairs, with the settings of the papers.
fn pair_losses<E: Element>(labels: &[u32]) -> Vec<Box<dyn Op<E>>> {
    let labels = || labels.to_vec();
    let mut all: Vec<Box<dyn Op<E>>> = vec![
        Box::new(SupervisedContrastiveLoss { temperature: 0.1, labels: labels() }),
        Box::new(MultiSimilarityLoss { alpha: 2.0, beta: 50.0, base: 0.5, labels: labels() }),
    ];
    for mining in MINING {
        all.push(Box::new(MinedTripletLoss { margin: 0.2, mining, seed: 1, labels: labels() }));
    }
    all
}

#[test]
fn from_the_embeddings_to_the_loss_the_gradients_agree_with_differences() {
    let labels = [0, 1, 0, 2, 1, 0];
    for k in 0..pair_losses::<f64>(&labels).len() {
        let check = gradcheck::Check::new().tolerance(gradcheck::MODEL_TOLERANCE);
        let loss = |tape: &mut Tape<f64>, x: &[Var]| through(tape, pair_losses(&labels).swap_remove(k), x[0]);
        let report = check.run(loss, &[numbers([6, 4])]).unwrap();
        assert!(report.passed, "loss {k}: {report}");
    }
}

/// The loss of embeddings and its gradient, all finite.
#[track_caller]
fn finite<E: Element>(op: impl Op<E> + 'static, x: Tensor<E>) -> (f64, Vec<f64>) {
    let name = op.name();
    let mut tape = Tape::new();
    let x = tape.parameter(x);
    let loss = through(&mut tape, op, x).unwrap();
    tape.backward(loss).unwrap();
    let (value, grad) = (tape.value(loss).values()[0], tape.grad(x).unwrap().values());
    assert!(value.is_finite() && grad.iter().all(|g| g.is_finite()), "{name}: {value}, {grad:?}");
    (value.to_f64(), grad.iter().map(|g| g.to_f64()).collect())
}

fn losses_of_collapsed_embeddings<E: Element>() {
    for value in [0.0, 0.25, 1e18] {
        let point = Tensor::from_fn([4, 3], |_| E::from_f64(value));
        for op in pair_losses::<E>(&[0, 0, 1, 1]) {
            // All at distance 0: log 3 for one of three; log(1 + e^-1) / 2 + log(1 + 2 e^25) / 50; the margin.
            let expected = match op.name() {
                "supervised_contrastive_loss" => 3f64.ln(),
                "multi_similarity_loss" => {
                    (1.0 + (-1f64).exp()).ln() / 2.0 + (1.0 + 2.0 * 25f64.exp()).ln() / 50.0
                }
                _ => 0.2,
            };
            let (loss, grad) = finite(op, point.clone());
            assert!((loss - expected).abs() < 1e-6, "{loss} for {expected}");
            assert!(grad.iter().all(|g| *g == 0.0), "{grad:?}");
        }
    }
}

#[test]
fn collapsed_embeddings_have_a_finite_loss_and_no_gradient() {
    losses_of_collapsed_embeddings::<f32>();
    losses_of_collapsed_embeddings::<f64>();
}

#[test]
fn a_batch_in_which_all_are_alone_has_loss_and_gradient_zero() {
    for op in pair_losses::<f32>(&[3, 1, 4, 2]) {
        let name = op.name();
        let (loss, grad) = finite(op, Tensor::from_fn([4, 3], |i| (i as f32).cos()));
        // Negatives alone are still pushed apart by the multi-similarity loss.
        let none = name != "multi_similarity_loss";
        assert!(!none || loss == 0.0 && grad.iter().all(|g| *g == 0.0), "{name}: {loss}, {grad:?}");
    }
    // All of one label: no triplet, and nothing divided by 0.
    for op in pair_losses::<f32>(&[3; 4]) {
        let name = op.name();
        let (loss, _) = finite(op, Tensor::from_fn([4, 3], |i| (i as f32).cos()));
        assert!(name != "mined_triplet_loss" || loss == 0.0, "{name}: {loss}");
    }
}

#[test]
fn distances_however_large_do_not_overflow() {
    for size in [1e3f32, 1e30] {
        for op in pair_losses::<f32>(&[0, 0, 1, 1, 2]) {
            let name = op.name();
            let mut tape = Tape::new();
            let d = tape.parameter(Tensor::from_fn([5, 5], |k| size * ((k * 7 + 1) % 25) as f32));
            let loss = tape.apply(op, &[d]).unwrap();
            tape.backward(loss).unwrap();
            let grad = tape.grad(d).unwrap().values();
            assert!(tape.value(loss).values()[0].is_finite(), "{name} at {size}");
            assert!(grad.iter().all(|g| g.is_finite() && g.abs() <= 5.0), "{name} at {size}: {grad:?}");
        }
    }
}

/// Of what lies very near and very far together, the near alone counts: log of e^0 + 2 e^-far, and the other way about.
#[test]
fn the_nearest_decides_where_others_are_very_far() {
    for (positive, negative, expected) in [(0.0f32, 3e4, 0.0), (3e4, 0.0, 1.5e4 + 2f64.ln())] {
        let labels = vec![0, 1, 0, 1];
        let at = |k: usize| if labels[k / 4] == labels[k % 4] { positive } else { negative };
        let distances = Tensor::from_fn([4, 4], |k| if k.is_multiple_of(5) { 0.0 } else { at(k) });
        let mut tape = Tape::new();
        let d = tape.parameter(distances);
        let op = SupervisedContrastiveLoss { temperature: 1.0, labels: labels.clone() };
        let loss = tape.apply(op, &[d]).unwrap();
        tape.backward(loss).unwrap();
        let value = f64::from(tape.value(loss).values()[0]);
        assert!((value - expected).abs() <= 1e-6 * expected, "{value} for {expected}");
        // Of each anchor 1 / (2 T), a quarter of it as the mean: to the far positive, from the two near negatives.
        let (to, from) = if positive == 0.0 { (0.0, 0.0) } else { (0.125, -0.0625) };
        let near = |k: usize, g: f32| {
            k.is_multiple_of(5) && g == 0.0 || g == if labels[k / 4] == labels[k % 4] { to } else { from }
        };
        let grad = tape.grad(d).unwrap().values();
        assert!(grad.iter().enumerate().all(|(k, &g)| near(k, g)), "{grad:?}");
    }
}

#[test]
fn distances_and_dropout_are_the_same_to_the_last_bit_at_any_number_of_threads() {
    let outcome = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut tape = Tape::new();
            let x = tape.parameter(Tensor::from_fn([131, 257], |i| (i as f32 * 0.37).sin()));
            let dropped = tape.apply(Dropout { rate: 0.3, seed: 9 }, &[x]).unwrap();
            let unit = tape.apply(L2Normalise, &[dropped]).unwrap();
            let d = tape.apply(PairwiseSquaredDistance, &[unit]).unwrap();
            let slopes = Tensor::from_fn([131, 131], |i| (i as f32 * 0.11).cos());
            tape.backward_from(d, &slopes).unwrap();
            (tape.value(d).values().to_vec(), tape.grad(x).unwrap().values().to_vec())
        })
    };
    let one = outcome(1);
    assert!([2, 3, 8].into_iter().all(|threads| outcome(threads) == one));
}
