//! Lake's one-shot runs: 20 test images, each to be matched with one of 20 training images of another drawer.

use super::progress::Listener;
use super::source::{Source, unexpected};
use super::{Pixels, omniglot, png, published};
use crate::{Error, Result, files};
use std::collections::BTreeMap;
use std::path::Path;

const LAYOUT: &str = "one-shot runs at runNN/training/classNN.png, runNN/test/itemNN.png and runNN/class_labels.txt, in a folder such as all_runs or not";
const LABELS: &str = "class_labels.txt";

/// One run: its images, and which training image each test image belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneShotRun {
    /// For example `run01`.
    pub name: String,
    /// The training images, in the order of their numbers.
    pub training: Vec<Pixels>,
    /// The numbers themselves: 8 for class08.png.
    pub training_numbers: Vec<u32>,
    /// The test images, in the order of their numbers.
    pub test: Vec<Pixels>,
    /// The numbers themselves: 5 for item05.png.
    pub test_numbers: Vec<u32>,
    /// For each test image the index into `training` of the same character.
    pub answers: Vec<usize>,
    /// (height, width) of every image, in pixels.
    pub size: (usize, usize),
}

/// Loads the runs, sorted by name, from a folder or a zip archive such as `all_runs.zip`; `omniglot-runs`
/// is what `twinglyph download` has fetched.
///
/// # Errors
/// When the path does not exist or is neither a folder nor a whole zip archive; when a file in it does not belong to
/// the layout; when an image is not a whole PNG of 105 x 105; when a line of `class_labels.txt` does not name a test
/// and a training image of its run, or a test image has no line or two; when runs differ in their number of images.
pub fn load(path: &Path, listener: &dyn Listener) -> Result<Vec<OneShotRun>> {
    let source = Source::open(&published::resolve_one(path)?, LAYOUT)?;
    let mut runs: BTreeMap<&str, Parts> = BTreeMap::new();
    for i in 0..source.len() {
        let (folder, run, part) = part(&source, i)?;
        let parts = runs.entry(run).or_default();
        if *parts.folder.get_or_insert(folder) != folder {
            return Err(
                source.error(i, format!("is of {run}, which stands in another folder too, expected it once"))
            );
        }
        match part {
            Part::Labels => parts.labels = Some(i),
            Part::Training(number) => add(&source, &mut parts.training, number, i)?,
            Part::Test(number) => add(&source, &mut parts.test, number, i)?,
        }
    }
    let contents = source.read_all(listener, |i, bytes| {
        let result = if source.name(i).ends_with(LABELS) {
            files::utf8(bytes, "lines of two image names").map(Content::Text)
        } else {
            png::glyph(bytes, omniglot::SIZE).map(Content::Image)
        };
        result.map_err(|message| source.error(i, message))
    })?;
    let runs: Vec<OneShotRun> =
        runs.iter().map(|(name, parts)| build(&source, name, parts, &contents)).collect::<Result<_>>()?;
    check_alike(&source, &runs)?;
    Ok(runs)
}

/// The files of one run, by number.
#[derive(Default)]
struct Parts<'a> {
    folder: Option<&'a str>,
    training: BTreeMap<u32, usize>,
    test: BTreeMap<u32, usize>,
    labels: Option<usize>,
}

enum Part {
    Training(u32),
    Test(u32),
    Labels,
}

enum Content {
    Image(Pixels),
    Text(String),
}

/// What file `i` is: the folder around its run (`all_runs/` or nothing), the run, and the part.
fn part(source: &Source, i: usize) -> Result<(&str, &str, Part)> {
    let name = source.name(i);
    let names: Vec<&str> = name.split('/').collect();
    let (parsed, depth) = match names[..] {
        [.., LABELS] => (Some(Part::Labels), 2),
        [.., "training", file] => (numbered(file, "class", ".png").map(Part::Training), 3),
        [.., "test", file] => (numbered(file, "item", ".png").map(Part::Test), 3),
        _ => (None, 3),
    };
    let folder = match names.len().checked_sub(depth) {
        Some(0) => "",
        Some(1) => &name[..=names[0].len()],
        _ => return Err(unexpected(source.place(name), LAYOUT)),
    };
    let run = names[names.len() - depth];
    match parsed.filter(|_| numbered(run, "run", "").is_some()) {
        Some(part) => Ok((folder, run, part)),
        None => Err(unexpected(source.place(name), LAYOUT)),
    }
}

