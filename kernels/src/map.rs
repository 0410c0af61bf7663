//! Elementwise loops and sums: a [`Map`] is a formula on vectors, the drivers here run it over slices.

use crate::parallel::{deal, parts};
use crate::simd::{Kernel, Simd, dispatch};
use crate::{Element, math};

/// Elements that one task works on. Fixed, so that sums are cut the same way at any thread count.
pub const CHUNK: usize = 16 * 1024;

/// A formula of N arguments, applied lane by lane.
pub trait Map<E: Element, const N: usize>: Copy + Send + Sync {
    /// The formula. Implementations are `#[inline(always)]`.
    fn apply<S: Simd<E>>(self, simd: S, x: [S::V; N]) -> S::V;
}

/// out = f(inputs), elementwise.
pub fn map<E: Element, const N: usize, F: Map<E, N>>(f: F, inputs: [&[E]; N], out: &mut [E]) {
    run_chunks::<E, N, F, false>(f, inputs, out);
}

/// out += f(inputs), elementwise.
pub fn map_add<E: Element, const N: usize, F: Map<E, N>>(f: F, inputs: [&[E]; N], out: &mut [E]) {
    run_chunks::<E, N, F, true>(f, inputs, out);
}

/// The sum over all elements of f(inputs); chunks in parallel, their sums added in order.
pub fn map_sum<E: Element, const N: usize, F: Map<E, N>>(f: F, inputs: [&[E]; N]) -> E {
    let len = same_length(&inputs, inputs[0].len());
    let chunk_sum = |chunk: usize| {
        let range = chunk * CHUNK..len.min((chunk + 1) * CHUNK);
        sum_chunk(f, inputs.map(|x| &x[range.clone()]))
    };
    let chunks = len.div_ceil(CHUNK);
    if chunks <= 1 {
        return if len == 0 { E::ZERO } else { chunk_sum(0) };
    }
    let mut sums = crate::scratch::any::<E>(chunks);
    deal(parts(&mut sums, 1), |chunk, sum| sum[0] = chunk_sum(chunk));
    sums.iter().copied().sum()
}

/// The sum of f(inputs) on this thread alone, for kernels that are parallel already.
pub fn sum_chunk<E: Element, const N: usize, F: Map<E, N>>(f: F, inputs: [&[E]; N]) -> E {
    same_length(&inputs, inputs[0].len());
    dispatch(SumKernel { f, inputs })
}

/// out = f(inputs) on this thread alone.
pub fn map_chunk<E: Element, const N: usize, F: Map<E, N>>(f: F, inputs: [&[E]; N], out: &mut [E]) {
    same_length(&inputs, out.len());
    dispatch(MapKernel::<E, N, F, false> { f, inputs, out });
}

/// out += f(inputs) on this thread alone.
pub fn map_add_chunk<E: Element, const N: usize, F: Map<E, N>>(f: F, inputs: [&[E]; N], out: &mut [E]) {
    same_length(&inputs, out.len());
    dispatch(MapKernel::<E, N, F, true> { f, inputs, out });
}

/// out = f(x), elementwise, by a function of the element type: number by number.
pub fn map_each<E: Element>(f: fn(E) -> E, x: &[E], out: &mut [E]) {
    same_length(&[x], out.len());
    deal((parts(out, CHUNK), x.chunks(CHUNK)), |_, (out, x)| {
        out.iter_mut().zip(x).for_each(|(out, x)| *out = f(*x));
    });
}

pub(crate) fn zeros<E: Element>(out: &mut [E]) {
    deal(parts(out, CHUNK), |_, out| out.fill(E::ZERO));
}

/// x itself.
#[derive(Clone, Copy)]
pub struct Identity;
impl<E: Element> Map<E, 1> for Identity {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, _: S, [x]: [S::V; 1]) -> S::V {
        x
    }
}

/// a x.
#[derive(Clone, Copy)]
pub struct Scale<E>(pub E);
impl<E: Element> Map<E, 1> for Scale<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x]: [S::V; 1]) -> S::V {
        s.mul(s.splat(self.0), x)
    }
}

/// a b, elementwise.
#[derive(Clone, Copy)]
pub struct Product;
impl<E: Element> Map<E, 2> for Product {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [a, b]: [S::V; 2]) -> S::V {
        s.mul(a, b)
    }
}

/// factor e^(x - shift), as [`math::exp`] has it.
#[derive(Clone, Copy)]
pub struct Exp<E> {
    /// What is taken away, for example the largest x.
    pub shift: E,
    /// What the power is multiplied by.
    pub factor: E,
}
impl<E: Element> Map<E, 1> for Exp<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x]: [S::V; 1]) -> S::V {
        s.mul(s.splat(self.factor), math::exp(s, s.sub(x, s.splat(self.shift))))
    }
}

