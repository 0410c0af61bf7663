//! Convolution, ReLU and 2 x 2 max-pooling in one, for stride 1: what `conv2d`, `relu` and `max_pool2d` compute one
//! after the other, without ever writing the full-sized y or its gradient to memory.
//!
//! ```text
//! y[i, j] = max(0, largest of conv at (2i, 2j), (2i, 2j + 1), (2i + 1, 2j), (2i + 1, 2j + 1))
//! ```
//!
//! On the way back dy goes to the winner of each window where y > 0, and from there as in `conv2d`. Ties go to the
//! first, and where y = 0 the gradient is 0, as in the plain ops.

use super::conv2d::Conv2d;
use super::sample::{Numbers, Refusal, Sample, Samples};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels as kernels;
use twinglyph_kernels::{Geometry, Gradients, pooled_size};

/// Convolution of stride 1, ReLU, 2 x 2 max-pooling; inputs x, weight, bias.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dReluMaxPool2d {
    /// Zeros added at (top and bottom, left and right).
    pub padding: (usize, usize),
}

const NAME: &str = "conv2d_relu_max_pool2d";

impl Conv2dReluMaxPool2d {
    fn convolution(&self) -> Conv2d {
        Conv2d { stride: (1, 1), padding: self.padding }
    }

    fn geometry<E: Element>(&self, inputs: &[&Tensor<E>]) -> Geometry {
        self.convolution().geometry(inputs[0].shape(), inputs[1].shape()).expect("checked by output_shape")
    }
}

impl<E: Element> Op<E> for Conv2dReluMaxPool2d {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        super::shapes::expect_inputs(NAME, inputs, 3..=3)?;
        let full = Op::<E>::output_shape(&self.convolution(), inputs)?;
        let &[n, c, h_out, w_out] = full.dims() else { unreachable!("images") };
        if h_out < 2 || w_out < 2 {
            let message = format!("the output is empty, a window of 2 x 2 does not fit {h_out} x {w_out}");
            return Err(Error::shape(NAME, message));
        }
        Ok([n, c, h_out / 2, w_out / 2].into())
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let g = self.geometry(inputs);
        let [x, weight, bias] = [0, 1, 2].map(|i| inputs[i].values());
        saved.bytes.resize(output.values().len(), 0);
        let y = output.values_mut();
        kernels::conv2d_relu_max_pool_forward(&g, x, weight, bias, y, &mut saved.bytes);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let g = self.geometry(node.inputs);
        debug_assert_eq!(pooled_size(&g).0, node.output.dims()[2]);
        let [x, weight] = [0, 1].map(|i| node.inputs[i].values());
        let mut wanted = grad_inputs.iter_mut().map(|grad| grad.as_mut().map(|grad| grad.values_mut()));
        let mut next = || wanted.next().flatten();
        let grads = Gradients { input: next(), weight: next(), bias: next() };
        let winner = &node.saved.bytes[..];
        kernels::conv2d_relu_max_pool_backward(&g, x, weight, winner, grad_output.values(), grads);
    }
}

impl Samples for Conv2dReluMaxPool2d {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(14);
        // (x, (C_out, K_h, K_w), padding)
        type Case = ([usize; 4], [usize; 3], (usize, usize));
        let cases: [Case; 5] = [
            ([1, 1, 2, 2], [1, 1, 1], (0, 0)),
            ([1, 2, 4, 5], [3, 3, 2], (0, 0)),
            ([2, 2, 7, 6], [2, 3, 3], (0, 0)),
            ([2, 1, 3, 4], [5, 3, 3], (1, 1)),
            ([1, 3, 5, 7], [9, 2, 4], (0, 2)),
        ];
        cases
            .map(|(x, [c_out, k_h, k_w], padding)| {
                let op = Conv2dReluMaxPool2d { padding };
                let label = format!("{} * {c_out} x {k_h} x {k_w}, padding {padding:?}", Shape::from(x));
                // Numbers are drawn until no window is near a tie and no maximum near 0.
                loop {
                    let inputs = vec![
                        numbers.tensor(&x),
                        numbers.tensor(&[c_out, x[1], k_h, k_w]),
                        numbers.tensor(&[c_out]),
                    ];
                    if clear_of_kinks(&op, &inputs) {
                        break Sample::new(label, op, inputs);
                    }
                }
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = Conv2dReluMaxPool2d { padding: (0, 0) };
        vec![
            Refusal::new(op, [&[1, 1, 3, 4], &[1, 1, 3, 3], &[1]], "a window of 2 x 2 does not fit 1 x 2"),
            Refusal::new(op, [&[1, 1, 3, 4], &[1, 1, 3, 3]], "2 inputs given, expected 3"),
        ]
    }
}

/// Whether the two largest of every window, and the largest and 0, are 0.002 apart.
fn clear_of_kinks<E: Element>(op: &Conv2dReluMaxPool2d, inputs: &[Tensor<E>]) -> bool {
    let all: Vec<&Tensor<E>> = inputs.iter().collect();
    let g = op.geometry(&all);
    let (h_out, w_out) = g.output_size();
    let mut full = vec![E::ZERO; g.output_len()];
    let bias = Some(inputs[2].values());
    kernels::reference::conv2d_forward(&g, inputs[0].values(), inputs[1].values(), bias, &mut full);
    let gap = E::from_f64(0.002);
    full.chunks(h_out * w_out).all(|plane| {
        (0..h_out / 2).all(|i| {
            (0..w_out / 2).all(|j| {
                let at = |u: usize, v: usize| plane[(2 * i + u) * w_out + 2 * j + v];
                let mut window = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)];
                window.sort_by(|a, b| b.partial_cmp(a).expect("numbers"));
                window[0].abs() > gap && (window[0] < E::ZERO || window[0] - window[1] > gap)
            })
        })
    })
}
