//! Layers and losses of one's own: written once, generic over the element, and used wherever the built-in ones are.
//!
//! An op is a function with a backward pass ([`crate::tape::Op`]). A layer made of ops needs none, and neither does a loss:
//! it says what is recorded on the tape, and the tape knows the way back.

use super::mode::Mode;
use super::parameter::Parameter;
use crate::tape::{Tape, Var};
use crate::tensor::{Element, Shape};
use crate::{Error, Result};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A layer of one's own; [`super::Layer::custom`] makes an entry of an encoder's list of it.
pub trait CustomLayer: Debug + Send + Sync + 'static {
    /// What summaries and errors call it.
    fn name(&self) -> &'static str;

    /// Its parameters for inputs of a shape (N, ...), in the order in which `apply` takes them.
    ///
    /// # Errors
    /// When the layer cannot work on such inputs.
    fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>> {
        let _ = input;
        Ok(Vec::new())
    }

    /// The shape of its output for inputs of a shape (N, ...).
    ///
    /// # Errors
    /// When the layer cannot work on such inputs.
    fn output_shape(&self, input: &Shape) -> Result<Shape>;

    /// Records what it computes of `x`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn apply<E: Element>(&self, tape: &mut Tape<E>, x: Var, parameters: &[Var], mode: Mode) -> Result<Var>;
}

/// What a step is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Two towers.
    Pairs,
    /// Three towers.
    Triplets,
    /// One tower; each glyph has a label, and positives and negatives are found among all of them.
    Labels,
}

/// A loss of one's own; [`super::Loss::custom`] makes one of it that a model can be trained by. Of the three functions the
/// one of its form is called.
///
/// ```
/// use twinglyph_engine::gradcheck::Check;
/// use twinglyph_engine::nn::{CustomLoss, Form, Loss, Objective};
/// use twinglyph_engine::{Element, Result, Tape, Tensor, Var, ops};
///
/// /// The mean of (d - (1 - same))^2: pairs of one label at distance 0, others at 1.
/// #[derive(Debug)]
/// struct ToZeroOrOne;
///
/// impl CustomLoss for ToZeroOrOne {
///     fn form(&self) -> Form {
///         Form::Pairs
///     }
///
///     fn of_pairs<E: Element>(&self, tape: &mut Tape<E>, distance: Var, same: Var) -> Result<Var> {
///         let ones = Tensor::from_fn(tape.value(same).dims(), |_| E::ONE);
///         let ones = tape.constant(ones);
///         let wanted = tape.apply(ops::Sub, &[ones, same])?;
///         let off = tape.apply(ops::Sub, &[distance, wanted])?;
///         let squares = tape.apply(ops::Square, &[off])?;
///         tape.apply(ops::Mean, &[squares])
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let objective = Objective { loss: Loss::custom(ToZeroOrOne), ..Objective::default() };
/// let distance = Tensor::new([3, 1], vec![0.2, 0.9, 1.7])?;
/// let same = Tensor::new([3, 1], vec![1.0, 0.0, 0.0])?;
/// // Labels are no numbers to differentiate in.
/// let check = Check::new().only(&[0]);
/// let report = check.run(|tape, x| objective.of_pairs(tape, x[0], x[1]), &[distance, same])?;
/// assert!(report.passed, "{report}");
/// # Ok(())
/// # }
/// ```
pub trait CustomLoss: Debug + Send + Sync + 'static {
    /// What it is given.
    fn form(&self) -> Form;

    /// Of distances (N, 1) of pairs, and whether they are of the same label (N, 1): 1 or 0.
    ///
    /// # Errors
    /// When the shapes do not fit, or it is of another form.
    fn of_pairs<E: Element>(&self, tape: &mut Tape<E>, distance: Var, same: Var) -> Result<Var> {
        let _ = (tape, distance, same);
        Err(other_form(self.form(), "pairs"))
    }

    /// Of the embeddings (N, F) of anchors, positives and negatives.
    ///
    /// # Errors
    /// When the shapes do not fit, or it is of another form.
    fn of_triplets<E: Element>(&self, tape: &mut Tape<E>, embeddings: [Var; 3]) -> Result<Var> {
        let _ = (tape, embeddings);
        Err(other_form(self.form(), "triplets"))
    }

    /// Of embeddings (N, F), the squared distances (N, N) of all of them, and their labels. `seed` is for what it leaves to
    /// chance.
    ///
    /// # Errors
    /// When the shapes do not fit, or it is of another form.
    fn of_labels<E: Element>(
        &self,
        tape: &mut Tape<E>,
        embeddings: Var,
        squared_distances: Var,
        labels: &[u32],
        seed: u64,
    ) -> Result<Var> {
        let _ = (tape, embeddings, squared_distances, labels, seed);
        Err(other_form(self.form(), "labels"))
    }
}

