//! The command line: parse, run, exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    twinglyph::cli::main()
}
