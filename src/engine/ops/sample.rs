//! What an op is tried on: inputs for its gradient check, and shapes that it must refuse.

use crate::tape::Op;
use crate::tensor::{Element, Shape, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An op that brings its own samples.
pub trait Samples {
    /// Inputs at which the op is smooth, from the smallest shapes to odd ones.
    fn samples<E: Element>() -> Vec<Sample<E>>;

    /// Inputs that the op must refuse with a sentence.
    fn refusals() -> Vec<Refusal>;
}

/// One gradient check: an op and where to differentiate it.
pub struct Sample<E: Element> {
    /// What is special about it.
    pub label: String,
    /// The op.
    pub op: Box<dyn Op<E>>,
    /// Its inputs.
    pub inputs: Vec<Tensor<E>>,
    /// The inputs in which the op is affine: there a difference is exact at any step, so a step of 1 is taken
    /// too.
    pub linear: Vec<usize>,
}

impl<E: Element> Sample<E> {
    /// A sample of an op that is affine in none of its inputs.
    pub fn new(label: impl Into<String>, op: impl Op<E> + 'static, inputs: Vec<Tensor<E>>) -> Sample<E> {
        Sample { label: label.into(), op: Box::new(op), inputs, linear: Vec::new() }
    }

    /// Says in which inputs the op is affine, the others held fixed.
    pub fn linear_in(mut self, inputs: &[usize]) -> Sample<E> {
        self.linear = inputs.to_vec();
        self
    }
}

/// Shapes that an op must refuse.
pub struct Refusal {
    /// The op.
    pub op: Box<dyn Op<f64>>,
    /// The inputs' shapes.
    pub shapes: Vec<Shape>,
    /// How the sentence must end.
    pub says: &'static str,
}

impl Refusal {
    /// `op` must refuse `shapes` with a sentence that ends with `says`.
    pub fn new<const N: usize>(
        op: impl Op<f64> + 'static,
        shapes: [&[usize]; N],
        says: &'static str,
    ) -> Refusal {
        Refusal { op: Box::new(op), shapes: shapes.map(Shape::from).to_vec(), says }
    }
}

/// Numbers for samples; one seed, one sequence.
pub(crate) struct Numbers(ChaCha8Rng);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Numbers {
        Numbers(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in -1..1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0.random_range(-1.0..1.0)
    }

    /// Uniform in -1..1.
    pub(crate) fn tensor<E: Element>(&mut self, shape: &[usize]) -> Tensor<E> {
        Tensor::from_fn(shape, |_| E::from_f64(self.next()))
    }

    /// At least 0.1 away from 0, for functions with a kink there.
    pub(crate) fn away_from_zero<E: Element>(&mut self, shape: &[usize]) -> Tensor<E> {
        Tensor::from_fn(shape, |_| {
            let x = self.next();
            E::from_f64(x + 0.1f64.copysign(x))
        })
    }

    /// Uniform in 0.2..1.2.
    pub(crate) fn positive<E: Element>(&mut self, shape: &[usize]) -> Tensor<E> {
        Tensor::from_fn(shape, |_| E::from_f64(0.7 + 0.5 * self.next()))
    }

    /// All different, any two at least 0.05 apart, in random order: no maximum is near a tie.
    pub(crate) fn distinct<E: Element>(&mut self, shape: &[usize]) -> Tensor<E> {
        let len = Shape::from(shape).len();
        let mut values: Vec<f64> = (0..len).map(|i| 0.05 * (i as f64 - len as f64 / 2.0)).collect();
        for i in (1..len).rev() {
            values.swap(i, self.0.random_range(0..=i as u64) as usize);
        }
        Tensor::from_fn(shape, |i| E::from_f64(values[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sample's numbers promise is what keeps differences away from kinks.
    #[test]
    fn numbers_keep_their_distances() {
        let mut numbers = Numbers::new(1);
        let within = |tensor: Tensor<f64>, test: &dyn Fn(f64) -> bool| {
            let all = tensor.values();
            assert!(all.iter().all(|&x| test(x)), "{all:?}");
            // They are not all on one side of their middle.
            let middle = all.iter().sum::<f64>() / all.len() as f64;
            assert!(
                all.iter().any(|&x| x > middle + 0.2) && all.iter().any(|&x| x < middle - 0.2),
                "{all:?}"
            );
        };
        within(numbers.tensor(&[20, 10]), &|x| x.abs() <= 1.0);
        within(numbers.away_from_zero(&[20, 10]), &|x| (0.1..=1.1).contains(&x.abs()));
        within(numbers.positive(&[20, 10]), &|x| (0.2..=1.2).contains(&x));
        let mut distinct: Vec<f64> = numbers.distinct::<f64>(&[3, 7]).values().to_vec();
        distinct.sort_by(f64::total_cmp);
        assert!(distinct.windows(2).all(|pair| pair[1] - pair[0] >= 0.0499), "{distinct:?}");
        assert!(distinct[0] < -0.45 && distinct[20] > 0.45, "{distinct:?}");
    }
}
