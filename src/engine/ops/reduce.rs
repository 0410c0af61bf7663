//! Reductions of all elements to one number, shape ().
//!
//! ```text
//! sum   y = Σ x        dx = dy at every element
//! mean  y = 1/M Σ x    dx = dy / M
//! ```

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Identity, map_sum};

/// The sum of all elements: any shape to (), one number.
#[derive(Clone, Copy, Debug)]
pub struct Sum;

/// The mean of all elements: any shape to (), one number.
#[derive(Clone, Copy, Debug)]
pub struct Mean;

macro_rules! reduction {
    ($op:ident, $name:literal, |$len:ident| $share:expr) => {
        impl<E: Element> Op<E> for $op {
            fn name(&self) -> &'static str {
                $name
            }

            fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
                same_shapes($name, inputs, 1)?;
                Ok(Shape::default())
            }

            fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
                let $len = inputs[0].values().len() as f64;
                output.values_mut()[0] = map_sum(Identity, [inputs[0].values()]) * E::from_f64($share);
            }

            fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
                let $len = node.inputs[0].values().len() as f64;
                let share = grad_output.values()[0] * E::from_f64($share);
                if let Some(dx) = &mut grad_inputs[0] {
                    dx.values_mut().iter_mut().for_each(|dx| *dx += share);
                }
            }
        }

        impl Samples for $op {
            fn samples<E: Element>() -> Vec<Sample<E>> {
                let mut numbers = Numbers::new(3);
                let sizes: [&[usize]; 3] = [&[1], &[3, 5], &[2, 3, 4, 7]];
                sizes
                    .map(|shape| {
                        let x = numbers.tensor(shape);
                        Sample::new(Shape::from(shape).to_string(), $op, vec![x]).linear_in(&[0])
                    })
                    .into()
            }

            fn refusals() -> Vec<Refusal> {
                vec![Refusal::new($op, [&[0]], "empty input of shape (0)")]
            }
        }
    };
}

reduction!(Sum, "sum", |_len| 1.0);
reduction!(Mean, "mean", |len| 1.0 / len);
