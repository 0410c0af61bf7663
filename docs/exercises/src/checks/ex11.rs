//! Exercise 11: batch-norm, first with numbers whose variance is a square.

use super::{ROUNDING, before, describe, mistake, numbers, sum};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::solutions::ex11_batch_norm::batch_norm_backward;
use twinglyph_kernels::{BatchNorm, reference};

/// (x, gamma, dy, eps, dx, dgamma, dbeta).
pub type Pass = dyn Fn(&Array<3>, &Array<1>, &Array<3>, f64, &mut Array<3>, &mut Array<1>, &mut Array<1>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "One channel after the other. First mean and var over all n and s, then rstd; xhat is (x - mean) rstd.",
    "Then two sums over n and s: that of dy is dbeta, that of dy xhat is dgamma. Only after both are complete can dx be \
     written, in a second walk over n and s.",
    "The variance is divided by M, not by M - 1, and M counts images and positions: images * positions.",
    "dx[[n, c, s]] += gamma[[c]] * rstd * (dy[[n, c, s]] - sum / count - xhat * sum_xhat / count);",
];

fn case(what: &str, [x, dy]: [Array<3>; 2], gamma: Array<1>, eps: f64, filled: bool) -> Case<Pass> {
    let [images, channels, positions] = x.shape();
    let g = BatchNorm { images: images as usize, channels: channels as usize, positions: positions as usize };
    let zeros = || vec![0.0; g.channels];
    let (mut mean, mut var, mut gradient) = (zeros(), zeros(), vec![0.0; x.values().len()]);
    reference::batch_norm_statistics(&g, x.values(), &mut mean, &mut var);
    let rstd: Vec<f64> = var.iter().map(|var| 1.0 / (var + eps).sqrt()).collect();
    let statistics = [&mean[..], &rstd[..]];
    let (dgamma_sum, dbeta_sum) = reference::batch_norm_backward(
        &g,
        x.values(),
        statistics,
        gamma.values(),
        dy.values(),
        &mut gradient,
    );

    let (dx, dgamma, dbeta) =
        (before(x.shape(), filled), before([channels], filled), before([channels], filled));
    let named = |dx: &Array<3>, dgamma: &Array<1>, dbeta: &Array<1>| {
        vec![dx.named("dx[n,c,s]"), dgamma.named("dgamma[c]"), dbeta.named("dbeta[c]")]
    };
    Case {
        what: describe(format!("{images} x {channels} x {positions} numbers, eps {eps}{what}"), filled),
        given: vec![x.named("x[n,c,s]"), gamma.named("gamma[c]"), dy.named("dy[n,c,s]")],
        before: named(&dx, &dgamma, &dbeta),
        expected: named(&sum(&dx, &gradient), &sum(&dgamma, &dgamma_sum), &sum(&dbeta, &dbeta_sum)),
        tolerance: ROUNDING,
        run: Box::new(move |pass| {
            let (mut dx, mut dgamma, mut dbeta) = (dx.clone(), dgamma.clone(), dbeta.clone());
            pass(&x, &gamma, &dy, eps, &mut dx, &mut dgamma, &mut dbeta);
            named(&dx, &dgamma, &dbeta)
        }),
    }
}

/// What the formulas are made of, for one number.
struct Terms {
    x: f64,
    dy: f64,
    gamma: f64,
    rstd: f64,
    var: f64,
    eps: f64,
    xhat: f64,
    /// The sum of dy over the channel.
    sum: f64,
    /// The sum of dy xhat over the channel.
    sum_xhat: f64,
    /// The sum of dy over all channels, and how many there are.
    all: (f64, f64),
    /// M, and N.
    count: f64,
    images: f64,
}

impl Terms {
    /// The right dx, with these in place of rstd, (1/M) sum of dy, (1/M) sum of dy xhat.
    fn dx(&self, rstd: f64, mean: f64, mean_xhat: f64) -> f64 {
        self.gamma * rstd * (self.dy - mean - self.xhat * mean_xhat)
    }
}

/// What one number adds to (dx, dgamma, dbeta).
fn right(t: &Terms) -> [f64; 3] {
    [t.dx(t.rstd, t.sum / t.count, t.sum_xhat / t.count), t.dy * t.xhat, t.dy]
}

