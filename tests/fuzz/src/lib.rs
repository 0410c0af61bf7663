//! One function for each kind of file from outside: it reads the bytes as the program does, and holds the reader to its
//! promises. No panic; an error is one line that begins with the file; what is accepted can be used.
//!
//! Each reader is given a file, in memory where the system has such a place: so all of it is watched, from the first look
//! at the path on.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use twinglyph::data::image::decode_glyph;
use twinglyph::data::omniglot;
use twinglyph::data::one_shot;
use twinglyph::recipes::Recipe;
use twinglyph::run::directory::RunDirectory;
use twinglyph::run::model_file::ModelFile;
use twinglyph::run::trace_file;
use twinglyph::run::trained::TrainedRun;
use twinglyph_engine::Error;
use twinglyph_lesson::trace::{Given, Trace};

/// A folder of this process alone.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("twinglyph-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the files");
        folder
    })
}

/// Removes what the readers were given.
pub fn clean_up() {
    fs::remove_dir_all(folder()).expect("the folder of the files");
}

/// The bytes as a file of a name.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

/// One line, about the file.
fn check_sentence(error: &Error, path: &Path) {
    let said = error.to_string();
    assert!(said.starts_with(&path.display().to_string()), "not about the file: {said}");
    assert!(said.lines().count() == 1 && !said.trim().is_empty(), "not one line: {said:?}");
}

/// A glyph's image.
pub fn png(bytes: &[u8]) {
    let path = file("glyph.png", bytes);
    match decode_glyph(&path, (20, 20)) {
        Ok(glyph) => {
            assert_eq!(glyph.ink.len(), 400);
            assert!(glyph.ink.iter().all(|ink| (0.0..=1.0).contains(ink)), "ink beyond 0 to 1");
        }
        Err(error) => check_sentence(&error, &path),
    }
}

/// An archive of glyphs, read as alphabets and as one-shot runs.
pub fn archive(bytes: &[u8]) {
    let path = file("glyphs.zip", bytes);
    let quiet = ();
    match omniglot::load(std::slice::from_ref(&path), &quiet) {
        Ok(set) => {
            let names: Vec<_> = set.alphabets().iter().map(|alphabet| &alphabet.name).collect();
            assert!(names.is_sorted_by(|a, b| a < b), "an alphabet stands twice");
            assert!(set.glyphs().iter().all(|glyph| (glyph.alphabet as usize) < names.len()));
        }
        Err(error) => check_sentence(&error, &path),
    }
    match one_shot::load(&path, &quiet) {
        Ok(runs) => assert!(!runs.is_empty()),
        Err(error) => check_sentence(&error, &path),
    }
}

/// A trained model.
pub fn model(bytes: &[u8]) {
    let path = file("model.safetensors", bytes);
    match TrainedRun::load(&path) {
        // What is accepted says the same when it is written and read again.
        Ok(_) => {
            let read = ModelFile::load(&path).expect("it has just been read");
            let again = ModelFile::from_bytes(&read.to_bytes()).expect("what was written");
            assert_eq!(read.to_bytes(), again.to_bytes());
        }
        Err(error) => check_sentence(&error, &path),
    }
}

/// A convolution to be traced.
pub fn problem(bytes: &[u8]) {
    let path = file("problem.json", bytes);
    match trace_file::read(&path, 1) {
        Ok(given) => match given.problem().and_then(|problem| Trace::new(problem, None)) {
            Ok(trace) => {
                let json = serde_json::to_string(&trace.json(None)).expect("finite numbers");
                let again = Given::from_json(&json, 2).and_then(|given| given.problem());
                assert_eq!(again.expect("what was written"), trace.problem);
                let _ = trace.draw();
            }
            Err(said) => assert!(said.lines().count() == 1, "not one line: {said:?}"),
        },
        Err(error) => check_sentence(&error, &path),
    }
}

/// A recipe; the part behind a NUL are settings laid over it, one a line.
pub fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, settings) = text.split_once('\0').unwrap_or((text, ""));
    let settings: Vec<String> = settings.lines().map(String::from).collect();
    match Recipe::parse("recipe.toml", text, &settings) {
        Ok(recipe) => {
            recipe.architecture().shapes().expect("what is accepted can be built");
            // What a run writes down of it is read again.
            let written = recipe.to_toml();
            let again = Recipe::parse("config.toml", &written, &[]).expect("what was written");
            assert_eq!(again.to_toml(), written);
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.lines().count() == 1 && !said.trim().is_empty(), "not one line: {said:?}");
        }
    }
}

/// A file of a run directory: the first byte says which.
pub fn run_directory(bytes: &[u8]) {
    const FILES: [&str; 4] = ["config.toml", "metrics.csv", "environment.json", "last.safetensors"];
    thread_local!(static BEFORE: RefCell<Option<PathBuf>> = const { RefCell::new(None) });
    let Some((&first, bytes)) = bytes.split_first() else { return };
    // One file at a time: it alone is at fault.
    BEFORE.with_borrow_mut(|before| {
        if let Some(path) = before.take() {
            fs::remove_file(path).expect("the file before");
        }
        let name = FILES[usize::from(first) % FILES.len()];
        let path = file(name, bytes);
        *before = Some(path.clone());
        if name != "config.toml" {
            fs::write(folder().join("config.toml"), "").expect("a file");
        }
        let directory = RunDirectory::begun(folder()).expect("it has a configuration");
        let error = match name {
            "config.toml" => directory.config().err(),
            "metrics.csv" => directory.metrics().map(|metrics| drop(metrics.readings())).err(),
            "environment.json" => directory.data_fingerprint().err(),
            _ => directory.last().err(),
        };
        if let Some(error) = error {
            check_sentence(&error, &path);
        }
    });
}
