//! A number that is not finite, wherever it first appears, ends a training within the step and is named.

use crate::common::{fail, succeed, train};
use std::fs;
use twinglyph::data::split::Split;
use twinglyph::data::synthetic::{Spec, generate};
use twinglyph::recipes::{Recipe, built_in};
use twinglyph::train::Training;
use twinglyph_engine::nn::Model;
use twinglyph_engine::ops::{Mean, Sum, table};
use twinglyph_engine::tape::{Node, Op, Saved, Tape};
use twinglyph_engine::{Result, Shape, Tensor};

/// An op that is right but for one number.
struct Poisoned {
    op: Box<dyn Op<f64>>,
    poison: f64,
    /// Its output, or else the gradients that it hands on.
    forward: bool,
}

impl Op<f64> for Poisoned {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        self.op.output_shape(inputs)
    }

    fn forward(&self, inputs: &[&Tensor<f64>], output: &mut Tensor<f64>, saved: &mut Saved<f64>) {
        self.op.forward(inputs, output, saved);
        if self.forward {
            let last = output.values().len() - 1;
            output.values_mut()[last] = self.poison;
        }
    }

    fn vjp(&self, node: Node<'_, f64>, grad_output: &Tensor<f64>, grad_inputs: &mut [Option<Tensor<f64>>]) {
        self.op.vjp(node, grad_output, grad_inputs);
        if let Some(grad) = grad_inputs.iter_mut().flatten().next().filter(|_| !self.forward) {
            grad.values_mut()[0] = self.poison;
        }
    }
}

#[test]
fn a_number_that_is_not_finite_is_traced_to_the_op_that_made_it_in_every_op() {
    let mut traced = 0;
    for entry in table() {
        for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for forward in [true, false] {
                let sample = (entry.samples_f64)().pop().unwrap();
                let mut tape = Tape::new();
                let inputs: Vec<_> =
                    sample.inputs.iter().map(|input| tape.parameter(input.clone())).collect();
                let mark = tape.len();
                // Sound ops before and behind it.
                let mut given = inputs.clone();
                let two = tape.constant(Tensor::from_fn(tape.value(inputs[0]).shape().dims(), |_| 1.0));
                given[0] = tape.apply(twinglyph_engine::ops::Mul, &[inputs[0], two]).unwrap();
                let y = tape.apply(Poisoned { op: sample.op, poison, forward }, &given).unwrap();
                let sum = tape.apply(Sum, &[y]).unwrap();
                let loss = tape.apply(Mean, &[sum]).unwrap();
                tape.backward(loss).unwrap();
                let found = match tape.first_fault(mark) {
                    Some(var) => tape.op_name(var),
                    None => tape.first_gradient_fault(loss).unwrap(),
                };
                assert_eq!(found, Some(entry.name), "{}, {poison}, forward: {forward}", sample.label);
                traced += 1;
            }
        }
    }
    assert!(traced >= 180, "{traced}");
}

/// The error of a training of three steps whose weights are changed after the first.
fn broken(name: &str, change: impl Fn(&str, &mut [f32])) -> String {
    let settings = ["batch=2", "steps=3", "epochs=1", "validation_pairs=10", "size=40", "ema=0"];
    let recipe = Recipe::parse(name, built_in(name).unwrap(), &settings.map(String::from)).unwrap();
    let set = generate(&Spec { alphabets: 6, characters: 3, drawers: 4, seed: 3 }).unwrap();
    let split = Split::by_alphabet(&set, &[], 1).unwrap();
    let mut model = Model::new(recipe.architecture(), 1).unwrap();
    let names: Vec<String> = model.parameters().map(|(parameter, _)| parameter.name.clone()).collect();
    let mut values = model.values();
    names.iter().zip(&mut values).for_each(|(name, value)| change(name, value.values_mut()));
    model.set_values(values);
    let mut training = Training::new(recipe.settings(), model, &set, &split).unwrap();
    training.run(&mut ()).unwrap_err().to_string()
}

