//! A model of one's own: parameters by name, encoding and embedding, layers and losses of one's own, Adam's state.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use twinglyph_engine::nn::{
    Adam, AdamSettings, Architecture, CustomLayer, CustomLoss, Form, Layer, Loss, Mode, Model, Objective,
    Parameter, Source,
};
use twinglyph_engine::ops::{BroadcastAdd, Dropout, Mean, Square};
use twinglyph_engine::random::rng;
use twinglyph_engine::tape::{Call, Watch};
use twinglyph_engine::{Element, Error, Result, Shape, Tape, Tensor, Var};

const TRAIN: Mode = Mode::Train { seed: 3 };

/// y = x + b.
#[derive(Debug)]
struct Shift;

impl CustomLayer for Shift {
    fn name(&self) -> &'static str {
        "shift"
    }

    fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>> {
        Ok(vec![Parameter { name: "by".into(), shape: [input.dims()[1]].into(), source: Source::Ones }])
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        match input.dims() {
            [_, _] => Ok(input.clone()),
            _ => Err(Error::shape("shift", format!("an input of shape {input}, expected features"))),
        }
    }

    fn apply<E: Element>(&self, tape: &mut Tape<E>, x: Var, parameters: &[Var], _: Mode) -> Result<Var> {
        tape.apply(BroadcastAdd, &[x, parameters[0]])
    }
}

/// The mean of the squared distances.
#[derive(Debug)]
struct Attraction;

impl CustomLoss for Attraction {
    fn form(&self) -> Form {
        Form::Pairs
    }

    fn of_pairs<E: Element>(&self, tape: &mut Tape<E>, distance: Var, _: Var) -> Result<Var> {
        let squares = tape.apply(Square, &[distance])?;
        tape.apply(Mean, &[squares])
    }
}

fn encoder() -> Vec<Layer> {
    let norm = || Layer::BatchNorm { eps: 1e-3, momentum: 0.5 };
    vec![Layer::conv2d(3, 3, 0), norm(), Layer::Flatten {}, Layer::Dense { units: 4 }, Layer::custom(Shift)]
}

fn model() -> Model<f64> {
    Model::new(Architecture::encoder([1, 6, 5], encoder()), 7).unwrap()
}

fn images(count: usize) -> Tensor<f64> {
    Tensor::from_fn([count, 1, 6, 5], |i| (i as f64 * 0.37).sin())
}

fn embed(model: &Model<f64>, images: &Tensor<f64>) -> Vec<f64> {
    let write = |i: usize, image: &mut [f64]| image.copy_from_slice(&images.values()[i * 30..][..30]);
    model.embed(images.dims()[0], write).unwrap().values().to_vec()
}

#[test]
fn parameters_are_found_by_their_names_and_layers_of_ones_own_are_layers() {
    let mut model = model();
    let names: Vec<String> = model.parameters().map(|(parameter, _)| parameter.name.clone()).collect();
    assert_eq!(names[0], "encoder.0.weight");
    assert_eq!(names.last().unwrap(), "encoder.4.by");
    for (name, shape) in
        [("encoder.0.weight", &[3, 1, 3, 3][..]), ("encoder.3.bias", &[4]), ("encoder.4.by", &[4])]
    {
        let var = model.parameter(name).unwrap();
        assert_eq!(model.tape().value(var).dims(), shape);
    }
    assert_eq!(model.parameter("encoder.9.weight"), None);
    // What stands under a name is what is computed with.
    let (by, before) = (model.parameter("encoder.4.by").unwrap(), embed(&model, &images(2)));
    model.tape_mut().value_mut(by).values_mut().copy_from_slice(&[2.0, 1.0, 1.0, 0.5]);
    let after = embed(&model, &images(2));
    for (i, (before, after)) in before.iter().zip(after).enumerate() {
        assert!((after - before - [1.0, 0.0, 0.0, -0.5][i % 4]).abs() < 1e-12);
    }

    assert_eq!(Layer::custom(Shift).name(), "shift");
    let layer = Layer::custom(Shift);
    assert_eq!(layer, layer.clone());
    assert_ne!(layer, Layer::custom(Shift));
    let wrong = Architecture::encoder([1, 6, 5], vec![Layer::custom(Shift)]);
    let said = wrong.shapes().unwrap_err().to_string();
    assert!(said.contains("encoder[0] shift") && said.contains("expected features"), "{said}");
}

#[test]
fn the_convolutions_of_an_architecture_are_those_of_so_many_images() {
    let architecture = Architecture::encoder([1, 6, 5], encoder());
    let found = architecture.convolutions(64).unwrap();
    let [convolution] = &found[..] else { panic!("one convolution, not {}", found.len()) };
    assert_eq!((convolution.layer, convolution.name), (0, "conv2d"));
    let g = convolution.geometry;
    assert_eq!((g.images, g.channels, g.size, g.filters, g.kernel), (64, 1, (6, 5), 3, (3, 3)));
}

