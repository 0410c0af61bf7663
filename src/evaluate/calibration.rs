//! From a distance to a probability, by Platt's scaling (Platt 1999, "Probabilistic outputs for support vector
//! machines and comparisons to regularized likelihood methods"), and how far such probabilities can be trusted.
//!
//! ```text
//! p(same | d) = 1 / (1 + exp(a d + b))        a, b minimise  - sum of t log p + (1 - t) log(1 - p)
//!
//! t = (N+ + 1) / (N+ + 2) of a pair of one alphabet, 1 / (N- + 2) of two     N+, N- = how many there are
//! ```
//!
//! The targets fall short of 1 and 0 (Platt's guard against too few pairs), so that distances which separate the
//! pairs without an error still have a finite answer. The minimum is found by Newton's method with a line search, in
//! the form that neither overflows nor cancels (Lin, Lin and Weng 2007, "A note on Platt's probabilistic outputs
//! for support vector machines", Machine Learning 68: 267-276), over distances brought to mean 0 and deviation 1.
//!
//! The distance is scaled as it stands, not its square: it is what the threshold speaks of, and with a head, whose
//! answer lies between 0 and 1, a square would mean nothing.
//!
//! **What the probability means.** It is fitted on as many pairs of one alphabet as of two, so it is the probability
//! when both answers are equally likely beforehand.

use serde::{Deserialize, Serialize};

/// Equal bins of the probability over which the calibration error is taken.
pub const BINS: usize = 15;

/// Turns a distance into the probability that two glyphs are of one alphabet, when both answers are equally likely
/// beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Per unit of distance; never negative, 0 where the distances say nothing.
    pub a: f64,
    /// At distance 0.
    pub b: f64,
}

/// How a distance becomes an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Pairs at most this far apart are called the same.
    pub threshold: f32,
    /// The probability that goes with the answer; models of earlier versions have none.
    pub calibration: Option<Calibration>,
}

/// The rule for means of several glyphs, which lie closer together than single ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetRule {
    /// Glyphs a side.
    pub glyphs: usize,
    /// How a distance of their means becomes an answer.
    pub rule: Rule,
}

/// The pairs whose probability falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many there are.
    pub pairs: usize,
    /// Mean of their probabilities.
    pub probability: f64,
    /// The share of them that are of one alphabet.
    pub same: f64,
}

impl Calibration {
    /// Fits `a` and `b` to pairs, half of them of one alphabet; `None` without both kinds of pairs. Distances that
    /// are not finite count for nothing.
    pub fn fit(distances: &[f32], same: &[bool]) -> Option<Calibration> {
        let pairs: Vec<(f64, bool)> = distances
            .iter()
            .zip(same)
            .filter(|(distance, _)| distance.is_finite())
            .map(|(&distance, &same)| (f64::from(distance), same))
            .collect();
        let n = pairs.len() as f64;
        let positives = pairs.iter().filter(|pair| pair.1).count() as f64;
        let negatives = n - positives;
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        // The best constant; 0, which is a probability of 1/2, where there are as many of a kind.
        let constant = ((negatives + 1.0) / (positives + 1.0)).ln();
        let mean = pairs.iter().map(|pair| pair.0).sum::<f64>() / n;
        let deviation = (pairs.iter().map(|pair| (pair.0 - mean).powi(2)).sum::<f64>() / n).sqrt();
        let targets = [1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0)];
        let scaled: Vec<(f64, f64)> = pairs
            .iter()
            .map(|&(distance, same)| ((distance - mean) / deviation, targets[usize::from(same)]))
            .collect();
        // Where all distances are one, deviation is 0 and there is nothing to fit.
        let fitted = if deviation > 0.0 { newton(&scaled, constant) } else { (0.0, constant) };
        let (a, b) = (fitted.0 / deviation, fitted.1 - fitted.0 * mean / deviation);
        // A farther pair is never likelier to be of one alphabet: distances that say so say nothing.
        let sound = a.is_finite() && b.is_finite() && a > 0.0;
        Some(if sound { Calibration { a, b } } else { Calibration { a: 0.0, b: constant } })
    }

    /// p(same | d).
    pub fn probability(&self, distance: f32) -> f64 {
        // 0 times infinity is no number.
        let f = if self.a == 0.0 { self.b } else { self.a * f64::from(distance) + self.b };
        logistic(f)
    }
}

