//! y = factor x, and so dx = factor dy: weights the terms of a loss that is a sum of several.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{self, map, map_add};

/// y = factor x.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// What every element is multiplied by.
    pub factor: f64,
}

impl Scale {
    fn map<E: Element>(&self) -> map::Scale<E> {
        map::Scale(E::from_f64(self.factor))
    }
}

impl<E: Element> Op<E> for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        same_shapes("scale", inputs, 1).cloned()
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
        map(self.map(), [inputs[0].values()], output.values_mut());
    }

    fn vjp(&self, _: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        if let Some(dx) = &mut grad_inputs[0] {
            map_add(self.map(), [grad_output.values()], dx.values_mut());
        }
    }
}

impl Samples for Scale {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(14);
        let cases: [(f64, &[usize]); 4] = [(2.5, &[1]), (-0.3, &[3, 5]), (0.0, &[7]), (1.7, &[2, 3, 4, 5])];
        cases
            .map(|(factor, shape)| {
                let label = format!("{} by {factor}", Shape::from(shape));
                Sample::new(label, Scale { factor }, vec![numbers.tensor(shape)]).linear_in(&[0])
            })
            .into()
    }

    fn refusals() -> Vec<Refusal> {
        let op = Scale { factor: 2.0 };
        vec![
            Refusal::new(op, [&[0, 3]], "empty input of shape (0, 3)"),
            Refusal::new(op, [&[2], &[2]], "2 inputs given, expected 1"),
        ]
    }
}
