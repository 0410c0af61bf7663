//! The functions with long loops, compiled in this crate for f32 and for f64. As plain generic functions they would be
//! compiled again, at every instruction set, in each crate, test and bench that calls them.

use crate::conv2d::{Geometry, Gradients, Kept, Made, Stage};
use crate::{Broadcast, Dense, Element, broadcast, conv2d, dense, normalised_dense, rows};

macro_rules! compiled {
    ($($(#[$about:meta])* $name:ident($($argument:ident: $type:ty),* $(,)?) is $way:path;)*) => {
        /// Each function as that of one element.
        pub trait Compiled<E> {
            $($(#[$about])* fn $name($($argument: $type),*);)*
        }

        $($(#[$about])* pub fn $name<E: Element>($($argument: $type),*) {
            <E as Compiled<E>>::$name($($argument),*)
        })*

        compiled!(impl f32 { $($(#[$about])* $name($($argument: $type),*) is $way;)* });
        compiled!(impl f64 { $($(#[$about])* $name($($argument: $type),*) is $way;)* });
    };
    (impl $element:ident { $($(#[$about:meta])* $name:ident($($argument:ident: $type:ty),*) is $way:path;)* }) => {
        const _: () = {
            type E = $element;
            impl Compiled<E> for E {
                $($(#[$about])* fn $name($($argument: $type),*) {
                    $way($($argument),*)
                })*
            }
        };
    };
}

compiled! {
    /// y = conv(x, weight) + bias.
    conv2d_forward(
        g: &Geometry,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        y: &mut [E],
    ) is conv2d::forward::forward;

    /// Adds dx, dw and db for dy = `grad_output`.
    conv2d_backward(
        g: &Geometry,
        x: &[E],
        weight: &[E],
        grad_output: &[E],
        grads: Gradients<'_, E>,
    ) is conv2d::backward::backward;

    /// What every stage makes of x (N, C, H, W); `params` are (weight, bias).
    conv_stack_forward(
        stages: &[Stage],
        x: &[E],
        params: &[[&[E]; 2]],
        made: Vec<Made<'_, E>>,
    ) is conv2d::stack::forward;

    /// Adds dx where it is wanted, and to `grad_params` (weight, bias, weight, bias, ...) those that are.
    conv_stack_backward(
        stages: &[Stage],
        x: &[E],
        params: &[[&[E]; 2]],
        kept: &[Kept<'_, E>],
        grad_output: &[E],
        grad_input: Option<&mut [E]>,
        grad_params: Vec<Option<&mut [E]>>,
    ) is conv2d::stack::backward;

    /// y = x W^T + b.
    dense_forward(
        g: &Dense,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        y: &mut [E],
    ) is dense::forward;

    /// Adds dx.
    dense_backward_input(
        g: &Dense,
        weight: &[E],
        grad_output: &[E],
        grad_input: &mut [E],
    ) is dense::backward_input;

    /// Adds dW.
    dense_backward_weight(
        g: &Dense,
        x: &[E],
        grad_output: &[E],
        grad_weight: &mut [E],
    ) is dense::backward_weight;

    /// y, and the batch's `[mean, var, rstd]` of each feature, var biased.
    #[allow(clippy::too_many_arguments, reason = "two layers' arguments")]
    normalised_dense_forward(
        g: &Dense,
        eps: E,
        x: &[E],
        affine: [&[E]; 2],
        weight: &[E],
        bias: Option<&[E]>,
        statistics: [&mut [E]; 3],
        y: &mut [E],
    ) is normalised_dense::forward;

    /// Writes dgamma and dbeta; adds dx and dW where they are wanted. `statistics` are `[mean, rstd]`, `affine` `[gamma, beta]`.
    #[allow(clippy::too_many_arguments, reason = "two layers' arguments")]
    normalised_dense_backward(
        g: &Dense,
        x: &[E],
        statistics: [&[E]; 2],
        affine: [&[E]; 2],
        weight: &[E],
        grad_output: &[E],
        grad_affine: [&mut [E]; 2],
        grads: [Option<&mut [E]>; 2],
    ) is normalised_dense::backward;

    /// `y[n] = factor Σ_f x[n,f]`; x has as many rows as y has numbers, here and in the two that follow.
    row_sum_forward(
        factor: E,
        x: &[E],
        y: &mut [E],
    ) is rows::sum_forward;

    /// Adds dx.
    row_sum_backward(
        factor: E,
        grad_output: &[E],
        grad_input: &mut [E],
    ) is rows::sum_backward;

    /// `y[n]` is the largest of row n; a NaN counts as larger than any number.
    row_max_forward(
        x: &[E],
        y: &mut [E],
    ) is rows::max_forward;

    /// Adds dx: dy goes to the first of the largest.
    row_max_backward(
        x: &[E],
        grad_output: &[E],
        grad_input: &mut [E],
    ) is rows::max_backward;

    /// `y[n] = ln Σ_f e^x[n,f]`.
    log_sum_exp_forward(
        x: &[E],
        y: &mut [E],
    ) is rows::log_sum_exp_forward;

    /// Adds dx.
    log_sum_exp_backward(
        x: &[E],
        y: &[E],
        grad_output: &[E],
        grad_input: &mut [E],
    ) is rows::log_sum_exp_backward;

    /// y = the softmax of rows of `width`.
    softmax_forward(
        width: usize,
        x: &[E],
        y: &mut [E],
    ) is rows::softmax_forward;

    /// Adds dx.
    softmax_backward(
        width: usize,
        y: &[E],
        grad_output: &[E],
        grad_input: &mut [E],
    ) is rows::softmax_backward;

    /// y = a + b, b stretched to a.
    broadcast_add(
        g: &Broadcast,
        a: &[E],
        b: &[E],
        y: &mut [E],
    ) is broadcast::add;

    /// y = a b, b stretched to a.
    broadcast_mul(
        g: &Broadcast,
        a: &[E],
        b: &[E],
        y: &mut [E],
    ) is broadcast::mul;

    /// Adds dy b, b stretched to dy.
    broadcast_mul_add(
        g: &Broadcast,
        grad_output: &[E],
        b: &[E],
        grad_input: &mut [E],
    ) is broadcast::mul_add;

    /// Adds to each number of b the sum of dy, or of dy a, over the places that it is stretched to.
    broadcast_sum(
        g: &Broadcast,
        grad_output: &[E],
        a: Option<&[E]>,
        grad_b: &mut [E],
    ) is broadcast::sum;
}
