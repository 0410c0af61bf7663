//! Exercise 6: the same gradient by gathering, where the flip is.
//!
//! Exercise 5 asks each dy where to send its shares. Ask a pixel instead which dy it hears from: row r is row u of window i when
//! r = i s_h + u - p_h. With growing u the window i lies further up; so a pixel meets the kernel in reverse, and only
//! every s_h-th u meets a window at all. Both are done beforehand, and what is left is a plain convolution of stride 1:
//!
//! ```text
//! turned[c,o,u,v]   = w[o,c,K_h - 1 - u,K_w - 1 - v]                     turned by 180 degrees, channel axes exchanged
//! dilated[n,o,.,.]  = dy[n,o,i,j] at row i s_h + K_h - 1 and column j s_w + K_w - 1; 0 everywhere else
//! dx[n,c,r,q]      += sum over o, u, v of turned[c,o,u,v] dilated[n,o,r + p_h + u,q + p_w + v]
//! ```
//!
//! The last line is done for you. dilated has H + 2 p_h + K_h - 1 rows: between those with numbers s_h - 1 of zeros, K_h - 1 above
//! the first, and below the last as many as it takes, those that the stride leaves over included.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// turned = the kernel w (filters, channels, K_h, K_w), turned: (channels, filters, K_h, K_w).
pub fn turn(w: &Array<4>, turned: &mut Array<4>) {
    let [filters, channels, k_h, k_w] = w.shape();
    todo!("for every o, c, u, v: where does this weight go?")
}

/// dilated = dy (images, filters, H_out, W_out) with zeros between and around. It holds zeros before, of the right shape.
pub fn dilate(dy: &Array<4>, [k_h, k_w]: [isize; 2], [s_h, s_w]: [isize; 2], dilated: &mut Array<4>) {
    let [images, filters, h_out, w_out] = dy.shape();
    todo!("for every n, o, i, j: where does this dy go?")
}
