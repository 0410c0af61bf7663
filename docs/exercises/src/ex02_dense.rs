//! Exercise 2: the backward pass of a dense layer.
//!
//! ```text
//! forward    y[n,o] = b[o] + sum over f of w[o,f] x[n,f]
//! ```
//!
//! dy is given, the gradient of a loss L with respect to y: when `y[n,o]` grows by a little, L grows by `dy[n,o]` times
//! as much. How much does L grow when `x[n,f]` grows by a little? It is a term of `y[n,o]` for every o, with the factor
//! `w[o,f]`; so it collects `w[o,f] dy[n,o]` from each of them. Find dw and db in the same way: who hears of `w[o,f]`, and
//! by which factor?
//!
//! Add to what the arrays hold (`+=`): a value that is used twice gets gradients from two sides.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;

/// dx, dw and db += their gradients. x and dx are (rows, features), w and dw (outputs, features), dy (rows, outputs).
pub fn dense_backward(
    x: &Array<2>,
    w: &Array<2>,
    dy: &Array<2>,
    dx: &mut Array<2>,
    dw: &mut Array<2>,
    db: &mut Array<1>,
) {
    let [rows, features] = x.shape();
    let [_, outputs] = dy.shape();
    todo!("for every n and o: add to db, and for every f to dx and dw")
}
