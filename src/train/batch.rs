//! One step's pairs or triplets: their images on the tape, forward, backward, and their distances for the
//! accuracy.

use crate::Result;
use crate::data::Dataset;
use crate::data::sampler::{Pair, Triplet};
use crate::nn::{Mode, Model};
use crate::tape::{Tape, Var};
use rayon::prelude::*;

/// What a step learns from.
pub(super) enum Batch {
    Pairs(Vec<Pair>),
    Triplets(Vec<Triplet>),
}

impl Batch {
    /// Runs forward and backward, appends the distances and labels of the batch's pairs, and returns the loss.
    /// The gradients are left on the tape.
    pub(super) fn step(
        &self,
        model: &mut Model<f32>,
        set: &Dataset,
        distances: &mut Vec<f32>,
        same: &mut Vec<bool>,
    ) -> Result<f32> {
        let loss = self.forward(model, set, Mode::Train, distances, same)?;
        model.tape_mut().backward(loss)?;
        Ok(model.tape().value(loss).values()[0])
    }

    /// The loss; a triplet counts as two pairs, (anchor, positive) and (anchor, negative).
    pub(super) fn forward(
        &self,
        model: &mut Model<f32>,
        set: &Dataset,
        mode: Mode,
        distances: &mut Vec<f32>,
        same: &mut Vec<bool>,
    ) -> Result<Var> {
        model.forget();
        let input = model.architecture().input;
        let tape = model.tape_mut();
        let mut side = |glyphs: Vec<usize>| images(tape, set, input, &glyphs);
        match self {
            Batch::Pairs(pairs) => {
                let sides = [
                    side(pairs.iter().map(|pair| pair.left).collect()),
                    side(pairs.iter().map(|pair| pair.right).collect()),
                ];
                let labels = tape.constant_with([pairs.len(), 1], |values| {
                    for (value, pair) in values.iter_mut().zip(pairs) {
                        *value = f32::from(u8::from(pair.same));
                    }
                });
                let (loss, distance) = model.pair_loss(sides, labels, mode)?;
                distances.extend_from_slice(model.tape().value(distance).values());
                same.extend(pairs.iter().map(|pair| pair.same));
                Ok(loss)
            }
            Batch::Triplets(triplets) => {
                let sides = [
                    side(triplets.iter().map(|triplet| triplet.anchor).collect()),
                    side(triplets.iter().map(|triplet| triplet.positive).collect()),
                    side(triplets.iter().map(|triplet| triplet.negative).collect()),
                ];
                let (loss, [anchor, positive, negative]) = model.triplet_loss(sides, mode)?;
                for (other, is_same) in [(positive, true), (negative, false)] {
                    let tape = model.tape();
                    let width = tape.value(anchor).dims()[1];
                    let (a, b) = (tape.value(anchor).values(), tape.value(other).values());
                    distances.extend(a.chunks(width).zip(b.chunks(width)).map(|(a, b)| euclidean(a, b)));
                    same.extend(triplets.iter().map(|_| is_same));
                }
                Ok(loss)
            }
        }
    }
}

fn euclidean(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

/// The images of glyphs, (N, C, H, W) with C equal channels; ink is 1, paper 0.
fn images(tape: &mut Tape<f32>, set: &Dataset, [c, h, w]: [usize; 3], glyphs: &[usize]) -> Var {
    tape.constant_with([glyphs.len(), c, h, w], |values| {
        values
            .par_chunks_mut(c * h * w)
            .zip(glyphs)
            .for_each(|(image, &glyph)| set.glyphs()[glyph].pixels.write_channels(h * w, image));
    })
}
