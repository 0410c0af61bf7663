//! Printing: results on stdout, everything else on stderr, and no panic when a pipe is closed.

use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use twinglyph::{Error, Result};
use twinglyph_engine::error::printable;

/// As many threads as a program may be told to start.
pub(super) const MOST_THREADS: i64 = 1024;

/// Prints a result and a line's end on stdout. A reader who has gone away wants no more, and gets no error.
pub(super) fn print(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", error)),
        _ => Ok(()),
    }
}

/// Prints a result as one line of JSON on stdout.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string(value).map_err(|error| Error::input("JSON", error.to_string()))?)
}

/// Prints a remark on stderr, without what a terminal would obey: it may have the names of files in it.
pub(super) fn note(text: impl Display) {
    let text = text.to_string();
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// A number with so many decimals, or a word where there is none: the accuracy of pairs of one kind, for example.
pub(super) fn known(number: impl Into<f64>, decimals: usize) -> String {
    let number = number.into();
    if number.is_nan() { "unknown".into() } else { format!("{number:.decimals$}") }
}

/// Refuses a name for `--picture` that is not a PNG's, before anything is computed.
pub(super) fn check_picture(path: Option<&Path>) -> Result<()> {
    let is_png =
        |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    match path.filter(|path| !is_png(path)) {
        Some(path) => {
            let message = "expected a name that ends in .png";
            Err(Error::usage(format!("--picture {}: {message}", path.display())))
        }
        None => Ok(()),
    }
}

/// Prints an error on stderr.
pub(super) fn complain(error: &Error) {
    let said = error.to_string();
    note(match error {
        // Its flag, as it was typed.
        Error::Argument { name, .. } => format!("error: --{}{}", name.replace('_', "-"), &said[name.len()..]),
        _ => format!("error: {said}"),
    });
}

/// Starts the threads that all work is spread over: as many as said, else as `RAYON_NUM_THREADS` says, else one for each core.
/// The result does not depend on it.
pub(super) fn use_threads(threads: Option<u16>) -> Result<()> {
    let variable = std::env::var("RAYON_NUM_THREADS").ok().filter(|_| threads.is_none());
    let what = match (threads, &variable) {
        (Some(threads), _) => format!("--threads {threads}"),
        (None, Some(value)) => format!("RAYON_NUM_THREADS={value}"),
        (None, None) => "threads".into(),
    };
    // rayon takes what is no number for none.
    let fits =
        |value: &str| value.is_empty() || value.parse().is_ok_and(|count: u64| count <= MOST_THREADS as u64);
    if variable.is_some_and(|value| !fits(&value)) {
        return Err(Error::usage(format!("{what}: expected a number of threads, at most {MOST_THREADS}")));
    }
    // 0 is rayon's own choice.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0).into())
        .build_global()
        .map_err(|error| Error::input(what, format!("cannot be started ({error}), expected fewer")))
}
