//! What every threshold would reach.

use super::{Axes, INK, Key, legend, legend_height, picture, set_colour, unit_square};
use crate::Result;
use plotters::prelude::*;

/// The ROC curves of sets, each (its name, (FPR, TPR) as the threshold rises, its equal error rate). The point on a curve is
/// where both errors are equal; they are on the line from the upper left to the lower right.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn roc_curves(sets: &[(&str, Vec<(f64, f64)>, f64)]) -> Result<String> {
    let key = |(name, _, eer): &(&str, Vec<(f64, f64)>, f64)| Key {
        words: format!("{name}: EER {:.1} %", 100.0 * eer),
        style: set_colour(name).stroke_width(2),
    };
    let keys: Vec<Key> = sets.iter().map(key).collect();
    const CHART: u32 = 440;
    picture((480, CHART + legend_height(&keys)), |area| {
        let (top, _) = area.split_vertically(CHART);
        let axes = Axes { title: "ROC curves", x: "false positive rate", y: "true positive rate" };
        let mut chart = unit_square(&top, &axes)?;
        let thin = INK.mix(0.5).stroke_width(1);
        chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 5, thin))?;
        chart.draw_series(DashedLineSeries::new([(0.0, 1.0), (1.0, 0.0)], 2, 5, thin))?;
        for (name, points, eer) in sets {
            let colour = set_colour(name);
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            chart.draw_series([Circle::new((*eer, 1.0 - eer), 4, colour.filled())])?;
        }
        legend(area, CHART, &keys)
    })
}
