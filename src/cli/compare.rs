//! `twinglyph compare`: the verdict on two glyphs, on two sets of glyphs, or on many pairs of either.

use super::output::{note, print, print_json};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinglyph::data::image::{decode_glyph, pngs_in};
use twinglyph::data::sampler::Label;
use twinglyph::data::{GLYPH_SIZE, Pixels};
use twinglyph::evaluate::embed::{embed, mean};
use twinglyph::files;
use twinglyph::run::trained::TrainedRun;
use twinglyph::{Error, Result};
use twinglyph_engine::error::printable;
use twinglyph_engine::tensor::Tensor;

/// Say whether two glyphs are of the same alphabet, and with what probability.
///
/// A folder stands for all PNGs in it: two sets are compared by the means of their glyphs' embeddings, which says far more
/// than two glyphs do; threshold and probability are then those chosen for sets of that size (2, 5, 10 or 20 glyphs a
/// side, the largest that both have). The probability is that of the same alphabet, when both answers are equally
/// likely beforehand. --pairs takes a CSV file of two columns, each a PNG or a folder; its answer is CSV too.
///
/// Example: twinglyph compare runs/quickstart-1 a.png b.png
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// A PNG (grey, colour, alpha or 1 bit, dark on light or light on dark), or a folder of them.
    #[arg(value_name = "A", required_unless_present = "pairs")]
    left: Option<PathBuf>,
    /// Another.
    #[arg(value_name = "B", required_unless_present = "pairs")]
    right: Option<PathBuf>,
    /// Many at once: a CSV file, A and B in each row.
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["left", "right"])]
    pairs: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The largest file of pairs that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict {
    /// Of a row of `--pairs`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    row: Option<Row>,
    distance: f32,
    threshold: f32,
    /// One of these two: what the model was trained to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_alphabet: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_character: Option<bool>,
    /// When both answers are equally likely beforehand; null of a model file that has no calibration.
    probability: Option<f64>,
    /// Of each side, where one has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    glyphs: Option<[usize; 2]>,
    /// What was done to make the images fit, as stderr has it.
    remarks: Vec<String>,
    #[serde(skip)]
    same: bool,
}

#[derive(Serialize)]
struct Row {
    left: String,
    right: String,
}

/// What can be compared: the mean of some glyphs' embeddings.
struct Side {
    /// In the table of means.
    row: usize,
    glyphs: usize,
    remarks: Vec<String>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut run = TrainedRun::load(&arguments.run)?;
    if let Some(path) = &arguments.pairs {
        return many(&mut run, path, arguments.json);
    }
    let (Some(left), Some(right)) = (arguments.left, arguments.right) else {
        return Err(Error::usage("expected A and B, or --pairs FILE.csv"));
    };
    let verdict = compare(&mut run, &[[left, right]])?.remove(0);
    if arguments.json {
        return print_json(&verdict);
    }
    let Verdict { distance, threshold, same, .. } = verdict;
    let (kind, plural, sign) = if same { ("same", "", "<=") } else { ("different", "s", ">") };
    let answer = format!("{kind} {}{plural}", run.config.label.name());
    let probability = verdict.probability.map_or(String::new(), |p| format!(", probability {p:.2}"));
    let sets = verdict.glyphs.map_or(String::new(), |[a, b]| format!(" ({a} and {b} glyphs)"));
    print(format_args!("{answer}{sets}: distance {distance:.4} {sign} threshold {threshold:.4}{probability}"))
}

/// Reads pairs, and answers in the same order.
fn many(run: &mut TrainedRun, path: &Path, json: bool) -> Result<()> {
    let refuse = |message: String| Error::input(path.display(), message);
    let mut pairs = Vec::new();
    let bytes = files::read_stream(path, "pairs of PNGs or folders in CSV", LARGEST)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(&bytes[..]);
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|error| refuse(error.to_string()))?;
        match (record.get(0), record.get(1), record.len()) {
            (Some(left), Some(right), 2) if !left.is_empty() && !right.is_empty() => {
                // A first row of two plain words names the columns.
                let is_word = |text: &str| !text.contains(['.', '/', '\\']) && !Path::new(text).exists();
                if i > 0 || !is_word(left) || !is_word(right) {
                    pairs.push([PathBuf::from(left), PathBuf::from(right)]);
                }
            }
            _ => {
                let line = record.position().map_or(0, |position| position.line());
                let message = format!("line {line} has {} columns, expected A and B", record.len());
                return Err(refuse(message));
            }
        }
    }
    if pairs.is_empty() {
        return Err(refuse("has no pair in it, expected two PNGs or folders in each row".into()));
    }
    let mut verdicts = compare(run, &pairs)?;
    for (verdict, pair) in verdicts.iter_mut().zip(&pairs) {
        let [left, right] = pair.each_ref().map(|path| path.display().to_string());
        verdict.row = Some(Row { left, right });
    }
    if json {
        return print_json(&verdicts);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let wrong = |error: csv::Error| refuse(error.to_string());
    let answer = format!("same_{}", run.config.label.name());
    writer.write_record(["left", "right", "distance", "threshold", &answer, "probability"]).map_err(wrong)?;
    for verdict in &verdicts {
        let Some(Row { left, right }) = &verdict.row else { continue };
        let [distance, threshold] = [verdict.distance, verdict.threshold].map(|number| number.to_string());
        let probability = verdict.probability.map_or(String::new(), |p| p.to_string());
        let same = verdict.same.to_string();
        writer.write_record([left, right, &distance, &threshold, &same, &probability]).map_err(wrong)?;
    }
    let bytes = writer.into_inner().map_err(|error| refuse(error.to_string()))?;
    print(String::from_utf8_lossy(&bytes).trim_end())
}

