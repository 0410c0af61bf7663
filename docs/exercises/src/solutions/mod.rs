//! The reference solutions: the functions of the exercises, filled in.

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
