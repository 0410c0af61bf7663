//! Exercise 13: the gradient of the contrastive loss, and where it is zero.

use crate::array::Array;

/// dd += the gradient of the distances, where `dloss` is the gradient that comes back to L. All arrays are (pairs).
pub fn contrastive_loss_backward(d: &Array<1>, same: &Array<1>, margin: f64, dloss: f64, dd: &mut Array<1>) {
    let [pairs] = d.shape();
    for n in 0..pairs {
        let slope = if same[[n]] == 1.0 { 2.0 * d[[n]] } else { -2.0 * (margin - d[[n]]).max(0.0) };
        dd[[n]] += slope * dloss / pairs as f64;
    }
}
