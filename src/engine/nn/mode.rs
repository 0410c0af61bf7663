//! What a layer is applied for.

/// Whether batch-norm uses the batch's statistics or the running ones, and dropout drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own statistics; the running ones are updated.
    Train {
        /// Of what is left to chance in this step: dropout, the choice of triplets. Another one for each step, its number for
        /// example: with the same one dropout would drop the same features each time.
        seed: u64,
    },
    /// The running statistics.
    Eval,
}

impl Mode {
    /// What chance goes by; 0 where none is left to it.
    pub fn seed(self) -> u64 {
        match self {
            Mode::Train { seed } => seed,
            Mode::Eval => 0,
        }
    }

    /// The same with a seed of its own for a part of the model.
    pub(super) fn part(self, i: usize) -> Mode {
        match self {
            Mode::Train { seed } => Mode::Train { seed: seed.wrapping_add(i as u64) },
            Mode::Eval => Mode::Eval,
        }
    }
}
