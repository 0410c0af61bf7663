//! Exercise 1: functions whose gradients are known, which punish each another bad step.

use super::{before, mistake, one_result};
use crate::array::Array;
use crate::check::{Case, Exercise};
use crate::{ex01_central_differences, solutions};

/// (f, x, grad).
pub type Pass = dyn Fn(&dyn Fn(&Array<1>) -> f64, &Array<1>, &mut Array<1>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Take one number at a time: copy x, move only number k, call f; move it to the other side, call f again.",
    "Move a fresh copy for every k, or put number k back; else the earlier numbers stay moved.",
    "On eps: 1e-5 suits numbers near 1. Of numbers near a million only 10 digits are left behind the point: let the step \
     grow with x, eps = 1e-5 * x[[k]].abs().max(1.0).",
    "let mut moved = x.clone(); moved[[k]] = x[[k]] + eps; let above = f(&moved); moved[[k]] = x[[k]] - eps; \
     let below = f(&moved); grad[[k]] = (above - below) / (2.0 * eps);",
];

/// What a numeric gradient is asked for, and its known answer.
fn case(what: &str, f: fn(&[f64]) -> f64, x: &[f64], grad: &[f64], tolerance: f64) -> Case<Pass> {
    let [x, grad] = [x, grad].map(|values| Array::new([values.len() as isize], values.to_vec()));
    let result = ("grad[k]", before(x.shape(), false));
    let given = vec![x.named("x[k]")];
    let run = move |pass: &Pass, grad: &mut Array<1>| pass(&|x: &Array<1>| f(x.values()), &x, grad);
    Case { tolerance, ..one_result(format!("f = {what}"), given, result, &grad, run) }
}

/// (f(x + above) - f(x - below)) / width, for each number.
fn differences(
    f: &dyn Fn(&Array<1>) -> f64,
    x: &Array<1>,
    grad: &mut Array<1>,
    steps: impl Fn(f64) -> [f64; 3],
) {
    for k in 0..x.shape()[0] {
        let [above, below, width] = steps(x[[k]]);
        let at = |step: f64| {
            let mut moved = x.clone();
            moved[[k]] += step;
            f(&moved)
        };
        grad[[k]] = (at(above) - at(-below)) / width;
    }
}

fn by_steps(what: impl Into<String>, steps: fn(f64) -> [f64; 3]) -> crate::check::Mistake<Pass> {
    mistake::<Pass>(what, Box::new(move |f, x, grad| differences(f, x, grad, steps)))
}

fn with_eps(eps: f64) -> crate::check::Mistake<Pass> {
    let what = format!("a step of {eps:e} is too {}", if eps > 1e-5 { "long" } else { "short" });
    mistake::<Pass>(what, Box::new(move |f, x, grad| differences(f, x, grad, |_| [eps, eps, 2.0 * eps])))
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let eps = 1e-5;
    let mut mistakes = vec![
        by_steps("divided by eps, and the two points are 2 eps apart", |_| [1e-5, 1e-5, 1e-5]),
        by_steps("not divided by the distance of the two points", |_| [1e-5, 1e-5, 1.0]),
        by_steps("below minus above", |_| [1e-5, 1e-5, -2e-5]),
        by_steps("the same step of 1e-5, however large x is", |_| [1e-5, 1e-5, 2e-5]),
        mistake::<Pass>(
            "all numbers of x are moved at once",
            Box::new(move |f, x, grad| {
                let at = |step: f64| {
                    let mut moved = x.clone();
                    moved.values_mut().iter_mut().for_each(|x| *x += step);
                    f(&moved)
                };
                let slope = (at(eps) - at(-eps)) / (2.0 * eps);
                grad.values_mut().fill(slope);
            }),
        ),
        mistake::<Pass>(
            "the numbers that were moved are not put back",
            Box::new(move |f, x, grad| {
                let mut moved = x.clone();
                for k in 0..x.shape()[0] {
                    moved[[k]] += eps;
                    let above = f(&moved);
                    moved[[k]] -= 2.0 * eps;
                    grad[[k]] = (above - f(&moved)) / (2.0 * eps);
                }
            }),
        ),
    ];
    mistakes.extend([1.0, 0.5, 0.1, 0.01, 1e-3, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15].map(with_eps));
    for eps in [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9] {
        mistakes.extend([[eps, 0.0], [0.0, eps]].map(|[above, below]| {
            mistake::<Pass>(
                "a difference to one side only, not to both",
                Box::new(move |f, x, grad| differences(f, x, grad, |_| [above, below, eps])),
            )
        }));
    }
    Exercise {
        cases: vec![
            case("3 a - 2 b + 5", |x| 3.0 * x[0] - 2.0 * x[1] + 5.0, &[1.0, 2.0], &[3.0, -2.0], 1e-6),
            case("a b + b^2", |x| x[0] * x[1] + x[1] * x[1], &[2.0, 3.0], &[3.0, 8.0], 1e-6),
            case(
                "a^2 at its lowest point, where both sides are equally high",
                |x| x[0] * x[0],
                &[0.0],
                &[0.0],
                1e-15,
            ),
            case(
                "exp(3 a), which bends: the step may not be long",
                |x| (3.0 * x[0]).exp(),
                &[1.0],
                &[3.0 * 3f64.exp()],
                1e-6,
            ),
            case(
                "1000 + sin(a), of which rounding leaves fewer digits: the step may not be short",
                |x| 1000.0 + x[0].sin(),
                &[0.5],
                &[0.5f64.cos()],
                1e-6,
            ),
            case(
                "a^2 / 1000000 far from 0, where numbers lie farther apart",
                |x| x[0] * x[0] / 1e6,
                &[1e6],
                &[2.0],
                1e-6,
            ),
        ],
        mistakes,
        attempt: Box::new(ex01_central_differences::numeric_gradient),
        solution: Box::new(solutions::ex01_central_differences::numeric_gradient),
    }
}
