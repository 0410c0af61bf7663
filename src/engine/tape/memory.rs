//! The tape's memory: what ops save for their way back, and buffers that are taken once and used again.

use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use std::collections::{BTreeMap, VecDeque};

/// What an op keeps from its forward pass. It is handed over empty; its memory is that of the same place on the tape one
/// step before, which the functions below hand out again.
#[derive(Clone, Debug, Default)]
pub struct Saved<E> {
    /// Whether `vjp` will be called: if not, nothing need be saved.
    pub wanted: bool,
    /// Numbers, for example a batch's statistics.
    pub values: Vec<Vec<E>>,
    /// Indices, for example where each maximum stood.
    pub indices: Vec<u32>,
    /// Small numbers, for example which of a few won.
    pub bytes: Vec<Vec<u8>>,
    old_values: VecDeque<Vec<E>>,
    old_indices: Vec<u32>,
    old_bytes: VecDeque<Vec<u8>>,
}

impl<E: Element> Saved<E> {
    /// Adds `K` buffers of `len` arbitrary numbers each to `values`.
    pub fn make<const K: usize>(&mut self, len: usize) -> [&mut [E]; K] {
        let first = self.values.len();
        for _ in 0..K {
            self.make_values(len);
        }
        let mut buffers = self.values[first..].iter_mut();
        std::array::from_fn(|_| &mut buffers.next().expect("K buffers")[..])
    }

    /// Adds one buffer of `len` arbitrary numbers to `values`.
    pub fn make_values(&mut self, len: usize) -> &mut Vec<E> {
        again(&mut self.values, &mut self.old_values, len, E::ZERO)
    }

    /// Adds one buffer of `len` arbitrary small numbers to `bytes`.
    pub fn make_bytes(&mut self, len: usize) -> &mut Vec<u8> {
        again(&mut self.bytes, &mut self.old_bytes, len, 0)
    }

    /// Makes `indices` that of `len` arbitrary numbers.
    pub fn make_indices(&mut self, len: usize) -> &mut Vec<u32> {
        self.indices = std::mem::take(&mut self.old_indices);
        self.indices.resize(len, 0);
        &mut self.indices
    }

    /// Nothing is saved, and the memory of what was stands ready.
    fn recycle(mut self) -> Saved<E> {
        Saved {
            wanted: false,
            old_values: self.values.drain(..).collect(),
            old_indices: self.indices,
            old_bytes: self.bytes.drain(..).collect(),
            values: self.values,
            indices: Vec::new(),
            bytes: self.bytes,
        }
    }
}

/// Puts a buffer of `len` on a list: one that was used before, where there is one.
fn again<'a, T: Clone>(
    list: &'a mut Vec<Vec<T>>,
    old: &mut VecDeque<Vec<T>>,
    len: usize,
    value: T,
) -> &'a mut Vec<T> {
    let mut buffer = old.pop_front().unwrap_or_default();
    buffer.resize(len, value);
    list.push(buffer);
    list.last_mut().expect("just put there")
}

/// Whether there is room for so many numbers more, as far as the system tells: it may promise more than it has.
///
/// # Errors
/// When there is none.
pub fn expect_room<E: Element>(len: usize) -> Result<()> {
    // Asked for and given back at once, untouched.
    Vec::<E>::new().try_reserve_exact(len).map_err(|_| {
        let mib = len.saturating_mul(size_of::<E>()) >> 20;
        Error::input(
            "memory",
            format!("no room for {mib} MiB more, expected a smaller batch, image or encoder"),
        )
    })
}

/// Steps that are remembered. A loop that alternates between a few sizes of batch keeps the memory of the largest.
const STEPS: usize = 4;

/// Memory that has been used and will be used again. It never holds more than the most that one of the last few steps has
/// needed, or this one needs: what no step asks for any longer, the longest unused first, makes room.
#[derive(Default)]
pub(super) struct Pool<E> {
    /// Buffers that nobody uses, by size: each with the step that it was last used in, the latest at the end.
    idle: BTreeMap<usize, Vec<(u64, Vec<E>)>>,
    /// What ops saved, by their place on the tape.
    saved: BTreeMap<usize, Saved<E>>,
    pub(super) allocations: usize,
    pub(super) step: u64,
    /// Numbers in idle buffers, and in those of them that this step has not used.
    idle_len: usize,
    old_len: usize,
    /// Numbers in the buffers that this step has used so far, and that each of the last few did.
    touched: usize,
    past: [usize; STEPS],
    /// Values that each of the last few steps had on the tape.
    places: [usize; STEPS],
}

