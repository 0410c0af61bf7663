//! Chance and geometry that give the same bits on every platform: ChaCha for chance, and only + - * / and square
//! roots, which IEEE 754 rounds exactly; the sine and cosine of a platform's C library may differ in the last bit.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A point or a vector: x to the right, y down.
pub(super) type Point = [f64; 2];

/// What a stream of chance is for; two purposes never share a stream.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Name = 1,
    Style,
    Character,
    Hand,
    Glyph,
}

/// A stream of random numbers.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a purpose and of `labels`: alphabet, character, drawer (0 where one plays no part).
    pub(super) fn new(seed: u64, purpose: Purpose, labels: [u32; 3]) -> Dice {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        for (place, label) in key[12..24].chunks_exact_mut(4).zip(labels) {
            place.copy_from_slice(&label.to_le_bytes());
        }
        Dice(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Uniform in [low, high).
    pub(super) fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped (a sum of four uniforms) with mean 0 and standard deviation 1, within ±3.5.
    pub(super) fn bell(&mut self) -> f64 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `0..n`; 0 for `n` = 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Uniform in `low..=high`.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// An index, each as likely as its weight says.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.unit() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return i;
            }
            rest -= weight;
        }
        weights.len() - 1
    }
}

/// The point of the unit circle `turns` turns from the x axis: (cos, sin) of 2π·turns, clockwise on a screen.
///
/// Folded to an eighth of a turn, where Taylor's polynomials are right to about 1e-9, far below a pixel.
pub(super) fn circle(turns: f64) -> Point {
    let quarters = (turns - turns.floor()) * 4.0;
    let quarter = (quarters + 0.5).floor();
    let a = (quarters - quarter) * std::f64::consts::FRAC_PI_2;
    let s = a * a;
    let sin = a * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))));
    let cos = 1.0 - s / 2.0 * (1.0 - s / 12.0 * (1.0 - s / 30.0 * (1.0 - s / 56.0 * (1.0 - s / 90.0))));
    match quarter as i64 % 4 {
        0 => [cos, sin],
        1 => [-sin, cos],
        2 => [-cos, -sin],
        _ => [sin, -cos],
    }
}

/// The point a fraction `t` of the way from `a` to `b`.
pub(super) fn lerp(a: Point, b: Point, t: f64) -> Point {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// The distance of two points.
pub(super) fn distance(a: Point, b: Point) -> f64 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circle_is_cosine_and_sine() {
        for i in -100..300 {
            let turns = f64::from(i) / 97.0;
            let (sin, cos) = (turns * std::f64::consts::TAU).sin_cos();
            let point = circle(turns);
            assert!((point[0] - cos).abs() < 1e-8 && (point[1] - sin).abs() < 1e-8, "{turns}");
        }
    }

    #[test]
    fn bell_has_mean_zero_and_deviation_one() {
        let mut dice = Dice::new(1, Purpose::Glyph, [0; 3]);
        let values: Vec<f64> = (0..20_000).map(|_| dice.bell()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.03, "{mean} {square}");
    }
}
