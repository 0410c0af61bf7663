//! What a value on the small tape of exercise 12 is made from.

/// A node, made from nodes before it, which are named by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A number that comes from outside.
    Input,
    /// a + b.
    Add(isize, isize),
    /// a - b.
    Sub(isize, isize),
    /// a b.
    Mul(isize, isize),
}
