//! How far apart pairs are.

use super::{Axes, BLUE, INK, Key, ORANGE, SIZE, frame, legend, legend_height, mesh, picture};
use crate::Result;
use plotters::prelude::*;

const BINS: usize = 40;

/// Histograms of the distances of pairs of the same `kind` and of different ones, each as shares of its own pairs, with the
/// threshold between the answers.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn distance_histogram(name: &str, kind: &str, pairs: &[(f32, bool)], threshold: f32) -> Result<String> {
    let finite = || pairs.iter().map(|pair| f64::from(pair.0)).filter(|d| d.is_finite());
    let (least, most) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let threshold = f64::from(threshold);
    let (least, most) = (least.min(threshold), most.max(threshold));
    // Distances that are all one still need some width.
    let width = ((most - least) / BINS as f64).max(1e-6);
    let mut counts = [[0usize; BINS]; 2];
    for &(distance, same) in pairs.iter().filter(|pair| pair.0.is_finite()) {
        let bin = ((f64::from(distance) - least) / width) as usize;
        counts[usize::from(same)][bin.min(BINS - 1)] += 1;
    }
    let shares = counts.map(|counts| {
        let all = counts.iter().sum::<usize>().max(1) as f64;
        counts.map(|count| count as f64 / all)
    });
    let high = shares.iter().flatten().copied().fold(0.01, f64::max) * 1.1;
    let kinds = [(1, BLUE), (0, ORANGE)];
    let line = INK.stroke_width(1);
    let key = |words: &str, style| Key { words: words.into(), style };
    let keys = [
        key(&format!("of the same {kind}"), BLUE.stroke_width(2)),
        key("of different ones", ORANGE.stroke_width(2)),
        key(&format!("threshold {threshold:.3}"), line),
    ];
    picture((SIZE.0, SIZE.1 + legend_height(&keys)), |area| {
        let (top, _) = area.split_vertically(SIZE.1);
        let title = format!("Distances of pairs of {name} alphabets");
        let axes = Axes { title: &title, x: "distance", y: "share of the pairs" };
        let mut chart =
            frame(&top, &axes).build_cartesian_2d(least..least + width * BINS as f64, 0.0..high)?;
        mesh(&mut chart.configure_mesh(), &axes)
            .disable_x_mesh()
            .x_labels(6)
            .y_labels(5)
            .y_label_formatter(&|value| format!("{:.0} %", 100.0 * value))
            .draw()?;
        for (row, colour) in kinds {
            let edge = |bin: usize| least + width * bin as f64;
            let bars = shares[row].iter().enumerate().filter(|(_, share)| **share > 0.0);
            let bars = bars.map(|(bin, &share)| {
                Rectangle::new([(edge(bin), 0.0), (edge(bin + 1), share)], colour.mix(0.3).filled())
            });
            chart.draw_series(bars)?;
            // The outline tells them apart where they overlap.
            let steps = shares[row].iter().enumerate();
            let outline = steps.flat_map(|(bin, &share)| [(edge(bin), share), (edge(bin + 1), share)]);
            chart.draw_series(LineSeries::new(outline, colour.stroke_width(2)))?;
        }
        chart.draw_series(DashedLineSeries::new([(threshold, 0.0), (threshold, high)], 5, 4, line))?;
        legend(area, SIZE.1, &keys)
    })
}
