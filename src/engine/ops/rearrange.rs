//! The same numbers in another shape, order or choice. Each number of y is one of x, so its gradient goes back to where it
//! came from; where one was taken more than once, its gradients add up, and where it was left out, it gets none.
//!
//! ```text
//! reshape      the numbers of x in the same order              dx: those of dy
//! transpose    y[j,i] = x[i,j]                                 dx[i,j] = dy[j,i]
//! concat       y = x_1, x_2, ... one after the other           dx_i: its part of dy
//!              along an axis
//! slice        y[.., i, ..] = x[.., start + i, ..]             dx[.., start + i, ..] = dy[.., i, ..], else 0
//! gather_rows  y[i, ..] = x[rows[i], ..]                       dx[r, ..] = Σ_{i: rows[i] = r} dy[i, ..]
//! ```

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, not_empty, same_shapes};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use std::ops::Range;
use twinglyph_kernels::map::{Identity, map, map_add};
use twinglyph_kernels::{self as kernels, Columns, copy_columns};

/// The numbers of x in the same order, in another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The shape of y; it has as many numbers as x.
    pub shape: Shape,
}

/// The rows of a matrix as columns: (N, M) to (M, N).
#[derive(Clone, Copy, Debug)]
pub struct Transpose;

/// One input or more, one after the other along an axis; their other axes are the same.
#[derive(Clone, Copy, Debug)]
pub struct Concat {
    /// The axis along which they follow each other, counted from 0.
    pub axis: usize,
}

/// The places `range` of an axis.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The axis, counted from 0.
    pub axis: usize,
    /// Which of its places, at least one.
    pub range: Range<usize>,
}

/// Some of the rows of x (N, ...), in any order and any of them more than once: (R, ...).
#[derive(Clone, Debug)]
pub struct GatherRows {
    /// The place of each along x's first axis, at least one.
    pub rows: Vec<usize>,
}

/// The shape with another size along an axis.
fn resized(shape: &Shape, axis: usize, size: usize) -> Shape {
    let mut dims = shape.dims().to_vec();
    dims[axis] = size;
    dims[..].into()
}

fn expect_axis(op: &'static str, shape: &Shape, axis: usize) -> Result<usize> {
    let refusal =
        || Error::shape(op, format!("axis {axis} of an input of shape {shape}, expected one that it has"));
    shape.dims().get(axis).copied().ok_or_else(refusal)
}

/// Numbers of one place along an axis, and of all: a tensor is a matrix whose rows go from this axis on.
fn inner(shape: &Shape, axis: usize) -> (usize, usize) {
    let place = shape.dims()[axis + 1..].iter().product();
    (place, place * shape.dims()[axis])
}

impl<E: Element> Op<E> for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let (shape, to) = (same_shapes("reshape", inputs, 1)?, &self.shape);
        if shape.len() == to.len() {
            return Ok(to.clone());
        }
        Err(Error::shape(
            "reshape",
            format!("an input of shape {shape} to {to}, expected a shape of {} numbers", shape.len()),
        ))
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        map(Identity, [inputs[0].values()], output.values_mut());
    }

    fn vjp(&self, _: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        if let Some(dx) = &mut grad_inputs[0] {
            map_add(Identity, [grad_output.values()], dx.values_mut());
        }
    }
}

impl<E: Element> Op<E> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = same_shapes("transpose", inputs, 1)?;
        match shape.dims() {
            [n, m] => Ok([*m, *n].into()),
            _ => {
                Err(Error::shape("transpose", format!("an input of shape {shape}, expected a matrix (N, M)")))
            }
        }
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        kernels::transpose(inputs[0].dims()[1], inputs[0].values(), output.values_mut(), false);
    }

    fn vjp(&self, _: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        if let Some(dx) = &mut grad_inputs[0] {
            kernels::transpose(grad_output.dims()[1], grad_output.values(), dx.values_mut(), true);
        }
    }
}

