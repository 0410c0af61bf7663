//! The engine's zoo of wrong backward passes, each put through the check of its exercise.

#[allow(dead_code, reason = "an op's right twin and its kinks are for the engine's own check")]
#[path = "../../../tests/zoo/mod.rs"]
mod zoo;

use exercises::array::Array;
use exercises::check::{Exercise, Verdict};
use exercises::checks::{ex02, ex03, ex04, ex05, ex06, ex07, ex08, ex09, ex10, ex11, ex12, ex13, ex14};
use exercises::node::Node;
use exercises::solutions as right;
use std::sync::Arc;
use twinglyph::tape::{self, Op, Saved};
use twinglyph::{Shape, Tensor};
use twinglyph_kernels::lesson::{Gradient, Problem, Wrong, wrong_backward_passes};
use zoo::Specimen;

/// The specimens of one op.
fn specimens(op: &str) -> Vec<Specimen> {
    let found: Vec<Specimen> = zoo::zoo().into_iter().filter(|specimen| specimen.op.name() == op).collect();
    assert!(!found.is_empty(), "no specimen of {op}");
    found
}

/// An array as a tensor of another shape.
fn tensor<const D: usize>(array: &Array<D>, shape: &[usize]) -> Tensor<f64> {
    Tensor::new(shape, array.values().to_vec()).unwrap()
}

/// Lets a specimen add to the gradients that are given.
fn vjp(op: &Arc<dyn Op<f64>>, inputs: &[Tensor<f64>], dy: &[f64], grads: &mut [Option<Tensor<f64>>]) {
    let inputs: Vec<&Tensor<f64>> = inputs.iter().collect();
    let shapes: Vec<&Shape> = inputs.iter().map(|x| x.shape()).collect();
    let mut output = Tensor::from_fn(op.output_shape(&shapes).unwrap(), |_| 0.0);
    let mut saved = Saved { wanted: true, ..Saved::default() };
    op.forward(&inputs, &mut output, &mut saved);
    let dy = Tensor::new(output.shape().clone(), dy.to_vec()).unwrap();
    op.vjp(tape::Node { inputs: &inputs, output: &output, saved: &saved }, &dy, grads);
}

/// The same, where the results are arrays.
fn add<const D: usize>(grad: Option<Tensor<f64>>, result: &mut Array<D>) {
    result.values_mut().copy_from_slice(grad.expect("a gradient").values());
}

fn dims<const D: usize>(array: &Array<D>) -> Vec<usize> {
    array.shape().iter().map(|size| *size as usize).collect()
}

/// Whether these are the sizes that a specimen is made for.
fn fits(specimen: &Specimen, dims: &[&[usize]]) -> bool {
    specimen.inputs.iter().zip(dims).all(|(input, dims)| input.shape().dims() == *dims)
}

fn refused<F: ?Sized>(exercise: &Exercise<F>, name: &str, pass: &F) {
    let verdict = exercise.judge(pass);
    let Verdict::Failed(failure) = verdict else { panic!("{name}: gets through: {verdict:?}") };
    assert!(failure.got.is_ok(), "{name}: {failure}");
}

#[test]
fn dense_layers() {
    for specimen in specimens("dense") {
        let pass: Box<ex02::Pass> = Box::new(|x, w, dy, dx, dw, db| {
            let (x_dims, w_dims, b_dims) = (dims(x), dims(w), dims(db));
            if !fits(&specimen, &[&x_dims, &w_dims, &b_dims]) {
                return right::ex02_dense::dense_backward(x, w, dy, dx, dw, db);
            }
            let inputs = [tensor(x, &x_dims), tensor(w, &w_dims), Tensor::from_fn(&b_dims[..], |_| 0.0)];
            let mut grads =
                [tensor(dx, &x_dims), tensor(dw, &w_dims), tensor(db, &b_dims)].map(Some);
            vjp(&specimen.op, &inputs, dy.values(), &mut grads);
            let [a, b, c] = grads;
            add(a, dx);
            add(b, dw);
            add(c, db);
        });
        refused(&ex02::exercise(), &specimen.name, &*pass);
    }
}
