//! Every op of the table: its gradient, its refusals, its numbers in f32; and the tape that they are used on.

mod algebra;
mod contract;
mod kinks;
mod losses;
mod model;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};
use twinglyph_engine::ops::{
    self, Conv2d, Dense, EuclideanDistance, Flatten, MaxPool2d, Mean, Mul, Relu, Square,
};
use twinglyph_engine::tape::{Call, Op, Watch};
use twinglyph_engine::{Element, Error, Shape, Tape, Tensor, Var, gradcheck};
use twinglyph_kernels::simd::{LEVEL_VARIABLE, Level};

#[test]
fn the_gradient_of_every_op_agrees_with_differences() {
    let outcome = gradcheck::check_ops().unwrap();
    println!("{outcome}");
    assert!(outcome.passed, "{outcome}");
    assert_eq!(outcome.ops.len(), ops::table().len());
    for row in &outcome.ops {
        assert!(row.worst_error <= 1e-7 && row.cases >= 100, "{row:?}");
    }
}

/// The level is chosen once a process, so each level has a process of its own.
#[test]
fn the_gradients_agree_at_every_level_of_this_cpu() {
    for level in Level::available() {
        for test in ["the_gradient_of_every_op_agrees_with_differences", "every_op_in_f32_agrees_with_f64"] {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", test])
                .env(LEVEL_VARIABLE, level.to_string())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && said.contains("1 passed"), "{level}: {said}");
        }
    }
}

#[test]
fn every_op_brings_samples_under_its_own_name() {
    for entry in ops::table() {
        let (f64s, f32s) = ((entry.samples_f64)(), (entry.samples_f32)());
        assert!(!f64s.is_empty(), "{}: no samples", entry.name);
        assert_eq!(f64s.len(), f32s.len(), "{}", entry.name);
        for (a, b) in f64s.iter().zip(&f32s) {
            assert_eq!((a.op.name(), &a.label), (entry.name, &b.label));
        }
    }
}

/// The first that are left out where a list is written in a hurry: strides, steps of another size along each axis, padding.
#[test]
fn the_samples_of_conv2d_stride_and_pad_in_many_ways() {
    let entry = ops::table().into_iter().find(|entry| entry.name == "conv2d").unwrap();
    let labels: Vec<String> = (entry.samples_f64)().into_iter().map(|sample| sample.label).collect();
    let ways: BTreeSet<&str> = labels.iter().map(|label| label.split_once(", stride ").unwrap().1).collect();
    assert_eq!(ways.len(), 14, "{ways:?}");
    for way in ["2 3, padding 2 1, dilation 1 1, groups 1", "1 2, padding 1 1, dilation 2 3, groups 1"] {
        assert!(ways.contains(way), "{ways:?}");
    }
}

#[test]
fn every_op_refuses_what_it_cannot_do_with_its_name_and_the_reason() {
    for entry in ops::table() {
        let refusals = (entry.refusals)();
        assert!(!refusals.is_empty(), "{}: nothing that it refuses", entry.name);
        for refusal in refusals {
            let mut tape = Tape::new();
            let inputs: Vec<Var> =
                refusal.shapes.iter().map(|shape| tape.constant(Tensor::zeros(shape.clone()))).collect();
            let (shapes, mark) = (refusal.shapes, tape.len());
            let Err(error) = tape.apply(refusal.op, &inputs) else {
                panic!("{}: took {shapes:?}", entry.name)
            };
            let sentence = error.to_string();
            assert!(matches!(error, Error::Shape { op, .. } if op == entry.name), "{sentence}");
            assert!(sentence.contains(entry.name) && sentence.ends_with(refusal.says), "{sentence}");
            assert_eq!(tape.len(), mark, "{}: a refusal leaves the tape as it was", entry.name);
        }
    }
}

