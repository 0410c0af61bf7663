//! The project's generator of random numbers: the same sequence on every platform.

/// What draws numbers of any kind from a generator, as `rng.random_range(-1.0..1.0)`; of the crate `rand`.
pub use rand::RngExt;
use rand::{Rng, SeedableRng};
pub use rand_chacha::ChaCha8Rng;

/// A generator for `seed`; different `stream` numbers give independent sequences of the same seed.
///
/// The seed is the key itself, so that no library's way of stretching a seed can change a run.
pub fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// A whole number from `0..n`, all equally likely; `n` = 0 gives 0.
///
/// The upper half of a 64-bit product of a random word and `n`; the few words that would favour some numbers are
/// drawn again (Lemire, "Fast random integer generation in an interval", 2019).
pub fn below(rng: &mut impl Rng, n: u32) -> u32 {
    let unfair = n.wrapping_neg().checked_rem(n).unwrap_or(0);
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(n);
        if product as u32 >= unfair {
            return (product >> 32) as u32;
        }
    }
}

/// `k` different numbers of `0..n` (all, where there are fewer), every order equally likely: the first `k` steps of a
/// Fisher-Yates shuffle.
pub fn choose(rng: &mut impl Rng, n: usize, k: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    for i in 0..k.min(n) {
        let j = i + below(rng, (n - i) as u32) as usize;
        all.swap(i, j);
    }
    all.truncate(k);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_stream_give_a_sequence_that_never_changes() {
        let words = |seed, stream| {
            let mut rng = rng(seed, stream);
            [rng.next_u32(), rng.next_u32()]
        };
        assert_eq!(words(7, 1), words(7, 1));
        assert_ne!(words(7, 1), words(7, 2));
        assert_ne!(words(7, 1), words(8, 1));
        // The first words of ChaCha8 with key 7 and nonce 1, computed apart from this crate.
        assert_eq!(words(7, 1), [679_367_822, 4_013_071_513]);
    }

    #[test]
    fn numbers_below_n_are_equally_likely() {
        let mut rng = rng(1, 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[below(&mut rng, 7) as usize] += 1;
        }
        for count in counts {
            // 10,000 +- 5 standard deviations of a binomial count.
            assert!((9_535..=10_465).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn below_one_or_none_is_zero() {
        let mut rng = rng(1, 0);
        assert_eq!((below(&mut rng, 1), below(&mut rng, 0)), (0, 0));
    }
}
