//! Exercise 11: the backward pass of batch-norm, along three paths.
//!
//! ```text
//! forward    for every channel c, over the M = N S numbers of it:
//!            mean = (1/M) sum of x        var = (1/M) sum of (x - mean)^2        rstd = 1 / sqrt(var + eps)
//!            xhat[n,c,s] = (x[n,c,s] - mean) rstd
//!            y[n,c,s]    = gamma[c] xhat[n,c,s] + beta[c]
//! ```
//!
//! `x[n,c,s]` moves its own y, and every other y of its channel as well: through the mean, and through the variance. Put together,
//! the three paths are
//!
//! ```text
//! dx = gamma rstd (dy - (1/M) sum of dy - xhat (1/M) sum of dy xhat)
//!      directly         by the mean       by the variance
//! ```
//!
//! with sums over the channel. gamma and beta are easier: `dgamma[c]` is the sum of dy xhat, `dbeta[c]` the sum of dy.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

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
    todo!("for every channel: mean, rstd, the two sums; then dx")
}
