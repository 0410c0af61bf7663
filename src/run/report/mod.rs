//! `report.html`: all that a run has to show, in one file that asks no network for anything; and its plots as files.
//!
//! ```text
//! examine  ->  findings (what the pairs say; the glyphs to show)  ->  plots (SVG files)  ->  page (HTML around them)
//! ```

mod atlas;
mod findings;
mod html;
mod page;

use super::directory::RunDirectory;
use super::plots;
use crate::Result;
use crate::evaluate::calibration::Rule;
use crate::evaluate::metrics::Evaluation;
use crate::evaluate::protocol::{Protocol, examine};
use crate::recipes::Recipe;
use findings::Findings;
use twinglyph_engine::nn::Model;

/// The page's file name in a run directory.
pub const REPORT: &str = "report.html";

/// Pairs from each set: enough for two digits of every figure.
pub const REPORT_PAIRS: usize = 10_000;

/// A plot: its file's name without the ending, and its SVG.
type Plot = (String, String);

/// Measures a model by the protocol, one glyph a side, and writes the plots and the page into its run directory, whose
/// `metrics.csv` and `environment.json` they also show.
///
/// # Errors
/// When the data does not suffice, or a file cannot be read or written.
pub fn write_report(
    directory: &RunDirectory,
    recipe: &Recipe,
    model: &Model<f32>,
    rule: Rule,
    protocol: &Protocol<'_>,
) -> Result<Evaluation> {
    let metrics = directory.metrics()?;
    let environment = directory.environment()?;
    let mut findings = Findings::new(protocol, rule);
    let evaluation = examine(model, rule, protocol, &mut |measured| findings.add(&measured))?;
    findings.lay_out(model)?;
    let mut drawn = plots::metrics_curves(&metrics)?;
    drawn.extend(findings.plots()?);
    for (name, svg) in &drawn {
        directory.write(&format!("{name}.svg"), svg.as_bytes())?;
    }
    let page = page::page(&page::Contents {
        name: &directory.name(),
        recipe,
        environment: environment.as_ref(),
        metrics: &metrics,
        evaluation: &evaluation,
        findings: &findings,
        plots: &drawn,
    })?;
    directory.write(REPORT, page.as_bytes())?;
    Ok(evaluation)
}
