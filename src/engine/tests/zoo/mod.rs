//! A zoo of wrong backward passes: each computes the right values forward and one wrong gradient backward,
//! by an error that people make. A gradient check is worth what it catches here.

mod algebra;
mod convolution;
mod elementwise;
mod fused;
mod losses;
mod metric_learning;
mod normalisation;
mod normalised_dense;
mod pooling;

use std::sync::Arc;
use twinglyph_engine::tape::{Node, Op, Saved};
use twinglyph_engine::{Result, Shape, Tensor};

/// The gradients that a `vjp` adds to.
pub type Grads<'a> = &'a mut [Option<Tensor<f64>>];

/// An op with a wrong backward pass.
pub struct Specimen {
    /// The op's name and what is wrong, in a short sentence.
    pub name: String,
    /// The op whose backward pass is wrong.
    pub op: Arc<dyn Op<f64>>,
    /// The same op, right.
    pub right: Arc<dyn Op<f64>>,
    /// Where the error shows.
    pub inputs: Vec<Tensor<f64>>,
    /// At a kink no difference can tell who is right: there, the gradient of the first input that the op's
    /// documentation defines, for a cotangent of ones.
    pub at_kink: Option<Vec<f64>>,
}

/// All of them.
pub fn zoo() -> Vec<Specimen> {
    [
        convolution::specimens(),
        normalisation::specimens(),
        normalised_dense::specimens(),
        pooling::specimens(),
        elementwise::specimens(),
        algebra::specimens(),
        fused::specimens(),
        losses::specimens(),
        metric_learning::specimens(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The values of `right`, the gradient of `vjp`.
struct Wrong<F> {
    right: Arc<dyn Op<f64>>,
    vjp: F,
}

impl<F> Op<f64> for Wrong<F>
where
    F: Fn(Node<'_, f64>, &Tensor<f64>, Grads<'_>) + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.right.name()
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        self.right.output_shape(inputs)
    }

    fn forward(&self, inputs: &[&Tensor<f64>], output: &mut Tensor<f64>, saved: &mut Saved<f64>) {
        self.right.forward(inputs, output, saved);
    }

    fn vjp(&self, node: Node<'_, f64>, grad_output: &Tensor<f64>, grad_inputs: Grads<'_>) {
        (self.vjp)(node, grad_output, grad_inputs);
    }
}

impl Specimen {
    /// `right` with another backward pass.
    fn new(
        what: &str,
        right: impl Op<f64> + 'static,
        inputs: &[Tensor<f64>],
        vjp: impl Fn(Node<'_, f64>, &Tensor<f64>, Grads<'_>) + Send + Sync + 'static,
    ) -> Specimen {
        let right: Arc<dyn Op<f64>> = Arc::new(right);
        Specimen {
            name: format!("{}: {what}", right.name()),
            op: Arc::new(Wrong { right: right.clone(), vjp }),
            right,
            inputs: inputs.to_vec(),
            at_kink: None,
        }
    }

    /// `right` with another gradient of input `i` only: `wrong(node, dy, dx)` adds to dx.
    fn in_input(
        i: usize,
        what: &str,
        right: impl Op<f64> + Clone + 'static,
        inputs: &[Tensor<f64>],
        wrong: impl Fn(&Node<'_, f64>, &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Specimen {
        let op = right.clone();
        Specimen::new(what, op, inputs, move |node, grad_output, grads| {
            let own = grads[i].take();
            let copy = Node { inputs: node.inputs, output: node.output, saved: node.saved };
            right.vjp(copy, grad_output, grads);
            grads[i] = own;
            if let Some(dx) = &mut grads[i] {
                wrong(&node, grad_output.values(), dx.values_mut());
            }
        })
    }

    /// `right` with another gradient of input `i`, element by element: dx[k] += wrong(node, dy, k).
    fn elementwise(
        i: usize,
        what: &str,
        right: impl Op<f64> + Clone + 'static,
        inputs: &[Tensor<f64>],
        wrong: impl Fn(&Node<'_, f64>, &[f64], usize) -> f64 + Send + Sync + 'static,
    ) -> Specimen {
        Specimen::in_input(i, what, right, inputs, move |node, dy, dx| {
            for (k, dx) in dx.iter_mut().enumerate() {
                *dx += wrong(node, dy, k);
            }
        })
    }

    /// The inputs are at a kink, and this is the first one's gradient as documented.
    fn at_kink(mut self, gradient: &[f64]) -> Specimen {
        self.at_kink = Some(gradient.to_vec());
        self
    }
}

/// Numbers in -1..1 without any pattern, no two of them equal, different for each `seed`.
fn numbers(seed: usize, shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| ((i + 1) as f64 * 12.9898 + seed as f64 * 78.233).sin())
}