/// 1 / (1 + exp(f)); exp is taken of what is not positive, so it cannot overflow.
fn logistic(f: f64) -> f64 {
    if f >= 0.0 { (-f).exp() / (1.0 + (-f).exp()) } else { 1.0 / (1.0 + f.exp()) }
}

/// The a and b of the smallest loss over (x, target); Lin, Lin and Weng's algorithm 1.
fn newton(pairs: &[(f64, f64)], constant: f64) -> (f64, f64) {
    // - t log p - (1 - t) log(1 - p) = t f + log(1 + exp(-f)) = (t - 1) f + log(1 + exp(f)).
    let loss = |a: f64, b: f64| -> f64 {
        let one = |&(x, t): &(f64, f64)| {
            let f = a * x + b;
            if f >= 0.0 { t * f + (-f).exp().ln_1p() } else { (t - 1.0) * f + f.exp().ln_1p() }
        };
        pairs.iter().map(one).sum()
    };
    let (mut a, mut b) = (0.0, constant);
    let mut value = loss(a, b);
    for _ in 0..100 {
        // Gradient, and the Hessian with a trace of the identity so that it can be inverted.
        let (mut ga, mut gb) = (0.0, 0.0);
        let (mut haa, mut hab, mut hbb) = (1e-12, 0.0, 1e-12);
        for &(x, t) in pairs {
            let p = logistic(a * x + b);
            let (first, second) = (t - p, p * (1.0 - p));
            ga += x * first;
            gb += first;
            haa += x * x * second;
            hab += x * second;
            hbb += second;
        }
        if ga.abs() < 1e-8 && gb.abs() < 1e-8 {
            break;
        }
        let determinant = haa * hbb - hab * hab;
        let da = -(hbb * ga - hab * gb) / determinant;
        let db = -(haa * gb - hab * ga) / determinant;
        let slope = ga * da + gb * db;
        let mut step = 1.0;
        loop {
            let next = loss(a + step * da, b + step * db);
            if next < value + 1e-4 * step * slope {
                (a, b, value) = (a + step * da, b + step * db, next);
                break;
            }
            step /= 2.0;
            // No step is small enough: rounding is all that is left.
            if step < 1e-10 {
                return (a, b);
            }
        }
    }
    (a, b)
}

/// The mean squared error of probabilities (Brier 1950); 0.25 is a constant answer of 1/2. `None` of no pairs.
pub fn brier(probabilities: &[f64], same: &[bool]) -> Option<f64> {
    let squares = probabilities.iter().zip(same).map(|(p, &same)| (p - f64::from(u8::from(same))).powi(2));
    (!probabilities.is_empty()).then(|| squares.sum::<f64>() / probabilities.len() as f64)
}

/// The pairs in [`BINS`] equal bins of their probability, from 0 to 1.
pub fn reliability(probabilities: &[f64], same: &[bool]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for (&p, &same) in probabilities.iter().zip(same) {
        let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
        bin.pairs += 1;
        bin.probability += p;
        bin.same += f64::from(u8::from(same));
    }
    for bin in bins.iter_mut().filter(|bin| bin.pairs > 0) {
        bin.probability /= bin.pairs as f64;
        bin.same /= bin.pairs as f64;
    }
    bins
}

