//! What every threshold would reach.

use super::{Axes, INK, Key, legend, legend_height, picture, set_colour, unit_square};
use crate::Result;
use plotters::prelude::*;

/// What a set's thresholds would reach.
pub struct RocCurve {
    /// The set: `train`, `held-out` or `unseen`.
    pub set: String,
    /// (FPR, TPR) as the threshold rises.
    pub points: Vec<(f64, f64)>,
    /// The equal error rate.
    pub eer: f64,
}

/// The ROC curves of sets. The point on a curve is where both errors are equal; these points are on the line from the upper
/// left to the lower right.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn roc_curves(curves: &[RocCurve]) -> Result<String> {
    let key = |curve: &RocCurve| Key {
        words: format!("{}: EER {:.1} %", curve.set, 100.0 * curve.eer),
        style: set_colour(&curve.set).stroke_width(2),
    };
    let keys: Vec<Key> = curves.iter().map(key).collect();
    const CHART: u32 = 440;
    picture((480, CHART + legend_height(&keys)), |area| {
        let (top, _) = area.split_vertically(CHART);
        let axes = Axes { title: "ROC curves", x: "false positive rate", y: "true positive rate" };
        let mut chart = unit_square(&top, &axes)?;
        let thin = INK.mix(0.5).stroke_width(1);
        chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 5, thin))?;
        chart.draw_series(DashedLineSeries::new([(0.0, 1.0), (1.0, 0.0)], 2, 5, thin))?;
        for RocCurve { set, points, eer } in curves {
            let colour = set_colour(set);
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            chart.draw_series([Circle::new((*eer, 1.0 - eer), 4, colour.filled())])?;
        }
        legend(area, CHART, &keys)
    })
}
