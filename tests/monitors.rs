//! The sentences that a training says of itself: every forced failure is named within two epochs, and runs that learn
//! say nothing.

use twinglyph::data::split::Split;
use twinglyph::data::synthetic;
use twinglyph::recipes::{Recipe, built_in};
use twinglyph::run::session::Session;
use twinglyph::train::{EpochMetrics, Observer, Reading, Settings, train};
use twinglyph_engine::nn::{Architecture, CustomLayer, CustomLoss, Form, Layer, Loss, Mode, Model};
use twinglyph_engine::{Element, Error, Result, Shape, Tape, Tensor, Var, ops};

#[derive(Default)]
struct Ear {
    alarms: Vec<String>,
    readings: Vec<Reading>,
    losses: Vec<f32>,
}

impl Observer for Ear {
    fn step(&mut self, _: usize, _: usize, _: f32, _: &dyn Fn() -> f32) {}

    fn epoch(&mut self, metrics: &EpochMetrics, reading: &Reading) -> Result<()> {
        self.losses.push(metrics.loss);
        self.readings.push(reading.clone());
        Ok(())
    }

    fn alarm(&mut self, sentence: &str) {
        self.alarms.push(sentence.into());
    }
}

fn recipe(name: &str, settings: &[&str]) -> Recipe {
    let common = ["steps=25", "validation_pairs=200"];
    let all: Vec<String> = common.iter().chain(settings).map(|s| s.to_string()).collect();
    Recipe::parse(name, built_in(name).unwrap(), &all).unwrap()
}

/// Trains on a few synthetic alphabets; `change` is laid over the first weights.
fn run(recipe: &Recipe, change: impl Fn(&str, f32) -> f32) -> (Ear, Option<Error>) {
    let spec = synthetic::Spec { alphabets: 10, characters: 8, drawers: 4, seed: 3 };
    let set = synthetic::generate(&spec).unwrap();
    let split = Split::by_alphabet(&set, &[], 1).unwrap();
    let mut model = Model::<f32>::new(recipe.architecture(), recipe.seed).unwrap();
    let names: Vec<String> = model.parameters().map(|(parameter, _)| parameter.name.clone()).collect();
    let values = model.values();
    let changed = values
        .iter()
        .zip(&names)
        .map(|(tensor, name)| Tensor::from_fn(tensor.dims(), |i| change(name, tensor.values()[i])));
    model.set_values(changed.collect());
    let mut ear = Ear::default();
    let error = train(recipe.settings(), model, &set, &split, &mut ear).err();
    (ear, error)
}

#[test]
fn runs_that_learn_raise_no_alarm() {
    for (name, settings) in [
        ("report-triplet", &["epochs=3"][..]),
        ("report-contrastive", &["epochs=3"]),
        ("figure5-contrastive", &["epochs=3"]),
        ("figure5-triplet", &["epochs=3"]),
        ("quickstart", &["epochs=3"]),
        ("report-triplet", &["epochs=3", "mining=semi_hard", "sample.alphabets=5", "margin=0.5"]),
        ("quick", &["epochs=3", "sample.alphabets=5", "warmup=10"]),
        ("characters", &["epochs=3", "sample.alphabets=5", "warmup=10"]),
    ] {
        let (ear, error) = run(&recipe(name, settings), |_, value| value);
        assert!(error.is_none(), "{name} {settings:?}: {error:?}");
        assert_eq!(ear.alarms, [""; 0], "{name} {settings:?}: {:?}", ear.readings);
        assert_eq!(ear.readings.len(), 3);
    }
}

