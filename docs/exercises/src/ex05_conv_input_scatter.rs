//! Exercise 5: the gradient of a convolution's input, by scattering.
//!
//! ```text
//! forward    y[n,o,i,j] = b[o] + sum over c, u, v of w[o,c,u,v] x[n,c,r,q]
//!            with r = i s_h + u - p_h and q = j s_w + v - p_w; where this is outside of the image, x is 0
//! ```
//!
//! The same walk over the same products as in exercise 4; now the pixel `x[n,c,r,q]` is what grows, and its factor is the
//! weight. Each product sends its share to its pixel: dy is scattered over dx. Where windows overlap, a pixel gets several
//! shares; where the stride does not divide, the last rows and columns get none, and stay as they are.
//!
//! Nothing is turned here. The famous flip is what the same numbers look like from the pixel's side: exercise 6.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dx += the gradient of the input. w is (filters, channels, K_h, K_w), dy (images, filters, H_out, W_out), dx
/// (images, channels, H, W).
pub fn conv2d_backward_input(
    w: &Array<4>,
    dy: &Array<4>,
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dx: &mut Array<4>,
) {
    let [images, channels, height, width] = dx.shape();
    let [_, filters, h_out, w_out] = dy.shape();
    let [_, _, k_h, k_w] = w.shape();
    todo!("for every product of the forward pass: add its share to its pixel")
}
