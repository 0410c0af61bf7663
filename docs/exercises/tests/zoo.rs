//! The engine's zoo of wrong backward passes, each put through the check of its exercise. Those of exercises 3, 4 and 5 are
//! among their known mistakes, all of which `exercises.rs` puts through.

#[path = "../../../src/engine/tests/zoo/mod.rs"]
mod zoo;

use exercises::array::Array;
use exercises::check::{Exercise, Verdict};
use exercises::checks::{ex02, ex06, ex07, ex08, ex09, ex10, ex11, ex12, ex13, ex14};
use exercises::node::Node::{self, Add, Input, Mul, Sub};
use exercises::solutions as right;
use twinglyph_engine::tape::{self, Op, Saved};
use twinglyph_engine::{Shape, Tensor};
use twinglyph_kernels::Geometry;
use twinglyph_lesson::{Gradient, Problem, Wrong, wrong_backward_passes};
use zoo::Specimen;

/// Puts every specimen of an op, and its right twin, through a check, as the function that `pass` makes of it.
fn refuses<F: ?Sized>(exercise: Exercise<F>, op: &str, pass: impl Fn(Specimen) -> Box<F>) {
    let specimens: Vec<Specimen> = zoo::zoo().into_iter().filter(|of| of.op.name() == op).collect();
    assert!(!specimens.is_empty(), "no specimen of {op}");
    for specimen in specimens {
        let name = specimen.name.clone();
        accepted(&exercise, &name, &pass(twin(&specimen)));
        refused(&exercise, &name, &pass(specimen));
    }
}

fn twin(specimen: &Specimen) -> Specimen {
    Specimen {
        name: specimen.name.clone(),
        op: specimen.right.clone(),
        right: specimen.right.clone(),
        inputs: specimen.inputs.clone(),
        at_kink: specimen.at_kink.clone(),
    }
}

#[track_caller]
fn accepted<F: ?Sized>(exercise: &Exercise<F>, name: &str, pass: &F) {
    let verdict = exercise.judge(pass);
    assert!(matches!(verdict, Verdict::Solved(_)), "refused, but right: {name}: {verdict:?}");
}

#[track_caller]
fn refused<F: ?Sized>(exercise: &Exercise<F>, name: &str, pass: &F) {
    let verdict = exercise.judge(pass);
    let Verdict::Failed(failure) = verdict else { panic!("gets through: {name}: {verdict:?}") };
    assert!(failure.got.is_ok(), "{name}: {failure}");
}

/// Adds a specimen's gradients to the results, those of its first inputs.
fn add(op: &dyn Op<f64>, inputs: &[Tensor<f64>], dy: &[f64], results: &mut [&mut [f64]]) {
    let shapes: Vec<&Shape> = inputs.iter().map(Tensor::shape).collect();
    let given: Vec<&Tensor<f64>> = inputs.iter().collect();
    let mut output = Tensor::zeros(op.output_shape(&shapes).unwrap());
    let mut saved = Saved::default();
    saved.wanted = true;
    op.forward(&given, &mut output, &mut saved);
    let dy = Tensor::new(output.shape().clone(), dy.to_vec()).unwrap();

    let wanted = |(k, x): (usize, &Tensor<f64>)| {
        let result = results.get(k)?;
        Some(Tensor::new(x.shape().clone(), result.to_vec()).unwrap())
    };
    let mut grads: Vec<Option<Tensor<f64>>> = inputs.iter().enumerate().map(wanted).collect();
    op.vjp(tape::Node { inputs: &given, output: &output, saved: &saved }, &dy, &mut grads);
    for (result, grad) in results.iter_mut().zip(grads) {
        result.copy_from_slice(grad.unwrap().values());
    }
}

/// The inputs in the specimen's shapes, if it is made for as many numbers; at a kink, if they are its own numbers.
fn fit(specimen: &Specimen, inputs: &[&[f64]]) -> Option<Vec<Tensor<f64>>> {
    let fit = |(own, given): (&Tensor<f64>, &&[f64])| {
        let fits = match specimen.at_kink {
            Some(_) => own.values() == *given,
            None => own.values().len() == given.len(),
        };
        fits.then(|| Tensor::new(own.shape().clone(), given.to_vec()).unwrap())
    };
    specimen.inputs.iter().zip(inputs).map(fit).collect()
}

