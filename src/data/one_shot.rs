//! Lake's one-shot runs: `run01` to `run20`, each with `training/class01.png` ..., `test/item01.png` ... and
//! `class_labels.txt`, a line for each test image: `run01/test/item01.png run01/training/class08.png`.

use super::image::decode_pixels;
use super::omniglot::LoadOptions;
use super::source::Source;
use super::{GLYPH_SIZE, Pixels};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// One run: for each test glyph, which training glyph is of the same character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneShotRun {
    /// For example `run01`.
    pub name: String,
    /// One glyph of each class.
    pub training: Vec<Pixels>,
    /// The glyphs to be classified.
    pub test: Vec<Pixels>,
    /// For each test glyph, the index of its training glyph.
    pub answers: Vec<usize>,
    /// (height, width) of every glyph.
    pub size: (usize, usize),
}

enum File {
    Image(Pixels),
    Text(String),
}

const LABELS: &str = "class_labels.txt";

/// Reads the runs of a folder or an archive, sorted by name.
///
/// # Errors
/// When the path cannot be read, or a run lacks an image or a label; the message names it.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Vec<OneShotRun>> {
    let source = Source::open(path)?;
    let files = source.read_all(options.quiet, |entry, bytes| {
        let name = || source.name_of(entry);
        match &entry.parts()[..] {
            [.., _, "training" | "test", file] if file.ends_with(".png") => {
                decode_pixels(&name, bytes, GLYPH_SIZE).map(File::Image)
            }
            [.., _, LABELS] => String::from_utf8(bytes.to_vec())
                .map(File::Text)
                .map_err(|_| Error::input(name(), "is not text, expected lines of two image names")),
            _ => Err(Error::input(
                name(),
                "unexpected file, expected runNN/training/classNN.png, runNN/test/itemNN.png and runNN/class_labels.txt",
            )),
        }
    })?;
    // By run: the images by their name as the labels write it, and the labels.
    let mut runs: BTreeMap<String, Parts> = BTreeMap::new();
    for (entry, file) in source.entries().iter().zip(files) {
        let parts = entry.parts();
        match file {
            File::Text(text) => {
                let run = runs.entry(parts[parts.len() - 2].to_string()).or_default();
                (run.labels, run.labels_name) = (Some(text), source.name_of(entry));
            }
            File::Image(pixels) => {
                let [.., run_name, kind, file] = parts[..] else { unreachable!("matched above") };
                let run = runs.entry(run_name.to_string()).or_default();
                let images = if kind == "training" { &mut run.training } else { &mut run.test };
                images.insert(format!("{run_name}/{kind}/{file}"), pixels);
            }
        }
    }
    if runs.is_empty() {
        return Err(Error::input(source.name(), "holds no run, expected run01, run02, ..."));
    }
    runs.into_iter().map(|(name, parts)| parts.into_run(&source, name)).collect()
}

#[derive(Default)]
struct Parts {
    training: BTreeMap<String, Pixels>,
    test: BTreeMap<String, Pixels>,
    labels: Option<String>,
    labels_name: String,
}

impl Parts {
    fn into_run(self, source: &Source, name: String) -> Result<OneShotRun> {
        let Some(labels) = self.labels else {
            return Err(Error::input(format!("{}: {name}", source.name()), format!("has no {LABELS}")));
        };
        let mut answers = vec![None; self.test.len()];
        for (i, line) in labels.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let refuse =
                |message: String| Err(Error::input(format!("{}, line {}", self.labels_name, i + 1), message));
            let [test, training] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                return refuse("expected the names of a test image and of a training image".into());
            };
            let Some(test_index) = self.test.keys().position(|key| key == test) else {
                return refuse(format!("there is no test image {test}"));
            };
            let Some(training_index) = self.training.keys().position(|key| key == training) else {
                return refuse(format!("there is no training image {training}"));
            };
            if answers[test_index].replace(training_index).is_some() {
                return refuse(format!("{test} has a label already"));
            }
        }
        if let Some(missing) = answers.iter().position(Option::is_none) {
            let image = self.test.keys().nth(missing).map_or("", String::as_str);
            return Err(Error::input(self.labels_name, format!("has no line for {image}")));
        }
        if answers.is_empty() {
            return Err(Error::input(format!("{}: {name}", source.name()), "has no test image"));
        }
        Ok(OneShotRun {
            name,
            training: self.training.into_values().collect(),
            test: self.test.into_values().collect(),
            answers: answers.into_iter().flatten().collect(),
            size: GLYPH_SIZE,
        })
    }
}
