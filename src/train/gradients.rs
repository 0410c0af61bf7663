//! One forward and backward pass at given weights on a given batch: for whoever wants to hold the engine against another
//! framework.
//!
//! | batch of | arrays |
//! |---|---|
//! | pairs | `left`, `right` (N, C, H, W), `same` (N): 1 for a pair of one label, else 0 |
//! | triplets | `anchor`, `positive`, `negative` (N, C, H, W) |
//! | labels | `images` (N, C, H, W), `labels` (N), and `characters` (N) where `character_weight` is above 0 |

use super::checkpoint::{Array, Checkpoint, Kind};
use crate::{Error, Result};
use std::collections::BTreeMap;
use twinglyph_engine::nn::{Architecture, Form, Mode, Model, Parameter};
use twinglyph_engine::tape::Var;
use twinglyph_engine::tensor::{Element, Tensor};

/// Arrays by their names, shape and numbers of each; in f64, which holds every number of the kinds that are read.
pub struct Arrays {
    /// What errors call them: the file that they are from.
    pub source: String,
    /// The arrays.
    pub arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

/// PyTorch's count of batches, which nothing here depends on.
const IGNORED: &str = "num_batches_tracked";

impl Arrays {
    fn get(&self, name: &str) -> Result<(&[usize], &[f64])> {
        let Some((shape, values)) = self.arrays.get(name) else {
            let names: Vec<&str> = self.arrays.keys().map(String::as_str).collect();
            let message = format!("has no array {name}, expected it beside {}", names.join(", "));
            return Err(Error::input(&self.source, message));
        };
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            let message = format!("array {name} holds {value}, expected finite numbers");
            return Err(Error::input(&self.source, message));
        }
        Ok((shape, values))
    }

    /// An array of images (N, C, H, W) = (`n`, `input`); `n` is any where it is `None`.
    fn images<E: Element>(&self, name: &str, input: [usize; 3], n: Option<usize>) -> Result<Tensor<E>> {
        let (shape, values) = self.get(name)?;
        if shape.len() != 4 || shape[1..] != input || shape[0] == 0 || n.is_some_and(|n| n != shape[0]) {
            let n = n.map_or("N".into(), |n| n.to_string());
            let [c, h, w] = input;
            let message = format!("array {name} has the shape {shape:?}, expected [{n}, {c}, {h}, {w}]");
            return Err(Error::input(&self.source, message));
        }
        Tensor::new(shape, values.iter().map(|&value| E::from_f64(value)).collect())
    }

    /// `n` whole numbers from 0 to `most`.
    fn whole(&self, name: &str, n: usize, most: u32) -> Result<Vec<u32>> {
        let (shape, values) = self.get(name)?;
        let fits = |value: f64| (0.0..=f64::from(most)).contains(&value) && value.fract() == 0.0;
        let expected = format!("expected {n} whole numbers from 0 to {most}");
        let refuse =
            |found: String| Err(Error::input(&self.source, format!("array {name} has {found}, {expected}")));
        if values.len() != n {
            return refuse(format!("the shape {shape:?}"));
        }
        if let Some(at) = values.iter().position(|&value| !fits(value)) {
            return refuse(format!("{} at {at}", values[at]));
        }
        Ok(values.iter().map(|&value| value as u32).collect())
    }
}

/// The model with these weights; arrays named `...num_batches_tracked` are passed over.
///
/// # Errors
/// When a parameter is missing or of another shape, or there is an array that the model does not have.
pub fn model<E: Element>(architecture: Architecture, weights: &Arrays) -> Result<Model<E>> {
    let value = |parameter: &Parameter| {
        let (shape, values) = weights.get(&parameter.name)?;
        Tensor::new(shape, values.iter().map(|&value| E::from_f64(value)).collect())
    };
    let model = Model::with_values(architecture, value).map_err(|error| match error {
        Error::Input { what, message } if what != weights.source => {
            Error::input(&weights.source, format!("{what}: {message}"))
        }
        error => error,
    })?;
    let known = |name: &str| model.parameters().any(|(parameter, _)| parameter.name == name);
    match weights.arrays.keys().find(|name| !name.ends_with(IGNORED) && !known(name)) {
        Some(name) => {
            let message = format!("holds an array {name} that the recipe's model does not have");
            Err(Error::input(&weights.source, message))
        }
        None => Ok(model),
    }
}

/// Runs forward and backward. The answer holds, in E: `loss` (1), the embeddings as `embedding.SIDE` (N, F) for each of the
/// batch's arrays of images, `grad.NAME` for every parameter that is trained, and the running statistics after the
/// pass by their names.
///
/// # Errors
/// When the batch is not of the objective's form.
pub fn gradients<E: Element + Kind>(model: &mut Model<E>, batch: &Arrays, mode: Mode) -> Result<Checkpoint> {
    let architecture = model.architecture().clone();
    let sides: &[&str] = match architecture.objective.form() {
        Form::Pairs => &["left", "right"],
        Form::Triplets => &["anchor", "positive", "negative"],
        Form::Labels => &["images"],
    };
    model.forget();
    let mut images = Vec::with_capacity(sides.len());
    let mut n = None;
    for side in sides {
        let tensor = batch.images::<E>(side, architecture.input, n)?;
        n = Some(tensor.dims()[0]);
        images.push(model.tape_mut().constant(tensor));
    }
    let n = n.unwrap_or(0);
    let (loss, embeddings): (Var, Vec<Var>) = match images[..] {
        [left, right] => {
            let same = batch.whole("same", n, 1)?.into_iter().map(|same| E::from_f64(f64::from(same)));
            let same = model.tape_mut().constant(Tensor::new([n, 1], same.collect())?);
            let loss = model.pair_loss([left, right], same, mode)?;
            (loss.loss, loss.embeddings.to_vec())
        }
        [anchor, positive, negative] => {
            let (loss, embeddings) = model.triplet_loss([anchor, positive, negative], mode)?;
            (loss, embeddings.to_vec())
        }
        _ => {
            let labels = batch.whole("labels", n, u32::MAX)?;
            let finer = if architecture.objective.character_weight > 0.0 {
                batch.whole("characters", n, u32::MAX)?
            } else {
                labels.clone()
            };
            let loss = model.labels_loss(images[0], [&labels, &finer], mode)?;
            (loss.loss, vec![loss.embeddings])
        }
    };
    model.tape_mut().backward(loss)?;
    let mut out = Checkpoint::default();
    let mut put = |name: String, tensor: &Tensor<E>| {
        let array = Array { shape: tensor.dims().to_vec(), values: E::pack(tensor.values().to_vec()) };
        out.arrays.insert(name, array);
    };
    let tape = model.tape();
    put("loss".into(), tape.value(loss));
    for (side, &embedding) in sides.iter().zip(&embeddings) {
        put(format!("embedding.{side}"), tape.value(embedding));
    }
    for (parameter, var) in model.parameters() {
        if !parameter.source.is_trainable() {
            put(parameter.name.clone(), tape.value(var));
        } else if let Ok(gradient) = tape.grad(var) {
            put(format!("grad.{}", parameter.name), gradient);
        }
    }
    Ok(out)
}
