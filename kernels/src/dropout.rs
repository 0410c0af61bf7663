//! Dropout: y = keep x / (1 - rate), where element i is kept when its own random word says so.
//!
//! The word is a hash of the seed and i, so it does not matter which thread asks or in which order, and nothing has to
//! be kept for the way back.

use crate::Element;
use crate::map::CHUNK;
use crate::parallel::{deal, parts};
use crate::simd::{Kernel, Simd, dispatch};

/// What is dropped, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// How likely an element is dropped; at least 0, less than 1.
    pub rate: f64,
    /// Another seed, other elements.
    pub seed: u64,
}

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit of x.
#[inline(always)]
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Dropout {
    /// Whether element i is kept.
    #[inline(always)]
    pub fn keeps(&self, i: usize) -> bool {
        Mask::of(self).keeps(i)
    }
}

pub(crate) fn forward<E: Element>(g: &Dropout, x: &[E], y: &mut [E]) {
    run::<E, false>(g, x, y);
}

pub(crate) fn backward<E: Element>(g: &Dropout, grad_output: &[E], grad_input: &mut [E]) {
    run::<E, true>(g, grad_output, grad_input);
}

fn run<E: Element, const ADD: bool>(g: &Dropout, x: &[E], out: &mut [E]) {
    assert!(x.len() == out.len(), "dropout: slices of different lengths");
    let (mask, factor) = (Mask::of(g), E::from_f64(1.0 / (1.0 - g.rate)));
    deal((parts(out, CHUNK), x.chunks(CHUNK)), |chunk, (out, x)| {
        dispatch(Masked::<E, ADD> { mask, factor, start: chunk * CHUNK, x, out });
    });
}

#[derive(Clone, Copy)]
struct Mask {
    /// The seed hashed, so that the sequences of neighbouring seeds do not overlap.
    start: u64,
    /// Words below this are dropped.
    least: u64,
}

impl Mask {
    #[inline(always)]
    fn of(dropout: &Dropout) -> Mask {
        Mask { start: mix(dropout.seed), least: (dropout.rate * (1u64 << 53) as f64) as u64 }
    }

    #[inline(always)]
    fn keeps(self, i: usize) -> bool {
        // The step of splitmix64: 2^64 divided by the golden ratio.
        let word = mix(self.start.wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        word >> 11 >= self.least
    }
}

struct Masked<'a, E, const ADD: bool> {
    mask: Mask,
    factor: E,
    start: usize,
    x: &'a [E],
    out: &'a mut [E],
}

impl<E: Element, const ADD: bool> Kernel<E> for Masked<'_, E, ADD> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, _: S) {
        for (i, (out, x)) in self.out.iter_mut().zip(self.x).enumerate() {
            let y = if self.mask.keeps(self.start + i) { self.factor * *x } else { E::ZERO };
            *out = if ADD { *out + y } else { y };
        }
    }
}
