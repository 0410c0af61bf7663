//! Exercise 10: max-pooling, with windows that overlap and with equals in a window.

use super::{before, describe, mistake, one_result};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::{ex10_max_pool, solutions};
use twinglyph_kernels::{Pool2d, reference};

/// (x, dy, window, stride, dx).
pub type Pass = dyn Fn(&Array<4>, &Array<4>, [isize; 2], [isize; 2], &mut Array<4>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Four loops over the windows, n, c, i and j. For each, look for the place of the largest x, not only for its value.",
    "Begin with the window's first pixel, [n, c, i * s_h, j * s_w], as the winner; a pixel that is larger (>) takes its place. \
     Equals do not, so the first one stays.",
    "A place is an array of indices: let pixel = [n, c, i * s_h + u, j * s_w + v]; x[pixel] is its number.",
    "if x[pixel] > x[winner] { winner = pixel; }, and after the loops over u and v: dx[winner] += dy[[n, c, i, j]];",
];

fn case(what: &str, x: Array<4>, window: [isize; 2], stride: [isize; 2], filled: bool) -> Case<Pass> {
    let [images, channels, h, w] = x.shape();
    let unsigned = |[a, b]: [isize; 2]| (a as usize, b as usize);
    let planes = (images * channels) as usize;
    let g = Pool2d { planes, size: unsigned([h, w]), window: unsigned(window), stride: unsigned(stride) };
    let (h_out, w_out) = g.output_size();
    let mut dy = Array::zeros([images, channels, h_out as isize, w_out as isize]);
    dy.values_mut().iter_mut().enumerate().for_each(|(k, dy)| *dy = 1.0 + k as f64);

    let (mut y, mut argmax) = (dy.values().to_vec(), vec![0; dy.values().len()]);
    reference::max_pool2d_forward(&g, x.values(), &mut y, &mut argmax);
    let dx = before(x.shape(), filled);
    let mut expected = dx.clone();
    reference::max_pool2d_backward(&g, &argmax, dy.values(), expected.values_mut());

    let what = format!(
        "{h} x {w} pixels, windows of {} x {}, stride {} x {}; {what}",
        window[0], window[1], stride[0], stride[1]
    );
    let given = vec![x.named("x[n,c,r,q]"), dy.named("dy[n,c,i,j]")];
    let run = move |pass: &Pass, dx: &mut Array<4>| pass(&x, &dy, window, stride, dx);
    one_result(describe(what, filled), given, ("dx[n,c,r,q]", dx), &expected, run)
}

/// A window: its place in dy, and its pixels in row order.
struct Window {
    dy: f64,
    pixels: Vec<[isize; 4]>,
}

fn windows(x: &Array<4>, dy: &Array<4>, [k_h, k_w]: [isize; 2], [s_h, s_w]: [isize; 2]) -> Vec<Window> {
    let ([_, _, h, w], [images, channels, h_out, w_out]) = (x.shape(), dy.shape());
    let window = |k: isize| {
        let [n, c, i, j] =
            [k / (channels * h_out * w_out), k / (h_out * w_out) % channels, k / w_out % h_out, k % w_out];
        let pixel = |at: isize| [n, c, i * s_h + at / k_w, j * s_w + at % k_w];
        // A wrong stride leaves the image.
        let inside = |[_, _, r, q]: &[isize; 4]| *r < h && *q < w;
        Window { dy: dy[[n, c, i, j]], pixels: (0..k_h * k_w).map(pixel).filter(inside).collect() }
    };
    (0..images * channels * h_out * w_out).map(window).filter(|window| !window.pixels.is_empty()).collect()
}

/// `wrong(x, window, dx)` for every window.
fn each(what: &str, wrong: fn(&Array<4>, &Window, &mut Array<4>)) -> Mistake<Pass> {
    mistake::<Pass>(
        what,
        Box::new(move |x, dy, window, stride, dx| {
            windows(x, dy, window, stride).iter().for_each(|window| wrong(x, window, dx));
        }),
    )
}

fn largest(x: &Array<4>, window: &Window) -> f64 {
    window.pixels.iter().map(|at| x[*at]).fold(f64::NEG_INFINITY, f64::max)
}