#[test]
fn dense_layers() {
    refuses::<ex02::Pass>(ex02::exercise(), "dense", |specimen| {
        Box::new(move |x, w, dy, dx, dw, db| {
            // The bias has no part in any gradient.
            let bias = vec![0.0; db.values().len()];
            match fit(&specimen, &[x.values(), w.values(), &bias]) {
                Some(inputs) => {
                    let mut results = [dx.values_mut(), dw.values_mut(), db.values_mut()];
                    add(&*specimen.op, &inputs, dy.values(), &mut results);
                }
                None => right::ex02_dense::dense_backward(x, w, dy, dx, dw, db),
            }
        })
    });
}

/// The wrong passes of one gradient of a convolution.
fn wrongs(of: Gradient) -> Vec<Wrong> {
    wrong_backward_passes().into_iter().filter(|wrong| wrong.gradient == of).collect()
}

/// The problem that a convolution's dx is asked of.
fn problem(
    w: &Array<4>,
    dy: &Array<4>,
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dx: &Array<4>,
) -> Problem {
    let size = |size: isize| size as usize;
    let ([images, channels, h, width], [filters, _, k_h, k_w]) = (dx.shape().map(size), w.shape().map(size));
    let geometry = Geometry {
        images,
        channels,
        size: (h, width),
        filters,
        kernel: (k_h, k_w),
        stride: (size(s_h), size(s_w)),
        padding: (size(p_h), size(p_w)),
        ..Geometry::default()
    };
    Problem {
        geometry,
        input: vec![0.0; geometry.input_len()],
        weight: w.values().to_vec(),
        bias: vec![0.0; filters],
        grad_output: dy.values().to_vec(),
    }
}

#[test]
fn convolutions_gathered() {
    let exercise = ex06::exercise();
    for wrong in wrongs(Gradient::Input) {
        let pass: Box<ex06::Pass> = Box::new(move |w, dy, stride, padding, turned, dilated, dx| {
            let [_, _, k_h, k_w] = w.shape();
            right::ex06_conv_input_gather::turn(w, turned);
            right::ex06_conv_input_gather::dilate(dy, [k_h, k_w], stride, dilated);
            wrong.add(&problem(w, dy, stride, padding, dx), dx.values_mut());
        });
        refused(&exercise, wrong.name, &pass);
    }
}

#[test]
fn columns_there_and_back() {
    // Of one image, these are right; and columns are written, not added to.
    let of_batches = ["dx-image-0", "dx-first", "dw-image-0", "dw-first", "dw-averaged", "dw-overwritten"];
    let judge = |wrong: &Wrong| match wrong.gradient {
        Gradient::Weight => ex07::exercise().judge(&ex07::by(*wrong)),
        _ => ex08::exercise().judge(&ex08::by(*wrong)),
    };
    for wrong in wrongs(Gradient::Weight).iter().chain(&wrongs(Gradient::Input)) {
        let verdict = judge(wrong);
        let through = matches!(verdict, Verdict::Solved(_));
        assert_eq!(through, of_batches.contains(&wrong.name), "{}: {verdict:?}", wrong.name);
    }
}

#[test]
fn relus() {
    refuses::<ex09::Pass>(ex09::exercise(), "relu", |specimen| {
        Box::new(move |x, dy, dx| {
            let given = Tensor::new([x.values().len()], x.values().to_vec()).unwrap();
            add(&*specimen.op, &[given], dy.values(), &mut [dx.values_mut()]);
        })
    });
}

#[test]
fn max_poolings() {
    refuses::<ex10::Pass>(ex10::exercise(), "max_pool2d", |specimen| {
        Box::new(move |x, dy, window, stride, dx| match fit(&specimen, &[x.values()]) {
            Some(inputs) => add(&*specimen.op, &inputs, dy.values(), &mut [dx.values_mut()]),
            None => right::ex10_max_pool::max_pool2d_backward(x, dy, window, stride, dx),
        })
    });
}

