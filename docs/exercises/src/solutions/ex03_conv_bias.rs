//! Exercise 3: the gradient of a convolution's bias.

use crate::array::Array;

/// db += the gradient of the bias. dy is (images, filters, H_out, W_out), db is (filters).
///
/// `dy[[n, o, i, j]]` is one number of dy; `for n in 0..images` counts from 0 to images - 1.
pub fn conv2d_backward_bias(dy: &Array<4>, db: &mut Array<1>) {
    let [images, filters, h_out, w_out] = dy.shape();
    for n in 0..images {
        for o in 0..filters {
            for i in 0..h_out {
                for j in 0..w_out {
                    db[[o]] += dy[[n, o, i, j]];
                }
            }
        }
    }
}