#[test]
fn a_broken_weight_ends_the_training_at_its_first_step_and_is_named() {
    for poison in [f32::NAN, f32::INFINITY] {
        let error = broken("report-triplet", |name, values| {
            if name == "encoder.3.weight" {
                values[5] = poison;
            }
        });
        let expected = "epoch 1, step 1: numbers stopped being finite in the parameter encoder.3.weight: training has diverged";
        assert!(error.starts_with(expected), "{error}");
    }
    // Finite weights, and an output that is too large for f32.
    let error = broken("report-contrastive", |name, values| {
        if name.ends_with(".weight") {
            values.iter_mut().for_each(|x| *x *= 1e18);
        }
    });
    assert!(error.starts_with("epoch 1, step 1: numbers stopped being finite in what "), "{error}");
}

#[test]
fn the_last_good_checkpoint_is_left_and_can_be_used() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    succeed(
        temp.path(),
        &train(&["--recipe", "report-triplet", "--out", "run", "--quiet", "--set", "schedule=constant"]),
    );
    // The same run with a step size that ends it in the next epoch.
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let rate = config.lines().find(|line| line.starts_with("learning_rate")).unwrap();
    fs::write(run.join("config.toml"), config.replace(rate, "learning_rate = 1e38")).unwrap();
    let (last, best) =
        (fs::read(run.join("last.safetensors")).unwrap(), fs::read(run.join("best.safetensors")).unwrap());
    let said = fail(temp.path(), &["train", "--resume", "run", "--epochs", "4", "--quiet"], 1);
    assert!(said.contains("epoch 3, step ") && said.contains("training has diverged"), "{said}");
    // What the beginning of the resumed run wrote is the same state.
    assert_eq!(fs::read(run.join("best.safetensors")).unwrap(), best);
    assert!(fs::read(run.join("last.safetensors")).unwrap() == last, "the checkpoint has changed");
    succeed(temp.path(), &["evaluate", "run", "--pairs", "20"]);
    fs::write(run.join("config.toml"), config).unwrap();
    succeed(temp.path(), &["train", "--resume", "run", "--epochs", "4", "--quiet"]);
}

/// What comes to light at an epoch's end only, in the average of the weights or in the embeddings, is no epoch either.
#[test]
fn an_epoch_that_ends_in_numbers_that_are_not_finite_is_none_and_the_best_before_it_stays() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let settings = ["batch=2", "steps=1", "validation_pairs=40", "size=40", "schedule=constant"];
    let settings = settings.iter().flat_map(|set| ["--set", set]);
    let mut arguments =
        vec!["train", "--recipe", "report-contrastive", "--quiet", "--out", "run", "--epochs", "1"];
    arguments.extend(settings);
    succeed(temp.path(), &arguments);
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let rate = config.lines().find(|line| line.starts_with("learning_rate")).unwrap();
    fs::write(run.join("config.toml"), config.replace(rate, "learning_rate = 1e12")).unwrap();
    let files = ["last.safetensors", "best.safetensors", "metrics.csv"];
    let before = files.map(|name| fs::read(run.join(name)).unwrap());
    let said = fail(temp.path(), &["train", "--resume", "run", "--epochs", "2", "--quiet"], 1);
    assert!(
        said.contains("epoch 2, its end: the model: gives an embedding of ") && said.lines().count() == 1,
        "{said}"
    );
    assert!(
        said.contains(", which began in ") && said.contains(": training has diverged; a lower"),
        "{said}"
    );
    assert!(files.map(|name| fs::read(run.join(name)).unwrap()) == before);
    succeed(temp.path(), &["evaluate", "run", "--pairs", "20"]);
}

/// Adam squares a gradient: one of 1e20 is a number in f32, and its square is none. The loss itself is one here.
#[test]
fn a_gradient_too_large_to_be_squared_ends_the_training_and_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let settings = ["--set", "loss=contrastive", "--set", "margin=8e18", "--set", "head=false"];
    let arguments =
        [&train(&["--recipe", "report-contrastive", "--out", "run", "--quiet"])[..], &settings].concat();
    let said = fail(temp.path(), &arguments, 1);
    let expected = "epoch 1, step 1: numbers stopped being finite in the squares of the gradient of ";
    assert!(said.contains(expected), "{said}");
}
