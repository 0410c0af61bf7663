//! Exercise 4: the weights of convolutions.

use super::conv::{Arrays, Given, Sizes, each_product, problems, wrongs};
use super::{before, describe, mistake, one_result, sum};
use crate::array::Array;
use crate::check::{Case, Exercise};
use crate::{ex04_conv_weight, solutions};
use twinglyph_lesson::{Gradient, Problem};

/// (x, dy, stride, padding, dw).
pub type Pass = dyn Fn(&Array<4>, &Array<4>, [isize; 2], [isize; 2], &mut Array<4>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Write the loops of the forward pass first: n, o, i, j, and inside them c, u, v. In the innermost, compute r and q as the \
     formula says.",
    "A product y[n,o,i,j] += w[o,c,u,v] x[n,c,r,q] has two factors. The share of one is dy[n,o,i,j] times the other.",
    "Skip what lies in the padding: r from 0 to h - 1 and q from 0 to w - 1 are inside. r and q may be negative here, and may \
     be compared with 0.",
    "if (0..h).contains(&r) && (0..w).contains(&q) { dw[[o, c, u, v]] += x[[n, c, r, q]] * dy[[n, o, i, j]]; }",
];

fn case(given: Given) -> Case<Pass> {
    let Arrays { x, w, dy, stride, padding } = Arrays::of(&given.problem);
    let dw = before(w.shape(), given.filled);
    let expected = sum(&dw, &given.problem.gradient(Gradient::Weight, None));
    let arrays = vec![x.named("x[n,c,r,q]"), dy.named("dy[n,o,i,j]")];
    let run = move |pass: &Pass, dw: &mut Array<4>| pass(&x, &dy, stride, padding, dw);
    one_result(describe(given.what, given.filled), arrays, ("dw[o,c,u,v]", dw), &expected, run)
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let wrong = |wrong: twinglyph_lesson::Wrong| {
        mistake::<Pass>(
            wrong.what,
            Box::new(move |x, dy, stride, padding, dw| {
                let sizes = Sizes { x: x.shape(), w: dw.shape(), stride, padding };
                let (input, grad_output) = (x.values().to_vec(), dy.values().to_vec());
                wrong.add(&Problem { input, grad_output, ..sizes.zeros() }, dw.values_mut());
            }),
        )
    };
    let mut mistakes: Vec<_> = wrongs(Gradient::Weight).map(wrong).collect();
    mistakes.push(mistake::<Pass>(
        "= for +=, so that only the last product is left",
        Box::new(|x, dy, stride, padding, dw| {
            let sizes = Sizes { x: x.shape(), w: dw.shape(), stride, padding };
            each_product(&sizes, |weight, pixel, y| dw[weight] = x[pixel] * dy[y]);
        }),
    ));
    Exercise {
        cases: problems(2).into_iter().map(case).collect(),
        mistakes,
        attempt: Box::new(ex04_conv_weight::conv2d_backward_weight),
        solution: Box::new(solutions::ex04_conv_weight::conv2d_backward_weight),
    }
}