/// The output and every gradient of an op, for a cotangent that is the same in f32 and in f64.
fn run<E: Element>(op: Box<dyn Op<E>>, inputs: &[Tensor<E>]) -> Vec<Vec<f64>> {
    let mut tape = Tape::new();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.parameter(x.clone())).collect();
    let y = tape.apply(op, &vars).unwrap();
    let cotangent = Tensor::from_fn(tape.value(y).shape().clone(), |i| E::from_f64((i as f64 + 0.5).cos()));
    tape.backward_from(y, &cotangent).unwrap();
    let grads = vars.iter().map(|x| tape.grad(*x).expect("a gradient"));
    std::iter::once(tape.value(y))
        .chain(grads)
        .map(|t| t.values().iter().map(|v| v.to_f64()).collect())
        .collect()
}

/// What f32 may differ from f64 by: it is good for 6e-8, and the inputs are rounded to it; where `terms` are summed, their
/// roundings add up to the root of that many. Measured at most: 2.3e-6 of 1,536 terms, else 1.4e-6.
fn f32_bound(terms: f64) -> f64 {
    2e-6 + 6e-8 * terms.sqrt()
}

#[test]
fn every_op_in_f32_agrees_with_f64() {
    for entry in ops::table() {
        let mut worst = 0.0f64;
        for (wide, narrow) in (entry.samples_f64)().into_iter().zip((entry.samples_f32)()) {
            let label = wide.label;
            let shapes: Vec<&Shape> = wide.inputs.iter().map(Tensor::shape).collect();
            let products = wide.op.flops(&shapes, None) as f64 / 2.0;
            let wide = run(wide.op, &wide.inputs);
            let narrow = run(narrow.op, &narrow.inputs);
            for (what, (a, b)) in narrow.iter().zip(&wide).enumerate() {
                assert_eq!(a.len(), b.len());
                // Where terms cancel, what is left has the rounding of the terms.
                let bound = f32_bound(products / b.len() as f64);
                let scale = b.iter().fold(1.0_f64, |largest, b| largest.max(b.abs()));
                for (a, b) in a.iter().zip(b) {
                    let error = gradcheck::relative_error(*a / scale, *b / scale);
                    assert!(
                        error <= bound,
                        "{} at {label}, {}: {a} in f32, {b} in f64",
                        entry.name,
                        if what == 0 { "output".into() } else { format!("gradient {}", what - 1) }
                    );
                    worst = worst.max(error);
                }
            }
        }
        println!("{:20} {worst:.1e}", entry.name);
    }
}

