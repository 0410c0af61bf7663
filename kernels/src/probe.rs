//! Loops that do nothing but one thing, to be timed: how fast this machine multiplies and adds, and how fast it
//! reads memory. What other loops reach is held against them.

use crate::Element;
use crate::simd::{Kernel, Simd, dispatch};

/// Independent sums: enough to hide the latency of a multiply-add on every CPU of today.
const SUMS: usize = 12;

/// Does `rounds` x 12 multiply-adds of whole vectors on this thread. Returns how many operations these are (a
/// multiplication and an addition for each lane), and a number that depends on all of them.
pub fn multiply_adds<E: Element>(rounds: u64) -> (u64, E) {
    dispatch(MultiplyAdds { rounds, factor: E::from_f64(0.5), term: E::ONE })
}

struct MultiplyAdds<E> {
    rounds: u64,
    factor: E,
    term: E,
}

impl<E: Element> Kernel<E> for MultiplyAdds<E> {
    type Output = (u64, E);

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) -> (u64, E) {
        let (factor, term) = (s.splat(std::hint::black_box(self.factor)), s.splat(self.term));
        // The portable vectors have eight registers: the same twelve sums would not fit.
        let mut sums = [s.splat(E::ZERO); SUMS];
        let used = if S::REGISTERS < 16 { SUMS / 2 } else { SUMS };
        for _ in 0..self.rounds * (SUMS / used) as u64 {
            for sum in &mut sums[..used] {
                *sum = s.fma(*sum, factor, term);
            }
        }
        let total = sums.into_iter().fold(s.splat(E::ZERO), |total, sum| s.add(total, sum));
        (self.rounds * 2 * (SUMS * S::LANES) as u64, s.reduce_add(total))
    }
}