impl<E: Element> Op<E> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs("concat", inputs, 1..=usize::MAX)?;
        not_empty("concat", inputs)?;
        let (first, axis) = (inputs[0], self.axis);
        let mut size = 0;
        for shape in inputs {
            expect_axis("concat", first, axis)?;
            size += shape.dims().get(axis).copied().unwrap_or(0);
            if shape.dims().len() != first.dims().len() || resized(shape, axis, first.dims()[axis]) != *first
            {
                let message =
                    format!("inputs of shapes {first} and {shape}, expected the same but for axis {axis}");
                return Err(Error::shape("concat", message));
            }
        }
        Ok(resized(first, axis, size))
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (_, width) = inner(output.shape(), self.axis);
        let mut first = 0;
        for x in inputs {
            let (_, count) = inner(x.shape(), self.axis);
            let from = Columns { matrix: x.values(), width: count, first: 0 };
            copy_columns(from, Columns { matrix: output.values_mut(), width, first }, count, false);
            first += count;
        }
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (_, width) = inner(grad_output.shape(), self.axis);
        let mut first = 0;
        for (x, dx) in node.inputs.iter().zip(grad_inputs) {
            let (_, count) = inner(x.shape(), self.axis);
            if let Some(dx) = dx {
                let from = Columns { matrix: grad_output.values(), width, first };
                copy_columns(from, Columns { matrix: dx.values_mut(), width: count, first: 0 }, count, true);
            }
            first += count;
        }
    }
}

impl Slice {
    /// Of x's shape: numbers of a row, the first that is taken, and how many are.
    fn columns(&self, shape: &Shape) -> (usize, usize, usize) {
        let (place, width) = inner(shape, self.axis);
        (width, self.range.start * place, self.range.len() * place)
    }
}

impl<E: Element> Op<E> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = same_shapes("slice", inputs, 1)?;
        let size = expect_axis("slice", shape, self.axis)?;
        let range = &self.range;
        if range.is_empty() || range.end > size {
            let message = format!(
                "places {}..{} of axis {} of an input of shape {shape}, expected one or more of 0..{size}",
                range.start, range.end, self.axis
            );
            return Err(Error::shape("slice", message));
        }
        Ok(resized(shape, self.axis, range.len()))
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (width, first, count) = self.columns(inputs[0].shape());
        let from = Columns { matrix: inputs[0].values(), width, first };
        copy_columns(from, Columns { matrix: output.values_mut(), width: count, first: 0 }, count, false);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let (width, first, count) = self.columns(node.inputs[0].shape());
        if let Some(dx) = &mut grad_inputs[0] {
            let from = Columns { matrix: grad_output.values(), width: count, first: 0 };
            copy_columns(from, Columns { matrix: dx.values_mut(), width, first }, count, true);
        }
    }
}

impl<E: Element> Op<E> for GatherRows {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = same_shapes("gather_rows", inputs, 1)?;
        let size = expect_axis("gather_rows", shape, 0)?;
        if let Some(row) = self.rows.iter().find(|row| **row >= size) {
            let message = format!("row {row} of an input of shape {shape}, expected rows of 0..{size}");
            return Err(Error::shape("gather_rows", message));
        }
        if self.rows.is_empty() {
            return Err(Error::shape("gather_rows", "no rows, expected at least one"));
        }
        Ok(resized(shape, 0, self.rows.len()))
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        let (width, _) = inner(inputs[0].shape(), 0);
        kernels::gather_rows(width, &self.rows, inputs[0].values(), output.values_mut());
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        if let Some(dx) = &mut grad_inputs[0] {
            let (width, _) = inner(node.inputs[0].shape(), 0);
            kernels::gather_rows_backward(width, &self.rows, grad_output.values(), dx.values_mut());
        }
    }
}

/// A sample of `op` on inputs of these shapes; all of these ops are linear.
fn sample<E: Element>(
    numbers: &mut Numbers,
    op: impl Op<E> + 'static,
    what: &str,
    shapes: &[&[usize]],
) -> Sample<E> {
    let inputs: Vec<Tensor<E>> = shapes.iter().map(|shape| numbers.tensor(shape)).collect();
    let given: Vec<String> = shapes.iter().map(|shape| Shape::from(*shape).to_string()).collect();
    let linear: Vec<usize> = (0..inputs.len()).collect();
    Sample::new(format!("{}{what}", given.join(" and ")), op, inputs).linear_in(&linear)
}

