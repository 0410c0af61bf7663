use super::grid::{Grid, WIDTH};
use super::{Page, shape};
use crate::Gradient;
use crate::trace::cell::{factor, formula, places};
use crate::trace::{Trace, input_shape, output_shape, short, weight_shape, zoo};
use twinglyph_kernels::Geometry;
use twinglyph_kernels::reference::{col2im, dilate, dilated_size, im2col, pad, padded_size, reach};

/// How many numbers the summands of a gradient may have to be drawn one by one.
const SUMMANDS: usize = 250;

/// How a zero that was put in is drawn.
const PUT_IN: &str = ".";

/// The sizes, and how the marks are to be read.
pub(super) fn given(page: &mut Page, trace: &Trace) {
    let g = &trace.problem.geometry;
    let pair = |(a, b): (usize, usize)| format!("{a} x {b}");
    page.part("A convolution, forward and back");
    let (x, w, y) = (input_shape(g).sizes, weight_shape(g).sizes, output_shape(g).sizes);
    page.line(&format!(
        "input x {} (C_in, H, W), kernel w {} (C_out, C_in, K_h, K_w),",
        shape(&x),
        shape(&w)
    ));
    let apart = if g.dilation == (1, 1) { String::new() } else { format!(", dilation {}", pair(g.dilation)) };
    page.line(&format!(
        "stride {}, padding {}{apart}, output y {} (C_out, H_out, W_out)",
        pair(g.stride),
        pair(g.padding),
        shape(&y)
    ));
    page.line("L = <dy, y> is the loss; dx, dw and db are its gradients; dy is what comes back from above.");
    page.line(&format!("{PUT_IN} is a zero that was put in."));
    if trace.steps.overlaps.contains(&0.0) {
        page.line("(5) is a pixel that no window sees: the stride leaves it over.");
    }
    if let Some(wrong) = &trace.wrong {
        page.line(&format!("{} is WRONG here, {}: {}.", wrong.gradient.symbol(), wrong.name, wrong.what));
        page.line("5! is a number that the differences do not agree with.");
    }
    page.text.push('\n');
}

/// x, w, b; the columns; y.
pub(super) fn forward(page: &mut Page, trace: &Trace) {
    let (problem, steps) = (&trace.problem, &trace.steps);
    let g = &problem.geometry;
    page.part("Forward");

    let (rows, width) = padded_size(g);
    let name = if g.padding == (0, 0) { "x, the input" } else { "x, the input, with its padding" };
    page.step(&format!("{name} {}", shape(&[g.channels, rows, width])), &[]);
    let inside = pad(g, &vec![1.0; g.input_len()]);
    let unseen = pad(g, &steps.overlaps.iter().map(|n| f64::from(*n == 0.0)).collect::<Vec<_>>());
    page.grids(planes("x", "r\\q", (g.channels, rows, width), g.padding, |k| match (inside[k], unseen[k]) {
        (0.0, _) => PUT_IN.into(),
        (_, 0.0) => short(steps.padded[k]),
        _ => format!("({})", short(steps.padded[k])),
    }));

    page.step(
        &format!("w, the kernel {}, and b, the bias {}", shape(&weight_shape(g).sizes), shape(&[g.filters])),
        &[],
    );
    page.grids(kernels("w", g, [g.filters, g.channels], |k| short(problem.weight[k])));
    page.line(&list("b", &problem.bias));
    page.text.push('\n');

    let positions = g.output_size().0 * g.output_size().1;
    let title = format!("im2col: a window of x in each column {}", shape(&[g.depth(), positions]));
    let [r, q] = places(g);
    page.step(&title, &[&format!("columns[(c,u,v), (i,j)] = x[c, {r}, {q}]")]);
    let mut inside = vec![0.0; steps.columns.len()];
    im2col(g, &vec![1.0; g.input_len()], &mut inside);
    page.grids(vec![matrix(g, |k| if inside[k] == 0.0 { PUT_IN.into() } else { short(steps.columns[k]) })]);

    let title = format!("y = w columns + b {}", shape(&output_shape(g).sizes));
    page.step(&title, &[&formula(g, None)]);
    page.grids(output("y", g, |k| short(steps.output[k])));
}