/// The number between `prefix` and `suffix`.
fn numbered(name: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Notes that image `number` is file `i`.
fn add(source: &Source, images: &mut BTreeMap<u32, usize>, number: u32, i: usize) -> Result<()> {
    match images.insert(number, i) {
        Some(other) => {
            let message =
                format!("has the same number as {}, expected one image of each", source.name(other));
            Err(source.error(i, message))
        }
        None => Ok(()),
    }
}

/// Puts a run together from its files' contents.
fn build(source: &Source, name: &str, parts: &Parts, contents: &[Content]) -> Result<OneShotRun> {
    let folder = parts.folder.unwrap_or_default();
    let missing = |file: &str| {
        Error::input(
            source.place(&format!("{folder}{name}/{file}")),
            "does not exist, expected it in every one-shot run",
        )
    };
    if parts.training.is_empty() {
        return Err(missing("training/class01.png"));
    }
    if parts.test.is_empty() {
        return Err(missing("test/item01.png"));
    }
    let labels = parts.labels.ok_or_else(|| missing(LABELS))?;
    let Content::Text(lines) = &contents[labels] else {
        return Err(missing(LABELS));
    };
    let images = |files: &BTreeMap<u32, usize>| -> Vec<Pixels> {
        let image = |i: &usize| match &contents[*i] {
            Content::Image(pixels) => Some(pixels.clone()),
            Content::Text(_) => None,
        };
        files.values().filter_map(image).collect()
    };
    Ok(OneShotRun {
        name: name.into(),
        training: images(&parts.training),
        training_numbers: parts.training.keys().copied().collect(),
        test: images(&parts.test),
        test_numbers: parts.test.keys().copied().collect(),
        answers: answers(source, name, parts, labels, lines)?,
        size: omniglot::SIZE,
    })
}

/// For each test image the index of its training image, as the lines of file `labels` say.
fn answers(source: &Source, run: &str, parts: &Parts, labels: usize, lines: &str) -> Result<Vec<usize>> {
    let folder = parts.folder.unwrap_or_default();
    let position = |files: &BTreeMap<u32, usize>, image: &str| {
        files.values().position(|&i| source.name(i).strip_prefix(folder) == Some(image))
    };
    let mut answers = vec![None; parts.test.len()];
    for (number, line) in lines.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let refuse = |message: String| Err(source.error(labels, format!("line {} {message}", number + 1)));
        let &[test, training] = &words[..] else {
            return refuse("is not two words, expected a test image and a training image".into());
        };
        let Some(item) = position(&parts.test, test) else {
            return refuse(format!("names {test:?}, expected a test image such as {run}/test/item01.png"));
        };
        let Some(class) = position(&parts.training, training) else {
            return refuse(format!(
                "names {training:?}, expected a training image such as {run}/training/class01.png"
            ));
        };
        if answers[item].replace(class).is_some() {
            return refuse(format!("names {test} a second time, expected one line for each test image"));
        }
    }
    let files = parts.test.values();
    answers
        .into_iter()
        .zip(files)
        .map(|(answer, &i)| {
            answer.ok_or_else(|| {
                let image = &source.name(i)[folder.len()..];
                source.error(labels, format!("has no line for {image}, expected one for each test image"))
            })
        })
        .collect()
}

/// All runs must be of one size: the figure is a mean over them.
fn check_alike(source: &Source, runs: &[OneShotRun]) -> Result<()> {
    let counts = |run: &OneShotRun| (run.training.len(), run.test.len());
    let first = &runs[0];
    let (training, test) = counts(first);
    match runs.iter().find(|run| counts(run) != (training, test)) {
        Some(run) => Err(Error::input(
            source.place(&run.name),
            format!(
                "has {} training and {} test images, expected {training} and {test} as in {}",
                run.training.len(),
                run.test.len(),
                first.name
            ),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
