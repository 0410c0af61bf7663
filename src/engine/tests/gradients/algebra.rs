//! Ops that a loss of one's own is built from: a loss so built, by hand; and what holds between one op and another.

use twinglyph_engine::ops::{
    Abs, BroadcastAdd, BroadcastMul, ClampMax, ClampMin, Concat, Dense, Div, Exp, GatherRows, L2Normalise,
    Log, LogSumExp, MatMul, Mean, Mul, Neg, Reshape, RowMax, RowMean, RowSum, Scale, Slice, Softmax, Sub,
    Sum, Transpose,
};
use twinglyph_engine::tape::Op;
use twinglyph_engine::{Element, Result, Tape, Tensor, Var, gradcheck};

/// InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) of rows of a and b that belong together in pairs: for each row of a,
/// cross-entropy of finding its partner among all rows of b by the cosine.
fn info_nce<E: Element>(tape: &mut Tape<E>, [a, b]: [Var; 2], temperature: f64) -> Result<Var> {
    let per = Scale { factor: 1.0 / temperature };
    let a = tape.apply(L2Normalise, &[a])?;
    let b = tape.apply(L2Normalise, &[b])?;
    let columns = tape.apply(Transpose, &[b])?;
    let cosines = tape.apply(MatMul, &[a, columns])?;
    let logits = tape.apply(per, &[cosines])?;
    let all = tape.apply(LogSumExp { keep_axis: false }, &[logits])?;
    let products = tape.apply(Mul, &[a, b])?;
    let diagonal = tape.apply(RowSum { keep_axis: false }, &[products])?;
    let own = tape.apply(per, &[diagonal])?;
    let each = tape.apply(Sub, &[all, own])?;
    tape.apply(Mean, &[each])
}

/// With T = 0.2 / ln 2, so that a cosine less by 0.2 is half the odds:
///
/// ```text
/// a           b            cosines      logits less the own      log_sum_exp
/// (0.6, 0.8)  (0, 1)       0.8  0.6     0      -ln 2             ln (1 + 1/2)
/// (0, 1)      (1, 0)       1    0       5 ln 2  0                ln (32 + 1)
/// mean                                                           ln(99 / 2) / 2
/// ```
#[test]
fn info_nce_from_plain_ops_is_what_the_formula_gives_by_hand() {
    let temperature = 0.2 / 2f64.ln();
    let mut tape = Tape::new();
    let rows = |values: [f64; 4]| Tensor::new([2, 2], values.to_vec()).unwrap();
    let pair = [rows([3.0, 4.0, 0.0, 2.0]), rows([0.0, 5.0, 1.0, 0.0])].map(|x| tape.parameter(x));
    let loss = info_nce(&mut tape, pair, temperature).unwrap();
    let (found, expected) = (tape.value(loss).values()[0], 49.5f64.ln() / 2.0);
    assert!((found - expected).abs() < 1e-14, "{found} and {expected}");
    // A step down makes it less.
    tape.backward(loss).unwrap();
    for x in pair {
        let (value, grad) = tape.value_mut_and_grad(x);
        let grad = grad.expect("a gradient").values();
        value.values_mut().iter_mut().zip(grad).for_each(|(x, dx)| *x -= 0.1 * dx);
    }
    let after = info_nce(&mut tape, pair, temperature).unwrap();
    assert!(tape.value(after).values()[0] < found - 0.01);
}

#[test]
fn the_gradient_of_info_nce_agrees_with_differences() {
    for (n, width) in [(1, 3), (2, 2), (7, 5)] {
        let x = [0.7, 1.3].map(|a| Tensor::from_fn([n, width], |i| (a * (i + 1) as f64).sin()));
        let report = gradcheck::check(|tape, x| info_nce(tape, [x[0], x[1]], 0.2), &x).unwrap();
        assert!(report.passed, "{report}");
    }
}

fn numbers<E: Element>(seed: usize, shape: &[usize]) -> Tensor<E> {
    Tensor::from_fn(shape, |i| E::from_f64(((i + 1) as f64 * 12.9898 + seed as f64 * 78.233).sin()))
}

fn apply<E: Element>(op: impl Op<E> + 'static, inputs: &[Tensor<E>]) -> Tensor<E> {
    let mut tape = Tape::new();
    let inputs: Vec<Var> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
    let y = tape.apply(op, &inputs).unwrap();
    tape.value(y).clone()
}

