//! Ctrl-C: once asks the training to stop after its step, twice ends the program at once.

use super::output::note;
use std::sync::atomic::{AtomicBool, Ordering};
use twinglyph::{Error, Result};

/// The exit code of a program that an interrupt ended: 128 and the signal's number.
pub(super) const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);
static SAVED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
///
/// # Errors
/// When the system does not let it.
pub(super) fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if SAVED.load(Ordering::Relaxed) || ASKED.swap(true, Ordering::Relaxed) {
            // Files are written beside their places and renamed: none is left half-written.
            std::process::exit(i32::from(INTERRUPTED));
        }
        note("Interrupted: finishing the step and saving. Ctrl-C once more ends at once.");
    })
    .map_err(|error| Error::input("Ctrl-C", error.to_string()))
}

/// Whether there was a Ctrl-C.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// The training is done and saved; from now on one Ctrl-C ends the program.
pub(super) fn saved() {
    SAVED.store(true, Ordering::Relaxed);
}
