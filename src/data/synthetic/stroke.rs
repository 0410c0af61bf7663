//! A stroke is drawn by a turtle: it starts somewhere with a heading and walks, turning a little at every step
//! (a curve) and sharply at its corners.

/// A point or a direction; x to the right, y down, the frame of a glyph is 0..1 in both.
pub(super) type Point = [f64; 2];

/// A plan of a stroke.
#[derive(Clone, Debug)]
pub(super) struct Stroke {
    pub(super) start: Point,
    /// Direction of the first step, in radians from the x axis, clockwise.
    pub(super) heading: f64,
    /// In frames.
    pub(super) length: f64,
    /// Radians turned over the whole length, corners left out.
    pub(super) turn: f64,
    /// How the turn is spread: 0 evenly, 1 all towards the end (a hook), -1 all towards the beginning.
    pub(super) skew: f64,
    /// Sharp turns: where (share of the length), and by how many radians.
    pub(super) corners: Vec<(f64, f64)>,
}

/// Steps of a stroke.
const STEPS: usize = 40;

impl Stroke {
    /// The points that the turtle visits.
    pub(super) fn points(&self) -> Vec<Point> {
        let mut direction = rotate([1.0, 0.0], self.heading);
        let mut at = self.start;
        let mut points = vec![at];
        let step = self.length / STEPS as f64;
        for i in 0..STEPS {
            let (from, to) = (i as f64 / STEPS as f64, (i + 1) as f64 / STEPS as f64);
            let weight = 1.0 + self.skew * (from + to - 1.0);
            direction = rotate(direction, self.turn * weight / STEPS as f64);
            for &(_, angle) in self.corners.iter().filter(|corner| (from..to).contains(&corner.0)) {
                direction = rotate(direction, angle);
            }
            at = [at[0] + step * direction[0], at[1] + step * direction[1]];
            points.push(at);
        }
        points
    }
}

/// Turns a direction by an angle, by way of t = tan(angle / 2): cos = (1 - t^2) / (1 + t^2), sin = 2 t / (1 + t^2).
/// The tangent is Padé's x (15 - x^2) / (15 - 6 x^2), so that no library's sine is needed; the length is kept
/// exactly, the angle to 2 % up to half a turn.
pub(super) fn rotate(direction: Point, angle: f64) -> Point {
    // At most a third of a turn at a time, where the fraction is at its best.
    if angle.abs() > 2.0 {
        let half = angle / 2.0;
        return rotate(rotate(direction, half), half);
    }
    let x = angle / 2.0;
    let t = x * (15.0 - x * x) / (15.0 - 6.0 * x * x);
    let scale = 1.0 / (1.0 + t * t);
    let (cos, sin) = ((1.0 - t * t) * scale, 2.0 * t * scale);
    [cos * direction[0] - sin * direction[1], sin * direction[0] + cos * direction[1]]
}
