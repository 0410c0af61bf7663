//! Exercise 2: dense layers, from one row and one output on.

use super::{ROUNDING, before, describe, mistake, numbers, sum};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::solutions::ex02_dense::dense_backward;
use twinglyph_kernels::{Dense, reference};

/// (x, w, dy, dx, dw, db).
pub type Pass = dyn Fn(&Array<2>, &Array<2>, &Array<2>, &mut Array<2>, &mut Array<2>, &mut Array<1>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Every product w[o,f] x[n,f] of the forward pass gives two shares: one to the weight, one to the pixel. Each is dy[n,o] \
     times the other factor.",
    "b[o] has the factor 1 in y[n,o], for every n: db[o] collects dy[n,o] over all n.",
    "Three loops, over n, o and f, as in the forward pass. No index changes its place: dw[[o, f]] like w[[o, f]].",
    "dx[[n, f]] += w[[o, f]] * dy[[n, o]]; dw[[o, f]] += x[[n, f]] * dy[[n, o]]; and outside of the loop over f: \
     db[[o]] += dy[[n, o]];",
];

fn case(what: &str, [x, w, dy]: [Array<2>; 3], filled: bool) -> Case<Pass> {
    let ([rows, inputs], [_, outputs]) = (x.shape(), dy.shape());
    let g = Dense { rows: rows as usize, inputs: inputs as usize, outputs: outputs as usize };
    let (dx, dw, db) = (before(x.shape(), filled), before(w.shape(), filled), before([outputs], filled));
    let (mut dx_sum, mut dw_sum) = (dx.clone(), dw.clone());
    reference::dense_backward(
        &g,
        x.values(),
        w.values(),
        dy.values(),
        dx_sum.values_mut(),
        dw_sum.values_mut(),
    );
    let columns: Vec<f64> =
        (0..g.outputs).map(|o| dy.values().iter().skip(o).step_by(g.outputs).sum()).collect();
    let named = |dx: &Array<2>, dw: &Array<2>, db: &Array<1>| {
        vec![dx.named("dx[n,f]"), dw.named("dw[o,f]"), db.named("db[o]")]
    };
    let sizes = format!("{rows} x {inputs} numbers in, {rows} x {outputs} out");
    let what = if what.is_empty() { sizes } else { format!("{sizes}; {what}") };
    Case {
        what: describe(what, filled),
        given: vec![x.named("x[n,f]"), w.named("w[o,f]"), dy.named("dy[n,o]")],
        before: named(&dx, &dw, &db),
        expected: named(&dx_sum, &dw_sum, &sum(&db, &columns)),
        tolerance: ROUNDING,
        run: Box::new(move |pass| {
            let (mut dx, mut dw, mut db) = (dx.clone(), dw.clone(), db.clone());
            pass(&x, &w, &dy, &mut dx, &mut dw, &mut db);
            named(&dx, &dw, &db)
        }),
    }
}

/// Right, but for what `spoil` then does to (dx, dw, db), given x, w, dy and what was there before.
fn spoilt(
    what: &str,
    spoil: fn([&Array<2>; 3], [&mut Array<2>; 2], &mut Array<1>, &Array<1>),
) -> Mistake<Pass> {
    mistake::<Pass>(
        what,
        Box::new(move |x, w, dy, dx, dw, db| {
            let before = db.clone();
            dense_backward(x, w, dy, dx, dw, db);
            spoil([x, w, dy], [dx, dw], db, &before);
        }),
    )
}

/// The result of adding to zeros.
fn fresh([x, w, dy]: [&Array<2>; 3]) -> (Array<2>, Array<2>, Array<1>) {
    let (mut dx, mut dw) = (Array::zeros(x.shape()), Array::zeros(w.shape()));
    let mut db = Array::zeros([dy.shape()[1]]);
    dense_backward(x, w, dy, &mut dx, &mut dw, &mut db);
    (dx, dw, db)
}

/// Calls `f(n, o, f)`.
fn each([x, _, dy]: [&Array<2>; 3], mut f: impl FnMut(isize, isize, isize)) {
    let ([rows, features], [_, outputs]) = (x.shape(), dy.shape());
    for n in 0..rows {
        for o in 0..outputs {
            (0..features).for_each(|k| f(n, o, k));
        }
    }
}

