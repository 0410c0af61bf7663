//! Convolution (in the field's sense: cross-correlation, the kernel is not flipped).
//!
//! x (N, C_in, H, W), weight (C_out, C_in, K_h, K_w), bias (C_out), y (N, C_out, H_out, W_out):
//!
//! ```text
//! y[n,o,i,j] = b[o] + Σ_{c,u,v} w[o,c,u,v] x[n,c, i s_h + u d_h - p_h, j s_w + v d_w - p_w]
//! H_out = floor((H + 2 p_h - d_h (K_h - 1) - 1) / s_h) + 1, W_out likewise; x is 0 outside of the image
//! ```
//!
//! Each product w x in that sum sends `dy[n,o,i,j]` times its other factor back to each of its factors, so
//!
//! ```text
//! dw[o,c,u,v] = Σ_{n,i,j} dy[n,o,i,j] x[n,c, i s_h + u d_h - p_h, j s_w + v d_w - p_w]
//! dx[n,c,r,q] = Σ over all (o,u,v,i,j) with i s_h + u d_h - p_h = r and j s_w + v d_w - p_w = q of w[o,c,u,v] dy[n,o,i,j]
//! db[o]       = Σ_{n,i,j} dy[n,o,i,j]
//! ```
//!
//! With groups, channels and filters are cut into as many parts, and each part of the filters sees its part of the channels
//! alone: the weight is (C_out, C_in / groups, K_h, K_w). As many groups as channels is a depthwise convolution.
//!
//! With im2col the sum is a matrix product, y = w columns, and these are dw = dy columns^T and dx = col2im(w^T
//! dy). The kernels' text (`kernels/src/conv2d/mod.rs`) says how it is computed without making the columns.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, expect_positive, expect_shape, images, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels::{Geometry, Gradients, conv2d_backward, conv2d_forward};

/// Convolution; inputs x, weight and, if wanted, bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// (vertical, horizontal) step of the kernel.
    pub stride: (usize, usize),
    /// Zeros added at (top and bottom, left and right).
    pub padding: (usize, usize),
    /// How many pixels apart, (vertical, horizontal), those stand that neighbouring weights meet.
    pub dilation: (usize, usize),
    /// Into how many parts channels and filters are cut.
    pub groups: usize,
}

impl Default for Conv2d {
    /// Stride and dilation 1, no padding ("valid"), one group.
    fn default() -> Conv2d {
        Conv2d { stride: (1, 1), padding: (0, 0), dilation: (1, 1), groups: 1 }
    }
}

impl Conv2d {
    pub(crate) fn geometry(&self, x: &Shape, weight: &Shape) -> Result<Geometry> {
        let [n, c_in, h, w] = images("conv2d", x)?;
        let [c_out, _, k_h, k_w] = weight.dims().try_into().map_err(|_| {
            Error::shape("conv2d", format!("a weight of shape {weight}, expected (C_out, C_in, K_h, K_w)"))
        })?;
        Ok(Geometry {
            images: n,
            channels: c_in,
            size: (h, w),
            filters: c_out,
            kernel: (k_h, k_w),
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
        })
    }
}

/// Stride and dilation are at least 1, and the groups cut channels and filters evenly.
pub(super) fn expect_steps_and_groups(name: &'static str, op: &Conv2d, channels: [usize; 2]) -> Result<()> {
    expect_positive(name, "stride", op.stride)?;
    expect_positive(name, "dilation", op.dilation)?;
    let groups = op.groups;
    if groups == 0 || channels.iter().any(|channels| !channels.is_multiple_of(groups)) {
        let [from, to] = channels;
        let message =
            format!("{from} channels to {to} in {groups} groups, expected groups that cut both evenly");
        return Err(Error::shape(name, message));
    }
    Ok(())
}

