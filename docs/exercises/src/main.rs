//! `cargo run -p exercises`: lists the exercises, checks what a learner wrote, gives hints.

use clap::{CommandFactory, Parser, Subcommand};
use exercises::check::Verdict;
use exercises::checks::{Entry, all};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// Backward passes to fill in, and a check that says what is wrong in your own numbers.
#[derive(Parser)]
#[command(name = "exercises", bin_name = "cargo run -p exercises --", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run your code through the cases of an exercise; exit code 0 when all are right.
    Check {
        /// Numbers of exercises, or `all`; without it, the first that is not solved.
        #[arg(value_name = "N", value_parser = which)]
        which: Vec<Which>,
    },
    /// Print a hint; each one tells more than the one before.
    Hint {
        /// The exercise.
        #[arg(value_name = "N", value_parser = number)]
        number: usize,
        /// Which hint, from 1.
        #[arg(value_name = "K", default_value_t = 1)]
        hint: usize,
    },
    /// Print the reference solution, if you really want it.
    Solution {
        /// The exercise.
        #[arg(value_name = "N", value_parser = number)]
        number: usize,
        /// Yes, show it.
        #[arg(long)]
        show: bool,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    All,
    One(usize),
}

/// 1 to as many as there are.
fn number(text: &str) -> Result<usize, String> {
    let count = all().len();
    let number = text.parse().ok().filter(|number| (1..=count).contains(number));
    number.ok_or_else(|| format!("expected the number of an exercise, 1 to {count}"))
}

fn which(text: &str) -> Result<Which, String> {
    if text == "all" {
        return Ok(Which::All);
    }
    number(text).map(Which::One).map_err(|error| format!("{error}, or all"))
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        None => list(),
        Some(Command::Check { which }) => check(&which),
        Some(Command::Hint { number, hint }) => give_hint(&all()[number - 1], hint),
        Some(Command::Solution { number, show }) => solution(&all()[number - 1], show),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a text and a line's end. A reader who has gone away wants no more.
fn say(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn list() -> bool {
    for entry in all() {
        let state = match (entry.exercise)().attempt() {
            Verdict::Solved(_) => "solved",
            Verdict::Unfilled => "to fill in",
            Verdict::Failed(_) => "wrong",
        };
        say(format_args!("{:>2}  {state:<10}  {}", entry.number, entry.title));
    }
    say(format_args!("\nFill in docs/exercises/src/exNN_*.rs, then: cargo run -p exercises -- check N"));
    true
}

/// Checks each one that is asked for; whether all are right.
fn check(which: &[Which]) -> bool {
    let every = which.contains(&Which::All);
    let entries = all();
    let asked = |entry: &&Entry| every || which.contains(&Which::One(entry.number));
    let first = |entry: &&Entry| !matches!((entry.exercise)().attempt(), Verdict::Solved(_));
    let chosen: Vec<&Entry> = match which {
        [] => entries.iter().find(first).into_iter().collect(),
        _ => entries.iter().filter(asked).collect(),
    };
    if chosen.is_empty() {
        say(format_args!("All {} exercises are solved.", entries.len()));
    }
    let mut right = true;
    for (k, entry) in chosen.iter().enumerate() {
        if k > 0 {
            say("");
        }
        right &= report(entry, entries.get(entry.number));
    }
    right
}

/// Prints what one check says; whether it is right.
fn report(entry: &Entry, next: Option<&Entry>) -> bool {
    let name = format!("exercise {}, {}", entry.number, entry.title);
    let hint = format!("cargo run -p exercises -- hint {}", entry.number);
    match (entry.exercise)().attempt() {
        Verdict::Solved(cases) => {
            say(format_args!("{name}: right in all {cases} cases"));
            if let Some(next) = next {
                say(format_args!("next: exercise {}, {}", next.number, next.file()));
            }
            return true;
        }
        Verdict::Unfilled => say(format_args!(
            "{name}: not filled in yet\nopen {} and put your code where todo!() is\na hint: {hint}",
            entry.file()
        )),
        Verdict::Failed(failure) => {
            say(format_args!("{name}: {failure}\nyour code: {}\na hint: {hint}", entry.file()));
        }
    }
    false
}

/// Prints hint k; whether there is one.
fn give_hint(entry: &Entry, k: usize) -> bool {
    let count = entry.hints.len();
    let Some(hint) = k.checked_sub(1).and_then(|k| entry.hints.get(k)) else {
        let message = format!("exercise {} has hints 1 to {count}, not {k}", entry.number);
        Arguments::command().error(clap::error::ErrorKind::InvalidValue, message).exit();
    };
    say(format_args!("exercise {}, hint {k} of {count}: {hint}", entry.number));
    if k < count {
        say(format_args!("more: cargo run -p exercises -- hint {} {}", entry.number, k + 1));
    }
    true
}

/// Prints the reference solution where it was asked for in earnest.
fn solution(entry: &Entry, show: bool) -> bool {
    if show {
        say(entry.solution.trim_end());
    } else {
        eprintln!(
            "This shows all of it. Hints tell less: cargo run -p exercises -- hint {0} {1}\n\
             To see it nevertheless: cargo run -p exercises -- solution {0} --show",
            entry.number,
            entry.hints.len()
        );
    }
    show
}
