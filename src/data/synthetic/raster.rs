//! The pen: every pixel whose middle is within the pen's radius of a line is ink.

use super::stroke::Point;

/// Draws lines given in frames; the frame is the whole image. True is ink, row by row.
pub(super) fn draw(lines: &[Vec<Point>], radius: f64, (height, width): (usize, usize)) -> Vec<bool> {
    let mut ink = vec![false; height * width];
    for line in lines {
        for segment in line.windows(2) {
            let [a, b] = [segment[0], segment[1]].map(|[x, y]| [x * width as f64, y * height as f64]);
            let span = |axis: usize, size: usize| {
                let (low, high) = (a[axis].min(b[axis]) - radius, a[axis].max(b[axis]) + radius);
                low.max(0.0) as usize..(high.max(0.0) as usize + 1).min(size)
            };
            for row in span(1, height) {
                for column in span(0, width) {
                    let middle = [column as f64 + 0.5, row as f64 + 0.5];
                    if squared_distance(middle, a, b) <= radius * radius {
                        ink[row * width + column] = true;
                    }
                }
            }
        }
    }
    ink
}

/// From a point to the segment a b.
fn squared_distance(point: Point, a: Point, b: Point) -> f64 {
    let along = [b[0] - a[0], b[1] - a[1]];
    let from = [point[0] - a[0], point[1] - a[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { (from[0] * along[0] + from[1] * along[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    let off = [from[0] - share * along[0], from[1] - share * along[1]];
    off[0] * off[0] + off[1] * off[1]
}
