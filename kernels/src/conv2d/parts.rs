//! The backward passes' way through a batch: in parts that are the same at any number of threads.

use super::Geometry;
use crate::{Element, add_partials, partial_count, scratch};
use rayon::prelude::*;
use std::ops::Range;

/// Where the backward passes add the gradients that are wanted.
pub struct Gradients<'a, E> {
    /// dx, the size of x.
    pub input: Option<&'a mut [E]>,
    /// dw, the size of the weight.
    pub weight: Option<&'a mut [E]>,
    /// db, one for each filter.
    pub bias: Option<&'a mut [E]>,
}

/// What a part of the batch adds to: empty where a gradient is not wanted.
pub(super) struct Part<'a, E> {
    /// The images of this part.
    pub(super) images: Range<usize>,
    /// dx of these images.
    pub(super) input: &'a mut [E],
    /// This part's own sum of dw.
    pub(super) weight: &'a mut [E],
    /// This part's own sum of db.
    pub(super) bias: &'a mut [E],
}

/// Calls `work` for each part of the batch, in parallel; sums over images are added part by part, in order.
pub(super) fn in_parts<E: Element>(g: &Geometry, grads: Gradients<'_, E>, work: impl Fn(Part<'_, E>) + Sync) {
    let wanted = |grad: &Option<&mut [E]>, len: usize| {
        assert!(grad.as_ref().is_none_or(|grad| grad.len() == len), "conv2d: a gradient has another size");
        if grad.is_some() { len } else { 0 }
    };
    let parts = partial_count(g.images);
    let part_images = g.images.div_ceil(parts);
    let weight_len = wanted(&grads.weight, g.weight_len());
    let part_len = weight_len + wanted(&grads.bias, g.filters);
    let input_len = wanted(&grads.input, g.input_len()) / g.images;
    let mut sums = scratch::zeros::<E>(parts * part_len.max(1));
    // dx is cut along the images of the parts.
    let mut inputs: Vec<&mut [E]> = Vec::with_capacity(parts);
    let mut rest: &mut [E] = grads.input.unwrap_or_default();
    let range = |part: usize| (part * part_images).min(g.images)..((part + 1) * part_images).min(g.images);
    for part in 0..parts {
        let (head, tail) = rest.split_at_mut(range(part).len() * input_len);
        inputs.push(head);
        rest = tail;
    }
    sums.par_chunks_mut(part_len.max(1)).zip(inputs).enumerate().for_each(|(part, (sums, input))| {
        let (weight, bias) = sums[..part_len].split_at_mut(weight_len);
        work(Part { images: range(part), input, weight, bias });
    });
    for (target, start) in [(grads.weight, 0), (grads.bias, weight_len)] {
        if let Some(target) = target {
            add_partials(&sums, part_len, start, target);
        }
    }
}
