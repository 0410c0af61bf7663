//! Exercise 4: the gradient of a convolution's weights.
//!
//! ```text
//! forward    y[n,o,i,j] = b[o] + sum over c, u, v of w[o,c,u,v] x[n,c,r,q]
//!            with r = i s_h + u - p_h and q = j s_w + v - p_w; where this is outside of the image, x is 0
//! ```
//!
//! s_h and s_w are the strides, p_h and p_w the paddings: the window of output position (i, j) begins at pixel
//! (i s_h - p_h, j s_w - p_w). Every y is a sum of products of one weight and one pixel. In each product the weight's factor is the
//! pixel: when `w[o,c,u,v]` grows by a little, `y[n,o,i,j]` grows by `x[n,c,r,q]` times as much, and L by `dy[n,o,i,j]` times that.
//!
//! So walk over all products of the forward pass, in its own order, and let each add its share to its weight. Pixels outside
//! of the image have no share.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dw += the gradient of the weights. x is (images, channels, H, W), dy (images, filters, H_out, W_out), dw
/// (filters, channels, K_h, K_w).
pub fn conv2d_backward_weight(
    x: &Array<4>,
    dy: &Array<4>,
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dw: &mut Array<4>,
) {
    let [images, channels, h, w] = x.shape();
    let [_, filters, h_out, w_out] = dy.shape();
    let [_, _, k_h, k_w] = dw.shape();
    todo!("for every product of the forward pass: add its share to its weight")
}
