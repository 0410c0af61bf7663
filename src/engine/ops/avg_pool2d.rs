//! Average pooling: `y[n,c,i,j]` = the mean of the window of `x[n,c]` that begins at (i s_h, j s_w).
//!
//! Every pixel of the window has the same share, so `dx[pixel] += dy / (K_h K_w)`, once for each window that the
//! pixel lies in. Windows lie wholly inside, an odd last row or column is dropped.

use super::max_pool2d::{POOL_CASES, pool_sizes};
use super::sample::{Numbers, Refusal, Sample, Samples};
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::{avg_pool2d_backward, avg_pool2d_forward};

/// Average pooling of images (N, C, H, W).
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d {
    /// (K_h, K_w).
    pub window: (usize, usize),
    /// (S_h, S_w); commonly the window.
    pub stride: (usize, usize),
}

impl<E: Element> Op<E> for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(pool_sizes("avg_pool2d", inputs, self.window, self.stride)?.1)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (g, _) = pool_sizes("avg_pool2d", &[inputs[0].shape()], self.window, self.stride)
            .expect("checked by output_shape");
        avg_pool2d_forward(&g, inputs[0].values(), output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (g, _) = pool_sizes("avg_pool2d", &[node.inputs[0].shape()], self.window, self.stride)
            .expect("checked by output_shape");
        if let Some(dx) = &mut grad_inputs[0] {
            avg_pool2d_backward(&g, grad_output.values(), dx.values_mut());
        }
    }
}

impl Samples for AvgPool2d {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(8);
        POOL_CASES
            .map(|(window, stride, shape)| {
                let label = format!("{} by {window:?}, stride {stride:?}", Shape::from(shape));
                let x = numbers.tensor(&shape);
                Sample::new(label, AvgPool2d { window, stride }, vec![x]).linear_in(&[0])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let two = AvgPool2d { window: (2, 2), stride: (2, 2) };
        vec![
            Refusal::new(
                two,
                [&[1, 1, 4, 1]],
                "the output is empty, a window of 2 x 2 does not fit an image of 4 x 1",
            ),
            Refusal::new(two, [&[0, 1, 4, 4]], "empty input of shape (0, 1, 4, 4)"),
        ]
    }
}