#[test]
fn embedding_is_encoding_in_eval_mode_however_many_at_a_time() {
    let mut model = model();
    let all = images(150);
    let embedded = embed(&model, &all);
    let on_tape = {
        let images = model.tape_mut().constant(all.clone());
        let encoded = model.encode(images, Mode::Eval).unwrap();
        model.tape().value(encoded).values().to_vec()
    };
    for (a, b) in embedded.iter().zip(&on_tape) {
        assert!((a - b).abs() < 1e-12);
    }
    for count in [1, 15, 16, 17, 64, 65, 149] {
        let first = Tensor::new([count, 1, 6, 5], all.values()[..count * 30].to_vec()).unwrap();
        assert_eq!(embed(&model, &first), embedded[..count * 4], "{count}");
    }
    let pairs: Vec<(usize, usize)> = (0..9000).map(|i| (i % 150, (i * 7 + 1) % 150)).collect();
    let distances = model.distances(&Tensor::new([150, 4], embedded.clone()).unwrap(), &pairs).unwrap();
    assert_eq!(distances.len(), pairs.len());
    for ((a, b), distance) in pairs.into_iter().zip(distances) {
        let (a, b) = (&embedded[a * 4..][..4], &embedded[b * 4..][..4]);
        let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        assert!((distance - squares.sqrt()).abs() < 1e-9);
    }
}

/// Batch-norm's running statistics move with every step in training, and what is embedded afterwards goes by them.
#[test]
fn what_moves_the_running_statistics_moves_the_embeddings() {
    let objective = |loss| Objective { loss, ..Objective::default() };
    let with = |loss| {
        Model::<f64>::new(
            Architecture { objective: objective(loss), ..Architecture::encoder([1, 6, 5], encoder()) },
            7,
        )
        .unwrap()
    };
    type Step<'a> = &'a dyn Fn(&mut Model<f64>, &[Var]);
    // `step` takes what `batch` put on the tape, with nothing in between, or with something that only asked for the tape.
    let look = |model: Model<f64>, batch: &[Tensor<f64>], step: Step<'_>| {
        for asked in 0..2 {
            let mut model = model.clone();
            let vars: Vec<Var> = batch.iter().map(|x| model.tape_mut().constant(x.clone())).collect();
            let before = embed(&model, &images(3));
            assert_eq!(embed(&model, &images(3)), before);
            for _ in 0..asked {
                model.tape_mut();
            }
            step(&mut model, &vars);
            assert_ne!(embed(&model, &images(3)), before);
            // A copy is the same model from then on.
            assert_eq!(embed(&model.clone(), &images(3)), embed(&model, &images(3)));
            let values = model.values();
            for _ in 0..asked {
                model.tape_mut();
            }
            model.set_values(values.iter().map(|value| Tensor::from_fn(value.dims(), |_| 0.5)).collect());
            assert_ne!(embed(&model, &images(3)), before);
            let moved = embed(&model, &images(3));
            for _ in 0..asked {
                model.tape_mut();
            }
            model.set_values(values);
            assert_ne!(embed(&model, &images(3)), moved);
        }
    };
    look(model(), &[images(4)], &|model, x| {
        model.encode(x[0], TRAIN).unwrap();
    });
    let tower = |i: usize| Tensor::from_fn([2, 1, 6, 5], |k| (k * (i + 1)) as f64);
    let same = Tensor::from_fn([2, 1], |_| 1.0);
    look(with(Loss::custom(Attraction)), &[tower(0), tower(1), same], &|model, x| {
        let found = model.pair_loss([x[0], x[1]], x[2], TRAIN).unwrap();
        let distances = model.tape().value(found.distance).values();
        let mean = distances.iter().map(|d| d * d).sum::<f64>() / 2.0;
        assert!((model.tape().value(found.loss).values()[0] - mean).abs() < 1e-12);
    });
    look(with(Loss::Triplet), &[tower(0), tower(1), tower(2)], &|model, x| {
        model.triplet_loss([x[0], x[1], x[2]], TRAIN).unwrap();
    });
    look(with(Loss::SupervisedContrastive), &[images(4)], &|model, x| {
        model.labels_loss(x[0], [&[0, 0, 1, 1], &[0, 1, 2, 3]], TRAIN).unwrap();
    });
    assert_eq!(objective(Loss::custom(Attraction)).form(), Form::Pairs);
    let loss = Loss::custom(Attraction);
    assert_eq!(loss, loss.clone());
    assert_ne!(loss, Loss::custom(Attraction));
}

