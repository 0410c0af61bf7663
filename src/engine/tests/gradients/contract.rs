//! What an op may rely on and what is expected of it: ops that break each rule are refused; and a tape that answers for
//! values which are its own alone.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use twinglyph_engine::gradcheck::{Check, Report};
use twinglyph_engine::ops::{Mul, Scale, Square, Sum};
use twinglyph_engine::tape::{Node, Op, Saved};
use twinglyph_engine::{Result, Shape, Tape, Tensor, Var};

/// dx of y = x^2, or of y = x a: what each rogue makes of it.
type Vjp<S> = fn(&S, Node<'_, f64>, &[f64], &mut [Option<Tensor<f64>>]);

/// y = x^2 of one input, y = x a of two; with a state that a rogue may keep, and its own backward pass.
struct Rogue<S> {
    state: S,
    keep: fn(&S, &[&Tensor<f64>], &mut Saved<f64>),
    vjp: Vjp<S>,
}

impl<S: Send + Sync> Op<f64> for Rogue<S> {
    fn name(&self) -> &'static str {
        "rogue"
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        Ok(inputs[0].clone())
    }

    fn forward(&self, inputs: &[&Tensor<f64>], output: &mut Tensor<f64>, saved: &mut Saved<f64>) {
        let (x, other) = (inputs[0].values(), inputs[inputs.len() - 1].values());
        for (y, (x, a)) in output.values_mut().iter_mut().zip(x.iter().zip(other)) {
            *y = x * a;
        }
        (self.keep)(&self.state, inputs, saved);
    }

    fn vjp(&self, node: Node<'_, f64>, dy: &Tensor<f64>, grads: &mut [Option<Tensor<f64>>]) {
        (self.vjp)(&self.state, node, dy.values(), grads);
    }
}

/// dx += 2 x dy, with x from wherever.
fn add_square_gradient(x: &[f64], dy: &[f64], dx: &mut Option<Tensor<f64>>) {
    let dx = dx.as_mut().expect("wanted").values_mut();
    for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
        *dx += 2.0 * x * dy;
    }
}

fn input(n: usize) -> Tensor<f64> {
    Tensor::from_fn([n, 3], |i| 0.5 + i as f64)
}

fn checked<S: Send + Sync + 'static>(rogue: Rogue<S>, inputs: &[Tensor<f64>]) -> Result<Report> {
    Check::new().run_op(&(std::sync::Arc::new(rogue) as _), inputs)
}

fn refused<S: Send + Sync + 'static>(rogue: Rogue<S>, inputs: &[Tensor<f64>], place: &str) {
    let report = checked(rogue, inputs).unwrap();
    assert!(!report.passed, "{report}");
    assert!(report.worst.as_ref().unwrap().place.contains(place), "{report}");
}

/// Pushes what it saves, and reads the first that is there.
fn pusher() -> Rogue<()> {
    Rogue {
        state: (),
        keep: |_, inputs, saved| saved.values.push(inputs[0].values().to_vec()),
        vjp: |_, node, dy, grads| add_square_gradient(&node.saved.values[0], dy, &mut grads[0]),
    }
}

#[test]
fn what_an_op_saves_is_of_its_own_call_alone() {
    let mut tape = Tape::new();
    let x = tape.parameter(Tensor::new([1], vec![0.0]).unwrap());
    let mark = tape.len();
    let mut gradients = Vec::new();
    for value in [1.0, 2.0, 3.0, 4.0] {
        tape.value_mut(x).values_mut()[0] = value;
        let y = tape.apply(pusher(), &[x]).unwrap();
        tape.backward(y).unwrap();
        gradients.push(tape.grad(x).unwrap().values()[0]);
        tape.truncate(mark);
    }
    assert_eq!(gradients, [2.0, 4.0, 6.0, 8.0]);
    assert!(checked(pusher(), &[input(4)]).unwrap().passed);
}

#[test]
fn an_op_that_keeps_to_itself_what_belongs_to_a_call_is_refused() {
    let last = Rogue {
        state: Mutex::new(Vec::new()),
        keep: |state, inputs, _| *state.lock().unwrap() = inputs[0].values().to_vec(),
        vjp: |state, _, dy, grads| add_square_gradient(&state.lock().unwrap(), dy, &mut grads[0]),
    };
    let report = checked(last, &[input(4)]).unwrap();
    assert!(!report.passed, "{report}");
    let first = Rogue {
        state: Mutex::new(Vec::new()),
        keep: |state: &Mutex<Vec<f64>>, inputs, _| {
            let mut state = state.lock().unwrap();
            if state.is_empty() {
                state.extend(inputs[0].values());
            }
        },
        vjp: |state, _, dy, grads| add_square_gradient(&state.lock().unwrap(), dy, &mut grads[0]),
    };
    refused(first, &[input(4)], "at other values");
}

