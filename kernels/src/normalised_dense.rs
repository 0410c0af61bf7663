//! Batch-norm of features and the dense layer behind it, in one: x (N, F), W (O, F), y (N, O).
//!
//! ```text
//! xhat = (x - mean) rstd      u = gamma xhat + beta      y[n,o] = b[o] + Σ_f u[n,f] W[o,f]
//! ```
//!
//! A stretch of features goes through all of it while it is in the caches, and u is never written to memory. On the way
//! back all that concerns the parameters is told by two small sums, Q = dy^T xhat and S = db, the sum of dy's rows:
//!
//! ```text
//! dW[o,f]   = Σ_n dy[n,o] u[n,f]             = gamma[f] Q[o,f] + beta[f] S[o]
//! dgamma[f] = Σ_n,o dy[n,o] W[o,f] xhat[n,f] = Σ_o W[o,f] Q[o,f]
//! dbeta[f]  = Σ_n,o dy[n,o] W[o,f]           = Σ_o W[o,f] S[o]
//! dx        = gamma rstd (dy W - dbeta / N - xhat dgamma / N)
//! ```

use crate::batch_norm::{Normalise, Rstd, SquaredDifference};
use crate::dense::{add_up, offsets, stretches};
use crate::map::{Identity, Map, Product, Scale, map_add_chunk, map_chunk};
use crate::parallel::{deal, parts};
use crate::simd::{Level, Simd};
use crate::tile::{Dots, Init, Packed, Rows};
use crate::{Dense, Element, dense_backward_bias, scratch};

/// Features that one task works on.
const FEATURES: usize = 1024;

#[expect(clippy::too_many_arguments, reason = "two layers' arguments")]
pub(crate) fn forward<E: Element>(
    g: &Dense,
    eps: E,
    x: &[E],
    [gamma, beta]: [&[E]; 2],
    weight: &[E],
    bias: Option<&[E]>,
    [mean, var, rstd]: [&mut [E]; 3],
    y: &mut [E],
) {
    g.check(x.len(), weight.len(), y.len());
    check_features(g, &[gamma, beta, mean, var, rstd]);
    assert!(bias.is_none_or(|b| b.len() == g.outputs), "normalised_dense: the bias has another size");
    let level = Level::current();
    let w_offsets = offsets(g.outputs, g.inputs);
    let all_w = Rows::new(weight, &w_offsets, g.inputs);
    let share = E::ONE / E::from_f64(g.rows as f64);
    let mut sums = scratch::zeros::<E>(g.inputs.div_ceil(FEATURES) * y.len());
    let statistics = [parts(mean, FEATURES), parts(var, FEATURES), parts(rstd, FEATURES)];
    deal((parts(&mut sums, y.len()), statistics), |chunk, (out, [mean, var, rstd])| {
        let (start, len) = (chunk * FEATURES, mean.len());
        let row = |n: usize| &x[n * g.inputs + start..][..len];
        let [gamma, beta] = [gamma, beta].map(|p| &p[start..start + len]);
        mean.fill(E::ZERO);
        (0..g.rows).for_each(|n| map_add_chunk(Identity, [row(n)], mean));
        mean.iter_mut().for_each(|sum| *sum *= share);
        var.fill(E::ZERO);
        (0..g.rows).for_each(|n| map_add_chunk(SquaredDifference, [row(n), mean], var));
        var.iter_mut().for_each(|sum| *sum *= share);
        map_chunk(Rstd(eps), [var], rstd);
        let mut u = scratch::any::<E>(g.rows * len);
        for (n, u) in u.chunks_exact_mut(len).enumerate() {
            map_chunk(Normalise, [row(n), mean, rstd, gamma, beta], u);
        }
        let u_offsets = offsets(g.rows, len);
        let (left, right) = (Rows::new(&u, &u_offsets, len), all_w.window(start, len));
        E::dispatch_at(level, Dots::whole(left, right, out));
    });
    add_up(&sums, bias, g.outputs, y);
}