/// The alarm, or the error of a run that cannot go on, within two epochs.
#[track_caller]
fn expect(what: &str, recipe: &Recipe, change: impl Fn(&str, f32) -> f32, words: &[&str]) {
    let (ear, error) = run(recipe, change);
    let said = ear.alarms.first().cloned().or(error.map(|error| error.to_string()));
    let Some(said) = said else {
        panic!("{what}: no alarm, losses {:?}, readings {:#?}", ear.losses, ear.readings);
    };
    assert!(words.iter().any(|word| said.contains(word)), "{what}: {said}");
    assert!(said.contains("helps"), "{what}: {said} names no remedy");
    assert!(said.contains("epoch 1") || said.contains("epoch 2"), "{what}: {said} is late");
}

#[test]
fn embeddings_in_one_point_are_called_collapsed() {
    let last = |name: &str, value: f32| if name.starts_with("encoder.8") { 1e-7 * value } else { value };
    // A step size that does not let them out again.
    let recipe = |name| recipe(name, &["epochs=2", "learning_rate=1e-9"]);
    expect("no weights", &recipe("report-triplet"), last, &["collapsed"]);
    expect("no weights", &recipe("report-contrastive"), last, &["collapsed"]);
}

#[test]
fn dead_units_are_called_collapsed() {
    let dead = |name: &str, value: f32| if name == "encoder.3.bias" { -100.0 } else { value };
    for name in ["report-triplet", "report-contrastive"] {
        expect("dead units", &recipe(name, &["epochs=2"]), dead, &["collapsed"]);
    }
}

#[test]
fn a_step_size_that_is_far_too_large_is_called_what_it_does() {
    let words = ["diverge", "collapsed", "saturated"];
    for (name, rate) in [
        ("report-triplet", "learning_rate=10"),
        ("report-contrastive", "learning_rate=10"),
        ("figure5-triplet", "learning_rate=10"),
        ("figure5-contrastive", "learning_rate=100"),
    ] {
        expect(name, &recipe(name, &["epochs=2", rate]), |_, value| value, &words);
    }
}

#[test]
fn a_last_activation_far_from_0_is_called_saturated() {
    let far = |name: &str, value: f32| match name {
        "encoder.9.weight" => 100.0 * value,
        _ => value,
    };
    expect("tanh", &recipe("figure5-triplet", &["epochs=2", "learning_rate=1e-5"]), far, &["saturated"]);
}

#[test]
fn a_sigmoid_stuck_at_either_end_is_called_saturated() {
    let text = "loss = \"triplet\"\nsize = 20\nbatch = 8\nsteps = 5\nepochs = 2\nvalidation_pairs = 200\n\
        learning_rate = 1e-9\nencoder = [{ layer = \"flatten\" }, { layer = \"dense\", units = 4 }, { layer = \"sigmoid\" }]";
    let recipe = Recipe::parse("sigmoid", text, &[]).unwrap();
    for end in [-60.0, 60.0] {
        // Differences large enough that the embeddings are no single point.
        let far = |name: &str, value: f32| if name == "encoder.1.bias" { end } else { 0.5 * value };
        let (ear, error) = run(&recipe, far);
        assert!(error.is_none(), "{error:?}");
        let share = ear.readings[1].saturated.unwrap();
        assert!(share > 0.9, "{end}: {share}");
        assert!(
            ear.alarms[0].contains("saturated") || ear.alarms[0].contains("collapsed"),
            "{:?}",
            ear.alarms
        );
    }
    let (ear, _) = run(&recipe, |_, value| value);
    assert!(ear.readings[1].saturated.unwrap() < 0.5, "{:?}", ear.readings);
}

