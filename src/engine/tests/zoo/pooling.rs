//! Wrong gradients of pooling.

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{AvgPool2d, MaxPool2d};
use twinglyph_engine::tape::Node;

const WINDOW: (usize, usize) = (2, 3);
/// Smaller than the window: windows overlap.
const STRIDE: (usize, usize) = (1, 2);
const MAX: MaxPool2d = MaxPool2d { window: WINDOW, stride: STRIDE };
const AVG: AvgPool2d = AvgPool2d { window: WINDOW, stride: STRIDE };
const AREA: f64 = (WINDOW.0 * WINDOW.1) as f64;

fn inputs() -> Vec<Tensor<f64>> {
    vec![numbers(1, &[2, 2, 4, 6])]
}

/// Calls `f(y index, the window's pixels in row order)` for every window.
fn each_window(
    node: &Node<'_, f64>,
    window: (usize, usize),
    stride: (usize, usize),
    mut f: impl FnMut(usize, Vec<usize>),
) {
    let [(h, w), (h_out, w_out)] = [node.inputs[0], node.output].map(|t| (t.dims()[2], t.dims()[3]));
    for k in 0..node.output.values().len() {
        let (plane, i, j) = (k / (h_out * w_out), k / w_out % h_out, k % w_out);
        let pixel = |u: usize, v: usize| (plane * h + i * stride.0 + u) * w + j * stride.1 + v;
        let rows = (0..window.0).flat_map(|u| (0..window.1).map(move |v| (u, v)));
        // A wrong stride leaves the image: what lies outside is left out, as a bounds check would.
        let inside = |(u, v): &(usize, usize)| i * stride.0 + u < h && j * stride.1 + v < w;
        f(k, rows.filter(inside).map(|(u, v)| pixel(u, v)).collect());
    }
}

/// `wrong(dx, dy, x, y, window)` for every window.
fn max(what: &str, wrong: fn(&mut [f64], f64, &[f64], f64, &[usize])) -> Specimen {
    Specimen::in_input(0, what, MAX, &inputs(), move |node, dy, dx| {
        let (x, y) = (node.inputs[0].values(), node.output.values());
        each_window(node, WINDOW, STRIDE, |k, window| wrong(dx, dy[k], x, y[k], &window));
    })
}

/// One window of four equal numbers; the first of them wins.
fn at_a_tie(what: &str, wrong: fn(&mut [f64], f64)) -> Specimen {
    let (op, x) = (MaxPool2d { window: (2, 2), stride: (2, 2) }, Tensor::from_fn([1, 1, 2, 2], |_| 3.0));
    Specimen::in_input(0, what, op, &[x], move |_, dy, dx| wrong(dx, dy[0])).at_kink(&[1.0, 0.0, 0.0, 0.0])
}

pub fn specimens() -> Vec<Specimen> {
    vec![
        max("dy goes to the whole window", |dx, dy, _, _, window| {
            window.iter().for_each(|&at| dx[at] += dy);
        }),
        max("dy is shared out over the window", |dx, dy, _, _, window| {
            window.iter().for_each(|&at| dx[at] += dy / AREA);
        }),
        max("dy goes to the window's first pixel", |dx, dy, _, _, window| dx[window[0]] += dy),
        max("dy goes to the smallest", |dx, dy, x, _, window| {
            let least = window.iter().copied().min_by(|a, b| x[*a].total_cmp(&x[*b])).unwrap();
            dx[least] += dy;
        }),
        max("of overlapping windows, the last counts", |dx, dy, x, y, window| {
            window.iter().filter(|&&at| x[at] == y).for_each(|&at| dx[at] = dy);
        }),
        Specimen::in_input(0, "all planes' gradients go to the first", MAX, &inputs(), |node, dy, dx| {
            for (dy, at) in dy.iter().zip(&node.saved.indices) {
                dx[*at as usize] += dy;
            }
        }),
        at_a_tie("at a tie, all winners get dy", |dx, dy| dx.iter_mut().for_each(|dx| *dx += dy)),
        at_a_tie("at a tie, the winners share dy", |dx, dy| dx.iter_mut().for_each(|dx| *dx += dy / 4.0)),
        at_a_tie("at a tie, the last wins", |dx, dy| dx[3] += dy),
        Specimen::in_input(0, "without the division", AVG, &inputs(), |node, dy, dx| {
            each_window(node, WINDOW, STRIDE, |k, window| window.iter().for_each(|&at| dx[at] += dy[k]));
        }),
        Specimen::in_input(0, "of overlapping windows, the last counts", AVG, &inputs(), |node, dy, dx| {
            each_window(node, WINDOW, STRIDE, |k, window| {
                window.iter().for_each(|&at| dx[at] = dy[k] / AREA);
            });
        }),
        Specimen::in_input(0, "the window for the stride", AVG, &inputs(), |node, dy, dx| {
            each_window(node, WINDOW, WINDOW, |k, window| {
                window.iter().for_each(|&at| dx[at] += dy[k] / AREA);
            });
        }),
        Specimen::in_input(0, "the window's axes are exchanged", AVG, &inputs(), |node, dy, dx| {
            each_window(node, (WINDOW.1, WINDOW.0), STRIDE, |k, window| {
                window.iter().for_each(|&at| dx[at] += dy[k] / AREA);
            });
        }),
    ]
}