/// The expected calibration error (Naeini et al. 2015; Guo et al. 2017): sum over bins of n_b / n |mean p - share of
/// same|. `None` of no pairs.
pub fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let n: usize = bins.iter().map(|bin| bin.pairs).sum();
    let errors = bins.iter().map(|bin| bin.pairs as f64 * (bin.probability - bin.same).abs());
    (n > 0).then(|| errors.sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use twinglyph_engine::random::rng;

    /// Pairs whose labels are drawn by the probability of a known calibration.
    fn logistic_pairs(truth: Calibration, n: usize) -> (Vec<f32>, Vec<bool>) {
        let mut rng = rng(3, 0);
        let middle = -truth.b / truth.a;
        (0..n)
            .map(|_| {
                let d = (middle * 2.0 * rng.random_range(0.0..1.0f64)) as f32;
                (d, rng.random_range(0.0..1.0f64) < truth.probability(d))
            })
            .unzip()
    }

    #[test]
    fn a_known_calibration_is_found_again() {
        for (a, b) in [(3.0, -2.0), (12.0, -30.0), (4e4, -2.0), (2e-4, -1.5)] {
            let truth = Calibration { a, b };
            let (distances, same) = logistic_pairs(truth, 50_000);
            let fitted = Calibration::fit(&distances, &same).unwrap();
            assert!((fitted.a / a - 1.0).abs() < 0.05, "{truth:?} {fitted:?}");
            assert!((fitted.b / b - 1.0).abs() < 0.05, "{truth:?} {fitted:?}");
            assert_eq!(Calibration::fit(&distances, &same), Some(fitted));
        }
    }

    #[test]
    fn the_fit_is_a_minimum_of_the_loss() {
        let (distances, same) = logistic_pairs(Calibration { a: 3.0, b: -2.0 }, 500);
        let positives = same.iter().filter(|&&same| same).count() as f64;
        let targets = [1.0 / (500.0 - positives + 2.0), (positives + 1.0) / (positives + 2.0)];
        let loss = |c: Calibration| -> f64 {
            let one = |(&d, &same): (&f32, &bool)| {
                let (p, t) = (c.probability(d), targets[usize::from(same)]);
                -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
            };
            distances.iter().zip(&same).map(one).sum()
        };
        let Calibration { a, b } = Calibration::fit(&distances, &same).unwrap();
        let best = loss(Calibration { a, b });
        for (da, db) in [(1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3)] {
            assert!(loss(Calibration { a: a + da, b: b + db }) > best, "{da} {db}");
        }
    }

    /// Where the loss is smallest its gradient is 0. Of these sets, (distance, pairs of one alphabet, of two), the last three
    /// are not reached by Newton's whole steps, which lead ever farther away.
    #[test]
    fn the_gradient_at_the_fit_is_zero_even_where_whole_steps_lead_away() {
        let sets: [&[(f32, usize, usize)]; 4] = [
            &[(0.1, 50, 10), (0.5, 30, 20), (0.7, 10, 35), (1.5, 5, 40)],
            &[(0.5, 789, 0), (0.0, 120, 0), (2.5, 0, 68)],
            &[(0.4, 416, 0), (1.7, 20, 1), (4.4, 11, 154), (1.3, 1047, 1)],
            &[(0.04, 1024, 0), (0.02, 73, 43), (67.0, 3, 20), (0.064, 685, 0)],
        ];
        for set in sets {
            let repeated = |&(d, same, different): &(f32, usize, usize)| {
                [vec![(d, true); same], vec![(d, false); different]].concat()
            };
            let (distances, same): (Vec<f32>, Vec<bool>) = set.iter().flat_map(repeated).unzip();
            let fitted = Calibration::fit(&distances, &same).unwrap();
            let positives: usize = set.iter().map(|row| row.1).sum();
            let negatives = (same.len() - positives) as f64;
            let positives = positives as f64;
            let (mut ga, mut gb) = (0.0, 0.0);
            for (&d, &same) in distances.iter().zip(&same) {
                let target =
                    if same { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) };
                let off = target - fitted.probability(d);
                (ga, gb) = (ga + off * f64::from(d), gb + off);
            }
            assert!(
                fitted.a > 0.0 && ga.abs() < 1e-6 && gb.abs() < 1e-6,
                "{set:?}: {fitted:?} {ga:e} {gb:e}"
            );
        }
    }

    #[test]
    fn distances_that_say_nothing_give_one_half() {
        let half = Calibration { a: 0.0, b: 0.0 };
        // All at one place, and farther pairs likelier to be the same.
        assert_eq!(Calibration::fit(&[0.5; 4], &[true, false, true, false]), Some(half));
        assert_eq!(Calibration::fit(&[0.0; 2], &[true, false]), Some(half));
        assert_eq!(Calibration::fit(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true]), Some(half));
        for distance in [0.0, 1e30, f32::MAX, f32::INFINITY] {
            assert_eq!(half.probability(distance), 0.5);
        }
        let mut rng = rng(1, 0);
        let distances: Vec<f32> = (0..4000).map(|_| rng.random_range(0.0..1.0)).collect();
        let same: Vec<bool> = (0..4000).map(|i| i % 2 == 0).collect();
        let fitted = Calibration::fit(&distances, &same).unwrap();
        for distance in [0.0, 0.5, 1.0] {
            assert!((fitted.probability(distance) - 0.5).abs() < 0.05, "{fitted:?}");
        }
        assert_eq!(Calibration::fit(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(Calibration::fit(&[], &[]), None);
        assert_eq!(Calibration::fit(&[f32::NAN, 1.0], &[true, false]), None);
    }

    #[test]
    fn distances_that_separate_every_pair_give_a_finite_answer() {
        for (near, far) in [(0.1, 0.9), (0.0, 1e-30), (1.0, 1.0f32.next_up()), (0.0, f32::MAX)] {
            let distances: Vec<f32> = (0..2000).map(|i| if i % 2 == 0 { near } else { far }).collect();
            let same: Vec<bool> = (0..2000).map(|i| i % 2 == 0).collect();
            let fitted = Calibration::fit(&distances, &same).unwrap();
            assert!(fitted.a > 0.0 && fitted.a.is_finite() && fitted.b.is_finite(), "{near} {fitted:?}");
            // Two places: each takes the value of its target.
            assert!((fitted.probability(near) - 1001.0 / 1002.0).abs() < 1e-6, "{near} {fitted:?}");
            assert!((fitted.probability(far) - 1.0 / 1002.0).abs() < 1e-6, "{near} {fitted:?}");
        }
    }

    #[test]
    fn extreme_distances_have_probabilities() {
        let calibration = Calibration { a: 1e30, b: -1e30 };
        assert_eq!(calibration.probability(f32::INFINITY), 0.0);
        assert_eq!(calibration.probability(0.0), 1.0);
        assert_eq!(calibration.probability(1.0), 0.5);
    }

    #[test]
    fn the_calibration_error_is_that_of_hand_computed_sets() {
        // Two bins, each exactly as often right as it says: 1 of 4 at 0.25, 3 of 4 at 0.75.
        let p = [0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75];
        let same = [true, false, false, false, true, true, true, false];
        assert_eq!(calibration_error(&reliability(&p, &same)), Some(0.0));
        // (1 - 0.25)^2 + 3 (0.25)^2 = 0.75 of four, on both sides.
        assert_eq!(brier(&p, &same), Some(0.1875));
        // 0.9 and never, 0.1 and always: off by 0.9 in three of four pairs; 0.5 and half: off by nothing.
        let (p, same) = ([0.9, 0.9, 0.1, 0.5, 0.5, 0.5, 0.5], [false, false, true, true, true, false, false]);
        let bins = reliability(&p, &same);
        assert!((calibration_error(&bins).unwrap() - 3.0 / 7.0 * 0.9).abs() < 1e-12);
        assert!((brier(&p, &same).unwrap() - (3.0 * 0.81 + 4.0 * 0.25) / 7.0).abs() < 1e-12);
        assert_eq!([bins[1].pairs, bins[7].pairs, bins[13].pairs], [1, 4, 2]);
        // The ends belong to the outermost bins.
        let bins = reliability(&[0.0, 1.0], &[false, true]);
        assert_eq!((bins[0].pairs, bins[BINS - 1].pairs, calibration_error(&bins)), (1, 1, Some(0.0)));
        assert_eq!((calibration_error(&reliability(&[], &[])), brier(&[], &[])), (None, None));
    }
}
