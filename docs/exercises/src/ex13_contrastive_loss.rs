//! Exercise 13: the gradient of the contrastive loss, and where it is zero.
//!
//! ```text
//! L = (1/N) sum over pairs of   D^2                   where same = 1
//!                               max(margin - D, 0)^2  where same = 0
//! ```
//!
//! D is the distance of a pair. Pairs of one kind are drawn together. Pairs of two kinds are pushed apart, until they are a margin
//! apart; from there on L does not change, and the gradient is 0.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dd += the gradient of the distances, where `dloss` is the gradient that comes back to L. All arrays are (pairs).
pub fn contrastive_loss_backward(d: &Array<1>, same: &Array<1>, margin: f64, dloss: f64, dd: &mut Array<1>) {
    let [pairs] = d.shape();
    todo!("for every pair: which of the two terms, and its derivative")
}
