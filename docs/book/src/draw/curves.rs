//! Figures with axes.

use plotters::prelude::*;

/// Grey that can be read on light and dark ground.
const GREY: RGBColor = RGBColor(128, 128, 128);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const BLUE: RGBColor = RGBColor(86, 180, 233);

const SIZE: (u32, u32) = (640, 360);

/// A curve: its name and where that stands, its colour, its points.
type Curve = (&'static str, (f64, f64), RGBColor, Vec<(f64, f64)>);

/// The error of a central difference of 1 / (1 + x^2) at 0.7 against its step.
///
/// Of this function, since it needs no more than the arithmetic that is the same on every machine.
pub fn step_error() -> String {
    let slope = -1.4 / (1.49 * 1.49);
    let double = |h: f64| {
        let f = |x: f64| 1.0 / (1.0 + x * x);
        (f(0.7 + h) - f(0.7 - h)) / (2.0 * h)
    };
    let single = |h: f64| {
        let (h, f) = (h as f32, |x: f32| 1.0 / (1.0 + x * x));
        f64::from((f(0.7 + h) - f(0.7 - h)) / (2.0 * h))
    };
    // Steps of ten and of three.
    let steps: Vec<f64> = (0..26)
        .map(|k| {
            [1.0, 3.0][k % 2]
                * [1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1][k / 2]
        })
        .collect();
    let error = |h: f64, difference: f64| (h, (difference - slope).abs().clamp(1e-13, 1.0));
    let curves: [Curve; 2] = [
        (
            "f32",
            (3e-7, 0.6),
            ORANGE,
            steps.iter().filter(|h| **h >= 1e-7).map(|h| error(*h, single(*h))).collect(),
        ),
        ("f64", (3e-12, 3e-3), BLUE, steps.iter().map(|h| error(*h, double(*h))).collect()),
    ];
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((1e-13f64..1.0).log_scale(), (1e-13f64..1.0).log_scale())
            .expect("memory");
        let power = |value: &f64| format!("1e{}", value.log10().round());
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(GREY)
            .label_style(("sans-serif", 14).into_font().color(&GREY))
            .x_desc("step h")
            .y_desc("error")
            .x_label_formatter(&power)
            .y_label_formatter(&power)
            .draw()
            .expect("memory");
        for (name, at, colour, points) in curves {
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).expect("memory");
            chart
                .draw_series([Text::new(name, at, ("sans-serif", 16).into_font().color(&colour))])
                .expect("memory");
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
    let places = || (-200..=200).map(|k| f64::from(k) / 100.0);
    let curves: [Curve; 2] = [
        ("loss", (-0.2, 1.5), ORANGE, places().map(|n| (n, loss(n))).collect()),
        ("dn", (-1.0, 2.2), BLUE, places().map(|n| (n, gradient(n))).collect()),
    ];
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(44)
            .y_label_area_size(54)
            .build_cartesian_2d(-2.0..2.0, -2.5..2.5)
            .expect("memory");
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(GREY)
            .label_style(("sans-serif", 14).into_font().color(&GREY))
            .x_desc("the negative n")
            .draw()
            .expect("memory");
        for (name, at, colour, points) in curves {
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).expect("memory");
            chart
                .draw_series([Text::new(name, at, ("sans-serif", 16).into_font().color(&colour))])
                .expect("memory");
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
