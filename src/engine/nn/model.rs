//! A Siamese model with its numbers: an [`Architecture`] whose parameters stand at the start of a tape.

use super::architecture::Architecture;
use super::layer::Layer;
use super::mode::Mode;
use super::objective::{BatchLoss, PairLoss};
use super::optimizer::gradient_norm;
use super::parameter::Parameter;
use crate::random::rng;
use crate::tape::{Tape, Var, has_finite_squares, is_finite};
use crate::tensor::{Element, Tensor};
use crate::{Error, Result};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};
use twinglyph_kernels::MANY_IMAGES;

/// Images that are encoded at a time: few, so that they stay in the caches, but some for each thread, and more where
/// wide convolutions turn many filters for each call. An embedding does not depend on its neighbours.
fn batch(architecture: &Architecture) -> Result<usize> {
    // What one layer makes of them takes a GiB at most.
    let largest = architecture.shapes()?.iter().map(|shape| shape.len()).max().unwrap_or(1);
    let most = ((1 << 28) / largest.max(1)).max(1);
    let wide = |layer: &Layer| matches!(layer, Layer::Conv2d { filters: 64.., .. });
    if architecture.encoder.iter().any(wide) {
        return Ok(most.min(64));
    }
    Ok((8 * rayon::current_num_threads()).clamp(16, 64).min(most))
}

/// A Siamese model: an encoder, and what compares and trains it.
///
/// Whoever only encodes and compares borrows it: [`Model::embed`] and [`Model::distances`] take `&self` and a tape of their
/// own, so threads can share one model.
pub struct Model<E: Element> {
    architecture: Architecture,
    tape: Tape<E>,
    parameters: Vec<Vec<Parameter>>,
    vars: Vec<Vec<Var>>,
    mark: usize,
    /// Counts how often the tape was given out to be changed.
    changes: u64,
    /// Tapes that nobody reads from at the moment.
    readers: Mutex<Vec<Reader<E>>>,
}

/// A tape with copies of a model's values as they were after so many changes; none of them gets a gradient.
struct Reader<E: Element> {
    tape: Tape<E>,
    vars: Vec<Vec<Var>>,
    mark: usize,
    changes: u64,
}

