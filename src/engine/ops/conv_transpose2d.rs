//! Transposed convolution: the backward pass of a convolution as a function of its own, which makes images larger.
//!
//! x (N, C_in, H, W), weight (C_in, C_out / groups, K_h, K_w), bias (C_out), y (N, C_out, H_out, W_out). Let conv be the
//! convolution from images of y's shape to such of x's, with x's channels for filters: the same weight, stride, padding,
//! dilation and groups. Then
//!
//! ```text
//! y[n,o,r,q] = b[o] + Σ over all (c,u,v,i,j) with i s_h + u d_h - p_h = r and j s_w + v d_w - p_w = q of w[c,o,u,v] x[n,c,i,j]
//! H_out = (H - 1) s_h - 2 p_h + d_h (K_h - 1) + p'_h + 1, W_out likewise
//! ```
//!
//! is what conv makes dx of dy = x. The output padding p' (from 0 to s - 1) says which of the s sizes that conv takes to H is
//! meant. y is linear in x, and conv is its transpose:
//!
//! ```text
//! dx = conv(dy)       dw: that of conv, with dy for its x and x for its dy       db[o] = Σ_{n,r,q} dy[n,o,r,q]
//! ```

use super::conv2d::{Conv2d, expect_steps_and_groups};
use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, expect_shape, images, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels::map::{Identity, map_add};
use twinglyph_kernels::{
    Broadcast, Geometry, Gradients, broadcast_sum, conv2d_backward, conv2d_forward, fill_zero, scratch,
};

/// Transposed convolution; inputs x, weight and, if wanted, bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConvTranspose2d {
    /// The convolution that it is the transpose of.
    pub convolution: Conv2d,
    /// Rows and columns that y has more, (vertical, horizontal); less than the stride.
    pub output_padding: (usize, usize),
}

const NAME: &str = "conv_transpose2d";

impl ConvTranspose2d {
    /// The sizes of the convolution from y to x.
    pub(crate) fn geometry(&self, x: &Shape, weight: &Shape) -> Result<Geometry> {
        let [n, c_in, h, w] = images(NAME, x)?;
        let &[_, c_out, k_h, k_w] = weight.dims() else {
            let message = format!("a weight of shape {weight}, expected (C_in, C_out / groups, K_h, K_w)");
            return Err(Error::shape(NAME, message));
        };
        let Conv2d { stride, padding, dilation, groups } = self.convolution;
        let size = |size: usize, k: usize, stride: usize, padding: usize, dilation: usize, more: usize| {
            let reach = k.checked_sub(1)?.checked_mul(dilation)?.checked_add(more)?.checked_add(1)?;
            size.checked_sub(1)?.checked_mul(stride)?.checked_add(reach)?.checked_sub(padding.checked_mul(2)?)
        };
        let vertical = size(h, k_h, stride.0, padding.0, dilation.0, self.output_padding.0);
        let horizontal = size(w, k_w, stride.1, padding.1, dilation.1, self.output_padding.1);
        let (Some(h_out @ 1..), Some(w_out @ 1..)) = (vertical, horizontal) else {
            let message =
                format!("the output of images of {h} x {w} is empty, expected less padding than that");
            return Err(Error::shape(NAME, message));
        };
        let channels = c_out.saturating_mul(groups);
        let (size, kernel) = ((h_out, w_out), (k_h, k_w));
        Ok(Geometry { images: n, channels, size, filters: c_in, kernel, stride, padding, dilation, groups })
    }

    /// The same where `output_shape` has checked it.
    fn checked<E: Element>(&self, inputs: &[&Tensor<E>]) -> Geometry {
        self.geometry(inputs[0].shape(), inputs[1].shape()).expect("checked by output_shape")
    }
}

/// How a bias lies in y.
fn of_channels(g: &Geometry) -> Broadcast {
    Broadcast::new(&[g.images, g.channels, g.size.0, g.size.1], &[g.channels, 1, 1]).expect("it stretches")
}

impl<E: Element> Op<E> for ConvTranspose2d {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs(NAME, inputs, 2..=3)?;
        not_empty(NAME, inputs)?;
        let (more, stride) = (self.output_padding, self.convolution.stride);
        let [channels, c_out] = [inputs[0], inputs[1]].map(|shape| shape.dims().get(1).copied().unwrap_or(0));
        expect_steps_and_groups(
            NAME,
            &self.convolution,
            [channels, c_out.saturating_mul(self.convolution.groups)],
        )?;
        if more.0 >= stride.0 || more.1 >= stride.1 {
            let message = format!(
                "an output padding of {} x {}, expected less than the stride of {} x {}",
                more.0, more.1, stride.0, stride.1
            );
            return Err(Error::shape(NAME, message));
        }
        let g = self.geometry(inputs[0], inputs[1])?;
        expect_shape(NAME, "weight", inputs[1], &[g.filters, g.channels / g.groups, g.kernel.0, g.kernel.1])?;
        if let Some(bias) = inputs.get(2) {
            expect_shape(NAME, "bias", bias, &[g.channels])?;
        }
        Ok([g.images, g.channels, g.size.0, g.size.1].into())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (g, y) = (self.checked(inputs), output.values_mut());
        match inputs.get(2) {
            None => fill_zero(y),
            Some(bias) => {
                let planes = y.chunks_mut(g.size.0 * g.size.1).zip(bias.values().iter().cycle());
                planes.for_each(|(plane, bias)| plane.fill(*bias));
            }
        }
        let grads = Gradients { input: Some(y), weight: None, bias: None };
        conv2d_backward(&g, &[], inputs[1].values(), inputs[0].values(), grads);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (g, dy) = (self.checked(node.inputs), grad_output.values());
        let (x, weight) = (node.inputs[0].values(), node.inputs[1].values());
        let mut wanted = grad_inputs.iter_mut().map(|grad| grad.as_mut().map(|grad| grad.values_mut()));
        let mut next = || wanted.next().flatten();
        if let Some(dx) = next() {
            let mut made = scratch::any::<E>(dx.len());
            conv2d_forward(&g, dy, weight, None, &mut made);
            map_add(Identity, [&made[..]], dx);
        }
        if let Some(dw) = next() {
            conv2d_backward(&g, dy, weight, x, Gradients { input: None, weight: Some(dw), bias: None });
        }
        if let Some(db) = next() {
            broadcast_sum(&of_channels(&g), dy, None, db);
        }
    }

    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let dense =
            self.geometry(inputs[0], inputs[1]).map_or(0, |g| 2 * (inputs[0].len() * g.depth()) as u64);
        dense * wanted.map_or(1, |wanted| u64::from(wanted[0]) + u64::from(wanted[1]))
    }
}

