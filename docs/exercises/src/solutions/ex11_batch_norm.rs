//! Exercise 11: the backward pass of batch-norm, along three paths.

use crate::array::Array;

/// dx, dgamma and dbeta += their gradients. x, dy and dx are (N, channels, S), gamma, dgamma and dbeta (channels).
pub fn batch_norm_backward(
    x: &Array<3>,
    gamma: &Array<1>,
    dy: &Array<3>,
    eps: f64,
    dx: &mut Array<3>,
    dgamma: &mut Array<1>,
    dbeta: &mut Array<1>,
) {
    let [images, channels, positions] = x.shape();
    let count = (images * positions) as f64;
    for c in 0..channels {
        let all = || (0..images).flat_map(|n| (0..positions).map(move |s| [n, c, s]));
        let mean = all().map(|at| x[at]).sum::<f64>() / count;
        let var = all().map(|at| (x[at] - mean).powi(2)).sum::<f64>() / count;
        let rstd = 1.0 / (var + eps).sqrt();
        let xhat = |at: [isize; 3]| (x[at] - mean) * rstd;

        let sum = all().map(|at| dy[at]).sum::<f64>();
        let sum_xhat = all().map(|at| dy[at] * xhat(at)).sum::<f64>();
        dbeta[[c]] += sum;
        dgamma[[c]] += sum_xhat;
        for at in all() {
            dx[at] += gamma[[c]] * rstd * (dy[at] - sum / count - xhat(at) * sum_xhat / count);
        }
    }
}
