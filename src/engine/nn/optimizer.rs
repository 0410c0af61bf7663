//! Adam over any set of variables, and the average of the values that they pass through.

use crate::tape::{Tape, Var};
use crate::tensor::{Element, Tensor};
use crate::{Error, Result};
use twinglyph_kernels::adam_step;
use twinglyph_kernels::map::{Product, map_sum};

/// Adam's constants; the defaults are those of Keras: 1e-3, 0.9, 0.999, 1e-7, no decay, no clipping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients.
    pub beta_2: f64,
    /// Added to the root of the squares.
    pub eps: f64,
    /// AdamW's decoupled decay (Loshchilov and Hutter 2019) of the weights of convolutions and dense layers: each step
    /// takes learning_rate weight_decay of them away. They are known by their two axes or more: biases and batch-norm's
    /// parameters, with one axis, do not decay.
    pub weight_decay: f64,
    /// The largest norm of the gradient of all parameters together (Pascanu, Mikolov and Bengio 2013); 0: any.
    pub clip_norm: f64,
}

impl Default for AdamSettings {
    fn default() -> AdamSettings {
        AdamSettings {
            learning_rate: 1e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            eps: 1e-7,
            weight_decay: 0.0,
            clip_norm: 0.0,
        }
    }
}

/// Adam (Kingma and Ba 2015): its means of the gradients and of their squares, one of each for a variable.
///
/// ```text
/// m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
/// w <- w - learning_rate c m / (sqrt(v) + eps)        c = sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// ```
#[derive(Clone)]
pub struct Adam<E: Element> {
    settings: AdamSettings,
    steps: i32,
    means: Vec<[Vec<E>; 2]>,
}

impl<E: Element> Adam<E> {
    /// An optimizer that has taken no step.
    pub fn new(settings: AdamSettings) -> Adam<E> {
        Adam { settings, steps: 0, means: Vec::new() }
    }

    /// The steps that were taken, and for each variable the means of its gradient and of their squares; no means before
    /// the first step.
    pub fn state(&self) -> (i32, &[[Vec<E>; 2]]) {
        (self.steps, &self.means)
    }

    /// Goes on from a state.
    pub fn set_state(&mut self, steps: i32, means: Vec<[Vec<E>; 2]>) {
        (self.steps, self.means) = (steps, means);
    }

    /// Changes the step size from the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.settings.learning_rate = learning_rate;
    }

    /// One step of `vars` along the gradients that the last backward pass left. One that has none stays where it is.
    ///
    /// # Errors
    /// When these are not as many and as large as at the step before: an optimizer is of one list of variables.
    pub fn step(&mut self, tape: &mut Tape<E>, vars: &[Var]) -> Result<()> {
        let len = |var: &Var| tape.value(*var).values().len();
        if self.means.is_empty() {
            self.means = vars.iter().map(|var| [vec![E::ZERO; len(var)], vec![E::ZERO; len(var)]]).collect();
        }
        if !vars.iter().map(len).eq(self.means.iter().map(|[m, _]| m.len())) {
            let message =
                format!("a step of {} variables after one of other sizes, expected the same", vars.len());
            return Err(Error::shape("adam", message));
        }
        self.steps += 1;
        let AdamSettings { learning_rate, beta_1, beta_2, eps, weight_decay, clip_norm } = self.settings;
        let correction = (1.0 - beta_2.powi(self.steps)).sqrt() / (1.0 - beta_1.powi(self.steps));
        let mut scale = 1.0;
        if clip_norm > 0.0 {
            let norms = vars.iter().filter_map(|&var| gradient_norm(tape, var));
            scale = (clip_norm / norms.map(|norm| norm * norm).sum::<f64>().sqrt()).min(1.0);
        }
        for (&var, [m, v]) in vars.iter().zip(&mut self.means) {
            let (value, grad) = tape.value_mut_and_grad(var);
            let Some(grad) = grad else { continue };
            // Weights of convolutions and dense layers are tensors of two axes or more.
            let decay = if value.dims().len() > 1 { learning_rate * weight_decay } else { 0.0 };
            let adam = twinglyph_kernels::Adam {
                step_size: E::from_f64(learning_rate * correction),
                beta_1: E::from_f64(beta_1),
                beta_2: E::from_f64(beta_2),
                eps: E::from_f64(eps),
                decay: E::from_f64(decay),
                scale: E::from_f64(scale),
            };
            adam_step(adam, grad.values(), value.values_mut(), m, v);
        }
        Ok(())
    }
}

/// The norm of a variable's gradient, if the last backward pass gave it one.
pub(super) fn gradient_norm<E: Element>(tape: &Tape<E>, var: Var) -> Option<f64> {
    let grad = tape.grad(var).ok()?.values();
    let squares = map_sum(Product, [grad, grad]).to_f64();
    // The sum of what has squares may have none.
    let in_f64 = || grad.iter().map(|g| g.to_f64() * g.to_f64()).sum();
    let squares: f64 = if squares.is_finite() { squares } else { in_f64() };
    Some(squares.sqrt())
}

/// The exponential moving average of variables' values (Polyak and Juditsky 1992, with the bias of the first steps taken
/// away as in Adam):
///
/// ```text
/// a <- a + rate (w - a)        rate = (1 - decay) / (1 - decay^t)
/// ```
///
/// so that the first average is the first value, and early on all values weigh about the same.
#[derive(Clone)]
pub struct Average<E: Element> {
    decay: f64,
    steps: i32,
    values: Vec<Tensor<E>>,
}

