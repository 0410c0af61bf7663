//! Every op and the report's models against what PyTorch makes of them, kept in reference.json. The values come from
//! `python tests/peers/reference_values.py target/release/twinglyph > tests/trust/reference.json`.

use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use twinglyph::recipes::{Recipe, built_in};
use twinglyph_engine::nn::{Mode, Model};
use twinglyph_engine::ops::*;
use twinglyph_engine::tape::{Op, Tape, Var};
use twinglyph_engine::{Result, Shape, Tensor};

/// Of the largest of the numbers that are compared: PyTorch adds in another order.
const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Reference {
    ops: Vec<Case>,
    models: Vec<WholeModel>,
}

#[derive(Deserialize)]
struct Case {
    op: String,
    settings: Value,
    inputs: Vec<Input>,
    output: Kept,
    gradients: Vec<Kept>,
}

#[derive(Deserialize)]
struct Input {
    kind: String,
    shape: Vec<usize>,
}

/// Every `step`-th number, and the norm of all.
#[derive(Deserialize)]
struct Kept {
    norm: f64,
    step: usize,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct WholeModel {
    recipe: String,
    size: usize,
    loss: f64,
    parameters: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    gradient: Kept,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

/// As in reference_values.py.
fn number(i: usize, shift: usize) -> f64 {
    (((i * 97 + shift * 31) % 251) as f64 - 125.5) / 126.0
}

fn fill(kind: &str, shape: &[usize], shift: usize) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| match (kind, number(i, shift)) {
        ("any", x) => x,
        ("positive", x) => 0.7 + 0.5 * x,
        ("binary", x) => f64::from(u8::from(x > 0.0)),
        (kind, _) => panic!("no kind of numbers is called {kind}"),
    })
}

/// The distance of what was found from what is kept, over `scale`.
fn error(found: &Tensor<f64>, kept: &Kept, scale: f64) -> f64 {
    let values = found.values();
    assert_eq!(values.len().div_ceil(kept.step), kept.values.len(), "another number of numbers");
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let each = values.iter().step_by(kept.step).zip(&kept.values).map(|(found, kept)| (found - kept).abs());
    each.fold((norm - kept.norm).abs(), f64::max) / scale
}

fn convolution(settings: &Value) -> Conv2d {
    let pair = |key: &str| serde_json::from_value(settings[key].clone()).ok();
    let (dilation, groups) = (pair("dilation").unwrap_or((1, 1)), settings["groups"].as_u64().unwrap_or(1));
    let [stride, padding] = ["stride", "padding"].map(|key| pair(key).unwrap());
    Conv2d { stride, padding, dilation, groups: groups as usize }
}