/// Operations of the formula as it is written: two for each product; backward as many for each gradient that is wanted.
#[test]
fn operations_are_counted_as_the_formula_is_written() {
    let count = |op: &dyn Op<f64>, shapes: &[&[usize]], wanted: Option<&[bool]>| {
        let shapes: Vec<Shape> = shapes.iter().map(|&dims| Shape::from(dims)).collect();
        op.flops(&shapes.iter().collect::<Vec<_>>(), wanted)
    };
    // 2 images, 3 channels of 6 x 7, 5 filters of 2 x 3: 5 x 5 outputs, 18 products each.
    let conv = ops::Conv2d::default();
    let (conv, shapes): (&dyn Op<f64>, [&[usize]; 3]) = (&conv, [&[2, 3, 6, 7], &[5, 3, 2, 3], &[5]]);
    let dense = 2 * (2 * 5 * 5 * 5) * 18;
    assert_eq!(count(conv, &shapes, None), dense);
    for (wanted, times) in [([true, true, true], 2), ([false, true, true], 1), ([true, false, false], 1)] {
        assert_eq!(count(conv, &shapes, Some(&wanted)), times * dense, "{wanted:?}");
    }
    assert_eq!(count(conv, &shapes, Some(&[false, false, true])), 0);
    // Two of them, pooled between: 3 channels of 10 x 10 to 4 of 8 x 8, of 4 x 4, to 2 of 2 x 2.
    let block = ops::ConvBlock { padding: (0, 0), tail: ops::Tail::ReluMaxPool };
    let stack = ops::ConvStack { blocks: vec![block; 2], flatten: true };
    let (stack, shapes): (&dyn Op<f64>, [&[usize]; 5]) =
        (&stack, [&[1, 3, 10, 10], &[4, 3, 3, 3], &[4], &[2, 4, 3, 3], &[2]]);
    let (first, second) = (2 * 4 * 64 * 27, 2 * 2 * 4 * 36);
    assert_eq!(count(stack, &shapes, None), first + second);
    for (wanted, expected) in [
        ([true, true, true, true, true], 2 * first + 2 * second),
        ([false, true, true, true, true], first + 2 * second),
        ([false, false, false, true, false], 2 * second),
        ([true, false, true, false, true], first + second),
    ] {
        assert_eq!(count(stack, &shapes, Some(&wanted)), expected, "{wanted:?}");
    }
    // 4 rows, 6 features, 3 outputs.
    let dense: (&dyn Op<f64>, [&[usize]; 3]) = (&Dense, [&[4, 6], &[3, 6], &[3]]);
    assert_eq!(count(dense.0, &dense.1, None), 144);
    assert_eq!(count(dense.0, &dense.1, Some(&[true, true, false])), 288);
    assert_eq!(count(dense.0, &dense.1, Some(&[true, false, true])), 144);
    assert_eq!(count(dense.0, &dense.1, Some(&[false, true, true])), 144);
    // The same with 6 features normalised before: x, gamma, beta, weight, bias.
    let normalised = ops::NormalisedDense { eps: 1e-3 };
    let shapes: [&[usize]; 5] = [&[4, 6], &[6], &[6], &[3, 6], &[3]];
    assert_eq!(count(&normalised, &shapes, None), 144);
    assert_eq!(count(&normalised, &shapes, Some(&[true; 5])), 288);
    assert_eq!(count(&normalised, &shapes, Some(&[false, true, true, true, true])), 144);
    assert_eq!(count(&normalised, &shapes, Some(&[true, true, true, false, true])), 144);
    // (4, 6) by (6, 3).
    let shapes: [&[usize]; 2] = [&[4, 6], &[6, 3]];
    assert_eq!(count(&ops::MatMul, &shapes, None), 144);
    assert_eq!(count(&ops::MatMul, &shapes, Some(&[true, true])), 288);
    assert_eq!(count(&ops::MatMul, &shapes, Some(&[false, true])), 144);
    let pairwise = ops::PairwiseSquaredDistance;
    assert_eq!(count(&pairwise, &[&[5, 7]], None), 3 * 5 * 5 * 7);
    // What is not worth counting.
    assert_eq!(count(&Relu, &[&[5, 7]], None), 0);
}

/// Keeps what it is told.
struct Witness(Arc<Mutex<Vec<Call>>>);

impl Watch for Witness {
    fn start(&mut self) {}
    fn stop(&mut self, call: &Call) {
        self.0.lock().unwrap().push(call.clone());
    }
}

#[test]
fn whoever_watches_is_told_of_every_call_and_its_bytes() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut tape = Tape::<f64>::new();
    tape.watch(Witness(calls.clone()));
    let a = tape.parameter(Tensor::from_fn([2, 3], |i| i as f64));
    let b = tape.constant(Tensor::from_fn([2, 3], |i| i as f64));
    let y = tape.apply(Mul, &[a, b]).unwrap();
    tape.backward_from(y, &Tensor::from_fn([2, 3], |_| 1.0)).unwrap();
    let calls = calls.lock().unwrap();
    let told: Vec<_> = calls.iter().map(|call| (call.op, call.backward, call.flops, call.bytes)).collect();
    // Two inputs and an output; backward also the gradient of the one that is wanted, added to.
    assert_eq!(told, [("mul", false, 0, 3 * 48), ("mul", true, 0, 5 * 48)]);
    assert!(calls.iter().all(|call| call.input == Shape::from([2, 3])));
}

