//! The proof that the gradient check can fail: every wrong backward pass of the zoo is caught; and what
//! weaker checks would have let pass.

#[path = "zoo/mod.rs"]
mod zoo;

use std::collections::BTreeSet;
use std::sync::Arc;
use twinglyph_engine::gradcheck::{Check, relative_error};
use twinglyph_engine::tape::Op;
use twinglyph_engine::{Tape, Tensor, Var};
use zoo::{Specimen, zoo};

/// The gradients of <cotangent, op(inputs)>.
fn gradients(
    op: &Arc<dyn Op<f64>>,
    inputs: &[Tensor<f64>],
    cotangent: impl Fn(usize) -> f64,
) -> Vec<Vec<f64>> {
    let mut tape = Tape::new();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.parameter(x.clone())).collect();
    let y = tape.apply(op.clone(), &vars).unwrap();
    let cotangent = Tensor::from_fn(tape.value(y).shape().clone(), cotangent);
    tape.backward_from(y, &cotangent).unwrap();
    vars.iter().map(|x| tape.grad(*x).expect("a gradient").values().to_vec()).collect()
}

/// Whether the project's check refuses the op: by differences, at a kink by the documented value.
fn caught(specimen: &Specimen, op: &Arc<dyn Op<f64>>) -> bool {
    match &specimen.at_kink {
        Some(documented) => gradients(op, &specimen.inputs, |_| 1.0)[0] != *documented,
        None => !Check::new().run_op(op, &specimen.inputs).unwrap().passed,
    }
}

#[test]
fn every_wrong_backward_pass_is_caught_and_its_right_twin_passes() {
    let zoo = zoo();
    assert!(zoo.len() >= 200, "{} specimens", zoo.len());
    for specimen in &zoo {
        assert!(caught(specimen, &specimen.op), "not caught: {}", specimen.name);
        assert!(!caught(specimen, &specimen.right), "refused, but right: {}", specimen.name);
    }
    let names: BTreeSet<&str> = zoo.iter().map(|specimen| specimen.name.as_str()).collect();
    assert_eq!(names.len(), zoo.len(), "every specimen has a name of its own");
}

#[test]
fn every_kind_of_op_that_can_go_wrong_has_a_specimen() {
    let zoo = zoo();
    let seen: BTreeSet<&str> = zoo.iter().map(|specimen| specimen.op.name()).collect();
    let missing: Vec<&str> = twinglyph_engine::ops::table()
        .iter()
        .map(|entry| entry.name)
        .filter(|name| !seen.contains(name))
        .collect();
    // The gradient of a sum is dy itself; mean has the specimen for both.
    assert_eq!(missing, ["sum"]);
}

/// A check as they are often written: one fixed cotangent, and nothing but differences.
fn weak_check(
    op: &Arc<dyn Op<f64>>,
    inputs: &[Tensor<f64>],
    cotangent: impl Fn(usize) -> f64,
    mean_only: bool,
) -> bool {
    let analytic = gradients(op, inputs, &cotangent);
    let value = |inputs: &[Tensor<f64>]| -> f64 {
        let mut tape = Tape::new();
        let vars: Vec<Var> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
        let y = tape.apply(op.clone(), &vars).unwrap();
        tape.value(y).values().iter().enumerate().map(|(k, y)| cotangent(k) * y).sum()
    };
    inputs.iter().enumerate().all(|(i, x)| {
        let numeric: Vec<f64> = (0..x.values().len())
            .map(|k| {
                let mut moved = inputs.to_vec();
                let mut at = |step: f64| {
                    moved[i].values_mut()[k] = x.values()[k] + step;
                    value(&moved)
                };
                (at(1e-5) - at(-1e-5)) / 2e-5
            })
            .collect();
        let mean = |values: &[f64]| vec![values.iter().sum::<f64>() / values.len() as f64];
        let (a, n) =
            if mean_only { (mean(&analytic[i]), mean(&numeric)) } else { (analytic[i].clone(), numeric) };
        a.iter().zip(&n).all(|(a, n)| relative_error(*a, *n) < 1e-7)
    })
}

/// The cotangent of a sum.
fn ones(_: usize) -> f64 {
    1.0
}

fn waves(k: usize) -> f64 {
    (1.7 * (k + 1) as f64).cos()
}

#[test]
fn weaker_checks_let_wrong_backward_passes_through() {
    // Each passes what is right; the assertions at the end hold what each is fooled by.
    type Check = fn(&Specimen, &Arc<dyn Op<f64>>) -> bool;
    let checks: [(&str, Check); 4] = [
        ("of the gradient of a sum", |s, op| weak_check(op, &s.inputs, ones, false)),
        ("of the gradient's mean", |s, op| weak_check(op, &s.inputs, waves, true)),
        ("with equal weights", |s, op| {
            let equal = |(i, x): (usize, &Tensor<f64>)| match i {
                1 => Tensor::from_fn(x.shape().clone(), |_| 0.5),
                _ => x.clone(),
            };
            let inputs: Vec<_> = s.inputs.iter().enumerate().map(equal).collect();
            weak_check(op, &inputs, waves, false)
        }),
        ("by differences alone", |s, op| weak_check(op, &s.inputs, waves, false)),
    ];
    let zoo = zoo();
    let mut fooled = Vec::new();
    println!("{} wrong backward passes; the project's check lets none through", zoo.len());
    for (name, check) in checks {
        println!("\na check {name} lets through:");
        let mut through = BTreeSet::new();
        for specimen in zoo.iter().filter(|specimen| specimen.at_kink.is_none()) {
            assert!(check(specimen, &specimen.right), "{name}: refused, but right: {}", specimen.name);
            if check(specimen, &specimen.op) {
                println!("    {}", specimen.name);
                through.insert(specimen.name.as_str());
            }
        }
        println!("  {} of them", through.len());
        fooled.push(through);
    }
    let [sum, mean, equal, differences] = &fooled[..] else { unreachable!("four checks") };
    // For dy = 1 both sums of batch-norm's dx vanish, Σ (dy - mean dy) and Σ dy xhat = Σ xhat: whatever is
    // done with them is right. This is why the cotangent is random.
    assert!(sum.contains("batch_norm: dx, without its path through the variance"));
    assert!(sum.contains("batch_norm: dx, gamma is forgotten"));
    assert!(sum.contains("flatten: channels last"));
    assert!(sum.contains("softmax: the mean of dy for its sum by y"));
    assert!(sum.contains("transpose: dx as dy stands"));
    assert!(mean.contains("conv2d: dw, the kernel is turned by 180 degrees"));
    assert!(mean.contains("max_pool2d: dy is shared out over the window"));
    assert!(equal.contains("conv2d: dx, the kernel is turned by 180 degrees"));
    assert!(equal.contains("dense: dx by the transposed weight"));
    assert!(equal.contains("matmul: dA by B as it stands"));
    assert!(differences.contains("add: written over what is there"));
    assert!(differences.contains("mul: the gradients wanted are counted, not named"));
}