#[expect(clippy::too_many_arguments, reason = "two layers' arguments")]
pub(crate) fn backward<E: Element>(
    g: &Dense,
    x: &[E],
    [mean, rstd]: [&[E]; 2],
    [gamma, beta]: [&[E]; 2],
    weight: &[E],
    grad_output: &[E],
    [grad_gamma, grad_beta]: [&mut [E]; 2],
    [grad_input, grad_weight]: [Option<&mut [E]>; 2],
) {
    g.check(x.len(), weight.len(), grad_output.len());
    check_features(g, &[mean, rstd, gamma, beta, grad_gamma, grad_beta]);
    assert!(
        grad_input.as_ref().is_none_or(|dx| dx.len() == x.len()),
        "normalised_dense: dx has another size"
    );
    assert!(
        grad_weight.as_ref().is_none_or(|dw| dw.len() == weight.len()),
        "normalised_dense: dW has another size"
    );
    let by_row = Packed::of_rows((grad_output, g.outputs), (g.rows, g.outputs));
    let by_output = Packed::of_columns((grad_output, g.outputs), (g.outputs, g.rows));
    let mut s = scratch::zeros::<E>(g.outputs);
    dense_backward_bias(grad_output, &mut s);
    let w_offsets = offsets(g.outputs, g.inputs);
    let all_w = Rows::new(weight, &w_offsets, g.inputs);
    let share = E::ONE / E::from_f64(g.rows as f64);
    let chunks = g.inputs.div_ceil(FEATURES);
    let (mut dx, mut dw) =
        (stretches(grad_input, g.inputs, FEATURES), stretches(grad_weight, g.inputs, FEATURES));
    assert!(dx.len() == chunks && dw.len() == chunks);
    let sums = [parts(grad_gamma, FEATURES), parts(grad_beta, FEATURES)];
    deal(([parts(&mut dx, 1), parts(&mut dw, 1)], sums), |chunk, ([dx, dw], [dgamma, dbeta])| {
        let (dx, dw) = (&mut dx[0], &mut dw[0]);
        let (start, len) = (chunk * FEATURES, dgamma.len());
        let [mean, rstd, gamma, beta] = [mean, rstd, gamma, beta].map(|p| &p[start..start + len]);
        let w = |o: usize| &weight[o * g.inputs + start..][..len];
        let mut xhat = scratch::any::<E>(g.rows * len);
        for (n, xhat) in xhat.chunks_exact_mut(len).enumerate() {
            map_chunk(Standardise, [&x[n * g.inputs + start..][..len], mean, rstd], xhat);
        }
        // Q = dy^T xhat, and what follows from it.
        let mut q = scratch::any::<E>(g.outputs * len);
        let x_offsets = offsets(g.rows, len);
        by_output.multiply(Rows::new(&xhat, &x_offsets, len), Init::Zero, &mut q, len);
        dgamma.fill(E::ZERO);
        dbeta.fill(E::ZERO);
        for (o, q) in q.chunks_exact(len).enumerate() {
            map_add_chunk(Product, [w(o), q], dgamma);
            map_add_chunk(Scale(s[o]), [w(o)], dbeta);
            if let Some(dw) = dw.get_mut(o) {
                map_add_chunk(WeightGradient(s[o]), [q, gamma, beta], dw);
            }
        }
        if dx.is_empty() {
            return;
        }
        // dx = a (dy W) + b xhat + c.
        let mut du = scratch::any::<E>(g.rows * len);
        by_row.multiply(all_w.window(start, len), Init::Zero, &mut du, len);
        let mut factors = scratch::any::<E>(3 * len);
        let (a, bc) = factors.split_at_mut(len);
        let (b, c) = bc.split_at_mut(len);
        for f in 0..len {
            a[f] = gamma[f] * rstd[f];
            b[f] = -a[f] * dgamma[f] * share;
            c[f] = -a[f] * dbeta[f] * share;
        }
        for ((dx, du), xhat) in dx.iter_mut().zip(du.chunks_exact(len)).zip(xhat.chunks_exact(len)) {
            map_add_chunk(InputGradient, [du, xhat, a, b, c], dx);
        }
    });
}

fn check_features<E>(g: &Dense, all: &[&[E]]) {
    assert!(all.iter().all(|p| p.len() == g.inputs), "normalised_dense: one number a feature is needed");
}

/// (x - mean) rstd.
#[derive(Clone, Copy)]
struct Standardise;
impl<E: Element> Map<E, 3> for Standardise {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x, mean, rstd]: [S::V; 3]) -> S::V {
        s.mul(s.sub(x, mean), rstd)
    }
}

/// gamma q + beta s.
#[derive(Clone, Copy)]
struct WeightGradient<E>(E);
impl<E: Element> Map<E, 3> for WeightGradient<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [q, gamma, beta]: [S::V; 3]) -> S::V {
        s.fma(gamma, q, s.mul(beta, s.splat(self.0)))
    }
}

/// a du + b xhat + c.
#[derive(Clone, Copy)]
struct InputGradient;
impl<E: Element> Map<E, 5> for InputGradient {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [du, xhat, a, b, c]: [S::V; 5]) -> S::V {
        s.fma(a, du, s.fma(b, xhat, c))
    }
}