fn build(case: &Case) -> Arc<dyn Op<f64>> {
    let settings = &case.settings;
    let real = |key: &str| settings[key].as_f64().unwrap();
    let pair = |key: &str| -> (usize, usize) { serde_json::from_value(settings[key].clone()).unwrap() };
    let labels = || -> Vec<u32> { serde_json::from_value(settings["labels"].clone()).unwrap() };
    let places = |key: &str| -> Vec<usize> { serde_json::from_value(settings[key].clone()).unwrap() };
    let keep_axis = || settings["keep_axis"].as_bool().unwrap();
    match case.op.as_str() {
        "add" => Arc::new(Add),
        "sub" => Arc::new(Sub),
        "mul" => Arc::new(Mul),
        "div" => Arc::new(Div),
        "neg" => Arc::new(Neg),
        "square" => Arc::new(Square),
        "sqrt" => Arc::new(Sqrt),
        "abs" => Arc::new(Abs),
        "exp" => Arc::new(Exp),
        "log" => Arc::new(Log),
        "clamp_min" => Arc::new(ClampMin { min: real("min") }),
        "clamp_max" => Arc::new(ClampMax { max: real("max") }),
        "scale" => Arc::new(Scale { factor: real("factor") }),
        "broadcast_add" => Arc::new(BroadcastAdd),
        "broadcast_mul" => Arc::new(BroadcastMul),
        "sum" => Arc::new(Sum),
        "mean" => Arc::new(Mean),
        "row_sum" => Arc::new(RowSum { keep_axis: keep_axis() }),
        "row_mean" => Arc::new(RowMean { keep_axis: keep_axis() }),
        "row_max" => Arc::new(RowMax { keep_axis: keep_axis() }),
        "log_sum_exp" => Arc::new(LogSumExp { keep_axis: keep_axis() }),
        "softmax" => Arc::new(Softmax),
        "matmul" => Arc::new(MatMul),
        "reshape" => Arc::new(Reshape { shape: Shape::from(&places("shape")[..]) }),
        "transpose" => Arc::new(Transpose),
        "concat" => Arc::new(Concat { axis: real("axis") as usize }),
        "slice" => {
            let range = places("range");
            Arc::new(Slice { axis: real("axis") as usize, range: range[0]..range[1] })
        }
        "gather_rows" => Arc::new(GatherRows { rows: places("rows") }),
        "relu" => Arc::new(Relu),
        "tanh" => Arc::new(Tanh),
        "sigmoid" => Arc::new(Sigmoid),
        "dense" => Arc::new(Dense),
        "conv2d" => Arc::new(convolution(settings)),
        "conv_transpose2d" => {
            let convolution = convolution(settings);
            Arc::new(ConvTranspose2d { convolution, output_padding: pair("output_padding") })
        }
        "conv_stack" => {
            let block = |tail: &Value| ConvBlock {
                padding: pair("padding"),
                tail: if tail == "max" { Tail::ReluMaxPool } else { Tail::TanhAvgPool },
            };
            let blocks = settings["tails"].as_array().unwrap().iter().map(block).collect();
            Arc::new(ConvStack { blocks, flatten: settings["flatten"].as_bool().unwrap() })
        }
        "max_pool2d" => Arc::new(MaxPool2d { window: pair("window"), stride: pair("stride") }),
        "avg_pool2d" => Arc::new(AvgPool2d { window: pair("window"), stride: pair("stride") }),
        "batch_norm" => Arc::new(BatchNorm { eps: real("eps") }),
        "batch_norm_eval" => Arc::new(BatchNormEval { eps: real("eps") }),
        "normalised_dense" => Arc::new(NormalisedDense { eps: real("eps") }),
        "flatten" => Arc::new(Flatten),
        "squared_distance" => Arc::new(SquaredDistance),
        "euclidean_distance" => Arc::new(EuclideanDistance { floor: real("floor") }),
        "l2_normalise" => Arc::new(L2Normalise),
        "pairwise_squared_distance" => Arc::new(PairwiseSquaredDistance),
        "contrastive_loss" => Arc::new(ContrastiveLoss { margin: real("margin") }),
        "triplet_loss" => Arc::new(TripletLoss { margin: real("margin") }),
        "supervised_contrastive_loss" => {
            Arc::new(SupervisedContrastiveLoss { temperature: real("temperature"), labels: labels() })
        }
        "multi_similarity_loss" => {
            let (alpha, beta, base) = (real("alpha"), real("beta"), real("base"));
            Arc::new(MultiSimilarityLoss { alpha, beta, base, labels: labels() })
        }
        "mined_triplet_loss" => {
            let mining: Mining = serde_json::from_value(settings["mining"].clone()).unwrap();
            Arc::new(MinedTripletLoss { margin: real("margin"), mining, seed: 0, labels: labels() })
        }
        name => panic!("no op is called {name}"),
    }
}

/// The largest error of value and gradients.
fn check(case: &Case) -> Result<f64> {
    let mut tape = Tape::new();
    let inputs: Vec<Var> = (case.inputs.iter().enumerate())
        .map(|(shift, input)| tape.parameter(fill(&input.kind, &input.shape, shift)))
        .collect();
    let y = tape.apply(build(case), &inputs)?;
    tape.backward_from(y, &fill("any", tape.value(y).shape().dims(), 100))?;
    let scale = |kept: &Kept| kept.values.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    let mut worst = error(tape.value(y), &case.output, scale(&case.output));
    for (&input, kept) in inputs.iter().zip(&case.gradients) {
        worst = worst.max(error(tape.grad(input).expect("every input has one"), kept, scale(kept)));
    }
    Ok(worst)
}

