//! Fused ops, put in place of the plain layers that they are equal to. This is the only file that knows of both.

use super::layer::{Layer, Pair};
use crate::ops::Conv2dReluMaxPool2d;

/// The fused op that does the work of the first few of these layers, all at once, and how many they are. Its
/// inputs are those of the first layer; the others have no parameters.
pub(super) fn fused(layers: &[Layer]) -> Option<(Conv2dReluMaxPool2d, usize)> {
    match layers {
        [
            Layer::Conv2d { stride: Pair(1, 1), padding, .. },
            Layer::Relu {},
            Layer::MaxPool2d { window: Pair(2, 2), stride: None | Some(Pair(2, 2)) },
            ..,
        ] => Some((Conv2dReluMaxPool2d { padding: (padding.0, padding.1) }, 3)),
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
            [([1, 12, 13], Pair(0, 0)), ([3, 9, 10], Pair(1, 1)), ([2, 8, 11], Pair(0, 2))]
        {
            let conv = |filters| Layer::Conv2d { filters, kernel: Pair(3, 3), stride: Pair(1, 1), padding };
            let pool = || Layer::MaxPool2d { window: Pair(2, 2), stride: None };
            let encoder = vec![
                conv(5),
                Layer::Relu {},
                pool(),
                Layer::Tanh {},
                Layer::Flatten {},
                Layer::Dense { units: 3 },
            ];
            let architecture = Architecture { input, encoder, head: false, loss: Loss::Triplet, margin: 1.0 };
            assert!(fused(&architecture.encoder).is_some());
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
