//! Figures with axes.

use plotters::prelude::*;

/// Grey that can be read on light and dark ground.
const GREY: RGBColor = RGBColor(128, 128, 128);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const BLUE: RGBColor = RGBColor(86, 180, 233);

const SIZE: (u32, u32) = (640, 360);

/// The error of a central difference of tanh at 0.7 against its step.
pub fn step_error() -> String {
    let slope = 1.0 - 0.7f64.tanh().powi(2);
    // A step that is added exactly, so that what is seen is the error of the difference alone.
    let steps: Vec<f64> = (-104..=0).map(|k| 2f64.powf(f64::from(k) / 2.0)).collect();
    let floor = 1e-13;
    let f64s = steps.iter().map(|h| (*h, ((0.7 + h).tanh() - (0.7 - h).tanh()) / (2.0 * h)));
    let f32s = steps.iter().filter(|h| **h > 1e-7).map(|h| {
        let (h, x) = (*h as f32, 0.7f32);
        (f64::from(h), f64::from(((x + h).tanh() - (x - h).tanh()) / (2.0 * h)))
    });
    let error = |(h, difference): (f64, f64)| (h, (difference - slope).abs().clamp(floor, 1.0));
    let curves: [(&str, RGBColor, Vec<(f64, f64)>); 2] =
        [("f32", ORANGE, f32s.map(error).collect()), ("f64", BLUE, f64s.map(error).collect())];

    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((1e-13f64..1.0).log_scale(), (1e-13f64..1.0).log_scale())
            .expect("memory");
        let label = ("sans-serif", 14).into_font().color(&GREY);
        let power = |value: &f64| format!("1e{}", value.log10().round());
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(GREY)
            .label_style(label.clone())
            .axis_desc_style(label)
            .x_desc("step h")
            .y_desc("error")
            .x_label_formatter(&power)
            .y_label_formatter(&power)
            .draw()
            .expect("memory");
        for (name, colour, points) in curves {
            let last = *points.last().expect("steps");
            let first = points[0];
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).expect("memory");
            let text = ("sans-serif", 16).into_font().color(&colour);
            let at = if name == "f32" { (first.0, 0.9) } else { (1e-11, 2e-4) };
            chart.draw_series([Text::new(name, at, text)]).expect("memory");
            let _ = last;
        }
        area.present().expect("memory");
    }
    accessible(&svg, "Two curves, each with a lowest point: f64 near a step of 1e-5, f32 near 1e-2")
}

/// Loss and gradient of a triplet in one dimension against where the negative is.
pub fn triplet() -> String {
    let (a, p, margin) = (0.0, 0.5, 1.0);
    let hinge = |n: f64| (a - p) * (a - p) - (a - n) * (a - n) + margin;
    let loss = |n: f64| hinge(n).max(0.0);
    let gradient = |n: f64| if hinge(n) > 0.0 { 2.0 * (a - n) } else { 0.0 };
    let places: Vec<f64> = (-200..=200).map(|k| f64::from(k) / 100.0).collect();
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(44)
            .y_label_area_size(54)
            .build_cartesian_2d(-2.0..2.0, -2.5..2.5)
            .expect("memory");
        let label = ("sans-serif", 14).into_font().color(&GREY);
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(GREY)
            .label_style(label.clone())
            .axis_desc_style(label)
            .x_desc("the negative n")
            .draw()
            .expect("memory");
        let f: [(&str, RGBColor, &dyn Fn(f64) -> f64, (f64, f64)); 2] =
            [("loss", ORANGE, &loss, (-0.2, 1.5)), ("dn", BLUE, &gradient, (-1.0, 2.2))];
        for (name, colour, f, at) in f {
            let points = places.iter().map(|n| (*n, f(*n)));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).expect("memory");
            let text = ("sans-serif", 16).into_font().color(&colour);
            chart.draw_series([Text::new(name, at, text)]).expect("memory");
        }
        area.present().expect("memory");
    }
    accessible(
        &svg,
        "The loss is a hill around the anchor and 0 beyond; the gradient is a straight line within, 0 beyond",
    )
}

/// With a label for those who do not see it, and a size that gives way on a small screen.
fn accessible(svg: &str, label: &str) -> String {
    let head =
        format!("<svg role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {} {}\" width=", SIZE.0, SIZE.1);
    let height = format!(" height=\"{}\"", SIZE.1);
    svg.replacen("<svg width=", &head, 1).replacen(&height, "", 1)
}
