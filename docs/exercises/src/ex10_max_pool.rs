//! Exercise 10: the backward pass of max-pooling, which sends each gradient to one pixel.
//!
//! ```text
//! forward    y[n,c,i,j] = the largest x[n,c,i s_h + u,j s_w + v] for 0 <= u < K_h, 0 <= v < K_w
//! ```
//!
//! Only the largest pixel of a window moves y. All of dy goes to it, and nothing to the others. Of equals, the first in the
//! order of rows wins. Windows may overlap (a stride below K): a pixel that wins several windows hears from all of them.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dx += the gradient of x, both (images, channels, H, W); dy is (images, channels, H_out, W_out). There is no padding.
pub fn max_pool2d_backward(
    x: &Array<4>,
    dy: &Array<4>,
    [k_h, k_w]: [isize; 2],
    [s_h, s_w]: [isize; 2],
    dx: &mut Array<4>,
) {
    let [images, channels, h_out, w_out] = dy.shape();
    todo!("for every window: find the winner, and add dy to it")
}
