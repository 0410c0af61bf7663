//! The book on convolution's backward pass, and what builds it.
//!
//! A chapter is Markdown in `chapters/`, with
//!
//! ```text
//! $...$, $$...$$                     a formula in LaTeX's notation; becomes MathML
//! {{#item FILE NAME}}                an item of the engine's own source, with its comment
//! {{#figure NAME "caption"}}         figures/NAME.svg, drawn by `draw/`
//! {{#table NAME}}                    generated/NAME.md, made from the engine
//! {{#run COMMAND}}                   the command, and its output from generated/
//! ```
//!
//! Code blocks marked `rust` are tests of this crate; those marked `rust,ignore` hold items and nothing else.

mod build;
#[cfg(doctest)]
mod doctests;
mod draw;
mod expand;
mod item;
mod math;
mod zoo;

pub use build::{build, chapters};
pub use expand::{commands, output_name};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What went wrong, in one sentence.
pub type Result<T> = std::result::Result<T, String>;

/// Where things stand.
pub struct Paths {
    /// The project.
    pub root: PathBuf,
    /// docs/book.
    pub book: PathBuf,
}

impl Paths {
    /// Of the project that this crate is part of.
    pub fn of_this_project() -> Paths {
        let book = Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
        Paths { root: book.join("../..").components().collect(), book }
    }
}

/// Reads a file of the project.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Everything in the book that is not written by hand, by the path that it belongs to: figures, tables, outputs of commands.
///
/// # Errors
/// A chapter that cannot be read, or a command that fails.
pub fn generate(paths: &Paths) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for (name, svg) in draw::figures() {
        files.insert(paths.book.join(format!("figures/{name}.svg")), svg);
    }
    files.insert(paths.book.join("generated/zoo.md"), zoo::table());
    let program = program(paths)?;
    for chapter in chapters(paths)? {
        for command in commands(&read(&paths.book.join("chapters").join(&chapter))?) {
            let output = paths.book.join("generated").join(output_name(&command));
            let text = run(&program, &command).map_err(|said| format!("{chapter}: {said}"))?;
            // Two commands that differ in signs alone would have one name.
            if files.insert(output, text.clone()).is_some_and(|other| other != text) {
                return Err(format!("{chapter}: {command}: another command's output has the same name"));
            }
        }
    }
    Ok(files)
}

/// What `twinglyph ...` prints.
fn run(program: &Path, command: &str) -> Result<String> {
    let arguments = words(command);
    let Some(("twinglyph", arguments)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    else {
        return Err(format!("{command}: expected a command of twinglyph"));
    };
    let output = Command::new(program)
        .args(arguments)
        // The same digits on every machine.
        .env("TWINGLYPH_SIMD", "portable")
        .output()
        .map_err(|error| format!("{command}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command}: {error}"))
}

/// Builds the program `twinglyph` and says where it is.
///
/// As the workspace's tests are built, so that among them nothing is compiled a second time with other features.
///
/// # Errors
/// When it cannot be built.
pub fn program(paths: &Paths) -> Result<PathBuf> {
    let output = Command::new(std::env::var("CARGO").unwrap_or("cargo".into()))
        .args(["test", "--release", "--workspace", "--no-run", "--test", "trace", "--message-format=json"])
        .current_dir(&paths.root)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let built = said.split("\"executable\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    match built.map(PathBuf::from).find(|path| path.file_stem().is_some_and(|name| name == "twinglyph")) {
        Some(path) if output.status.success() => Ok(path),
        _ => Err(format!("twinglyph cannot be built: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// The words of a command; double quotes keep some together.
pub fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (k, part) in command.split('"').enumerate() {
        match k % 2 {
            0 => words.extend(part.split_whitespace().map(String::from)),
            _ => words.push(part.into()),
        }
    }
    words
}
