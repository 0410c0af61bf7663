//! Exercise 9: the backward pass of ReLU.
//!
//! ```text
//! forward    y[k] = max(x[k], 0)
//! ```
//!
//! Where x is above 0, y moves as x does; where x is below, y does not move at all. At 0 there is a kink, and no derivative;
//! like the engine, take 0 there.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dx += the gradient of x. All three have the same shape.
pub fn relu_backward(x: &Array<2>, dy: &Array<2>, dx: &mut Array<2>) {
    let [rows, columns] = x.shape();
    todo!("for every number of x: does its dy pass?")
}
