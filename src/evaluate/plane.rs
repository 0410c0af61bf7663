//! Embeddings as points of a plane, to be looked at.
//!
//! ```text
//! PCA     the two directions of the largest variance: eigenvectors of the covariance of the centred rows (Pearson 1901)
//! t-SNE   points y whose neighbourhoods are those of the rows x (van der Maaten and Hinton 2008, JMLR 9: 2579-2605)
//!
//!   p(j|i)  ~ exp(-|x_i - x_j|^2 / (2 s_i^2))       s_i such that the perplexity 2^H(p(.|i)) is as asked for
//!   p(i,j)  = (p(j|i) + p(i|j)) / 2n
//!   q(i,j)  ~ 1 / (1 + |y_i - y_j|^2)
//!   minimise  KL(p || q) by its gradient  4 sum_j (p - q)(i,j) (y_i - y_j) / (1 + |y_i - y_j|^2)
//! ```
//!
//! Nothing is left to chance: PCA starts from fixed directions, and t-SNE from PCA, which also keeps the large distances
//! in place (Kobak and Berens 2019, Nature Communications 10: 5416; the step size n / 12 is theirs too). A point's sums are
//! one thread's, so the points are the same bits at any number of threads.

use rayon::prelude::*;
use twinglyph_engine::tensor::Tensor;
use twinglyph_kernels::map::{Map, sum_chunk};
use twinglyph_kernels::simd::Simd;

/// A point of the plane.
pub type Point = [f64; 2];

/// How often PCA's directions are improved: more than any picture shows.
const PCA_ROUNDS: usize = 100;
/// The neighbours that t-SNE keeps near, about.
const PERPLEXITY: f64 = 30.0;
/// Steps of the descent; in the first, neighbours attract each other 12 times as strongly and gather.
const STEPS: usize = 750;
const GATHERING: usize = 250;
const EXAGGERATION: f64 = 12.0;

/// The rows of `embeddings` (N, F) along the two directions of the largest variance, centred; the first axis first.
pub fn pca(embeddings: &Tensor<f32>) -> Vec<Point> {
    let (rows, width) = centred(embeddings);
    let n = rows.len() / width.max(1);
    let mut directions: [Vec<f64>; 2] = [0, 1].map(|axis| {
        // Any start will do that is not at right angles to the answer.
        (0..width).map(|f| ((f * (axis + 1) + axis) as f64 * 0.7 + 0.3).sin()).collect()
    });
    for _ in 0..PCA_ROUNDS {
        for direction in &mut directions {
            let along = project(&rows, direction);
            let mut next = vec![0.0; width];
            for (row, along) in rows.chunks(width).zip(&along) {
                next.iter_mut().zip(row).for_each(|(next, x)| *next += along * x);
            }
            // Without variance there is no direction to turn to.
            if next.iter().any(|x| *x != 0.0) {
                *direction = next;
            }
        }
        let [first, second] = &mut directions;
        to_length_one(first);
        let overlap: f64 = first.iter().zip(&*second).map(|(a, b)| a * b).sum();
        second.iter_mut().zip(&*first).for_each(|(b, a)| *b -= overlap * a);
        to_length_one(second);
    }
    let axes = directions.map(|direction| project(&rows, &direction));
    (0..n).map(|i| [axes[0][i], axes[1][i]]).collect()
}

/// The rows of `embeddings` (N, F) laid out so that neighbours stay neighbours; the work is N^2.
pub fn tsne(embeddings: &Tensor<f32>) -> Vec<Point> {
    let start = pca(embeddings);
    let n = start.len();
    if n < 4 {
        return start;
    }
    let p = neighbourhoods(embeddings, PERPLEXITY.min((n - 1) as f64 / 3.0));
    let spread = (start.iter().map(|y| y[0] * y[0]).sum::<f64>() / n as f64).sqrt();
    if spread == 0.0 {
        return start;
    }
    let mut y: Vec<Point> = start.iter().map(|y| y.map(|y| y / spread * 1e-4)).collect();
    let mut velocity = vec![[0.0; 2]; n];
    let mut gains = vec![[1.0; 2]; n];
    for step in 0..STEPS {
        let gathering = step < GATHERING;
        let exaggeration = if gathering { EXAGGERATION } else { 1.0 };
        let rate = (n as f64 / EXAGGERATION).max(50.0);
        let momentum = if gathering { 0.5 } else { 0.8 };
        let gradient = gradient(&p, &y, exaggeration);
        for i in 0..n {
            for axis in 0..2 {
                // A step in the direction of the last one may be longer, one back must be shorter (Jacobs 1988).
                let (g, v, gain) = (gradient[i][axis], &mut velocity[i][axis], &mut gains[i][axis]);
                *gain = if (g > 0.0) == (*v > 0.0) { f64::max(*gain * 0.8, 0.01) } else { *gain + 0.2 };
                *v = momentum * *v - rate * *gain * g;
                y[i][axis] += *v;
            }
        }
        let middle = [0, 1].map(|axis| y.iter().map(|y| y[axis]).sum::<f64>() / n as f64);
        y.iter_mut().for_each(|y| (0..2).for_each(|axis| y[axis] -= middle[axis]));
    }
    y
}