/// dy where y > 0, else 0: a ReLU's gradient, told by its output.
#[derive(Clone, Copy)]
pub struct WherePositive;
impl<E: Element> Map<E, 2> for WherePositive {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [y, dy]: [S::V; 2]) -> S::V {
        let zero = s.splat(E::ZERO);
        s.select_gt(y, zero, dy, zero)
    }
}

/// The precondition of every loop here: all slices are `len` long.
fn same_length<E, const N: usize>(inputs: &[&[E]; N], len: usize) -> usize {
    assert!(inputs.iter().all(|x| x.len() == len), "elementwise: slices of different lengths");
    len
}

fn run_chunks<E: Element, const N: usize, F: Map<E, N>, const ADD: bool>(
    f: F,
    inputs: [&[E]; N],
    out: &mut [E],
) {
    same_length(&inputs, out.len());
    if out.len() <= CHUNK {
        return dispatch(MapKernel::<E, N, F, ADD> { f, inputs, out });
    }
    deal(parts(out, CHUNK), |chunk, out| {
        let range = chunk * CHUNK..chunk * CHUNK + out.len();
        dispatch(MapKernel::<E, N, F, ADD> { f, inputs: inputs.map(|x| &x[range.clone()]), out });
    });
}

// Compiled in whatever crate has the formula, at its level: plain counting, so that nothing is left to be inlined.
struct MapKernel<'a, E, const N: usize, F, const ADD: bool> {
    f: F,
    inputs: [&'a [E]; N],
    out: &'a mut [E],
}

impl<E: Element, const N: usize, F: Map<E, N>, const ADD: bool> Kernel<E> for MapKernel<'_, E, N, F, ADD> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let (len, lanes) = (self.out.len(), S::LANES);
        let out = self.out.as_mut_ptr();
        let mut i = 0;
        while i < len {
            let n = (len - i).min(lanes);
            // SAFETY: `same_length`: i + n <= len, the length of every slice.
            unsafe {
                let mut x = [s.splat(E::ZERO); N];
                let mut k = 0;
                while k < N {
                    x[k] = load(s, self.inputs[k].as_ptr().add(i), n);
                    k += 1;
                }
                let mut y = self.f.apply(s, x);
                if ADD {
                    y = s.add(load(s, out.add(i), n), y);
                }
                if n == lanes { s.store(out.add(i), y) } else { s.store_partial(out.add(i), n, y) }
            }
            i += n;
        }
    }
}

struct SumKernel<'a, E, const N: usize, F> {
    f: F,
    inputs: [&'a [E]; N],
}

impl<E: Element, const N: usize, F: Map<E, N>> Kernel<E> for SumKernel<'_, E, N, F> {
    type Output = E;

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) -> E {
        // Four running sums, since an addition waits for the one before it.
        let (len, lanes) = (self.inputs[0].len(), S::LANES);
        let mut sums = [s.splat(E::ZERO); 4];
        let mut i = 0;
        while i + 4 * lanes <= len {
            let mut j = 0;
            while j < 4 {
                let mut x = [s.splat(E::ZERO); N];
                let mut k = 0;
                while k < N {
                    // SAFETY: `same_length`: i + 4 * lanes <= len, the length of every slice.
                    x[k] = unsafe { s.load(self.inputs[k].as_ptr().add(i + j * lanes)) };
                    k += 1;
                }
                sums[j] = s.add(sums[j], self.f.apply(s, x));
                j += 1;
            }
            i += 4 * lanes;
        }
        let mut total = s.reduce_add(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])));
        // The rest one by one: f(0) need not be 0, so a vector padded with zeros would not do.
        while i < len {
            let mut x = [s.splat(E::ZERO); N];
            for (x, input) in x.iter_mut().zip(&self.inputs) {
                *x = s.splat(input[i]);
            }
            let mut one = [E::ZERO; 1];
            // SAFETY: room for the one element.
            unsafe { s.store_partial(one.as_mut_ptr(), 1, self.f.apply(s, x)) };
            total += one[0];
            i += 1;
        }
        total
    }
}

/// `n` elements at `p`, zeros behind them.
///
/// # Safety
/// `p..p + n` is readable, n <= LANES.
#[inline(always)]
unsafe fn load<E: Element, S: Simd<E>>(s: S, p: *const E, n: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if n == S::LANES { s.load(p) } else { s.load_partial(p, n) } }
}