/// As a buffer that grows to the largest batch and is never cut back: right until a smaller batch follows a larger one.
#[test]
fn an_op_that_goes_by_the_largest_batch_it_has_seen_is_refused() {
    let growing = Rogue {
        state: AtomicUsize::new(0),
        keep: |_, _, _| (),
        vjp: |largest, node, dy, grads| {
            let batch = node.inputs[0].dims()[0];
            let largest = largest.fetch_max(batch, Ordering::Relaxed).max(batch);
            let dy: Vec<f64> = dy.iter().map(|dy| dy * (batch as f64 / largest as f64)).collect();
            add_square_gradient(node.inputs[0].values(), &dy, &mut grads[0]);
        },
    };
    refused(growing, &[input(4)], "after steps at other values");
}

#[test]
fn an_op_whose_gradient_depends_on_how_often_it_was_called_is_refused() {
    let counted = Rogue {
        state: AtomicUsize::new(0),
        keep: |_, _, _| (),
        vjp: |calls, node, dy, grads| {
            let odd = calls.fetch_add(1, Ordering::Relaxed) % 2 == 1;
            let x: Vec<f64> =
                node.inputs[0].values().iter().map(|x| if odd { x + 1e-9 } else { *x }).collect();
            add_square_gradient(&x, dy, &mut grads[0]);
        },
    };
    refused(counted, &[input(4)], "computed a second time");
}

#[test]
fn an_op_that_assigns_is_refused() {
    let assigns = Rogue {
        state: (),
        keep: |_, _, _| (),
        vjp: |_, node, dy, grads| {
            let dx = grads[0].as_mut().unwrap().values_mut();
            for ((dx, x), dy) in dx.iter_mut().zip(node.inputs[0].values()).zip(dy) {
                *dx = 2.0 * x * dy;
            }
        },
    };
    refused(assigns, &[input(4)], "of a value used twice (a vjp must add)");
}

#[test]
fn an_op_that_gives_a_gradient_which_is_not_wanted_or_of_another_shape_is_refused() {
    let unwanted: Rogue<()> = Rogue {
        state: (),
        keep: |_, _, _| (),
        vjp: |_, node, dy, grads| {
            for (grad, other) in grads.iter_mut().zip([1, 0]) {
                let other = node.inputs[other].values();
                let mut sum = grad.take().unwrap_or_else(|| Tensor::zeros(node.inputs[0].shape().clone()));
                for (sum, (a, dy)) in sum.values_mut().iter_mut().zip(other.iter().zip(dy)) {
                    *sum += a * dy;
                }
                *grad = Some(sum);
            }
        },
    };
    let sentence = checked(unwanted, &[input(2), input(2)]).unwrap_err().to_string();
    assert!(sentence.starts_with("rogue: its vjp put in or took away a gradient"), "{sentence}");
    let reshaped: Rogue<()> =
        Rogue { state: (), keep: |_, _, _| (), vjp: |_, _, _, grads| grads[0] = Some(Tensor::zeros([6])) };
    assert!(checked(reshaped, &[input(2)]).is_err());
}

#[test]
fn a_value_of_another_tape_or_one_that_was_forgotten_is_never_taken_for_another() {
    let (mut one, mut other) = (Tape::new(), Tape::new());
    let x = one.parameter(input(2));
    let z = other.parameter(input(2));
    let mark = one.len();
    let old = one.apply(Square, &[x]).unwrap();
    one.truncate(mark);
    let new = one.apply(Scale { factor: 3.0 }, &[x]).unwrap();
    assert_ne!(old, new);
    let says = |result: Result<Var>| result.unwrap_err().to_string();
    let forgotten = "given a value that has been forgotten, expected one on the tape";
    assert_eq!(says(one.apply(Sum, &[old])), format!("sum: {forgotten}"));
    assert_eq!(one.backward(old).unwrap_err().to_string(), format!("backward: {forgotten}"));
    assert_eq!(one.grad(old).unwrap_err().to_string(), format!("grad: {forgotten}"));
    let foreign = "given a value of another tape, expected one of this";
    assert_eq!(says(one.apply(Mul, &[x, z])), format!("mul: {foreign}"));
    assert_eq!(other.backward_from(x, &input(2)).unwrap_err().to_string(), format!("backward: {foreign}"));
    assert_eq!(other.grad(x).unwrap_err().to_string(), format!("grad: {foreign}"));
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| one.value(old).values()[0])).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), format!("tape: {forgotten}"));
}
