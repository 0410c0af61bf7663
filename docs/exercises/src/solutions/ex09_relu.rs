//! Exercise 9: the backward pass of ReLU.

use crate::array::Array;

/// dx += the gradient of x. All three have the same shape.
pub fn relu_backward(x: &Array<2>, dy: &Array<2>, dx: &mut Array<2>) {
    let [rows, columns] = x.shape();
    for i in 0..rows {
        for j in 0..columns {
            if x[[i, j]] > 0.0 {
                dx[[i, j]] += dy[[i, j]];
            }
        }
    }
}
