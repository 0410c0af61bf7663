//! All functions of this crate that a tape calls, compiled here for f32 and for f64. As plain generic functions they would be
//! compiled again, at every instruction set, in each crate, test and bench that calls them.

use crate::conv2d::{Geometry, Gradients, Kept, Made, Stage};
use crate::rearrange::Columns;
use crate::{
    Adam, BatchNorm, Broadcast, Dense, Dropout, Element, Pool2d, adam, batch_norm, broadcast, conv2d, dense,
    dropout, normalised_dense, pairwise, pool2d, rearrange, rows,
};

macro_rules! compiled {
    ($($(#[$about:meta])* $name:ident($($argument:ident: $type:ty),* $(,)?) is $way:path;)*) => {
        mod each {
            use super::*;
            /// Each function as that of one element.
            pub trait Compiled<E> {
                $($(#[$about])* fn $name($($argument: $type),*);)*
            }
        }
        pub(crate) use each::Compiled;

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
    /// out = 0.
    fill_zero(out: &mut [E]) is crate::map::zeros;

    /// y = conv(x, weight) + bias.
    conv2d_forward(g: &Geometry, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) is conv2d::forward::forward;

    /// Adds dx, dw and db for dy = `grad_output`, those that are wanted; x may be empty where dw is not.
    conv2d_backward(
        g: &Geometry, x: &[E], weight: &[E], grad_output: &[E], grads: Gradients<'_, E>,
    ) is conv2d::backward::backward;

    /// What every stage makes of x (N, C, H, W); `params` are (weight, bias).
    conv_stack_forward(
        stages: &[Stage], x: &[E], params: &[[&[E]; 2]], made: Vec<Made<'_, E>>,
    ) is conv2d::stack::forward;

    /// Adds dx where it is wanted, and to `grad_params` (weight, bias, weight, bias, ...) those that are.
    conv_stack_backward(
        stages: &[Stage], x: &[E], params: &[[&[E]; 2]], kept: &[Kept<'_, E>], grad_output: &[E],
        grad_input: Option<&mut [E]>, grad_params: Vec<Option<&mut [E]>>,
    ) is conv2d::stack::backward;

    /// y = x W^T + b.
    dense_forward(g: &Dense, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) is dense::forward;

    /// Adds dx.
    dense_backward_input(g: &Dense, weight: &[E], grad_output: &[E], grad_input: &mut [E]) is dense::backward_input;

    /// Adds dW.
    dense_backward_weight(g: &Dense, x: &[E], grad_output: &[E], grad_weight: &mut [E]) is dense::backward_weight;

    /// y, and the batch's `[mean, var, rstd]` of each feature, var biased.
    #[allow(clippy::too_many_arguments, reason = "two layers' arguments")]
    normalised_dense_forward(
        g: &Dense, eps: E, x: &[E], affine: [&[E]; 2], weight: &[E], bias: Option<&[E]>,
        statistics: [&mut [E]; 3], y: &mut [E],
    ) is normalised_dense::forward;

    /// Writes dgamma and dbeta; adds dx and dW where they are wanted. `statistics` are `[mean, rstd]`, `affine` `[gamma, beta]`.
    #[allow(clippy::too_many_arguments, reason = "two layers' arguments")]
    normalised_dense_backward(
        g: &Dense, x: &[E], statistics: [&[E]; 2], affine: [&[E]; 2], weight: &[E], grad_output: &[E],
        grad_affine: [&mut [E]; 2], grads: [Option<&mut [E]>; 2],
    ) is normalised_dense::backward;

    /// `y[n] = factor Σ_f x[n,f]`; x has as many rows as y has numbers, here and in the two that follow.
    row_sum_forward(factor: E, x: &[E], y: &mut [E]) is rows::sum_forward;

    /// Adds dx.
    row_sum_backward(factor: E, grad_output: &[E], grad_input: &mut [E]) is rows::sum_backward;

    /// `y[n]` is the largest of row n; a NaN counts as larger than any number.
    row_max_forward(x: &[E], y: &mut [E]) is rows::max_forward;

    /// Adds dx: dy goes to the first of the largest.
    row_max_backward(x: &[E], grad_output: &[E], grad_input: &mut [E]) is rows::max_backward;

    /// `y[n] = ln Σ_f e^x[n,f]`.
    log_sum_exp_forward(x: &[E], y: &mut [E]) is rows::log_sum_exp_forward;

    /// Adds dx.
    log_sum_exp_backward(x: &[E], y: &[E], grad_output: &[E], grad_input: &mut [E]) is rows::log_sum_exp_backward;

    /// y = the softmax of rows of `width`.
    softmax_forward(width: usize, x: &[E], y: &mut [E]) is rows::softmax_forward;

    /// Adds dx.
    softmax_backward(width: usize, y: &[E], grad_output: &[E], grad_input: &mut [E]) is rows::softmax_backward;

    /// y = a + b, b stretched to a.
    broadcast_add(g: &Broadcast, a: &[E], b: &[E], y: &mut [E]) is broadcast::add;

    /// y = a b, b stretched to a.
    broadcast_mul(g: &Broadcast, a: &[E], b: &[E], y: &mut [E]) is broadcast::mul;

    /// Adds dy b, b stretched to dy.
    broadcast_mul_add(g: &Broadcast, grad_output: &[E], b: &[E], grad_input: &mut [E]) is broadcast::mul_add;

    /// Adds to each number of b the sum of dy, or of dy a, over the places that it is stretched to.
    broadcast_sum(g: &Broadcast, grad_output: &[E], a: Option<&[E]>, grad_b: &mut [E]) is broadcast::sum;

    /// mean and biased var of each channel.
    batch_norm_statistics(g: &BatchNorm, x: &[E], mean: &mut [E], var: &mut [E]) is batch_norm::statistics;

    /// y = gamma (x - mean) rstd + beta.
    batch_norm_apply(
        g: &BatchNorm, x: &[E], statistics: [&[E]; 2], affine: [&[E]; 2], y: &mut [E],
    ) is batch_norm::apply;

    /// dgamma = Σ dy xhat and dbeta = Σ dy, written, not added. `statistics` are `[mean, rstd]`, here and where dx is added.
    batch_norm_channel_sums(
        g: &BatchNorm, x: &[E], statistics: [&[E]; 2], grad_output: &[E], grad_gamma: &mut [E],
        grad_beta: &mut [E],
    ) is batch_norm::grad_sums;

    /// Adds dx. `sums` are dgamma and dbeta where the statistics are the batch's own, else `None`.
    batch_norm_backward(
        g: &BatchNorm, x: &[E], statistics: [&[E]; 2], gamma: &[E], sums: Option<[&[E]; 2]>, grad_output: &[E],
        grad_input: &mut [E],
    ) is batch_norm::backward;

    /// y = the largest of each window, argmax = where in its plane it stands. The first of equals wins; a NaN
    /// is larger than any number.
    max_pool2d_forward(g: &Pool2d, x: &[E], y: &mut [E], argmax: &mut [u32]) is pool2d::max_forward;

    /// `dx[argmax] += dy`.
    max_pool2d_backward(g: &Pool2d, argmax: &[u32], grad_output: &[E], grad_input: &mut [E]) is pool2d::max_backward;

    /// y = the mean of each window.
    avg_pool2d_forward(g: &Pool2d, x: &[E], y: &mut [E]) is pool2d::avg_forward;

    /// dx += dy / (K_h K_w) over each window.
    avg_pool2d_backward(g: &Pool2d, grad_output: &[E], grad_input: &mut [E]) is pool2d::avg_backward;

    /// One step for the weights w with gradients g; m and v are updated too.
    adam_step(adam: Adam<E>, g: &[E], w: &mut [E], m: &mut [E], v: &mut [E]) is adam::step;

    /// y = keep x / (1 - rate).
    dropout_forward(g: &Dropout, x: &[E], y: &mut [E]) is dropout::forward;

    /// dx += keep dy / (1 - rate).
    dropout_backward(g: &Dropout, grad_output: &[E], grad_input: &mut [E]) is dropout::backward;

    /// Writes y (N, N); x has rows of `width`.
    pairwise_squared_distance_forward(width: usize, x: &[E], y: &mut [E]) is pairwise::forward;

    /// Adds dx.
    pairwise_squared_distance_backward(
        width: usize, x: &[E], grad_output: &[E], grad_input: &mut [E],
    ) is pairwise::backward;

    /// Copies `count` columns from one matrix to another with as many rows, or adds them to what is there.
    copy_columns(from: Columns<&[E]>, to: Columns<&mut [E]>, count: usize, add: bool) is rearrange::copy_columns;

    /// Writes, or adds, the transpose of x, which has rows of `width`.
    transpose(width: usize, x: &[E], y: &mut [E], add: bool) is rearrange::transpose;

    /// `y[i] = x[rows[i]]`, of rows of `width`.
    gather_rows(width: usize, rows: &[usize], x: &[E], y: &mut [E]) is rearrange::gather_rows;

    /// Adds `dy[i]` to `dx[rows[i]]`, in the order of i: a row may be meant more than once.
    gather_rows_backward(
        width: usize, rows: &[usize], grad_output: &[E], grad_input: &mut [E],
    ) is rearrange::gather_rows_backward;
}