#[test]
fn broken_weights_give_no_answer_and_faults_are_named() {
    let mut model = model();
    let x = model.tape_mut().constant(images(4));
    let y = model.encode(x, TRAIN).unwrap();
    let squares = model.tape_mut().apply(Square, &[y]).unwrap();
    let loss = model.tape_mut().apply(Mean, &[squares]).unwrap();
    model.tape_mut().backward(loss).unwrap();
    assert_eq!(model.fault(loss).unwrap(), None);
    let norms = model.gradient_norms();
    let names: Vec<&str> = norms.iter().map(|(parameter, _)| parameter.name.as_str()).collect();
    assert_eq!(names.len(), model.trainable().len());
    for (parameter, norm) in &norms {
        let grad = model.tape().grad(model.parameter(&parameter.name).unwrap()).unwrap().values();
        let expected = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!((norm - expected).abs() <= 1e-12 * expected.max(1.0), "{}", parameter.name);
    }
    // Squares that are infinite in the element, whose sum in f64 is not: the norm is found all the same.
    let mut tape = Tape::<f32>::new();
    let w = tape.parameter(Tensor::from_fn([2, 1], |_| 1.0));
    tape.backward_from(w, &Tensor::from_fn([2, 1], |i| [3e19, 4e19][i])).unwrap();
    let clipped = AdamSettings { clip_norm: 1.0, beta_1: 0.0, eps: 1.0, ..AdamSettings::default() };
    let mut adam = Adam::new(clipped);
    adam.step(&mut tape, &[w]).unwrap();
    let (_, means) = adam.state();
    assert!((means[0][0][0] - 0.6).abs() < 1e-6 && (means[0][0][1] - 0.8).abs() < 1e-6, "{means:?}");

    let broken = model.parameter("encoder.3.weight").unwrap();
    model.tape_mut().value_mut(broken).values_mut()[0] = f64::NAN;
    let write = |_: usize, image: &mut [f64]| image.fill(1.0);
    let said = model.embed(1, write).unwrap_err().to_string();
    assert!(
        said.contains("an embedding of NaN, which began in dense") && said.contains("weights are broken"),
        "{said}"
    );
    assert_eq!(model.fault(loss).unwrap().as_deref(), None, "what is on the tape is sound");
    assert_eq!(model.broken_parameter().unwrap().name, "encoder.3.weight");
    // The next step is not sound.
    model.forget();
    let x = model.tape_mut().constant(images(4));
    let y = model.encode(x, TRAIN).unwrap();
    let loss = model.tape_mut().apply(Mean, &[y]).unwrap();
    assert_eq!(model.fault(loss).unwrap().as_deref(), Some("in the parameter encoder.3.weight"));
}

/// Counts the calls of ops.
struct Calls(Arc<AtomicUsize>);

impl Watch for Calls {
    fn start(&mut self) {}

    fn stop(&mut self, _: &Call) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_watches_a_model_sees_what_it_embeds() {
    let (mut model, calls) = (model(), Arc::new(AtomicUsize::new(0)));
    model.tape_mut().watch(Calls(calls.clone()));
    embed(&model, &images(2));
    assert_eq!(calls.load(Ordering::Relaxed), 5);
}

#[test]
fn adam_goes_on_from_a_state_as_if_it_had_not_stopped() {
    let run = |stop: bool| {
        let mut tape = Tape::<f64>::new();
        let w = tape.parameter(Tensor::from_fn([3], |i| i as f64 - 1.5));
        let mark = tape.len();
        let mut adam = Adam::new(AdamSettings::default());
        for step in 0..6 {
            let squares = tape.apply(Square, &[w]).unwrap();
            let loss = tape.apply(Mean, &[squares]).unwrap();
            tape.backward(loss).unwrap();
            adam.step(&mut tape, &[w]).unwrap();
            tape.truncate(mark);
            if stop && step == 2 {
                let (steps, means) = adam.state();
                let mut other = Adam::new(AdamSettings::default());
                other.set_state(steps, means.to_vec());
                adam = other;
            }
        }
        tape.value(w).values().to_vec()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn first_weights_fill_glorots_range_and_dropout_goes_by_the_steps_seed() {
    let source = Source::GlorotUniform { fan_in: 20, fan_out: 34 };
    let values = source.tensor::<f64>(&[40, 30].into(), &mut rng(1, 0));
    let limit = (6.0_f64 / 54.0).sqrt();
    let [least, most] = [f64::min, f64::max].map(|pick| values.values().iter().copied().fold(0.0, pick));
    assert!(least > -limit && least < -0.99 * limit && most < limit && most > 0.99 * limit, "{least} {most}");

    assert_eq!((Mode::Eval.seed(), Mode::Train { seed: 9 }.seed()), (0, 9));
    let of = |seed: u64| {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(Tensor::from_fn([8, 8], |_| 1.0));
        let y = Layer::Dropout { rate: 0.5 }.apply(&mut tape, x, &[], Mode::Train { seed }).unwrap();
        let plain = tape.apply(Dropout { rate: 0.5, seed }, &[x]).unwrap();
        assert_eq!(tape.value(y).values(), tape.value(plain).values());
        tape.value(y).values().to_vec()
    };
    assert_eq!(of(5), of(5));
    assert_ne!(of(5), of(6));
}