/// The rows in f64 less their mean, and their width.
fn centred(embeddings: &Tensor<f32>) -> (Vec<f64>, usize) {
    let [n, width] = [embeddings.dims()[0], embeddings.dims()[1]];
    let mut rows: Vec<f64> = embeddings.values().iter().map(|&x| f64::from(x)).collect();
    let mut mean = vec![0.0; width];
    for row in rows.chunks(width.max(1)) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
    }
    // Divided last: rows that are all one have exactly that mean.
    mean.iter_mut().for_each(|mean| *mean /= n as f64);
    for row in rows.chunks_mut(width.max(1)) {
        row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
    }
    (rows, width)
}

fn project(rows: &[f64], direction: &[f64]) -> Vec<f64> {
    let along = |row: &[f64]| row.iter().zip(direction).map(|(x, d)| x * d).sum();
    rows.par_chunks(direction.len().max(1)).map(along).collect()
}

fn to_length_one(direction: &mut [f64]) {
    let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        direction.iter_mut().for_each(|x| *x /= length);
    }
}

/// p(i, j), row by row.
fn neighbourhoods(embeddings: &Tensor<f32>, perplexity: f64) -> Vec<f64> {
    let [n, width] = [embeddings.dims()[0], embeddings.dims()[1]];
    let row = |i: usize| &embeddings.values()[i * width..][..width];
    let conditional: Vec<f64> = (0..n)
        .into_par_iter()
        .flat_map_iter(|i| {
            let square = |j: usize| -> f64 {
                row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a - b)).map(|d| d * d).sum()
            };
            let squares: Vec<f64> = (0..n).map(square).collect();
            conditional(i, &squares, perplexity)
        })
        .collect();
    let both = |i: usize, j: usize| (conditional[i * n + j] + conditional[j * n + i]) / (2 * n) as f64;
    (0..n * n).map(|at| both(at / n, at % n)).collect()
}

/// p(j|i) of squared distances; the width of the neighbourhood is found by halving.
fn conditional(i: usize, squares: &[f64], perplexity: f64) -> Vec<f64> {
    let least = squares.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, d)| *d).fold(f64::MAX, f64::min);
    let middle = (squares.iter().sum::<f64>() / squares.len() as f64 - least).max(1e-300);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut beta = 1.0 / middle;
    let mut p = Vec::new();
    for _ in 0..64 {
        // The nearest has weight 1, so that the sum never vanishes.
        let weight = |(j, d): (usize, &f64)| if j == i { 0.0 } else { (-beta * (d - least)).exp() };
        p = squares.iter().enumerate().map(weight).collect();
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        let entropy: f64 = p.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
        let excess = entropy - perplexity.ln();
        if excess.abs() < 1e-5 {
            break;
        }
        *(if excess > 0.0 { &mut low } else { &mut high }) = beta;
        beta = if high.is_finite() { (low + high) / 2.0 } else { beta * 2.0 };
    }
    p
}

fn gradient(p: &[f64], y: &[Point], exaggeration: f64) -> Vec<Point> {
    let n = y.len();
    let [xs, ys] = [0, 1].map(|axis| y.iter().map(|y| y[axis]).collect::<Vec<f64>>());
    // Each row's sum less the 1 that a point is to itself.
    let sums: Vec<f64> = y.par_iter().map(|&at| sum_chunk(Near { at }, [&xs, &ys]) - 1.0).collect();
    let all: f64 = sums.iter().sum();
    let one = |(&at, p): (&Point, &[f64])| {
        [0, 1].map(|axis| sum_chunk(Pull { near: Near { at }, exaggeration, all, axis }, [p, &xs, &ys]))
    };
    y.par_iter().zip(p.par_chunks(n.max(1))).map(one).collect()
}

/// k(i, j) = 1 / (1 + |y(i) - y(j)|²), of all j.
#[derive(Clone, Copy)]
struct Near {
    /// y(i).
    at: Point,
}

impl Near {
    #[inline(always)]
    fn of<S: Simd<f64>>(self, s: S, y: [S::V; 2]) -> (S::V, [S::V; 2]) {
        let d = [s.sub(s.splat(self.at[0]), y[0]), s.sub(s.splat(self.at[1]), y[1])];
        let one = s.splat(1.0);
        (s.div(one, s.fma(d[0], d[0], s.fma(d[1], d[1], one))), d)
    }
}

impl Map<f64, 2> for Near {
    #[inline(always)]
    fn apply<S: Simd<f64>>(self, s: S, y: [S::V; 2]) -> S::V {
        self.of(s, y).0
    }
}

/// 4 (e p(i, j) - k / Σ k) k (y(i) - y(j)) along an axis, of all p(i, j) and y(j).
#[derive(Clone, Copy)]
struct Pull {
    near: Near,
    exaggeration: f64,
    all: f64,
    axis: usize,
}