impl<E: Element> Model<E> {
    /// A model with first values drawn from a seed. Anything may be its input that is laid out as (C, H, W): features (F) are
    /// (F, 1, 1), with [`Layer::Flatten`] as the first layer.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn new(architecture: Architecture, seed: u64) -> Result<Model<E>> {
        let mut rng = rng(seed, 0);
        Model::with_values(architecture, |parameter| Ok(parameter.source.tensor(&parameter.shape, &mut rng)))
    }

    /// A model whose values come from elsewhere; `value` is asked for each parameter in order.
    ///
    /// # Errors
    /// What `value` answers, or a value of another shape than the parameter's.
    pub fn with_values(
        architecture: Architecture,
        mut value: impl FnMut(&Parameter) -> Result<Tensor<E>>,
    ) -> Result<Model<E>> {
        let parameters = architecture.parameters()?;
        let mut tape = Tape::new();
        let mut vars = Vec::with_capacity(parameters.len());
        for layer in &parameters {
            let mut layer_vars = Vec::with_capacity(layer.len());
            for parameter in layer {
                let tensor = value(parameter)?;
                if *tensor.shape() != parameter.shape {
                    let message = format!("has shape {}, expected {}", tensor.shape(), parameter.shape);
                    return Err(Error::input(&parameter.name, message));
                }
                let trainable = parameter.source.is_trainable();
                layer_vars.push(if trainable { tape.parameter(tensor) } else { tape.constant(tensor) });
            }
            vars.push(layer_vars);
        }
        let mark = tape.len();
        Ok(Model { architecture, tape, parameters, vars, mark, changes: 0, readers: Mutex::default() })
    }

    /// What the model is.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Every parameter and its variable, layer by layer.
    pub fn parameters(&self) -> impl Iterator<Item = (&Parameter, Var)> {
        self.parameters.iter().flatten().zip(self.vars.iter().flatten().copied())
    }

    /// The tape: parameters, then what has been computed since the last [`Model::forget`].
    pub fn tape(&self) -> &Tape<E> {
        &self.tape
    }

    /// The tape, to put a batch on it or to run backward. It is lent for a few lines at a time: [`Model::encode`] needs the model again.
    pub fn tape_mut(&mut self) -> &mut Tape<E> {
        self.changes += 1;
        &mut self.tape
    }

    /// The variable of a parameter, by its name, for example `encoder.0.weight`.
    pub fn parameter(&self, name: &str) -> Option<Var> {
        self.parameters().find(|(parameter, _)| parameter.name == name).map(|(_, var)| var)
    }

    /// The variables that training changes, in order: what [`super::Adam`] takes.
    pub fn trainable(&self) -> Vec<Var> {
        self.parameters()
            .filter(|(parameter, _)| parameter.source.is_trainable())
            .map(|(_, var)| var)
            .collect()
    }

    /// What the encoder makes of images (N, C, H, W), (N, F), on the model's tape: so that a loss can be taken of it. Whoever
    /// only wants the numbers calls [`Model::embed`].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn encode(&mut self, images: Var, mode: Mode) -> Result<Var> {
        self.changes += 1;
        self.architecture.encode(&mut self.tape, &self.vars, images, mode)
    }

    /// Forgets everything but the parameters, and keeps the memory for the next step: constants that were put on the tape too,
    /// so that a step begins with this and then puts its batch there.
    pub fn forget(&mut self) {
        self.tape.truncate(self.mark);
    }

    /// A copy of every parameter's value, in order.
    pub fn values(&self) -> Vec<Tensor<E>> {
        self.parameters().map(|(_, var)| self.tape.value(var).clone()).collect()
    }

    /// Puts back what [`Model::values`] gave, and forgets what was computed.
    pub fn set_values(&mut self, values: Vec<Tensor<E>>) {
        self.forget();
        self.changes += 1;
        for (&var, value) in self.vars.iter().flatten().zip(values) {
            *self.tape.value_mut(var) = value;
        }
    }

    /// Where the numbers of the step on the tape stopped being finite, in words; `None` if its loss, all gradients and their
    /// squares are finite.
    ///
    /// # Errors
    /// As [`Tape::backward`].
    pub fn fault(&mut self, loss: Var) -> Result<Option<String>> {
        let grads =
            || self.parameters().filter_map(|(parameter, var)| Some((parameter, self.tape.grad(var).ok()?)));
        let all = |sound: fn(&Tensor<E>) -> bool| grads().all(|(_, grad)| sound(grad));
        if is_finite(self.tape.value(loss)) && all(is_finite) {
            // Adam squares them.
            let large = grads().find(|(_, grad)| !has_finite_squares(grad));
            return Ok(
                large.map(|(parameter, _)| format!("in the squares of the gradient of {}", parameter.name))
            );
        }
        // Running statistics have already been moved by the step, so they are no cause of it.
        let broken = |(parameter, var): &(&Parameter, Var)| {
            parameter.source.is_trainable() && !is_finite(self.tape.value(*var))
        };
        if let Some((parameter, _)) = self.parameters().find(broken) {
            return Ok(Some(format!("in the parameter {}", parameter.name)));
        }
        if let Some(var) = self.tape.first_fault(self.mark) {
            let op = self.tape.op_name(var);
            return Ok(Some(op.map_or_else(|| "in the batch".into(), |op| format!("in what {op} computed"))));
        }
        let op = self.tape.first_gradient_fault(loss)?;
        Ok(Some(
            op.map_or_else(|| "on the way back".into(), |op| format!("in the gradient that {op} handed on")),
        ))
    }

    /// The first parameter or running statistic that holds a number that is not finite.
    pub fn broken_parameter(&self) -> Option<&Parameter> {
        self.parameters().find(|(_, var)| !is_finite(self.tape.value(*var))).map(|(parameter, _)| parameter)
    }

    /// The norm of the gradient of each parameter that the last backward pass gave one, in the parameters' order.
    pub fn gradient_norms(&self) -> Vec<(&Parameter, f64)> {
        self.parameters()
            .filter_map(|(parameter, var)| Some((parameter, gradient_norm(&self.tape, var)?)))
            .collect()
    }

    /// See [`Architecture::pair_loss`].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn pair_loss(&mut self, images: [Var; 2], same: Var, mode: Mode) -> Result<PairLoss> {
        self.changes += 1;
        self.architecture.pair_loss(&mut self.tape, &self.vars, images, same, mode)
    }

    /// See [`Architecture::triplet_loss`].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn triplet_loss(&mut self, images: [Var; 3], mode: Mode) -> Result<(Var, [Var; 3])> {
        self.changes += 1;
        self.architecture.triplet_loss(&mut self.tape, &self.vars, images, mode)
    }

    /// See [`Architecture::labels_loss`].
    ///
    /// # Errors
    /// When the shapes do not fit, or the loss is one of pairs or triplets.
    pub fn labels_loss(&mut self, images: Var, labels: [&[u32]; 2], mode: Mode) -> Result<BatchLoss> {
        self.changes += 1;
        self.architecture.labels_loss(&mut self.tape, &self.vars, images, labels, mode)
    }

    /// Calls `read` with a tape of its own that holds copies of all values, their variables and the mark behind them.
    fn read<T>(&self, read: impl FnOnce(&mut Tape<E>, &[Vec<Var>], usize) -> Result<T>) -> Result<T> {
        let idle = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle().pop();
        let mut reader = old.unwrap_or_else(|| {
            let mut tape = Tape::new();
            let mut copy = |var: &Var| tape.constant(self.tape.value(*var).clone());
            let vars = self.vars.iter().map(|vars| vars.iter().map(&mut copy).collect()).collect();
            Reader { mark: tape.len(), tape, vars, changes: self.changes }
        });
        if reader.changes != self.changes {
            for (&copy, &var) in reader.vars.iter().flatten().zip(self.vars.iter().flatten()) {
                reader.tape.value_mut(copy).clone_from(self.tape.value(var));
            }
            reader.changes = self.changes;
        }
        reader.tape.watch_as(&self.tape);
        let answer = read(&mut reader.tape, &reader.vars, reader.mark);
        reader.tape.truncate(reader.mark);
        idle().push(reader);
        answer
    }

    /// Embeddings (count, F), row by row, in [`Mode::Eval`], some images at a time. `write(i, image)` writes image i, (C, H, W);
    /// all threads call it. For images that stand in a tensor it is `|i, image| image.copy_from_slice(&all[i * len..][..len])`.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn embed(&self, count: usize, write: impl Fn(usize, &mut [E]) + Sync) -> Result<Tensor<E>> {
        self.embed_by(count, &write)
    }

    /// The same, compiled once for all that write.
    fn embed_by(&self, count: usize, write: &(dyn Fn(usize, &mut [E]) + Sync)) -> Result<Tensor<E>> {
        let [c, h, w] = self.architecture.input;
        let width = self.architecture.embedding_len()?;
        let mut embeddings = Vec::with_capacity(count * width);
        let batch = batch(&self.architecture)?;
        // All batches are of one size, so that each finds the memory of the one before. What is missing of it in the last is
        // blank, fewer images than there are batches: from `MANY_IMAGES` on, how many there are changes no number.
        let each = count.div_ceil(count.div_ceil(batch).max(1));
        let rows = each.max(batch.min(MANY_IMAGES));
        self.read(|tape, vars, mark| {
            for start in (0..count).step_by(each.max(1)) {
                tape.truncate(mark);
                let n = each.min(count - start);
                let images = tape.constant_with([rows, c, h, w], |values| {
                    let (images, blank) = values.split_at_mut(n * c * h * w);
                    blank.fill(E::ZERO);
                    let images = images.par_chunks_mut(c * h * w).enumerate();
                    images.for_each(|(i, image)| write(start + i, image));
                });
                let encoded = self.architecture.encode(tape, vars, images, Mode::Eval)?;
                let rows = &tape.value(encoded).values()[..n * width];
                embeddings.extend_from_slice(finite(tape, mark, "an embedding", rows)?);
            }
            Tensor::new([count, width], embeddings)
        })
    }

    /// The distances of pairs of rows of `embeddings`, in eval mode, through the head if there is one.
    ///
    /// # Errors
    /// When the embeddings are not this model's.
    pub fn distances(&self, embeddings: &Tensor<E>, pairs: &[(usize, usize)]) -> Result<Vec<E>> {
        let width = embeddings.dims()[1];
        let mut distances = Vec::with_capacity(pairs.len());
        self.read(|tape, vars, mark| {
            for pairs in pairs.chunks(4096) {
                tape.truncate(mark);
                let mut side = |of: fn(&(usize, usize)) -> usize| {
                    tape.constant_with([pairs.len(), width], |values| {
                        for (row, pair) in values.chunks_mut(width).zip(pairs) {
                            row.copy_from_slice(&embeddings.values()[of(pair) * width..][..width]);
                        }
                    })
                };
                let sides = [side(|pair| pair.0), side(|pair| pair.1)];
                let distance = self.architecture.distance(tape, vars, sides, Mode::Eval)?;
                let found = tape.value(distance).values();
                distances.extend_from_slice(finite(tape, mark, "a distance", found)?);
            }
            Ok(distances)
        })
    }
}

impl<E: Element> Clone for Model<E> {
    /// The same values on a tape of its own, on which nothing else stands.
    fn clone(&self) -> Model<E> {
        let mut values = self.values().into_iter();
        Model::with_values(self.architecture.clone(), |_| Ok(values.next().expect("one for each parameter")))
            .expect("the layers of a model fit together")
    }
}

/// The numbers of an answer on the tape, none of which may be a NaN or an infinity.
fn finite<'a, E: Element>(tape: &Tape<E>, mark: usize, what: &str, answer: &'a [E]) -> Result<&'a [E]> {
    let Some(value) = answer.iter().find(|value| !value.is_finite()) else { return Ok(answer) };
    let op = tape.first_fault(mark).and_then(|var| tape.op_name(var));
    let place = op.map_or(String::new(), |op| format!(", which began in {op}"));
    let message = format!("gives {what} of {value}{place}, expected finite numbers: its weights are broken");
    Err(Error::input("the model", message))
}
