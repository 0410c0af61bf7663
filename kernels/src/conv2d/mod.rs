//! Convolution of a batch of images with a bank of filters, forward and backward.
//!
//! ```text
//! y[n,o,i,j]  = b[o] + Σ_{c,u,v} w[o,c,u,v] x[n,c, i s_h + u d_h - p_h, j s_w + v d_w - p_w]
//! dw[o,c,u,v] = Σ_{n,i,j} dy[n,o,i,j] x[n,c, i s_h + u d_h - p_h, j s_w + v d_w - p_w]
//! db[o]       = Σ_{n,i,j} dy[n,o,i,j]
//! dx[n,c,r,q] = Σ_{o,u,v : i s_h + u d_h - p_h = r, j s_w + v d_w - p_w = q} w[o,c,u,v] dy[n,o,i,j]
//! ```
//!
//! with stride s, padding p and dilation d.
//!
//! All is done an image at a time, or a few, in bands of output rows that stay in cache, by the two products of
//! [`crate::tile`]. With columns = im2col(x), one row for each (c, u, v) and one column for each (i, j):
//!
//! ```text
//! y = w columns        `multiply`
//! dw = dy columns^T    `dots`
//! dx = col2im(w^T dy)  `multiply`
//! ```
//!
//! Only where it pays are the columns written (`columns`; [`crate::im2col`] does nothing else). Else they exist nowhere:
//! take an image of rows of S pixels, padding included, and let output position (i, j) stand at i S + j. Then row
//! (c, u, v) of columns is the image itself, read from pixel (c, u d_h, v d_w) on; the positions at the end of each row
//! mean nothing, and are left out when the result is copied to its place (forward), or are zeros in dy (backward). dx
//! becomes a gather (`gather`), the same product once more with dy in the image's role: `dx[c, q] = Σ w[o,c,u,v]
//! dy[o, q - u S - v]`. This minus is all that is left of the famous flip.
//!
//! A stride makes several planes of the image (`phases`), on each of which the same holds. Each group is a convolution of
//! its own, whose images stand apart.
//!
//! Filters of 3 x 3 at stride 1 become fewer products by Winograd's forms (`winograd`): of matrices, where channels and
//! filters are many (`deep`), else of vectors of squares of outputs (`squares`).
//!
//! The fused forms (`stack`) also do bias, activation and 2 x 2 pooling while the numbers are in the caches: ReLU and
//! max-pooling, and back from winner to winner (`winners`, `few`); tanh and average-pooling (`pooled`).
//!
//! Which way it goes, [`route::way`] says, and nothing else.

pub(crate) mod backward;
mod channels_last;
mod columns;
mod deep;
mod few;
pub(crate) mod forward;
mod gather;
mod parts;
mod phases;
mod plan;
mod pooled;
pub mod route;
mod squares;
pub(crate) mod stack;
mod winners;
mod winograd;

pub use stack::{Kept, Made, Stage};

/// From so many images on, how they are convolved does not depend on how many there are, and neither does any bit of y.
pub const MANY_IMAGES: usize = 16;

/// The mark of a window whose largest the ReLU turned to 0.
pub const NO_WINNER: u8 = 4;

/// (H_out / 2, W_out / 2), rounded down: the size of the fused form's output.
pub fn pooled_size(g: &Geometry) -> (usize, usize) {
    let (h_out, w_out) = g.output_size();
    (h_out / 2, w_out / 2)
}

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// ReLU and 2 x 2 max-pooling.
    ReluMaxPool,
    /// tanh and 2 x 2 average-pooling.
    TanhAvgPool,
}

/// The sizes of a convolution. Images are (C, H, W), filters (C_out, C / groups, K_h, K_w), all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images in the batch, N.
    pub images: usize,
    /// C, of all groups.
    pub channels: usize,
    /// (H, W).
    pub size: (usize, usize),
    /// C_out, of all groups.
    pub filters: usize,
    /// (K_h, K_w).
    pub kernel: (usize, usize),
    /// (S_h, S_w), from 1.
    pub stride: (usize, usize),
    /// Zeros added at (top and bottom, left and right).
    pub padding: (usize, usize),
    /// (D_h, D_w), from 1: how many pixels apart those stand that neighbouring weights meet.
    pub dilation: (usize, usize),
    /// Into how many parts channels and filters are cut; filters see the channels of their own part alone. C and C_out are
    /// multiples of it.
    pub groups: usize,
}

impl Default for Geometry {
    /// A single pixel and weight; stride and dilation 1, no padding, one group.
    fn default() -> Geometry {
        let (one, none) = ((1, 1), (0, 0));
        let (images, channels, filters, groups) = (1, 1, 1, 1);
        Geometry {
            images,
            channels,
            size: one,
            filters,
            kernel: one,
            stride: one,
            padding: none,
            dilation: one,
            groups,
        }
    }
}

