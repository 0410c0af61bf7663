//! Runs what a learner wrote; a gap and a panic are answers.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Why a learner's function did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// It came to a `todo!()`.
    Unfilled,
    /// It panicked: with what message, and in which file and line.
    Panicked {
        /// The panic's own words.
        message: String,
        /// `docs/exercises/src/ex05_conv_input_scatter.rs, line 40`.
        place: String,
    },
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs what a learner wrote; a panic in it is an answer and is not printed.
pub fn run<R>(f: impl FnOnce() -> R) -> Result<R, Stop> {
    listen();
    let before = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    QUIET.set(before);
    result.map_err(|panic| {
        let message = message(&*panic);
        // What `todo!()` says.
        if message.starts_with("not yet implemented") {
            return Stop::Unfilled;
        }
        Stop::Panicked { message, place: PLACE.take() }
    })
}

/// Puts a hook before the usual one, which notes the place of a panic in an attempt, and hands on all others.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                return usual(info);
            }
            let place = info.location().map(|at| format!("{}, line {}", at.file(), at.line()));
            PLACE.set(place.unwrap_or_default());
        }));
    });
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").lines().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer_and_a_gap_is_told_from_it() {
        assert_eq!(run(|| 3), Ok(3));
        assert_eq!(run(|| todo!("for every n")), Err::<(), _>(Stop::Unfilled));
        let index = std::hint::black_box(3);
        let Err(Stop::Panicked { message, place }) = run(|| [1, 2][index]) else { panic!("no panic") };
        assert!(message.starts_with("index out of bounds"), "{message}");
        assert!(place.ends_with(&format!("attempt.rs, line {}", line!() - 2)), "{place}");
    }
}
