//! The backward passes' way through a batch: in parts that are the same at any number of threads.

use crate::parallel::{self, deal_by_itself};
use crate::{Element, add_partials, partial_count, scratch};
use std::ops::Range;

/// Positions that a part of the batch has at least: with fewer, adding its dw to the others' would be most of the work.
pub(super) const LEAST: usize = 64;

/// What a part of the batch adds to: empty where a gradient is not wanted.
pub(super) struct Part<'a, E> {
    /// The images of this part.
    pub(super) images: Range<usize>,
    /// dx of these images.
    pub(super) input: &'a mut [E],
    /// This part's own sums for each parameter, or the parameter's own where it is the only part.
    pub(super) params: Vec<&'a mut [E]>,
}

/// Calls `work` for each part of the batch, of `least` images at least, in parallel. What it adds for `params` is summed part
/// by part, in order.
pub(super) fn in_parts<E: Element>(
    images: usize,
    least: usize,
    input: Option<&mut [E]>,
    params: Vec<Option<&mut [E]>>,
    work: impl Fn(Part<'_, E>) + Sync,
) {
    let parts = partial_count(images / least.max(1));
    let mut rest: &mut [E] = input.unwrap_or_default();
    if parts == 1 {
        // Nothing to be summed.
        let params = params.into_iter().map(Option::unwrap_or_default).collect();
        return work(Part { images: 0..images, input: rest, params });
    }
    let part_images = images.div_ceil(parts);
    let lengths: Vec<usize> =
        params.iter().map(|param| param.as_ref().map_or(0, |param| param.len())).collect();
    let part_len: usize = lengths.iter().sum();
    let mut sums = scratch::zeros::<E>(parts * part_len.max(1));
    let range = |part: usize| (part * part_images).min(images)..((part + 1) * part_images).min(images);
    // dx is cut along the images of the parts.
    let mut inputs: Vec<&mut [E]> = Vec::with_capacity(parts);
    let input_len = rest.len() / images;
    for part in 0..parts {
        let (head, tail) = rest.split_at_mut(range(part).len() * input_len);
        inputs.push(head);
        rest = tail;
    }
    let each = (parallel::parts(&mut sums, part_len.max(1)), parallel::parts(&mut inputs, 1));
    deal_by_itself(each, |part, (mut sums, input)| {
        let params =
            lengths.iter().map(|&len| sums.split_off_mut(..len).expect("room for every sum")).collect();
        work(Part { images: range(part), input: std::mem::take(&mut input[0]), params });
    });
    let mut start = 0;
    for (param, len) in params.into_iter().zip(&lengths) {
        if let Some(param) = param {
            add_partials(&sums, part_len, start, param);
        }
        start += len;
    }
}