impl<E: Element> Op<E> for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs("conv2d", inputs, 2..=3)?;
        let g = self.geometry(inputs[0], inputs[1])?;
        expect_steps_and_groups("conv2d", self, [g.channels, g.filters])?;
        expect_shape(
            "conv2d",
            "weight",
            inputs[1],
            &[g.filters, g.channels / g.groups, g.kernel.0, g.kernel.1],
        )?;
        if let Some(bias) = inputs.get(2) {
            expect_shape("conv2d", "bias", bias, &[g.filters])?;
        }
        not_empty("conv2d", inputs)?;
        let (h_out, w_out) = g.output_size();
        if h_out == 0 || w_out == 0 {
            let padded = |size: usize, padding: usize| size.saturating_add(padding.saturating_mul(2));
            let (h, w) = (padded(g.size.0, g.padding.0), padded(g.size.1, g.padding.1));
            let ((k_h, k_w), (d_h, d_w)) = (g.kernel, g.dilation);
            let apart =
                if g.dilation == (1, 1) { String::new() } else { format!(" with dilation {d_h} x {d_w}") };
            return Err(Error::shape(
                "conv2d",
                format!(
                    "the output is empty, a kernel of {k_h} x {k_w}{apart} does not fit an image of {h} x {w} (padding included)"
                ),
            ));
        }
        Ok([g.images, g.filters, h_out, w_out].into())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let g = self.geometry(inputs[0].shape(), inputs[1].shape()).expect("checked by output_shape");
        let bias = inputs.get(2).map(|b| b.values());
        conv2d_forward(&g, inputs[0].values(), inputs[1].values(), bias, output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (x, weight) = (node.inputs[0], node.inputs[1]);
        let g = self.geometry(x.shape(), weight.shape()).expect("checked by output_shape");
        let mut wanted = grad_inputs.iter_mut().map(|grad| grad.as_mut().map(|grad| grad.values_mut()));
        let mut next = || wanted.next().flatten();
        let grads = Gradients { input: next(), weight: next(), bias: next() };
        conv2d_backward(&g, x.values(), weight.values(), grad_output.values(), grads);
    }

    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let dense =
            self.geometry(inputs[0], inputs[1]).map_or(0, |g| 2 * (g.output_len() * g.depth()) as u64);
        dense * wanted.map_or(1, |wanted| u64::from(wanted[0]) + u64::from(wanted[1]))
    }
}

/// (op, x, (C_out, K_h, K_w), bias).
type Case = (Conv2d, [usize; 4], [usize; 3], bool);

/// What it is checked on: every way that a convolution can go is among them.
pub(super) fn cases() -> Vec<Case> {
    let plain = Conv2d::default();
    let padded = Conv2d { padding: (1, 1), ..plain };
    vec![
        (plain, [1, 1, 1, 1], [1, 1, 1], true),
        (plain, [1, 1, 3, 4], [1, 2, 2], false),
        (plain, [2, 3, 5, 7], [4, 3, 3], true),
        (plain, [2, 2, 6, 5], [3, 1, 1], true),
        (plain, [1, 2, 4, 9], [2, 4, 1], true),
        // So few outputs that their gradients go by columns.
        (plain, [2, 3, 4, 3], [5, 3, 3], true),
        (Conv2d { stride: (2, 2), ..plain }, [2, 2, 6, 7], [3, 3, 3], true),
        (Conv2d { stride: (3, 1), ..plain }, [1, 2, 7, 5], [2, 2, 3], false),
        (Conv2d { stride: (5, 4), ..plain }, [1, 1, 7, 9], [2, 2, 2], true),
        (Conv2d { padding: (1, 2), ..plain }, [2, 2, 4, 3], [3, 3, 2], true),
        (Conv2d { stride: (2, 3), padding: (2, 1), ..plain }, [1, 3, 5, 6], [2, 3, 5], true),
        (Conv2d { stride: (2, 2), ..padded }, [2, 5, 9, 9], [9, 3, 3], true),
        (Conv2d { dilation: (2, 1), ..plain }, [2, 2, 7, 6], [3, 3, 3], true),
        (Conv2d { dilation: (2, 3), stride: (1, 2), ..padded }, [1, 3, 6, 9], [2, 2, 3], true),
        (Conv2d { groups: 2, ..plain }, [2, 4, 5, 6], [6, 3, 3], true),
        (Conv2d { groups: 3, stride: (2, 1), ..padded }, [2, 3, 6, 5], [3, 3, 2], true),
        (Conv2d { groups: 4, dilation: (1, 2), ..padded }, [1, 4, 4, 5], [8, 2, 2], false),
        // So many products that it goes by tiles.
        (padded, [2, 9, 9, 10], [6, 3, 3], true),
        (Conv2d { dilation: (2, 3), groups: 2, ..padded }, [2, 6, 11, 13], [4, 3, 3], true),
        // In squares, and by products of matrices in either form.
        (padded, [4, 9, 32, 12], [11, 3, 3], false),
        (padded, [4, 32, 2, 2], [32, 3, 3], true),
        (padded, [1, 32, 4, 4], [32, 3, 3], true),
        // Patches so short, to so many filters, that columns are written for all three.
        (plain, [2, 1, 5, 6], [16, 2, 2], true),
    ]
}