impl Samples for ConvTranspose2d {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(41);
        let plain = Conv2d::default();
        // (convolution, output padding, x, (C_out, K_h, K_w), bias)
        type Case = (Conv2d, (usize, usize), [usize; 4], [usize; 3], bool);
        let cases: [Case; 9] = [
            (plain, (0, 0), [1, 1, 1, 1], [1, 1, 1], true),
            (plain, (0, 0), [2, 3, 3, 4], [2, 3, 3], true),
            (Conv2d { stride: (2, 2), ..plain }, (0, 0), [2, 2, 3, 4], [3, 2, 2], true),
            (Conv2d { stride: (2, 3), padding: (1, 0), ..plain }, (1, 2), [1, 3, 3, 2], [2, 3, 2], false),
            (Conv2d { stride: (3, 1), padding: (1, 1), ..plain }, (2, 0), [2, 1, 2, 5], [2, 3, 3], true),
            (Conv2d { dilation: (2, 1), padding: (1, 0), ..plain }, (0, 0), [1, 2, 4, 3], [2, 2, 3], true),
            (Conv2d { groups: 2, stride: (2, 1), ..plain }, (1, 0), [2, 4, 3, 3], [6, 3, 2], true),
            (Conv2d { groups: 3, ..plain }, (0, 0), [1, 3, 4, 4], [3, 3, 3], false),
            (Conv2d { padding: (1, 1), ..plain }, (0, 0), [1, 32, 4, 4], [32, 3, 3], true),
        ];
        cases
            .map(|(convolution, output_padding, x, [c_out, k_h, k_w], bias)| {
                let groups = convolution.groups;
                let mut inputs = vec![numbers.tensor(&x), numbers.tensor(&[x[1], c_out / groups, k_h, k_w])];
                let mut linear = vec![0, 1];
                if bias {
                    inputs.push(numbers.tensor(&[c_out]));
                    linear.push(2);
                }
                let label = format!("{} * {c_out} x {k_h} x {k_w}, {convolution:?}", Shape::from(x));
                Sample::new(label, ConvTranspose2d { convolution, output_padding }, inputs).linear_in(&linear)
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let plain = ConvTranspose2d::default();
        let with = |convolution: Conv2d| ConvTranspose2d { convolution, ..plain };
        let padded = Conv2d { padding: (2, 2), ..Conv2d::default() };
        vec![
            Refusal::new(plain, [&[1, 2, 4], &[2, 3, 3, 3]], "expected images (N, C, H, W)"),
            Refusal::new(plain, [&[1, 2, 4, 4], &[2, 27]], "expected (C_in, C_out / groups, K_h, K_w)"),
            Refusal::new(
                plain,
                [&[1, 2, 4, 4], &[3, 2, 3, 3]],
                "weight of shape (3, 2, 3, 3), expected (2, 2, 3, 3)",
            ),
            Refusal::new(plain, [&[1, 2, 4, 4], &[2, 3, 3, 3], &[2]], "bias of shape (2), expected (3)"),
            Refusal::new(plain, [&[1, 2, 0, 4], &[2, 3, 3, 3]], "empty input of shape (1, 2, 0, 4)"),
            Refusal::new(
                ConvTranspose2d { output_padding: (0, 1), ..plain },
                [&[1, 2, 4, 4], &[2, 3, 3, 3]],
                "an output padding of 0 x 1, expected less than the stride of 1 x 1",
            ),
            Refusal::new(with(padded), [&[1, 2, 2, 2], &[2, 3, 3, 3]], "expected less padding than that"),
            Refusal::new(
                with(Conv2d { stride: (0, 1), ..Conv2d::default() }),
                [&[1, 2, 4, 4], &[2, 3, 3, 3]],
                "stride of 0 x 1, expected at least 1 x 1",
            ),
            Refusal::new(
                with(Conv2d { groups: 2, ..Conv2d::default() }),
                [&[1, 3, 4, 4], &[3, 2, 3, 3]],
                "3 channels to 4 in 2 groups, expected groups that cut both evenly",
            ),
        ]
    }
}