impl Map<f64, 3> for Pull {
    #[inline(always)]
    fn apply<S: Simd<f64>>(self, s: S, [p, x, y]: [S::V; 3]) -> S::V {
        let (k, d) = self.near.of(s, [x, y]);
        let excess = s.sub(s.mul(s.splat(4.0 * self.exaggeration), p), s.mul(s.splat(4.0 / self.all), k));
        s.mul(s.mul(excess, k), d[self.axis])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups of 20 in 8 dimensions, far apart for their size.
    fn groups() -> Tensor<f32> {
        Tensor::from_fn([60, 8], |at| {
            let (row, f) = (at / 8, at % 8);
            let group = row / 20;
            (if f == group { 5.0 } else { 0.0 }) + ((row * 37 + f * 11) as f32 * 0.61).sin() * 0.3
        })
    }

    #[test]
    fn pca_finds_the_directions_of_the_largest_variance() {
        // Along (3, 4) / 5 ten times as far as across it.
        let rows = Tensor::from_fn([50, 2], |at| {
            let t = ((at / 2) as f32 * 0.77).sin() * 10.0;
            let s = ((at / 2) as f32 * 1.91).cos();
            if at % 2 == 0 { 0.6 * t - 0.8 * s + 7.0 } else { 0.8 * t + 0.6 * s - 2.0 }
        });
        let points = pca(&rows);
        let variance = |axis: usize| points.iter().map(|y| y[axis] * y[axis]).sum::<f64>() / 50.0;
        let covariance = points.iter().map(|y| y[0] * y[1]).sum::<f64>() / 50.0;
        assert!(variance(0) > 40.0 && variance(1) < 1.0, "{} {}", variance(0), variance(1));
        assert!(covariance.abs() < 1e-9, "{covariance}");
        // All variance is kept where there are two dimensions.
        let mean = [0, 1].map(|f| (0..50).map(|i| f64::from(rows.values()[2 * i + f])).sum::<f64>() / 50.0);
        let all: f64 =
            (0..100).map(|at| (f64::from(rows.values()[at]) - mean[at % 2]).powi(2)).sum::<f64>() / 50.0;
        assert!((variance(0) + variance(1) - all).abs() < 1e-6);
    }

    #[test]
    fn neighbourhoods_have_the_perplexity_that_was_asked_for_and_sum_to_one() {
        let rows = groups();
        let p = neighbourhoods(&rows, 10.0);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((0..60).all(|i| p[i * 60 + i] == 0.0 && p[i * 60 + 7] == p[7 * 60 + i]));
        let squares: Vec<f64> = (1..200).map(f64::from).collect();
        let one = conditional(0, &squares, 20.0);
        let entropy: f64 = one.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
        assert!((entropy.exp() - 20.0).abs() < 1e-3, "{}", entropy.exp());
    }

    #[test]
    fn tsne_keeps_groups_together_and_is_the_same_every_time() {
        let rows = groups();
        let points = tsne(&rows);
        let distance = |a: usize, b: usize| {
            ((points[a][0] - points[b][0]).powi(2) + (points[a][1] - points[b][1]).powi(2)).sqrt()
        };
        for i in 0..60 {
            let nearest =
                (0..60).filter(|&j| j != i).min_by(|&a, &b| distance(i, a).total_cmp(&distance(i, b)));
            assert_eq!(nearest.unwrap() / 20, i / 20, "{i}");
        }
        assert_eq!(points, tsne(&rows));
    }

    #[test]
    fn the_gradient_is_that_of_the_divergence() {
        let rows = Tensor::from_fn([7, 3], |at| (at as f32 * 1.3).sin());
        let p = neighbourhoods(&rows, 2.0);
        let y: Vec<Point> =
            (0..7).map(|i| [(f64::from(i) * 0.9).cos(), (f64::from(i) * 1.7).sin()]).collect();
        let divergence = |y: &[Point]| {
            let kernel = |at: usize| {
                let (a, b) = (y[at / 7], y[at % 7]);
                1.0 / (1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2))
            };
            let off = || (0..49).filter(|at| at / 7 != at % 7);
            let all: f64 = off().map(kernel).sum();
            off().map(|at| p[at] * (p[at] / (kernel(at) / all)).ln()).sum::<f64>()
        };
        let analytic = gradient(&p, &y, 1.0);
        for i in 0..7 {
            for axis in 0..2 {
                let at = |eps: f64| {
                    let mut moved = y.clone();
                    moved[i][axis] += eps;
                    divergence(&moved)
                };
                let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((numeric - analytic[i][axis]).abs() < 1e-8, "{i} {axis}: {numeric}");
            }
        }
    }

    #[test]
    fn points_in_one_place_stay_there() {
        let rows = Tensor::from_fn([9, 4], |_| 0.5f32);
        assert!(pca(&rows).iter().chain(&tsne(&rows)).all(|y| y[0].abs() < 1e-12 && y[1].abs() < 1e-12));
        assert_eq!(tsne(&Tensor::from_fn([1, 4], |i| i as f32)).len(), 1);
        assert!(pca(&Tensor::from_fn([3, 1], |i| i as f32)).iter().all(|y| y[1].abs() < 1e-12));
    }
}
