//! Exercise 12: a tape, and a value that is used twice.
//!
//! A computation is a list of nodes, each made from nodes before it; the last is the loss. The gradient of the last is 1. Going
//! back, every node hands its gradient on to those it was made from, times how much it moves with each of them:
//!
//! ```text
//! v = a + b    da += dv         db += dv
//! v = a - b    da += dv         db -= dv
//! v = a b      da += b dv       db += a dv
//! ```
//!
//! A node that is used twice hears twice, and the two are added. It must not hand on anything before it has heard from all.
#![allow(unused_variables, reason = "a gap uses nothing until it is filled in")]

use crate::array::Array;
use crate::node::Node;

/// grads += the gradient of every node. `nodes[k as usize]` is what node k is made from (by number), `values[[k]]` its value.
/// Before the call, grads holds 1 for the last node and 0 for all others.
pub fn backward(nodes: &[Node], values: &Array<1>, grads: &mut Array<1>) {
    let [count] = values.shape();
    todo!("for every node, in which order? match nodes[k as usize]: Input, Add(a, b), Sub(a, b), Mul(a, b)")
}
