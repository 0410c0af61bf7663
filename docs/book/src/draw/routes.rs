//! Figures of where gradients go: through poolings, through batch-norm.

use super::canvas::{CELL, Canvas, Look, number, short};
use twinglyph_kernels::{Pool2d, reference};

/// The same dy through max-pooling and average-pooling.
pub fn pooling() -> String {
    let g = Pool2d { planes: 1, size: (2, 5), window: (2, 2), stride: (2, 2) };
    let x = [1.0, 4.0, -1.0, 0.0, 9.0, 4.0, 2.0, -3.0, -2.0, 9.0];
    let (dy, mut y, mut argmax) = ([8.0, -2.0], [0.0; 2], [0; 2]);
    reference::max_pool2d_forward(&g, &x, &mut y, &mut argmax);
    let (mut by_max, mut by_mean) = ([0.0; 10], [0.0; 10]);
    reference::max_pool2d_backward(&g, &argmax, &dy, &mut by_max);
    reference::avg_pool2d_backward(&g, &dy, &mut by_mean);

    let mut canvas = Canvas::new(740, 140);
    let coloured = |k: usize, text: String| match (k % 5) / 2 {
        2 => (text, Look::Filled),
        window => (text, Look::Colour(window)),
    };
    let mut part = |x0: i32, title: &str, values: &[f64], coloured_by: &dyn Fn(usize) -> bool| {
        let cells = values.iter().enumerate().map(|(k, v)| match coloured_by(k) {
            true => coloured(k, short(*v)),
            false => number(*v),
        });
        canvas.text(x0 + 5 * CELL / 2, 27, "small", title);
        canvas.grid(x0, 45, 5, &cells.collect::<Vec<_>>());
    };
    part(20, "x: two windows, a column left over", &x, &|_| true);
    part(280, "dx by max-pooling", &by_max, &|k| argmax.contains(&(k as u32)));
    part(540, "dx by average-pooling", &by_mean, &|k| k % 5 < 4);
    canvas.text(235, 79, "", "dy:");
    canvas.text(235, 99, "small", "8, \u{2212}2");
    canvas.finish("Two windows of four numbers; max-pooling gives 8 and minus 2 to the winners, average-pooling a quarter to each")
}

/// Three paths from one number to the results.
pub fn batch_norm() -> String {
    let mut canvas = Canvas::new(560, 250);
    let boxes = [(70, 125, "x"), (230, 50, "mean"), (230, 200, "variance"), (430, 125, "y = γ x̂ + β")];
    let paths = [
        ("orange", "M 105 125 L 365 125", "direct: γ r", 235, 112),
        ("blue", "M 95 110 L 190 60 M 270 60 L 375 108", "into every y: −γ r / M each", 400, 52),
        ("green", "M 95 140 L 185 190 M 275 190 L 375 142", "into every y: −½ γ r³ (x − mean)", 420, 200),
    ];
    for (colour, path, label, x, y) in paths {
        canvas.add(&format!("<path d=\"{path}\" class=\"thick {colour}\"/>"));
        canvas.text(x, y, "small", label);
    }
    for (x, y, name) in boxes {
        let half = 14 + 4 * name.chars().count() as i32;
        canvas.add(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"34\" rx=\"6\" class=\"line\"/>",
            x - half,
            y - 17,
            2 * half
        ));
        canvas.text(x, y, "", name);
    }
    canvas.finish("From x to y directly, through the mean, and through the variance")
}
