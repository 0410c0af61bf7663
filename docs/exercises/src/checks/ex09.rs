//! Exercise 9: ReLU, at numbers on both sides of its kink and on it.

use super::{before, describe, mistake, numbers, one_result, sum};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::{ex09_relu, solutions};

/// (x, dy, dx).
pub type Pass = dyn Fn(&Array<2>, &Array<2>, &mut Array<2>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "What passes dy or stops it is the sign of x, from the forward pass. The sign of dy has no part in it.",
    "Above 0 the slope is 1: dx gets dy as it is. Elsewhere it is 0: dx gets nothing, and keeps what it holds.",
    "if x[[i, j]] > 0.0 { dx[[i, j]] += dy[[i, j]]; }",
];

fn case(what: &str, [x, dy]: [Array<2>; 2], filled: bool) -> Case<Pass> {
    let dx = before(x.shape(), filled);
    let slopes = x.values().iter().map(|x| if *x > 0.0 { 1.0 } else { 0.0 });
    let gradient: Vec<f64> = slopes.zip(dy.values()).map(|(slope, dy)| slope * dy).collect();
    let expected = sum(&dx, &gradient);
    let given = vec![x.named("x[i,j]"), dy.named("dy[i,j]")];
    let run = move |pass: &Pass, dx: &mut Array<2>| pass(&x, &dy, dx);
    one_result(describe(what, filled), given, ("dx[i,j]", dx), &expected, run)
}

/// dx += term(x, dy) in every place.
fn each(what: &str, term: fn(f64, f64) -> f64) -> Mistake<Pass> {
    let pass = move |x: &Array<2>, dy: &Array<2>, dx: &mut Array<2>| {
        let terms = x.values().iter().zip(dy.values()).map(|(x, dy)| term(*x, *dy));
        dx.values_mut().iter_mut().zip(terms).for_each(|(dx, term)| *dx += term);
    };
    mistake::<Pass>(what, Box::new(pass))
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let array = |values: &[f64]| Array::new([1, values.len() as isize], values.to_vec());
    Exercise {
        cases: vec![
            case("two numbers", [array(&[3.0, -2.0]), array(&[5.0, 7.0])], false),
            case(
                "all signs of x and dy",
                [array(&[1.0, 2.0, -3.0, -4.0]), array(&[5.0, -6.0, 7.0, -8.0])],
                false,
            ),
            case("a 0 in x, where the slope is 0", [array(&[0.0, 1.0]), array(&[2.0, 3.0])], false),
            case("3 x 4 numbers", [numbers(1, [3, 4]), numbers(2, [3, 4])], true),
        ],
        mistakes: vec![
            each("dy passes everywhere", |_, dy| dy),
            each("by the sign of dy, not of x", |_, dy| dy.max(0.0)),
            each("only positive dy pass", |x, dy| if x > 0.0 { dy.max(0.0) } else { 0.0 }),
            each("dy passes where x is 0", |x, dy| if x >= 0.0 { dy } else { 0.0 }),
            each("dy passes where x is below 0", |x, dy| if x < 0.0 { dy } else { 0.0 }),
            each("dy is left out", |x, _| if x > 0.0 { 1.0 } else { 0.0 }),
            each("dy times x, not times the slope", |x, dy| x.max(0.0) * dy),
            mistake::<Pass>(
                "written over what is there",
                Box::new(|x, dy, dx| {
                    dx.values_mut().fill(0.0);
                    solutions::ex09_relu::relu_backward(x, dy, dx);
                }),
            ),
        ],
        attempt: Box::new(ex09_relu::relu_backward),
        solution: Box::new(solutions::ex09_relu::relu_backward),
    }
}
