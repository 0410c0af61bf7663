//! Where an op has a kink its gradient is a convention. Each is documented with the op and held here by value.

use twinglyph_engine::ops::{
    Abs, AvgPool2d, BatchNorm, BroadcastAdd, BroadcastMul, ClampMax, ClampMin, ContrastiveLoss, Div,
    EuclideanDistance, Exp, L2Normalise, Log, LogSumExp, MatMul, MaxPool2d, MinedTripletLoss, Mining,
    MultiSimilarityLoss, Neg, PairwiseSquaredDistance, Relu, RowMax, RowMean, RowSum, Softmax, Sqrt,
    SupervisedContrastiveLoss, TripletLoss,
};
use twinglyph_engine::tape::Op;
use twinglyph_engine::{Element, Tape, Tensor, Var};

/// The output, and the gradients for a cotangent of ones.
fn run<E: Element>(op: impl Op<E> + 'static, inputs: &[Tensor<E>]) -> (Vec<E>, Vec<Vec<E>>) {
    let mut tape = Tape::new();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.parameter(x.clone())).collect();
    let y = tape.apply(op, &vars).unwrap();
    let ones = Tensor::from_fn(tape.value(y).shape().clone(), |_| E::ONE);
    tape.backward_from(y, &ones).unwrap();
    let grads = vars.iter().map(|x| tape.grad(*x).unwrap().values().to_vec()).collect();
    (tape.value(y).values().to_vec(), grads)
}

fn tensor<E: Element>(shape: &[usize], values: &[f64]) -> Tensor<E> {
    Tensor::new(shape, values.iter().map(|v| E::from_f64(*v)).collect()).unwrap()
}

/// Runs a test in f32 and in f64.
macro_rules! in_both {
    ($($name:ident: $test:ident;)*) => {$(
        #[test]
        fn $name() {
            $test::<f32>();
            $test::<f64>();
        }
    )*};
}

in_both! {
    the_gradient_of_relu_at_zero_is_zero: relu;
    the_gradient_of_sqrt_at_zero_is_zero: sqrt;
    the_gradient_of_abs_at_zero_is_zero: abs;
    the_gradient_at_a_bound_is_zero: clamps;
    the_logarithm_of_zero_is_infinite_and_below_it_there_is_none: log;
    an_exponential_too_large_stays_at_the_bound: exp;
    a_quotient_by_zero_is_infinite_or_none: div;
    of_equals_in_a_row_the_first_wins: row_max_ties;
    infinite_logits_are_told_from_none: infinite_logits;
    equal_embeddings_are_at_the_floor_with_gradient_zero: distance_at_the_floor;
    just_above_the_floor_the_distance_pulls_with_slope_one: distance_above_the_floor;
    at_the_margin_the_contrastive_loss_is_smooth_and_flat: contrastive_at_the_margin;
    at_distance_zero_the_contrastive_loss_pushes_with_twice_the_margin: contrastive_at_zero;
    at_its_hinge_the_triplet_loss_has_gradient_zero: triplet_at_the_hinge;
    collapsed_embeddings_have_triplet_loss_margin_and_gradient_zero: triplet_collapsed;
    at_its_hinge_a_mined_triplet_has_gradient_zero: mined_at_the_hinge;
    a_row_of_zeros_stays_and_its_gradient_is_that_of_the_floor: normalise_at_zero;
    of_equals_in_a_max_pooling_window_the_first_wins: max_pooling_ties;
    a_constant_channel_leaves_batch_norm_finite: batch_norm_of_a_constant;
    a_window_of_one_is_the_identity: pooling_by_one;
    nan_is_not_hidden_by_a_kink: nan_stays;
}

/// Size of the cases of relu: more than a vector and a rest, so that both loops are seen.
const LEN: usize = 37;

