//! Work dealt out to all threads. A task stands behind a pointer, so that the dealing is compiled once and not again for
//! every loop, which was a fifth of the machine code.

use rayon::prelude::*;
use std::marker::PhantomData;
use std::slice::Chunks;

/// Calls `task(i)` for each i below `count`; where there are many, a thread takes several at a time.
pub(crate) fn each(count: usize, task: &(dyn Fn(usize) + Sync)) {
    if count == 1 {
        // Not worth asking another thread.
        return task(0);
    }
    (0..count).into_par_iter().for_each(task);
}

/// The same for tasks that take long, one by one: a thread that is late leaves the rest to the others.
pub(crate) fn each_by_itself(count: usize, task: &(dyn Fn(usize) + Sync)) {
    if count == 1 {
        return task(0);
    }
    (0..count).into_par_iter().with_max_len(1).for_each(task);
}

/// Calls `task(i, part i)` for each part, as [`each`].
pub(crate) fn deal<P: Parts>(parts: P, task: impl Fn(usize, P::Part) + Sync) {
    // SAFETY: each i comes once.
    each(parts.count(), &|i| task(i, unsafe { parts.part(i) }));
}

/// Calls `task(i, part i)` for each part, as [`each_by_itself`].
pub(crate) fn deal_by_itself<P: Parts>(parts: P, task: impl Fn(usize, P::Part) + Sync) {
    // SAFETY: each i comes once.
    each_by_itself(parts.count(), &|i| task(i, unsafe { parts.part(i) }));
}

/// What can be dealt out. Several are dealt out together, part i of each, and have as many parts.
pub(crate) trait Parts: Sync {
    /// What task i gets.
    type Part: Send;

    fn count(&self) -> usize;

    /// # Safety
    /// It was not asked for this one before, and i is below `count`.
    unsafe fn part(&self, i: usize) -> Self::Part;
}

/// A slice in parts of `len`; the last may be shorter.
pub(crate) struct Slice<'a, T> {
    start: *mut T,
    all: usize,
    len: usize,
    of: PhantomData<&'a mut [T]>,
}

/// `values` in parts of `len`.
pub(crate) fn parts<T: Send>(values: &mut [T], len: usize) -> Slice<'_, T> {
    assert!(len > 0, "parts without anything in them");
    Slice { start: values.as_mut_ptr(), all: values.len(), len, of: PhantomData }
}

// SAFETY: what is shared only gives parts away, each once, and numbers may be sent.
unsafe impl<T: Send> Sync for Slice<'_, T> {}

impl<'a, T: Send> Parts for Slice<'a, T> {
    type Part = &'a mut [T];

    fn count(&self) -> usize {
        self.all.div_ceil(self.len)
    }

    unsafe fn part(&self, i: usize) -> &'a mut [T] {
        let at = i * self.len;
        // SAFETY: i is below `count`, so the part begins within the slice and is cut to end there. Parts do not overlap,
        // and nobody else has this one.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), self.len.min(self.all - at)) }
    }
}

impl<'a, T: Sync> Parts for Chunks<'a, T> {
    type Part = &'a [T];

    fn count(&self) -> usize {
        self.len()
    }

    unsafe fn part(&self, i: usize) -> &'a [T] {
        self.clone().nth(i).expect("i is below `count`")
    }
}

impl<A: Parts, B: Parts> Parts for (A, B) {
    type Part = (A::Part, B::Part);

    fn count(&self) -> usize {
        assert!(self.0.count() == self.1.count(), "as many parts of one as of the other");
        self.0.count()
    }

    unsafe fn part(&self, i: usize) -> Self::Part {
        // SAFETY: the caller's promise.
        unsafe { (self.0.part(i), self.1.part(i)) }
    }
}

impl<P: Parts, const N: usize> Parts for [P; N] {
    type Part = [P::Part; N];

    fn count(&self) -> usize {
        let counts = self.each_ref().map(Parts::count);
        assert!(counts.iter().all(|count| *count == counts[0]), "as many parts of one as of the other");
        counts[0]
    }

    unsafe fn part(&self, i: usize) -> Self::Part {
        // SAFETY: the caller's promise.
        self.each_ref().map(|parts| unsafe { parts.part(i) })
    }
}
