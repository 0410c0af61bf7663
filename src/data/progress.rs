//! A progress bar for work that takes longer than a second.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts the steps done by any number of threads, and shows a bar on stderr when it takes long.
///
/// Nothing is shown when stderr is not a terminal; the bar is wiped away when the value is dropped.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    message: String,
    total: u64,
    done: AtomicU64,
    start: Instant,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// Work of `total` steps, described by `message` (for example `reading images.zip`); 0 where nobody knows how many. `quiet`
    /// shows nothing.
    pub fn new(quiet: bool, message: impl Into<String>, total: u64) -> Progress {
        Progress {
            shown: !quiet && std::io::stderr().is_terminal(),
            message: message.into(),
            total,
            done: AtomicU64::new(0),
            start: Instant::now(),
            bar: OnceLock::new(),
        }
    }

    /// One step is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // The clock is looked at now and then only: a step may be as short as 20 microseconds.
        if !self.shown || (!done.is_multiple_of(64) && done != self.total) {
            return;
        }
        if self.bar.get().is_none() && self.start.elapsed() < PATIENCE {
            return;
        }
        self.bar.get_or_init(|| self.new_bar()).set_position(done);
    }

    /// So many steps are done.
    pub fn reach(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        if self.shown && (self.bar.get().is_some() || self.start.elapsed() >= PATIENCE) {
            self.bar.get_or_init(|| self.new_bar()).set_position(done);
        }
    }

    /// How many steps are done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn new_bar(&self) -> ProgressBar {
        let (total, template) = match self.total {
            0 => (None, "{msg} {pos}"),
            total => (Some(total), "{msg} [{bar:40}] {pos} of {len}"),
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(self.message.clone());
        bar
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_quiet_shows_no_bar() {
        let progress = Progress::new(true, "reading", 200);
        (0..200).for_each(|_| progress.step());
        assert_eq!(progress.done(), 200);
        assert!(progress.bar.get().is_none());
    }
}