impl Samples for Reshape {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(24);
        let cases: [[&[usize]; 2]; 4] =
            [[&[1], &[]], [&[6], &[2, 3]], [&[3, 5, 2], &[5, 6]], [&[2, 9], &[3, 3, 2]]];
        cases
            .map(|[from, to]| {
                let op = Reshape { shape: to.into() };
                sample(&mut numbers, op, &format!(" to {}", Shape::from(to)), &[from])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = || Reshape { shape: [4, 2].into() };
        vec![
            Refusal::new(op(), [&[2, 3]], "shape (2, 3) to (4, 2), expected a shape of 6 numbers"),
            Refusal::new(op(), [&[0, 3]], "empty input of shape (0, 3)"),
            Refusal::new(op(), [&[8], &[8]], "2 inputs given, expected 1"),
        ]
    }
}

impl Samples for Transpose {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(25);
        let sizes: [&[usize]; 5] = [&[1, 1], &[1, 7], &[4, 3], &[2, 33], &[5, 5]];
        sizes.map(|shape| sample(&mut numbers, Transpose, "", &[shape])).into()
    }

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::new(Transpose, [&[2, 3, 4]], "shape (2, 3, 4), expected a matrix (N, M)"),
            Refusal::new(Transpose, [&[2, 0]], "empty input of shape (2, 0)"),
        ]
    }
}

impl Samples for Concat {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(26);
        let cases: [(usize, &[&[usize]]); 6] = [
            (0, &[&[1]]),
            (0, &[&[2], &[3]]),
            (0, &[&[2, 3], &[1, 3], &[2, 3]]),
            (1, &[&[3, 2], &[3, 5]]),
            (1, &[&[2, 1, 3], &[2, 2, 3]]),
            (2, &[&[2, 2, 1], &[2, 2, 4]]),
        ];
        cases
            .map(|(axis, shapes)| {
                sample(&mut numbers, Concat { axis }, &format!(" along axis {axis}"), shapes)
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = Concat { axis: 1 };
        vec![
            Refusal::new(
                op,
                [&[2, 3], &[3, 3]],
                "inputs of shapes (2, 3) and (3, 3), expected the same but for axis 1",
            ),
            Refusal::new(
                op,
                [&[2, 3], &[2]],
                "inputs of shapes (2, 3) and (2), expected the same but for axis 1",
            ),
            Refusal::new(op, [&[2], &[2]], "axis 1 of an input of shape (2), expected one that it has"),
            Refusal::new(op, [&[2, 3], &[2, 0]], "empty input of shape (2, 0)"),
            Refusal::new(op, [], "0 inputs given, expected at least 1"),
        ]
    }
}

impl Samples for Slice {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(27);
        let cases: [(usize, Range<usize>, &[usize]); 5] =
            [(0, 0..1, &[1]), (0, 2..5, &[7]), (1, 1..3, &[3, 5]), (0, 1..4, &[4, 3]), (1, 2..3, &[2, 3, 7])];
        cases
            .map(|(axis, range, shape)| {
                let what = format!(", {range:?} of axis {axis}");
                sample(&mut numbers, Slice { axis, range }, &what, &[shape])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = |range| Slice { axis: 1, range };
        vec![
            Refusal::new(
                op(2..4),
                [&[2, 3]],
                "places 2..4 of axis 1 of an input of shape (2, 3), expected one or more of 0..3",
            ),
            Refusal::new(op(1..1), [&[2, 3]], "expected one or more of 0..3"),
            Refusal::new(op(0..1), [&[2]], "axis 1 of an input of shape (2), expected one that it has"),
            Refusal::new(op(0..1), [&[0, 3]], "empty input of shape (0, 3)"),
        ]
    }
}

impl Samples for GatherRows {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(28);
        let cases: [(&[usize], &[usize]); 5] = [
            (&[0], &[1]),
            (&[3, 0, 3], &[5]),
            (&[2, 0], &[3, 4]),
            (&[1, 1, 1, 0, 1], &[2, 7]),
            (&[2, 1, 0, 2], &[3, 2, 3]),
        ];
        cases
            .map(|(rows, shape)| {
                let op = GatherRows { rows: rows.to_vec() };
                sample(&mut numbers, op, &format!(", rows {rows:?}"), &[shape])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = |rows: &[usize]| GatherRows { rows: rows.to_vec() };
        vec![
            Refusal::new(op(&[0, 3]), [&[3, 2]], "row 3 of an input of shape (3, 2), expected rows of 0..3"),
            Refusal::new(op(&[]), [&[3, 2]], "no rows, expected at least one"),
            Refusal::new(op(&[0]), [&[]], "axis 0 of an input of shape (), expected one that it has"),
            Refusal::new(op(&[0]), [&[2, 0]], "empty input of shape (2, 0)"),
        ]
    }
}