fn other_form(form: Form, given: &str) -> Error {
    Error::shape(
        "loss",
        format!(
            "a batch of {given} for a loss of one's own that is of {form:?} and has no function for them"
        ),
    )
}

/// Any [`CustomLayer`]. Two are equal where they are the same one.
#[derive(Clone, Debug)]
pub struct AnyLayer(Arc<dyn ErasedLayer>);

/// Any [`CustomLoss`]. Two are equal where they are the same one.
#[derive(Clone, Debug)]
pub struct AnyLoss(Arc<dyn ErasedLoss>);

impl AnyLayer {
    pub(super) fn new(layer: impl CustomLayer) -> AnyLayer {
        AnyLayer(Arc::new(layer))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name()
    }

    pub(super) fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>> {
        self.0.parameters(input)
    }

    pub(super) fn output_shape(&self, input: &Shape) -> Result<Shape> {
        self.0.output_shape(input)
    }

    pub(super) fn apply<E: Element>(
        &self,
        tape: &mut Tape<E>,
        x: Var,
        parameters: &[Var],
        mode: Mode,
    ) -> Result<Var> {
        self.0.apply(tape, x, parameters, mode)
    }
}

impl PartialEq for AnyLayer {
    fn eq(&self, other: &AnyLayer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What a loss is taken of.
pub(super) enum Given<'a> {
    Pairs { distance: Var, same: Var },
    Triplets([Var; 3]),
    Labels { embeddings: Var, squared_distances: Var, labels: &'a [u32], seed: u64 },
}

impl AnyLoss {
    pub(super) fn new(loss: impl CustomLoss) -> AnyLoss {
        AnyLoss(Arc::new(loss))
    }

    pub(super) fn form(&self) -> Form {
        self.0.form()
    }

    pub(super) fn of<E: Element>(&self, tape: &mut Tape<E>, given: Given<'_>) -> Result<Var> {
        self.0.of(tape, given)
    }
}

impl PartialEq for AnyLoss {
    fn eq(&self, other: &AnyLoss) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A [`CustomLayer`] behind a pointer, where no function can be generic: the tape comes as anything, and is one of two.
trait ErasedLayer: Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>>;
    fn output_shape(&self, input: &Shape) -> Result<Shape>;
    fn apply(&self, tape: &mut dyn Any, x: Var, parameters: &[Var], mode: Mode) -> Result<Var>;
}

impl<T: CustomLayer> ErasedLayer for T {
    fn name(&self) -> &'static str {
        CustomLayer::name(self)
    }

    fn parameters(&self, input: &Shape) -> Result<Vec<Parameter>> {
        CustomLayer::parameters(self, input)
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        CustomLayer::output_shape(self, input)
    }

    fn apply(&self, tape: &mut dyn Any, x: Var, parameters: &[Var], mode: Mode) -> Result<Var> {
        match either(tape) {
            Either::F32(tape) => CustomLayer::apply(self, tape, x, parameters, mode),
            Either::F64(tape) => CustomLayer::apply(self, tape, x, parameters, mode),
        }
    }
}

trait ErasedLoss: Debug + Send + Sync {
    fn form(&self) -> Form;
    fn of(&self, tape: &mut dyn Any, given: Given<'_>) -> Result<Var>;
}

impl<T: CustomLoss> ErasedLoss for T {
    fn form(&self) -> Form {
        CustomLoss::form(self)
    }

    fn of(&self, tape: &mut dyn Any, given: Given<'_>) -> Result<Var> {
        match either(tape) {
            Either::F32(tape) => call(self, tape, given),
            Either::F64(tape) => call(self, tape, given),
        }
    }
}

fn call<E: Element>(loss: &impl CustomLoss, tape: &mut Tape<E>, given: Given<'_>) -> Result<Var> {
    match given {
        Given::Pairs { distance, same } => loss.of_pairs(tape, distance, same),
        Given::Triplets(embeddings) => loss.of_triplets(tape, embeddings),
        Given::Labels { embeddings, squared_distances, labels, seed } => {
            loss.of_labels(tape, embeddings, squared_distances, labels, seed)
        }
    }
}

enum Either<'a> {
    F32(&'a mut Tape<f32>),
    F64(&'a mut Tape<f64>),
}

fn either(tape: &mut dyn Any) -> Either<'_> {
    if tape.is::<Tape<f32>>() {
        Either::F32(tape.downcast_mut().expect("just seen"))
    } else {
        Either::F64(tape.downcast_mut().expect("elements are f32 and f64"))
    }
}
