//! Printing: results on stdout, everything else on stderr, and no panic when a pipe is closed.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

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

/// Prints a remark on stderr.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
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
    note(format_args!("error: {error}"));
}

/// Sets the number of threads that all work is spread over; the result does not depend on it.
pub(super) fn use_threads(threads: Option<u16>) -> Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .build_global()
        .map_err(|error| Error::input(format!("--threads {threads}"), error.to_string()))
}