/// dy; db; dw; w^T dy; dx.
pub(super) fn back(page: &mut Page, trace: &Trace) {
    let (problem, steps) = (&trace.problem, &trace.steps);
    let g = &problem.geometry;
    page.part("Back");

    page.step(
        &format!("dy, the upstream gradient {}", shape(&output_shape(g).sizes)),
        &[&format!("L = <dy, y> = {}", short(problem.loss()))],
    );
    page.grids(output("dy", g, |k| short(problem.grad_output[k])));

    page.step(
        &format!("db, the gradient of the bias {}", shape(&[g.filters])),
        &[&formula(g, Some(Gradient::Bias)), "The bias is in every output once, so it collects from all."],
    );
    let positions = g.output_size().0 * g.output_size().1;
    for (o, dy) in problem.grad_output.chunks(positions).enumerate() {
        let sum: Vec<String> = dy.iter().map(|dy| short(*dy)).collect();
        let sum = sum.join(" + ").replace("+ -", "- ");
        let sum = if sum.len() < WIDTH * 3 / 4 { format!(" = {sum}") } else { String::new() };
        page.line(&format!("db[{o}]{sum} = {}", marked(trace, Gradient::Bias, o)));
    }
    page.text.push('\n');

    weight_gradient(page, trace);

    page.step(
        &format!("w^T dy, the gradient of the columns {}", shape(&[g.depth(), positions])),
        &["grad_columns[(c,u,v), (i,j)] = sum of w[o,c,u,v] dy[o,i,j] over o"],
    );
    page.grids(vec![matrix(g, |k| short(steps.grad_columns[k]))]);

    input_gradient(page, trace);
}

/// dw as a sum of windows.
fn weight_gradient(page: &mut Page, trace: &Trace) {
    let (problem, steps) = (&trace.problem, &trace.steps);
    let g = &problem.geometry;
    page.step(
        &format!("dw = dy columns^T, the gradient of the kernel {}", shape(&weight_shape(g).sizes)),
        &[&formula(g, Some(Gradient::Weight)), "Each window of x, times its dy, is added up:"],
    );
    let (h_out, w_out) = g.output_size();
    let (positions, area) = (h_out * w_out, g.kernel.0 * g.kernel.1);
    if positions * area <= SUMMANDS {
        let mut inside = vec![0.0; steps.columns.len()];
        im2col(g, &vec![1.0; g.input_len()], &mut inside);
        let windows = (0..positions).map(|at| {
            let title = format!("{} x window {},{}", short(problem.grad_output[at]), at / w_out, at % w_out);
            Grid::plane(title, "u\\v", g.kernel, (0, 0), |u, v| {
                let k = (u * g.kernel.1 + v) * positions + at;
                if inside[k] == 0.0 { PUT_IN.into() } else { short(steps.columns[k]) }
            })
        });
        page.grids(windows.collect());
        let part = if g.filters * g.channels > 1 { "dw[0,0]" } else { "" };
        sums(page, trace, Gradient::Weight, part);
    }
    let cell = |k| marked(trace, Gradient::Weight, k);
    page.grids(kernels("dw", g, [g.filters, g.channels], cell));
}

/// What stands between the summands, which are those of a part alone, and the sums.
fn sums(page: &mut Page, trace: &Trace, of: Gradient, part: &str) {
    let what = match &trace.wrong {
        Some(wrong) if wrong.gradient == of => format!("what {} makes of it", wrong.name),
        _ if part.is_empty() => "the sum".into(),
        _ => "the sums".into(),
    };
    page.line(&if part.is_empty() {
        format!("And {what}:")
    } else {
        format!("These are for {part}. And {what}:")
    });
    page.text.push('\n');
}