/// What a model scores that has learned nothing is that of the batch's own labels.
#[test]
fn having_learned_nothing_is_measured_by_the_label_that_is_learned() {
    // Nothing but the bias is left: all embeddings are one point.
    let constant = |name: &str, value: f32| if name.ends_with("weight") { 1e-9 * value } else { value + 1.0 };
    for label in ["alphabet", "character"] {
        let text = format!(
            "loss = \"multi_similarity\"\nlabel = \"{label}\"\nsize = 20\nsteps = 3\nepochs = 1\nvalidation_pairs = 200\n\
             learning_rate = 1e-12\nsample = {{ alphabets = 4, characters = 3, drawings = 2 }}\n\
             encoder = [{{ layer = \"flatten\" }}, {{ layer = \"dense\", units = 4 }}, {{ layer = \"l2_normalise\" }}]"
        );
        let (ear, error) = run(&Recipe::parse(label, &text, &[]).unwrap(), constant);
        assert!(error.is_none(), "{error:?}");
        let ratio = ear.readings[0].loss_ratio;
        assert!((ratio - 1.0).abs() < 1e-3, "{label}: {ratio}");
    }
}

/// The contrastive loss and tanh, written anew from ops.
#[derive(Debug)]
struct Own;

impl CustomLayer for Own {
    fn name(&self) -> &'static str {
        "own tanh"
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn apply<E: Element>(&self, tape: &mut Tape<E>, x: Var, _: &[Var], _: Mode) -> Result<Var> {
        tape.apply(ops::Tanh, &[x])
    }
}

impl CustomLoss for Own {
    fn form(&self) -> Form {
        Form::Pairs
    }

    fn of_pairs<E: Element>(&self, tape: &mut Tape<E>, distance: Var, same: Var) -> Result<Var> {
        tape.apply(ops::ContrastiveLoss { margin: 1.0 }, &[distance, same])
    }
}

#[test]
fn a_layer_and_a_loss_of_ones_own_train_as_built_in_ones_do() {
    let layers = |last: Layer| vec![Layer::Flatten {}, Layer::Dense { units: 4 }, last];
    let built_in = Architecture::encoder([1, 15, 15], layers(Layer::Tanh {}));
    let mut own = Architecture::encoder([1, 15, 15], layers(Layer::custom(Own)));
    own.objective.loss = Loss::custom(Own);
    assert!(own.encoder[2] == own.clone().encoder[2] && own.encoder != built_in.encoder);
    let set =
        synthetic::generate(&synthetic::Spec { alphabets: 8, characters: 4, drawers: 3, seed: 3 }).unwrap();
    let split = Split::by_alphabet(&set, &[], 1).unwrap();
    let settings = Settings { batch: 4, steps: 6, epochs: 2, validation_pairs: 40, ..Settings::default() };
    let values = [built_in, own.clone()].map(|architecture| {
        let model = Model::<f32>::new(architecture, 1).unwrap();
        train(settings.clone(), model, &set, &split, &mut ()).unwrap().model.values()
    });
    assert_eq!(values[0], values[1]);
    // A run's configuration could not name them.
    let recipe = Recipe { loss: Loss::custom(Own), ..recipe("quickstart", &[]) };
    let model = Model::<f32>::new(recipe.architecture(), 1).unwrap();
    let folder = || -> Result<_> { panic!("no folder is asked for") };
    let error = Session::begin(recipe, model, &set, &split, folder).err().unwrap().to_string();
    assert!(error.starts_with("loss: is one's own, which no configuration can hold"), "{error}");
    // A form that the loss has no function for is refused.
    let mut tape = Tape::<f64>::new();
    let points = [(); 3].map(|()| tape.constant(Tensor::zeros([2, 1])));
    let error = own.objective.of_triplets(&mut tape, points).unwrap_err().to_string();
    assert!(error.contains("a batch of triplets") && error.contains("Pairs"), "{error}");
}

#[test]
fn a_head_that_gives_one_answer_is_called_saturated() {
    let far = |name: &str, value: f32| if name == "head.1.bias" { 60.0 } else { value };
    expect("head", &recipe("figure5-contrastive", &["epochs=2"]), far, &["saturated"]);
}

#[test]
fn weight_decay_that_takes_everything_is_called_collapsed() {
    let settings = ["epochs=2", "weight_decay=2000", "batch=16"];
    expect("decay", &recipe("report-triplet", &settings), |_, value| value, &["collapsed"]);
}