impl<E: Element> Average<E> {
    /// An average of nothing yet, of variables whose values are `values` now.
    pub fn new(decay: f64, values: Vec<Tensor<E>>) -> Average<E> {
        Average { decay, steps: 0, values }
    }

    /// An average that took values in `steps` times and came to `values`.
    pub fn with_values(decay: f64, steps: i32, values: Vec<Tensor<E>>) -> Average<E> {
        Average { decay, steps, values }
    }

    /// How often values were taken in.
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// Takes in the values of the same variables as before.
    pub fn update(&mut self, tape: &Tape<E>, vars: impl IntoIterator<Item = Var>) {
        self.steps = self.steps.saturating_add(1);
        let rate = E::from_f64((1.0 - self.decay) / (1.0 - self.decay.powi(self.steps)));
        for (average, var) in self.values.iter_mut().zip(vars) {
            for (average, value) in average.values_mut().iter_mut().zip(tape.value(var).values()) {
                *average += rate * (*value - *average);
            }
        }
    }

    /// The average.
    pub fn values(&self) -> &[Tensor<E>] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Architecture, Layer, Model, Objective};
    use crate::ops::Sum;

    /// A dense layer of two features on one image of 1 x 2; the loss is the sum of its outputs for the pixels (1, 3).
    fn model() -> Model<f64> {
        let encoder = vec![Layer::Flatten {}, Layer::Dense { units: 2 }];
        let architecture = Architecture {
            input: [1, 1, 2],
            encoder,
            head: false,
            views: 1,
            objective: Objective::default(),
        };
        let mut value = 0.0;
        Model::with_values(architecture, |parameter| {
            Ok(Tensor::from_fn(parameter.shape.dims(), |_| {
                value += 1.0;
                value
            }))
        })
        .unwrap()
    }

    /// dL/dweight = (1, 3) for each unit, dL/dbias = 1.
    fn backward(model: &mut Model<f64>) {
        model.forget();
        let vars: Vec<Var> = model.parameters().map(|(_, var)| var).collect();
        let tape = model.tape_mut();
        let x = tape.constant(Tensor::new([1, 2], vec![1.0, 3.0]).unwrap());
        let y = tape.apply(crate::ops::Dense, &[x, vars[0], vars[1]]).unwrap();
        let loss = tape.apply(Sum, &[y]).unwrap();
        tape.backward(loss).unwrap();
    }

    fn step(adam: &mut Adam<f64>, model: &mut Model<f64>) {
        let vars = model.trainable();
        adam.step(model.tape_mut(), &vars).unwrap();
    }

    fn flat(model: &Model<f64>) -> Vec<f64> {
        model.values().into_iter().flat_map(Tensor::into_values).collect()
    }

    #[test]
    fn weight_decay_takes_its_share_of_weights_and_none_of_biases() {
        let run = |weight_decay| {
            let mut model = model();
            let settings = AdamSettings { learning_rate: 0.5, weight_decay, ..Default::default() };
            let mut adam = Adam::new(settings);
            backward(&mut model);
            step(&mut adam, &mut model);
            flat(&model)
        };
        let (plain, decayed) = (run(0.0), run(0.1));
        for (i, first) in [1.0, 2.0, 3.0, 4.0].into_iter().enumerate() {
            assert!((plain[i] - decayed[i] - 0.5 * 0.1 * first).abs() < 1e-12, "{plain:?} {decayed:?}");
        }
        assert_eq!(plain[4..], decayed[4..]);
    }

    #[test]
    fn a_long_gradient_is_shortened_to_the_norm_and_a_short_one_is_left() {
        // Adam's first step does not depend on the gradient's length; the mean of gradients that it keeps does.
        let mean = |clip_norm| {
            let mut model = model();
            let mut adam = Adam::new(AdamSettings { clip_norm, ..Default::default() });
            backward(&mut model);
            step(&mut adam, &mut model);
            adam.means.concat().into_iter().step_by(2).flatten().map(|m| m / 0.1).collect::<Vec<f64>>()
        };
        let whole = mean(0.0);
        let norm = 22.0f64.sqrt();
        for (m, expected) in whole.iter().zip([1.0, 3.0, 1.0, 3.0, 1.0, 1.0]) {
            assert!((m - expected).abs() < 1e-12, "{whole:?}");
        }
        assert_eq!(mean(norm + 0.1), whole);
        for (m, long) in mean(0.5).iter().zip(&whole) {
            assert!((m - long * 0.5 / norm).abs() < 1e-12);
        }
    }

    #[test]
    fn an_optimizer_is_of_one_list_of_variables() {
        let mut model = model();
        let mut adam = Adam::new(AdamSettings::default());
        backward(&mut model);
        step(&mut adam, &mut model);
        let vars = model.trainable();
        let error = adam.step(model.tape_mut(), &vars[..1]).unwrap_err().to_string();
        assert_eq!(error, "adam: a step of 1 variables after one of other sizes, expected the same");
        assert_eq!(adam.state().0, 1);
    }

    #[test]
    fn an_average_starts_at_the_first_value_and_follows() {
        let mut model = model();
        let vars: Vec<Var> = model.parameters().map(|(_, var)| var).collect();
        let mut average = Average::new(0.75, model.values());
        average.update(model.tape(), vars.clone());
        assert_eq!(average.values(), model.values());
        let moved =
            model.values().iter().map(|t| Tensor::from_fn(t.dims(), |i| t.values()[i] + 7.0)).collect();
        model.set_values(moved);
        average.update(model.tape(), vars.clone());
        // Weights 0.75 and 1 over their sum: the mean moves by 7 / 1.75.
        let first = average.values()[0].values()[0];
        assert!((first - 5.0).abs() < 1e-12, "{first}");
    }
}
