//! `twinglyph gradcheck`: every op and both models against numerical derivatives.

use super::output::{print, print_json};
use twinglyph::{Error, Result};
use twinglyph_engine::gradcheck::{Outcome, check_op};
use twinglyph_engine::meant::meant;
use twinglyph_engine::nn::check_models;
use twinglyph_engine::ops;

/// Check every op and both Siamese models against numerically computed gradients.
///
/// Example: twinglyph gradcheck --op conv2d
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// Only this op, or this model.
    #[arg(long, value_name = "NAME")]
    op: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let wanted = |name: &str| arguments.op.as_deref().is_none_or(|op| op == name);
    let mut rows = Vec::new();
    for entry in ops::table().iter().filter(|entry| wanted(entry.name)) {
        rows.push(check_op(entry)?);
    }
    rows.extend(check_models(wanted)?);
    if rows.is_empty() {
        let mut names: Vec<&str> = ops::table().iter().map(|entry| entry.name).collect();
        names.extend(twinglyph_engine::nn::CHECKED_MODELS);
        let op = arguments.op.unwrap_or_default();
        let meant = meant(&op, names.iter().copied());
        let meant = meant.map_or(String::new(), |meant| format!(" (did you mean {meant}?)"));
        return Err(Error::usage(format!(
            "--op {op}: no such op{meant}, expected one of {}",
            names.join(", ")
        )));
    }
    let outcome = Outcome::new(rows);
    if arguments.json {
        print_json(&outcome)?;
    } else {
        print(outcome.to_string().trim_end())?;
    }
    if outcome.passed { Ok(()) } else { Err(Error::input("gradcheck", "a gradient is wrong")) }
}