/// dx as a sum of what the columns' gradients add to their windows.
fn input_gradient(page: &mut Page, trace: &Trace) {
    let (g, steps) = (&trace.problem.geometry, &trace.steps);
    page.step(
        &format!("col2im: dx, the gradient of the input {}", shape(&input_shape(g).sizes)),
        &[
            &formula(g, Some(Gradient::Input)),
            "Each column of step 8 goes back to the pixels that it was copied from, and is added there:",
        ],
    );
    let (h_out, w_out) = g.output_size();
    let (positions, (h, w)) = (h_out * w_out, g.size);
    if positions * h * w <= SUMMANDS {
        let adds = (0..positions).map(|at| {
            let only = |values: &[f64]| -> Vec<f64> {
                let keep = |(k, value): (usize, &f64)| if k % positions == at { *value } else { 0.0 };
                values.iter().enumerate().map(keep).collect()
            };
            let image = |columns: &[f64]| {
                let mut image = vec![0.0; g.input_len()];
                col2im(g, &only(columns), &mut image);
                image
            };
            let (touched, added) = (image(&vec![1.0; steps.columns.len()]), image(&steps.grad_columns));
            let title = format!("column {},{}", at / w_out, at % w_out);
            Grid::plane(title, "r\\q", g.size, (0, 0), |r, q| {
                if touched[r * w + q] == 0.0 { PUT_IN.into() } else { short(added[r * w + q]) }
            })
        });
        page.grids(adds.collect());
        sums(page, trace, Gradient::Input, if g.channels > 1 { "dx[0]" } else { "" });
    }
    let cell = |k| marked(trace, Gradient::Input, k);
    page.grids(planes("dx", "r\\q", (g.channels, h, w), (0, 0), cell));
    page.line("How many columns were added to each pixel, that is, how many windows see it:");
    page.text.push('\n');
    let overlaps = planes("overlaps", "r\\q", (1, h, w), (0, 0), |k| short(steps.overlaps[k]));
    page.grids(overlaps);
}

/// The other way to dx: every pixel gathers.
pub(super) fn gather(page: &mut Page, trace: &Trace) {
    let (problem, steps) = (&trace.problem, &trace.steps);
    let g = &problem.geometry;
    page.part("dx once more: gathered");
    let (rows, width) = dilated_size(g);
    let pair = |a: usize, b: usize| format!("({a} and {b})");
    let between = pair(g.stride.0 - 1, g.stride.1 - 1);
    let ((h, w), (down, across)) = (padded_size(g), reach(g));
    let around = pair(down, across);
    let left_over = pair((h - down - 1) % g.stride.0, (w - across - 1) % g.stride.1);
    let (by, gather) = match g.dilation {
        (1, 1) => ("K - 1", String::new()),
        (d_h, d_w) => ("d (K - 1)", format!(", dilation {d_h} x {d_w}")),
    };
    page.step(
        &format!("dy dilated {}", shape(&[g.filters, rows, width])),
        &[
            &format!("Zeros between its rows and columns: stride - 1 {between}; around it: {by} {around};"),
            &format!("below and at the right also what the stride leaves over {left_over}."),
        ],
    );
    let inside = dilate(g, &vec![1.0; problem.grad_output.len()]);
    let cell = |k: usize| if inside[k] == 0.0 { PUT_IN.into() } else { short(steps.dilated[k]) };
    page.grids(planes("dilated", "r\\q", (g.filters, rows, width), (0, 0), cell));

    let sizes = [g.channels, g.filters, g.kernel.0, g.kernel.1];
    page.step(
        &format!("w turned by 180 degrees, channels exchanged {}", shape(&sizes)),
        &["turned[c,o,u,v] = w[o, c, K_h - 1 - u, K_w - 1 - v]"],
    );
    page.grids(kernels("turned", g, [g.channels, g.filters], |k| short(steps.turned[k])));

    let start = |a: &str, p: usize, d: usize, u: &str| {
        let padding = if p == 0 { String::new() } else { format!(" + {p}") };
        format!("{a}{padding} + {}{u}", factor(d))
    };
    let row = start("r", g.padding.0, g.dilation.0, "u");
    let column = start("q", g.padding.1, g.dilation.1, "v");
    page.step(
        &format!("dx = dilated * turned, stride 1{gather} {}", shape(&input_shape(g).sizes)),
        &[
            &format!("dx[c,r,q] = sum of turned[c,o,u,v] dilated[o, {row}, {column}] over o,u,v"),
            "Here is the flip: who gathers turns the kernel; col2im, which scatters, does not.",
        ],
    );
    let pairs = trace.gathered.iter().zip(&steps.grad_input);
    let different = pairs.filter(|(gathered, scattered)| !trace.agree(**gathered, **scattered)).count();
    if different == 0 {
        page.line(&format!("The same {} numbers as by col2im.", trace.gathered.len()));
        page.text.push('\n');
    } else {
        page.line(&format!(
            "{different} of {} numbers are not those of step 9; the right ones:",
            trace.gathered.len()
        ));
        page.text.push('\n');
        let cell = |k: usize| short(trace.gathered[k]);
        page.grids(planes("dx", "r\\q", (g.channels, g.size.0, g.size.1), (0, 0), cell));
    }
}

