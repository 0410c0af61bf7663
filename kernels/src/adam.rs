//! Adam (Kingma and Ba 2015, arXiv 1412.6980), in the form that Keras computes, with AdamW's decoupled weight decay
//! (Loshchilov and Hutter 2019, arXiv 1711.05101); s shortens a gradient that is too long:
//!
//! ```text
//! g <- s dL/dw
//! m <- m + (1 - beta_1) (g - m)        v <- v + (1 - beta_2) (g^2 - v)
//! w <- w - rate decay w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t)  m / (sqrt(v) + eps)
//! ```

use crate::Element;
use crate::map::CHUNK;
use crate::parallel::{deal, parts};
use crate::simd::{Kernel, Simd, dispatch};

/// The constants of one step.
#[derive(Clone, Copy, Debug)]
pub struct Adam<E> {
    /// rate sqrt(1 - beta_2^t) / (1 - beta_1^t).
    pub step_size: E,
    /// Decay of the mean of gradients.
    pub beta_1: E,
    /// Decay of the mean of their squares.
    pub beta_2: E,
    /// Keeps the division away from 0.
    pub eps: E,
    /// rate decay.
    pub decay: E,
    /// s.
    pub scale: E,
}

pub(crate) fn step<E: Element>(adam: Adam<E>, g: &[E], w: &mut [E], m: &mut [E], v: &mut [E]) {
    assert!(
        g.len() == w.len() && g.len() == m.len() && g.len() == v.len(),
        "adam: slices of different lengths"
    );
    let moved = [parts(w, CHUNK), parts(m, CHUNK), parts(v, CHUNK)];
    deal((moved, g.chunks(CHUNK)), |_, ([w, m, v], g)| dispatch(Step { adam, g, w, m, v }));
}

struct Step<'a, E> {
    adam: Adam<E>,
    g: &'a [E],
    w: &'a mut [E],
    m: &'a mut [E],
    v: &'a mut [E],
}

impl<E: Element> Kernel<E> for Step<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        // Plain code: inside `dispatch` the compiler makes vectors of it.
        let Adam { step_size, beta_1, beta_2, eps, decay, scale } = self.adam;
        for (((g, w), m), v) in self.g.iter().zip(self.w).zip(self.m).zip(self.v) {
            let g = scale * *g;
            *m += (E::ONE - beta_1) * (g - *m);
            *v += (E::ONE - beta_2) * (g * g - *v);
            *w = *w - decay * *w - step_size * *m / (v.sqrt() + eps);
        }
    }
}
