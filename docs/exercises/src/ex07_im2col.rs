//! Exercise 7: im2col, by which a convolution becomes a product of matrices.
//!
//! ```text
//! y[o,i,j] = b[o] + sum over c, u, v of w[o,c,u,v] x[c,i s_h + u - p_h,j s_w + v - p_w]
//!          = b[o] + sum over row      of w[o,row]  columns[row,at]
//! row = (c K_h + u) K_w + v        at = i W_out + j
//! ```
//!
//! A row for every weight of a filter, a column for every position of the output; a column holds what its window sees, the
//! pixels that are not there as 0. Nothing is computed, only copied: a pixel stands in as many columns as windows see it.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// columns = the patches of one image x (channels, H, W): (channels K_h K_w, H_out W_out). Every number is written; what
/// columns held before does not matter.
pub fn im2col(
    x: &Array<3>,
    [k_h, k_w]: [isize; 2],
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    columns: &mut Array<2>,
) {
    let [channels, h, w] = x.shape();
    let h_out = (h + 2 * p_h - k_h) / s_h + 1;
    let w_out = (w + 2 * p_w - k_w) / s_w + 1;
    todo!("for every c, u, v, i, j: copy a pixel, or write 0")
}