#[test]
fn values_are_where_the_shapes_say() {
    let x = Tensor::from_fn([2, 3], |i| i as f64);
    let given = std::slice::from_ref(&x);
    let same = |y: Tensor<f64>, shape: &[usize], values: &[f64]| {
        assert_eq!((y.dims(), y.values()), (shape, values));
    };
    same(apply(Reshape { shape: [3, 2].into() }, given), &[3, 2], x.values());
    same(apply(Transpose, given), &[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    same(apply(Slice { axis: 1, range: 1..3 }, given), &[2, 2], &[1.0, 2.0, 4.0, 5.0]);
    same(apply(Slice { axis: 0, range: 1..2 }, given), &[1, 3], &[3.0, 4.0, 5.0]);
    same(
        apply(GatherRows { rows: vec![1, 1, 0] }, given),
        &[3, 3],
        &[3.0, 4.0, 5.0, 3.0, 4.0, 5.0, 0.0, 1.0, 2.0],
    );
    let y = Tensor::from_fn([2, 1], |i| 10.0 + i as f64);
    let both = [x.clone(), y.clone()];
    same(apply(Concat { axis: 1 }, &both), &[2, 4], &[0.0, 1.0, 2.0, 10.0, 3.0, 4.0, 5.0, 11.0]);
    same(apply(Concat { axis: 0 }, &[y.clone(), y.clone()]), &[4, 1], &[10.0, 11.0, 10.0, 11.0]);
    same(apply(BroadcastAdd, &both), &[2, 3], &[10.0, 11.0, 12.0, 14.0, 15.0, 16.0]);
    same(
        apply(BroadcastMul, &[x.clone(), Tensor::from_fn([3], |i| i as f64)]),
        &[2, 3],
        &[0.0, 1.0, 4.0, 0.0, 4.0, 10.0],
    );
    same(apply(MatMul, &[x.clone(), Tensor::from_fn([3, 1], |i| i as f64)]), &[2, 1], &[5.0, 14.0]);
    same(apply(RowSum { keep_axis: false }, given), &[2], &[3.0, 12.0]);
    same(apply(RowMean { keep_axis: true }, given), &[2, 1], &[1.0, 4.0]);
    same(apply(RowMax { keep_axis: true }, given), &[2, 1], &[2.0, 5.0]);
    same(apply(RowMax { keep_axis: false }, &[Tensor::from_fn([3], |i| i as f64)]), &[], &[2.0]);
    let z = [Tensor::new([3], vec![-2.0, 0.5, 3.0]).unwrap()];
    same(apply(Abs, &z), &[3], &[2.0, 0.5, 3.0]);
    same(apply(Neg, &z), &[3], &[2.0, -0.5, -3.0]);
    same(apply(ClampMin { min: 0.0 }, &z), &[3], &[0.0, 0.5, 3.0]);
    same(apply(ClampMax { max: 1.0 }, &z), &[3], &[-2.0, 0.5, 1.0]);
    same(apply(Div, &[z[0].clone(), z[0].clone()]), &[3], &[1.0; 3]);
}

/// More numbers than one task has.
#[test]
fn one_op_agrees_with_another() {
    let close = |a: &Tensor<f64>, b: &Tensor<f64>| {
        assert_eq!(a.dims(), b.dims());
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
        assert!(a.values().iter().zip(b.values()).all(near));
    };
    let x = numbers(1, &[301, 157]);
    let given = std::slice::from_ref(&x);
    // e^(ln x) = x, and the softmax is e^(x - log_sum_exp x).
    let exp = apply(Exp, given);
    close(&apply(Log, std::slice::from_ref(&exp)), &x);
    let log = apply(LogSumExp { keep_axis: true }, given);
    let less = apply(BroadcastAdd, &[x.clone(), apply(Neg, &[log])]);
    let shares = apply(Softmax, given);
    close(&apply(Exp, &[less]), &shares);
    let ones = apply(RowSum { keep_axis: false }, std::slice::from_ref(&shares));
    close(&ones, &Tensor::from_fn([301], |_| 1.0));
    // A B = A (B^T)^T, as a dense layer has it; (A B)^T = B^T A^T.
    let b = numbers(2, &[157, 67]);
    let product = apply(MatMul, &[x.clone(), b.clone()]);
    let transposed = [apply(Transpose, std::slice::from_ref(&b)), apply(Transpose, given)];
    close(&apply(Dense, &[x.clone(), transposed[0].clone()]), &product);
    close(&apply(MatMul, &transposed), &apply(Transpose, &[product]));
    // The parts put together again.
    let parts = [0..100, 100..101, 101..157].map(|range| apply(Slice { axis: 1, range }, given));
    close(&apply(Concat { axis: 1 }, &parts), &x);
    close(&apply(GatherRows { rows: (0..301).collect() }, given), &x);
    // The mean of rows' means, all of one width, is that of all.
    let mean = apply(Mean, &[apply(RowMean { keep_axis: false }, given)]);
    close(&mean, &apply(Mean, given));
    close(&apply(Sum, &[apply(RowSum { keep_axis: false }, given)]), &apply(Sum, given));
}

#[test]
fn large_logits_lose_nothing() {
    let x = Tensor::new([2, 2], vec![1e4, 1e4, -1e4, -1e4 + 3f64.ln()]).unwrap();
    let given = std::slice::from_ref(&x);
    let log = apply(LogSumExp { keep_axis: false }, given);
    for (found, expected) in log.values().iter().zip([1e4 + 2f64.ln(), -1e4 + 4f64.ln()]) {
        assert!((found - expected).abs() < 1e-11, "{found} and {expected}");
    }
    for (found, expected) in apply(Softmax, given).values().iter().zip([0.5, 0.5, 0.25, 0.75]) {
        assert!((found - expected).abs() < 1e-11, "{found} and {expected}");
    }
}
