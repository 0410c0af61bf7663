//! Numbers over the epochs.

use super::{
    Area, Axes, Drawn, GRID, INK, Key, PAPER, SERIES, SIZE, WORDS, font, frame, legend, legend_height,
    picture,
};
use crate::Result;
use crate::run::metrics_file::{GRADIENT, MetricsTable};
use plotters::prelude::*;

/// A line of a picture; what an epoch does not have is left out.
pub struct Curve {
    /// What the legend calls it.
    pub name: String,
    /// Its number for each epoch.
    pub values: Vec<Option<f64>>,
}

/// What is drawn over the epochs.
pub struct Curves {
    /// Above the picture.
    pub title: String,
    /// The lines.
    pub curves: Vec<Curve>,
    /// What the vertical axis shows at least.
    pub range: Option<(f64, f64)>,
    /// Whether it goes by powers of ten.
    pub log: bool,
}

/// A picture of metrics: its file's name without the ending, its title, what its lines are called and the columns they are of,
/// the least range of the vertical axis, whether it is logarithmic.
type Known = (&'static str, &'static str, &'static [(&'static str, &'static str)], Option<(f64, f64)>, bool);

const KNOWN: [Known; 9] = [
    ("loss", "Loss", &[("training", "loss"), ("held-out alphabets", "val_loss")], Some((0.0, 0.0)), false),
    (
        "accuracy",
        "Accuracy",
        &[("training", "accuracy"), ("held-out alphabets", "val_accuracy")],
        Some((0.5, 0.6)),
        false,
    ),
    ("auc", "ROC AUC on held-out alphabets", &[("AUC", "val_auc")], Some((0.5, 0.6)), false),
    (
        "loss-ratio",
        "Loss over that of having learned nothing",
        &[("ratio", "loss_ratio")],
        Some((0.0, 1.0)),
        false,
    ),
    (
        "pair-distances",
        "Mean distance of the training pairs",
        &[("of the same label", "positive_distance"), ("of different ones", "negative_distance")],
        Some((0.0, 0.0)),
        false,
    ),
    (
        "spread",
        "Spread of the embedding's dimensions",
        &[("mean of all", "mean_spread"), ("the narrowest", "least_spread")],
        Some((0.0, 0.0)),
        false,
    ),
    (
        "active-triplets",
        "Share of active triplets",
        &[("active", "active_triplets")],
        Some((0.0, 1.0)),
        false,
    ),
    ("saturated", "Share of saturated numbers", &[("saturated", "saturated")], Some((0.0, 1.0)), false),
    ("learning-rate", "Learning rate", &[("at the epoch's end", "learning_rate")], Some((0.0, 0.0)), false),
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
    for (name, title, lines, range, log) in KNOWN {
        let curve = |&(name, column): &(&str, &str)| {
            Some(Curve { name: name.into(), values: metrics.column(column)?.to_vec() })
        };
        draw(
            name,
            Curves { title: title.into(), curves: lines.iter().filter_map(curve).collect(), range, log },
        )?;
    }
    let layers = metrics.columns().filter_map(|(name, values)| {
        Some(Curve { name: name.strip_prefix(GRADIENT)?.into(), values: values.to_vec() })
    });
    let title = "Norm of each layer's gradient".into();
    draw("gradients", Curves { title, curves: layers.collect(), range: None, log: true })?;
    Ok(pictures)
}

impl Curves {
    /// The picture; `epochs` has the number of each epoch.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn draw(&self, epochs: &[u32]) -> Result<String> {
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
        let scaled = |value: f64| if self.log { value.log10() } else { value };
        let points = |curve: &Curve| -> Vec<(u32, f64)> {
            let point = |(&epoch, value): (&u32, &Option<f64>)| Some((epoch, scaled((*value)?)));
            epochs.iter().zip(&curve.values).filter_map(point).filter(|point| point.1.is_finite()).collect()
        };
        let lines: Vec<Vec<(u32, f64)>> = self.curves.iter().map(points).collect();
        let values = || lines.iter().flatten().map(|point| point.1);
        let (least, most) = self.range.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let (least, most) = (values().fold(least, f64::min), values().fold(most, f64::max));
        let (least, most) = if least <= most { (least, most) } else { (0.0, 1.0) };
        // A little air, and never an empty range.
        let air = 0.05 * (most - least).max(1e-6);
        let least = if self.range.is_some() { least } else { least - air.max(0.05) };
        let most = most + if self.range.is_some() { air } else { air.max(0.05) };
        let last = epochs.last().copied().unwrap_or(1).max(2);
        let axes = Axes { title: &self.title, x: "epoch", y: "" };
        let mut chart = frame(area, &axes).build_cartesian_2d(1u32..last, least..most)?;
        let number = |value: &f64| match self.log {
            true => format!("{:.0e}", 10f64.powf(*value)),
            // Step sizes are small.
            false if most < 0.02 => format!("{value:.0e}"),
            false => format!("{value:.2}"),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(PAPER.mix(0.0))
            .axis_style(INK)
            .x_desc(axes.x)
            .x_labels((last as usize).min(10))
            .y_labels(6)
            .y_label_formatter(&number)
            .label_style(font(WORDS))
            .axis_desc_style(font(WORDS))
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
