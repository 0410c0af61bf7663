//! Exercise 1: a gradient without any calculus, by central differences.

use crate::array::Array;

/// grad = the gradient of f at x. Both have one axis; `x.clone()` is a copy that may be changed.
pub fn numeric_gradient(f: &dyn Fn(&Array<1>) -> f64, x: &Array<1>, grad: &mut Array<1>) {
    let [count] = x.shape();
    for k in 0..count {
        // Far from 0 the numbers lie farther apart, and a short step would be lost between them.
        let eps = 1e-5 * x[[k]].abs().max(1.0);
        let mut moved = x.clone();
        moved[[k]] = x[[k]] + eps;
        let above = f(&moved);
        moved[[k]] = x[[k]] - eps;
        let below = f(&moved);
        grad[[k]] = (above - below) / (2.0 * eps);
    }
}
