//! Fused ops, put in place of the plain layers that they are equal to. This is the only file that knows of both.

use super::layer::{Layer, Pair};
use crate::ops::{ConvBlock, ConvStack, Tail};

/// The fused op that does the work of the first few of these layers, all at once, and how many they are. Its
/// inputs are x and the parameters of these layers, in order.
pub(super) fn fused(layers: &[Layer]) -> Option<(ConvStack, usize)> {
    let blocks: Vec<ConvBlock> = layers.chunks_exact(3).map_while(block).collect();
    let flatten = matches!(layers.get(3 * blocks.len()), Some(Layer::Flatten {}));
    let count = 3 * blocks.len() + usize::from(flatten);
    (!blocks.is_empty()).then_some((ConvStack { blocks, flatten }, count))
}

/// A convolution, its activation and its pooling, if these three are that.
fn block(layers: &[Layer]) -> Option<ConvBlock> {
    let [Layer::Conv2d { stride: Pair(1, 1), padding, .. }, activation, pooling] = layers else {
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
    use crate::nn::{Architecture, Loss, Mode};
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
            let conv = |filters| Layer::Conv2d { filters, kernel: Pair(3, 3), stride: Pair(1, 1), padding };
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
                Layer::Dense { units: 3 },
            ];
            let architecture = Architecture { input, encoder, head: false, loss: Loss::Triplet, margin: 1.0 };
            assert_eq!(fused(&architecture.encoder).map(|(_, layers)| layers), Some(7));
            let mut results = Vec::new();
            for fuse in [true, false] {
                let mut rng = rng(3, 0);
                let mut tape = Tape::<f64>::new();
                let mut parameters = Vec::new();
                for layer in architecture.parameters().unwrap() {
                    let values = layer
                        .iter()
                        .map(|p| Tensor::from_fn(p.shape.dims(), |_| rng.random_range(-1.0..1.0)));
                    let values: Vec<Tensor<f64>> = values.collect();
                    parameters
                        .push(values.into_iter().map(|value| tape.parameter(value)).collect::<Vec<_>>());
                }
                let [c, h, w] = input;
                let images = Tensor::from_fn([2, c, h, w], |_| rng.random_range(-1.0..1.0));
                let images = tape.parameter(images);
                let mut x = images;
                if fuse {
                    x = architecture.encode(&mut tape, &parameters, x, Mode::Train).unwrap();
                } else {
                    for (layer, parameters) in architecture.encoder.iter().zip(&parameters) {
                        x = layer.apply(&mut tape, x, parameters, Mode::Train).unwrap();
                    }
                }
                let squared = tape.apply(Square, &[x]).unwrap();
                let loss = tape.apply(Mean, &[squared]).unwrap();
                tape.backward(loss).unwrap();
                let vars = parameters.into_iter().flatten().chain([images]);
                let mut all: Vec<f64> = tape.value(x).values().to_vec();
                all.extend(vars.flat_map(|var| tape.grad(var).unwrap().values().to_vec()));
                results.push(all);
            }
            assert_eq!(results[0].len(), results[1].len());
            for (fused, plain) in results[0].iter().zip(&results[1]) {
                assert!((fused - plain).abs() <= 1e-13 * plain.abs().max(1.0), "{fused} {plain}");
            }
        }
    }
}
