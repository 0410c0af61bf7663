//! Activations: elementwise functions of one input.
//!
//! ```text
//! relu     y = max(x, 0)             dx = dy where x > 0, else 0; at the kink x = 0 it is 0
//! tanh     y = tanh(x)               dx = dy (1 - y^2)
//! sigmoid  y = 1 / (1 + e^-x)        dx = dy y (1 - y)
//! ```
//!
//! The last two follow from the functions' own differential equations: tanh' = 1 - tanh^2, s' = s (1 - s), so
//! the output is all that the backward pass needs.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Map, WherePositive, map, map_add};
use twinglyph_kernels::{math, simd::Simd};

/// y = max(x, 0).
#[derive(Clone, Copy, Debug)]
pub struct Relu;

/// y = tanh(x).
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

/// y = 1 / (1 + e^-x).
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

macro_rules! activation {
    ($op:ident, $name:literal, $gradient:ident, $numbers:ident) => {
        impl<E: Element> Op<E> for $op {
            fn name(&self) -> &'static str {
                $name
            }

            fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
                same_shapes($name, inputs, 1).cloned()
            }

            fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
                map(*self, [inputs[0].values()], output.values_mut());
            }

            fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
                if let Some(dx) = &mut grad_inputs[0] {
                    map_add($gradient, [node.output.values(), grad_output.values()], dx.values_mut());
                }
            }
        }

        impl Samples for $op {
            fn samples<E: Element>() -> Vec<Sample<E>> {
                let mut numbers = Numbers::new(1);
                let sizes: [&[usize]; 4] = [&[1], &[7], &[3, 5], &[2, 3, 4, 5]];
                sizes
                    .map(|shape| {
                        let x = numbers.$numbers(shape);
                        Sample::new(Shape::from(shape).to_string(), $op, vec![x])
                    })
                    .into()
            }

            fn refusals() -> Vec<Refusal> {
                vec![
                    Refusal::new($op, [&[0, 3]], "empty input of shape (0, 3)"),
                    Refusal::new($op, [&[2], &[2]], "2 inputs given, expected 1"),
                ]
            }
        }
    };
}

activation!(Relu, "relu", WherePositive, away_from_zero);
activation!(Tanh, "tanh", TanhGradient, tensor);
activation!(Sigmoid, "sigmoid", SigmoidGradient, tensor);

impl<E: Element> Map<E, 1> for Relu {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x]: [S::V; 1]) -> S::V {
        s.max(s.splat(E::ZERO), x)
    }
}

impl<E: Element> Map<E, 1> for Tanh {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x]: [S::V; 1]) -> S::V {
        math::tanh(s, x)
    }
}

impl<E: Element> Map<E, 1> for Sigmoid {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x]: [S::V; 1]) -> S::V {
        math::sigmoid(s, x)
    }
}

/// dy (1 - y^2).
#[derive(Clone, Copy)]
struct TanhGradient;
impl<E: Element> Map<E, 2> for TanhGradient {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [y, dy]: [S::V; 2]) -> S::V {
        s.mul(dy, s.sub(s.splat(E::ONE), s.mul(y, y)))
    }
}

/// dy y (1 - y).
#[derive(Clone, Copy)]
struct SigmoidGradient;
impl<E: Element> Map<E, 2> for SigmoidGradient {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [y, dy]: [S::V; 2]) -> S::V {
        s.mul(dy, s.mul(y, s.sub(s.splat(E::ONE), y)))
    }
}
