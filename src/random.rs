//! The project's one source of chance: ChaCha8, portable and the same on every machine.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng;

/// An independent sequence for each (seed, stream).
pub fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}