/// Differences for every cell, and what the usual checks say of a wrong pass.
pub(super) fn checks(page: &mut Page, trace: &Trace) {
    page.part("Check");
    page.step(
        "every cell by differences",
        &["(L(v + 1) - L(v - 1)) / 2 for each number v of x, w and b. L is linear: no step is too long."],
    );
    for of in Gradient::ALL {
        let count = trace.gradient(of).len();
        let differ: Vec<usize> = (0..count).filter(|&k| !agrees(trace, of, k)).collect();
        page.line(&match differ.len() {
            0 => format!("{}: {count} of {count} agree", of.symbol()),
            wrong => format!("{}: {wrong} of {count} DIFFER, marked above with !", of.symbol()),
        });
    }
    page.text.push('\n');
    let Some(wrong) = &trace.wrong else { return };
    if (0..trace.gradient(wrong.gradient).len()).all(|k| agrees(trace, wrong.gradient, k)) {
        let (name, symbol) = (wrong.name, wrong.gradient.symbol());
        page.line(&format!(
            "At these sizes and numbers {name} gives the right {symbol}: nothing to notice here."
        ));
        page.text.push('\n');
    }
    page.step(
        &format!("what the usual checks say of {}", wrong.name),
        &["dx[n,c,r,q] has the image n in front: the book's check is of two."],
    );
    let verdicts = zoo::verdicts(&trace.problem, wrong);
    let width = verdicts.iter().map(|verdict| verdict.check.len()).max().unwrap_or(0);
    for verdict in &verdicts {
        page.line(&format!("{:width$}  {verdict}", verdict.check));
    }
    page.text.push('\n');
}

fn agrees(trace: &Trace, of: Gradient, k: usize) -> bool {
    trace.agree(trace.gradient(of)[k], trace.difference(of)[k])
}

/// A number of a gradient, with ! where the differences do not agree.
fn marked(trace: &Trace, of: Gradient, k: usize) -> String {
    let number = short(trace.gradient(of)[k]);
    if agrees(trace, of, k) { number } else { format!("{number}!") }
}

/// `b = 1, 2`.
fn list(name: &str, values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|value| short(*value)).collect();
    format!("{name} = {}", values.join(", "))
}

/// One grid a plane, titled `x[0]`; `cell` is asked by the number's place in the array.
fn planes(
    name: &str,
    corner: &str,
    (count, rows, columns): (usize, usize, usize),
    start: (usize, usize),
    cell: impl Fn(usize) -> String,
) -> Vec<Grid> {
    let plane = |p: usize| {
        let title = if name == "overlaps" { String::new() } else { format!("{name}[{p}]") };
        Grid::plane(title, corner, (rows, columns), start, |r, q| cell((p * rows + r) * columns + q))
    };
    (0..count).map(plane).collect()
}

fn output(name: &str, g: &Geometry, cell: impl Fn(usize) -> String) -> Vec<Grid> {
    let (h_out, w_out) = g.output_size();
    planes(name, "i\\j", (g.filters, h_out, w_out), (0, 0), cell)
}

/// One grid for each pair of channels, titled `w[0,0]`.
fn kernels(
    name: &str,
    g: &Geometry,
    [first, second]: [usize; 2],
    cell: impl Fn(usize) -> String,
) -> Vec<Grid> {
    let (rows, columns) = g.kernel;
    let plane = |p: usize| {
        let title = format!("{name}[{},{}]", p / second, p % second);
        Grid::plane(title, "u\\v", (rows, columns), (0, 0), |u, v| cell((p * rows + u) * columns + v))
    };
    (0..first * second).map(plane).collect()
}

/// The columns' matrix: rows (c,u,v), columns (i,j).
fn matrix(g: &Geometry, cell: impl Fn(usize) -> String) -> Grid {
    let (h_out, w_out) = g.output_size();
    let (positions, area) = (h_out * w_out, g.kernel.0 * g.kernel.1);
    let row = |row: usize| {
        let (c, at) = (row / area, row % area);
        let label = format!("{c},{},{}", at / g.kernel.1, at % g.kernel.1);
        (label, (0..positions).map(|at| cell(row * positions + at)).collect())
    };
    Grid {
        title: String::new(),
        corner: "c,u,v\\i,j".into(),
        columns: (0..positions).map(|at| format!("{},{}", at / w_out, at % w_out)).collect(),
        rows: (0..g.depth()).map(row).collect(),
    }
}
