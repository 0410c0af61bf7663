//! Arithmetic of a and b, where b is stretched to a's shape as in NumPy: axes are aligned at the right, and along an axis
//! of which b has one place, or none, its numbers repeat.
//!
//! Neighbouring axes that are all stretched, or all not, are one axis of their product. So there is a last axis, along which
//! b either stays at one number or runs beside a, and the loops go along it in runs.

use crate::map::{CHUNK, Identity, Product, map_add_chunk, sum_chunk};
use crate::parallel::{deal, parts};
use crate::simd::{Kernel, Simd, dispatch};
use crate::{Element, add_partials, partial_count, scratch};
use std::ops::Range;

/// How b lies in a.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Axes of a that are left: the size, and b's stride, 0 where it is stretched.
    axes: Vec<(usize, usize)>,
    a_len: usize,
    b_len: usize,
}

impl Broadcast {
    /// Of the shapes of a and b; `None` where b does not stretch to a.
    pub fn new(a: &[usize], b: &[usize]) -> Option<Broadcast> {
        let missing = a.len().checked_sub(b.len())?;
        let mut axes: Vec<(usize, usize)> = Vec::new();
        let mut b_len = 1;
        for (i, &size) in a.iter().enumerate().rev() {
            let of_b = if i < missing { 1 } else { b[i - missing] };
            if of_b != size && of_b != 1 {
                return None;
            }
            let stride = if of_b == 1 { 0 } else { b_len };
            b_len *= of_b;
            match axes.first_mut() {
                _ if size == 1 => {}
                Some((all, first)) if (*first == 0) == (stride == 0) => *all *= size,
                _ => axes.insert(0, (size, stride)),
            }
        }
        if axes.is_empty() {
            axes.push((1, 0));
        }
        Some(Broadcast { axes, a_len: a.iter().product(), b_len })
    }

    /// Calls `f(places in a, place in b)` for every run in a range of a: a stretch along the last axis.
    fn each_run(&self, range: Range<usize>, mut f: impl FnMut(Range<usize>, usize)) {
        let (&(len, stride), outer) = self.axes.split_last().expect("an axis");
        let mut at = range.start;
        while at < range.end {
            let (mut row, inner) = (at / len, at % len);
            let end = range.end.min(at - inner + len);
            let mut b = inner * stride;
            for (size, stride) in outer.iter().rev() {
                b += row % size * stride;
                row /= size;
            }
            f(at..end, b);
            at = end;
        }
    }

    /// b's numbers for a run of `len`: as many, or the one that is stretched.
    fn of_run(&self, len: usize, b: usize) -> Range<usize> {
        b..b + if self.axes.last().is_some_and(|(_, stride)| *stride > 0) { len } else { 1 }
    }

    fn check(&self, a: usize, b: usize, y: usize) {
        assert!(a == self.a_len && y == self.a_len, "broadcast: a or y has another size");
        assert!(b == self.b_len, "broadcast: b has another size");
    }

    /// y = f(y, a, b) in all places.
    fn apply<E: Element>(
        &self,
        f: impl Fn(E, E, E) -> E + Copy + Send + Sync,
        a: &[E],
        b: &[E],
        y: &mut [E],
    ) {
        self.check(a.len(), b.len(), y.len());
        deal(parts(y, CHUNK), |chunk, y| {
            let start = chunk * CHUNK;
            self.each_run(start..start + y.len(), |run, b_at| {
                let b = &b[self.of_run(run.len(), b_at)];
                let y = &mut y[run.start - start..run.end - start];
                dispatch(Run { f, a: &a[run], b, y });
            });
        });
    }
}

/// y = f(y, a, b) along one run; b is as long, or one number.
struct Run<'a, E, F> {
    f: F,
    a: &'a [E],
    b: &'a [E],
    y: &'a mut [E],
}

impl<E: Element, F: Fn(E, E, E) -> E> Kernel<E> for Run<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        // Plain code: inside `dispatch` the compiler makes vectors of it.
        if let [b] = self.b {
            self.y.iter_mut().zip(self.a).for_each(|(y, a)| *y = (self.f)(*y, *a, *b));
        } else {
            let pairs = self.a.iter().zip(self.b);
            self.y.iter_mut().zip(pairs).for_each(|(y, (a, b))| *y = (self.f)(*y, *a, *b));
        }
    }
}

pub(crate) fn add<E: Element>(g: &Broadcast, a: &[E], b: &[E], y: &mut [E]) {
    g.apply(|_, a, b| a + b, a, b, y);
}

pub(crate) fn mul<E: Element>(g: &Broadcast, a: &[E], b: &[E], y: &mut [E]) {
    g.apply(|_, a, b| a * b, a, b, y);
}

pub(crate) fn mul_add<E: Element>(g: &Broadcast, grad_output: &[E], b: &[E], grad_input: &mut [E]) {
    g.apply(|sum, dy, b| sum + dy * b, grad_output, b, grad_input);
}

pub(crate) fn sum<E: Element>(g: &Broadcast, grad_output: &[E], a: Option<&[E]>, grad_b: &mut [E]) {
    g.check(grad_output.len(), grad_b.len(), a.map_or(g.a_len, <[E]>::len));
    // A task sums a part of dy for all of b. They are so few that all their sums are no more numbers than dy.
    let count = partial_count(g.a_len / CHUNK.max(g.b_len));
    let mut sums = scratch::zeros::<E>(count * g.b_len);
    deal(parts(&mut sums, g.b_len), |part, sums| {
        g.each_run(part * g.a_len / count..(part + 1) * g.a_len / count, |run, b_at| {
            let sums = &mut sums[g.of_run(run.len(), b_at)];
            let dy = &grad_output[run.clone()];
            match (sums, a.map(|a| &a[run])) {
                ([sum], None) => *sum += sum_chunk(Identity, [dy]),
                ([sum], Some(a)) => *sum += sum_chunk(Product, [dy, a]),
                (sums, None) => map_add_chunk(Identity, [dy], sums),
                (sums, Some(a)) => map_add_chunk(Product, [dy, a], sums),
            }
        });
    });
    add_partials(&sums, g.b_len, 0, grad_b);
}
