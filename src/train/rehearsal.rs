//! Steps on the same random images every time: what is timed where it does not matter what is learned.

use crate::Result;
use rand::RngExt;
use rayon::prelude::*;
use twinglyph_engine::nn::{Adam, AdamSettings, Form, Mode, Model};
use twinglyph_engine::random::rng;
use twinglyph_engine::tape::Var;
use twinglyph_engine::tensor::Tensor;

/// A step that can be repeated. It returns a number of its result, finite if all went well.
pub type Step = Box<dyn FnMut() -> Result<f32> + Send>;

/// Who wants to know of the parts of a step that are no ops: it is given the part's name, and calls it.
pub type Around = Box<dyn FnMut(&'static str, &mut dyn FnMut()) + Send>;

/// Images of `pairs` pairs (2 each), triplets (3 each), or in a batch of labels (2 each).
pub fn images(form: Form, pairs: usize) -> usize {
    match form {
        Form::Pairs | Form::Labels => 2 * pairs,
        Form::Triplets => 3 * pairs,
    }
}

/// A training step on `pairs` pairs, or triplets, or on a batch of twice so many glyphs: forward, backward and Adam. It returns the loss.
pub fn training(
    mut model: Model<f32>,
    learning_rate: f64,
    seed: u64,
    pairs: usize,
    mut around: Around,
) -> Step {
    let mut adam = Adam::new(AdamSettings { learning_rate, ..Default::default() });
    let architecture = model.architecture().clone();
    let [c, h, w] = architecture.input;
    let form = architecture.objective.form();
    let count = images(form, pairs);
    let images = random_images(&[count, c, h, w], seed);
    let each = if form == Form::Labels { count } else { pairs };
    let side_len = each * c * h * w;
    // Eight glyphs of an alphabet, two of a character.
    let labels: [Vec<u32>; 2] = [8, 2].map(|glyphs| (0..count as u32).map(|i| i / glyphs).collect());
    let mode = Mode::Train { seed };
    Box::new(move || {
        model.forget();
        let tape = model.tape_mut();
        let sides: Vec<Var> = (images.values().chunks(side_len))
            .map(|side| {
                tape.constant_with([each, c, h, w], |values| around("images", &mut || copy(side, values)))
            })
            .collect();
        let loss = match sides[..] {
            [a, b] => {
                let same = tape.constant_with([pairs, 1], |values| {
                    values.iter_mut().enumerate().for_each(|(i, value)| *value = (i % 2) as f32);
                });
                model.pair_loss([a, b], same, mode)?.loss
            }
            [anchor, positive, negative] => model.triplet_loss([anchor, positive, negative], mode)?.0,
            [all] => model.labels_loss(all, [&labels[0], &labels[1]], mode)?.loss,
            _ => unreachable!("one to three towers"),
        };
        model.tape_mut().backward(loss)?;
        let vars = model.trainable();
        let mut moved = Ok(());
        around("adam", &mut || moved = adam.step(model.tape_mut(), &vars));
        moved?;
        Ok(model.tape().value(loss).values()[0])
    })
}

/// Encoding of `count` images as evaluation does it. It returns the first number of the first embedding.
pub fn encoding(model: Model<f32>, seed: u64, count: usize) -> Step {
    let [c, h, w] = model.architecture().input;
    let images = random_images(&[count, c, h, w], seed);
    Box::new(move || {
        let write = |i: usize, image: &mut [f32]| {
            image.copy_from_slice(&images.values()[i * image.len()..][..image.len()]);
        };
        Ok(model.embed(count, write)?.values()[0])
    })
}

/// Numbers from 0 to 1, each channel drawn independently.
fn random_images(shape: &[usize], seed: u64) -> Tensor<f32> {
    let mut rng = rng(seed, 1);
    Tensor::from_fn(shape, |_| rng.random_range(0.0..1.0))
}

/// to = from, by all threads: the images of a true training step are written by all threads too.
fn copy(from: &[f32], to: &mut [f32]) {
    let chunk = 1 << 16;
    to.par_chunks_mut(chunk).zip(from.par_chunks(chunk)).for_each(|(to, from)| to.copy_from_slice(from));
}
