//! Exercise 6: the input of convolutions, gathered from a dilated dy by a turned kernel.

use super::conv::{Arrays, Given, problems};
use super::{ROUNDING, before, describe, mistake, sum};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::ex06_conv_input_gather;
use crate::solutions::ex06_conv_input_gather::{dilate, turn};
use twinglyph_kernels::reference;
use twinglyph_lesson::Gradient;

/// (w, dy, stride, padding, turned, dilated, dx).
pub type Pass =
    dyn Fn(&Array<4>, &Array<4>, [isize; 2], [isize; 2], &mut Array<4>, &mut Array<4>, &mut Array<4>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Both functions only copy. turn: w[o,c,u,v] goes to the place opposite of the kernel's centre, and o and c change places.",
    "With K_h = 3, u = 0 goes to 2, 1 to 1 and 2 to 0: to k_h - 1 - u.",
    "dilate: dy[n,o,i,j] goes to row i s_h + K_h - 1. Everything else is 0 already, the rows that are left over too.",
    "turned[[c, o, k_h - 1 - u, k_w - 1 - v]] = w[[o, c, u, v]]; \
     dilated[[n, o, i * s_h + k_h - 1, j * s_w + k_w - 1]] = dy[[n, o, i, j]];",
];

/// dx += the convolution of stride 1 over `dilated` with `turned`, of which the padding is cut off.
fn gather(turned: &Array<4>, dilated: &Array<4>, [p_h, p_w]: [isize; 2], dx: &mut Array<4>) {
    let ([images, channels, h, w], [_, filters, k_h, k_w]) = (dx.shape(), turned.shape());
    for n in 0..images {
        for c in 0..channels {
            for r in 0..h {
                for q in 0..w {
                    for o in 0..filters {
                        for u in 0..k_h {
                            for v in 0..k_w {
                                dx[[n, c, r, q]] +=
                                    turned[[c, o, u, v]] * dilated[[n, o, r + p_h + u, q + p_w + v]];
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A backward pass of these two.
fn pass(
    turn: impl Fn(&Array<4>, &mut Array<4>) + 'static,
    dilate: impl Fn(&Array<4>, [isize; 2], [isize; 2], &mut Array<4>) + 'static,
) -> Box<Pass> {
    Box::new(move |w, dy, stride, padding, turned, dilated, dx| {
        let [_, _, k_h, k_w] = w.shape();
        turn(w, turned);
        dilate(dy, [k_h, k_w], stride, dilated);
        gather(turned, dilated, padding, dx);
    })
}

fn case(given: Given) -> Case<Pass> {
    let Arrays { x, w, dy, stride, padding } = Arrays::of(&given.problem);
    let g = &given.problem.geometry;
    let ([images, filters, ..], [_, channels, k_h, k_w]) = (dy.shape(), w.shape());
    let (rows, width) = reference::dilated_size(g);
    let turned = Array::zeros([channels, filters, k_h, k_w]);
    let dilated = Array::zeros([images, filters, rows as isize, width as isize]);
    let dx = before(x.shape(), given.filled);

    let planes = dy.values().chunks(dy.values().len() / g.images);
    let dilated_dy = planes.flat_map(|dy| reference::dilate(g, dy)).collect();
    let named = |turned: &Array<4>, dilated: &Array<4>, dx: &Array<4>| {
        vec![turned.named("turned[c,o,u,v]"), dilated.named("dilated[n,o,r,q]"), dx.named("dx[n,c,r,q]")]
    };
    Case {
        what: describe(given.what, given.filled),
        given: vec![w.named("w[o,c,u,v]"), dy.named("dy[n,o,i,j]")],
        before: named(&turned, &dilated, &dx),
        expected: named(
            &Array::new(turned.shape(), reference::turn(g, w.values())),
            &Array::new(dilated.shape(), dilated_dy),
            &sum(&dx, &given.problem.gradient(Gradient::Input, None)),
        ),
        tolerance: ROUNDING,
        run: Box::new(move |pass| {
            let (mut turned, mut dilated, mut dx) = (turned.clone(), dilated.clone(), dx.clone());
            pass(&w, &dy, stride, padding, &mut turned, &mut dilated, &mut dx);
            named(&turned, &dilated, &dx)
        }),
    }
}

/// `turned`, where `w[o,c,u,v]` goes to place(o, c, u, v) of kernel (K_h, K_w).
fn turned_to(what: &str, place: fn([isize; 4], [isize; 2]) -> [isize; 4]) -> Mistake<Pass> {
    let turn = move |w: &Array<4>, turned: &mut Array<4>| {
        let [filters, channels, k_h, k_w] = w.shape();
        for k in 0..filters * channels * k_h * k_w {
            let index = [k / (channels * k_h * k_w), k / (k_h * k_w) % channels, k / k_w % k_h, k % k_w];
            put(turned, place(index, [k_h, k_w]), w[index]);
        }
    };
    mistake::<Pass>(what, pass(turn, dilate))
}

/// `dilated`, where `dy[n,o,i,j]` goes to the row place(i, K_h, s_h), and to a column likewise.
fn dilated_to(what: &str, place: fn(isize, isize, isize) -> isize) -> Mistake<Pass> {
    let dilate = move |dy: &Array<4>, kernel: [isize; 2], stride: [isize; 2], dilated: &mut Array<4>| {
        let [images, filters, h_out, w_out] = dy.shape();
        for k in 0..images * filters * h_out * w_out {
            let (n, o) = (k / (filters * h_out * w_out), k / (h_out * w_out) % filters);
            let (i, j) = (k / w_out % h_out, k % w_out);
            let index = [n, o, place(i, kernel[0], stride[0]), place(j, kernel[1], stride[1])];
            put(dilated, index, dy[[n, o, i, j]]);
        }
    };
    mistake::<Pass>(what, pass(turn, dilate))
}

/// Writes a number, if its place is inside.
fn put(array: &mut Array<4>, index: [isize; 4], value: f64) {
    if index.iter().zip(array.shape()).all(|(i, size)| (0..size).contains(i)) {
        array[index] = value;
    }
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    Exercise {
        cases: problems(2).into_iter().map(case).collect(),
        mistakes: vec![
            turned_to("the kernel is not turned", |[o, c, u, v], _| [c, o, u, v]),
            turned_to("the kernel is turned upside down, but not left to right", |[o, c, u, v], [k_h, _]| {
                [c, o, k_h - 1 - u, v]
            }),
            turned_to("the kernel is turned left to right, but not upside down", |[o, c, u, v], [_, k_w]| {
                [c, o, u, k_w - 1 - v]
            }),
            turned_to("the kernel's axes are exchanged for turning it", |[o, c, u, v], _| [c, o, v, u]),
            turned_to("the channel axes are not exchanged", |[o, c, u, v], [k_h, k_w]| {
                [o, c, k_h - 1 - u, k_w - 1 - v]
            }),
            dilated_to("no zeros between the rows and columns of dy", |i, k, _| i + k - 1),
            dilated_to("stride zeros between the rows of dy, not stride - 1", |i, k, s| i * (s + 1) + k - 1),
            dilated_to("no zeros above and before dy", |i, _, s| i * s),
            dilated_to("K zeros above and before dy, not K - 1", |i, k, s| i * s + k),
        ],
        attempt: pass(ex06_conv_input_gather::turn, ex06_conv_input_gather::dilate),
        solution: pass(turn, dilate),
    }
}
