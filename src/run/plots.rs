//! Pictures of a run, as SVG: the curves of training and validation, a confusion matrix for each set, and how the
//! probabilities come true.

use crate::evaluate::calibration::{Bin, calibration_error};
use crate::evaluate::metrics::Confusion;
use crate::train::EpochMetrics;
use crate::{Error, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (720, 440);
/// Blue and orange that the colour-blind tell apart (Okabe and Ito 2008).
const TRAINING: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// Loss over epochs, on the training pairs and on those of held-out alphabets.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn loss_curves(history: &[EpochMetrics]) -> Result<String> {
    curves("Loss", history, |m| m.loss, |m| m.val_loss, None)
}

/// Accuracy over epochs, at the best threshold of each epoch.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn accuracy_curves(history: &[EpochMetrics]) -> Result<String> {
    curves("Accuracy", history, |m| m.accuracy, |m| m.val_accuracy, Some((0.5, 0.6)))
}

/// How the answers fall: rows are the truth, columns the answer, shades the share of the row.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn confusion_matrix(name: &str, confusion: &Confusion) -> Result<String> {
    let mut svg = String::new();
    draw_confusion(&mut svg, name, confusion).map_err(|error| Error::input("picture", error.to_string()))?;
    Ok(svg)
}

/// How often pairs of each probability are of one alphabet; on the diagonal the probability is what it says. The size
/// of a point is the share of the pairs.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn reliability_diagram(name: &str, bins: &[Bin]) -> Result<String> {
    let mut svg = String::new();
    draw_reliability(&mut svg, name, bins).map_err(|error| Error::input("picture", error.to_string()))?;
    Ok(svg)
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn curves(
    title: &str,
    history: &[EpochMetrics],
    training: fn(&EpochMetrics) -> f32,
    validation: fn(&EpochMetrics) -> f32,
    range: Option<(f32, f32)>,
) -> Result<String> {
    let mut svg = String::new();
    draw_curves(
        &mut svg,
        title,
        history,
        [("training", TRAINING, training), ("held-out alphabets", VALIDATION, validation)],
        range,
    )
    .map_err(|error| Error::input("picture", error.to_string()))?;
    Ok(svg)
}

