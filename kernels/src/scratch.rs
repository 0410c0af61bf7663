//! Buffers that a thread keeps from call to call, so that a step in its steady state allocates nothing.

use crate::Element;
use std::ops::{Deref, DerefMut};

/// A borrowed buffer; it goes back to its thread's store when dropped.
pub struct Scratch<E: Element>(Vec<E>);

/// A buffer of `len` zeros.
pub fn zeros<E: Element>(len: usize) -> Scratch<E> {
    let mut buffer = spare(len);
    buffer.clear();
    buffer.resize(len, E::ZERO);
    Scratch(buffer)
}

/// A buffer of `len` numbers of whatever value.
pub fn any<E: Element>(len: usize) -> Scratch<E> {
    let mut buffer = spare(len);
    buffer.resize(len, E::ZERO);
    Scratch(buffer)
}

/// This thread's smallest spare buffer that is large enough, else its largest.
fn spare<E: Element>(len: usize) -> Vec<E> {
    E::spare().with_borrow_mut(|spare| {
        // Kept in order of capacity by `drop`.
        let at = spare.partition_point(|buffer| buffer.capacity() < len);
        if at < spare.len() { spare.remove(at) } else { spare.pop().unwrap_or_default() }
    })
}

impl<E: Element> Drop for Scratch<E> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        // A thread that is ending has no store left; the buffer is then simply freed.
        let _ = E::spare().try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let at = spare.partition_point(|other| other.capacity() < buffer.capacity());
            spare.insert(at, buffer);
        });
    }
}

impl<E: Element> Deref for Scratch<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.0
    }
}

impl<E: Element> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.0
    }
}
