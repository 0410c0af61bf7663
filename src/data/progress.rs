//! Who hears of work that takes long, and of what was understood: the library itself prints nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Hears of loading and of other work that can take long; any thread calls it.
pub trait Listener: Sync {
    /// A remark on what was read, for example how a tree of images was understood.
    fn remark(&self, _sentence: &str) {}
    /// `done` of `total` steps of `work` are done (for example `reading images.zip`); a `total` of 0 is not known.
    fn progress(&self, _work: &str, _done: u64, _total: u64) {}
    /// The work that `progress` told of is over, well or not.
    fn over(&self) {}
}

/// Nobody listens.
impl Listener for () {}

/// Counts the steps done by any number of threads, and lets a listener know.
pub struct Progress<'a> {
    listener: &'a dyn Listener,
    work: String,
    total: u64,
    done: AtomicU64,
}

impl<'a> Progress<'a> {
    /// Work of `total` steps; 0 where nobody knows how many.
    pub fn new(listener: &'a dyn Listener, work: impl Into<String>, total: u64) -> Progress<'a> {
        Progress { listener, work: work.into(), total, done: AtomicU64::new(0) }
    }

    /// One step is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // Now and then will do: a step may be as short as 20 microseconds.
        if done.is_multiple_of(64) || done == self.total {
            self.listener.progress(&self.work, done, self.total);
        }
    }

    /// So many steps are done.
    pub fn reach(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.listener.progress(&self.work, done, self.total);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.listener.over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Ear(Mutex<Vec<(u64, u64)>>);

    impl Listener for Ear {
        fn progress(&self, work: &str, done: u64, total: u64) {
            assert_eq!(work, "reading");
            self.0.lock().unwrap().push((done, total));
        }

        fn over(&self) {
            self.0.lock().unwrap().push((0, 0));
        }
    }

    #[test]
    fn a_listener_hears_now_and_then_of_the_last_step_and_of_the_end() {
        let ear = Ear::default();
        let progress = Progress::new(&ear, "reading", 200);
        (0..200).for_each(|_| progress.step());
        progress.reach(7);
        drop(progress);
        assert_eq!(*ear.0.lock().unwrap(), [(64, 200), (128, 200), (192, 200), (200, 200), (7, 200), (0, 0)]);
    }
}
