//! `twinglyph download`: Omniglot from where it is published.

use super::listener::Terminal;
use super::output::{note, print};
use std::path::PathBuf;
use twinglyph::data::download::{Fetched, Source, fetch};
use twinglyph::data::published::{ADDRESS, PUBLISHED, default_folder, remember};
use twinglyph::{Error, Result};

/// Fetch Omniglot's archives and Lake's one-shot runs with curl, and verify their checksums.
///
/// What is there already is kept, and a download that was interrupted goes on. Afterwards `--data omniglot` finds the 30
/// background alphabets, `--unseen omniglot-evaluation` the 20 others, `--runs omniglot-runs` the one-shot runs, and
/// `--data omniglot-small1` and `omniglot-small2` the small background sets, wherever they were put.
///
/// Example: twinglyph download, then twinglyph train --recipe quick --data omniglot
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// The folder to put them in; unless given, TWINGLYPH_DATA/omniglot, or twinglyph/omniglot in your folder for data.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A mirror, http or https, with the same files below it.
    #[arg(long, value_name = "URL", default_value = ADDRESS)]
    from: String,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

/// In seconds, for a connection and for one that brings nothing.
const PATIENCE: u32 = 30;

pub(super) fn run(arguments: Arguments) -> Result<()> {
    if !["http://", "https://"].iter().any(|scheme| arguments.from.starts_with(scheme)) {
        return Err(Error::usage(format!(
            "--from {}: expected an address that begins with https://",
            arguments.from
        )));
    }
    let folder = match arguments.to {
        Some(folder) => folder,
        None => default_folder()?,
    };
    let terminal = Terminal::new(arguments.quiet);
    let source = Source { address: &arguments.from, patience: PATIENCE, listener: &terminal };
    for published in &PUBLISHED {
        let fetched = fetch(published, &source, &folder)?;
        if !arguments.quiet {
            note(match fetched {
                Fetched::Already => format!("{}: is there already, checked", published.file()),
                Fetched::Bytes(bytes) => {
                    format!("{}: {} KiB, checked", published.file(), bytes.div_ceil(1024))
                }
            });
        }
    }
    match remember(&folder) {
        Ok(()) => print(format_args!("{}: now --data omniglot finds it", folder.display())),
        // All is there all the same.
        Err(error) => print(format_args!(
            "{}: give --data {}, since no note of it could be kept ({error})",
            folder.display(),
            folder.join(PUBLISHED[0].file()).display()
        )),
    }
}
