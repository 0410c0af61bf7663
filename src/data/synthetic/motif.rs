//! The vocabulary of an alphabet: small figures of one to three strokes, in a box from -1 to 1 both ways.

use super::dice::{Dice, Point, circle};

/// A stroke as planned: corner points, and how round the pen takes the corners.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// One point is a dot.
    pub(super) points: Vec<Point>,
    /// From 0 (sharp corners) to 1 (one smooth curve).
    pub(super) round: f64,
    /// Whether the pen comes back to the first point.
    pub(super) closed: bool,
}

/// A figure: a few strokes that belong together.
pub(super) type Motif = Vec<Path>;

/// The kinds of figure; an alphabet knows a few of them, each in a shape of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Line,
    Corner,
    Zigzag,
    Arc,
    Loop,
    Bowl,
    Snake,
    Spiral,
    Wave,
    Hook,
    Cross,
    Fork,
    Bars,
    Walk,
}

/// What a style tells its figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taste {
    /// How round corners are, from 0 to 1.
    pub(super) round: f64,
    /// How many corners a closed figure has; round styles smooth them into a circle.
    pub(super) sides: usize,
    /// The direction of slanting lines, in turns from the vertical.
    pub(super) lean: f64,
    /// How far corner points stray from the plain figure.
    pub(super) stray: f64,
}

impl Path {
    /// An open stroke through `points`.
    pub(super) fn open(points: impl Into<Vec<Point>>, round: f64) -> Path {
        Path { points: points.into(), round, closed: false }
    }

    /// A dot.
    pub(super) fn dot(at: Point) -> Path {
        Path::open([at], 0.0)
    }

    /// A closed figure of `sides` corners in the box, the first corner `phase` turns from the x axis.
    pub(super) fn ring(taste: Taste, phase: f64) -> Path {
        let sides = if taste.round > 0.5 { 8 } else { taste.sides };
        // A square on its side should fill the box.
        let reach =
            if sides == 4 && (phase * 8.0).floor() as i64 % 2 != 0 { std::f64::consts::SQRT_2 } else { 1.0 };
        let corner = |i| circle(phase + i as f64 / sides as f64).map(|v| v * reach);
        Path { points: (0..sides).map(corner).collect(), round: taste.round, closed: true }
    }

    /// The stroke with every point moved by `change`.
    pub(super) fn moved(&self, change: impl Fn(Point) -> Point) -> Path {
        Path { points: self.points.iter().map(|p| change(*p)).collect(), ..*self }
    }
}

