use super::index_of;
use crate::{Check, Gradient, Problem, Wrong, wrong_backward_passes};
use serde::Serialize;
use twinglyph_engine::meant::meant;
use twinglyph_engine::{Error, Result};

/// The wrong backward pass of a name.
///
/// # Errors
/// When there is none, with the name that was meant.
pub fn find_wrong(name: &str) -> Result<Wrong> {
    let all = wrong_backward_passes();
    all.iter().find(|wrong| wrong.name == name).copied().ok_or_else(|| {
        let meant = meant(name, all.iter().map(|wrong| wrong.name));
        let meant = meant.map_or(String::new(), |meant| format!(" (did you mean {meant}?)"));
        Error::argument(
            "wrong",
            name,
            format!("no such backward pass{meant}, expected one of those that `list` shows"),
        )
    })
}

/// What a check has to say of a wrong backward pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The check, in words.
    pub check: &'static str,
    /// Whether it noticed.
    pub noticed: bool,
    /// The gradient where it noticed: dx, dw or db.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient: Option<&'static str>,
    /// The first wrong cell, (n, c, r, q) or (o, c, u, v) or (o); none where the check looks at the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<Vec<usize>>,
    /// What the differences say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// What the backward pass says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<f64>,
}

/// What every check says of it, the weakest first.
pub(super) fn verdicts(problem: &Problem, wrong: &Wrong) -> Vec<Verdict> {
    let verdict = |check: Check| {
        let noticed = check.run(problem, Some(wrong));
        let g = match check {
            Check::Plain => Problem::plain().geometry,
            Check::Book => Problem::uneven().geometry,
            _ => problem.geometry,
        };
        let index = |of: Gradient, k: usize| match of {
            Gradient::Input => index_of(k, &[g.images, g.channels, g.size.0, g.size.1]),
            Gradient::Weight => index_of(k, &[g.filters, g.channels, g.kernel.0, g.kernel.1]),
            Gradient::Bias => vec![k],
        };
        Verdict {
            check: check.what(),
            noticed: noticed.is_some(),
            gradient: noticed.map(|noticed| noticed.gradient.symbol()),
            index: noticed.and_then(|noticed| Some(index(noticed.gradient, noticed.cell?))),
            expected: noticed.map(|noticed| noticed.expected),
            got: noticed.map(|noticed| noticed.got),
        }
    };
    Check::ALL.into_iter().map(verdict).collect()
}

/// All wrong backward passes, and which check notices which.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Zoo {
    /// The checks in words, in the order of each row's `noticed`.
    pub checks: Vec<&'static str>,
    /// One a wrong backward pass.
    pub wrong: Vec<Row>,
}

/// One wrong backward pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// dx, dw or db.
    pub gradient: &'static str,
    /// The mistake, in words.
    pub what: &'static str,
    /// Which check notices it.
    pub noticed: Vec<bool>,
}

impl Zoo {
    /// Runs every check on every wrong pass, at the sizes and numbers of a problem.
    pub fn at(problem: &Problem) -> Zoo {
        let row = |wrong: Wrong| Row {
            name: wrong.name,
            gradient: wrong.gradient.symbol(),
            what: wrong.what,
            noticed: verdicts(problem, &wrong).iter().map(|verdict| verdict.noticed).collect(),
        };
        Zoo {
            checks: Check::ALL.map(Check::what).to_vec(),
            wrong: wrong_backward_passes().into_iter().map(row).collect(),
        }
    }
}
