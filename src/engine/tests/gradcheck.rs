//! The gradient checker itself: what it says, what it refuses, and that it can fail.

use std::sync::Arc;
use twinglyph_engine::gradcheck::{self, Check, Outcome, Report, Row, relative_error};
use twinglyph_engine::ops::{self, Add, Log, MaxPool2d, Mean, Mul, Relu, Sqrt, Square, Sub, Sum};
use twinglyph_engine::tape::{Node, Op, Saved};
use twinglyph_engine::{Result, Shape, Tape, Tensor, Var};

fn wave(shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| (12.9898 * (i + 1) as f64).sin())
}

/// y = 2 x with a gradient that is `factor` dy, off by `bump` at one element.
struct Double {
    factor: f64,
    bump: Option<(usize, f64)>,
}

impl Op<f64> for Double {
    fn name(&self) -> &'static str {
        "double"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn forward(&self, inputs: &[&Tensor<f64>], output: &mut Tensor<f64>, _: &mut Saved<f64>) {
        for (y, x) in output.values_mut().iter_mut().zip(inputs[0].values()) {
            *y = 2.0 * x;
        }
    }

    fn vjp(&self, _: Node<'_, f64>, grad_output: &Tensor<f64>, grad_inputs: &mut [Option<Tensor<f64>>]) {
        let Some(dx) = &mut grad_inputs[0] else { return };
        for (i, (dx, dy)) in dx.values_mut().iter_mut().zip(grad_output.values()).enumerate() {
            let bump = self.bump.filter(|(at, _)| *at == i).map_or(0.0, |(_, bump)| bump);
            *dx += (self.factor + bump) * dy;
        }
    }
}

fn check_double(factor: f64, bump: Option<(usize, f64)>, shape: &[usize]) -> Report {
    let op: Arc<dyn Op<f64>> = Arc::new(Double { factor, bump });
    Check::new().run_op(&op, &[wave(shape)]).unwrap()
}

#[test]
fn a_gradient_that_is_no_number_never_passes() {
    for factor in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let report = check_double(factor, None, &[3]);
        assert!(!report.passed && report.worst_error == f64::INFINITY, "{report}");
        let row = Row::from_report("double", 1e-7, &report);
        assert!(!row.passed && row.detail.is_some());
    }
    assert!(check_double(2.0, None, &[3]).passed);
    // A function that is no number fails too, though the gradient there is defined as 0.
    let report = gradcheck::check(|tape, x| tape.apply(Sqrt, x), &[Tensor::scalar(-1.0)]).unwrap();
    assert!(!report.passed, "{report}");
    assert_eq!(relative_error(f64::NAN, f64::NAN), f64::INFINITY);
    assert_eq!(relative_error(f64::INFINITY, f64::INFINITY), f64::INFINITY);
    assert_eq!(relative_error(3.0, 2.0), 1.0 / 3.0);
    assert_eq!(relative_error(0.25, 0.0), 0.25);
}

#[test]
fn one_wrong_number_among_many_is_found_and_its_place_is_named() {
    let report = check_double(2.0, Some((4, 1e-6)), &[2, 3]);
    assert!(!report.passed, "{report}");
    assert!(report.to_string().contains("input 0[1, 1]"), "{report}");
    // Beyond what is checked number by number: in a direction of signs it counts in full.
    let report = check_double(2.0, Some((4321, 1e-6)), &[100, 100]);
    assert!(!report.passed, "{report}");
    assert!(report.to_string().contains("direction of random signs"), "{report}");
    let report = check_double(2.0, None, &[100, 100]);
    assert!(report.passed && report.cases > 20, "{report}");
}

#[test]
fn large_functions_are_checked_in_directions_input_by_input() {
    let inputs = [wave(&[60, 50]), wave(&[60, 50]), wave(&[4])];
    let report = Check::new()
        .directions(30)
        .names(["a", "b", "c"])
        .run(
            |tape, x| {
                let y = tape.apply(Mul, &x[..2])?;
                let y = tape.apply(Mean, &[y])?;
                let c = tape.apply(Sum, &x[2..])?;
                tape.apply(Mul, &[y, c])
            },
            &inputs,
        )
        .unwrap();
    assert!(report.passed, "{report}");
    // 30 directions and 5 coordinates of a and of b, the 4 coordinates of c; five times every number; and a direction of each
    // at other values.
    assert_eq!(report.cases, 2 * 35 + 4 + 5 * 6004 + 3);
}

