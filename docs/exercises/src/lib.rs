//! Backward passes with gaps to fill. A learner edits `exNN_*.rs`; a check runs what is there through a row of cases, from
//! one to be followed by hand to one that leaves no mistake a place to hide, and says what is wrong in the numbers.
//!
//! | module | what it is |
//! |---|---|
//! | `exNN_*` | the gaps: the task, the formulas, a function that ends in `todo!()` |
//! | [`solutions`] | the same functions, filled in |
//! | [`checks`] | the cases of each exercise, its known mistakes, its hints |
//! | [`check`], [`attempt`] | runs a function through the cases, and compares its numbers with those of the mistakes |
//! | `report` | what is printed of it |
//! | [`mod@array`] | numbers with indices: `x[[n, c, r, q]]` |

pub mod array;
pub mod attempt;
pub mod check;
pub mod checks;
pub mod ex01_central_differences;
pub mod ex02_dense;
pub mod ex03_conv_bias;
pub mod ex04_conv_weight;
pub mod ex05_conv_input_scatter;
pub mod ex06_conv_input_gather;
pub mod ex07_im2col;
pub mod ex08_col2im;
pub mod ex09_relu;
pub mod ex10_max_pool;
pub mod ex11_batch_norm;
pub mod ex12_used_twice;
pub mod ex13_contrastive_loss;
pub mod ex14_triplet_loss;
pub mod node;
mod report;
pub mod solutions;
