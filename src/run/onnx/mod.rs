//! The encoder as an ONNX file (<https://onnx.ai>, IR version 8, opset 13): for other programs and other machines.
//!
//! Input `images`, f32 (N, C, H, W): ink, 0 for paper and 1 for a stroke, scaled to H x W by the mean of the area that a
//! pixel covers, in C equal channels. Output `embedding`, f32 (N, F). The model's threshold, label, views and calibration
//! stand in the file's metadata; the average over views is left to the caller.

mod protobuf;

use super::trained::TrainedRun;
use protobuf::Message;
use twinglyph_engine::nn::{Layer, Pair};
use twinglyph_engine::tensor::Tensor;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 13;
const INPUT: &str = "images";
const OUTPUT: &str = "embedding";
/// ONNX's numbers of the element type f32 and of kinds of attributes.
const FLOAT: i64 = 1;
const ATTRIBUTE_FLOAT: i64 = 1;
const ATTRIBUTE_INT: i64 = 2;
const ATTRIBUTE_INTS: i64 = 7;
/// The least length that `l2_normalise` divides by.
const LEAST_LENGTH: f32 = 1e-6;

/// A graph in the making: each node takes the output of the one before it.
struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// The last node's output.
    at: String,
}

/// The file's bytes; the same model gives the same bytes.
pub fn to_onnx(run: &TrainedRun) -> Vec<u8> {
    let architecture = run.model.architecture();
    let mut values = run
        .model
        .parameters()
        .zip(run.model.values())
        .map(|((parameter, _), value)| (parameter.name.clone(), value));
    let mut graph = Graph { nodes: Vec::new(), initializers: Vec::new(), at: INPUT.into() };
    let parameters = architecture.parameters().expect("the model was built from it");
    for (i, (layer, parameters)) in architecture.encoder.iter().zip(&parameters).enumerate() {
        let own: Vec<(String, Tensor<f32>)> = values.by_ref().take(parameters.len()).collect();
        graph.layer(i, layer, own);
    }
    graph.node("Identity", OUTPUT, &[], vec![]);
    let [c, h, w] = architecture.input.map(|side| side as i64);
    let features = architecture.embedding_len().expect("the model was built from it") as i64;
    let message = Message::default()
        .messages(1, graph.nodes)
        .text(2, "encoder")
        .messages(5, graph.initializers)
        .message(11, value_info(INPUT, &[c, h, w]))
        .message(12, value_info(OUTPUT, &[features]));
    let property = |(key, value): (&str, String)| Message::default().text(1, key).text(2, &value);
    Message::default()
        .int(1, IR_VERSION)
        .text(2, "twinglyph")
        .text(3, env!("CARGO_PKG_VERSION"))
        .text(6, "images: ink from 0 (paper) to 1 (stroke), scaled by area; embedding: compare by Euclidean distance")
        .message(7, message)
        .message(8, Message::default().int(2, OPSET))
        .messages(14, properties(run).into_iter().map(property))
        .into_bytes()
}

fn properties(run: &TrainedRun) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("label", run.config.label.name().to_string()),
        ("threshold", run.rule.threshold.to_string()),
        ("views", run.model.architecture().views.to_string()),
    ];
    if let Some(calibration) = run.rule.calibration {
        all.push(("calibration_a", calibration.a.to_string()));
        all.push(("calibration_b", calibration.b.to_string()));
    }
    all
}

