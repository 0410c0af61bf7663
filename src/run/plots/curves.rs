//! Numbers over the epochs.

use super::{Area, Axes, Drawn, Key, SERIES, SIZE, frame, legend, legend_height, mesh, picture};
use crate::Result;
use crate::run::metrics_file::{GRADIENT, MetricsTable};
use plotters::prelude::*;

/// A line of a picture; what an epoch does not have is left out.
pub(super) struct Curve {
    /// What the legend calls it.
    pub(super) name: String,
    /// Its number for each epoch.
    pub(super) values: Vec<Option<f64>>,
}

/// What is drawn over the epochs.
pub(super) struct Curves {
    pub(super) title: String,
    pub(super) curves: Vec<Curve>,
    pub(super) axis: Vertical,
}

/// How the vertical axis goes.
pub(super) enum Vertical {
    /// Evenly, and at least from the one number to the other.
    Even(f64, f64),
    /// By powers of ten.
    Powers,
}

/// A picture of metrics: its file's name without the ending, its title, what its lines are called and the columns they are of,
/// the least range of the vertical axis.
type Known = (&'static str, &'static str, &'static [(&'static str, &'static str)], (f64, f64));

const KNOWN: [Known; 9] = [
    ("loss", "Loss", &[("training", "loss"), ("held-out alphabets", "val_loss")], (0.0, 0.0)),
    ("accuracy", "Accuracy", &[("training", "accuracy"), ("held-out alphabets", "val_accuracy")], (0.5, 0.6)),
    ("auc", "ROC AUC on held-out alphabets", &[("AUC", "val_auc")], (0.5, 0.6)),
    ("loss-ratio", "Loss over that of having learned nothing", &[("ratio", "loss_ratio")], (0.0, 1.0)),
    (
        "pair-distances",
        "Mean distance of the training pairs",
        &[("of the same label", "positive_distance"), ("of different ones", "negative_distance")],
        (0.0, 0.0),
    ),
    (
        "spread",
        "Spread of the embedding's dimensions",
        &[("mean of all", "mean_spread"), ("the narrowest", "least_spread")],
        (0.0, 0.0),
    ),
    ("active-triplets", "Share of active triplets", &[("active", "active_triplets")], (0.0, 1.0)),
    ("saturated", "Share of saturated numbers", &[("saturated", "saturated")], (0.0, 1.0)),
    ("learning-rate", "Learning rate", &[("at the epoch's end", "learning_rate")], (0.0, 0.0)),
];

/// The pictures of a run's metrics, each with its file's name without the ending. What the run has no numbers of is left
/// out.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn metrics_curves(metrics: &MetricsTable) -> Result<Vec<(String, String)>> {
    let mut pictures = Vec::new();
    let mut draw = |name: &str, curves: Curves| -> Result<()> {
        if curves.curves.iter().any(|curve| curve.values.iter().any(Option::is_some)) {
            pictures.push((name.to_string(), curves.draw(metrics.epochs())?));
        }
        Ok(())
    };
    for (name, title, lines, (least, most)) in KNOWN {
        let curve = |&(name, column): &(&str, &str)| {
            Some(Curve { name: name.into(), values: metrics.column(column)?.to_vec() })
        };
        let curves = lines.iter().filter_map(curve).collect();
        draw(name, Curves { title: title.into(), curves, axis: Vertical::Even(least, most) })?;
    }
    let layers = metrics.columns().filter_map(|(name, values)| {
        Some(Curve { name: name.strip_prefix(GRADIENT)?.into(), values: values.to_vec() })
    });
    let title = "Norm of each layer's gradient".into();
    draw("gradients", Curves { title, curves: layers.collect(), axis: Vertical::Powers })?;
    Ok(pictures)
}

impl Curves {
    /// The picture; `epochs` has the number of each epoch.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub(super) fn draw(&self, epochs: &[u32]) -> Result<String> {
        let key = |(i, curve): (usize, &Curve)| Key { words: curve.name.clone(), style: style(i) };
        // One line is what the title says.
        let keys: Vec<Key> =
            self.curves.iter().enumerate().map(key).filter(|_| self.curves.len() > 1).collect();
        picture((SIZE.0, SIZE.1 + legend_height(&keys)), |area| {
            self.lines(&area.split_vertically(SIZE.1).0, epochs)?;
            legend(area, SIZE.1, &keys)
        })
    }

    fn lines(&self, area: &Area<'_>, epochs: &[u32]) -> Drawn {
        let scaled = |value: f64| match self.axis {
            Vertical::Even(..) => value,
            Vertical::Powers => value.log10(),
        };
        // Of larger numbers not even the differences can be told.
        let drawable = |point: &(u32, f64)| point.1.abs() <= 1e300;
        let points = |curve: &Curve| -> Vec<(u32, f64)> {
            let point = |(&epoch, value): (&u32, &Option<f64>)| Some((epoch, scaled((*value)?)));
            epochs.iter().zip(&curve.values).filter_map(point).filter(drawable).collect()
        };
        let lines: Vec<Vec<(u32, f64)>> = self.curves.iter().map(points).collect();
        let values = || lines.iter().flatten().map(|point| point.1);
        let (least, most) = match self.axis {
            Vertical::Even(least, most) => (least, most),
            Vertical::Powers => (f64::INFINITY, f64::NEG_INFINITY),
        };
        let (least, most) = (values().fold(least, f64::min), values().fold(most, f64::max));
        let (least, most) = if least <= most { (least, most) } else { (0.0, 1.0) };
        // A little air, and never an empty range.
        let air = 0.05 * (most - least).max(1e-6);
        let (below, above) = match self.axis {
            Vertical::Even(..) => (0.0, air),
            Vertical::Powers => (air.max(0.05), air.max(0.05)),
        };
        let (least, most) = (least - below, most + above);
        let last = epochs.last().copied().unwrap_or(1).max(2);
        let axes = Axes { title: &self.title, x: "epoch", y: "" };
        let mut chart = frame(area, &axes).build_cartesian_2d(1u32..last, least..most)?;
        let number = |value: &f64| match self.axis {
            Vertical::Powers => format!("{:.0e}", 10f64.powf(*value)),
            // Step sizes are small.
            Vertical::Even(..) if most < 0.02 => format!("{value:.0e}"),
            Vertical::Even(..) => format!("{value:.2}"),
        };
        mesh(&mut chart.configure_mesh(), &axes)
            .disable_x_mesh()
            .x_labels((last as usize).min(10))
            .y_labels(6)
            .y_label_formatter(&number)
            .draw()?;
        for (i, points) in lines.iter().enumerate() {
            chart.draw_series(LineSeries::new(points.iter().copied(), style(i)))?;
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 2, colour(i).filled())))?;
        }
        Ok(())
    }
}

fn colour(i: usize) -> RGBColor {
    SERIES[i % SERIES.len()]
}

/// Past the last colour the lines are thin.
fn style(i: usize) -> ShapeStyle {
    colour(i).stroke_width(if i < SERIES.len() { 2 } else { 1 })
}
