//! Exercise 12: small tapes. What is expected comes from the other direction: how the loss moves when a node does, carried
//! forward along the tape.

use super::{mistake, one_result};
use crate::array::Array;
use crate::check::{Case, Exercise, Mistake};
use crate::node::Node::{self, Add, Input, Mul, Sub};
use crate::{ex12_used_twice, solutions};

/// (nodes, values, grads).
pub type Pass = dyn Fn(&[Node], &Array<1>, &mut Array<1>);

/// From a gentle one to nearly the answer.
pub const HINTS: &[&str] = &[
    "Walk from the last node to the first: for k in (0..count).rev(). Every node's gradient is complete when its turn comes, \
     since whoever uses it stands behind it.",
    "let dv = grads[[k]]; match nodes[k as usize] { Node::Input => {} Node::Add(a, b) => { ... } ... }",
    "Add to the gradients of a and b, never set them: another node may have added before. In a * a, a and b are the same node, \
     and += twice is right.",
    "Node::Add(a, b) => { grads[[a]] += dv; grads[[b]] += dv; }  Node::Sub(a, b) => { grads[[a]] += dv; grads[[b]] -= dv; }  \
     Node::Mul(a, b) => { grads[[a]] += values[[b]] * dv; grads[[b]] += values[[a]] * dv; }",
];

/// The value of every node.
fn values(nodes: &[Node], inputs: &[f64]) -> Array<1> {
    let mut inputs = inputs.iter();
    let mut values: Vec<f64> = Vec::new();
    for node in nodes {
        let v = |k: isize| values[k as usize];
        values.push(match *node {
            Input => *inputs.next().expect("a number for every input"),
            Add(a, b) => v(a) + v(b),
            Sub(a, b) => v(a) - v(b),
            Mul(a, b) => v(a) * v(b),
        });
    }
    Array::new([nodes.len() as isize], values)
}

/// d last / d node k.
fn slope(nodes: &[Node], values: &Array<1>, k: usize) -> f64 {
    let mut slopes = vec![0.0; nodes.len()];
    slopes[k] = 1.0;
    for i in k + 1..nodes.len() {
        let s = |k: isize| slopes[k as usize];
        slopes[i] = match nodes[i] {
            Input => 0.0,
            Add(a, b) => s(a) + s(b),
            Sub(a, b) => s(a) - s(b),
            Mul(a, b) => s(a) * values[[b]] + values[[a]] * s(b),
        };
    }
    slopes[nodes.len() - 1]
}

/// `v0 v1 v2 = v0 * v1`.
fn written(nodes: &[Node]) -> String {
    let part = |(k, node): (usize, &Node)| match node {
        Input => format!("v{k}"),
        Add(a, b) => format!("v{k} = v{a} + v{b}"),
        Sub(a, b) => format!("v{k} = v{a} - v{b}"),
        Mul(a, b) => format!("v{k} = v{a} v{b}"),
    };
    nodes.iter().enumerate().map(part).collect::<Vec<_>>().join(", ")
}

fn case(what: &str, nodes: &[Node], inputs: &[f64]) -> Case<Pass> {
    let (nodes, values) = (nodes.to_vec(), values(nodes, inputs));
    let slopes = (0..nodes.len()).map(|k| slope(&nodes, &values, k)).collect();
    let mut grads = Array::zeros(values.shape());
    grads[[nodes.len() as isize - 1]] = 1.0;
    let expected = Array::new(values.shape(), slopes);
    let (what, given) = (format!("{}; {what}", written(&nodes)), vec![values.named("values[k]")]);
    let run = move |pass: &Pass, grads: &mut Array<1>| pass(&nodes, &values, grads);
    one_result(what, given, ("grads[k]", grads), &expected, run)
}

/// What the inputs of a node are due, (da, db), of its own gradient and the values of both.
type Rule = fn(&Node, f64, f64, f64) -> [f64; 2];

fn right(node: &Node, dv: f64, a: f64, b: f64) -> [f64; 2] {
    match node {
        Input => [0.0; 2],
        Add(..) => [dv, dv],
        Sub(..) => [dv, -dv],
        Mul(..) => [b * dv, a * dv],
    }
}

/// The walk back by `rule`, in which `hand(grads, a, da)` gives node a what it is due.
fn walk(what: &str, rule: Rule, hand: fn(&mut Array<1>, isize, f64)) -> Mistake<Pass> {
    ordered(what, |count| (0..count).rev().collect(), rule, hand)
}

fn ordered(
    what: &str,
    order: fn(isize) -> Vec<isize>,
    rule: Rule,
    hand: fn(&mut Array<1>, isize, f64),
) -> Mistake<Pass> {
    mistake::<Pass>(
        what,
        Box::new(move |nodes, values, grads| {
            for k in order(nodes.len() as isize) {
                let node = &nodes[k as usize];
                if let Add(a, b) | Sub(a, b) | Mul(a, b) = *node {
                    let [da, db] = rule(node, grads[[k]], values[[a]], values[[b]]);
                    hand(grads, a, da);
                    hand(grads, b, db);
                }
            }
        }),
    )
}

fn add(grads: &mut Array<1>, k: isize, gradient: f64) {
    grads[[k]] += gradient;
}

/// The cases and mistakes.
pub fn exercise() -> Exercise<Pass> {
    Exercise {
        cases: vec![
            case("every value is used once", &[Input, Input, Mul(0, 1)], &[3.0, 5.0]),
            case("a difference", &[Input, Input, Sub(0, 1), Input, Mul(2, 3)], &[7.0, 4.0, 2.0]),
            case("v0 is used twice in one node", &[Input, Mul(0, 0)], &[3.0]),
            case("v0 is used by two nodes", &[Input, Input, Mul(0, 1), Add(2, 0)], &[3.0, 5.0]),
            case("v0 less itself: nothing moves", &[Input, Sub(0, 0)], &[3.0]),
            case(
                "v2 is used twice, and hands on only once",
                &[Input, Input, Add(0, 1), Mul(2, 2), Sub(3, 2), Mul(4, 0)],
                &[2.0, -5.0],
            ),
            case(
                "two towers with the same weight v0",
                &[Input, Input, Input, Mul(0, 1), Mul(0, 2), Sub(3, 4), Mul(5, 5)],
                &[2.0, 3.0, 7.0],
            ),
        ],
        mistakes: vec![
            walk(
                "written over what is there: a node that is used twice keeps its last gradient only",
                right,
                |grads, k, g| {
                    grads[[k]] = g;
                },
            ),
            walk("a node's first gradient is kept, and later ones are dropped", right, |grads, k, g| {
                if grads[[k]] == 0.0 {
                    grads[[k]] = g;
                }
            }),
            ordered(
                "the walk goes from the first node to the last",
                |count| (0..count).collect(),
                right,
                add,
            ),
            ordered("the last node hands nothing on", |count| (0..count - 1).rev().collect(), right, add),
            walk(
                "of a product, each factor gets its own value, not the other's",
                |node, dv, a, b| if let Mul(..) = node { [a * dv, b * dv] } else { right(node, dv, a, b) },
                add,
            ),
            walk(
                "of a product, dv is left out",
                |node, dv, a, b| if let Mul(..) = node { [b, a] } else { right(node, dv, a, b) },
                add,
            ),
            walk(
                "of a difference, b gets the sign of a",
                |node, dv, a, b| if let Sub(..) = node { [dv, dv] } else { right(node, dv, a, b) },
                add,
            ),
        ],
        attempt: Box::new(ex12_used_twice::backward),
        solution: Box::new(solutions::ex12_used_twice::backward),
    }
}
