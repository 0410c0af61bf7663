//! `twinglyph compare`: the verdict on two glyphs.

use super::output::{note, print, print_json};
use crate::Result;
use crate::data::image::decode_glyph;
use crate::data::sampler::Label;
use crate::data::{GLYPH_SIZE, Pixels};
use crate::evaluate::calibration::Rule;
use crate::evaluate::embed::embed;
use crate::run::trained::TrainedRun;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Say whether two glyphs are of the same alphabet, and with what probability.
///
/// The probability is that of the same alphabet, when both answers are equally likely beforehand.
///
/// Example: twinglyph compare runs/quickstart-1 a.png b.png
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// A PNG: grey, colour, alpha or 1 bit, dark on light or light on dark.
    #[arg(value_name = "A.png")]
    left: PathBuf,
    /// Another.
    #[arg(value_name = "B.png")]
    right: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict {
    distance: f32,
    threshold: f32,
    /// One of these two: what the model was trained to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_alphabet: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_character: Option<bool>,
    /// When both answers are equally likely beforehand; null of a model file that has no calibration.
    probability: Option<f64>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut run = TrainedRun::load(&arguments.run)?;
    let glyphs = [read(&arguments.left)?, read(&arguments.right)?];
    let embeddings = embed(&mut run.model, GLYPH_SIZE, 2, |i| &glyphs[i])?;
    let distance = run.model.distances(&embeddings, &[(0, 1)])?[0];
    let Rule { threshold, calibration } = run.rule;
    let (same, label) = (distance <= threshold, run.config.label);
    let verdict = Verdict {
        distance,
        threshold,
        same_alphabet: (label == Label::Alphabet).then_some(same),
        same_character: (label == Label::Character).then_some(same),
        probability: calibration.map(|calibration| calibration.probability(distance)),
    };
    if arguments.json {
        return print_json(&verdict);
    }
    let (kind, plural, sign) = if same { ("same", "", "<=") } else { ("different", "s", ">") };
    let answer = format!("{kind} {}{plural}", label.name());
    let probability = verdict.probability.map_or(String::new(), |p| format!(", probability {p:.2}"));
    print(format_args!("{answer}: distance {distance:.4} {sign} threshold {threshold:.4}{probability}"))
}

/// A glyph's ink; a remark on stderr says what was done to make it fit.
pub(super) fn read(path: &Path) -> Result<Pixels> {
    let (height, width) = GLYPH_SIZE;
    let glyph = decode_glyph(path, GLYPH_SIZE)?;
    if glyph.source_size != (height, width) {
        let (h, w) = glyph.source_size;
        note(format_args!("{}: {h} x {w} pixels, fitted to {height} x {width}", path.display()));
    }
    if glyph.inverted {
        note(format_args!("{}: light on dark, taken as dark on light", path.display()));
    }
    Ok(Pixels::Grey(glyph.ink.iter().map(|ink| (255.0 * ink).round() as u8).collect()))
}