impl Samples for Conv2d {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(6);
        cases()
            .into_iter()
            .map(|(op, x, [c_out, k_h, k_w], bias)| {
                let mut inputs =
                    vec![numbers.tensor(&x), numbers.tensor(&[c_out, x[1] / op.groups, k_h, k_w])];
                let mut linear = vec![0, 1];
                if bias {
                    inputs.push(numbers.tensor(&[c_out]));
                    linear.push(2);
                }
                let (s, p, d) = (op.stride, op.padding, op.dilation);
                let mut label = format!("{} * {c_out} x {k_h} x {k_w}", Shape::from(x));
                for (what, (vertical, horizontal)) in [("stride", s), ("padding", p), ("dilation", d)] {
                    label += &format!(", {what} {vertical} {horizontal}");
                }
                Sample::new(format!("{label}, groups {}", op.groups), op, inputs).linear_in(&linear)
            })
            .collect()
    }

    fn refusals() -> Vec<Refusal> {
        let plain = Conv2d::default();
        vec![
            Refusal::new(
                plain,
                [&[1, 2, 4, 4], &[3, 1, 3, 3]],
                "weight of shape (3, 1, 3, 3), expected (3, 2, 3, 3)",
            ),
            Refusal::new(
                plain,
                [&[1, 2, 4, 4], &[3, 2, 5, 3]],
                "the output is empty, a kernel of 5 x 3 does not fit an image of 4 x 4 (padding included)",
            ),
            Refusal::new(
                Conv2d { padding: (1, 3), ..plain },
                [&[1, 2, 4, 4], &[3, 2, 7, 11]],
                "a kernel of 7 x 11 does not fit an image of 6 x 10 (padding included)",
            ),
            Refusal::new(plain, [&[2, 4, 4], &[3, 2, 5, 3]], "expected images (N, C, H, W)"),
            Refusal::new(plain, [&[1, 2, 4, 4], &[3, 18]], "expected (C_out, C_in, K_h, K_w)"),
            Refusal::new(plain, [&[1, 2, 4, 4], &[3, 2, 3, 3], &[2]], "bias of shape (2), expected (3)"),
            Refusal::new(plain, [&[0, 2, 4, 4], &[3, 2, 3, 3]], "empty input of shape (0, 2, 4, 4)"),
            Refusal::new(
                Conv2d { dilation: (2, 1), ..plain },
                [&[1, 2, 4, 4], &[3, 2, 3, 3]],
                "a kernel of 3 x 3 with dilation 2 x 1 does not fit an image of 4 x 4 (padding included)",
            ),
            Refusal::new(
                Conv2d { dilation: (1, 0), ..plain },
                [&[1, 2, 4, 4], &[3, 2, 3, 3]],
                "dilation of 1 x 0, expected at least 1 x 1",
            ),
            Refusal::new(
                Conv2d { groups: 2, ..plain },
                [&[1, 4, 4, 4], &[3, 2, 3, 3]],
                "4 channels to 3 in 2 groups, expected groups that cut both evenly",
            ),
            Refusal::new(
                Conv2d { groups: 0, ..plain },
                [&[1, 4, 4, 4], &[3, 4, 3, 3]],
                "4 channels to 3 in 0 groups, expected groups that cut both evenly",
            ),
            Refusal::new(
                Conv2d { groups: 2, ..plain },
                [&[1, 4, 4, 4], &[2, 4, 3, 3]],
                "weight of shape (2, 4, 3, 3), expected (2, 2, 3, 3)",
            ),
            Refusal::new(
                Conv2d { stride: (0, 1), ..plain },
                [&[1, 2, 4, 4], &[3, 2, 3, 3]],
                "stride of 0 x 1, expected at least 1 x 1",
            ),
        ]
    }
}