#[test]
fn the_first_value_and_the_first_gradient_that_are_not_finite_name_their_op() {
    let mut tape = Tape::<f64>::new();
    let x = tape.parameter(Tensor::new([2], vec![0.0, 1e200]).unwrap());
    let mark = tape.len();
    let same = tape.apply(Relu, &[x]).unwrap();
    assert_eq!(tape.first_fault(mark), None);
    let square = tape.apply(Square, &[same]).unwrap();
    tape.apply(Mean, &[square]).unwrap();
    assert_eq!(tape.first_fault(mark), Some(square));
    assert_eq!((tape.op_name(square), tape.op_name(same)), (Some("square"), Some("relu")));
    assert_eq!(tape.op_name(x), None);
    // 0 by 1e200 by 1e200 is 0; the gradient is infinite.
    let mut tape = Tape::<f64>::new();
    let x = tape.parameter(Tensor::new([1], vec![0.0]).unwrap());
    let y = tape.apply(ops::Scale { factor: 1e200 }, &[x]).unwrap();
    let sound = tape.apply(Mean, &[y]).unwrap();
    assert_eq!(tape.first_gradient_fault(sound).unwrap(), None);
    let y = tape.apply(ops::Scale { factor: 1e200 }, &[y]).unwrap();
    let loss = tape.apply(Mean, &[y]).unwrap();
    assert_eq!(tape.first_fault(0), None);
    assert_eq!(tape.first_gradient_fault(loss).unwrap(), Some("scale"));
}

#[test]
fn a_value_used_twice_by_one_op_gets_both_gradients() {
    // y = x x: dy/dx = 2 x.
    let mut tape = Tape::new();
    let x = tape.parameter(Tensor::new([3], vec![1.5, -2.0, 0.0]).unwrap());
    let y = tape.apply(Mul, &[x, x]).unwrap();
    tape.backward_from(y, &Tensor::new([3], vec![1.0, 10.0, 100.0]).unwrap()).unwrap();
    assert_eq!(tape.grad(x).unwrap().values(), [3.0, -40.0, 0.0]);

    let x = [Tensor::from_fn([2, 3], |i| i as f64 - 2.5)];
    let report = gradcheck::check(|tape, x| tape.apply(Mul, &[x[0], x[0]]), &x).unwrap();
    assert!(report.passed, "{report}");
}

/// conv, ReLU, max-pool, dense; weights x[0], x[1].
fn tower<E: Element>(tape: &mut Tape<E>, weights: &[Var], image: Var) -> twinglyph_engine::Result<Var> {
    let y = tape.apply(Conv2d::default(), &[image, weights[0]])?;
    let y = tape.apply(Relu, &[y])?;
    let y = tape.apply(MaxPool2d { window: (2, 2), stride: (2, 2) }, &[y])?;
    let y = tape.apply(Flatten, &[y])?;
    tape.apply(Dense, &[y, weights[1]])
}

fn two_towers<E: Element>(tape: &mut Tape<E>, x: &[Var]) -> twinglyph_engine::Result<Var> {
    let left = tower(tape, &x[..2], x[2])?;
    let right = tower(tape, &x[..2], x[3])?;
    let distance = tape.apply(EuclideanDistance::default(), &[left, right])?;
    let squared = tape.apply(Square, &[distance])?;
    tape.apply(Mean, &[squared])
}

fn tower_inputs<E: Element>() -> Vec<Tensor<E>> {
    let shapes: [&[usize]; 4] = [&[3, 1, 3, 3], &[4, 12], &[2, 1, 6, 6], &[2, 1, 6, 6]];
    let mut i = 0;
    shapes
        .map(|shape| {
            Tensor::from_fn(shape, |_| {
                i += 1;
                E::from_f64((12.9898 * f64::from(i)).sin())
            })
        })
        .into()
}