/// Takes the right terms out of a result and puts others in.
fn mistakes() -> Vec<Mistake<Pass>> {
    vec![
        spoilt("dx by the transposed weights, w[f,o] for w[o,f]", |given, [dx, _], _, _| {
            let [_, w, dy] = given;
            let square = |o: isize, f: isize| {
                let [outputs, features] = w.shape();
                if f < outputs && o < features { w[[f, o]] } else { 0.0 }
            };
            each(given, |n, o, f| dx[[n, f]] += (square(o, f) - w[[o, f]]) * dy[[n, o]]);
        }),
        spoilt("dw is written transposed", |given, [_, dw], _, _| {
            let [x, _, dy] = given;
            let [outputs, features] = dw.shape();
            each(given, |n, o, f| {
                dw[[o, f]] -= x[[n, f]] * dy[[n, o]];
                if f < outputs && o < features {
                    dw[[f, o]] += x[[n, f]] * dy[[n, o]];
                }
            });
        }),
        spoilt("dw is averaged over the rows", |given, [_, dw], _, _| {
            let [x, _, dy] = given;
            let rows = x.shape()[0] as f64;
            each(given, |n, o, f| dw[[o, f]] += x[[n, f]] * dy[[n, o]] * (1.0 / rows - 1.0));
        }),
        spoilt("db of the last row only", |[_, _, dy], _, db, before| {
            let [rows, outputs] = dy.shape();
            (0..outputs).for_each(|o| db[[o]] = before[[o]] + dy[[rows - 1, o]]);
        }),
        spoilt("db, the mean over the rows for the sum", |[_, _, dy], _, db, before| {
            let [rows, outputs] = dy.shape();
            (0..outputs).for_each(|o| db[[o]] = before[[o]] + (db[[o]] - before[[o]]) / rows as f64);
        }),
        spoilt("db is added once for every feature", |[x, _, dy], _, db, before| {
            let [_, outputs] = dy.shape();
            let features = x.shape()[1] as f64;
            (0..outputs).for_each(|o| db[[o]] = before[[o]] + (db[[o]] - before[[o]]) * features);
        }),
        spoilt("dx is written over what is there", |given, [dx, _], _, _| *dx = fresh(given).0),
        spoilt("dw is written over what is there", |given, [_, dw], _, _| *dw = fresh(given).1),
        spoilt("db is written over what is there", |given, _, db, _| *db = fresh(given).2),
        mistake::<Pass>(
            "= for +=, so that only the last product is left",
            Box::new(|x, w, dy, dx, dw, db| {
                each([x, w, dy], |n, o, f| {
                    dx[[n, f]] = w[[o, f]] * dy[[n, o]];
                    dw[[o, f]] = x[[n, f]] * dy[[n, o]];
                    db[[o]] = dy[[n, o]];
                });
            }),
        ),
        mistake::<Pass>(
            "all three are written over what is there",
            Box::new(|x, w, dy, dx, dw, db| (*dx, *dw, *db) = fresh([x, w, dy])),
        ),
    ]
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let array = |shape: [isize; 2], values: &[f64]| Array::new(shape, values.to_vec());
    Exercise {
        cases: vec![
            case("", [array([1, 2], &[3.0, 5.0]), array([1, 2], &[2.0, 7.0]), array([1, 1], &[10.0])], false),
            case(
                "",
                [
                    array([2, 2], &[1.0, 2.0, 3.0, 4.0]),
                    array([2, 2], &[1.0, 10.0, 100.0, 1000.0]),
                    array([2, 2], &[1.0, 0.0, 2.0, 1.0]),
                ],
                false,
            ),
            case(
                "",
                [
                    array([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
                    array([1, 3], &[2.0, -1.0, 4.0]),
                    array([2, 1], &[1.0, -2.0]),
                ],
                false,
            ),
            case("", [numbers(1, [3, 3]), numbers(2, [3, 3]), numbers(3, [3, 3])], true),
            case("", [numbers(4, [5, 2]), numbers(5, [3, 2]), numbers(6, [5, 3])], true),
        ],
        mistakes: mistakes(),
        attempt: Box::new(crate::ex02_dense::dense_backward),
        solution: Box::new(dense_backward),
    }
}
