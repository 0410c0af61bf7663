//! A drawer's hand: the same person slants, stretches and shakes alike in every alphabet, and draws no glyph
//! twice the same.

use super::stroke::{Point, Stroke, rotate};
use super::style::Character;
use super::{normal, uniform};
use rand_chacha::ChaCha8Rng;

/// How one person draws.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    /// x += slant * (0.5 - y).
    slant: f64,
    /// Radians.
    rotation: f64,
    /// Of width and height.
    scale: Point,
    /// Where the middle of a glyph falls, in frames.
    middle: Point,
    /// How much headings and lengths vary from glyph to glyph.
    care: f64,
    /// Deviation of the line from its course, in frames.
    tremor: f64,
    /// Radius of the pen, in pixels.
    pen: f64,
}

impl Hand {
    pub(super) fn new(rng: &mut ChaCha8Rng) -> Hand {
        Hand {
            slant: 0.12 * normal(rng),
            rotation: 0.04 * normal(rng),
            scale: [1.0 + 0.08 * normal(rng), 1.0 + 0.08 * normal(rng)],
            middle: [0.5 + 0.03 * normal(rng), 0.5 + 0.03 * normal(rng)],
            care: uniform(rng, 0.05, 0.13),
            tremor: uniform(rng, 0.001, 0.005),
            pen: uniform(rng, 1.65, 2.2),
        }
    }

    /// Radius of the pen, in pixels.
    pub(super) fn pen(&self) -> f64 {
        self.pen
    }

    /// The lines of one drawing, in frames.
    pub(super) fn draw(&self, character: &Character, rng: &mut ChaCha8Rng) -> Vec<Vec<Point>> {
        let slant = self.slant + 0.04 * normal(rng);
        let rotation = self.rotation + 0.03 * normal(rng);
        let scale = [0, 1].map(|axis| character.size[axis] * (self.scale[axis] + 0.05 * normal(rng)));
        let middle = self.middle.map(|middle| middle + 0.03 * normal(rng));
        let place = |[x, y]: Point| {
            let (x, y) = (x - 0.5 + slant * (0.5 - y), y - 0.5);
            let [x, y] = rotate([x * scale[0], y * scale[1]], rotation);
            // A pen does not leave the page.
            [(middle[0] + x).clamp(0.03, 0.97), (middle[1] + y).clamp(0.03, 0.97)]
        };
        let lines = character.strokes.iter().map(|stroke| {
            let points = self.vary(stroke, rng).points();
            let points = self.shake(points, rng);
            points.into_iter().map(place).collect()
        });
        lines.collect()
    }

    /// The same stroke, drawn another time.
    fn vary(&self, stroke: &Stroke, rng: &mut ChaCha8Rng) -> Stroke {
        let care = self.care;
        let mut other = |value: f64, share: f64| value + share * care * normal(rng);
        Stroke {
            start: stroke.start.map(|x| other(x, 0.35)),
            heading: other(stroke.heading, 1.0),
            length: stroke.length * other(1.0, 0.8),
            turn: stroke.turn * other(1.0, 0.9),
            skew: stroke.skew,
            corners: stroke
                .corners
                .iter()
                .map(|&(at, angle)| (other(at, 0.2), angle * other(1.0, 0.6)))
                .collect(),
        }
    }

    /// A slow tremor: a walk that is drawn back to the course.
    fn shake(&self, mut points: Vec<Point>, rng: &mut ChaCha8Rng) -> Vec<Point> {
        let mut offset = [0.0; 2];
        for point in &mut points {
            for axis in 0..2 {
                offset[axis] = 0.85 * offset[axis] + self.tremor * normal(rng);
                point[axis] += offset[axis];
            }
        }
        points
    }
}
