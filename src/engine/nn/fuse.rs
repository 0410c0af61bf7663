//! Fused ops, put in place of the plain layers that they are equal to. This is the only file that knows of both.

use super::layer::{Layer, Pair, update_running};
use super::mode::Mode;
use crate::Result;
use crate::ops::{ConvBlock, ConvStack, NormalisedDense, Tail};
use crate::tape::{Tape, Var};
use crate::tensor::Element;
use twinglyph_kernels::im2col;
use twinglyph_kernels::route::Place;

/// Applies the fused op that does the work of the first few of these layers, all at once, if there is one: its output,
/// and how many layers they were.
pub(super) fn apply<E: Element>(
    layers: &[Layer],
    tape: &mut Tape<E>,
    x: Var,
    parameters: &[Vec<Var>],
    mode: Mode,
) -> Result<Option<(Var, usize)>> {
    // By the textbook every op is its own.
    if im2col::is_asked_for() {
        return Ok(None);
    }
    if let Some((op, count)) = conv_stack(layers) {
        let inputs: Vec<Var> = std::iter::once(x).chain(parameters[..count].concat()).collect();
        return Ok(Some((tape.apply(op, &inputs)?, count)));
    }
    // In evaluation the statistics are given, and there is little to gain.
    if let ([Layer::BatchNorm { eps, momentum }, Layer::Dense { .. }, ..], Mode::Train { .. }) =
        (layers, mode)
        && let ([gamma, beta, running @ ..], dense) = (&parameters[0][..], &parameters[1])
        && tape.value(x).shape().dims().len() == 2
    {
        let inputs = [&[x, *gamma, *beta], &dense[..]].concat();
        let y = tape.apply(NormalisedDense { eps: *eps }, &inputs)?;
        update_running(tape, y, running, *momentum);
        return Ok(Some((y, 2)));
    }
    Ok(None)
}

/// Where the convolution of each layer that is one stands.
pub(super) fn places(layers: &[Layer]) -> Vec<Option<Place>> {
    let mut all = Vec::with_capacity(layers.len());
    while let Some(layer) = layers.get(all.len()) {
        match conv_stack(&layers[all.len()..]).filter(|_| !im2col::is_asked_for()) {
            Some((stack, count)) => {
                let place =
                    |tail| if stack.blocks.len() == 1 { Place::Alone(tail) } else { Place::Among(tail) };
                let end = all.len() + count;
                all.extend(stack.blocks.iter().flat_map(|block| [Some(place(block.tail)), None, None]));
                all.resize(end, None);
            }
            None => {
                let convolves = matches!(layer, Layer::Conv2d { .. } | Layer::ConvTranspose2d { .. });
                all.push(convolves.then_some(Place::Plain));
            }
        }
    }
    all
}

/// The first few layers as a stack, and how many they are. Its inputs are x and their parameters, in order.
fn conv_stack(layers: &[Layer]) -> Option<(ConvStack, usize)> {
    let blocks: Vec<ConvBlock> = layers.chunks_exact(3).map_while(block).collect();
    let flatten = matches!(layers.get(3 * blocks.len()), Some(Layer::Flatten {}));
    let count = 3 * blocks.len() + usize::from(flatten);
    (!blocks.is_empty()).then_some((ConvStack { blocks, flatten }, count))
}

/// A convolution, its activation and its pooling, if these three are that.
fn block(layers: &[Layer]) -> Option<ConvBlock> {
    let [convolution, activation, pooling] = layers else { return None };
    let &Layer::Conv2d { stride: Pair(1, 1), padding, dilation: Pair(1, 1), groups: 1, .. } = convolution
    else {
        return None;
    };
    let padding = (padding.0, padding.1);
    match (activation, pooling) {
        (Layer::Relu {}, Layer::MaxPool2d { window: Pair(2, 2), stride: None | Some(Pair(2, 2)) }) => {
            Some(ConvBlock { padding, tail: Tail::ReluMaxPool })
        }
        (Layer::Tanh {}, Layer::AvgPool2d { window: Pair(2, 2), stride: None | Some(Pair(2, 2)) }) => {
            Some(ConvBlock { padding, tail: Tail::TanhAvgPool })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Architecture, Objective};
    use crate::ops::{Mean, Square};
    use crate::random::rng;
    use crate::{Tape, Tensor};
    use rand::RngExt;

    /// The plain layers, one by one, and `Architecture::encode`, which fuses: values and gradients.
    #[test]
    fn a_fused_encoder_computes_what_its_plain_layers_compute() {
        for (input, padding) in
            [([1, 12, 13], Pair(0, 0)), ([3, 9, 10], Pair(1, 1)), ([2, 10, 11], Pair(0, 2))]
        {
            let conv = |filters| match Layer::conv2d(filters, 3, 0) {
                Layer::Conv2d { filters, kernel, stride, dilation, groups, .. } => {
                    Layer::Conv2d { filters, kernel, stride, padding, dilation, groups }
                }
                other => other,
            };
            let window = Pair(2, 2);
            let encoder = vec![
                conv(5),
                Layer::Relu {},
                Layer::MaxPool2d { window, stride: None },
                conv(4),
                Layer::Tanh {},
                Layer::AvgPool2d { window, stride: Some(window) },
                Layer::Flatten {},
                Layer::Sigmoid {},
                Layer::BatchNorm { eps: 1e-3, momentum: 0.9 },
                Layer::Dense { units: 3 },
                Layer::Tanh {},
            ];
            let architecture =
                Architecture { input, encoder, head: false, views: 1, objective: Objective::default() };
            assert_eq!(conv_stack(&architecture.encoder).map(|(_, layers)| layers), Some(7));
            let mut results = Vec::new();
            for fuse in [true, false] {
                let mut rng = rng(3, 0);
                let mut tape = Tape::<f64>::new();
                let mut parameters = Vec::new();
                for layer in architecture.parameters().unwrap() {
                    let mut vars = Vec::new();
                    for parameter in layer {
                        let value = Tensor::from_fn(parameter.shape.dims(), |_| rng.random_range(-1.0..1.0));
                        let trainable = parameter.source.is_trainable();
                        vars.push(if trainable { tape.parameter(value) } else { tape.constant(value) });
                    }
                    parameters.push(vars);
                }
                let [c, h, w] = input;
                let images = Tensor::from_fn([5, c, h, w], |_| rng.random_range(-1.0..1.0));
                let images = tape.parameter(images);
                let mut x = images;
                if fuse {
                    x = architecture.encode(&mut tape, &parameters, x, Mode::Train { seed: 0 }).unwrap();
                } else {
                    for (layer, parameters) in architecture.encoder.iter().zip(&parameters) {
                        x = layer.apply(&mut tape, x, parameters, Mode::Train { seed: 0 }).unwrap();
                    }
                }
                let squared = tape.apply(Square, &[x]).unwrap();
                let loss = tape.apply(Mean, &[squared]).unwrap();
                tape.backward(loss).unwrap();
                let vars = parameters.into_iter().flatten().chain([images]);
                let mut all: Vec<f64> = tape.value(x).values().to_vec();
                // The running statistics have no gradient: their values are compared.
                all.extend(vars.flat_map(|var| tape.grad(var).unwrap_or(tape.value(var)).values().to_vec()));
                results.push(all);
            }
            assert_eq!(results[0].len(), results[1].len());
            for (fused, plain) in results[0].iter().zip(&results[1]) {
                assert!((fused - plain).abs() <= 1e-13 * plain.abs().max(1.0), "{fused} {plain}");
            }
        }
    }
}
