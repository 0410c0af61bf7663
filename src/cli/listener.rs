//! What the library says while it works, on a terminal: remarks, and a bar for work that takes longer than a second.

use super::output::note;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use twinglyph::data::progress::Listener;

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Remarks as lines on stderr; a bar where that is a terminal, wiped away when the work is over.
pub(super) struct Terminal {
    quiet: bool,
    shown: bool,
    work: Mutex<Option<(Instant, Option<ProgressBar>)>>,
}

impl Terminal {
    /// `quiet` shows nothing.
    pub(super) fn new(quiet: bool) -> Terminal {
        let shown = !quiet && std::io::stderr().is_terminal();
        Terminal { quiet, shown, work: Mutex::new(None) }
    }

    fn work(&self) -> MutexGuard<'_, Option<(Instant, Option<ProgressBar>)>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Terminal {
    fn remark(&self, sentence: &str) {
        if !self.quiet {
            note(sentence);
        }
    }

    fn progress(&self, work: &str, done: u64, total: u64) {
        if !self.shown {
            return;
        }
        let mut at_work = self.work();
        let (start, bar) = at_work.get_or_insert_with(|| (Instant::now(), None));
        if start.elapsed() >= PATIENCE {
            bar.get_or_insert_with(|| new_bar(work, total)).set_position(done);
        }
    }

    fn over(&self) {
        if let Some((_, Some(bar))) = self.work().take() {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(work: &str, total: u64) -> ProgressBar {
    let (total, template) = match total {
        0 => (None, "{msg} {pos}"),
        total => (Some(total), "{msg} [{bar:40}] {pos} of {len}"),
    };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(work.to_string());
    bar
}
