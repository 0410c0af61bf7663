//! Shape rules that several ops share; each refusal names the op and what it was given.

use crate::tensor::Shape;
use crate::{Error, Result};

/// The number of inputs lies in `counts`.
pub(super) fn expect_inputs(
    op: &'static str,
    inputs: &[&Shape],
    counts: std::ops::RangeInclusive<usize>,
) -> Result<()> {
    if counts.contains(&inputs.len()) {
        return Ok(());
    }
    let (low, high) = (counts.start(), counts.end());
    let expected = match high {
        _ if low == high => format!("{low}"),
        &usize::MAX => format!("at least {low}"),
        _ => format!("{low} to {high}"),
    };
    Err(Error::shape(op, format!("{} inputs given, expected {expected}", inputs.len())))
}

/// Exactly these inputs, none of them empty.
pub(super) fn same_shapes<'a>(op: &'static str, inputs: &[&'a Shape], count: usize) -> Result<&'a Shape> {
    expect_inputs(op, inputs, count..=count)?;
    not_empty(op, inputs)?;
    match inputs.iter().find(|shape| **shape != inputs[0]) {
        Some(other) => {
            Err(Error::shape(op, format!("inputs of shapes {} and {other}, expected the same", inputs[0])))
        }
        None => Ok(inputs[0]),
    }
}

/// No input without elements.
pub(super) fn not_empty(op: &'static str, inputs: &[&Shape]) -> Result<()> {
    match inputs.iter().find(|shape| shape.is_empty()) {
        Some(shape) => Err(Error::shape(op, format!("an empty input of shape {shape}"))),
        None => Ok(()),
    }
}

/// (N, C, H, W).
pub(super) fn images(op: &'static str, shape: &Shape) -> Result<[usize; 4]> {
    shape
        .dims()
        .try_into()
        .map_err(|_| Error::shape(op, format!("an input of shape {shape}, expected images (N, C, H, W)")))
}

/// (N, F).
pub(super) fn features(op: &'static str, shape: &Shape) -> Result<[usize; 2]> {
    shape
        .dims()
        .try_into()
        .map_err(|_| Error::shape(op, format!("an input of shape {shape}, expected features (N, F)")))
}

/// A shape that an input must have, and what it is called.
pub(super) fn expect_shape(op: &'static str, what: &str, shape: &Shape, expected: &[usize]) -> Result<()> {
    if shape.dims() == expected {
        return Ok(());
    }
    Err(Error::shape(op, format!("a {what} of shape {shape}, expected {}", Shape::from(expected))))
}

/// A pair of sizes that must be 1 or more.
pub(super) fn expect_positive(op: &'static str, what: &str, pair: (usize, usize)) -> Result<()> {
    if pair.0 > 0 && pair.1 > 0 {
        return Ok(());
    }
    Err(Error::shape(op, format!("a {what} of {} x {}, expected at least 1 x 1", pair.0, pair.1)))
}

/// One (N, N) matrix of what each of N has to each other, and a label for each.
pub(super) fn labelled_square(op: &'static str, inputs: &[&Shape], labels: &[u32]) -> Result<()> {
    let shape = same_shapes(op, inputs, 1)?;
    match *shape.dims() {
        [rows, columns] if rows == columns => {}
        _ => return Err(Error::shape(op, format!("an input of shape {shape}, expected a square (N, N)"))),
    }
    if labels.len() == shape.dims()[0] {
        return Ok(());
    }
    Err(Error::shape(op, format!("{} labels for an input of shape {shape}", labels.len())))
}
