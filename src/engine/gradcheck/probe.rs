//! A function on a tape, evaluated beside a point and differentiated at it.

use super::STEPS;
use crate::Result;
use crate::ops;
use crate::tape::{Tape, Var};
use crate::tensor::{Shape, Tensor};
use std::fmt;

/// Which way an input is moved.
pub(super) enum Direction {
    /// One coordinate, by the step.
    Coordinate(usize),
    /// Each coordinate, by the step up or down.
    Signs(Vec<f64>),
    /// Not moved; the input as a whole.
    All,
}

impl Direction {
    /// <gradient, direction>.
    pub(super) fn along(&self, gradient: &[f64]) -> f64 {
        match self {
            Direction::Coordinate(at) => gradient[*at],
            Direction::Signs(signs) => super::dot(gradient, signs),
            Direction::All => unreachable!("no direction"),
        }
    }

    /// The length of the unit step: the longest at which no coordinate moves by more than its own scale, and
    /// all together by no more than a single one would.
    fn unit(&self, x: &[f64]) -> f64 {
        match self {
            Direction::Coordinate(at) => x[*at].abs().max(1.0),
            _ => x.iter().fold(1.0, |most: f64, x| most.max(x.abs())) / (x.len() as f64).sqrt(),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Direction::Signs(_) => f.write_str(" in a direction of random signs"),
            _ => Ok(()),
        }
    }
}

/// The inputs at the start of a tape, and the function that is recorded behind them.
pub(super) struct Probe<'a, F> {
    function: &'a F,
    inputs: &'a [Tensor<f64>],
    wanted: &'a [usize],
    tape: Tape<f64>,
    vars: Vec<Var>,
}

fn put(tape: &mut Tape<f64>, inputs: &[Tensor<f64>], wanted: &[usize]) -> Vec<Var> {
    let put = |(i, x): (usize, &Tensor<f64>)| match wanted.contains(&i) {
        true => tape.parameter(x.clone()),
        false => tape.constant(x.clone()),
    };
    inputs.iter().enumerate().map(put).collect()
}

impl<'a, F: Fn(&mut Tape<f64>, &[Var]) -> Result<Var>> Probe<'a, F> {
    pub(super) fn new(function: &'a F, inputs: &'a [Tensor<f64>], wanted: &'a [usize]) -> Probe<'a, F> {
        let mut tape = Tape::new();
        let vars = put(&mut tape, inputs, wanted);
        Probe { function, inputs, wanted, tape, vars }
    }

    /// Appends f(inputs).
    pub(super) fn record(&mut self) -> Result<Var> {
        (self.function)(&mut self.tape, &self.vars)
    }

    /// Appends f at other inputs; nothing, where f does not take them.
    pub(super) fn record_at(&mut self, inputs: &[Tensor<f64>]) -> Option<Var> {
        let vars = put(&mut self.tape, inputs, self.wanted);
        (self.function)(&mut self.tape, &vars).ok()
    }

    /// A step at other inputs, forward and back, and forgotten again.
    pub(super) fn step_at(&mut self, inputs: &[Tensor<f64>]) -> Result<()> {
        let mark = self.vars.len();
        self.tape.truncate(mark);
        if let Some(y) = self.record_at(inputs) {
            let ones = Tensor::from_fn(self.shape(y), |_| 1.0);
            self.pull_back(y, &ones)?;
        }
        self.tape.truncate(mark);
        Ok(())
    }

    pub(super) fn apply(&mut self, op: ops::Add, inputs: &[Var]) -> Result<Var> {
        self.tape.apply(op, inputs)
    }

    pub(super) fn value(&self, y: Var) -> &Tensor<f64> {
        self.tape.value(y)
    }

    pub(super) fn shape(&self, y: Var) -> Shape {
        self.tape.value(y).shape().clone()
    }

    /// J_i^T v for each input i; zeros where the tape has no gradient.
    pub(super) fn pull_back(&mut self, y: Var, cotangent: &Tensor<f64>) -> Result<Vec<Vec<f64>>> {
        let inputs = self.inputs;
        let zeros = || inputs.iter().map(|input| vec![0.0; input.values().len()]).collect();
        if !self.tape.needs_grad(y)? {
            return Ok(zeros());
        }
        self.tape.backward_from(y, cotangent)?;
        let mut gradients: Vec<Vec<f64>> = zeros();
        for (gradient, x) in gradients.iter_mut().zip(&self.vars) {
            if let Ok(found) = self.tape.grad(*x) {
                gradient.copy_from_slice(found.values());
            }
        }
        Ok(gradients)
    }

    /// J_i d by (4 c(h) - c(2h)) / 3, at the first step where c(h) and c(2h) agree to a tenth of the
    /// tolerance, else at the one where they agree best.
    pub(super) fn derivative(&mut self, i: usize, d: &Direction, tolerance: f64) -> Result<Vec<f64>> {
        let unit = d.unit(self.inputs[i].values());
        let mut best = (f64::INFINITY, Vec::new());
        for step in STEPS {
            let near = self.central(i, d, step * unit)?;
            let far = self.central(i, d, 2.0 * step * unit)?;
            let doubt = near.iter().zip(&far).map(|(a, b)| super::relative_error(*a, *b)).fold(0.0, f64::max);
            if doubt < best.0 || best.1.is_empty() {
                best = (doubt, near.iter().zip(&far).map(|(near, far)| (4.0 * near - far) / 3.0).collect());
            }
            if doubt <= tolerance / 10.0 {
                break;
            }
        }
        Ok(best.1)
    }

    /// c(h), one number for each element of y: what h does not reach then adds no rounding of its own.
    pub(super) fn central(&mut self, i: usize, d: &Direction, h: f64) -> Result<Vec<f64>> {
        let mut up = self.value_at(i, d, h)?;
        let down = self.value_at(i, d, -h)?;
        self.tape.value_mut(self.vars[i]).values_mut().copy_from_slice(self.inputs[i].values());
        for (up, down) in up.iter_mut().zip(down) {
            *up = (*up - down) / (2.0 * h);
        }
        Ok(up)
    }

    /// f(.., x_i + h d, ..); x_i stays there.
    fn value_at(&mut self, i: usize, d: &Direction, h: f64) -> Result<Vec<f64>> {
        self.tape.truncate(self.vars.len());
        let x = self.tape.value_mut(self.vars[i]).values_mut();
        match d {
            Direction::Coordinate(at) => x[*at] = self.inputs[i].values()[*at] + h,
            Direction::Signs(signs) => {
                for ((x, start), sign) in x.iter_mut().zip(self.inputs[i].values()).zip(signs) {
                    *x = start + h * sign;
                }
            }
            Direction::All => unreachable!("no direction"),
        }
        let y = self.record()?;
        Ok(self.tape.value(y).values().to_vec())
    }
}