#[test]
fn two_towers_with_shared_weights_agree_with_differences() {
    let check = gradcheck::Check::new().tolerance(gradcheck::MODEL_TOLERANCE);
    let report = check.run(two_towers, &tower_inputs()).unwrap();
    assert!(report.passed, "{report}");
    // The shared weights' gradient is the sum of those of two towers with weights of their own.
    let mut inputs = tower_inputs::<f64>();
    let mut shared = Tape::new();
    let x: Vec<Var> = inputs.iter().map(|x| shared.parameter(x.clone())).collect();
    let loss = two_towers(&mut shared, &x).unwrap();
    shared.backward(loss).unwrap();

    inputs.extend_from_within(..2);
    let mut own = Tape::new();
    let z: Vec<Var> = inputs.iter().map(|x| own.parameter(x.clone())).collect();
    let left = tower(&mut own, &z[..2], z[2]).unwrap();
    let right = tower(&mut own, &z[4..], z[3]).unwrap();
    let distance = own.apply(EuclideanDistance::default(), &[left, right]).unwrap();
    let squared = own.apply(Square, &[distance]).unwrap();
    let loss = own.apply(Mean, &[squared]).unwrap();
    own.backward(loss).unwrap();
    for (together, (a, b)) in [(x[0], (z[0], z[4])), (x[1], (z[1], z[5]))] {
        let parts = own.grad(a).unwrap().values().iter().zip(own.grad(b).unwrap().values());
        for (sum, (a, b)) in shared.grad(together).unwrap().values().iter().zip(parts) {
            assert!((sum - (a + b)).abs() < 1e-12, "{sum} and {a} + {b}");
        }
    }
}

#[test]
fn from_the_second_step_on_the_tape_takes_no_new_buffer() {
    let mut tape = Tape::<f32>::new();
    let inputs = tower_inputs();
    let weights = [0, 1].map(|i: usize| tape.parameter(inputs[i].clone()));
    let mark = tape.len();
    let mut after = Vec::new();
    for _ in 0..5 {
        let images = [2, 3].map(|i: usize| {
            tape.constant_with(inputs[i].shape().clone(), |out| out.copy_from_slice(inputs[i].values()))
        });
        let x = [weights[0], weights[1], images[0], images[1]];
        let loss = two_towers(&mut tape, &x).unwrap();
        tape.backward(loss).unwrap();
        assert!(weights.iter().all(|w| tape.grad(*w).is_ok()));
        tape.truncate(mark);
        after.push(tape.allocations());
    }
    assert!((10..100).contains(&after[0]) && after[1..].iter().all(|count| *count == after[1]), "{after:?}");
}

/// What ops save between their passes is written to the same place at every step, each op to its own.
#[test]
fn what_is_saved_keeps_its_memory_from_step_to_step() {
    let mut tape = Tape::<f32>::new();
    assert!(tape.is_empty());
    let x = tape.parameter(Tensor::from_fn([1, 1, 8, 8], |i| (i as f32).sin()));
    let mark = tape.len();
    assert!(!tape.is_empty() && mark == 1);
    let halve = MaxPool2d { window: (2, 2), stride: (2, 2) };
    let mut steps = Vec::new();
    for _ in 0..3 {
        let once = tape.apply(halve, &[x]).unwrap();
        let twice = tape.apply(halve, &[once]).unwrap();
        steps.push([once, twice].map(|var| {
            let saved = tape.saved(var);
            assert!(!saved.indices.is_empty() || !saved.bytes.is_empty());
            (saved.indices.as_ptr(), saved.bytes.first().map(Vec::as_ptr))
        }));
        tape.truncate(mark);
    }
    assert!(steps[0] == steps[1] && steps[1] == steps[2], "{steps:?}");
}

#[test]
fn truncating_the_tape_keeps_parameters_and_repeats_to_the_bit() {
    let mut tape = Tape::new();
    let vars: Vec<Var> = tower_inputs::<f32>().into_iter().map(|x| tape.parameter(x)).collect();
    let mut steps = Vec::new();
    for _ in 0..3 {
        let loss = two_towers(&mut tape, &vars).unwrap();
        tape.backward(loss).unwrap();
        let bits = |t: &Tensor<f32>| t.values().iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
        let mut all = vec![bits(tape.value(loss))];
        tape.truncate(vars.len());
        assert_eq!(tape.len(), vars.len());
        for (x, start) in vars.iter().zip(tower_inputs::<f32>()) {
            assert_eq!(tape.value(*x), &start);
            all.push(bits(tape.grad(*x).expect("gradients outlive what is forgotten")));
        }
        steps.push(all);
    }
    assert!(steps[0] == steps[1] && steps[1] == steps[2]);
}

