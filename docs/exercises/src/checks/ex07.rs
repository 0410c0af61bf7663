//! Exercise 7: im2col. A convolution whose filters are as many as its positions, and whose dy is 1 where the two are of the
//! same number, has columns^T for dw; so the wrong dw of the zoo are wrong columns.

use super::conv::{Arrays, Given, Sizes, problems, wrongs};
use super::{mistake, one_result};
use crate::array::Array;
use crate::check::{Case, Exercise};
use crate::solutions::ex07_im2col::im2col;
use twinglyph_kernels::reference;
use twinglyph_lesson::{Gradient, Problem, Wrong};

/// (x, kernel, stride, padding, columns).
pub type Pass = dyn Fn(&Array<3>, [isize; 2], [isize; 2], [isize; 2], &mut Array<2>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Five nested loops, over c, u, v, i and j; r and q as in exercises 4 and 5.",
    "The row is the number of (c, u, v), if one counts v fastest: (c * k_h + u) * k_w + v. The column is that of (i, j).",
    "Write 0 for a pixel outside of the image; the columns hold 9 before.",
    "let inside = (0..h).contains(&r) && (0..w).contains(&q); columns[[(c * k_h + u) * k_w + v, i * w_out + j]] = \
     if inside { x[[c, r, q]] } else { 0.0 };",
];

/// The columns by the dw of a wrong backward pass.
pub fn by(wrong: Wrong) -> Box<Pass> {
    Box::new(move |x, [k_h, k_w], stride, padding, columns| {
        let ([channels, h, w], [depth, positions]) = (x.shape(), columns.shape());
        let sizes = Sizes { x: [1, channels, h, w], w: [positions, channels, k_h, k_w], stride, padding };
        let mut problem = Problem { input: x.values().to_vec(), ..sizes.zeros() };
        (0..positions as usize).for_each(|k| problem.grad_output[k * (positions as usize + 1)] = 1.0);
        let mut dw = Array::zeros([positions, depth]);
        wrong.add(&problem, dw.values_mut());
        for row in 0..depth {
            (0..positions).for_each(|at| columns[[row, at]] = dw[[at, row]]);
        }
    })
}

fn case(given: Given) -> Case<Pass> {
    let Arrays { x, w, dy, stride, padding } = Arrays::of(&given.problem);
    let ([_, channels, h, width], [_, _, k_h, k_w], [_, _, h_out, w_out]) =
        (x.shape(), w.shape(), dy.shape());
    let image = Array::new([channels, h, width], x.values().to_vec());
    let mut columns = Array::zeros([channels * k_h * k_w, h_out * w_out]);
    columns.values_mut().fill(9.0);
    let mut expected = columns.clone();
    reference::im2col(&given.problem.geometry, image.values(), expected.values_mut());
    let arrays = vec![image.named("x[c,r,q]")];
    let run = move |pass: &Pass, columns: &mut Array<2>| pass(&image, [k_h, k_w], stride, padding, columns);
    one_result(given.what, arrays, ("columns[row,at]", columns), &expected, run)
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    // What is wrong about batches and about sums shows nowhere here.
    let shown =
        ["dw-flipped", "dw-transposed", "dw-no-stride", "dw-strides", "dw-no-padding", "dw-off-by-one"];
    let mut mistakes: Vec<_> = wrongs(Gradient::Weight)
        .filter(|wrong| shown.contains(&wrong.name))
        .map(|wrong| mistake::<Pass>(wrong.what, by(wrong)))
        .collect();
    mistakes.push(mistake::<Pass>(
        "added to what was there",
        Box::new(|x, kernel, stride, padding, columns| {
            let before = columns.clone();
            im2col(x, kernel, stride, padding, columns);
            columns.values_mut().iter_mut().zip(before.values()).for_each(|(to, before)| *to += before);
        }),
    ));
    mistakes.push(mistake::<Pass>(
        "nothing is written where the window is outside of the image",
        Box::new(|x, kernel, stride, padding, columns| {
            let before = columns.clone();
            im2col(x, kernel, stride, padding, columns);
            let mut inside = columns.clone();
            let mut ones = x.clone();
            ones.values_mut().fill(1.0);
            im2col(&ones, kernel, stride, padding, &mut inside);
            for (k, inside) in inside.values().iter().enumerate().filter(|(_, inside)| **inside == 0.0) {
                columns.values_mut()[k] = before.values()[k] + inside;
            }
        }),
    ));
    mistakes.push(mistake::<Pass>(
        "the columns counted with i fastest, i + j H_out",
        Box::new(|x, [k_h, k_w], [s_h, s_w], [p_h, p_w], columns| {
            im2col(x, [k_h, k_w], [s_h, s_w], [p_h, p_w], columns);
            let ([_, h, w], right) = (x.shape(), columns.clone());
            let (h_out, w_out) = ((h + 2 * p_h - k_h) / s_h + 1, (w + 2 * p_w - k_w) / s_w + 1);
            for row in 0..columns.shape()[0] {
                for at in 0..h_out * w_out {
                    columns[[row, at]] = right[[row, at % h_out * w_out + at / h_out]];
                }
            }
        }),
    ));
    mistakes.push(mistake::<Pass>(
        "the rows counted with c fastest, (u K_w + v) C + c",
        Box::new(|x, [k_h, k_w], stride, padding, columns| {
            im2col(x, [k_h, k_w], stride, padding, columns);
            let ([channels, ..], right) = (x.shape(), columns.clone());
            for row in 0..channels * k_h * k_w {
                for at in 0..columns.shape()[1] {
                    columns[[row, at]] = right[[row % channels * k_h * k_w + row / channels, at]];
                }
            }
        }),
    ));
    Exercise {
        cases: problems(1).into_iter().map(case).collect(),
        mistakes,
        attempt: Box::new(crate::ex07_im2col::im2col),
        solution: Box::new(im2col),
    }
}
