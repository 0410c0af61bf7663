//! Exercise 5: the input of convolutions, scattered.

use super::conv::{Arrays, Given, Sizes, each_product, problems, wrongs};
use super::{before, describe, mistake, one_result, sum};
use crate::array::Array;
use crate::check::{Case, Exercise};
use crate::{ex05_conv_input_scatter, solutions};
use twinglyph_lesson::{Gradient, Problem};

/// (w, dy, stride, padding, dx).
pub type Pass = dyn Fn(&Array<4>, &Array<4>, [isize; 2], [isize; 2], &mut Array<4>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Exercise 4's loops, r and q, and the question whether they are inside: all stays. Only the last line is another.",
    "The share of a factor is dy[n,o,i,j] times the other factor. The pixel x[n,c,r,q] meets w[o,c,u,v], not any other weight: \
     nothing is turned.",
    "Where windows overlap, a pixel gets several shares: add them (+=). There is nothing to do for pixels that no window \
     sees.",
    "dx[[n, c, r, q]] += w[[o, c, u, v]] * dy[[n, o, i, j]];",
];

fn case(given: Given) -> Case<Pass> {
    let Arrays { x, w, dy, stride, padding } = Arrays::of(&given.problem);
    let dx = before(x.shape(), given.filled);
    let expected = sum(&dx, &given.problem.gradient(Gradient::Input, None));
    let arrays = vec![w.named("w[o,c,u,v]"), dy.named("dy[n,o,i,j]")];
    let run = move |pass: &Pass, dx: &mut Array<4>| pass(&w, &dy, stride, padding, dx);
    one_result(describe(given.what, given.filled), arrays, ("dx[n,c,r,q]", dx), &expected, run)
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let wrong = |wrong: twinglyph_lesson::Wrong| {
        mistake::<Pass>(
            wrong.what,
            Box::new(move |w, dy, stride, padding, dx| {
                let sizes = Sizes { x: dx.shape(), w: w.shape(), stride, padding };
                let (weight, grad_output) = (w.values().to_vec(), dy.values().to_vec());
                wrong.add(&Problem { weight, grad_output, ..sizes.zeros() }, dx.values_mut());
            }),
        )
    };
    let mut mistakes: Vec<_> = wrongs(Gradient::Input).map(wrong).collect();
    mistakes.push(mistake::<Pass>(
        "= for +=, so that only the last product is left",
        Box::new(|w, dy, stride, padding, dx| {
            let sizes = Sizes { x: dx.shape(), w: w.shape(), stride, padding };
            each_product(&sizes, |weight, pixel, y| dx[pixel] = w[weight] * dy[y]);
        }),
    ));
    Exercise {
        cases: problems(2).into_iter().map(case).collect(),
        mistakes,
        attempt: Box::new(ex05_conv_input_scatter::conv2d_backward_input),
        solution: Box::new(solutions::ex05_conv_input_scatter::conv2d_backward_input),
    }
}
