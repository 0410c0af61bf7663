//! Flatten: (N, ...) becomes (N, F), the numbers in the same order; the gradient goes back the same way.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::{expect_inputs, not_empty};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels::map::{Identity, map, map_add};

/// (N, ...) to (N, F).
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl<E: Element> Op<E> for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        expect_inputs("flatten", inputs, 1..=1)?;
        not_empty("flatten", inputs)?;
        match inputs[0].dims() {
            [] => Err(Error::shape("flatten", "a single number, expected a batch (N, ...)")),
            [n, rest @ ..] => Ok([*n, rest.iter().product()].into()),
        }
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

impl Samples for Flatten {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(4);
        let sizes: [&[usize]; 3] = [&[1, 1, 1, 1], &[3, 2, 2, 5], &[4]];
        sizes
            .map(|shape| {
                let x = numbers.tensor(shape);
                Sample::new(Shape::from(shape).to_string(), Flatten, vec![x]).linear_in(&[0])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::new(Flatten, [&[]], "a single number, expected a batch (N, ...)"),
            Refusal::new(Flatten, [&[2, 0, 3]], "empty input of shape (2, 0, 3)"),
        ]
    }
}
