//! Embeddings in the plane.

use super::{GRID, INK, PAPER, SERIES, escape, hex};
use std::fmt::Write;

/// A glyph's place.
pub struct Dot {
    /// In the plane of the projection, any scale.
    pub at: [f64; 2],
    /// Its alphabet, as a number from 0; decides colour and shape.
    pub alphabet: usize,
    /// Which glyph it is, for the page that shows it.
    pub id: usize,
    /// Said of it where a pointer rests.
    pub words: String,
}

const SIDE: f64 = 480.0;
const TOP: f64 = 36.0;
const MARGIN: f64 = 14.0;
const ROW: f64 = 20.0;

/// A dot for each glyph. After the last colour the shapes change: circle, square, triangle, diamond. Both axes have one
/// scale, since only distances mean something.
///
/// The picture is written by hand, since each dot has an `id`, a class and words of its own.
pub fn map(title: &str, dots: &[Dot], alphabets: &[String]) -> String {
    let finite = || dots.iter().filter(|dot| dot.at.iter().all(|x| x.is_finite()));
    let range = |axis: usize| {
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), dot| {
            (low.min(dot.at[axis]), high.max(dot.at[axis]))
        });
        if low <= high { (low, high) } else { (0.0, 0.0) }
    };
    let ranges = [range(0), range(1)];
    let widest = ranges.iter().map(|(low, high)| high - low).fold(1e-12, f64::max);
    let scale = (SIDE - 2.0 * MARGIN) / widest;
    let place = |at: [f64; 2]| {
        let [x, y] = [0, 1].map(|axis| {
            let (low, high) = ranges[axis];
            SIDE / 2.0 + (at[axis] - (low + high) / 2.0) * scale
        });
        // Upwards, as in any chart.
        (x, TOP + SIDE - y)
    };
    let height = TOP + SIDE + 12.0 + ROW * alphabets.len() as f64 + 8.0;
    let (ink, paper, grid) = (hex(INK), hex(PAPER), hex(GRID));
    let mut svg = format!(
        "<svg width=\"{SIDE}\" height=\"{height}\" viewBox=\"0 0 {SIDE} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <rect width=\"{SIDE}\" height=\"{height}\" fill=\"{paper}\"/>\n\
         <text x=\"{}\" y=\"22\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"17\" fill=\"{ink}\">{}</text>\n\
         <rect x=\"1\" y=\"{TOP}\" width=\"{}\" height=\"{SIDE}\" fill=\"none\" stroke=\"{grid}\"/>\n",
        SIDE / 2.0,
        escape(title),
        SIDE - 2.0,
    );
    for dot in finite() {
        let (x, y) = place(dot.at);
        let _ = writeln!(
            svg,
            "<path class=\"dot\" data-glyph=\"{}\" data-alphabet=\"{}\" d=\"{}\" fill=\"{}\" fill-opacity=\"0.7\">\
             <title>{}</title></path>",
            dot.id,
            dot.alphabet,
            shape(dot.alphabet, (x, y)),
            hex(SERIES[dot.alphabet % SERIES.len()]),
            escape(&dot.words),
        );
    }
    for (i, name) in alphabets.iter().enumerate() {
        let y = TOP + SIDE + 12.0 + ROW * i as f64;
        let _ = writeln!(
            svg,
            "<g class=\"key\" data-alphabet=\"{i}\"><path d=\"{}\" fill=\"{}\"/>\
             <text x=\"34\" y=\"{}\" font-family=\"sans-serif\" font-size=\"15\" fill=\"{ink}\">{}</text></g>",
            shape(i, (22.0, y + 8.0)),
            hex(SERIES[i % SERIES.len()]),
            y + 13.0,
            escape(&name.replace('_', " ")),
        );
    }
    svg + "</svg>\n"
}

/// A path around a place; of four shapes, one for each round of the colours.
fn shape(alphabet: usize, (x, y): (f64, f64)) -> String {
    match alphabet / SERIES.len() % 4 {
        0 => format!("M{:.1} {y:.1}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4.0),
        1 => format!("M{:.1} {:.1}h7v7h-7z", x - 3.5, y - 3.5),
        2 => format!("M{x:.1} {:.1}l4.5 8h-9z", y - 5.0),
        _ => format!("M{x:.1} {:.1}l5 5l-5 5l-5 -5z", y - 5.0),
    }
}
