//! The style of an alphabet, and the plans of its characters.

use super::stroke::{Point, Stroke};
use super::{happens, normal, uniform};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const TURN: f64 = std::f64::consts::TAU;

/// What all characters of an alphabet share.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// Mean number of strokes, bars and dots left out.
    strokes: f64,
    /// How long a stroke is, in frames.
    length: f64,
    /// Headings that strokes prefer, and how closely they keep to them, in radians.
    headings: Vec<f64>,
    heading_spread: f64,
    /// How likely each kind of stroke is.
    kinds: [f64; KINDS.len()],
    /// Which way curves bend: 1 always clockwise, -1 never.
    bend: f64,
    /// How likely a stroke begins where another one passes.
    joined: f64,
    /// Stroke starts lie on a grid of this many lines; 0 for anywhere.
    grid: u32,
    /// Dots and how likely a character has them.
    dots: f64,
    /// A bar on top, a line at the bottom, a stem in the middle.
    headline: bool,
    baseline: bool,
    stem: bool,
    /// How likely a character is mirrored about its middle.
    mirror: f64,
    /// Width and height of the characters, in frames.
    size: Point,
    /// Shapes that come back in many characters.
    motifs: Vec<Stroke>,
    /// How likely a stroke is one of them.
    motif: f64,
}

/// A character: its strokes, within the frame.
#[derive(Clone, Debug)]
pub(super) struct Character {
    pub(super) strokes: Vec<Stroke>,
    /// Width and height that it is drawn in.
    pub(super) size: Point,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Line,
    Arc,
    Hook,
    Loop,
    Corner,
    Zigzag,
    Spiral,
    Wave,
}

const KINDS: [Kind; 8] =
    [Kind::Line, Kind::Arc, Kind::Hook, Kind::Loop, Kind::Corner, Kind::Zigzag, Kind::Spiral, Kind::Wave];

impl Style {
    pub(super) fn new(rng: &mut ChaCha8Rng) -> Style {
        // A few kinds rule: a high power of a uniform number is mostly small.
        let weights = KINDS.map(|kind| {
            let x = uniform(rng, 0.0, 1.0);
            // Zigzags and spirals are rarer in real alphabets.
            let common = match kind {
                Kind::Zigzag | Kind::Spiral => 0.3,
                Kind::Wave => 0.7,
                _ => 1.0,
            };
            common * (x * x * x * x + 0.005)
        });
        let base = uniform(rng, 0.0, TURN / 4.0);
        let headings = match rng.random_range(0..4u32) {
            // Upright and level, as if written on lines.
            0 | 1 => vec![0.0, TURN / 4.0],
            2 => vec![base, base + TURN / 4.0],
            _ => (0..3).map(|_| uniform(rng, 0.0, TURN)).collect(),
        };
        let few = happens(rng, 0.4);
        let mut style = Style {
            strokes: if few { uniform(rng, 1.0, 2.0) } else { uniform(rng, 2.0, 4.2) },
            length: uniform(rng, 0.45, 1.0),
            headings,
            heading_spread: if happens(rng, 0.5) { uniform(rng, 0.02, 0.15) } else { uniform(rng, 0.2, 0.9) },
            kinds: weights,
            bend: if happens(rng, 0.6) { uniform(rng, -1.0, 1.0).signum() * 0.8 } else { 0.0 },
            joined: uniform(rng, 0.55, 1.0),
            grid: if happens(rng, 0.4) { rng.random_range(2..4u32) } else { 0 },
            dots: if happens(rng, 0.3) { uniform(rng, 0.25, 0.8) } else { 0.0 },
            headline: happens(rng, 0.15),
            baseline: happens(rng, 0.1),
            stem: happens(rng, 0.2),
            mirror: if happens(rng, 0.25) { uniform(rng, 0.3, 0.9) } else { 0.0 },
            size: [uniform(rng, 0.45, 0.8), uniform(rng, 0.45, 0.8)],
            motifs: Vec::new(),
            motif: uniform(rng, 0.2, 0.7),
        };
        // As long as the style is poor in strokes, each of them is long.
        style.length *= if few { 1.8 } else { 1.0 };
        style.motifs = (0..rng.random_range(2..5u32)).map(|_| style.stroke([0.0, 0.0], rng)).collect();
        style
    }