type Series = (&'static str, RGBColor, fn(&EpochMetrics) -> f32);

fn draw_curves(
    svg: &mut String,
    title: &str,
    history: &[EpochMetrics],
    series: [Series; 2],
    range: Option<(f32, f32)>,
) -> Drawn {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let finite = |value: f32| value.is_finite().then_some(value);
    let values = || history.iter().flat_map(|m| series.iter().filter_map(move |s| finite((s.2)(m))));
    let (least, most) = range.unwrap_or((0.0, 0.0));
    let least = values().fold(least, f32::min);
    let most = values().fold(most, f32::max);
    // A little air above, and never an empty range.
    let most = most + 0.05 * (most - least).max(1e-6);
    let epochs = history.last().map_or(1, |m| m.epoch).max(2);
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .margin_right(28)
        .caption(title, ("sans-serif", 22).into_font().color(&INK))
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d(1u32..epochs, least..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE.mix(0.0))
        .axis_style(INK)
        .x_desc("epoch")
        .x_labels((epochs as usize).min(10))
        .y_labels(6)
        .y_label_formatter(&|value| format!("{value:.2}"))
        .label_style(("sans-serif", 15).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 16).into_font().color(&INK))
        .draw()?;
    for (name, colour, value) in series {
        let points: Vec<(u32, f32)> =
            history.iter().filter_map(|m| finite(value(m)).map(|value| (m.epoch, value))).collect();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    let corner =
        if range.is_some() { SeriesLabelPosition::LowerRight } else { SeriesLabelPosition::UpperRight };
    chart
        .configure_series_labels()
        .position(corner)
        .margin(12)
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .label_font(("sans-serif", 15).into_font().color(&INK))
        .draw()?;
    area.present()?;
    Ok(())
}

fn draw_confusion(svg: &mut String, name: &str, confusion: &Confusion) -> Drawn {
    let area = SVGBackend::with_string(svg, (560, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let font = |size: i32| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
    let centred = |size: i32| font(size).pos(Pos::new(HPos::Center, VPos::Center));
    let percent = 100.0 * confusion.balanced_accuracy();
    area.draw(&Text::new(
        format!("Pairs of {name} alphabets: {percent:.1} % balanced accuracy"),
        (280, 28),
        centred(19),
    ))?;
    area.draw(&Text::new("model says", (350, 66), centred(15)))?;
    let (left, top, width, height) = (160, 112, 190, 130);
    let columns = ["same alphabet", "different"];
    for (column, label) in columns.into_iter().enumerate() {
        let x = left + width * column as i32 + width / 2;
        area.draw(&Text::new(label, (x, top - 16), centred(15)))?;
    }
    let rows = [("same", [confusion.tp, confusion.fn_]), ("different", [confusion.fp, confusion.tn])];
    for (row, (label, counts)) in rows.into_iter().enumerate() {
        let y = top + height * row as i32;
        let middle = y + height / 2;
        let truth = font(15).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(format!("truly {label}"), (left - 14, middle), truth))?;
        let all = (counts[0] + counts[1]).max(1) as f64;
        for (column, count) in counts.into_iter().enumerate() {
            let x = left + width * column as i32;
            let share = count as f64 / all;
            area.draw(&Rectangle::new(
                [(x, y), (x + width, y + height)],
                TRAINING.mix(0.85 * share).filled(),
            ))?;
            area.draw(&Rectangle::new([(x, y), (x + width, y + height)], WHITE.stroke_width(3)))?;
            let ink = if share > 0.75 { WHITE } else { INK };
            let text = |size: i32| centred(size).color(&ink);
            area.draw(&Text::new(count.to_string(), (x + width / 2, middle - 12), text(24)))?;
            area.draw(&Text::new(format!("{:.1} %", 100.0 * share), (x + width / 2, middle + 18), text(15)))?;
        }
    }
    area.present()?;
    Ok(())
}

fn draw_reliability(svg: &mut String, name: &str, bins: &[Bin]) -> Drawn {
    let area = SVGBackend::with_string(svg, (560, 520)).into_drawing_area();
    area.fill(&WHITE)?;
    let error =
        calibration_error(bins).map_or(String::new(), |e| format!(": {:.1} % calibration error", 100.0 * e));
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .margin_right(28)
        .caption(format!("Pairs of {name} alphabets{error}"), ("sans-serif", 19).into_font().color(&INK))
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE.mix(0.0))
        .axis_style(INK)
        .x_desc("probability of the same alphabet")
        .y_desc("share that is of the same alphabet")
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| format!("{value:.1}"))
        .y_label_formatter(&|value| format!("{value:.1}"))
        .label_style(("sans-serif", 15).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 16).into_font().color(&INK))
        .draw()?;
    chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 5, INK.mix(0.6).stroke_width(1)))?;
    let filled = || bins.iter().filter(|bin| bin.pairs > 0);
    let points = filled().map(|bin| (bin.probability, bin.same));
    chart.draw_series(LineSeries::new(points, VALIDATION.stroke_width(2)))?;
    let most = bins.iter().map(|bin| bin.pairs).max().unwrap_or(0).max(1) as f64;
    // Areas are as the numbers of pairs.
    let radius = |bin: &Bin| (14.0 * (bin.pairs as f64 / most).sqrt()).round().max(2.0) as i32;
    chart
        .draw_series(filled().map(|bin| {
            Circle::new((bin.probability, bin.same), radius(bin), VALIDATION.mix(0.75).filled())
        }))?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: u32, loss: f32) -> EpochMetrics {
        EpochMetrics {
            epoch,
            loss,
            accuracy: 0.6,
            val_loss: loss * 1.1,
            val_accuracy: 0.55,
            val_auc: 0.57,
            threshold: 0.5,
            learning_rate: 1e-3,
        }
    }

    #[test]
    fn a_picture_is_the_same_every_time_and_has_its_words() {
        let history = [epoch(1, 0.3), epoch(2, 0.2), epoch(3, 0.1)];
        let svg = loss_curves(&history).unwrap();
        assert_eq!(svg, loss_curves(&history).unwrap());
        for word in ["Loss", "epoch", "training", "held-out alphabets", "</svg>"] {
            assert!(svg.contains(word), "{word}");
        }
        let confusion = Confusion { tp: 61, fn_: 39, fp: 42, tn: 58 };
        let svg = confusion_matrix("held-out", &confusion).unwrap();
        for word in ["61", "39.0 %", "truly different", "59.5 %"] {
            assert!(svg.contains(word), "{word}");
        }
        let bin = |pairs, probability, same| Bin { pairs, probability, same };
        let svg =
            reliability_diagram("held-out", &[bin(30, 0.2, 0.3), Bin::default(), bin(10, 0.7, 0.8)]).unwrap();
        for word in ["10.0 % calibration error", "<polyline", "probability of the same alphabet"] {
            assert!(svg.contains(word), "{word}");
        }
    }

    #[test]
    fn one_epoch_and_numbers_that_are_none_can_be_drawn() {
        assert!(loss_curves(&[epoch(1, 0.3)]).unwrap().contains("</svg>"));
        assert!(loss_curves(&[epoch(1, f32::NAN), epoch(2, f32::INFINITY)]).unwrap().contains("</svg>"));
        assert!(accuracy_curves(&[]).unwrap().contains("</svg>"));
        assert!(reliability_diagram("held-out", &[]).unwrap().contains("</svg>"));
        assert!(confusion_matrix("train", &Confusion::default()).unwrap().contains("</svg>"));
    }
}
