//! Adam over all parameters of a model.

use super::model::Model;
use crate::tensor::Element;
use twinglyph_kernels::adam_step;

/// Adam's constants; the defaults are those of Keras.
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
}

impl Default for AdamSettings {
    fn default() -> AdamSettings {
        AdamSettings { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, eps: 1e-7 }
    }
}

/// Adam (Kingma and Ba 2015): its means of the gradients and of their squares, one for each parameter.
pub struct Adam<E: Element> {
    settings: AdamSettings,
    steps: i32,
    means: Vec<[Vec<E>; 2]>,
}

impl<E: Element> Adam<E> {
    /// An optimizer that has taken no step.
    pub fn new(model: &Model<E>, settings: AdamSettings) -> Adam<E> {
        let zeros = |len: usize| vec![E::ZERO; len];
        let means = model
            .parameters()
            .map(|(parameter, _)| parameter.shape.len() * usize::from(parameter.source.is_trainable()))
            .map(|len| [zeros(len), zeros(len)])
            .collect();
        Adam { settings, steps: 0, means }
    }

    /// One step along the gradients that the last backward pass left.
    pub fn step(&mut self, model: &mut Model<E>) {
        self.steps += 1;
        let AdamSettings { learning_rate, beta_1, beta_2, eps } = self.settings;
        let correction = (1.0 - beta_2.powi(self.steps)).sqrt() / (1.0 - beta_1.powi(self.steps));
        let adam = twinglyph_kernels::Adam {
            step_size: E::from_f64(learning_rate * correction),
            beta_1: E::from_f64(beta_1),
            beta_2: E::from_f64(beta_2),
            eps: E::from_f64(eps),
        };
        let vars: Vec<_> = model.parameters().map(|(_, var)| var).collect();
        for (var, [m, v]) in vars.into_iter().zip(&mut self.means) {
            if let (value, Some(grad)) = model.tape_mut().value_mut_and_grad(var) {
                adam_step(adam, grad.values(), value.values_mut(), m, v);
            }
        }
    }
}
