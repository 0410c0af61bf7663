//! Batch normalisation of (N, C, S): over N and S for each of C channels (S = H W), or, with S = 1, over N for
//! each feature (Ioffe and Szegedy 2015, arXiv 1502.03167).
//!
//! ```text
//! mean = 1/M Σ x      var = 1/M Σ (x - mean)^2      M = N S      rstd = 1 / sqrt(var + eps)
//! xhat = (x - mean) rstd      y = gamma xhat + beta
//! dgamma = Σ dy xhat      dbeta = Σ dy
//! dx = gamma rstd (dy - dbeta / M - xhat dgamma / M)        statistics of the batch
//! dx = gamma rstd dy                                        statistics given
//! ```

use crate::map::{Identity, Map, Product, map, map_add_chunk, map_chunk, sum_chunk};
use crate::parallel::{deal, parts};
use crate::simd::Simd;
use crate::{Element, scratch};

/// The sizes of a batch-norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNorm {
    /// N.
    pub images: usize,
    /// C.
    pub channels: usize,
    /// S: H W for images, 1 for features.
    pub positions: usize,
}

/// Features that one task works on, where S = 1.
const FEATURES: usize = 1024;

impl BatchNorm {
    /// M: how many numbers a channel has.
    pub fn count(&self) -> usize {
        self.images * self.positions
    }

    fn check(&self, x: usize, channels: &[usize]) {
        assert!(self.count() > 0 && self.channels > 0, "batch_norm: empty batch");
        assert!(x == self.images * self.channels * self.positions, "batch_norm: x has another size");
        assert!(channels.iter().all(|&c| c == self.channels), "batch_norm: one number a channel is needed");
    }
}

pub(crate) fn statistics<E: Element>(g: &BatchNorm, x: &[E], mean: &mut [E], var: &mut [E]) {
    g.check(x.len(), &[mean.len(), var.len()]);
    let share = E::ONE / E::from_f64(g.count() as f64);
    channel_sums(g, Identity, [x], [], mean);
    mean.iter_mut().for_each(|value| *value *= share);
    channel_sums(g, SquaredDifference, [x], [mean], var);
    var.iter_mut().for_each(|value| *value *= share);
}

/// rstd of each channel, given var.
pub fn batch_norm_rstd<E: Element>(eps: E, var: &[E], rstd: &mut [E]) {
    map(Rstd(eps), [var], rstd);
}

pub(crate) fn apply<E: Element>(
    g: &BatchNorm,
    x: &[E],
    [mean, rstd]: [&[E]; 2],
    [gamma, beta]: [&[E]; 2],
    y: &mut [E],
) {
    g.check(x.len(), &[mean.len(), rstd.len(), gamma.len(), beta.len()]);
    assert!(x.len() == y.len(), "batch_norm: y has another size");
    elementwise::<E, 1, 4, 5, _>(g, Normalise, [x], [mean, rstd, gamma, beta], y, false);
}

pub(crate) fn grad_sums<E: Element>(
    g: &BatchNorm,
    x: &[E],
    [mean, rstd]: [&[E]; 2],
    grad_output: &[E],
    grad_gamma: &mut [E],
    grad_beta: &mut [E],
) {
    g.check(x.len(), &[mean.len(), rstd.len(), grad_gamma.len(), grad_beta.len()]);
    assert!(x.len() == grad_output.len(), "batch_norm: dy has another size");
    channel_sums(g, Identity, [grad_output], [], grad_beta);
    channel_sums(g, Centred, [grad_output, x], [mean], grad_gamma);
    for (sum, rstd) in grad_gamma.iter_mut().zip(rstd) {
        *sum *= *rstd;
    }
}

pub(crate) fn backward<E: Element>(
    g: &BatchNorm,
    x: &[E],
    [mean, rstd]: [&[E]; 2],
    gamma: &[E],
    sums: Option<[&[E]; 2]>,
    grad_output: &[E],
    grad_input: &mut [E],
) {
    g.check(x.len(), &[mean.len(), rstd.len(), gamma.len()]);
    assert!(x.len() == grad_output.len() && x.len() == grad_input.len(), "batch_norm: dx has another size");
    // dx = a dy + b (x - mean) + c, three numbers a channel.
    let mut factors = scratch::any::<E>(3 * g.channels);
    let (a, bc) = factors.split_at_mut(g.channels);
    for (a, (gamma, rstd)) in a.iter_mut().zip(gamma.iter().zip(rstd)) {
        *a = *gamma * *rstd;
    }
    let Some([grad_gamma, grad_beta]) = sums else {
        return elementwise::<E, 1, 1, 2, _>(g, Product, [grad_output], [a], grad_input, true);
    };
    let (b, c) = bc.split_at_mut(g.channels);
    let share = E::ONE / E::from_f64(g.count() as f64);
    for i in 0..g.channels {
        b[i] = -a[i] * rstd[i] * grad_gamma[i] * share;
        c[i] = -a[i] * grad_beta[i] * share;
    }
    elementwise::<E, 2, 4, 6, _>(g, GradInput, [grad_output, x], [mean, a, b, c], grad_input, true);
}

