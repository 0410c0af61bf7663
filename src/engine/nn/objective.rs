//! What is minimised: a loss, and the form in which it wants its glyphs.

use super::custom::{AnyLoss, CustomLoss, Form, Given};
use crate::ops::{
    Add, ContrastiveLoss, MinedTripletLoss, Mining, MultiSimilarityLoss, PairwiseSquaredDistance, Scale,
    SupervisedContrastiveLoss, TripletLoss,
};
use crate::tape::{Tape, Var};
use crate::tensor::Element;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// The losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Of pairs: see [`ContrastiveLoss`].
    Contrastive,
    /// Of triplets: see [`TripletLoss`]; chosen in a batch of labels: see [`MinedTripletLoss`].
    Triplet,
    /// Of a batch of labels: see [`SupervisedContrastiveLoss`].
    SupervisedContrastive,
    /// Of a batch of labels: see [`MultiSimilarityLoss`].
    MultiSimilarity,
    /// A loss of one's own: see [`Loss::custom`]. No recipe can name it.
    #[serde(skip)]
    Custom(AnyLoss),
}

impl Loss {
    /// A loss of one's own.
    pub fn custom(loss: impl CustomLoss) -> Loss {
        Loss::Custom(AnyLoss::new(loss))
    }
}

/// A loss with its constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// What is minimised.
    pub loss: Loss,
    /// The margin of the contrastive and of the triplet loss.
    pub margin: f64,
    /// How triplets are chosen in a batch of labels; `None`: they are drawn at random beforehand.
    pub mining: Option<Mining>,
    /// The supervised contrastive loss's temperature.
    pub temperature: f64,
    /// The weight of the same loss by the finer labels, which is added.
    pub character_weight: f64,
}

impl Default for Objective {
    /// The contrastive loss with a margin of 1.
    fn default() -> Objective {
        Objective {
            loss: Loss::Contrastive,
            margin: 1.0,
            mining: None,
            temperature: 0.1,
            character_weight: 0.0,
        }
    }
}

/// The loss of pairs on the tape, and what it was computed from.
#[derive(Clone, Copy, Debug)]
pub struct PairLoss {
    /// What is minimised.
    pub loss: Var,
    /// (N, 1), through the head if there is one.
    pub distance: Var,
    /// (N, F) of each side.
    pub embeddings: [Var; 2],
}

/// A labelled batch's loss on the tape, and what it was computed from.
#[derive(Clone, Copy, Debug)]
pub struct BatchLoss {
    /// What is minimised.
    pub loss: Var,
    /// (N, F).
    pub embeddings: Var,
    /// Squared distances (N, N) of all embeddings of the batch.
    pub squared_distances: Var,
    /// The mined triplet loss by the coarser labels, if it is that: what it saved tells how many triplets were active.
    pub mined: Option<Var>,
}

impl Objective {
    /// What a step is given.
    pub fn form(&self) -> Form {
        match (&self.loss, self.mining) {
            (Loss::Custom(loss), _) => loss.form(),
            (Loss::Contrastive, _) => Form::Pairs,
            (Loss::Triplet, None) => Form::Triplets,
            _ => Form::Labels,
        }
    }

    /// The loss of distances (N, 1) of pairs with labels `same` (N, 1).
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn of_pairs<E: Element>(&self, tape: &mut Tape<E>, distance: Var, same: Var) -> Result<Var> {
        if let Loss::Custom(loss) = &self.loss {
            return loss.of(tape, Given::Pairs { distance, same });
        }
        tape.apply(ContrastiveLoss { margin: self.margin }, &[distance, same])
    }

    /// The loss of anchors, positives and negatives, (N, F) each.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn of_triplets<E: Element>(&self, tape: &mut Tape<E>, embeddings: [Var; 3]) -> Result<Var> {
        if let Loss::Custom(loss) = &self.loss {
            return loss.of(tape, Given::Triplets(embeddings));
        }
        tape.apply(TripletLoss { margin: self.margin }, &embeddings)
    }

    /// The loss of embeddings (N, F) with N labels, and N finer ones where a weight is given to them. `seed` is for the
    /// random choice of triplets.
    ///
    /// # Errors
    /// When the shapes do not fit, or the loss is not of this form.
    pub fn of_labels<E: Element>(
        &self,
        tape: &mut Tape<E>,
        embeddings: Var,
        [labels, finer]: [&[u32]; 2],
        seed: u64,
    ) -> Result<BatchLoss> {
        let squared_distances = tape.apply(PairwiseSquaredDistance, &[embeddings])?;
        let loss = self.of_distances(tape, embeddings, squared_distances, labels, seed)?;
        let mined = self.mining.map(|_| loss);
        if self.character_weight == 0.0 {
            return Ok(BatchLoss { loss, embeddings, squared_distances, mined });
        }
        let second = self.of_distances(tape, embeddings, squared_distances, finer, seed.wrapping_add(1))?;
        let second = tape.apply(Scale { factor: self.character_weight }, &[second])?;
        Ok(BatchLoss { loss: tape.apply(Add, &[loss, second])?, embeddings, squared_distances, mined })
    }

    fn of_distances<E: Element>(
        &self,
        tape: &mut Tape<E>,
        embeddings: Var,
        squared_distances: Var,
        labels: &[u32],
        seed: u64,
    ) -> Result<Var> {
        if let Loss::Custom(loss) = &self.loss {
            return loss.of(tape, Given::Labels { embeddings, squared_distances, labels, seed });
        }
        let labels = labels.to_vec();
        let Objective { margin, temperature, .. } = *self;
        match (&self.loss, self.mining) {
            (Loss::SupervisedContrastive, _) => {
                tape.apply(SupervisedContrastiveLoss { temperature, labels }, &[squared_distances])
            }
            (Loss::MultiSimilarity, _) => {
                // The paper's constants.
                let op = MultiSimilarityLoss { alpha: 2.0, beta: 50.0, base: 0.5, labels };
                tape.apply(op, &[squared_distances])
            }
            (Loss::Triplet, Some(mining)) => {
                tape.apply(MinedTripletLoss { margin, mining, seed, labels }, &[squared_distances])
            }
            (Loss::Contrastive | Loss::Triplet | Loss::Custom(_), _) => {
                Err(Error::shape("loss", "a batch of labels for a loss of pairs or triplets"))
            }
        }
    }
}
