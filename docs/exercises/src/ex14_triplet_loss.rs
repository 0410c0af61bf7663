//! Exercise 14: the gradient of the triplet loss, and why it may stand still at its margin.
//!
//! ```text
//! h = |a - p|^2 - |a - n|^2 + margin        L = (1/N) sum over triplets of max(h, 0)
//! ```
//!
//! Each row of a is an anchor, of p a positive of the same kind, of n a negative of another. |a - p|^2 is the sum over f
//! of `(a[i,f] - p[i,f])^2`. A triplet is at rest where h is 0 or less: the negative is far enough, and all three gradients
//! are 0. (At h = 0 there is a kink; like the engine, take 0.) Where h is above 0, find by what h grows when `a[i,f]`,
//! `p[i,f]` or `n[i,f]` does.
//!
//! And if a, p and n fall into one point? Then h is the margin, and every gradient is 0 although the loss is not.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// da, dp and dn += their gradients, where `dloss` is the gradient that comes back to L. All arrays are (triplets, features).
pub fn triplet_loss_backward(
    [a, p, n]: [&Array<2>; 3],
    margin: f64,
    dloss: f64,
    [da, dp, dn]: [&mut Array<2>; 3],
) {
    let [triplets, features] = a.shape();
    todo!("for every triplet: h; where it is above 0, the three gradients")
}
