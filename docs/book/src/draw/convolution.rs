//! Figures of the chapters on convolution; their numbers are the chapters' examples, computed by the engine.

use super::canvas::{CELL, Canvas, Look, number, short};
use twinglyph_kernels::{Geometry, reference};
use twinglyph_lesson::{Problem, Steps};

/// The row of numbers of the chapter on one dimension, and its kernel.
const ROW: [f64; 5] = [1.0, 2.0, 0.0, -1.0, 3.0];
const KERNEL: [f64; 3] = [2.0, -1.0, 1.0];

/// The image of the chapters on two dimensions, forward and back.
fn example() -> (Problem, Steps) {
    let problem = Problem {
        geometry: Geometry {
            images: 1,
            channels: 1,
            size: (3, 4),
            filters: 1,
            kernel: (2, 3),
            stride: (1, 1),
            padding: (0, 0),
            ..Geometry::default()
        },
        input: vec![1.0, 0.0, 2.0, -1.0, 3.0, 1.0, 0.0, 2.0, 0.0, -2.0, 1.0, 1.0],
        weight: vec![1.0, -1.0, 0.0, 2.0, 0.0, 1.0],
        bias: vec![1.0],
        grad_output: vec![1.0, 2.0, -1.0, 3.0],
    };
    let steps = Steps::of(&problem, None).expect("sizes that fit");
    (problem, steps)
}

fn numbers(values: &[f64]) -> Vec<(String, Look)> {
    values.iter().map(|value| number(*value)).collect()
}

/// W and its transpose, each weight in a colour of its own.
pub fn matrix() -> String {
    let mut canvas = Canvas::new(680, 230);
    let cell = |i: usize, r: usize| match r.checked_sub(i).filter(|u| *u < KERNEL.len()) {
        Some(u) => (format!("w<tspan dy=\"4\" font-size=\"10\">{u}</tspan>"), Look::Colour(u)),
        None => ("0".into(), Look::Filled),
    };
    let across: Vec<_> = (0..3).flat_map(|i| (0..5).map(move |r| cell(i, r))).collect();
    let down: Vec<_> = (0..5).flat_map(|r| (0..3).map(move |i| cell(i, r))).collect();
    canvas.text(30 + 5 * CELL / 2, 25, "bold", "W: a row is the kernel");
    canvas.grid(30, 45, ROW.len(), &across);
    canvas.text(430 + 3 * CELL / 2, 25, "bold", "its transpose: a row is the kernel turned");
    canvas.grid(430, 45, 3, &down);
    canvas.frame(430, 45 + 2 * CELL, 3, 1);
    canvas.finish("A matrix of three rows and five columns with the kernel w0 w1 w2 moving right, and its transpose, whose middle row is w2 w1 w0")
}

/// dw as a sum of patches.
pub fn patches() -> String {
    let (problem, steps) = example();
    let mut canvas = Canvas::new(760, 130);
    for (k, dy) in problem.grad_output.iter().enumerate() {
        let x = 45 + k as i32 * 148;
        let patch: Vec<_> = (0..6).map(|row| (short(steps.columns[row * 4 + k]), Look::Colour(k))).collect();
        let sign = if k == 0 || *dy < 0.0 { "" } else { "+ " };
        canvas.text(x - 20, 75, "bold", &format!("{sign}{}", short(*dy)));
        canvas.grid(x, 41, 3, &patch);
        canvas.text(x + 3 * CELL / 2, 25, "small", &format!("window {}, {}", k / 2, k % 2));
    }
    canvas.text(633, 75, "bold", "=");
    canvas.grid(647, 41, 3, &numbers(&steps.grad_weight));
    canvas.text(647 + 3 * CELL / 2, 25, "small", "dw");
    canvas.finish("Four patches of the image, each times the gradient of its result, add up to dw")
}

/// dx as a sum of stamps.
pub fn stamps() -> String {
    let (problem, steps) = example();
    let mut canvas = Canvas::new(840, 165);
    for (k, dy) in problem.grad_output.iter().enumerate() {
        let stamp = |at: usize| {
            let (u, v) = ((at / 4).checked_sub(k / 2), (at % 4).checked_sub(k % 2));
            match (u.filter(|u| *u < 2), v.filter(|v| *v < 3)) {
                (Some(u), Some(v)) => (short(problem.weight[u * 3 + v] * dy), Look::Colour(k)),
                _ => (String::new(), Look::Plain),
            }
        };
        let x = 20 + k as i32 * 164;
        canvas.text(x + 2 * CELL, 22, "small", &format!("{} times the kernel", short(*dy)));
        canvas.grid(x, 40, 4, &(0..12).map(stamp).collect::<Vec<_>>());
        canvas.text(x + 4 * CELL + 14, 91, "bold", if k < 3 { "+" } else { "=" });
    }
    canvas.text(676 + 2 * CELL, 22, "small", "dx");
    canvas.grid(676, 40, 4, &numbers(&steps.grad_input));
    canvas.finish("The kernel times each of four gradients, laid where the windows were, adds up to dx")
}

