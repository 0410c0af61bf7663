//! Ctrl-C, SIGTERM (`docker stop`, Slurm) and SIGHUP (a closed terminal): one asks the training to stop after its step, a
//! second ends the program at once.

use super::output::note;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use twinglyph::{Error, Result};

/// SIGINT's number.
const INT: u8 = 2;

/// The signal that came, or 0.
static CAME: AtomicU8 = AtomicU8::new(0);
static SAVED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
///
/// # Errors
/// When the system does not let it.
pub(super) fn listen() -> Result<()> {
    for_signals().map_err(|error| Error::input("Ctrl-C", error))
}

#[cfg(unix)]
fn for_signals() -> std::result::Result<(), String> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(|e| e.to_string())?;
    if !hanging_up_is_ignored() {
        signals.add_signal(SIGHUP).map_err(|e| e.to_string())?;
    }
    std::thread::spawn(move || signals.forever().for_each(|signal| came(signal as u8)));
    Ok(())
}

/// Whether who started the program wants it to outlive its terminal, as `nohup` does; where the system does not say, that is
/// taken for granted.
#[cfg(unix)]
fn hanging_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
fn for_signals() -> std::result::Result<(), String> {
    ctrlc::set_handler(|| came(INT)).map_err(|e| e.to_string())
}

fn came(signal: u8) {
    let before = CAME.swap(signal, Ordering::Relaxed);
    if SAVED.load(Ordering::Relaxed) || before != 0 {
        // Files are written beside their places and renamed: none is left half-written.
        std::process::exit(i32::from(code()));
    }
    note("Interrupted: finishing the step and saving. Ctrl-C once more ends at once.");
}

/// The exit code of a program that a signal ended: 128 and the signal's number.
pub(super) fn code() -> u8 {
    match CAME.load(Ordering::Relaxed) {
        0 => 128 + INT,
        signal => 128 + signal,
    }
}

/// Whether a signal came.
pub(super) fn asked() -> bool {
    CAME.load(Ordering::Relaxed) != 0
}

/// The training is done and saved; from now on one signal ends the program.
pub(super) fn saved() {
    SAVED.store(true, Ordering::Relaxed);
}
