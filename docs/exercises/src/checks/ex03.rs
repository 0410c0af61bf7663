//! Exercise 3: the bias of convolutions.

use super::conv::{Arrays, Sizes, problems, wrongs};
use super::{before, describe, mistake, one_result, sum};
use crate::array::Array;
use crate::check::{Case, Exercise};
use crate::{ex03_conv_bias, solutions};
use twinglyph_lesson::{Gradient, Problem};

/// (dy, db).
pub type Pass = dyn Fn(&Array<4>, &mut Array<1>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "b[o] is added to y[n,o,i,j] for every n, i and j, but only of its own filter o. All of these grow as b[o] does, by the \
     same amount.",
    "Each of them makes L grow by its own dy[n,o,i,j]. So b[o] collects the sum of dy over n, i and j: the sum, not the mean.",
    "Four nested loops, over n, o, i and j, and one line in the innermost. Add to db[[o]]; do not set it to 0 first.",
    "db[[o]] += dy[[n, o, i, j]];",
];

fn case(what: String, problem: &Problem, filled: bool) -> Case<Pass> {
    let dy = Arrays::of(problem).dy;
    let db = before([dy.shape()[1]], filled);
    let expected = sum(&db, &problem.gradient(Gradient::Bias, None));
    let given = vec![dy.named("dy[n,o,i,j]")];
    let run = move |pass: &Pass, db: &mut Array<1>| pass(&dy, db);
    one_result(describe(what, filled), given, ("db[o]", db), &expected, run)
}

/// A convolution with this output: its kernel is 1 x 1.
fn problem(shape: [isize; 4], dy: &[f64]) -> Problem {
    let [images, filters, h, w] = shape;
    let sizes = Sizes { x: [images, 1, h, w], w: [filters, 1, 1, 1], stride: [1, 1], padding: [0, 0] };
    Problem { grad_output: dy.to_vec(), ..sizes.zeros() }
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let by_hand = |what: &str, shape, dy: &[f64], filled| case(what.into(), &problem(shape, dy), filled);
    let mut cases = vec![
        by_hand("one image, one filter, an output of 2 x 2", [1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0], false),
        by_hand(
            "one image, two filters, an output of 1 x 3",
            [1, 2, 1, 3],
            &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0],
            false,
        ),
        by_hand(
            "two images, two filters, an output of 1 x 2",
            [2, 2, 1, 2],
            &[1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0],
            false,
        ),
        by_hand("one image, two filters, an output of 1 x 1", [1, 2, 1, 1], &[10.0, 20.0], true),
    ];
    let last = problems(2).pop().expect("a list of problems");
    cases.push(case(last.what, &last.problem, true));

    let mut mistakes: Vec<_> = wrongs(Gradient::Bias)
        .map(|wrong| {
            mistake::<Pass>(
                wrong.what,
                Box::new(move |dy, db| wrong.add(&problem(dy.shape(), dy.values()), db.values_mut())),
            )
        })
        .collect();
    mistakes.push(mistake::<Pass>(
        "= for +=, so that only the last dy is left",
        Box::new(|dy, db| {
            let [images, filters, h_out, w_out] = dy.shape();
            (0..filters).for_each(|o| db[[o]] = dy[[images - 1, o, h_out - 1, w_out - 1]]);
        }),
    ));
    mistakes.push(mistake::<Pass>(
        "= for +=, so that only the last image's sum is left",
        Box::new(|dy, db| {
            let [images, filters, h_out, w_out] = dy.shape();
            db.values_mut().fill(0.0);
            for (o, i, j) in
                (0..filters * h_out * w_out).map(|k| (k / (h_out * w_out), k / w_out % h_out, k % w_out))
            {
                db[[o]] += dy[[images - 1, o, i, j]];
            }
        }),
    ));
    mistakes.push(mistake::<Pass>(
        "every filter gets the sum of all filters' dy",
        Box::new(|dy, db| {
            let sum: f64 = dy.values().iter().sum();
            db.values_mut().iter_mut().for_each(|db| *db += sum);
        }),
    ));
    mistakes.push(mistake::<Pass>(
        "the mean over images for the sum",
        Box::new(|dy, db| {
            let images = dy.shape()[0] as f64;
            let mut sum = Array::zeros(db.shape());
            solutions::ex03_conv_bias::conv2d_backward_bias(dy, &mut sum);
            db.values_mut().iter_mut().zip(sum.values()).for_each(|(db, sum)| *db += sum / images);
        }),
    ));
    Exercise {
        cases,
        mistakes,
        attempt: Box::new(ex03_conv_bias::conv2d_backward_bias),
        solution: Box::new(solutions::ex03_conv_bias::conv2d_backward_bias),
    }
}