/// dx gathered from a dy with zeros around it.
pub fn gather() -> String {
    let (_, steps) = example();
    let mut canvas = Canvas::new(640, 200);
    let inside = |k: usize| (1..3).contains(&(k / 6)) && (2..4).contains(&(k % 6));
    let dilated = steps.dilated.iter().enumerate();
    let dilated: Vec<_> =
        dilated.map(|(k, dy)| (short(*dy), if inside(k) { Look::Colour(1) } else { Look::Filled })).collect();
    canvas.text(20 + 3 * CELL, 22, "small", "dy, zeros around it");
    canvas.grid(20, 40, 6, &dilated);
    // The window of the pixel (1, 1): one down, one to the right.
    canvas.frame(20 + CELL, 40 + CELL, 3, 2);
    canvas.text(251, 108, "bold", "∗");
    let turned: Vec<_> = steps.turned.iter().map(|w| (short(*w), Look::Colour(0))).collect();
    canvas.text(280 + 3 * CELL / 2, 56, "small", "w turned");
    canvas.grid(280, 74, 3, &turned);
    canvas.text(410, 108, "bold", "=");
    canvas.text(440 + 2 * CELL, 39, "small", "dx");
    canvas.grid(440, 57, 4, &numbers(&steps.grad_input));
    canvas.frame(440 + CELL, 57 + CELL, 1, 1);
    canvas.finish("The upstream gradient with zeros around it, the turned kernel over it, and dx; the window of the pixel in row 1, column 1 is marked")
}

/// Stride 2: dilation, and a pixel that is left over.
pub fn stride() -> String {
    let geometry = Geometry {
        images: 1,
        channels: 1,
        size: (1, 6),
        filters: 1,
        kernel: (1, 3),
        stride: (1, 2),
        padding: (0, 0),
        ..Geometry::default()
    };
    let mut input = ROW.to_vec();
    input.push(2.0);
    let problem =
        Problem { geometry, input, weight: KERNEL.to_vec(), bias: vec![0.0], grad_output: vec![1.0, -2.0] };
    let steps = Steps::of(&problem, None).expect("sizes that fit");
    let mut canvas = Canvas::new(560, 250);
    let dy = |at: usize| at >= 2 && (at - 2).is_multiple_of(2) && (at - 2) / 2 < 2;
    let dilated = steps.dilated.iter().enumerate();
    let dilated: Vec<_> =
        dilated.map(|(k, v)| (short(*v), if dy(k) { Look::Colour(1) } else { Look::Filled })).collect();
    canvas.text(110, 27, "left small", "dy: a zero between, two around, one more for what is left over");
    canvas.grid(110, 42, 8, &dilated);
    let turned = reference::turn(&geometry, &problem.weight);
    let turned: Vec<_> = turned.iter().map(|w| (short(*w), Look::Colour(0))).collect();
    canvas.text(110, 102, "left small", "w turned, at the last pixel: it meets nothing but zeros");
    canvas.grid(110 + 5 * CELL, 117, 3, &turned);
    canvas.text(110, 177, "left small", "dx");
    let dx = steps.grad_input.iter().enumerate();
    let dx: Vec<_> = dx.map(|(k, v)| (short(*v), if k == 5 { Look::Filled } else { Look::Plain })).collect();
    canvas.grid(110, 192, 6, &dx);
    canvas.frame(110 + 5 * CELL, 192, 1, 1);
    canvas.finish("A dilated upstream gradient of eight numbers, the turned kernel at its last place, and six numbers of dx of which the last is 0")
}

/// How many windows see each pixel.
pub fn overlaps() -> String {
    let (_, steps) = example();
    let mut canvas = Canvas::new(180, 130);
    let looks = |count: &f64| (short(*count), Look::Colour(count.log2() as usize));
    canvas.grid(20, 14, 4, &steps.overlaps.iter().map(looks).collect::<Vec<_>>());
    canvas.finish("Counts of windows: 1 2 2 1, 2 4 4 2, 1 2 2 1")
}
