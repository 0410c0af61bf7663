//! Max-pooling: `y[n,c,i,j]` = the largest of the window of `x[n,c]` that begins at (i s_h, j s_w).
//!
//! The largest moves with its own pixel and with no other, so all of dy goes to where the maximum stood:
//!
//! ```text
//! dx[argmax(i, j)] += dy[i, j]
//! ```
//!
//! At a tie the function has a kink; the first of the equals in row order is the winner. Windows lie wholly
//! inside, an odd last row or column is dropped.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, expect_positive, images, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels::{Pool2d, max_pool2d_backward, max_pool2d_forward};

/// Max-pooling of images (N, C, H, W).
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    /// (K_h, K_w).
    pub window: (usize, usize),
    /// (S_h, S_w); commonly the window.
    pub stride: (usize, usize),
}

/// The pooling's sizes; the shape rule of both kinds.
pub(super) fn pool_sizes(
    op: &'static str,
    inputs: &[&Shape],
    window: (usize, usize),
    stride: (usize, usize),
) -> Result<(Pool2d, Shape)> {
    expect_inputs(op, inputs, 1..=1)?;
    let [n, c, h, w] = images(op, inputs[0])?;
    not_empty(op, inputs)?;
    expect_positive(op, "window", window)?;
    expect_positive(op, "stride", stride)?;
    let sizes = Pool2d { planes: n * c, size: (h, w), window, stride };
    let (h_out, w_out) = sizes.output_size();
    if h_out == 0 || w_out == 0 {
        let message = format!(
            "the output is empty, a window of {} x {} does not fit an image of {h} x {w}",
            window.0, window.1
        );
        return Err(Error::shape(op, message));
    }
    Ok((sizes, [n, c, h_out, w_out].into()))
}

/// (window, stride, shape of x).
type PoolCase = ((usize, usize), (usize, usize), [usize; 4]);

/// Windows and strides that the samples of both kinds try, each with the size of its images.
pub(super) const POOL_CASES: [PoolCase; 6] = [
    ((1, 1), (1, 1), [1, 1, 1, 1]),
    ((2, 2), (2, 2), [2, 3, 4, 6]),
    ((2, 2), (2, 2), [1, 2, 5, 7]),
    ((3, 2), (2, 1), [2, 1, 7, 5]),
    ((2, 1), (3, 2), [1, 2, 6, 5]),
    ((3, 3), (1, 1), [1, 1, 5, 4]),
];

impl<E: Element> Op<E> for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(pool_sizes("max_pool2d", inputs, self.window, self.stride)?.1)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let (g, _) = pool_sizes("max_pool2d", &[inputs[0].shape()], self.window, self.stride)
            .expect("checked by output_shape");
        let indices = saved.make_indices(output.values().len());
        max_pool2d_forward(&g, inputs[0].values(), output.values_mut(), indices);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (g, _) = pool_sizes("max_pool2d", &[node.inputs[0].shape()], self.window, self.stride)
            .expect("checked by output_shape");
        if let Some(dx) = &mut grad_inputs[0] {
            max_pool2d_backward(&g, &node.saved.indices, grad_output.values(), dx.values_mut());
        }
    }
}

impl Samples for MaxPool2d {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(7);
        POOL_CASES
            .map(|(window, stride, shape)| {
                let label = format!("{} by {window:?}, stride {stride:?}", Shape::from(shape));
                Sample::new(label, MaxPool2d { window, stride }, vec![numbers.distinct(&shape)])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let two = MaxPool2d { window: (2, 2), stride: (2, 2) };
        vec![
            Refusal::new(
                two,
                [&[1, 1, 1, 4]],
                "the output is empty, a window of 2 x 2 does not fit an image of 1 x 4",
            ),
            Refusal::new(two, [&[4, 4]], "expected images (N, C, H, W)"),
            Refusal::new(
                MaxPool2d { stride: (1, 0), ..two },
                [&[1, 1, 4, 4]],
                "stride of 1 x 0, expected at least 1 x 1",
            ),
            Refusal::new(
                MaxPool2d { window: (0, 2), ..two },
                [&[1, 1, 4, 4]],
                "window of 0 x 2, expected at least 1 x 1",
            ),
        ]
    }
}
