//! Exercise 8: col2im, the way back from the columns to the image.
//!
//! ```text
//! im2col     columns[row,at] = x[c,i s_h + u - p_h,j s_w + v - p_w]      row = (c K_h + u) K_w + v, at = i W_out + j
//! ```
//!
//! Now the gradient of the columns is given (it is w^T dy, a product of matrices), and that of the image is wanted. im2col
//! copied a pixel to several places; each of them is a path from the pixel to the loss, and the gradients of all paths are added.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dx += the gradient of one image, (channels, H, W), from that of its columns, (channels K_h K_w, H_out W_out).
pub fn col2im(
    dcolumns: &Array<2>,
    [k_h, k_w]: [isize; 2],
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dx: &mut Array<3>,
) {
    let [channels, h, w] = dx.shape();
    let h_out = (h + 2 * p_h - k_h) / s_h + 1;
    let w_out = (w + 2 * p_w - k_w) / s_w + 1;
    todo!("for every c, u, v, i, j: back to the pixel that it was copied from")
}
