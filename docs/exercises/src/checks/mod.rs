//! What each exercise is checked by: its cases, the mistakes that are known, its hints.

mod conv;
pub mod ex01;
pub mod ex02;
pub mod ex03;
pub mod ex04;
pub mod ex05;
pub mod ex06;
pub mod ex07;
pub mod ex08;
pub mod ex09;
pub mod ex10;
pub mod ex11;
pub mod ex12;
pub mod ex13;
pub mod ex14;

use crate::array::Array;
use crate::check::{Case, Judge, Mistake, Named};

/// An exercise in the list of all.
pub struct Entry {
    /// From 1.
    pub number: usize,
    /// The name of its file in `docs/exercises/src/`, without the ending.
    pub name: &'static str,
    /// What is to be written.
    pub title: &'static str,
    /// From a gentle one to nearly the answer.
    pub hints: &'static [&'static str],
    /// The reference solution's text.
    pub solution: &'static str,
    /// Its cases and mistakes.
    pub exercise: fn() -> Box<dyn Judge>,
}

impl Entry {
    /// The file that a learner edits.
    pub fn file(&self) -> String {
        format!("docs/exercises/src/{}.rs", self.name)
    }
}

macro_rules! entry {
    ($number:literal, $check:ident, $name:literal, $title:literal) => {
        Entry {
            number: $number,
            name: $name,
            title: $title,
            hints: $check::HINTS,
            solution: include_str!(concat!("../solutions/", $name, ".rs")),
            exercise: || Box::new($check::exercise()),
        }
    };
}

/// All exercises, in the order of the book.
pub fn all() -> Vec<Entry> {
    vec![
        entry!(1, ex01, "ex01_central_differences", "a gradient by central differences"),
        entry!(2, ex02, "ex02_dense", "dx, dw and db of a dense layer"),
        entry!(3, ex03, "ex03_conv_bias", "db of a convolution"),
        entry!(4, ex04, "ex04_conv_weight", "dw of a convolution"),
        entry!(5, ex05, "ex05_conv_input_scatter", "dx of a convolution, scattered"),
        entry!(6, ex06, "ex06_conv_input_gather", "dx of a convolution, gathered, and where the flip is"),
        entry!(7, ex07, "ex07_im2col", "im2col, the patches of an image as a matrix"),
        entry!(8, ex08, "ex08_col2im", "col2im, the way back"),
        entry!(9, ex09, "ex09_relu", "dx of ReLU"),
        entry!(10, ex10, "ex10_max_pool", "dx of max-pooling"),
        entry!(11, ex11, "ex11_batch_norm", "dx, dgamma and dbeta of batch-norm"),
        entry!(12, ex12, "ex12_used_twice", "a tape, and a value that is used twice"),
        entry!(13, ex13, "ex13_contrastive_loss", "the gradient of the contrastive loss"),
        entry!(14, ex14, "ex14_triplet_loss", "the gradients of the triplet loss"),
    ]
}

/// How far numbers may be off that are integers, or sums of a few fractions.
const ROUNDING: f64 = 1e-9;

fn mistake<F: ?Sized>(what: impl Into<String>, pass: Box<F>) -> Mistake<F> {
    Mistake { what: what.into(), pass }
}

/// What a result holds before the call: zeros, or, where the function has to add to it, 1, 2, 3, ...
fn before<const D: usize>(shape: [isize; D], filled: bool) -> Array<D> {
    let mut array = Array::zeros(shape);
    if filled {
        array.values_mut().iter_mut().enumerate().for_each(|(k, value)| *value = 1.0 + k as f64);
    }
    array
}

/// `before + gradient`.
fn sum<const D: usize>(before: &Array<D>, gradient: &[f64]) -> Array<D> {
    let mut sum = before.clone();
    sum.values_mut().iter_mut().zip(gradient).for_each(|(sum, term)| *sum += term);
    sum
}

/// Appends what the case has in store for a function that adds to its results.
fn describe(what: impl Into<String>, filled: bool) -> String {
    let what = what.into();
    if filled { format!("{what}; the results hold something already") } else { what }
}

/// Numbers in -1..1 without any pattern, no two of them equal, different for each `seed`.
fn numbers<const D: usize>(seed: usize, shape: [isize; D]) -> Array<D> {
    let mut array = Array::zeros(shape);
    let draw = |i: usize| ((i + 1) as f64 * 12.9898 + seed as f64 * 78.233).sin();
    array.values_mut().iter_mut().enumerate().for_each(|(i, value)| *value = draw(i));
    array
}

/// A case of one result.
fn one_result<F: ?Sized, const D: usize>(
    what: String,
    given: Vec<Named>,
    (name, before): (&'static str, Array<D>),
    expected: &Array<D>,
    run: impl Fn(&F, &mut Array<D>) + 'static,
) -> Case<F> {
    Case {
        what,
        given,
        before: vec![before.named(name)],
        expected: vec![expected.named(name)],
        tolerance: ROUNDING,
        run: Box::new(move |pass| {
            let mut result = before.clone();
            run(pass, &mut result);
            vec![result.named(name)]
        }),
    }
}
