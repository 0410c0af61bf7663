//! A drawer's hand: how one person turns planned strokes into ink.

use super::dice::{Dice, Point, Purpose, circle, distance, lerp};
use super::motif::Path;
use super::raster::{Canvas, SIDE};
use super::style::Style;
use crate::data::Pixels;

/// What stays the same in everything that one person draws.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    /// How far uprights lean: x per y.
    slant: f64,
    /// Size, relative to the style's.
    scale: f64,
    /// Width over height, relative to the style's.
    aspect: f64,
    /// Where on the paper, off its middle, in pixels.
    drift: Point,
    /// How far corner points are missed, in half character heights.
    miss: f64,
    /// How rounder or sharper than planned corners become.
    rounding: f64,
    /// How far strokes go on beyond their end (below 0: stop short), in pixels.
    overshoot: f64,
    /// Pixels from one recorded position of the pen to the next; fast hands draw polygons.
    pace: f64,
    /// How far the pen trembles, in pixels.
    tremor: f64,
    /// How often a stroke starts or ends with an unmeant flick.
    flick: f64,
    /// How large dots are scribbled, in pixels; small ones are a single touch.
    blob: f64,
}

impl Hand {
    /// The hand of drawer `drawer`.
    pub(super) fn draw(seed: u64, drawer: u32) -> Hand {
        let dice = &mut Dice::new(seed, Purpose::Hand, [0, 0, drawer]);
        Hand {
            slant: 0.07 * dice.bell(),
            scale: 1.0 + 0.12 * dice.bell(),
            aspect: 1.0 + 0.09 * dice.bell(),
            drift: [1.5 * dice.bell(), 1.5 * dice.bell()],
            miss: dice.range(0.03, 0.09),
            rounding: 0.15 * dice.bell(),
            overshoot: 1.2 * dice.bell(),
            pace: dice.range(3.0, 9.0),
            tremor: dice.range(0.1, 0.7),
            flick: dice.pick(&[0.0, 0.02, 0.05, 0.15]),
            blob: if dice.chance(0.25) { dice.range(1.5, 3.5) } else { 0.0 },
        }
    }

    /// Draws a character once; `dice` makes this drawing differ from the same hand's next.
    pub(super) fn write(&self, character: &[Path], style: &Style, dice: &mut Dice) -> Pixels {
        let scale = self.scale * (1.0 + 0.05 * dice.bell());
        let aspect = (self.aspect * (1.0 + 0.04 * dice.bell())).max(0.6).sqrt();
        let half = [style.half[0] * scale * aspect, style.half[1] * scale / aspect];
        let slant = style.slant + self.slant + 0.03 * dice.bell();
        let turn = circle(0.006 * dice.bell());
        let place = |[x, y]: Point| {
            let (x, y) = (x * half[0] - y * half[1] * slant, y * half[1]);
            [x * turn[0] - y * turn[1], x * turn[1] + y * turn[0]]
        };
        let mut lines: Vec<Vec<Point>> =
            character.iter().map(|path| self.trace(path, place, half[1], dice)).collect();
        let drift = self.drift.map(|d| d + 5.0 * dice.bell());
        fit(&mut lines, drift);
        let mut canvas = Canvas::new();
        lines.iter().for_each(|line| canvas.draw(line));
        canvas.into_pixels()
    }

    /// The pen's positions along one stroke, in pixels around the character's middle.
    fn trace(&self, path: &Path, place: impl Fn(Point) -> Point, unit: f64, dice: &mut Dice) -> Vec<Point> {
        let miss = self.miss * unit;
        let off = [0.6 * miss * dice.bell(), 0.6 * miss * dice.bell()];
        let mut corners: Vec<Point> = path
            .points
            .iter()
            .map(|p| place(*p))
            .map(|p| [0, 1].map(|i| p[i] + off[i] + 0.8 * miss * dice.bell()))
            .collect();
        if corners.len() == 1 {
            return self.dot(corners[0], dice);
        }
        let round = if path.round == 0.0 { 0.0 } else { (path.round + self.rounding).clamp(0.0, 1.0) };
        if path.closed {
            // From the middle of a side once around: the meeting is missed like every other point.
            let start = lerp(corners[corners.len() - 1], corners[0], 0.5);
            corners.insert(0, start);
            corners.push([start[0] + miss * dice.bell(), start[1] + miss * dice.bell()]);
        }
        self.lengthen(&mut corners, dice);
        let curve = rounded(&corners, round);
        self.sampled(&curve, dice)
    }

