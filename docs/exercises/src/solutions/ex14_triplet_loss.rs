//! Exercise 14: the gradient of the triplet loss, and why it may stand still at its margin.

use crate::array::Array;

/// da, dp and dn += their gradients, where `dloss` is the gradient that comes back to L. All arrays are (triplets, features).
pub fn triplet_loss_backward(
    [a, p, n]: [&Array<2>; 3],
    margin: f64,
    dloss: f64,
    [da, dp, dn]: [&mut Array<2>; 3],
) {
    let [triplets, features] = a.shape();
    for i in 0..triplets {
        let squared = |b: &Array<2>| (0..features).map(|f| (a[[i, f]] - b[[i, f]]).powi(2)).sum::<f64>();
        if squared(p) - squared(n) + margin > 0.0 {
            let g = dloss / triplets as f64;
            for f in 0..features {
                let at = [i, f];
                da[at] += 2.0 * g * (n[at] - p[at]);
                dp[at] += -2.0 * g * (a[at] - p[at]);
                dn[at] += 2.0 * g * (a[at] - n[at]);
            }
        }
    }
}