/// `sums[c] = Σ f(x, p[c])` over the numbers of channel c; f has the arguments x, then p.
fn channel_sums<E: Element, const N: usize, const P: usize, const T: usize, F: Map<E, T>>(
    g: &BatchNorm,
    f: F,
    x: [&[E]; N],
    p: [&[E]; P],
    sums: &mut [E],
) {
    const { assert!(N + P == T) };
    if g.positions == 1 {
        deal(parts(sums, FEATURES), |chunk, sums| {
            sums.fill(E::ZERO);
            let start = chunk * FEATURES;
            for n in 0..g.images {
                let at = n * g.channels + start;
                map_add_chunk(
                    f,
                    join(x.map(|x| &x[at..at + sums.len()]), p.map(|p| &p[start..start + sums.len()])),
                    sums,
                );
            }
        });
        return;
    }
    let mut planes = scratch::any::<E>(g.images * g.channels);
    deal(parts(&mut planes, 1), |plane, sum| {
        let f = Fixed { f, p: p.map(|p| p[plane % g.channels]) };
        sum[0] = sum_chunk(f, x.map(|x| &x[plane * g.positions..][..g.positions]));
    });
    sums.fill(E::ZERO);
    for image in planes.chunks(g.channels) {
        for (sum, part) in sums.iter_mut().zip(image) {
            *sum += *part;
        }
    }
}

/// out (+)= f(x, p of the channel), elementwise; f has the arguments x, then p.
fn elementwise<E: Element, const N: usize, const P: usize, const T: usize, F: Map<E, T>>(
    g: &BatchNorm,
    f: F,
    x: [&[E]; N],
    p: [&[E]; P],
    out: &mut [E],
    add: bool,
) {
    const { assert!(N + P == T) };
    if g.positions == 1 {
        // Some rows by turns, so that p is still in the first-level cache for the next.
        let rows = (g.images / (2 * rayon::current_num_threads())).clamp(1, 8);
        return deal(parts(out, rows * g.channels), |i, out| {
            for start in (0..g.channels).step_by(FEATURES) {
                let range = start..g.channels.min(start + FEATURES);
                for (n, out) in out.chunks_exact_mut(g.channels).enumerate() {
                    let at = (i * rows + n) * g.channels;
                    let x = x.map(|x| &x[at..at + g.channels][range.clone()]);
                    let all = join(x, p.map(|p| &p[range.clone()]));
                    let out = &mut out[range.clone()];
                    if add { map_add_chunk(f, all, out) } else { map_chunk(f, all, out) }
                }
            }
        });
    }
    deal(parts(out, g.positions), |i, out| {
        let x = x.map(|x| &x[i * g.positions..(i + 1) * g.positions]);
        let f = Fixed { f, p: p.map(|p| p[i % g.channels]) };
        if add { map_add_chunk(f, x, out) } else { map_chunk(f, x, out) }
    });
}

/// The arguments x, then p.
fn join<'a, E, const N: usize, const P: usize, const T: usize>(
    x: [&'a [E]; N],
    p: [&'a [E]; P],
) -> [&'a [E]; T] {
    std::array::from_fn(|i| if i < N { x[i] } else { p[i - N] })
}

/// The formula f with its last arguments fixed.
#[derive(Clone, Copy)]
struct Fixed<F, E, const P: usize, const T: usize> {
    f: F,
    p: [E; P],
}

impl<E: Element, const N: usize, const P: usize, const T: usize, F: Map<E, T>> Map<E, N>
    for Fixed<F, E, P, T>
{
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, x: [S::V; N]) -> S::V {
        let mut all = [s.splat(E::ZERO); T];
        all[..N].copy_from_slice(&x);
        for (value, p) in all[N..].iter_mut().zip(self.p) {
            *value = s.splat(p);
        }
        self.f.apply(s, all)
    }
}

/// 1 / sqrt(var + eps).
#[derive(Clone, Copy)]
pub(crate) struct Rstd<E>(pub(crate) E);
impl<E: Element> Map<E, 1> for Rstd<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [var]: [S::V; 1]) -> S::V {
        s.div(s.splat(E::ONE), s.sqrt(s.add(var, s.splat(self.0))))
    }
}

/// (x - mean)^2.
#[derive(Clone, Copy)]
pub(crate) struct SquaredDifference;
impl<E: Element> Map<E, 2> for SquaredDifference {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x, mean]: [S::V; 2]) -> S::V {
        let centred = s.sub(x, mean);
        s.mul(centred, centred)
    }
}

/// dy (x - mean).
#[derive(Clone, Copy)]
struct Centred;
impl<E: Element> Map<E, 3> for Centred {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [dy, x, mean]: [S::V; 3]) -> S::V {
        s.mul(dy, s.sub(x, mean))
    }
}

/// gamma (x - mean) rstd + beta.
#[derive(Clone, Copy)]
pub(crate) struct Normalise;
impl<E: Element> Map<E, 5> for Normalise {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x, mean, rstd, gamma, beta]: [S::V; 5]) -> S::V {
        s.fma(s.mul(s.sub(x, mean), rstd), gamma, beta)
    }
}

/// a dy + b (x - mean) + c.
#[derive(Clone, Copy)]
struct GradInput;
impl<E: Element> Map<E, 6> for GradInput {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [dy, x, mean, a, b, c]: [S::V; 6]) -> S::V {
        s.fma(a, dy, s.fma(b, s.sub(x, mean), c))
    }
}