    /// A stroke of the style from a given start.
    fn stroke(&self, start: Point, rng: &mut ChaCha8Rng) -> Stroke {
        let preferred = self.headings[rng.random_range(0..self.headings.len() as u32) as usize];
        let about = if happens(rng, 0.3) { TURN / 2.0 } else { 0.0 };
        let heading = preferred + about + self.heading_spread * normal(rng);
        let length = self.length * uniform(rng, 0.55, 1.3);
        let side = if uniform(rng, -1.0, 1.0) < self.bend { 1.0 } else { -1.0 };
        let plain = Stroke { start, heading, length, turn: 0.0, skew: 0.0, corners: Vec::new() };
        let right = TURN / 4.0;
        match self.kind(rng) {
            Kind::Line => Stroke { turn: side * uniform(rng, 0.0, 0.15), ..plain },
            Kind::Arc => Stroke { turn: side * uniform(rng, 1.2, 3.6), ..plain },
            Kind::Hook => {
                Stroke { turn: side * uniform(rng, 2.0, 3.6), skew: uniform(rng, 0.7, 1.0), ..plain }
            }
            Kind::Loop => {
                let turn = side * TURN * uniform(rng, 0.95, 1.12);
                Stroke { turn, length: length * uniform(rng, 1.1, 1.7), ..plain }
            }
            Kind::Corner => {
                let angle = side * right * uniform(rng, 0.7, 1.5);
                Stroke { length: length * 1.3, corners: vec![(uniform(rng, 0.3, 0.7), angle)], ..plain }
            }
            Kind::Zigzag => {
                let (angle, count) = (side * right * uniform(rng, 0.9, 1.45), rng.random_range(2..4u32));
                let corner = |i: u32| {
                    let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
                    (f64::from(i + 1) / f64::from(count + 1), sign * angle)
                };
                Stroke { length: length * 1.7, corners: (0..count).map(corner).collect(), ..plain }
            }
            Kind::Spiral => {
                let turn = side * TURN * uniform(rng, 1.4, 2.0);
                Stroke { turn, length: length * 2.0, skew: uniform(rng, 0.5, 0.9), ..plain }
            }
            Kind::Wave => {
                // Half a turn one way, then back: an S.
                let bend = side * uniform(rng, 2.0, 3.4);
                let back = (0..9).map(|i| (0.52 + 0.05 * f64::from(i), -2.0 * bend / 9.0)).collect();
                Stroke { length: length * 1.5, turn: 2.0 * bend, corners: back, ..plain }
            }
        }
    }

    fn kind(&self, rng: &mut ChaCha8Rng) -> Kind {
        let mut left = uniform(rng, 0.0, self.kinds.iter().sum());
        for (kind, weight) in KINDS.into_iter().zip(self.kinds) {
            left -= weight;
            if left < 0.0 {
                return kind;
            }
        }
        Kind::Line
    }

    /// Where a stroke begins: on one that is there, on the grid, or anywhere.
    fn start(&self, drawn: &[Stroke], rng: &mut ChaCha8Rng) -> Point {
        if !drawn.is_empty() && happens(rng, self.joined) {
            let points = drawn[rng.random_range(0..drawn.len() as u32) as usize].points();
            // Ends and the middle are where strokes meet most.
            let place = [0, points.len() / 2, points.len() - 1][rng.random_range(0..3u32) as usize];
            return points[place];
        }
        if self.grid > 0 {
            let line =
                |rng: &mut ChaCha8Rng| f64::from(rng.random_range(0..=self.grid)) / f64::from(self.grid);
            return [line(rng), line(rng)];
        }
        [uniform(rng, 0.2, 0.8), uniform(rng, 0.2, 0.8)]
    }
}

impl Character {
    pub(super) fn new(style: &Style, rng: &mut ChaCha8Rng) -> Character {
        let count = (style.strokes + 0.6 * normal(rng)).round().clamp(1.0, 6.0) as usize;
        let mut strokes: Vec<Stroke> = Vec::new();
        for _ in 0..count {
            let start = style.start(&strokes, rng);
            let stroke = if happens(rng, style.motif) {
                let motif = style.motifs[rng.random_range(0..style.motifs.len() as u32) as usize].clone();
                Stroke { start, ..motif }
            } else {
                style.stroke(start, rng)
            };
            strokes.push(stroke);
        }
        if happens(rng, style.mirror) {
            strokes = strokes.iter().flat_map(|stroke| [stroke.clone(), mirrored(stroke)]).collect();
        }
        into_frame(&mut strokes);
        let line = |start: Point, heading: f64, length: f64| Stroke {
            start,
            heading,
            length,
            turn: 0.0,
            skew: 0.0,
            corners: Vec::new(),
        };
        if style.headline {
            strokes.push(line([0.0, 0.0], 0.0, 1.0));
        }
        if style.baseline {
            strokes.push(line([0.0, 1.0], 0.0, 1.0));
        }
        if style.stem {
            strokes.push(line([0.5, 0.0], TURN / 4.0, 1.0));
        }
        if happens(rng, style.dots) {
            for _ in 0..rng.random_range(1..4u32) {
                let at = [uniform(rng, 0.1, 0.9), if happens(rng, 0.7) { -0.15 } else { 1.15 }];
                strokes.push(line(at, 0.0, 0.025));
            }
        }
        let vary = |rng: &mut ChaCha8Rng| 1.0 + 0.12 * normal(rng).clamp(-2.0, 2.0);
        let size = [style.size[0] * vary(rng), style.size[1] * vary(rng)];
        Character { strokes, size: size.map(|side| side.clamp(0.3, 0.86)) }
    }
}

/// The stroke as a mirror at x = 0.5 shows it.
fn mirrored(stroke: &Stroke) -> Stroke {
    Stroke {
        start: [1.0 - stroke.start[0], stroke.start[1]],
        heading: TURN / 2.0 - stroke.heading,
        length: stroke.length,
        turn: -stroke.turn,
        skew: stroke.skew,
        corners: stroke.corners.iter().map(|&(at, angle)| (at, -angle)).collect(),
    }
}

/// Moves and scales the strokes, both axes alike, so that they just fit 0..1.
fn into_frame(strokes: &mut [Stroke]) {
    let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for point in strokes.iter().flat_map(Stroke::points) {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let side = (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
    for stroke in strokes {
        for axis in 0..2 {
            let slack = (side - (high[axis] - low[axis])) / 2.0;
            stroke.start[axis] = (stroke.start[axis] - low[axis] + slack) / side;
        }
        stroke.length /= side;
    }
}