fn relu<E: Element>() {
    for zero in [0.0, -0.0] {
        let (y, dx) = run::<E>(Relu, &[tensor(&[LEN], &[zero; LEN])]);
        assert!(y.iter().all(|y| *y == E::ZERO));
        assert_eq!(dx[0], [E::ZERO; LEN]);
    }
    // The smallest number above 0 passes all of dy.
    let x = if E::NAME == "f32" { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    let (_, dx) = run::<E>(Relu, &[tensor(&[2], &[x, -x])]);
    assert_eq!(dx[0], [E::ONE, E::ZERO]);
}

fn sqrt<E: Element>() {
    let (y, dx) = run::<E>(Sqrt, &[tensor(&[3], &[0.0, 0.25, -0.0])]);
    assert_eq!(y[1], E::from_f64(0.5));
    assert_eq!(dx[0], [E::ZERO, E::ONE, E::ZERO]);
    // Below 0 the root is no number, and its gradient is 0.
    let (y, dx) = run::<E>(Sqrt, &[tensor(&[1], &[-1.0])]);
    assert!(!y[0].is_finite());
    assert_eq!(dx[0], [E::ZERO]);
}

fn abs<E: Element>() {
    for zero in [0.0, -0.0] {
        let (y, dx) = run::<E>(Abs, &[tensor(&[LEN], &[zero; LEN])]);
        assert!(y.iter().all(|y| *y == E::ZERO));
        assert_eq!(dx[0], [E::ZERO; LEN]);
    }
    let (_, dx) = run::<E>(Abs, &[tensor(&[2], &[1e-30, -1e-30])]);
    assert_eq!(dx[0], [E::ONE, -E::ONE]);
}

fn clamps<E: Element>() {
    // Below, at and above; at every place of a vector and of the rest.
    let values: Vec<f64> = (0..LEN).map(|k| 0.5 + 0.25 * (k % 3) as f64).collect();
    let x = [tensor::<E>(&[LEN], &values)];
    let of = |value: fn(usize) -> f64| (0..LEN).map(|k| E::from_f64(value(k % 3))).collect::<Vec<E>>();
    let (y, dx) = run(ClampMin { min: 0.75 }, &x);
    assert_eq!((y, &dx[0]), (of(|k| [0.75, 0.75, 1.0][k]), &of(|k| [0.0, 0.0, 1.0][k])));
    let (y, dx) = run(ClampMax { max: 0.75 }, &x);
    assert_eq!((y, &dx[0]), (of(|k| [0.5, 0.75, 0.75][k]), &of(|k| [1.0, 0.0, 0.0][k])));
}

fn log<E: Element>() {
    let (y, dx) = run::<E>(Log, &[tensor(&[3], &[0.0, -2.0, 1.0])]);
    assert!(y[0].to_f64() == f64::NEG_INFINITY && y[1].is_nan() && y[2] == E::ZERO);
    assert!(dx[0][0].to_f64() == f64::INFINITY);
    assert_eq!(dx[0][1..], [-0.5, 1.0].map(E::from_f64));
}

fn exp<E: Element>() {
    let (infinity, largest) = (f64::INFINITY, if size_of::<E>() == 4 { 88.7 } else { 709.7 });
    let (y, dx) = run::<E>(Exp, &[tensor(&[5], &[-infinity, 0.0, largest, largest + 0.2, infinity])]);
    assert_eq!(y[..2], [0.0, 1.0].map(E::from_f64));
    assert!((y[2].to_f64().ln() - largest).abs() < 1e-4 && y[3..].iter().all(|y| y.to_f64() == infinity));
    assert_eq!(dx[0], y);
}

fn div<E: Element>() {
    let (y, grads) = run::<E>(Div, &[tensor(&[3], &[1.0, -1.0, 0.0]), tensor(&[3], &[0.0; 3])]);
    assert!(y[0].to_f64() == f64::INFINITY && y[1].to_f64() == f64::NEG_INFINITY && y[2].is_nan());
    assert!(grads.iter().flatten().all(|dx| !dx.is_finite()));
}

fn row_max_ties<E: Element>() {
    for width in 1..40 {
        // All equal; two of the largest; a NaN among numbers, and two.
        let mut x = vec![-1.0; 4 * width];
        x[width + width / 2] = 2.0;
        x[2 * width - 1] = 2.0;
        x[2 * width + width / 3] = f64::NAN;
        x[3 * width + width / 3] = f64::NAN;
        x[4 * width - 1] = f64::NAN;
        let (y, grads) = run::<E>(RowMax::default(), &[tensor(&[4, width], &x)]);
        assert!(y[..2] == [-1.0, 2.0].map(E::from_f64) && y[2].is_nan() && y[3].is_nan() || width == 1);
        let first = [0, width / 2, width / 3, width / 3];
        let expected = |k: usize| if k % width == first[k / width] { E::ONE } else { E::ZERO };
        assert_eq!(grads[0], (0..4 * width).map(expected).collect::<Vec<E>>());
    }
}

fn infinite_logits<E: Element>() {
    // One left out, all left out, one that outweighs all.
    let infinity = f64::INFINITY;
    let x =
        [tensor::<E>(&[3, 3], &[-infinity, 1.0, 1.0, -infinity, -infinity, -infinity, 0.0, infinity, 0.0])];
    let (y, grads) = run(LogSumExp::default(), &x);
    assert!((y[0].to_f64() - 1.0 - 2f64.ln()).abs() < 1e-6);
    assert!(y[1].to_f64() == -infinity && y[2].to_f64() == infinity);
    assert!(grads[0][0] == E::ZERO && (grads[0][1].to_f64() - 0.5).abs() < 1e-6);
    assert!(grads[0][3..6].iter().all(|dx| dx.is_nan()) && grads[0][7].is_nan());
    let (y, grads) = run(Softmax, &x);
    assert_eq!(y[..3], [0.0, 0.5, 0.5].map(E::from_f64));
    assert!(y[3..].iter().all(|y| y.is_nan()) && grads[0][..3] == [E::ZERO; 3]);
}

fn distance_at_the_floor<E: Element>() {
    let op = EuclideanDistance::default();
    let least = E::from_f64(1e-7).sqrt();
    // Equal; squared distance 1e-8, below the floor; 1, above it.
    let a = tensor(&[3, 2], &[0.3, -0.7, 1e-4, 0.0, 1.0, 0.0]);
    let b = tensor(&[3, 2], &[0.3, -0.7, 0.0, 0.0, 0.0, 0.0]);
    let (d, grads) = run::<E>(op, &[a, b]);
    assert_eq!(d, [least, least, E::ONE]);
    assert_eq!(grads[0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0].map(E::from_f64));
    assert_eq!(grads[1], [0.0, 0.0, 0.0, 0.0, -1.0, 0.0].map(E::from_f64));
    // On the floor exactly.
    let op = EuclideanDistance { floor: 0.25 };
    let (d, grads) = run::<E>(op, &[tensor(&[1, 1], &[0.5]), tensor(&[1, 1], &[0.0])]);
    assert_eq!((d[0], grads[0][0], grads[1][0]), (E::from_f64(0.5), E::ZERO, E::ZERO));
    // And with no floor at all, at distance 0: still finite.
    let op = EuclideanDistance { floor: 0.0 };
    let (d, grads) = run::<E>(op, &[tensor(&[1, 1], &[0.5]), tensor(&[1, 1], &[0.5])]);
    assert_eq!((d[0], grads[0][0], grads[1][0]), (E::ZERO, E::ZERO, E::ZERO));
}

fn distance_above_the_floor<E: Element>() {
    let op = EuclideanDistance { floor: 0.25 };
    let (d, grads) = run::<E>(op, &[tensor(&[1, 1], &[0.0]), tensor(&[1, 1], &[0.5625])]);
    assert_eq!((d[0], grads[0][0], grads[1][0]), (E::from_f64(0.5625), -E::ONE, E::ONE));
}

fn contrastive_at_the_margin<E: Element>() {
    let op = ContrastiveLoss { margin: 1.5 };
    // D = margin, of two alphabets: no loss, no gradient. dY = D^2 - 0.
    let (loss, grads) = run::<E>(op, &[tensor(&[1, 1], &[1.5]), tensor(&[1, 1], &[0.0])]);
    assert_eq!((loss[0], grads[0][0], grads[1][0]), (E::ZERO, E::ZERO, E::from_f64(2.25)));
    // Beyond it likewise.
    let (loss, grads) = run::<E>(op, &[tensor(&[1, 1], &[9.0]), tensor(&[1, 1], &[0.0])]);
    assert_eq!((loss[0], grads[0][0]), (E::ZERO, E::ZERO));
}

fn contrastive_at_zero<E: Element>() {
    let op = ContrastiveLoss { margin: 1.5 };
    // Of one alphabet: at rest. Of two: margin^2, slope -2 margin. The mean over the two pairs halves both.
    let (loss, grads) = run::<E>(op, &[tensor(&[2, 1], &[0.0, 0.0]), tensor(&[2, 1], &[1.0, 0.0])]);
    assert_eq!(loss[0], E::from_f64(2.25 / 2.0));
    assert_eq!(grads[0], [0.0, -1.5].map(E::from_f64));
}

fn triplet_at_the_hinge<E: Element>() {
    // h = 0.5^2 - 1^2 + 0.75 = 0.
    let op = TripletLoss { margin: 0.75 };
    let inputs = [0.0, 0.5, 1.0].map(|x| tensor::<E>(&[1, 1], &[x]));
    let (loss, grads) = run(op, &inputs);
    assert_eq!(loss[0], E::ZERO);
    assert_eq!(grads, vec![vec![E::ZERO]; 3]);
}

fn triplet_collapsed<E: Element>() {
    let op = TripletLoss { margin: 0.5 };
    let point = tensor::<E>(&[3, 2], &[0.3, -0.4, 0.3, -0.4, 0.3, -0.4]);
    let (loss, grads) = run(op, &[point.clone(), point.clone(), point]);
    assert_eq!(loss[0], E::from_f64(0.5));
    assert_eq!(grads, vec![vec![E::ZERO; 6]; 3]);
}

fn mined_at_the_hinge<E: Element>() {
    // h = 0.25 - 1 + 0.75 = 0 for either anchor that has a positive.
    let d = tensor::<E>(&[3, 3], &[0.0, 0.25, 1.0, 0.25, 0.0, 1.0, 1.0, 1.0, 0.0]);
    for mining in [Mining::Random, Mining::SemiHard, Mining::BatchHard] {
        let op = MinedTripletLoss { margin: 0.75, mining, seed: 0, labels: vec![0, 0, 1] };
        let (loss, grads) = run(op, std::slice::from_ref(&d));
        assert_eq!((loss[0], &grads[0][..]), (E::ZERO, &[E::ZERO; 9][..]));
    }
}

fn normalise_at_zero<E: Element>() {
    // Nothing; 3-4-5; so short that the floor holds: 1e-7 / 1e-6.
    let (y, grads) = run(L2Normalise, &[tensor::<E>(&[3, 2], &[0.0, 0.0, 3.0, 4.0, 1e-7, 0.0])]);
    let close = |a: &[E], b: [f64; 6]| {
        a.iter().zip(b).all(|(a, b)| (a.to_f64() - b).abs() <= 1e-6 * b.abs().max(1.0))
    };
    assert!(close(&y, [0.0, 0.0, 0.6, 0.8, 0.1, 0.0]), "{y:?}");
    // (1 - 0.6 * 1.4) / 5 and (1 - 0.8 * 1.4) / 5.
    assert!(close(&grads[0], [1e6, 1e6, 0.032, -0.024, 1e6, 1e6]), "{grads:?}");
}

fn max_pooling_ties<E: Element>() {
    let op = MaxPool2d { window: (2, 2), stride: (2, 2) };
    // A window of equals; a tie in the second row; a tie between rows; one winner.
    let x = [
        [3.0, 3.0, /**/ 1.0, 2.0, /**/ 0.0, 5.0, /**/ -1.0, -2.0],
        [3.0, 3.0, /**/ 4.0, 4.0, /**/ 5.0, 1.0, /**/ -3.0, -0.5],
    ];
    let (y, grads) = run::<E>(op, &[tensor(&[1, 1, 2, 8], x.as_flattened())]);
    assert_eq!(y, [3.0, 4.0, 5.0, -0.5].map(E::from_f64));
    let first = [
        [1.0, 0.0, /**/ 0.0, 0.0, /**/ 0.0, 1.0, /**/ 0.0, 0.0],
        [0.0, 0.0, /**/ 1.0, 0.0, /**/ 0.0, 0.0, /**/ 0.0, 1.0],
    ];
    assert_eq!(grads[0], first.as_flattened().iter().map(|g| E::from_f64(*g)).collect::<Vec<E>>());
    // Zeros, as a ReLU leaves them: the first of each window, at every width around the vectors'.
    for width in 2..40 {
        let (_, grads) = run::<E>(op, &[Tensor::zeros([1, 1, 2, width])]);
        let expected = |k: usize| if k < width / 2 * 2 && k.is_multiple_of(2) { E::ONE } else { E::ZERO };
        assert_eq!(grads[0], (0..2 * width).map(expected).collect::<Vec<E>>());
    }
}

fn batch_norm_of_a_constant<E: Element>() {
    let inputs = [
        tensor::<E>(&[3, 2], &[0.5, 1.0, 0.5, 2.0, 0.5, 3.0]),
        tensor(&[2], &[2.0, 2.0]),
        tensor(&[2], &[0.25, 0.0]),
    ];
    let (y, grads) = run(BatchNorm { eps: 1e-3 }, &inputs);
    assert_eq!([y[0], y[2], y[4]], [E::from_f64(0.25); 3]);
    assert!(y.iter().chain(grads.iter().flatten()).all(|v| v.is_finite()));
}

fn pooling_by_one<E: Element>() {
    let x = tensor::<E>(&[1, 1, 2, 3], &[1.0, 1.0, -1.0, 0.0, -0.0, 2.0]);
    let (y, grads) = run(MaxPool2d { window: (1, 1), stride: (1, 1) }, std::slice::from_ref(&x));
    assert_eq!((y, grads), (x.values().to_vec(), vec![vec![E::ONE; 6]]));
    let (y, grads) = run(AvgPool2d { window: (1, 1), stride: (1, 1) }, std::slice::from_ref(&x));
    assert_eq!((y, grads), (x.values().to_vec(), vec![vec![E::ONE; 6]]));
}

/// A training that has gone wrong must show it: a NaN goes through every kink's forward pass.
fn nan_stays<E: Element>() {
    let nan = tensor::<E>(&[1, 1], &[f64::NAN]);
    let one = tensor::<E>(&[1, 1], &[1.0]);
    let images = tensor::<E>(&[1, 1, 2, 2], &[1.0, f64::NAN, 3.0, 2.0]);
    let is_nan = |y: Vec<E>| y[0].to_f64().is_nan();
    assert!(is_nan(run(Relu, std::slice::from_ref(&nan)).0));
    assert!(is_nan(run(EuclideanDistance::default(), &[nan.clone(), one.clone()]).0));
    assert!(is_nan(run(ContrastiveLoss { margin: 1.0 }, &[nan.clone(), one.clone()]).0));
    assert!(is_nan(run(ContrastiveLoss { margin: 1.0 }, &[nan.clone(), Tensor::zeros([1, 1])]).0));
    assert!(is_nan(run(TripletLoss { margin: 1.0 }, &[one.clone(), nan.clone(), one]).0));
    assert!(is_nan(run(MaxPool2d { window: (2, 2), stride: (2, 2) }, &[images]).0));
    assert!(is_nan(run(L2Normalise, std::slice::from_ref(&nan)).0));
    assert!(is_nan(run(PairwiseSquaredDistance, std::slice::from_ref(&nan)).0));
    let stays = |op: Box<dyn Op<E>>| assert!(is_nan(run(op, std::slice::from_ref(&nan)).0));
    stays(Box::new(Abs));
    stays(Box::new(Neg));
    stays(Box::new(Exp));
    stays(Box::new(Log));
    stays(Box::new(ClampMin { min: 0.0 }));
    stays(Box::new(ClampMax { max: 0.0 }));
    for at in [0, 1, 8] {
        let mut row = [1.0; 9];
        row[at] = f64::NAN;
        let row = [tensor::<E>(&[1, 9], &row)];
        assert!(is_nan(run(RowSum::default(), &row).0) && is_nan(run(RowMean::default(), &row).0));
        assert!(is_nan(run(RowMax::default(), &row).0) && is_nan(run(LogSumExp::default(), &row).0));
        assert!(run(Softmax, &row).0.iter().all(|y| y.is_nan()));
    }
    for pair in [[nan.clone(), Tensor::zeros([1, 1])], [Tensor::zeros([1, 1]), nan.clone()]] {
        assert!(is_nan(run(Div, &pair).0) && is_nan(run(MatMul, &pair).0));
        assert!(is_nan(run(BroadcastAdd, &pair).0) && is_nan(run(BroadcastMul, &pair).0));
    }
    // One embedding of NaN, so a row and a column of them.
    let d = tensor::<E>(&[3, 3], &[0.0, f64::NAN, 1.0, f64::NAN, f64::NAN, f64::NAN, 1.0, f64::NAN, 0.0]);
    let d = std::slice::from_ref(&d);
    let labels = || vec![0, 0, 1];
    assert!(is_nan(run(SupervisedContrastiveLoss { temperature: 0.1, labels: labels() }, d).0));
    let (alpha, beta, base) = (2.0, 50.0, 0.5);
    assert!(is_nan(run(MultiSimilarityLoss { alpha, beta, base, labels: labels() }, d).0));
    for mining in [Mining::Random, Mining::SemiHard, Mining::BatchHard] {
        assert!(is_nan(run(MinedTripletLoss { margin: 0.2, mining, seed: 0, labels: labels() }, d).0));
    }
}
