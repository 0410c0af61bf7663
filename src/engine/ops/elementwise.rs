//! Elementwise arithmetic, for a loss of one's own; two inputs have the same shape.
//!
//! ```text
//! add        y = a + b         da = dy          db = dy
//! sub        y = a - b         da = dy          db = -dy
//! mul        y = a b           da = dy b        db = dy a
//! div        y = a / b         da = dy / b      db = -dy y / b
//! neg        y = -x            dx = -dy
//! square     y = x^2           dx = 2 x dy
//! sqrt       y = sqrt(x)       dx = dy / (2 y); where x = 0, and below, it is defined as 0 to stay finite
//! abs        y = |x|           dx = dy where x > 0, -dy where x < 0; at the kink x = 0 it is 0
//! exp        y = e^x           dx = dy y
//! log        y = ln(x)         dx = dy / x
//! clamp_min  y = max(x, min)   dx = dy where x > min, else 0; at the kink x = min it is 0
//! clamp_max  y = min(x, max)   dx = dy where x < max, else 0; at the kink x = max it is 0
//! ```
//!
//! A NaN in x is one in y, clamped or not. The db of div is that of a b^-1, -a / b^2, of which a / b is at hand.

use super::sample::{Numbers, Refusal, Sample, Samples};
use super::shapes::same_shapes;
use crate::Result;
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use twinglyph_kernels::map::{Identity, Map, Product, Scale, map, map_add, map_each};
use twinglyph_kernels::simd::Simd;

/// y = a + b; both of one shape, which is y's. [`BroadcastAdd`](super::BroadcastAdd) stretches.
#[derive(Clone, Copy, Debug)]
pub struct Add;

/// y = a - b; both of one shape, which is y's.
#[derive(Clone, Copy, Debug)]
pub struct Sub;

/// y = a b; both of one shape, which is y's. [`BroadcastMul`](super::BroadcastMul) stretches.
#[derive(Clone, Copy, Debug)]
pub struct Mul;

/// y = a / b, both of one shape, which is y's: infinite where b = 0, and NaN where a is 0 too. The gradients are not finite there either.
#[derive(Clone, Copy, Debug)]
pub struct Div;

/// y = -x.
#[derive(Clone, Copy, Debug)]
pub struct Neg;

/// y = x^2.
#[derive(Clone, Copy, Debug)]
pub struct Square;

/// y = sqrt(x); NaN where x < 0.
#[derive(Clone, Copy, Debug)]
pub struct Sqrt;

/// y = |x|.
#[derive(Clone, Copy, Debug)]
pub struct Abs;

/// y = e^x; infinity where that is too large, from x = 88.8 on in f32 and 709.8 in f64. Of rows,
/// [`LogSumExp`](super::LogSumExp) and [`Softmax`](super::Softmax) take exponentials that never are.
#[derive(Clone, Copy, Debug)]
pub struct Exp;

/// y = ln(x), the natural logarithm: -infinity where x = 0 and NaN below. The gradient is dy / x there too, infinite at 0 but
/// finite below: it is the value that tells that x was negative.
#[derive(Clone, Copy, Debug)]
pub struct Log;

/// y = max(x, min).
#[derive(Clone, Copy, Debug)]
pub struct ClampMin {
    /// The least y.
    pub min: f64,
}

/// y = min(x, max).
#[derive(Clone, Copy, Debug)]
pub struct ClampMax {
    /// The largest y.
    pub max: f64,
}

/// dx += f(of), where it is wanted.
fn add<E: Element, const N: usize>(dx: &mut Option<Tensor<E>>, f: impl Map<E, N>, of: [&[E]; N]) {
    if let Some(dx) = dx {
        map_add(f, of, dx.values_mut());
    }
}

/// An op, its name, how many inputs it has, the numbers that they are tried at, those in which it is affine, its forward
/// pass, of (op, inputs, output), and its vjp, of (op, inputs, output, dy, gradients).
macro_rules! elementwise {
    ($op:ident $({ $field:ident: $value:expr })?, $name:literal, $inputs:literal, $numbers:ident, $linear:expr,
     $forward:expr, |$this:pat_param, $x:pat_param, $y:pat_param, $dy:pat_param, $dx:pat_param| $vjp:expr) => {
        impl<E: Element> Op<E> for $op {
            fn name(&self) -> &'static str {
                $name
            }

            fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
                same_shapes($name, inputs, $inputs).cloned()
            }

            fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, _: &mut Saved<E>) {
                let inputs: [&[E]; $inputs] = std::array::from_fn(|i| inputs[i].values());
                $forward(*self, inputs, output.values_mut());
            }

            fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
                let $this = *self;
                let $x: [&[E]; $inputs] = std::array::from_fn(|i| node.inputs[i].values());
                let ($y, $dy) = (node.output.values(), grad_output.values());
                let $dx: &mut [Option<Tensor<E>>; $inputs] = grad_inputs.try_into().expect("one of each input");
                $vjp
            }
        }

        impl Samples for $op {
            fn samples<E: Element>() -> Vec<Sample<E>> {
                let mut numbers = Numbers::new(2);
                let sizes: [&[usize]; 3] = [&[1], &[3, 5], &[2, 3, 1, 5]];
                sizes
                    .map(|shape| {
                        let op = $op $({ $field: $value })?;
                        let inputs = (0..$inputs).map(|_| numbers.$numbers(shape)).collect();
                        Sample::new(Shape::from(shape).to_string(), op, inputs).linear_in(&$linear)
                    })
                    .into()
            }

            fn refusals() -> Vec<Refusal> {
                let op = $op $({ $field: $value })?;
                vec![
                    Refusal::new(op, [&[2, 0]; $inputs], "empty input of shape (2, 0)"),
                    Refusal::new(
                        op,
                        [&[2, 3], &[2, 3], &[3, 2]],
                        concat!("3 inputs given, expected ", $inputs),
                    ),
                ]
            }
        }
    };
}

