//! One convolution, forward and back, with every number on the way: as a drawing for a terminal and as JSON. The numbers
//! are the kernels' and their naive twins' ([`crate`]); here they are given, named and drawn.

mod cell;
mod draw;
mod given;
mod json;
mod zoo;

pub use cell::CellSum;
pub use given::{Given, Matrix, Pair, Rows};
pub use zoo::{Verdict, Zoo, find_wrong};

use crate::{Gradient, Problem, Steps, Wrong, agree};
use twinglyph_kernels::{Geometry, reference};

/// How many numbers an array may have to be drawn: a matrix of more is nothing to read.
pub const DRAWN: usize = 600;

/// How many numbers an array may have to be computed: each cell's difference is two convolutions.
pub const COMPUTED: usize = 4000;

/// A convolution of one image with all its steps.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The numbers that all follows from.
    pub problem: Problem,
    /// What is wrong with the backward pass, if it is to be wrong.
    pub wrong: Option<Wrong>,
    /// The steps, with the wrong gradient if there is one.
    pub steps: Steps,
    /// dx once more, gathered from the dilated upstream gradient; always right.
    pub gathered: Vec<f64>,
    /// dx, dw and db by central differences with a step of 1.
    pub differences: [Vec<f64>; 3],
    rounding: f64,
}

impl Trace {
    /// Goes through all steps.
    ///
    /// # Errors
    /// What is wrong with the sizes, or which array has more than [`COMPUTED`] numbers.
    pub fn new(problem: Problem, wrong: Option<Wrong>) -> Result<Trace, String> {
        expect_at_most(COMPUTED, &problem.geometry)?;
        let steps = Steps::of(&problem, wrong.as_ref())?;
        let mut gathered = vec![0.0; problem.input.len()];
        let (weight, dy) = (&problem.weight, &problem.grad_output);
        reference::conv2d_backward_input_gather(&problem.geometry, weight, dy, &mut gathered);
        let differences = Gradient::ALL
            .map(|of| (0..problem.array(of).len()).map(|k| problem.difference(of, k, 1.0)).collect());
        let rounding = problem.rounding();
        Ok(Trace { problem, wrong, steps, gathered, differences, rounding })
    }

    /// The drawing.
    ///
    /// # Errors
    /// Which array has more than [`DRAWN`] numbers.
    pub fn draw(&self) -> Result<String, String> {
        expect_at_most(DRAWN, &self.problem.geometry)?;
        Ok(draw::page(self))
    }

    /// dx, dw or db as the steps have it.
    pub fn gradient(&self, of: Gradient) -> &[f64] {
        match of {
            Gradient::Input => &self.steps.grad_input,
            Gradient::Weight => &self.steps.grad_weight,
            Gradient::Bias => &self.steps.grad_bias,
        }
    }

    /// The same by differences.
    pub fn difference(&self, of: Gradient) -> &[f64] {
        &self.differences[of as usize]
    }

    fn agree(&self, a: f64, b: f64) -> bool {
        agree(a, b, self.rounding)
    }
}

/// Refuses a convolution of which an array has too many numbers. The columns are nearly always the largest.
fn expect_at_most(most: usize, g: &Geometry) -> Result<(), String> {
    let product = |sizes: &[usize]| sizes.iter().fold(1usize, |a, &b| a.saturating_mul(b));
    let ((h_out, w_out), (h, w)) = (g.output_size(), reference::padded_size(g));
    let (h_back, w_back) = reference::dilated_size(g);
    for (name, sizes) in [
        ("padded input", &[g.channels, h, w][..]),
        ("kernel", &[g.filters, g.channels, g.kernel.0, g.kernel.1]),
        ("output", &[g.filters, h_out, w_out]),
        ("im2col matrix", &[g.channels, g.kernel.0, g.kernel.1, h_out, w_out]),
        ("dilated upstream gradient", &[g.filters, h_back, w_back]),
    ] {
        let count = product(sizes);
        if count > most {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            return Err(format!(
                "the {name} has {} = {count} numbers, expected at most {most}",
                sizes.join(" x ")
            ));
        }
    }
    Ok(())
}

/// The names of the axes of an array of one image and its sizes; the names are those of the formulas.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape<const N: usize> {
    axes: [&'static str; N],
    sizes: [usize; N],
}

impl<const N: usize> Shape<N> {
    /// The index of number `k`.
    fn index(&self, k: usize) -> [usize; N] {
        index_of(k, &self.sizes).try_into().expect("as many indices as axes")
    }
}

/// The index of number `k` of an array of these sizes.
fn index_of(k: usize, sizes: &[usize]) -> Vec<usize> {
    let mut rest = k;
    let mut index: Vec<usize> = sizes
        .iter()
        .rev()
        .map(|size| {
            let i = rest % size;
            rest /= size;
            i
        })
        .collect();
    index.reverse();
    index
}

fn input_shape(g: &Geometry) -> Shape<3> {
    Shape { axes: ["c", "r", "q"], sizes: [g.channels, g.size.0, g.size.1] }
}

fn weight_shape(g: &Geometry) -> Shape<4> {
    Shape { axes: ["o", "c", "u", "v"], sizes: [g.filters, g.channels, g.kernel.0, g.kernel.1] }
}

fn output_shape(g: &Geometry) -> Shape<3> {
    Shape { axes: ["o", "i", "j"], sizes: [g.filters, g.output_size().0, g.output_size().1] }
}

/// As `dx[0,1,2]`.
fn named(name: &str, index: &[usize]) -> String {
    let index: Vec<String> = index.iter().map(usize::to_string).collect();
    format!("{name}[{}]", index.join(","))
}

/// `1 number`, `2 numbers`.
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A number as short as it can be read: whole numbers as they are, others to four digits.
fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    if x.fract() == 0.0 && x.abs() < 1e7 {
        return format!("{x:.0}");
    }
    let size = x.abs().log10().floor() as i32;
    if !(-4..7).contains(&size) {
        return format!("{x:.2e}");
    }
    trimmed(format!("{x:.*}", (3 - size).max(0) as usize))
}

/// A number to four places, however large: what a sum is followed by.
fn long(x: f64) -> String {
    if x.abs() < 1.0 { short(x) } else { trimmed(format!("{x:.4}")) }
}

/// Without zeros at the end that say nothing.
fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (-0.0, "0"),
            (-12.0, "-12"),
            (1.5, "1.5"),
            (0.1 + 0.2, "0.3"),
            (123.456, "123.5"),
            (12_345.678, "12346"),
            (9.999_96, "10"),
            (0.000_123_456, "0.0001235"),
            (-1e-9, "-1.00e-9"),
            (123_456_789.0, "1.23e8"),
        ] {
            assert_eq!(short(x), text);
        }
        assert_eq!((long(-12_345_678.25), long(3.0)), ("-12345678.25".into(), "3".into()));
    }

    #[test]
    fn an_index_is_counted_row_by_row() {
        assert_eq!(index_of(0, &[2, 3, 4]), [0, 0, 0]);
        assert_eq!(index_of(23, &[2, 3, 4]), [1, 2, 3]);
        assert_eq!(index_of(6, &[2, 3, 4]), [0, 1, 2]);
    }
}
