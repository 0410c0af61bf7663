//! The table that `twinglyph gradcheck` prints: a row an op, a row a model.

use super::{Check, OP_TOLERANCE, Report};
use crate::Result;
use crate::ops::{self, Sample};
use crate::tape::Op;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What was found about one op or one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The op's or the model's name.
    #[serde(rename = "op")]
    pub name: String,
    /// How many numbers were compared.
    pub cases: usize,
    /// The largest error; infinite (`null` in JSON) where a gradient was not finite.
    pub worst_error: f64,
    /// Whether every comparison passed, and there was one.
    pub passed: bool,
    /// The largest error that passes.
    #[serde(skip)]
    pub tolerance: f64,
    /// Where it failed.
    #[serde(skip)]
    pub detail: Option<String>,
}

impl Row {
    /// A row of one report.
    pub fn from_report(name: impl Into<String>, tolerance: f64, report: &Report) -> Row {
        let passed = report.passed && report.worst_error <= tolerance;
        Row {
            name: name.into(),
            cases: report.cases,
            worst_error: report.worst_error,
            passed,
            tolerance,
            detail: (!passed).then(|| report.to_string()),
        }
    }

    /// A row of several: sums up the comparisons, and fails where one of them does.
    fn from_reports(name: &str, reports: &[(String, Report)]) -> Row {
        let failed = reports.iter().find(|(_, report)| !report.passed);
        Row {
            name: name.to_owned(),
            cases: reports.iter().map(|(_, report)| report.cases).sum(),
            worst_error: reports.iter().map(|(_, report)| report.worst_error).fold(0.0, f64::max),
            passed: failed.is_none() && !reports.is_empty(),
            tolerance: OP_TOLERANCE,
            detail: match failed {
                Some((label, report)) => Some(format!("{label}: {report}")),
                None => reports.is_empty().then(|| "no samples".to_owned()),
            },
        }
    }
}

/// Checks an op at all of its samples.
///
/// # Errors
/// When the op refuses one of them.
pub fn check_op(entry: &ops::Entry) -> Result<Row> {
    let check = |sample: Sample<f64>| -> Result<(String, Report)> {
        let op: Arc<dyn Op<f64>> = Arc::from(sample.op);
        let check = Check::new().tolerance(OP_TOLERANCE).linear_in(&sample.linear);
        Ok((sample.label, check.run_op(&op, &sample.inputs)?))
    };
    let reports: Vec<_> = (entry.samples_f64)().into_iter().map(check).collect::<Result<_>>()?;
    Ok(Row::from_reports(entry.name, &reports))
}

/// Checks every op of the table.
///
/// # Errors
/// When an op refuses one of its own samples.
pub fn check_ops() -> Result<Outcome> {
    Ok(Outcome::new(ops::table().iter().map(check_op).collect::<Result<_>>()?))
}

/// The whole table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Whether every row passed, and there was one.
    pub passed: bool,
    /// A row an op, a row a model.
    pub ops: Vec<Row>,
}

impl Outcome {
    /// The table of these rows.
    pub fn new(rows: Vec<Row>) -> Outcome {
        Outcome { passed: !rows.is_empty() && rows.iter().all(|row| row.passed), ops: rows }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.ops.iter().map(|row| row.name.chars().count()).fold(2, usize::max);
        writeln!(f, "{:width$}  {:>9}  {:>11}  {:>7}  verdict", "op", "cases", "worst error", "allowed")?;
        for row in &self.ops {
            let (error, allowed) = (format!("{:.1e}", row.worst_error), format!("{:.0e}", row.tolerance));
            let verdict = if row.passed { "passed" } else { "FAILED" };
            writeln!(f, "{:width$}  {:>9}  {error:>11}  {allowed:>7}  {verdict}", row.name, row.cases)?;
        }
        for row in self.ops.iter().filter(|row| !row.passed) {
            writeln!(f, "{}: {}", row.name, row.detail.as_deref().unwrap_or("failed"))?;
        }
        match self.ops.iter().filter(|row| !row.passed).count() {
            0 => write!(f, "all {} passed", self.ops.len()),
            failed => write!(f, "{failed} of {} failed", self.ops.len()),
        }
    }
}
