//! How the probabilities come true.

use super::{Axes, INK, ORANGE, picture, unit_square};
use crate::Result;
use crate::evaluate::calibration::{Bin, calibration_error};
use plotters::prelude::*;

/// How often pairs of each probability are of one alphabet (`kind`: or of one character); on the diagonal the probability is
/// what it says. The size of a point is the share of the pairs.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn reliability_diagram(name: &str, kind: &str, bins: &[Bin]) -> Result<String> {
    let error =
        calibration_error(bins).map_or(String::new(), |e| format!(": {:.1} % calibration error", 100.0 * e));
    picture((480, 440), |area| {
        let axes = Axes {
            title: &format!("Pairs of {name} alphabets{error}"),
            x: &format!("probability of the same {kind}"),
            y: &format!("share that is of the same {kind}"),
        };
        let mut chart = unit_square(area, &axes)?;
        chart.draw_series(DashedLineSeries::new(
            [(0.0, 0.0), (1.0, 1.0)],
            6,
            5,
            INK.mix(0.6).stroke_width(1),
        ))?;
        let filled = || bins.iter().filter(|bin| bin.pairs > 0);
        let points = filled().map(|bin| (bin.probability, bin.same));
        chart.draw_series(LineSeries::new(points, ORANGE.stroke_width(2)))?;
        let most = bins.iter().map(|bin| bin.pairs).max().unwrap_or(0).max(1) as f64;
        // Areas are as the numbers of pairs.
        let radius = |bin: &Bin| (12.0 * (bin.pairs as f64 / most).sqrt()).round().max(2.0) as i32;
        chart
            .draw_series(filled().map(|bin| {
                Circle::new((bin.probability, bin.same), radius(bin), ORANGE.mix(0.75).filled())
            }))?;
        Ok(())
    })
}
