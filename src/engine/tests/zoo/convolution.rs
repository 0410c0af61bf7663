//! Wrong gradients of a convolution: those of [`wrong_backward_passes`], at the book's sizes.

use super::Specimen;
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::Conv2d;
use twinglyph_kernels::Geometry;
use twinglyph_lesson::{Gradient, Problem, Wrong, wrong_backward_passes};

pub fn specimens() -> Vec<Specimen> {
    let problem = Problem::uneven();
    let g = problem.geometry;
    let op = Conv2d { stride: g.stride, padding: g.padding };
    let inputs = [
        Tensor::new([g.images, g.channels, g.size.0, g.size.1], problem.input).unwrap(),
        Tensor::new([g.filters, g.channels, g.kernel.0, g.kernel.1], problem.weight).unwrap(),
        Tensor::new([g.filters], problem.bias).unwrap(),
    ];
    let specimen = |wrong: Wrong| {
        let input = Gradient::ALL.iter().position(|gradient| *gradient == wrong.gradient).unwrap();
        let name = format!("{}, {}", wrong.gradient.symbol(), wrong.what);
        Specimen::in_input(input, &name, op, &inputs, move |node, dy, grad| {
            let values = |i: usize| node.inputs[i].values().to_vec();
            let problem = Problem {
                geometry: Geometry { images: node.inputs[0].dims()[0], ..g },
                input: values(0),
                weight: values(1),
                bias: values(2),
                grad_output: dy.to_vec(),
            };
            wrong.add(&problem, grad);
        })
    };
    wrong_backward_passes().into_iter().map(specimen).collect()
}
