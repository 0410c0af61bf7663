//! What the book, its page and `twinglyph trace` show: one convolution with every step on the way there and back
//! ([`Steps`]), the ways in which its backward pass is got wrong ([`Wrong`]), and the checks that notice, or do not
//! ([`Check`]). The results come from the kernels that train; what they do not write down, from their naive twins.
#![forbid(unsafe_code)]

mod check;
mod problem;
mod steps;
#[cfg(feature = "trace")]
pub mod trace;
mod wrong;

pub use check::{Check, Noticed, agree};
pub use problem::{Gradient, Problem};
pub use steps::Steps;
pub use wrong::{Wrong, wrong_backward_passes};