#[test]
fn a_kink_close_to_the_point_is_passed_by_with_a_shorter_step() {
    // Kinks 1.5e-4, 5e-5 and 3e-6 away: within the longest step or its double, and within the next.
    let x = Tensor::new([4], vec![1.5e-4, -5e-5, 3e-6, 0.4]).unwrap();
    let report = gradcheck::check(|tape, x| tape.apply(Relu, x), &[x]).unwrap();
    assert!(report.passed, "{report}");
    let x = Tensor::new([1, 1, 2, 2], vec![0.3, 0.3 + 2e-5, -0.1, 0.2]).unwrap();
    let pool = MaxPool2d { window: (2, 2), stride: (2, 2) };
    let report = gradcheck::check(move |tape, x| tape.apply(pool, x), &[x]).unwrap();
    assert!(report.passed, "{report}");
    // At the kink there is no derivative, and the check says so.
    let report = gradcheck::check(|tape, x| tape.apply(Relu, x), &[Tensor::scalar(0.0)]).unwrap();
    assert!(!report.passed, "{report}");
}

#[test]
fn an_input_said_to_be_linear_that_is_not_is_found_at_step_1() {
    // x^2 passes even so, for a central difference of a square is exact; x^4 does not.
    let fourth = |tape: &mut twinglyph_engine::Tape<f64>, x: &[twinglyph_engine::Var]| {
        let squared = tape.apply(Square, x)?;
        tape.apply(Square, &[squared])
    };
    let x = [wave(&[3])];
    assert!(gradcheck::check(fourth, &x).unwrap().passed);
    let report = Check::new().linear_in(&[0]).run(fourth, &x).unwrap();
    assert!(!report.passed && report.to_string().contains("step 1"), "{report}");
}

#[test]
fn only_the_inputs_asked_for_are_differentiated() {
    let inputs = [wave(&[3]), wave(&[3])];
    let all = gradcheck::check(|tape, x| tape.apply(Sub, x), &inputs).unwrap();
    let one = Check::new().only(&[1]).run(|tape, x| tape.apply(Sub, x), &inputs).unwrap();
    assert!(all.passed && one.passed && one.cases < all.cases / 2 + 1, "{all}; {one}");
    let none = Check::new().only(&[]).run(|tape, x| tape.apply(Sub, x), &inputs).unwrap();
    assert!(!none.passed && none.cases == 0, "nothing was compared, so nothing passed");
    assert_eq!(none.to_string(), "failed: nothing to compare");
    for check in [Check::new().only(&[2]), Check::new().linear_in(&[2])] {
        let error = check.run(|tape, x| tape.apply(Sub, x), &inputs).unwrap_err();
        assert!(error.to_string().contains("input 2, but there are 2 inputs"), "{error}");
    }
}

#[test]
fn what_the_function_refuses_is_the_checks_error() {
    let error = gradcheck::check(|tape, x| tape.apply(Sub, x), &[wave(&[3]), wave(&[4])]).unwrap_err();
    assert!(error.to_string().contains("sub: inputs of shapes (3) and (4)"), "{error}");
}

/// log(x - 0.9) at 1: the check looks at smaller values too, where it is none.
#[test]
fn a_function_that_has_no_value_elsewhere_is_checked_where_it_has_one() {
    let shifted = |tape: &mut Tape<f64>, x: &[Var]| {
        let less = tape.constant(Tensor::from_fn([2, 1], |_| -0.9));
        let moved = tape.apply(Add, &[x[0], less])?;
        tape.apply(Log, &[moved])
    };
    let report = gradcheck::check(shifted, &[Tensor::from_fn([2, 1], |_| 1.0)]).unwrap();
    assert!(report.passed, "{report}");
}

#[test]
fn an_op_without_samples_fails() {
    let entry = ops::Entry { name: "new", samples_f64: Vec::new, samples_f32: Vec::new, refusals: Vec::new };
    let row = gradcheck::check_op(&entry).unwrap();
    assert!(!row.passed && row.cases == 0);
    assert_eq!(row.detail.as_deref(), Some("no samples"));
    assert!(!Outcome::new(Vec::new()).passed, "no row is no proof");
}

#[test]
fn the_table_has_a_row_an_op_and_names_what_failed() {
    let good = Row::from_report("double", 1e-7, &check_double(2.0, None, &[3]));
    let bad = Row::from_report("wrong", 1e-7, &check_double(2.5, None, &[3]));
    let outcome = Outcome::new(vec![good.clone(), bad]);
    assert!(!outcome.passed && Outcome::new(vec![good]).passed);
    let text = outcome.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "op          cases  worst error  allowed  verdict");
    assert!(lines[1].starts_with("double") && lines[1].ends_with("1e-7  passed"), "{text}");
    assert!(lines[2].starts_with("wrong") && lines[2].ends_with("1e-7  FAILED"), "{text}");
    assert!(lines[3].starts_with("wrong: failed: ") && lines[3].contains("input 0["), "{text}");
    assert_eq!(lines[4], "1 of 2 failed");

    let json = serde_json::to_value(&outcome).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["ops", "passed"]);
    assert_eq!(json["passed"], false);
    assert_eq!(keys(&json["ops"][0]), ["cases", "op", "passed", "worst_error"]);
    assert_eq!((&json["ops"][1]["op"], &json["ops"][1]["passed"]), (&"wrong".into(), &false.into()));
}
