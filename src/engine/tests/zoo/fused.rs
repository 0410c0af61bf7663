//! Wrong gradients of stacks of convolutions, activations and poolings: what each part may do wrong on the way back.

use super::{Grads, Specimen};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{ConvBlock, ConvStack, Samples, Tail};
use twinglyph_engine::tape::{Node, Op, Saved};

/// The right backward pass of what was saved and a dy that are changed, and a change of what it gives. `sample` is one
/// of the op's own; its blocks have these tails, and no padding.
fn fused(
    what: &str,
    (sample, tails): (usize, &[Tail]),
    change: impl Fn(&mut Saved<f64>, &mut Tensor<f64>) + Send + Sync + 'static,
    after: impl Fn(Grads<'_>) + Send + Sync + 'static,
) -> Specimen {
    let inputs: Vec<Tensor<f64>> = ConvStack::samples().swap_remove(sample).inputs;
    let blocks = tails.iter().map(|&tail| ConvBlock { padding: (0, 0), tail }).collect();
    let op = ConvStack { blocks, flatten: inputs[0].shape().dims()[0] == 2 };
    Specimen::new(what, op.clone(), &inputs, move |node, dy, dx| {
        let (mut saved, mut dy) = (node.saved.clone(), dy.clone());
        change(&mut saved, &mut dy);
        op.vjp(Node { inputs: node.inputs, output: node.output, saved: &saved }, &dy, dx);
        after(dx);
    })
}

/// Some windows below 0, none near a kink.
const MAX: (usize, &[Tail]) = (2, &[Tail::ReluMaxPool]);
const AVERAGE: (usize, &[Tail]) = (6, &[Tail::TanhAvgPool]);
const TWO: (usize, &[Tail]) = (9, &[Tail::TanhAvgPool, Tail::TanhAvgPool]);

/// Where the ReLU gave 0.
const NONE: u8 = 4;

/// Another winner for each window, given the winner and dy.
fn winners(saved: &mut Saved<f64>, dy: &Tensor<f64>, other: impl Fn(u8, f64) -> u8) {
    for (winner, dy) in saved.bytes[0].iter_mut().zip(dy.values()) {
        *winner = other(*winner, *dy);
    }
}

pub fn specimens() -> Vec<Specimen> {
    let nothing = |_: Grads<'_>| ();
    vec![
        fused(
            "dy goes to the window's first pixel",
            MAX,
            |saved, dy| winners(saved, dy, |at, _| if at == NONE { NONE } else { 0 }),
            nothing,
        ),
        fused(
            "dy goes to the pixel across the window",
            MAX,
            |saved, dy| winners(saved, dy, |at, _| if at == NONE { NONE } else { 3 - at }),
            nothing,
        ),
        fused(
            "the ReLU passes everything",
            MAX,
            |saved, dy| winners(saved, dy, |at, _| if at == NONE { 0 } else { at }),
            nothing,
        ),
        fused(
            "the ReLU goes by the sign of dy",
            MAX,
            |saved, dy| winners(saved, dy, |at, dy| if dy > 0.0 { at % NONE } else { NONE }),
            nothing,
        ),
        fused(
            "the bias takes the mean of dy, not the sum",
            MAX,
            |_, _| (),
            |grads| {
                for db in grads[2].iter_mut().flat_map(|db| db.values_mut()) {
                    *db /= 6.0;
                }
            },
        ),
        fused(
            "all of dy goes to each pixel of a mean",
            AVERAGE,
            |_, dy| dy.values_mut().iter_mut().for_each(|dy| *dy *= 4.0),
            nothing,
        ),
        fused("tanh has slope 1 everywhere", AVERAGE, |saved, _| saved.values[1].fill(0.0), nothing),
        fused(
            "the slope of tanh is taken at the square",
            AVERAGE,
            |saved, _| saved.values[1].iter_mut().for_each(|t| *t *= *t),
            nothing,
        ),
        fused(
            "the second block's weights never saw the first's output",
            TWO,
            |saved, _| saved.values[0].fill(1.0),
            nothing,
        ),
        fused(
            "the second block has the first's tanh",
            TWO,
            |saved, _| {
                let (first, second) = saved.values.split_at_mut(2);
                for (second, first) in second[1].iter_mut().zip(&first[1]) {
                    *second = *first;
                }
            },
            nothing,
        ),
    ]
}
