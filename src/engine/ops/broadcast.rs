//! Arithmetic of a (any shape) and b, stretched to a's shape by NumPy's rules; y has a's shape.
//!
//! ```text
//! broadcast_add  y[i] = a[i] + b[s(i)]    da = dy             db[j] = Σ_{i: s(i) = j} dy[i]
//! broadcast_mul  y[i] = a[i] b[s(i)]      da[i] = dy[i] b[s(i)]    db[j] = Σ_{i: s(i) = j} dy[i] a[i]
//! ```
//!
//! s(i) is i without the axes that b is stretched along: axes are aligned at the right, and along one of which b has one
//! place, or none, all places of a meet the same number of b. So b (F) or (1, F) is a row for every row of a (N, F), b
//! (N, 1) a number for every row, and b () or (1) one for all. b is in as many places of y as it is stretched to, and
//! gathers the gradient of each; the order of the sums is that of the shapes alone.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels::map::{Identity, map_add};
use twinglyph_kernels::{Broadcast, broadcast_add, broadcast_mul, broadcast_mul_add, broadcast_sum};

/// y = a + b in a's shape. b is stretched: its axes are a's last ones, each as long as a's or 1, as (F), (1, F) or (N, 1) to (N, F).
#[derive(Clone, Copy, Debug)]
pub struct BroadcastAdd;

/// y = a b in a's shape; b is stretched as in [`BroadcastAdd`].
#[derive(Clone, Copy, Debug)]
pub struct BroadcastMul;

fn output_shape(op: &'static str, inputs: &[&Shape]) -> Result<Shape> {
    expect_inputs(op, inputs, 2..=2)?;
    not_empty(op, inputs)?;
    let [a, b] = [inputs[0], inputs[1]];
    match Broadcast::new(a.dims(), b.dims()) {
        Some(_) => Ok(a.clone()),
        None => Err(Error::shape(
            op,
            format!("a second input of shape {b}, expected one that stretches to the first's {a}"),
        )),
    }
}

/// How b lies in a, and their numbers.
fn operands<'a, E: Element>(inputs: &[&'a Tensor<E>]) -> (Broadcast, &'a [E], &'a [E]) {
    let [a, b] = [inputs[0], inputs[1]];
    (Broadcast::new(a.dims(), b.dims()).expect("checked by output_shape"), a.values(), b.values())
}

impl<E: Element> Op<E> for BroadcastAdd {
    fn name(&self) -> &'static str {
        "broadcast_add"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        output_shape("broadcast_add", inputs)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (g, a, b) = operands(inputs);
        broadcast_add(&g, a, b, output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (g, ..) = operands(node.inputs);
        if let Some(da) = &mut grad_inputs[0] {
            map_add(Identity, [grad_output.values()], da.values_mut());
        }
        if let Some(db) = &mut grad_inputs[1] {
            broadcast_sum(&g, grad_output.values(), None, db.values_mut());
        }
    }
}

impl<E: Element> Op<E> for BroadcastMul {
    fn name(&self) -> &'static str {
        "broadcast_mul"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        output_shape("broadcast_mul", inputs)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (g, a, b) = operands(inputs);
        broadcast_mul(&g, a, b, output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (g, a, b) = operands(node.inputs);
        if let Some(da) = &mut grad_inputs[0] {
            broadcast_mul_add(&g, grad_output.values(), b, da.values_mut());
        }
        if let Some(db) = &mut grad_inputs[1] {
            broadcast_sum(&g, grad_output.values(), Some(a), db.values_mut());
        }
    }
}

fn samples<E: Element>(op: impl Op<E> + Copy + 'static) -> Vec<Sample<E>> {
    let mut numbers = Numbers::new(22);
    // Of a and of b: all kinds of axes, and both together in one axis and apart.
    let sizes: [[&[usize]; 2]; 9] = [
        [&[], &[]],
        [&[1], &[]],
        [&[3, 5], &[]],
        [&[3, 5], &[5]],
        [&[3, 5], &[3, 1]],
        [&[4, 3], &[4, 3]],
        [&[2, 3, 4], &[3, 1]],
        [&[2, 3, 1, 5], &[2, 1, 1, 5]],
        [&[2, 3, 2, 3], &[3, 1, 3]],
    ];
    sizes
        .map(|shapes| {
            let [a, b] = shapes.map(Shape::from);
            let inputs = shapes.map(|shape| numbers.tensor(shape)).into();
            Sample::new(format!("{a} and {b}"), op, inputs).linear_in(&[0, 1])
        })
        .into()
}

fn refusals(op: impl Op<f64> + Copy + 'static) -> Vec<Refusal> {
    vec![
        Refusal::new(
            op,
            [&[4, 3], &[4]],
            "second input of shape (4), expected one that stretches to the first's (4, 3)",
        ),
        Refusal::new(
            op,
            [&[3], &[2, 3]],
            "second input of shape (2, 3), expected one that stretches to the first's (3)",
        ),
        Refusal::new(
            op,
            [&[1, 3], &[2, 3]],
            "second input of shape (2, 3), expected one that stretches to the first's (1, 3)",
        ),
        Refusal::new(op, [&[2, 0], &[1]], "empty input of shape (2, 0)"),
        Refusal::new(op, [&[2, 3]], "1 inputs given, expected 2"),
    ]
}

impl Samples for BroadcastAdd {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        samples(BroadcastAdd)
    }

    fn refusals() -> Vec<Refusal> {
        refusals(BroadcastAdd)
    }
}

impl Samples for BroadcastMul {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        samples(BroadcastMul)
    }

    fn refusals() -> Vec<Refusal> {
        refusals(BroadcastMul)
    }
}
