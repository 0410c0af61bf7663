//! Dropout (Srivastava et al. 2014): each element is dropped with probability `rate`, what is kept is scaled up so that
//! the mean stays.
//!
//! ```text
//! y = m x / (1 - rate)         m = 1 for a kept element, 0 for a dropped one
//! dx = m dy / (1 - rate)
//! ```
//!
//! m is a hash of the seed and the element's index: the same at any number of threads, and computed again on the way
//! back. An op has no state; who trains gives each step a seed of its own.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels as kernels;

/// Drops elements at random; any shape.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// How likely an element is dropped; at least 0, less than 1.
    pub rate: f64,
    /// Another seed, other elements.
    pub seed: u64,
}

impl Dropout {
    fn kernel(&self) -> kernels::Dropout {
        kernels::Dropout { rate: self.rate, seed: self.seed }
    }
}

impl<E: Element> Op<E> for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = same_shapes("dropout", inputs, 1)?;
        if (0.0..1.0).contains(&self.rate) {
            return Ok(shape.clone());
        }
        Err(Error::shape("dropout", format!("a rate of {}, expected at least 0 and less than 1", self.rate)))
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        kernels::dropout_forward(&self.kernel(), inputs[0].values(), output.values_mut());
    }

    fn vjp(&self, _: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        if let Some(dx) = &mut grad_inputs[0] {
            kernels::dropout_backward(&self.kernel(), grad_output.values(), dx.values_mut());
        }
    }
}

impl Samples for Dropout {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(15);
        let cases: [(f64, &[usize]); 4] = [(0.0, &[7]), (0.5, &[3, 5]), (0.2, &[2, 3, 4, 5]), (0.9, &[33])];
        cases
            .map(|(rate, shape)| {
                let label = format!("{} at rate {rate}", Shape::from(shape));
                Sample::new(label, Dropout { rate, seed: 3 }, vec![numbers.tensor(shape)]).linear_in(&[0])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = |rate| Dropout { rate, seed: 0 };
        vec![
            Refusal::new(op(0.5), [&[0, 3]], "empty input of shape (0, 3)"),
            Refusal::new(op(1.0), [&[2, 3]], "a rate of 1, expected at least 0 and less than 1"),
            Refusal::new(op(f64::NAN), [&[2, 3]], "a rate of NaN, expected at least 0 and less than 1"),
        ]
    }
}
