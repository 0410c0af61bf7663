//! Exercise 8: col2im. A convolution whose filters are as many as the rows of its columns, and whose weights are 1 where the two
//! are of the same number, has dy for w^T dy; so the wrong dx of the zoo are wrong images.

use super::conv::{Arrays, Given, Sizes, problems, wrongs};
use super::{before, describe, mistake, one_result};
use crate::array::Array;
use crate::check::{Case, Exercise};
use crate::{ex08_col2im, solutions};
use twinglyph_kernels::reference;
use twinglyph_lesson::{Gradient, Problem, Wrong};

/// (dcolumns, kernel, stride, padding, dx).
pub type Pass = dyn Fn(&Array<2>, [isize; 2], [isize; 2], [isize; 2], &mut Array<3>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "The loops, r, q, row and column are those of exercise 7. Only the copy goes the other way.",
    "A pixel was copied to several columns; it collects from all of them: +=, not =.",
    "What was read from the padding was not a pixel: its gradient goes nowhere.",
    "if (0..h).contains(&r) && (0..w).contains(&q) { dx[[c, r, q]] += dcolumns[[(c * k_h + u) * k_w + v, i * w_out + j]]; }",
];

/// The image by the dx of a wrong backward pass.
pub fn by(wrong: Wrong) -> Box<Pass> {
    Box::new(move |dcolumns, [k_h, k_w], stride, padding, dx| {
        let ([channels, h, w], [depth, _]) = (dx.shape(), dcolumns.shape());
        let sizes = Sizes { x: [1, channels, h, w], w: [depth, channels, k_h, k_w], stride, padding };
        let mut problem = Problem { grad_output: dcolumns.values().to_vec(), ..sizes.zeros() };
        (0..depth as usize).for_each(|row| problem.weight[row * (depth as usize + 1)] = 1.0);
        wrong.add(&problem, dx.values_mut());
    })
}

fn case(given: Given) -> Case<Pass> {
    let Arrays { x, w, dy, stride, padding } = Arrays::of(&given.problem);
    let g = &given.problem.geometry;
    let ([_, channels, h, width], [_, _, k_h, k_w], [_, _, h_out, w_out]) =
        (x.shape(), w.shape(), dy.shape());
    let mut dcolumns = Array::zeros([channels * k_h * k_w, h_out * w_out]);
    reference::conv2d_backward_columns(g, w.values(), dy.values(), dcolumns.values_mut());
    let dx = before([channels, h, width], given.filled);
    let mut expected = dx.clone();
    reference::col2im(g, dcolumns.values(), expected.values_mut());
    let arrays = vec![dcolumns.named("dcolumns[row,at]")];
    let run = move |pass: &Pass, dx: &mut Array<3>| pass(&dcolumns, [k_h, k_w], stride, padding, dx);
    one_result(describe(given.what, given.filled), arrays, ("dx[c,r,q]", dx), &expected, run)
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    // What is wrong about batches and about several filters shows nowhere here.
    let shown = [
        "dx-flipped",
        "dx-transposed",
        "dx-no-stride",
        "dx-strides",
        "dx-no-padding",
        "dx-paddings",
        "dx-off-by-one",
        "dx-assigned",
        "dx-overwritten",
    ];
    let mut mistakes: Vec<_> = wrongs(Gradient::Input)
        .filter(|wrong| shown.contains(&wrong.name))
        .map(|wrong| mistake::<Pass>(wrong.what, by(wrong)))
        .collect();
    mistakes.push(mistake::<Pass>(
        "= for +=, so that only the last column is left",
        Box::new(|dcolumns, [k_h, k_w], [s_h, s_w], [p_h, p_w], dx| {
            let [channels, h, w] = dx.shape();
            let (h_out, w_out) = ((h + 2 * p_h - k_h) / s_h + 1, (w + 2 * p_w - k_w) / s_w + 1);
            for row in 0..channels * k_h * k_w {
                let (c, u, v) = (row / (k_h * k_w), row / k_w % k_h, row % k_w);
                for at in 0..h_out * w_out {
                    let (r, q) = (at / w_out * s_h + u - p_h, at % w_out * s_w + v - p_w);
                    if (0..h).contains(&r) && (0..w).contains(&q) {
                        dx[[c, r, q]] = dcolumns[[row, at]];
                    }
                }
            }
        }),
    ));
    Exercise {
        cases: problems(1).into_iter().map(case).collect(),
        mistakes,
        attempt: Box::new(ex08_col2im::col2im),
        solution: Box::new(solutions::ex08_col2im::col2im),
    }
}
