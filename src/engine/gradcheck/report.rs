//! What a gradient check found.

use std::fmt;

/// |a - b| / max(1, |a|, |b|), and infinite where that is no number: NaN never passes.
pub fn relative_error(a: f64, b: f64) -> f64 {
    let error = (a - b).abs() / a.abs().max(b.abs()).max(1.0);
    if error.is_finite() { error } else { f64::INFINITY }
}

/// One number by the tape against the same by differences.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Which input, which coordinate or direction, which output.
    pub place: String,
    /// By the tape.
    pub analytic: f64,
    /// By differences.
    pub numeric: f64,
    /// [`relative_error`] of the two.
    pub error: f64,
    /// The largest error that would have passed here.
    pub limit: f64,
}

/// The outcome of a gradient check.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How many numbers were compared.
    pub cases: usize,
    /// The largest error of all.
    pub worst_error: f64,
    /// Whether every comparison passed, and there was one.
    pub passed: bool,
    /// The tolerance of the check; single comparisons can have a tighter one.
    pub tolerance: f64,
    /// The comparison that came closest to its limit or went farthest beyond it.
    pub worst: Option<Comparison>,
}

impl Report {
    pub(super) fn new(tolerance: f64) -> Report {
        Report { cases: 0, worst_error: 0.0, passed: false, tolerance, worst: None }
    }

    pub(super) fn compare(
        &mut self,
        limit: f64,
        analytic: f64,
        numeric: f64,
        place: impl FnOnce() -> String,
    ) {
        let error = relative_error(analytic, numeric);
        self.passed = (self.passed || self.cases == 0) && error <= limit;
        self.cases += 1;
        self.worst_error = self.worst_error.max(error);
        // error / limit, written so that 0 / 0 and two infinities are not compared.
        let beyond = |worst: &Comparison| {
            error > limit && worst.error <= worst.limit
                || (error > limit) == (worst.error > worst.limit) && error * worst.limit > worst.error * limit
        };
        if self.worst.as_ref().is_none_or(beyond) {
            self.worst = Some(Comparison { place: place(), analytic, numeric, error, limit });
        }
    }

    pub(super) fn compare_all(
        &mut self,
        limit: f64,
        analytic: &[f64],
        numeric: &[f64],
        place: impl Fn() -> String,
    ) {
        for (k, (a, n)) in analytic.iter().zip(numeric).enumerate() {
            self.compare(limit, *a, *n, || format!("{}, element {k}", place()));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "passed" } else { "failed" };
        let Some(worst) = &self.worst else { return write!(f, "{verdict}: nothing to compare") };
        write!(
            f,
            "{verdict}: {} comparisons, worst error {:.1e}; {}: {:e} by the tape, {:e} by differences, \
             error {:.1e} of {:.0e} allowed",
            self.cases,
            self.worst_error,
            worst.place,
            worst.analytic,
            worst.numeric,
            worst.error,
            worst.limit
        )
    }
}