/// The pixels that are as large as the largest.
fn winners(x: &Array<4>, window: &Window) -> Vec<[isize; 4]> {
    let largest = largest(x, window);
    window.pixels.iter().copied().filter(|at| x[*at] == largest).collect()
}

fn mistakes() -> Vec<Mistake<Pass>> {
    vec![
        each("dy goes to the whole window", |_, window, dx| {
            window.pixels.iter().for_each(|at| dx[*at] += window.dy);
        }),
        each("dy is shared out over the window", |_, window, dx| {
            window.pixels.iter().for_each(|at| dx[*at] += window.dy / window.pixels.len() as f64);
        }),
        each("dy goes to the window's first pixel", |_, window, dx| dx[window.pixels[0]] += window.dy),
        each("dy goes to the smallest", |x, window, dx| {
            let least = window.pixels.iter().min_by(|a, b| x[**a].total_cmp(&x[**b]));
            dx[*least.expect("a window has pixels")] += window.dy;
        }),
        each("of overlapping windows, the last counts", |x, window, dx| {
            dx[winners(x, window)[0]] = window.dy
        }),
        each("at a tie, all winners get dy", |x, window, dx| {
            winners(x, window).iter().for_each(|at| dx[*at] += window.dy);
        }),
        each("at a tie, the winners share dy", |x, window, dx| {
            let winners = winners(x, window);
            winners.iter().for_each(|at| dx[*at] += window.dy / winners.len() as f64);
        }),
        each("at a tie, the last wins", |x, window, dx| {
            winners(x, window).last().into_iter().for_each(|at| dx[*at] += window.dy);
        }),
        each("dy times the largest x", |x, window, dx| {
            dx[winners(x, window)[0]] += window.dy * largest(x, window);
        }),
        each(
            "the largest is looked for from 0 on, so that windows below 0 have no winner",
            |x, window, dx| {
                if largest(x, window) > 0.0 {
                    dx[winners(x, window)[0]] += window.dy;
                }
            },
        ),
        each("all planes' gradients go to the first", |x, window, dx| {
            let [_, _, r, q] = winners(x, window)[0];
            dx[[0, 0, r, q]] += window.dy;
        }),
        mistake::<Pass>(
            "the window for the stride",
            Box::new(|x, dy, window, _, dx| {
                for window in windows(x, dy, window, window) {
                    dx[winners(x, &window)[0]] += window.dy;
                }
            }),
        ),
        mistake::<Pass>(
            "written over what is there",
            Box::new(|x, dy, window, stride, dx| {
                dx.values_mut().fill(0.0);
                solutions::ex10_max_pool::max_pool2d_backward(x, dy, window, stride, dx);
            }),
        ),
    ]
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let array = |shape: [isize; 4], values: &[f64]| Array::new(shape, values.to_vec());
    // Integers without any pattern, of both signs, no two alike: 29 generates the numbers below 97.
    let distinct = |shape: [isize; 4]| {
        let mut x = Array::zeros(shape);
        x.values_mut().iter_mut().enumerate().for_each(|(k, x)| *x = ((k + 1) * 29 % 97) as f64 - 48.0);
        x
    };
    Exercise {
        cases: vec![
            case("one window", array([1, 1, 2, 2], &[1.0, 5.0, 3.0, 2.0]), [2, 2], [2, 2], false),
            case(
                "two windows, one of them below 0",
                array([1, 1, 2, 4], &[1.0, 2.0, -7.0, -3.0, 4.0, 3.0, -5.0, -6.0]),
                [2, 2],
                [2, 2],
                false,
            ),
            case(
                "windows overlap",
                array([1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 9.0, 5.0, 6.0, 7.0, 8.0]),
                [2, 2],
                [1, 1],
                false,
            ),
            case("all are equal", array([1, 1, 2, 2], &[3.0; 4]), [2, 2], [2, 2], false),
            case("several images and channels", distinct([2, 2, 4, 6]), [2, 3], [1, 2], true),
            case("pixels are left over", distinct([1, 2, 7, 6]), [3, 2], [2, 3], true),
        ],
        mistakes: mistakes(),
        attempt: Box::new(ex10_max_pool::max_pool2d_backward),
        solution: Box::new(solutions::ex10_max_pool::max_pool2d_backward),
    }
}
