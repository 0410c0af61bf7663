use super::{Gradient, Problem, Wrong};
use twinglyph_kernels::Geometry;

/// A way to test a backward pass: five that are often seen, and the book's.
///
/// Each compares with central differences, L(v + 1) - L(v - 1) over 2. A convolution is linear in each of x, w and b, so
/// no step is too long, and with small integers every number here is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The gradient has the shape of its array, and no number in it is infinite or NaN.
    Shape,
    /// The mean of the gradient is right.
    Mean,
    /// Every cell, for the loss `sum(y)`: an upstream gradient of ones.
    Ones,
    /// Every cell, with a kernel of equal weights.
    EqualWeights,
    /// Every cell, for one image of one channel, one filter, stride 1, no padding.
    Plain,
    /// Every cell, at the given sizes, in a buffer of zeros.
    EveryCell,
    /// The book's: every cell, an upstream gradient and weights that are all different, sizes of which no two are
    /// alike and which leave rows over, added to a buffer that holds something.
    Book,
}

/// What a check noticed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noticed {
    /// The gradient that is wrong.
    pub gradient: Gradient,
    /// Which number of it; `None` where the check looks at their mean.
    pub cell: Option<usize>,
    /// What the differences say.
    pub expected: f64,
    /// What the backward pass said.
    pub got: f64,
}

impl Check {
    /// All, the weakest first.
    pub const ALL: [Check; 7] = [
        Check::Shape,
        Check::Mean,
        Check::Ones,
        Check::EqualWeights,
        Check::Plain,
        Check::EveryCell,
        Check::Book,
    ];

    /// What it does, in words.
    pub fn what(self) -> &'static str {
        match self {
            Check::Shape => "shape, and all finite",
            Check::Mean => "mean of the gradient",
            Check::Ones => "loss sum(y)",
            Check::EqualWeights => "kernel of equal weights",
            Check::Plain => "one channel, stride 1, no padding",
            Check::EveryCell => "every cell, fresh buffer",
            Check::Book => "the book's check",
        }
    }

    /// Tests the backward pass of the kernels, or a wrong one, at the sizes and numbers of `problem`; `Plain` and `Book`
    /// bring their own. `None` when it has nothing to say against it.
    pub fn run(self, problem: &Problem, wrong: Option<&Wrong>) -> Option<Noticed> {
        let mut problem = match self {
            Check::Plain => Problem::plain(),
            Check::Book => Problem::uneven(),
            _ => problem.clone(),
        };
        match self {
            Check::Ones => problem.grad_output.fill(1.0),
            Check::EqualWeights => problem.weight.fill(1.0),
            _ => {}
        }
        let rounding = problem.rounding();
        Gradient::ALL.into_iter().find_map(|gradient| {
            let count = problem.array(gradient).len();
            let there = |k: usize| if self == Check::Book { 1.0 + k as f64 } else { 0.0 };
            let mut got: Vec<f64> = (0..count).map(there).collect();
            problem.add_gradient(gradient, wrong, &mut got);
            if self == Check::Shape {
                // The length is the buffer's.
                let k = got.iter().position(|got| !got.is_finite())?;
                return Some(Noticed { gradient, cell: Some(k), expected: f64::NAN, got: got[k] });
            }
            let expected = (0..count).map(|k| there(k) + problem.difference(gradient, k, 1.0));
            if self == Check::Mean {
                let mean = |sum: f64| sum / count as f64;
                let (expected, got) = (mean(expected.sum()), mean(got.iter().sum()));
                return (!agree(expected, got, rounding)).then_some(Noticed {
                    gradient,
                    cell: None,
                    expected,
                    got,
                });
            }
            let mut cells = expected.zip(got).enumerate();
            let (k, (expected, got)) = cells.find(|&(_, (expected, got))| !agree(expected, got, rounding))?;
            Some(Noticed { gradient, cell: Some(k), expected, got })
        })
    }
}

/// Equal, but for the rounding of numbers that are not integers: `rounding` is [`Problem::rounding`].
pub fn agree(a: f64, b: f64, rounding: f64) -> bool {
    (a - b).abs() <= rounding + 1e-9 * (1.0 + a.abs().max(b.abs()))
}

impl Problem {
    /// Small integers without any pattern, -4 to 4 but never 0, different for each `seed`.
    pub fn numbered(geometry: Geometry, seed: u64) -> Problem {
        let mut state = seed;
        let mut numbers = |count: usize| -> Vec<f64> {
            let draw = |_| {
                // Knuth's linear congruential generator for MMIX (The Art of Computer Programming, vol. 2, 3.3.4).
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let k = (state >> 33) % 8;
                if k < 4 { k as f64 - 4.0 } else { k as f64 - 3.0 }
            };
            (0..count).map(draw).collect()
        };
        Problem {
            input: numbers(geometry.input_len()),
            weight: numbers(geometry.weight_len()),
            bias: numbers(geometry.filters),
            grad_output: numbers(geometry.output_len()),
            geometry,
        }
    }

    /// The case that code is first tried on: one image of 4 x 4, one channel, one filter of 3 x 3.
    pub fn plain() -> Problem {
        let one = Geometry {
            images: 1,
            channels: 1,
            size: (4, 4),
            filters: 1,
            kernel: (3, 3),
            stride: (1, 1),
            padding: (0, 0),
            ..Geometry::default()
        };
        Problem::numbered(one, 1)
    }

    /// The case that leaves no mistake a place to hide: two images, two channels, three filters of 4 x 3, strides 3 and 2,
    /// paddings 1 and 0, and a row and a column of pixels that no window sees.
    pub fn uneven() -> Problem {
        let geometry = Geometry {
            images: 2,
            channels: 2,
            size: (7, 8),
            filters: 3,
            kernel: (4, 3),
            stride: (3, 2),
            padding: (1, 0),
            ..Geometry::default()
        };
        Problem::numbered(geometry, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrong_backward_passes;

    #[test]
    fn the_book_s_check_refuses_every_wrong_backward_pass_and_no_right_one() {
        let wrongs = wrong_backward_passes();
        assert!(wrongs.len() >= 25);
        for check in Check::ALL {
            assert_eq!(check.run(&Problem::uneven(), None), None, "{}", check.what());
        }
        for wrong in &wrongs {
            let noticed = Check::Book.run(&Problem::uneven(), Some(wrong));
            assert!(noticed.is_some_and(|noticed| noticed.gradient == wrong.gradient), "{}", wrong.name);
        }
    }

    #[test]
    fn every_other_check_lets_some_pass() {
        let missed = |check: Check| {
            let wrongs = wrong_backward_passes();
            wrongs.iter().filter(|wrong| check.run(&Problem::uneven(), Some(wrong)).is_none()).count()
        };
        let missed = Check::ALL.map(missed);
        assert_eq!(missed[0], wrong_backward_passes().len(), "a shape says nothing of the numbers in it");
        assert!(missed[1..6].iter().all(|missed| *missed >= 2), "{missed:?}");
        println!("let through: {missed:?}");
    }

    #[test]
    fn names_are_unique_and_fit_for_an_address() {
        let mut names: Vec<_> = wrong_backward_passes().iter().map(|wrong| wrong.name).collect();
        let (count, fit) =
            (names.len(), |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || "-0".contains(c)));
        assert!(names.iter().all(fit));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