#[test]
fn every_op_is_what_pytorch_says() {
    let cases = reference().ops;
    // Dropout draws its own zeros: nothing else could say which.
    for entry in table().iter().filter(|entry| entry.name != "dropout") {
        let of_op: Vec<&Case> = cases.iter().filter(|case| case.op == entry.name).collect();
        assert!(!of_op.is_empty(), "no reference for {}", entry.name);
        for case in of_op {
            let error = check(case).unwrap();
            assert!(error <= TOLERANCE, "{} {}: {error:e}", case.op, case.settings);
        }
    }
}

/// As in reference_values.py.
fn parameter(name: &str, shape: &[usize], shift: usize) -> Tensor<f64> {
    let mut values = fill("any", shape, shift);
    let fan: usize = shape[1..].iter().product();
    let one = if name.ends_with("weight") { 1.0 } else { 0.0 };
    for x in values.values_mut() {
        *x = if shape.len() > 1 { *x * (1.0 / (fan as f64).sqrt()) } else { 0.25 * *x + one };
    }
    values
}

/// The errors of the loss and, over the norm of the whole gradient, of each parameter's.
fn check_model(whole: &WholeModel) -> Result<f64> {
    let size = format!("size={}", whole.size);
    let recipe = Recipe::parse(&whole.recipe, built_in(&whole.recipe)?, &[size])?;
    let mut shift = 0;
    let mut model = Model::<f64>::with_values(recipe.architecture(), |of| {
        if !of.source.is_trainable() {
            // Running statistics, of which a training step makes no use.
            return Ok(Tensor::from_fn(of.shape.clone(), |_| 1.0));
        }
        shift += 1;
        Ok(parameter(&of.name, of.shape.dims(), shift - 1))
    })?;
    let [c, h, w] = recipe.architecture().input;
    let images: Vec<Var> = (200..203)
        .map(|shift| {
            let image = fill("any", &[3, c, h, w], shift);
            let ink = Tensor::from_fn([3, c, h, w], |i| image.values()[i].max(0.0));
            model.tape_mut().constant(ink)
        })
        .collect();
    let loss = if whole.recipe.ends_with("triplet") {
        model.triplet_loss([images[0], images[1], images[2]], Mode::Train { seed: 0 })?.0
    } else {
        let same = model.tape_mut().constant(Tensor::new([3, 1], vec![1.0, 0.0, 0.0])?);
        model.pair_loss([images[0], images[1]], same, Mode::Train { seed: 0 })?.loss
    };
    model.tape_mut().backward(loss)?;
    let tape = model.tape();
    let mut worst = (tape.value(loss).values()[0] - whole.loss).abs() / whole.loss;
    let norm = whole.parameters.iter().map(|named| named.gradient.norm.powi(2)).sum::<f64>().sqrt();
    let mut trained = 0;
    for (parameter, var) in model.parameters().filter(|(of, _)| of.source.is_trainable()) {
        let named = whole.parameters.iter().find(|named| named.name == parameter.name);
        let named = named.unwrap_or_else(|| panic!("no reference for {}", parameter.name));
        worst = worst.max(error(tape.grad(var).expect("trained"), &named.gradient, norm));
        trained += 1;
    }
    assert_eq!(trained, whole.parameters.len());
    Ok(worst)
}

#[test]
fn the_reports_models_are_what_pytorch_says() {
    let models = reference().models;
    assert_eq!(models.len(), 4);
    for whole in models {
        let error = check_model(&whole).unwrap();
        assert!(error <= TOLERANCE, "{}: {error:e}", whole.recipe);
        println!("{}: {error:.1e}", whole.recipe);
    }
}