elementwise!(Add, "add", 2, tensor, [0, 1], map, |_, _, _, dy, [da, db]| {
    add(da, Identity, [dy]);
    add(db, Identity, [dy]);
});
elementwise!(Sub, "sub", 2, tensor, [0, 1], map, |_, _, _, dy, [da, db]| {
    add(da, Scale(E::ONE), [dy]);
    add(db, Scale(-E::ONE), [dy]);
});
elementwise!(Mul, "mul", 2, tensor, [0, 1], map, |_, [a, b], _, dy, [da, db]| {
    add(da, Product, [dy, b]);
    add(db, Product, [dy, a]);
});
elementwise!(Div, "div", 2, away_from_zero, [0], map, |_, [_, b], y, dy, [da, db]| {
    add(da, Div, [dy, b]);
    add(db, DivGradient, [y, b, dy]);
});
elementwise!(Neg, "neg", 1, tensor, [0], |_, x, y| map(Scale(-E::ONE), x, y), |_, _, _, dy, [dx]| {
    add(dx, Scale(-E::ONE), [dy]);
});
elementwise!(Square, "square", 1, tensor, [], map, |_, [x], _, dy, [dx]| add(dx, SquareGradient, [x, dy]));
elementwise!(Sqrt, "sqrt", 1, positive, [], map, |_, _, y, dy, [dx]| add(dx, SqrtGradient, [y, dy]));
elementwise!(Abs, "abs", 1, away_from_zero, [], map, |_, [x], _, dy, [dx]| add(dx, AbsGradient, [x, dy]));
elementwise!(
    Exp,
    "exp",
    1,
    tensor,
    [],
    |_, [x]: [&[E]; 1], y| map_each(E::exp, x, y),
    |_, _, y, dy, [dx]| {
        add(dx, Product, [dy, y]);
    }
);
elementwise!(
    Log,
    "log",
    1,
    positive,
    [],
    |_, [x]: [&[E]; 1], y| map_each(E::ln, x, y),
    |_, [x], _, dy, [dx]| {
        add(dx, Div, [dy, x]);
    }
);
// The samples are 0.1 or more from 0 on either side, and so not near these bounds.
elementwise!(ClampMin { min: 0.05 }, "clamp_min", 1, away_from_zero, [], map, |op, [x], _, dy, [dx]| {
    add(dx, Beyond { bound: E::from_f64(op.min), sign: E::ONE }, [x, dy]);
});
elementwise!(ClampMax { max: -0.05 }, "clamp_max", 1, away_from_zero, [], map, |op, [x], _, dy, [dx]| {
    add(dx, Beyond { bound: E::from_f64(op.max), sign: -E::ONE }, [x, dy]);
});

macro_rules! formula {
    ($op:ty, $n:literal, |$this:pat_param, $s:ident, $x:pat_param| $formula:expr) => {
        impl<E: Element> Map<E, $n> for $op {
            #[inline(always)]
            fn apply<S: Simd<E>>(self, $s: S, $x: [S::V; $n]) -> S::V {
                let $this = self;
                $formula
            }
        }
    };
}

formula!(Add, 2, |_, s, [a, b]| s.add(a, b));
formula!(Sub, 2, |_, s, [a, b]| s.sub(a, b));
formula!(Mul, 2, |_, s, [a, b]| s.mul(a, b));
formula!(Div, 2, |_, s, [a, b]| s.div(a, b));
formula!(Square, 1, |_, s, [x]| s.mul(x, x));
formula!(Sqrt, 1, |_, s, [x]| s.sqrt(x));
formula!(Abs, 1, |_, s, [x]| s.max(s.sub(s.splat(E::ZERO), x), x));
// In this order a NaN is not taken for the bound.
formula!(ClampMin, 1, |op, s, [x]| s.max(s.splat(E::from_f64(op.min)), x));
formula!(ClampMax, 1, |op, s, [x]| {
    let max = s.splat(E::from_f64(op.max));
    s.select_gt(x, max, max, x)
});

#[derive(Clone, Copy)]
struct DivGradient;
formula!(DivGradient, 3, |_, s, [y, b, dy]| s.div(s.mul(s.sub(s.splat(E::ZERO), dy), y), b));

#[derive(Clone, Copy)]
struct SquareGradient;
formula!(SquareGradient, 2, |_, s, [x, dy]| s.mul(dy, s.add(x, x)));

#[derive(Clone, Copy)]
struct SqrtGradient;
formula!(SqrtGradient, 2, |_, s, [y, dy]| {
    let zero = s.splat(E::ZERO);
    s.select_gt(y, zero, s.div(dy, s.add(y, y)), zero)
});

#[derive(Clone, Copy)]
struct AbsGradient;
formula!(AbsGradient, 2, |_, s, [x, dy]| {
    let zero = s.splat(E::ZERO);
    s.select_gt(x, zero, dy, s.select_gt(zero, x, s.sub(zero, dy), zero))
});

/// dy where sign x > sign bound, else 0.
#[derive(Clone, Copy)]
struct Beyond<E> {
    bound: E,
    sign: E,
}
impl<E: Element> Map<E, 2> for Beyond<E> {
    #[inline(always)]
    fn apply<S: Simd<E>>(self, s: S, [x, dy]: [S::V; 2]) -> S::V {
        let bound = s.splat(self.sign * self.bound);
        s.select_gt(s.mul(s.splat(self.sign), x), bound, dy, s.splat(E::ZERO))
    }
}
