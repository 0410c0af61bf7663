//! Exercise 14: the triplet loss. What is expected are central differences of the loss; h is a parabola in every number, so
//! they are exact on either side of its kink.

use super::{ROUNDING, before, describe, mistake, numbers, sum};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::solutions::ex14_triplet_loss::triplet_loss_backward;

/// ([a, p, n], margin, dloss, [da, dp, dn]).
pub type Pass = dyn Fn([&Array<2>; 3], f64, f64, [&mut Array<2>; 3]);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "For each triplet, first h: two sums over f. Only where h > 0 is there anything to add.",
    "|a - p|^2 grows by 2 (a - p) when a[i,f] does, and by -2 (a - p) when p[i,f] does. n stands in the term that is \
     subtracted.",
    "a stands in both terms: 2 (a - p) - 2 (a - n), and in this a cancels: 2 (n - p).",
    "let g = dloss / triplets as f64; da[[i, f]] += 2.0 * g * (n[[i, f]] - p[[i, f]]); \
     dp[[i, f]] += -2.0 * g * (a[[i, f]] - p[[i, f]]); dn[[i, f]] += 2.0 * g * (a[[i, f]] - n[[i, f]]);",
];

/// h of triplet i.
fn hinge([a, p, n]: [&Array<2>; 3], margin: f64, i: isize) -> f64 {
    let squared = |b: &Array<2>| (0..a.shape()[1]).map(|f| (a[[i, f]] - b[[i, f]]).powi(2)).sum::<f64>();
    squared(p) - squared(n) + margin
}

/// (L(v + step) - L(v - step)) / 2 step for every number v of array `of`; no h is near its kink, but on it.
fn gradient(given: &[Array<2>; 3], margin: f64, dloss: f64, of: usize) -> Vec<f64> {
    let step = 1.0 / 1024.0;
    let [triplets, features] = given[0].shape();
    let difference = |k: usize| {
        let i = k as isize / features;
        let at = |step: f64| {
            let mut moved = given.clone();
            moved[of].values_mut()[k] += step;
            hinge(moved.each_ref(), margin, i).max(0.0) / triplets as f64
        };
        if hinge(given.each_ref(), margin, i) == 0.0 { 0.0 } else { (at(step) - at(-step)) / (2.0 * step) }
    };
    (0..given[of].values().len()).map(|k| dloss * difference(k)).collect()
}

fn case(what: &str, given: [Array<2>; 3], (margin, dloss): (f64, f64), filled: bool) -> Case<Pass> {
    let [triplets, features] = given[0].shape();
    let results = [0, 1, 2].map(|_| before(given[0].shape(), filled));
    let named =
        |[da, dp, dn]: &[Array<2>; 3]| vec![da.named("da[i,f]"), dp.named("dp[i,f]"), dn.named("dn[i,f]")];
    let expected = [0, 1, 2].map(|of| sum(&results[of], &gradient(&given, margin, dloss, of)));
    let [a, p, n] = &given;
    Case {
        what: describe(
            format!("triplets: {triplets}, features: {features}, margin {margin}, dloss {dloss}; {what}"),
            filled,
        ),
        given: vec![a.named("a[i,f]"), p.named("p[i,f]"), n.named("n[i,f]")],
        before: named(&results),
        expected: named(&expected),
        tolerance: ROUNDING,
        run: Box::new(move |pass| {
            let mut results = results.clone();
            pass(given.each_ref(), margin, dloss, results.each_mut());
            named(&results)
        }),
    }
}

/// One number of a, p and n, and the h of its triplet.
struct At {
    a: f64,
    p: f64,
    n: f64,
    h: f64,
    margin: f64,
}

/// (da, dp, dn), where the triplet is active.
fn right(t: &At) -> [f64; 3] {
    [2.0 * (t.n - t.p), -2.0 * (t.a - t.p), 2.0 * (t.a - t.n)]
}

fn each(what: &str, active: fn(&At) -> bool, terms: fn(&At) -> [f64; 3]) -> Mistake<Pass> {
    shared(what, active, terms, |dloss, count| dloss / count)
}