/// A figure of the given kind in the shape that this alphabet gives it.
pub(super) fn draw(kind: Kind, taste: Taste, dice: &mut Dice) -> Motif {
    let round = taste.round;
    let open = |points: Vec<Point>| Path::open(points, round);
    let eighth = dice.below(8) as f64 / 8.0;
    let motif = match kind {
        Kind::Line => vec![line(direction(taste, dice), 1.0)],
        Kind::Corner => {
            let turn = dice.pick(&[0.2, 0.25, 0.25, 0.3, 0.35]);
            let middle = circle(eighth).map(|v| v * 0.9);
            vec![open(vec![circle(eighth + turn), middle, circle(eighth - turn)])]
        }
        Kind::Zigzag => {
            let (n, depth) = (dice.between(3, 5), dice.range(0.35, 1.0));
            let along = |i: usize| 2.0 * i as f64 / (n - 1) as f64 - 1.0;
            let points = (0..n).map(|i| [if i % 2 == 0 { -depth } else { depth }, along(i)]).collect();
            vec![turned(open(points), dice.chance(0.5))]
        }
        Kind::Arc => vec![arc(eighth, dice.range(0.4, 0.85), round)],
        Kind::Loop => vec![Path::ring(taste, if dice.chance(0.5) { 0.125 } else { 0.25 })],
        Kind::Bowl => {
            let (low, out) = (dice.range(-0.1, 1.0), dice.range(0.7, 1.0));
            let points =
                vec![[-1.0, -1.0], [out * 0.6, -1.0], [out, low * 0.5 - 0.5], [out * 0.6, low], [-1.0, low]];
            vec![open(points)]
        }
        Kind::Snake => {
            let (a, b) = (dice.range(0.6, 1.0), dice.range(0.6, 1.0));
            let s = vec![[a, -0.8], [-0.2, -1.0], [-1.0, -0.4], [0.9, 0.4], [0.2, 1.0], [-b, 0.8]];
            vec![turned(open(s), dice.chance(0.3))]
        }
        Kind::Spiral => {
            let turns = dice.range(1.2, 1.9);
            let n = (turns * if round > 0.5 { 8.0 } else { 4.0 }) as usize + 1;
            let point = |i: usize| {
                let t = i as f64 / (n - 1) as f64;
                circle(eighth + turns * t).map(|v| v * (1.0 - 0.85 * t))
            };
            vec![open((0..n).map(point).collect())]
        }
        Kind::Wave => {
            let (n, dip) = (dice.between(2, 3), dice.range(0.1, 0.9));
            let mut points = vec![[-1.0, 1.0]];
            for hump in 0..n {
                let x = |part: f64| (hump as f64 + part) / n as f64 * 2.0 - 1.0;
                points.extend([[x(0.08), -0.9], [x(0.92), -0.9]]);
                points.push([x(1.0), if hump + 1 == n { 1.0 } else { dip }]);
            }
            vec![turned(open(points), dice.chance(0.15))]
        }
        Kind::Hook => {
            let (reach, curl) = (dice.range(0.5, 1.0), dice.range(-0.2, 0.7));
            vec![open(vec![[0.3, -1.0], [0.3, 0.6], [0.3 - reach * 0.5, 1.0], [0.3 - reach, curl]])]
        }
        Kind::Cross => {
            let first = direction(taste, dice);
            vec![line(first, 1.0), line(first + 0.25, dice.range(0.5, 1.0))]
        }
        Kind::Fork => {
            let (split, spread) = (dice.range(-0.4, 0.5), dice.range(0.6, 1.0));
            vec![
                open(vec![[-spread, -1.0], [0.0, split], [0.0, 1.0]]),
                open(vec![[spread, -1.0], [0.0, split]]),
            ]
        }
        Kind::Bars => {
            let (n, bend) = (dice.between(2, 3), if round > 0.5 { dice.range(-0.5, 0.5) } else { 0.0 });
            let bar = |i: usize| {
                let y = 1.4 * i as f64 / (n - 1) as f64 - 0.7;
                open(vec![[-0.9, y], [0.0, y + bend], [0.9, y]])
            };
            let side = dice.chance(0.4);
            (0..n).map(|i| turned(bar(i), side)).collect()
        }
        Kind::Walk => vec![open(walk(dice, 3, 3, 0.5))],
    };
    let mut shape = |p: Point| [p[0] + taste.stray * dice.bell(), p[1] + taste.stray * dice.bell()];
    motif
        .into_iter()
        .map(|path| Path { points: path.points.iter().map(|p| shape(*p)).collect(), ..path })
        .collect()
}

/// A walk of three to five places on a lattice in the box, never back where it came from.
pub(super) fn walk(dice: &mut Dice, columns: usize, rows: usize, straight: f64) -> Vec<Point> {
    let spread = |i: usize, n: usize| if n > 1 { 2.0 * i as f64 / (n - 1) as f64 - 1.0 } else { 0.0 };
    let (mut x, mut y) = (dice.below(columns), dice.below(rows));
    let mut seen = vec![(x, y)];
    for _ in 0..dice.between(2, 4) {
        let (mut u, mut v) = (dice.below(columns), dice.below(rows));
        if dice.chance(straight) {
            if dice.chance(0.5) { u = x } else { v = y }
        }
        if !seen.contains(&(u, v)) {
            (x, y) = (u, v);
            seen.push((x, y));
        }
    }
    if seen.len() == 1 {
        seen.push(((x + 1) % columns, (y + 1) % rows));
    }
    seen.into_iter().map(|(x, y)| [spread(x, columns), spread(y, rows)]).collect()
}

/// A straight line through the middle, `turns` from the vertical.
fn line(turns: f64, reach: f64) -> Path {
    let [c, s] = circle(turns);
    Path::open([[-s * reach, -c * reach], [s * reach, c * reach]], 0.0)
}

/// Part of an ellipse; polygonal where corners are sharp.
fn arc(start: f64, sweep: f64, round: f64) -> Path {
    let n = (sweep * if round > 0.5 { 9.0 } else { 5.0 }) as usize + 2;
    let point = |i| circle(start + sweep * i as f64 / (n - 1) as f64);
    Path::open((0..n).map(point).collect::<Vec<_>>(), round)
}

/// Upright, lying, or slanting as the style likes it; in turns from the vertical.
fn direction(taste: Taste, dice: &mut Dice) -> f64 {
    dice.pick(&[0.0, 0.0, 0.25, taste.lean, -taste.lean])
}

/// The stroke with its axes exchanged, if `yes`.
fn turned(path: Path, yes: bool) -> Path {
    if yes { path.moved(|[x, y]| [y, x]) } else { path }
}