impl<E: Element> Pool<E> {
    /// A tensor of arbitrary numbers.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn try_tensor(&mut self, shape: Shape) -> Result<Tensor<E>> {
        if !self.idle.contains_key(&shape.len()) {
            self.shrink(shape.len());
            expect_room::<E>(shape.len())?;
        }
        Ok(self.tensor(shape))
    }

    /// The same where the room is known to be there.
    pub(super) fn tensor(&mut self, shape: Shape) -> Tensor<E> {
        let len = shape.len();
        let (used, buffer) = self.take(len).unwrap_or_else(|| {
            self.shrink(len);
            self.allocations += 1;
            self.touched += len;
            (self.step, vec![E::ZERO; len])
        });
        if used < self.step {
            (self.old_len, self.touched) = (self.old_len - len, self.touched + len);
        }
        Tensor::new(shape, buffer).expect("a buffer of the shape's size")
    }

    /// A tensor of zeros in the shape of another.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn zeros(&mut self, like: &Tensor<E>) -> Result<Tensor<E>> {
        let mut tensor = self.try_tensor(like.shape().clone())?;
        twinglyph_kernels::fill_zero(tensor.values_mut());
        Ok(tensor)
    }

    /// Takes back a tensor that was last used in a step.
    pub(super) fn give_back(&mut self, tensor: Option<Tensor<E>>, step: u64) {
        let Some(tensor) = tensor else { return };
        let buffer = tensor.into_values();
        let len = buffer.len();
        self.idle_len += len;
        self.old_len += if step < self.step { len } else { 0 };
        let buffers = self.idle.entry(len).or_default();
        let place = buffers.partition_point(|(used, _)| *used <= step);
        buffers.insert(place, (step, buffer));
    }

    /// What an op is given to save to at a place of the tape: nothing is in it.
    pub(super) fn saved(&mut self, place: usize) -> Saved<E> {
        self.saved.remove(&place).map(Saved::recycle).unwrap_or_default()
    }

    /// Takes back what was saved at a place.
    pub(super) fn give_back_saved(&mut self, place: usize, saved: Saved<E>) {
        self.saved.insert(place, saved);
    }

    /// The end of a step that had so many values on the tape; of none, where nothing was used.
    pub(super) fn end_step(&mut self, places: usize) {
        if self.touched == 0 {
            return;
        }
        let slot = self.step as usize % STEPS;
        (self.past[slot], self.places[slot]) = (std::mem::take(&mut self.touched), places);
        (self.step, self.old_len) = (self.step + 1, self.idle_len);
        self.shrink(0);
        let longest = self.places.into_iter().max().unwrap_or(0);
        self.saved.split_off(&longest);
    }

    /// The buffer of a size that was used last, and when.
    fn take(&mut self, len: usize) -> Option<(u64, Vec<E>)> {
        let buffers = self.idle.get_mut(&len)?;
        let buffer = buffers.pop();
        if buffers.is_empty() {
            self.idle.remove(&len);
        }
        self.idle_len -= len;
        buffer
    }

    /// Lets go of idle buffers that this step has not used, until with `len` numbers more there is no more than a step needs.
    fn shrink(&mut self, len: usize) {
        let needed = self.past.into_iter().max().unwrap_or(0).max(self.touched + len);
        while self.old_len + self.touched + len > needed {
            let oldest = self.idle.iter().map(|(&size, buffers)| (buffers[0].0, size)).min();
            let Some((_, size)) = oldest.filter(|&(used, _)| used < self.step) else { break };
            let buffers = self.idle.get_mut(&size).expect("the size was found there");
            buffers.remove(0);
            if buffers.is_empty() {
                self.idle.remove(&size);
            }
            (self.idle_len, self.old_len) = (self.idle_len - size, self.old_len - size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that takes buffers of these sizes, and gives all of them back at its end.
    fn step(pool: &mut Pool<f32>, sizes: &[usize]) -> usize {
        let before = pool.allocations;
        let taken: Vec<_> = sizes.iter().map(|&size| pool.tensor([size].into())).collect();
        taken.into_iter().for_each(|tensor| pool.give_back(Some(tensor), pool.step));
        pool.end_step(sizes.len());
        pool.allocations - before
    }

    #[test]
    fn a_step_like_the_one_before_allocates_nothing_and_sizes_that_come_and_go_are_let_go() {
        let mut pool = Pool::<f32>::default();
        assert_eq!(step(&mut pool, &[10, 20, 20, 30]), 4);
        assert_eq!(step(&mut pool, &[10, 20, 20, 30]), 0);
        // What two sizes in turn need is no more than the larger needs, and the larger is let go when it has not come back.
        for size in 31..60 {
            step(&mut pool, &[size, size]);
            assert!(pool.idle_len <= 80.max(2 * size), "{size}: {}", pool.idle_len);
        }
        for _ in 0..=STEPS {
            step(&mut pool, &[5]);
        }
        assert_eq!(pool.idle_len, 5);
        assert!(pool.saved.is_empty());
    }

    #[test]
    fn what_a_step_keeps_beyond_its_end_does_not_push_out_what_the_next_one_needs() {
        let mut pool = Pool::<f32>::default();
        let mut kept = None;
        for round in 0..10 {
            let before = pool.allocations;
            let values = [7, 9].map(|len| pool.tensor([len].into()));
            pool.give_back(kept.take(), pool.step.saturating_sub(1));
            kept = Some(pool.tensor([100].into()));
            values.into_iter().for_each(|value| pool.give_back(Some(value), pool.step));
            pool.end_step(2);
            assert!(round == 0 || pool.allocations == before, "round {round}");
            assert_eq!(pool.idle_len, 16, "round {round}");
        }
    }

    /// What the pool counts is what it holds, and it holds no more than its steps need.
    fn assert_sound(pool: &Pool<f32>) {
        let all =
            || pool.idle.iter().flat_map(|(len, buffers)| buffers.iter().map(move |(used, _)| (*len, *used)));
        assert_eq!(pool.idle_len, all().map(|(len, _)| len).sum::<usize>());
        assert_eq!(
            pool.old_len,
            all().filter(|(_, used)| *used < pool.step).map(|(len, _)| len).sum::<usize>()
        );
        assert!(pool.idle.values().all(|buffers| buffers.is_sorted_by_key(|(used, _)| *used)));
        let most = pool.past.into_iter().max().unwrap_or(0).max(pool.touched);
        assert!(pool.old_len + pool.touched <= most.max(pool.touched), "{} {}", pool.old_len, pool.touched);
    }

    #[test]
    fn what_is_counted_is_what_is_held_whatever_is_taken_and_kept() {
        let mut pool = Pool::<f32>::default();
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        // What outlives its step comes back in a later one as of the step before that.
        let mut kept: Vec<Tensor<f32>> = Vec::new();
        for _ in 0..300 {
            let mut taken = Vec::new();
            for _ in 0..1 + random(6) {
                let len = 1 + random(9) as usize;
                taken.push(pool.tensor([len].into()));
                assert_sound(&pool);
                if random(3) == 0 {
                    let last = pool.step.saturating_sub(1);
                    pool.give_back(kept.pop(), last);
                    pool.shrink(0);
                    assert_sound(&pool);
                }
            }
            for tensor in taken {
                if random(4) == 0 {
                    kept.push(tensor);
                } else {
                    pool.give_back(Some(tensor), pool.step);
                }
            }
            pool.end_step(3);
            assert_sound(&pool);
        }
    }

    #[test]
    fn what_no_machine_has_room_for_is_refused_in_mebibytes() {
        let said = expect_room::<f64>(1 << 60).unwrap_err().to_string();
        assert!(said.contains("no room for 8796093022208 MiB more"), "{said}");
        assert!(Pool::<f64>::default().try_tensor([1 << 60].into()).is_err());
        expect_room::<f64>(1 << 10).unwrap();
    }

    #[test]
    fn what_is_saved_is_handed_over_empty_with_its_memory() {
        let mut pool = Pool::<f64>::default();
        let mut saved = pool.saved(3);
        saved.make::<2>(4)[1].fill(7.0);
        saved.values.push(vec![1.0; 9]);
        saved.make_bytes(5).fill(1);
        saved.make_indices(6);
        let memory = [saved.values[1].as_ptr(), saved.values[2].as_ptr()];
        pool.give_back_saved(3, saved);
        let mut saved = pool.saved(3);
        assert!(saved.values.is_empty() && saved.bytes.is_empty() && saved.indices.is_empty());
        let again: Vec<_> = (0..4).map(|_| saved.make_values(4).as_ptr()).collect();
        assert_eq!(again[1..3], memory);
        // What was not used is not kept for longer than a step.
        pool.give_back_saved(3, saved);
        let saved = pool.saved(3);
        assert_eq!((saved.old_values.len(), saved.old_bytes.len()), (4, 0));
    }
}
