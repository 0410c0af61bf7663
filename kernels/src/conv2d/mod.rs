//! Convolution of a batch of images with a bank of filters, forward and backward.
//!
//! ```text
//! y[n,o,i,j]  = b[o] + Σ_{c,u,v} w[o,c,u,v] x[n,c, i s_h + u - p_h, j s_w + v - p_w]
//! dw[o,c,u,v] = Σ_{n,i,j} dy[n,o,i,j] x[n,c, i s_h + u - p_h, j s_w + v - p_w]
//! db[o]       = Σ_{n,i,j} dy[n,o,i,j]
//! dx[n,c,r,q] = Σ_{o,u,v : i s_h + u - p_h = r, j s_w + v - p_w = q} w[o,c,u,v] dy[n,o,i,j]
//! ```
//!
//! All is done an image at a time, in bands of output rows that stay in cache, by the two products of
//! [`crate::tile`]. With columns = im2col(x), one row for each (c, u, v) and one column for each (i, j):
//!
//! ```text
//! y = w columns        `multiply`
//! dw = dy columns^T    `dots`
//! dx = col2im(w^T dy)  `multiply`
//! ```
//!
//! Only for the smallest outputs are the columns written (`columns`). Else they exist nowhere: take an image of rows of S
//! pixels, padding included, and let output position (i, j) stand at i S + j. Then row (c, u, v) of columns is the image itself, read from pixel (c, u, v) on; the k_w - 1
//! positions at the end of each row mean nothing, and are left out when the result is copied to its place
//! (forward), or are zeros in dy (backward). dx becomes a gather, the same product once more with dy in the
//! image's role: `dx[c, q] = Σ w[o,c,u,v] dy[o, q - u S - v]`. This minus is all that is left of the famous flip.
//!
//! A stride makes several planes of the image (`phases`), on each of which the same holds.
//!
//! Where channels and filters are many, filters of 3 x 3 become products of matrices (`deep`).
//!
//! The fused forms (`stack`) also do bias, activation and 2 x 2 pooling while the numbers are in the registers: ReLU
//! and max-pooling (`windows`, and back from winner to winner: `winners`), tanh and average-pooling (`averages`).

mod averages;
pub(crate) mod backward;
mod channels_last;
mod columns;
mod deep;
mod few;
pub(crate) mod forward;
mod in_place;
mod parts;
mod phases;
mod plan;
mod squares;
pub(crate) mod stack;
mod windows;
mod winners;
mod winograd;

pub use backward::Gradients;
pub use stack::{Kept, Made, Stage, Tail};

/// From so many images on, how they are convolved does not depend on how many there are, and neither does any bit of y.
pub const MANY_IMAGES: usize = 16;

/// The mark of a window whose largest the ReLU turned to 0.
pub const NO_WINNER: u8 = 4;

/// (H_out / 2, W_out / 2), rounded down: the size of the fused form's output.
pub fn pooled_size(g: &Geometry) -> (usize, usize) {
    let (h_out, w_out) = g.output_size();
    (h_out / 2, w_out / 2)
}

/// The sizes of a convolution. Images are (C, H, W), filters (C_out, C_in, K_h, K_w), all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images in the batch, N.
    pub images: usize,
    /// C_in.
    pub channels: usize,
    /// (H, W).
    pub size: (usize, usize),
    /// C_out.
    pub filters: usize,
    /// (K_h, K_w).
    pub kernel: (usize, usize),
    /// (S_h, S_w), from 1.
    pub stride: (usize, usize),
    /// Zeros added at (top and bottom, left and right).
    pub padding: (usize, usize),
}

impl Geometry {
    /// (H_out, W_out) = floor((H + 2 P - K) / S) + 1; 0 where the kernel does not fit.
    pub fn output_size(&self) -> (usize, usize) {
        let out = |size: usize, kernel: usize, stride: usize, padding: usize| {
            (size + 2 * padding).checked_sub(kernel).map_or(0, |room| room / stride + 1)
        };
        (
            out(self.size.0, self.kernel.0, self.stride.0, self.padding.0),
            out(self.size.1, self.kernel.1, self.stride.1, self.padding.1),
        )
    }

    /// C_in K_h K_w: how many products make one output.
    pub fn depth(&self) -> usize {
        self.channels * self.kernel.0 * self.kernel.1
    }

    /// Elements of x.
    pub fn input_len(&self) -> usize {
        self.images * self.image_len()
    }

    /// Elements of y.
    pub fn output_len(&self) -> usize {
        self.images * self.filters * self.positions()
    }

    /// Elements of w.
    pub fn weight_len(&self) -> usize {
        self.filters * self.depth()
    }

    pub(crate) fn image_len(&self) -> usize {
        self.channels * self.size.0 * self.size.1
    }

    pub(crate) fn positions(&self) -> usize {
        let (h_out, w_out) = self.output_size();
        h_out * w_out
    }

    /// The preconditions of every function here.
    pub(crate) fn check<E>(&self, x: Option<&[E]>, weight: Option<&[E]>, y: &[E]) {
        assert!(self.positions() > 0 && self.stride.0 > 0 && self.stride.1 > 0, "conv2d: empty output");
        assert!(self.channels > 0 && self.filters > 0, "conv2d: no channel or no filter");
        assert!(x.is_none_or(|x| x.len() == self.input_len()), "conv2d: x has another size");
        assert!(weight.is_none_or(|w| w.len() == self.weight_len()), "conv2d: the weight has another size");
        assert!(y.len() == self.output_len(), "conv2d: y has another size");
    }
}