impl Graph {
    fn layer(&mut self, i: usize, layer: &Layer, parameters: Vec<(String, Tensor<f32>)>) {
        let names: Vec<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (name, tensor) in parameters {
            self.constant(&name, tensor.dims(), tensor.values());
        }
        let out = format!("encoder.{i}");
        match *layer {
            Layer::Conv2d { kernel, stride, padding, dilation, groups, .. } => {
                self.node("Conv", &out, &names, convolution([kernel, stride, padding, dilation], groups));
            }
            Layer::ConvTranspose2d { kernel, stride, padding, output_padding, dilation, groups, .. } => {
                let mut attributes = convolution([kernel, stride, padding, dilation], groups);
                attributes.push(ints("output_padding", output_padding));
                self.node("ConvTranspose", &out, &names, attributes);
            }
            Layer::Relu {} => self.node("Relu", &out, &[], vec![]),
            Layer::Tanh {} => self.node("Tanh", &out, &[], vec![]),
            Layer::Sigmoid {} => self.node("Sigmoid", &out, &[], vec![]),
            Layer::MaxPool2d { window, stride } | Layer::AvgPool2d { window, stride } => {
                let op = if matches!(layer, Layer::MaxPool2d { .. }) { "MaxPool" } else { "AveragePool" };
                let attributes =
                    vec![ints("kernel_shape", window), ints("strides", stride.unwrap_or(window))];
                self.node(op, &out, &[], attributes);
            }
            Layer::BatchNorm { eps, .. } => {
                self.node("BatchNormalization", &out, &names, vec![float("epsilon", eps as f32)]);
            }
            Layer::Flatten {} => self.node("Flatten", &out, &[], vec![int("axis", 1)]),
            // In use it does nothing.
            Layer::Dropout { .. } => {}
            Layer::L2Normalise {} => {
                let (x, length, least) = (self.at.clone(), format!("{out}.length"), format!("{out}.least"));
                self.constant(&least, &[1, 1], &[LEAST_LENGTH]);
                self.node("ReduceL2", &length, &[], vec![list("axes", &[1]), int("keepdims", 1)]);
                self.node("Max", &format!("{out}.divisor"), &[&least], vec![]);
                let divisor = std::mem::replace(&mut self.at, x);
                self.node("Div", &out, &[&divisor], vec![]);
            }
            Layer::Custom(_) => unreachable!("a model that was read has built-in layers alone"),
            Layer::Dense { .. } => self.node("Gemm", &out, &names, vec![int("transB", 1)]),
        }
    }

    /// Adds a node of the last output and of `more`.
    fn node(&mut self, op: &str, output: &str, more: &[&str], attributes: Vec<Message>) {
        let inputs = std::iter::once(&self.at[..]).chain(more.iter().copied());
        let node = inputs
            .fold(Message::default(), |node, input| node.text(1, input))
            .text(2, output)
            .text(3, output)
            .text(4, op)
            .messages(5, attributes);
        self.nodes.push(node);
        self.at = output.into();
    }

    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = dims.iter().fold(Message::default(), |tensor, &side| tensor.int(1, side as i64));
        self.initializers.push(tensor.int(2, FLOAT).text(8, name).bytes(9, &bytes));
    }
}

/// f32 of N rows of these sizes.
fn value_info(name: &str, dims: &[i64]) -> Message {
    let side = |&side: &i64| Message::default().int(1, side);
    let shape =
        Message::default().message(1, Message::default().text(2, "N")).messages(1, dims.iter().map(side));
    let tensor = Message::default().int(1, FLOAT).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

/// Of a convolution and of a transposed one; what is as usual is not written.
fn convolution([kernel, stride, padding, dilation]: [Pair; 4], groups: usize) -> Vec<Message> {
    let Pair(v, h) = padding;
    let mut all = vec![ints("kernel_shape", kernel), ints("strides", stride), list("pads", &[v, h, v, h])];
    if dilation != Pair(1, 1) {
        all.push(ints("dilations", dilation));
    }
    if groups != 1 {
        all.push(int("group", groups as i64));
    }
    all
}

fn int(name: &str, value: i64) -> Message {
    Message::default().text(1, name).int(3, value).int(20, ATTRIBUTE_INT)
}

fn float(name: &str, value: f32) -> Message {
    Message::default().text(1, name).float(2, value).int(20, ATTRIBUTE_FLOAT)
}

fn ints(name: &str, Pair(v, h): Pair) -> Message {
    list(name, &[v, h])
}

fn list(name: &str, values: &[usize]) -> Message {
    let attribute =
        values.iter().fold(Message::default().text(1, name), |all, &value| all.int(8, value as i64));
    attribute.int(20, ATTRIBUTE_INTS)
}
