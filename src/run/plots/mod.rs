//! Pictures of a run, as SVG: one file a kind. They are drawn for light paper; [`themed`] lets a page choose the colours.

mod alphabets;
mod confusion;
mod curves;
mod histogram;
mod map;
mod reliability;
mod roc;

use crate::{Error, Result};
pub use alphabets::{AlphabetBar, alphabet_bars};
pub use confusion::confusion_matrix;
pub use curves::metrics_curves;
pub use histogram::distance_histogram;
pub use map::{Dot, map};
use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::prelude::*;
pub use reliability::reliability_diagram;
pub use roc::{RocCurve, roc_curves};

/// Small, so that the words can still be read when a telephone shows the whole width.
const SIZE: (u32, u32) = (480, 340);
const INK: RGBColor = RGBColor(40, 40, 40);
const PAPER: RGBColor = WHITE;
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Colours that the colour-blind tell apart (Okabe and Ito 2008).
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const YELLOW: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
const SERIES: [RGBColor; 6] = [BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY];

/// The colour of each set in every picture.
pub fn set_colour(name: &str) -> RGBColor {
    match name {
        "train" => BLUE,
        "held-out" => ORANGE,
        "unseen" => GREEN,
        _ => INK,
    }
}

/// The names of a page's colours in place of the light ones, for a picture that is part of a page.
pub fn themed(svg: &str) -> String {
    let names = [
        (INK, "ink"),
        (PAPER, "paper"),
        (GRID, "grid"),
        (BLUE, "blue"),
        (ORANGE, "orange"),
        (GREEN, "green"),
        (PURPLE, "purple"),
        (YELLOW, "yellow"),
        (SKY, "sky"),
    ];
    names.iter().fold(svg.to_string(), |svg, (colour, name)| {
        svg.replace(&format!("\"{}\"", hex(*colour)), &format!("\"var(--{name})\""))
    })
}

/// As SVG has it.
fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A picture of (width, height).
fn picture(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = area.fill(&PAPER).map_err(Into::into).and_then(|()| draw(&area));
        let presented = drawn.and_then(|()| area.present().map_err(Into::into));
        presented.map_err(|error: Box<dyn std::error::Error>| Error::input("picture", error.to_string()))?;
    }
    Ok(svg)
}

/// Words, of a size in pixels.
fn font<'a>(size: i32) -> TextStyle<'a> {
    // Plotters writes a font's size as that of its letters without what hangs below the line.
    TextStyle::from(("sans-serif", f64::from(size) * 1.24).into_font()).color(&INK)
}

/// Sizes of titles and of all other words.
const TITLE: i32 = 18;
const WORDS: i32 = 16;

/// A line of a legend.
struct Key {
    words: String,
    style: ShapeStyle,
}

/// The height of a legend's row.
const KEY: u32 = 22;

/// Draws a legend below a chart of a height: beside it, it would cover what is drawn, sooner or later.
fn legend(area: &Area<'_>, top: u32, keys: &[Key]) -> Drawn {
    let long = keys.iter().any(|key| key.words.len() > 22);
    let columns = if long { 1 } else { 2 };
    for (i, key) in keys.iter().enumerate() {
        let (x, y) = (60 + (i % columns) as i32 * 210, (top + (i / columns) as u32 * KEY) as i32);
        area.draw(&PathElement::new([(x, y + 9), (x + 24, y + 9)], key.style))?;
        area.draw(&Text::new(key.words.clone(), (x + 31, y), font(WORDS)))?;
    }
    Ok(())
}

/// What a legend adds to a picture's height.
fn legend_height(keys: &[Key]) -> u32 {
    let long = keys.iter().any(|key| key.words.len() > 22);
    KEY * (if long { keys.len() } else { keys.len().div_ceil(2) }) as u32 + 6
}

/// What a chart's axes say.
struct Axes<'a> {
    title: &'a str,
    x: &'a str,
    y: &'a str,
}

/// Axes on both of which the range is 0 to 1, as of shares.
fn unit_square<'a, 'b>(
    area: &'a Area<'b>,
    axes: &Axes<'_>,
) -> std::result::Result<UnitChart<'a, 'b>, Box<dyn std::error::Error>> {
    let mut chart = frame(area, axes).build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    let tenths = |value: &f64| format!("{value:.1}");
    mesh(&mut chart.configure_mesh(), axes)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&tenths)
        .y_label_formatter(&tenths)
        .draw()?;
    Ok(chart)
}

/// The axes and lines that every chart has.
fn mesh<'m, 'a, 'b, 's, X, Y>(
    style: &'m mut MeshStyle<'a, 'b, X, Y, SVGBackend<'s>>,
    axes: &Axes<'_>,
) -> &'m mut MeshStyle<'a, 'b, X, Y, SVGBackend<'s>>
where
    X: Ranged,
    Y: Ranged,
{
    style
        .bold_line_style(GRID)
        .light_line_style(PAPER.mix(0.0))
        .axis_style(INK)
        .x_desc(axes.x)
        .y_desc(axes.y)
        .label_style(font(WORDS))
        .axis_desc_style(font(WORDS))
}

type UnitChart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn frame<'a, 'b>(area: &'a Area<'b>, axes: &Axes<'_>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .margin(10)
        .margin_right(20)
        .caption(axes.title, font(TITLE))
        .x_label_area_size(46)
        .y_label_area_size(if axes.y.is_empty() { 58 } else { 70 });
    builder
}

/// Text as part of XML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // XML has no other control characters.
            c if c.is_control() && !['\t', '\n', '\r'].contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
