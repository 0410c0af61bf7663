//! Exercise 12: a tape, and a value that is used twice.

use crate::array::Array;
use crate::node::Node;

/// grads += the gradient of every node. `nodes[k as usize]` is what node k is made from (by number), `values[[k]]` its value.
/// Before the call, grads holds 1 for the last node and 0 for all others.
pub fn backward(nodes: &[Node], values: &Array<1>, grads: &mut Array<1>) {
    let [count] = values.shape();
    for k in (0..count).rev() {
        let dv = grads[[k]];
        match nodes[k as usize] {
            Node::Input => {}
            Node::Add(a, b) => {
                grads[[a]] += dv;
                grads[[b]] += dv;
            }
            Node::Sub(a, b) => {
                grads[[a]] += dv;
                grads[[b]] -= dv;
            }
            Node::Mul(a, b) => {
                grads[[a]] += values[[b]] * dv;
                grads[[b]] += values[[a]] * dv;
            }
        }
    }
}
