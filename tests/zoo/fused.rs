//! Wrong gradients of convolution, ReLU and max-pooling in one: what each part may do wrong on the way back.

use super::{Grads, Specimen};
use twinglyph::Tensor;
use twinglyph::ops::{Conv2dReluMaxPool2d, Samples};
use twinglyph::tape::{Node, Op};

const FUSED: Conv2dReluMaxPool2d = Conv2dReluMaxPool2d { padding: (0, 0) };

/// The right backward pass of a changed node or a changed dy, and a change of what it gives.
fn fused(
    what: &str,
    change: impl Fn(&Node<'_, f64>, &mut Vec<u8>, &mut Tensor<f64>, &mut Tensor<f64>) + Send + Sync + 'static,
    after: impl Fn(Grads<'_>) + Send + Sync + 'static,
) -> Specimen {
    // The third sample: two images, some windows below 0, none near a kink.
    let inputs: Vec<Tensor<f64>> = Conv2dReluMaxPool2d::samples().swap_remove(2).inputs;
    Specimen::new(what, FUSED, &inputs, move |node, dy, dx| {
        let (mut saved, mut output, mut dy) = (node.saved.clone(), node.output.clone(), dy.clone());
        change(&node, &mut saved.bytes, &mut output, &mut dy);
        FUSED.vjp(Node { inputs: node.inputs, output: &output, saved: &saved }, &dy, dx);
        after(dx);
    })
}

pub fn specimens() -> Vec<Specimen> {
    vec![
        fused("dy goes to the window's first pixel", |_, winner, _, _| winner.fill(0), |_| ()),
        fused(
            "dy goes to the pixel across the window",
            |_, winner, _, _| winner.iter_mut().for_each(|at| *at = 3 - *at),
            |_| (),
        ),
        fused("the ReLU passes everything", |_, _, y, _| y.values_mut().fill(1.0), |_| ()),
        fused(
            "the ReLU goes by the sign of dy",
            |_, _, y, dy| y.values_mut().copy_from_slice(dy.values()),
            |_| (),
        ),
        fused(
            "the bias takes the mean of dy, not the sum",
            |_, _, _, _| (),
            |grads| {
                for db in grads[2].iter_mut().flat_map(|db| db.values_mut()) {
                    *db /= 6.0;
                }
            },
        ),
    ]
}