fn each(what: &str, terms: fn(&Terms) -> [f64; 3]) -> Mistake<Pass> {
    mistake::<Pass>(
        what,
        Box::new(move |x, gamma, dy, eps, dx, dgamma, dbeta| {
            let [images, channels, positions] = x.shape();
            let count = (images * positions) as f64;
            for c in 0..channels {
                let all = || (0..images).flat_map(|n| (0..positions).map(move |s| [n, c, s]));
                let mean = all().map(|at| x[at]).sum::<f64>() / count;
                let var = all().map(|at| (x[at] - mean).powi(2)).sum::<f64>() / count;
                let rstd = 1.0 / (var + eps).sqrt();
                for at in all() {
                    let [a, b, d] = terms(&Terms {
                        x: x[at],
                        dy: dy[at],
                        gamma: gamma[[c]],
                        rstd,
                        var,
                        eps,
                        xhat: (x[at] - mean) * rstd,
                        sum: all().map(|at| dy[at]).sum(),
                        sum_xhat: all().map(|at| dy[at] * (x[at] - mean) * rstd).sum(),
                        all: (dy.values().iter().sum(), channels as f64),
                        count,
                        images: images as f64,
                    });
                    dx[at] += a;
                    dgamma[[c]] += b;
                    dbeta[[c]] += d;
                }
            }
        }),
    )
}

/// Right in dgamma and dbeta.
macro_rules! wrong_dx {
    ($what:literal, $dx:expr) => {
        each(concat!("dx ", $what), |t| {
            let dx: fn(&Terms) -> f64 = $dx;
            [dx(t), right(t)[1], right(t)[2]]
        })
    };
}

fn mistakes() -> Vec<Mistake<Pass>> {
    vec![
        wrong_dx!("without its path through the mean", |t| t.dx(t.rstd, 0.0, t.sum_xhat / t.count)),
        wrong_dx!("without its path through the variance", |t| t.dx(t.rstd, t.sum / t.count, 0.0)),
        wrong_dx!("as if mean and variance were given", |t| t.dx(t.rstd, 0.0, 0.0)),
        wrong_dx!("with the sums for the means", |t| t.dx(t.rstd, t.sum, t.sum_xhat)),
        wrong_dx!("with the variance's path divided by M - 1", |t| {
            t.dx(t.rstd, t.sum / t.count, t.sum_xhat / (t.count - 1.0))
        }),
        wrong_dx!("by the unbiased variance, divided by M - 1", |t| {
            let rstd = 1.0 / (t.var * t.count / (t.count - 1.0) + t.eps).sqrt();
            t.dx(rstd, t.sum / t.count, t.sum_xhat / t.count)
        }),
        wrong_dx!("without gamma", |t| right(t)[0] / t.gamma),
        wrong_dx!("without rstd", |t| right(t)[0] / t.rstd),
        wrong_dx!("without eps", |t| t.dx(1.0 / t.var.sqrt(), t.sum / t.count, t.sum_xhat / t.count)),
        wrong_dx!("divided by the images, not by images and positions", |t| {
            t.dx(t.rstd, t.sum / t.images, t.sum_xhat / t.images)
        }),
        wrong_dx!("with the mean of dy over all channels", |t| {
            t.dx(t.rstd, t.all.0 / (t.count * t.all.1), t.sum_xhat / t.count)
        }),
        each("dgamma by x, not by xhat", |t| [right(t)[0], t.dy * t.x, t.dy]),
        each("dgamma without rstd", |t| [right(t)[0], t.dy * t.xhat / t.rstd, t.dy]),
        each("dbeta, the mean for the sum", |t| [right(t)[0], t.dy * t.xhat, t.dy / t.count]),
        mistake::<Pass>(
            "all three are written over what is there",
            Box::new(|x, gamma, dy, eps, dx, dgamma, dbeta| {
                dx.values_mut().fill(0.0);
                dgamma.values_mut().fill(0.0);
                dbeta.values_mut().fill(0.0);
                batch_norm_backward(x, gamma, dy, eps, dx, dgamma, dbeta);
            }),
        ),
    ]
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    let array = |shape: [isize; 3], values: &[f64]| Array::new(shape, values.to_vec());
    let gamma = |values: &[f64]| Array::new([values.len() as isize], values.to_vec());
    Exercise {
        cases: vec![
            case(
                "; mean 2, var + eps 4, so rstd is 1/2",
                [array([1, 1, 4], &[2.0, 4.0, 0.0, 2.0]), array([1, 1, 4], &[4.0, 0.0, 8.0, 0.0])],
                gamma(&[2.0]),
                2.0,
                false,
            ),
            case(
                "; two channels, each for itself",
                [
                    array([2, 2, 2], &[0.0, 4.0, 1.0, 1.0, 4.0, 0.0, 3.0, 3.0]),
                    array([2, 2, 2], &[1.0, 2.0, 0.0, 1.0, 3.0, 0.0, 5.0, 2.0]),
                ],
                gamma(&[1.0, 3.0]),
                0.0,
                false,
            ),
            case("", [numbers(1, [3, 2, 6]), numbers(2, [3, 2, 6])], numbers(3, [2]), 0.1, true),
        ],
        mistakes: mistakes(),
        attempt: Box::new(crate::ex11_batch_norm::batch_norm_backward),
        solution: Box::new(batch_norm_backward),
    }
}
