//! Buffers that a thread keeps from call to call, so that a step in its steady state allocates lists alone.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};
use std::thread::LocalKey;

/// What buffers are made of.
pub trait Stored: Copy + Default + 'static {
    /// This thread's spare buffers.
    fn spare() -> &'static LocalKey<RefCell<Vec<Vec<Self>>>>;
}

macro_rules! stored {
    ($($t:ident)*) => {$(
        impl Stored for $t {
            fn spare() -> &'static LocalKey<RefCell<Vec<Vec<$t>>>> {
                thread_local!(static SPARE: RefCell<Vec<Vec<$t>>> = const { RefCell::new(Vec::new()) });
                &SPARE
            }
        }
    )*};
}

stored!(f32 f64 u32);

/// A borrowed buffer; it goes back to its thread's store when dropped. It begins at a multiple of 64 bytes, so that
/// the widest vectors can be aligned.
pub struct Scratch<E: Stored> {
    /// As long as it has ever been: what was written once is never written again only to have a value.
    buffer: Vec<E>,
    range: Range<usize>,
}

/// Bytes of a line of the cache, and of the widest vector.
const LINE: usize = 64;

/// A buffer of `len` zeros.
pub fn zeros<E: Stored>(len: usize) -> Scratch<E> {
    let mut scratch = any(len);
    scratch.fill(E::default());
    scratch
}

/// A buffer of `len` numbers of whatever value.
pub fn any<E: Stored>(len: usize) -> Scratch<E> {
    let room = len + LINE / size_of::<E>();
    let mut buffer = spare(room);
    if buffer.len() < room {
        buffer.resize(room, E::default());
    }
    let start = buffer.as_ptr().align_offset(LINE);
    Scratch { buffer, range: start..start + len }
}

/// This thread's smallest spare buffer that is large enough, else its largest.
fn spare<E: Stored>(len: usize) -> Vec<E> {
    E::spare().with_borrow_mut(|spare| {
        // Kept in order of capacity by `drop`.
        let at = spare.partition_point(|buffer| buffer.capacity() < len);
        if at < spare.len() { spare.remove(at) } else { spare.pop().unwrap_or_default() }
    })
}

impl<E: Stored> Drop for Scratch<E> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that is ending has no store left; the buffer is then simply freed.
        let _ = E::spare().try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let at = spare.partition_point(|other| other.capacity() < buffer.capacity());
            spare.insert(at, buffer);
        });
    }
}

impl<E: Stored> Deref for Scratch<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.buffer[self.range.clone()]
    }
}

impl<E: Stored> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.buffer[self.range.clone()]
    }
}