#[test]
fn constants_get_no_gradient_and_neither_does_what_the_loss_does_not_use() {
    let mut tape = Tape::new();
    let x = tape.parameter(Tensor::new([2], vec![3.0, 4.0]).unwrap());
    let unused = tape.parameter(Tensor::<f64>::zeros([2]));
    let c = tape.constant(Tensor::new([2], vec![5.0, 6.0]).unwrap());
    let of_constants = tape.apply(Mul, &[c, c]).unwrap();
    let y = tape.apply(Mul, &[x, of_constants]).unwrap();
    let loss = tape.apply(Mean, &[y]).unwrap();
    tape.backward(loss).unwrap();
    assert_eq!(tape.grad(x).unwrap().values(), [12.5, 18.0]);
    let says = |var: Var, tape: &Tape<f64>| tape.grad(var).unwrap_err().to_string();
    assert_eq!(says(unused, &tape), "grad: no backward pass has reached this parameter");
    assert_eq!(says(c, &tape), "grad: of a constant, expected a parameter");
    for var in [of_constants, y] {
        let expected = "grad: of a computed value, expected a parameter: other gradients are not kept";
        assert_eq!(says(var, &tape), expected);
    }
    // Backward again begins from zero: nothing of the last time is left.
    tape.backward(loss).unwrap();
    assert_eq!(tape.grad(x).unwrap().values(), [12.5, 18.0]);
    // A loss that depends on no parameter is refused, and what was there stays.
    let loss = tape.apply(Mean, &[c]).unwrap();
    let sentence = tape.backward(loss).unwrap_err().to_string();
    assert_eq!(sentence, "backward: from a value that depends on no parameter, expected one that does");
    assert!(!tape.needs_grad(loss).unwrap() && tape.needs_grad(y).unwrap());
    assert_eq!(tape.grad(x).unwrap().values(), [12.5, 18.0]);
}

#[test]
fn what_is_computed_for_its_own_sake_is_the_same_and_gets_no_gradient() {
    let mut tape = Tape::new();
    let x = tape.parameter(Tensor::<f64>::from_fn([2, 1, 6, 6], |i| (i as f64 * 0.37).sin()));
    let weight = tape.parameter(Tensor::<f64>::from_fn([3, 1, 3, 3], |i| (i as f64 * 0.73).cos()));
    let bias = tape.parameter(Tensor::<f64>::zeros([3]));
    let block = ops::ConvBlock { padding: (0, 0), tail: ops::Tail::TanhAvgPool };
    let run = |tape: &mut Tape<f64>, [x, weight, bias]: [Var; 3]| {
        let op = ops::ConvStack { blocks: vec![block; 1], flatten: true };
        let y = tape.apply(op, &[x, weight, bias]).unwrap();
        (y, tape.apply(Mean, &[y]).unwrap())
    };
    let (kept, loss) = run(&mut tape, [x, weight, bias]);
    assert!(!tape.saved(kept).values.is_empty() && !tape.saved(kept).values[1].is_empty());
    let constants = [x, weight, bias].map(|var| {
        let value = tape.value(var).clone();
        tape.constant(value)
    });
    let (alone, alone_loss) = run(&mut tape, constants);
    assert_eq!(tape.value(kept).values(), tape.value(alone).values());
    assert!(tape.saved(alone).values.iter().all(Vec::is_empty));
    assert!(tape.backward(alone_loss).is_err());
    assert!(tape.grad(x).is_err() && tape.grad(weight).is_err());
    tape.backward(loss).unwrap();
    assert!(tape.grad(x).is_ok() && tape.grad(weight).is_ok());
}

#[test]
fn backward_of_more_than_one_number_is_refused_with_the_shape() {
    let mut tape = Tape::new();
    let x = tape.parameter(Tensor::<f64>::zeros([2, 3]));
    let y = tape.apply(Relu, &[x]).unwrap();
    let sentence = tape.backward(y).unwrap_err().to_string();
    assert!(sentence.contains("(2, 3)") && sentence.contains("one number"), "{sentence}");
    let sentence = tape.backward_from(y, &Tensor::zeros([3, 2])).unwrap_err().to_string();
    assert!(sentence.contains("(3, 2)") && sentence.contains("(2, 3)"), "{sentence}");
}