fn shared(
    what: &str,
    active: fn(&At) -> bool,
    terms: fn(&At) -> [f64; 3],
    share: fn(f64, f64) -> f64,
) -> Mistake<Pass> {
    mistake::<Pass>(
        what,
        Box::new(move |given, margin, dloss, mut results| {
            let [triplets, features] = given[0].shape();
            for at in (0..triplets * features).map(|k| [k / features, k % features]) {
                let [a, p, n] = given.map(|array| array[at]);
                let number = At { a, p, n, h: hinge(given, margin, at[0]), margin };
                if active(&number) {
                    let terms = terms(&number);
                    let share = share(dloss, triplets as f64);
                    results.iter_mut().zip(terms).for_each(|(result, term)| result[at] += share * term);
                }
            }
        }),
    )
}

fn mistakes() -> Vec<Mistake<Pass>> {
    let active: fn(&At) -> bool = |t| t.h > 0.0;
    vec![
        each("da without the negative's term", active, |t| [2.0 * (t.a - t.p), right(t)[1], right(t)[2]]),
        each("da without the positive's term", active, |t| [-2.0 * (t.a - t.n), right(t)[1], right(t)[2]]),
        each("da with the wrong sign", active, |t| [-right(t)[0], right(t)[1], right(t)[2]]),
        each("dp with the wrong sign", active, |t| [right(t)[0], -right(t)[1], right(t)[2]]),
        each("dn with the wrong sign", active, |t| [right(t)[0], right(t)[1], -right(t)[2]]),
        each("without the 2", active, |t| right(t).map(|term| term / 2.0)),
        each("active where it should rest", |t| t.h <= 0.0, right),
        each("active everywhere", |_| true, right),
        each("active at the kink, h = 0", |t| t.h >= 0.0, right),
        each("the margin is forgotten in what is active", |t| t.h - t.margin > 0.0, right),
        shared("the sum for the mean", active, right, |dloss, _| dloss),
        shared("dloss is left out", active, right, |_, count| 1.0 / count),
        mistake::<Pass>(
            "all three are written over what is there",
            Box::new(|given, margin, dloss, mut results| {
                results.iter_mut().for_each(|result| result.values_mut().fill(0.0));
                triplet_loss_backward(given, margin, dloss, results);
            }),
        ),
    ]
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let triplet = |rows: [&[f64]; 3]| rows.map(|row| Array::new([1, row.len() as isize], row.to_vec()));
    // Around each anchor, the positive and the negative in a direction of their own and at these distances from it, in units
    // of 7/6: h is above the margin, between it and 0, and below 0.
    let anchor = numbers(1, [6, 3]);
    let beside = |sizes: [f64; 6], way: [f64; 3]| {
        let mut other = anchor.clone();
        for (k, value) in other.values_mut().iter_mut().enumerate() {
            *value += sizes[k / 3] * way[k % 3];
        }
        other
    };
    let positive = beside([0.9, 0.5, 0.4, 0.8, 0.6, 0.1], [1.0, 0.5, -1.0 / 3.0]);
    let negative = beside([0.4, 0.7, 0.9, 0.8, 0.7, 0.8], [-0.5, 1.0 / 3.0, 1.0]);
    Exercise {
        cases: vec![
            case("h is 9 - 4 + 1", triplet([&[0.0], &[3.0], &[-2.0]]), (1.0, 1.0), false),
            case("h is 4 - 9 + 1: at rest", triplet([&[0.0], &[2.0], &[3.0]]), (1.0, 1.0), false),
            case(
                "h is 8 - 9 + 2: within the margin",
                triplet([&[1.0, 0.0], &[3.0, 2.0], &[1.0, 3.0]]),
                (2.0, 3.0),
                false,
            ),
            case("h is 0.25 - 1 + 0.75: on the kink", triplet([&[0.0], &[0.5], &[1.0]]), (0.75, 1.0), false),
            case("all in one point: h is the margin", triplet([&[1.0, 2.0]; 3]), (1.0, 1.0), false),
            case("on both sides of the kink", [anchor.clone(), positive, negative], (0.5, 2.0), true),
        ],
        mistakes: mistakes(),
        attempt: Box::new(crate::ex14_triplet_loss::triplet_loss_backward),
        solution: Box::new(triplet_loss_backward),
    }
}
