//! Elementwise arithmetic, for a loss of one's own; two inputs have the same shape.
//!
//! ```text
//! add     y = a + b     da = dy          db = dy
//! sub     y = a - b     da = dy          db = -dy
//! mul     y = a b       da = dy b        db = dy a
//! square  y = x^2       dx = 2 x dy
//! sqrt    y = sqrt(x)   dx = dy / (2 y); where x = 0, and below, it is defined as 0 to stay finite
//! ```

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Identity, Map, Product, Scale, map, map_add};
use twinglyph_kernels::simd::Simd;

/// y = a + b.
#[derive(Clone, Copy, Debug)]
pub struct Add;

/// y = a - b.
#[derive(Clone, Copy, Debug)]
pub struct Sub;

/// y = a b.
#[derive(Clone, Copy, Debug)]
pub struct Mul;

/// y = x^2.
#[derive(Clone, Copy, Debug)]
pub struct Square;

/// y = sqrt(x); NaN where x < 0.
#[derive(Clone, Copy, Debug)]
pub struct Sqrt;

macro_rules! elementwise {
    ($op:ident, $name:literal, $inputs:literal, $numbers:ident, $linear:expr, |$node:ident, $dy:ident, $dx:ident| $vjp:block) => {
        impl<E: Element> Op<E> for $op {
            fn name(&self) -> &'static str {
                $name
            }

            fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
                same_shapes($name, inputs, $inputs).cloned()
            }

            fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
                let inputs: [&[E]; $inputs] = std::array::from_fn(|i| inputs[i].values());
                map(*self, inputs, output.values_mut());
            }

            fn vjp(&self, $node: Node<'_, E>, grad_output: &Tensor<E>, $dx: &mut [Option<Tensor<E>>]) {
                let $dy = grad_output.values();
                $vjp
            }
        }

        impl Samples for $op {
            fn samples<E: Element>() -> Vec<Sample<E>> {
                let mut numbers = Numbers::new(2);
                let sizes: [&[usize]; 3] = [&[1], &[3, 5], &[2, 3, 1, 5]];
                sizes
                    .map(|shape| {
                        let inputs = (0..$inputs).map(|_| numbers.$numbers(shape)).collect();
                        Sample::new(Shape::from(shape).to_string(), $op, inputs).linear_in(&$linear)
                    })
                    .into()
            }

            fn refusals() -> Vec<Refusal> {
                vec![
                    Refusal::new($op, [&[2, 0]; $inputs], "empty input of shape (2, 0)"),
                    Refusal::new(
                        $op,
                        [&[2, 3], &[2, 3], &[3, 2]],
                        concat!("3 inputs given, expected ", $inputs),
                    ),
                ]
            }
        }
    };
}

elementwise!(Add, "add", 2, tensor, [0, 1], |_node, dy, dx| {
    for dx in dx.iter_mut().flatten() {
        map_add(Identity, [dy], dx.values_mut());
    }
});
elementwise!(Sub, "sub", 2, tensor, [0, 1], |_node, dy, dx| {
    for (dx, sign) in dx.iter_mut().zip([E::ONE, -E::ONE]) {
        if let Some(dx) = dx {
            map_add(Scale(sign), [dy], dx.values_mut());
        }
    }
});
elementwise!(Mul, "mul", 2, tensor, [0, 1], |node, dy, dx| {
    for (dx, other) in dx.iter_mut().zip([1, 0]) {
        if let Some(dx) = dx {
            map_add(Product, [dy, node.inputs[other].values()], dx.values_mut());
        }
    }
});
elementwise!(Square, "square", 1, tensor, [], |node, dy, dx| {
    if let Some(dx) = &mut dx[0] {
        map_add(SquareGradient, [node.inputs[0].values(), dy], dx.values_mut());
    }
});
elementwise!(Sqrt, "sqrt", 1, positive, [], |node, dy, dx| {
    if let Some(dx) = &mut dx[0] {
        map_add(SqrtGradient, [node.output.values(), dy], dx.values_mut());
    }
});

macro_rules! formula {
    ($op:ident, $n:literal, |$s:ident, $x:pat_param| $formula:expr) => {
        impl<E: Element> Map<E, $n> for $op {
            #[inline(always)]
            fn apply<S: Simd<E>>(self, $s: S, $x: [S::V; $n]) -> S::V {
                $formula
            }
        }
    };
}

formula!(Add, 2, |s, [a, b]| s.add(a, b));
formula!(Sub, 2, |s, [a, b]| s.sub(a, b));
formula!(Mul, 2, |s, [a, b]| s.mul(a, b));
formula!(Square, 1, |s, [x]| s.mul(x, x));
formula!(Sqrt, 1, |s, [x]| s.sqrt(x));

#[derive(Clone, Copy)]
struct SquareGradient;
formula!(SquareGradient, 2, |s, [x, dy]| s.mul(dy, s.add(x, x)));

#[derive(Clone, Copy)]
struct SqrtGradient;
formula!(SqrtGradient, 2, |s, [y, dy]| {
    let zero = s.splat(E::ZERO);
    s.select_gt(y, zero, s.div(dy, s.add(y, y)), zero)
});