impl Geometry {
    /// (H_out, W_out) = floor((H + 2 P - D (K - 1) - 1) / S) + 1; 0 where the kernel does not fit, and without a stride.
    pub fn output_size(&self) -> (usize, usize) {
        let out = |size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
            let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
            let room = padding.checked_mul(2)?.checked_add(size)?.checked_sub(reach)?;
            Some(room.checked_div(stride)? + 1)
        };
        (
            out(self.size.0, self.kernel.0, self.stride.0, self.padding.0, self.dilation.0).unwrap_or(0),
            out(self.size.1, self.kernel.1, self.stride.1, self.padding.1, self.dilation.1).unwrap_or(0),
        )
    }

    /// C K_h K_w / groups: how many products make one output.
    pub fn depth(&self) -> usize {
        self.channels / self.groups * self.kernel.0 * self.kernel.1
    }

    /// The convolution of one group; without groups, itself.
    pub(crate) fn group(&self) -> Geometry {
        let (channels, filters) = (self.channels / self.groups.max(1), self.filters / self.groups.max(1));
        Geometry { channels, filters, groups: 1, ..*self }
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

    /// C H W.
    pub fn image_len(&self) -> usize {
        self.channels * self.size.0 * self.size.1
    }

    /// H_out W_out.
    pub fn positions(&self) -> usize {
        let (h_out, w_out) = self.output_size();
        h_out * w_out
    }

    /// (c, u, v) of each row of columns, in order.
    pub(crate) fn taps(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (k_h, k_w) = self.kernel;
        (0..self.depth()).map(move |k| (k / (k_h * k_w), k / k_w % k_h, k % k_w))
    }

    /// The convolution of which dx is y, where every weight meets every pixel: dy in x's place, the filters turned by half
    /// a circle, channels and filters in each other's place.
    pub(crate) fn turned(&self) -> Option<Geometry> {
        let full = |kernel: usize, padding: usize| (kernel - 1).checked_sub(padding);
        let padding = (full(self.kernel.0, self.padding.0)?, full(self.kernel.1, self.padding.1)?);
        let plain = self.stride == (1, 1) && self.dilation == (1, 1) && self.groups == 1;
        let turned = Geometry {
            channels: self.filters,
            size: self.output_size(),
            filters: self.channels,
            padding,
            ..*self
        };
        plain.then_some(turned)
    }

    /// The preconditions of every function here.
    pub(crate) fn check<E>(&self, x: Option<&[E]>, weight: Option<&[E]>, y: &[E]) {
        assert!(self.stride.0 > 0 && self.stride.1 > 0 && self.groups > 0, "conv2d: no stride or no group");
        assert!(self.channels > 0 && self.filters > 0, "conv2d: no channel or no filter");
        let cut = self.channels.is_multiple_of(self.groups) && self.filters.is_multiple_of(self.groups);
        assert!(cut, "conv2d: channels or filters are not cut evenly by the groups");
        let (h_out, w_out) = self.output_size();
        assert!(h_out > 0 && w_out > 0, "conv2d: empty output");
        // Padding included, since rows of it are addressed; checked here, all sums and products below are what they say.
        let padded = |size: usize, padding: usize, step: usize| (size + 2 * padding).saturating_add(step);
        let (h, w) = (
            padded(self.size.0, self.padding.0, self.stride.0),
            padded(self.size.1, self.padding.1, self.stride.1),
        );
        let all = [
            [self.images, self.channels, h, w],
            [self.images, self.filters, h_out, w_out],
            [self.filters, self.channels, self.kernel.0, self.kernel.1],
        ];
        let fits = |sizes: [usize; 4]| {
            sizes
                .into_iter()
                .try_fold(1_usize, usize::checked_mul)
                .is_some_and(|len| len <= isize::MAX as usize / 64)
        };
        assert!(all.into_iter().all(fits), "conv2d: sizes beyond any memory");
        assert!(x.is_none_or(|x| x.len() == self.input_len()), "conv2d: x has another size");
        assert!(weight.is_none_or(|w| w.len() == self.weight_len()), "conv2d: the weight has another size");
        assert!(y.len() == self.output_len(), "conv2d: y has another size");
    }
}

/// Where [`conv2d_backward`](crate::conv2d_backward) adds the gradients that are wanted.
pub struct Gradients<'a, E> {
    /// dx, the size of x.
    pub input: Option<&'a mut [E]>,
    /// dw, the size of the weight.
    pub weight: Option<&'a mut [E]>,
    /// db, one for each filter.
    pub bias: Option<&'a mut [E]>,
}