/// The verdict on each pair; what stands in several is read and encoded once.
fn compare(run: &mut TrainedRun, pairs: &[[PathBuf; 2]]) -> Result<Vec<Verdict>> {
    let mut sides: BTreeMap<&Path, Side> = BTreeMap::new();
    let mut means = Vec::new();
    for path in pairs.iter().flatten() {
        if sides.contains_key(path.as_path()) {
            continue;
        }
        let (glyphs, remarks): (Vec<Pixels>, Vec<Vec<String>>) = read_all(path)?.into_iter().unzip();
        let embeddings = embed(&run.model, GLYPH_SIZE, glyphs.len(), |i| &glyphs[i])?;
        let width = embeddings.dims()[1];
        let normalised = run.model.architecture().normalises();
        match glyphs.len() {
            // As it is: the mean of one would be brought to length 1 once more.
            1 => means.extend_from_slice(embeddings.values()),
            _ => means.extend(mean(embeddings.values().chunks(width), width, normalised)),
        }
        let side = Side { row: sides.len(), glyphs: glyphs.len(), remarks: remarks.concat() };
        sides.insert(path, side);
    }
    let width = means.len() / sides.len().max(1);
    let means = Tensor::new([sides.len(), width], means)?;
    let found: Vec<[&Side; 2]> =
        pairs.iter().map(|pair| pair.each_ref().map(|path| &sides[path.as_path()])).collect();
    let rows: Vec<(usize, usize)> = found.iter().map(|[a, b]| (a.row, b.row)).collect();
    let mut distances = run.model.distances(&means, &rows)?;
    if !run.model.architecture().head {
        // The loss keeps the distance of equals from 0, where the root has no slope; an answer need not.
        let row = |i: usize| &means.values()[i * width..][..width];
        for (distance, &(a, b)) in distances.iter_mut().zip(&rows) {
            *distance = if row(a) == row(b) { 0.0 } else { *distance };
        }
    }
    let label = run.config.label;
    let verdict = |(sides, distance): ([&Side; 2], f32)| {
        let [a, b] = sides.map(|side| side.glyphs);
        let own = if sides[0].row == sides[1].row { &sides[..1] } else { &sides[..] };
        let remarks = own.iter().flat_map(|side| side.remarks.clone()).collect();
        let (rule, _) = run.rule_for(a.min(b));
        let same = distance <= rule.threshold;
        Verdict {
            row: None,
            distance,
            threshold: rule.threshold,
            same_alphabet: (label == Label::Alphabet).then_some(same),
            same_character: (label == Label::Character).then_some(same),
            probability: rule.calibration.map(|calibration| calibration.probability(distance)),
            glyphs: (a.max(b) > 1).then_some([a, b]),
            remarks,
            same,
        }
    };
    Ok(found.into_iter().zip(distances).map(verdict).collect())
}

/// A glyph, or those of a folder by their names, each with the remarks on it.
fn read_all(path: &Path) -> Result<Vec<(Pixels, Vec<String>)>> {
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    pngs_in(path)?.iter().map(|file| read(file)).collect()
}

/// A glyph's ink, and remarks on what was done to make it fit, which stderr has too.
pub(super) fn read(path: &Path) -> Result<(Pixels, Vec<String>)> {
    let (height, width) = GLYPH_SIZE;
    let glyph = decode_glyph(path, GLYPH_SIZE)?;
    let path = printable(&path.display().to_string());
    let mut remarks = Vec::new();
    if glyph.source_size != (height, width) {
        let (h, w) = glyph.source_size;
        remarks.push(format!("{path}: {h} x {w} pixels, fitted to {height} x {width}"));
    }
    if glyph.inverted {
        remarks.push(format!("{path}: light on dark, taken as dark on light"));
    }
    remarks.iter().for_each(note);
    Ok((glyph.pixels(), remarks))
}
