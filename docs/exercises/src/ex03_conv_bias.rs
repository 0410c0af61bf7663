//! Exercise 3: the gradient of a convolution's bias.
//!
//! ```text
//! forward    y[n,o,i,j] = b[o] + (a sum of products, in which there is no b)
//! ```
//!
//! n counts the images, o the filters; (i, j) is a position of the output. Each filter has one bias, which is added at every
//! position of every image. dy has the shape of y: `dy[n,o,i,j]` says by how much the loss L grows when `y[n,o,i,j]` does.
//!
//! Now `b[o]` grows by a little. Which numbers of y grow, and by how much? Then by how much does L?
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// db += the gradient of the bias. dy is (images, filters, H_out, W_out), db is (filters).
///
/// `dy[[n, o, i, j]]` is one number of dy; `for n in 0..images` counts from 0 to images - 1.
pub fn conv2d_backward_bias(dy: &Array<4>, db: &mut Array<1>) {
    let [images, filters, h_out, w_out] = dy.shape();
    todo!("add to db[[o]] what it is due")
}