    /// A dot: a touch of the pen, or a scribble by those who like their dots large.
    fn dot(&self, at: Point, dice: &mut Dice) -> Vec<Point> {
        if self.blob == 0.0 || dice.chance(0.3) {
            return vec![at];
        }
        let radius = self.blob * dice.range(0.6, 1.2);
        (0..10)
            .map(|_| [at[0] + radius * dice.range(-1.0, 1.0), at[1] + radius * dice.range(-1.0, 1.0)])
            .collect()
    }

    /// Overshoots or cuts short both ends, and adds a flick now and then.
    fn lengthen(&self, corners: &mut Vec<Point>, dice: &mut Dice) {
        for _ in 0..2 {
            corners.reverse();
            let n = corners.len();
            let (end, before) = (corners[n - 1], corners[n - 2]);
            let length = distance(end, before).max(1.0);
            let more = (self.overshoot + 1.2 * dice.bell()).max(-0.3 * length);
            corners[n - 1] = lerp(before, end, 1.0 + more / length);
            if dice.chance(self.flick) {
                let [x, y] = circle(dice.unit()).map(|v| v * dice.range(3.0, 6.0));
                corners.push([end[0] + x, end[1] + y]);
            }
        }
    }

    /// The positions that a drawing tablet would record: every `pace` pixels and at sharp corners, trembling.
    fn sampled(&self, curve: &[(Point, bool)], dice: &mut Dice) -> Vec<Point> {
        let mut line = Vec::new();
        let (mut travelled, mut tremble) = (self.pace, [0.0, 0.0]);
        let last = curve.len() - 1;
        for (i, (point, corner)) in curve.iter().enumerate() {
            if i > 0 {
                travelled += distance(curve[i - 1].0, *point);
            }
            if travelled >= self.pace || *corner || i == last {
                travelled = 0.0;
                // Each tremble remembers the last one: a hand wavers rather than jitters.
                tremble = tremble.map(|t| 0.6 * t + 0.8 * self.tremor * dice.bell());
                line.push([point[0] + tremble[0], point[1] + tremble[1]]);
            }
        }
        line
    }
}

/// The polyline with rounded corners as a fine polyline, and which of its points are sharp corners.
///
/// At each corner the pen leaves the line a fraction of the way before it, and follows the parabola (a quadratic
/// Bézier curve with the corner as its middle point) to as far behind it.
fn rounded(corners: &[Point], round: f64) -> Vec<(Point, bool)> {
    let n = corners.len();
    let mut curve = vec![(corners[0], true)];
    for i in 1..n - 1 {
        let [a, b, c] = [corners[i - 1], corners[i], corners[i + 1]];
        // Half of a side is the neighbouring corner's, unless the neighbour is an end.
        let [before, after] = [i == 1, i == n - 2].map(|end| round * if end { 0.8 } else { 0.5 });
        if round < 0.08 {
            straight(&mut curve, b, true);
            continue;
        }
        let (from, to) = (lerp(b, a, before), lerp(b, c, after));
        straight(&mut curve, from, false);
        let steps = (distance(from, b) + distance(b, to)).ceil() as usize + 1;
        for step in 1..=steps {
            let t = step as f64 / steps as f64;
            curve.push((lerp(lerp(from, b, t), lerp(b, to, t), t), false));
        }
    }
    straight(&mut curve, corners[n - 1], true);
    curve
}

/// Goes on to `to` in steps of about a pixel.
fn straight(curve: &mut Vec<(Point, bool)>, to: Point, corner: bool) {
    let from = curve[curve.len() - 1].0;
    let steps = distance(from, to).ceil() as usize;
    curve.extend((1..steps).map(|i| (lerp(from, to, i as f64 / steps as f64), false)));
    curve.push((to, corner));
}

/// Moves the drawing to the middle of the paper and then by `drift`, as far as it stays on the paper; shrinks it
/// if it is too large for that.
fn fit(lines: &mut [Vec<Point>], drift: Point) {
    const MARGIN: f64 = 6.0;
    let paper = SIDE as f64;
    let mut low = [f64::INFINITY; 2];
    let mut high = [f64::NEG_INFINITY; 2];
    for point in lines.iter().flatten() {
        for i in 0..2 {
            low[i] = low[i].min(point[i]);
            high[i] = high[i].max(point[i]);
        }
    }
    let room = paper - 2.0 * MARGIN;
    let size = (high[0] - low[0]).max(high[1] - low[1]);
    let shrink = if size > room { room / size } else { 1.0 };
    let shift = [0, 1].map(|i| {
        let spare = (room - (high[i] - low[i]) * shrink).max(0.0) / 2.0;
        paper / 2.0 - 2.5 + drift[i].clamp(-spare, spare) - (low[i] + high[i]) / 2.0 * shrink
    });
    for point in lines.iter_mut().flatten() {
        *point = [0, 1].map(|i| point[i] * shrink + shift[i]);
    }
}
