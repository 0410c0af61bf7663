//! Exercise 13: the contrastive loss. What is expected are central differences of the loss; it is a parabola on either side of
//! the margin, so they are exact there.

use super::{before, describe, mistake, one_result, sum};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::{ex13_contrastive_loss, solutions};

/// (d, same, margin, dloss, dd).
pub type Pass = dyn Fn(&Array<1>, &Array<1>, f64, f64, &mut Array<1>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "A pair of one kind: D^2 has the slope 2 D. A pair of two kinds: the square of (margin - D) has the slope -2 (margin - D), \
     where D is below the margin.",
    "Beyond the margin the hinge is 0, and so is its slope: (margin - d[[n]]).max(0.0) takes care of it.",
    "L is the mean over pairs: divide by pairs as f64. And L may not be the end: times dloss.",
    "let slope = if same[[n]] == 1.0 { 2.0 * d[[n]] } else { -2.0 * (margin - d[[n]]).max(0.0) }; \
     dd[[n]] += slope * dloss / pairs as f64;",
];

fn loss(d: &[f64], same: &[f64], margin: f64) -> f64 {
    let hinge = |d: f64| (margin - d).max(0.0);
    let terms = d.iter().zip(same).map(|(d, same)| if *same == 1.0 { d * d } else { hinge(*d).powi(2) });
    terms.sum::<f64>() / d.len() as f64
}

/// No distance is nearer to the margin than 1/64, but on it, where the slope is 0.
fn gradient(d: &[f64], same: &[f64], margin: f64, dloss: f64) -> Vec<f64> {
    let step = 1.0 / 64.0;
    let difference = |k: usize| {
        let at = |step: f64| {
            let mut moved = d.to_vec();
            moved[k] += step;
            loss(&moved, same, margin)
        };
        if same[k] != 1.0 && d[k] == margin { 0.0 } else { (at(step) - at(-step)) / (2.0 * step) }
    };
    (0..d.len()).map(|k| dloss * difference(k)).collect()
}

fn case(what: &str, d: &[f64], same: &[f64], (margin, dloss): (f64, f64), filled: bool) -> Case<Pass> {
    let shape = [d.len() as isize];
    let dd = before(shape, filled);
    let expected = sum(&dd, &gradient(d, same, margin, dloss));
    let [d, same] = [d, same].map(|values| Array::new(shape, values.to_vec()));
    let given = vec![d.named("d[n]"), same.named("same[n]")];
    let what = describe(format!("margin {margin}, dloss {dloss}; {what}"), filled);
    let run = move |pass: &Pass, dd: &mut Array<1>| pass(&d, &same, margin, dloss, dd);
    one_result(what, given, ("dd[n]", dd), &expected, run)
}

/// What a pair adds, of (d, same, margin), before it is divided by N and multiplied by dloss.
fn each(what: &str, slope: fn(f64, bool, f64) -> f64) -> Mistake<Pass> {
    shared(what, slope, |dloss, count| dloss / count)
}

fn shared(what: &str, slope: fn(f64, bool, f64) -> f64, share: fn(f64, f64) -> f64) -> Mistake<Pass> {
    mistake::<Pass>(
        what,
        Box::new(move |d, same, margin, dloss, dd| {
            for n in 0..d.shape()[0] {
                let share = share(dloss, d.shape()[0] as f64);
                dd[[n]] += share * slope(d[[n]], same[[n]] == 1.0, margin);
            }
        }),
    )
}

fn right(d: f64, same: bool, margin: f64) -> f64 {
    if same { 2.0 * d } else { -2.0 * (margin - d).max(0.0) }
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let both = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    Exercise {
        cases: vec![
            case("a pair of one kind", &[3.0], &[1.0], (4.0, 1.0), false),
            case("a pair of two kinds, too near", &[3.0], &[0.0], (4.0, 1.0), false),
            case("a pair of two kinds, beyond the margin", &[6.0], &[0.0], (4.0, 1.0), false),
            case("a pair of two kinds, just at the margin", &[4.0], &[0.0], (4.0, 1.0), false),
            case("four pairs", &[3.0, 3.0, 6.0, 6.0], &[1.0, 0.0, 1.0, 0.0], (4.0, 2.0), false),
            case("six pairs", &[0.2, 0.7, 1.6, 0.3, 0.8, 1.5], &both, (1.0, 0.5), true),
        ],
        mistakes: vec![
            each("the labels are turned round", |d, same, margin| right(d, !same, margin)),
            each("the hinge pulls together", |d, same, margin| right(d, same, margin).abs()),
            each("without the 2", |d, same, margin| right(d, same, margin) / 2.0),
            each("without the 2 of the hinge", |d, same, margin| {
                right(d, same, margin) * if same { 1.0 } else { 0.5 }
            }),
            each("the hinge as if it were not squared", |d, same, margin| match same {
                true => 2.0 * d,
                false => -((d < margin) as u8 as f64),
            }),
            each("without the hinge, beyond the margin too", |d, same, margin| {
                if same { 2.0 * d } else { -2.0 * (margin - d) }
            }),
            each("pairs of two kinds are left out", |d, same, _| if same { 2.0 * d } else { 0.0 }),
            shared("the sum for the mean", right, |dloss, _| dloss),
            shared("dloss is left out", right, |_, count| 1.0 / count),
            mistake::<Pass>(
                "written over what is there",
                Box::new(|d, same, margin, dloss, dd| {
                    dd.values_mut().fill(0.0);
                    solutions::ex13_contrastive_loss::contrastive_loss_backward(d, same, margin, dloss, dd);
                }),
            ),
        ],
        attempt: Box::new(ex13_contrastive_loss::contrastive_loss_backward),
        solution: Box::new(solutions::ex13_contrastive_loss::contrastive_loss_backward),
    }
}
