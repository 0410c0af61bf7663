//! Cases, mistakes, and what a function deserves.

use crate::array::Array;
use crate::attempt::{self, Stop};

/// An array as reports show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Name and indices: `dx[n,c,r,q]`.
    pub name: &'static str,
    /// Its sizes.
    pub shape: Vec<isize>,
    /// Its numbers, row-major.
    pub values: Vec<f64>,
}

impl<const D: usize> Array<D> {
    /// The array under its name in a report.
    pub fn named(&self, name: &'static str) -> Named {
        Named { name, shape: self.shape().to_vec(), values: self.values().to_vec() }
    }
}

/// Calls a function with fresh arrays and gives what it left in its results.
pub type Run<F> = Box<dyn Fn(&F) -> Vec<Named>>;

/// One call of a learner's function; F is the type of the function.
pub struct Case<F: ?Sized> {
    /// The sizes, and what is special.
    pub what: String,
    /// What the function is given.
    pub given: Vec<Named>,
    /// What its results hold before the call, under the names of the results.
    pub before: Vec<Named>,
    /// What they shall hold afterwards.
    pub expected: Vec<Named>,
    /// How far a number may be off, for one of size 1.
    pub tolerance: f64,
    /// The call.
    pub run: Run<F>,
}

/// A wrong function that people write.
pub struct Mistake<F: ?Sized> {
    /// What is wrong, in words.
    pub what: String,
    /// The function.
    pub pass: Box<F>,
}

/// What an exercise is checked by.
pub struct Exercise<F: ?Sized> {
    /// From the one to be followed by hand to the one that leaves no mistake a place to hide.
    pub cases: Vec<Case<F>>,
    /// What a learner's numbers are compared with when they are wrong.
    pub mistakes: Vec<Mistake<F>>,
    /// The learner's function.
    pub attempt: Box<F>,
    /// The reference solution.
    pub solution: Box<F>,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Right in all cases, so many.
    Solved(usize),
    /// The gap is still there.
    Unfilled,
    /// Wrong in some case.
    Failed(Box<Failure>),
}

/// The first case that a function gets wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The number of the case, from 0, and how many there are.
    pub case: (usize, usize),
    /// [`Case::what`].
    pub what: String,
    /// [`Case::given`], and the results as they were before, where they held something.
    pub given: Vec<Named>,
    /// The results as they were before.
    pub before: Vec<Named>,
    /// The results as they should be.
    pub expected: Vec<Named>,
    /// How far they may be off.
    pub tolerance: f64,
    /// The results as they are, or why there are none.
    pub got: Result<Vec<Named>, Stop>,
    /// The known mistakes that give the same numbers: in every case, or at least in this one.
    pub looks_like: Vec<String>,
    /// Whether they agree in every case.
    pub everywhere: bool,
}

/// Equal, but for rounding.
pub fn agree(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

/// Whether two lists of arrays agree in their shapes and in every number.
fn all_agree(a: &[Named], b: &[Named], tolerance: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| {
        a.shape == b.shape && a.values.iter().zip(&b.values).all(|(a, b)| agree(*a, *b, tolerance))
    })
}

impl<F: ?Sized> Exercise<F> {
    /// Runs a function through the cases, up to the first that it gets wrong.
    pub fn judge(&self, pass: &F) -> Verdict {
        for (k, case) in self.cases.iter().enumerate() {
            let got = attempt::run(|| (case.run)(pass));
            match &got {
                Err(Stop::Unfilled) => return Verdict::Unfilled,
                Ok(got) if all_agree(got, &case.expected, case.tolerance) => continue,
                _ => {}
            }
            let (looks_like, everywhere) = match &got {
                Ok(got) => self.recognise(pass, k, got),
                Err(_) => (Vec::new(), false),
            };
            return Verdict::Failed(Box::new(Failure {
                case: (k, self.cases.len()),
                what: case.what.clone(),
                given: case.given.clone(),
                before: case.before.clone(),
                expected: case.expected.clone(),
                tolerance: case.tolerance,
                got,
                looks_like,
                everywhere,
            }));
        }
        Verdict::Solved(self.cases.len())
    }

    /// The mistakes whose numbers are those of `pass` in every case; else those that agree in case `k`.
    fn recognise(&self, pass: &F, k: usize, got: &[Named]) -> (Vec<String>, bool) {
        let same = |case: &Case<F>, mistake: &Mistake<F>, got: &[Named]| {
            let theirs = attempt::run(|| (case.run)(&mistake.pass));
            theirs.is_ok_and(|theirs| all_agree(got, &theirs, case.tolerance.min(1e-9)))
        };
        let here: Vec<&Mistake<F>> =
            self.mistakes.iter().filter(|mistake| same(&self.cases[k], mistake, got)).collect();
        // A case in which the function panics says nothing.
        let ran: Vec<(&Case<F>, Vec<Named>)> = self
            .cases
            .iter()
            .filter_map(|case| Some((case, attempt::run(|| (case.run)(pass)).ok()?)))
            .collect();
        let throughout: Vec<&Mistake<F>> = here
            .iter()
            .copied()
            .filter(|mistake| ran.iter().all(|(case, got)| same(case, mistake, got)))
            .collect();
        let everywhere = !throughout.is_empty();
        let chosen = if everywhere { throughout } else { here };
        (chosen.iter().map(|mistake| mistake.what.clone()).collect(), everywhere)
    }
}

/// An exercise, whatever the type of its function.
pub trait Judge {
    /// What the learner's function deserves.
    fn attempt(&self) -> Verdict;
    /// What the reference solution deserves.
    fn solution(&self) -> Verdict;
    /// The known mistakes, and what they deserve.
    fn mistakes(&self) -> Vec<(&str, Verdict)>;
}

impl<F: ?Sized> Judge for Exercise<F> {
    fn attempt(&self) -> Verdict {
        self.judge(&self.attempt)
    }

    fn solution(&self) -> Verdict {
        self.judge(&self.solution)
    }

    fn mistakes(&self) -> Vec<(&str, Verdict)> {
        self.mistakes.iter().map(|mistake| (mistake.what.as_str(), self.judge(&mistake.pass))).collect()
    }
}
