//! `twinglyph completions`: what a shell needs to complete commands and flags.

use super::Cli;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::io::{self, ErrorKind, Write};
use twinglyph::{Error, Result};

/// Print the completions of a shell.
///
/// Example: twinglyph completions bash > ~/.local/share/bash-completion/completions/twinglyph
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "twinglyph", &mut script);
    match io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", error)),
        _ => Ok(()),
    }
}