#[test]
fn batch_norms() {
    refuses::<ex11::Pass>(ex11::exercise(), "batch_norm", |specimen| {
        Box::new(move |x, gamma, dy, eps, dx, dgamma, dbeta| {
            // beta has no part in any gradient.
            let beta = vec![0.0; dbeta.values().len()];
            match fit(&specimen, &[x.values(), gamma.values(), &beta]) {
                Some(inputs) => {
                    let mut results = [dx.values_mut(), dgamma.values_mut(), dbeta.values_mut()];
                    add(&*specimen.op, &inputs, dy.values(), &mut results);
                }
                None => right::ex11_batch_norm::batch_norm_backward(x, gamma, dy, eps, dx, dgamma, dbeta),
            }
        })
    });
}

/// The walk back along a tape, on which one kind of node has the specimen's gradients.
fn walk(op: &dyn Op<f64>, nodes: &[Node], values: &Array<1>, grads: &mut Array<1>) {
    for k in (0..nodes.len() as isize).rev() {
        let dv = grads[[k]];
        let (name, a, b) = match nodes[k as usize] {
            Input => continue,
            Add(a, b) => ("add", a, b),
            Sub(a, b) => ("sub", a, b),
            Mul(a, b) => ("mul", a, b),
        };
        // Of a node that is used twice here, the engine's tape adds the two gradients.
        let (mut da, mut db) = ([grads[[a]]], [if a == b { 0.0 } else { grads[[b]] }]);
        if name == op.name() {
            let inputs = [a, b].map(|k| Tensor::scalar(values[[k]]));
            add(op, &inputs, &[dv], &mut [&mut da, &mut db]);
        } else {
            let factors = match name {
                "add" => [1.0, 1.0],
                "sub" => [1.0, -1.0],
                _ => [values[[b]], values[[a]]],
            };
            da[0] += factors[0] * dv;
            db[0] += factors[1] * dv;
        }
        if a == b {
            grads[[a]] = da[0] + db[0];
        } else {
            (grads[[a]], grads[[b]]) = (da[0], db[0]);
        }
    }
}

#[test]
fn tapes() {
    let exercise = ex12::exercise();
    let pass = |specimen: Specimen| -> Box<ex12::Pass> {
        Box::new(move |nodes, values, grads| walk(&*specimen.op, nodes, values, grads))
    };
    for specimen in zoo::zoo().into_iter().filter(|of| ["add", "sub", "mul"].contains(&of.op.name())) {
        let name = specimen.name.clone();
        accepted(&exercise, &name, &pass(twin(&specimen)));
        match name.as_str() {
            // On this tape every gradient is wanted, and so it is right.
            "mul: the gradients wanted are counted, not named" => accepted(&exercise, &name, &pass(specimen)),
            _ => refused(&exercise, &name, &pass(specimen)),
        }
    }
}

#[test]
fn contrastive_losses() {
    refuses::<ex13::Pass>(ex13::exercise(), "contrastive_loss", |specimen| {
        Box::new(move |d, same, margin, dloss, dd| match fit(&specimen, &[d.values(), same.values()]) {
            Some(inputs) => add(&*specimen.op, &inputs, &[dloss], &mut [dd.values_mut()]),
            None => {
                right::ex13_contrastive_loss::contrastive_loss_backward(d, same, margin, dloss, dd);
            }
        })
    });
}

#[test]
fn triplet_losses() {
    refuses::<ex14::Pass>(ex14::exercise(), "triplet_loss", |specimen| {
        Box::new(move |given, margin, dloss, results| match fit(&specimen, &given.map(Array::values)) {
            Some(inputs) => add(&*specimen.op, &inputs, &[dloss], &mut results.map(Array::values_mut)),
            None => right::ex14_triplet_loss::triplet_loss_backward(given, margin, dloss, results),
        })
    });
}
