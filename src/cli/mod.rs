//! The command line: raw arguments become a configuration, a call and a printout; one file a subcommand.

mod bench;
mod compare;
mod completions;
mod cross_validate;
mod data_of_run;
mod download;
mod embed;
mod evaluate;
mod export;
mod gradcheck;
mod gradients;
mod interrupt;
mod listener;
mod nearest;
mod one_shot;
mod output;
mod profile;
mod progress;
mod recipe_arguments;
mod recipes;
mod report;
mod summary;
mod trace;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use twinglyph::{Error, Result};

/// Trains Siamese encoders on a CPU and learns whether two handwritten glyphs are of the same alphabet.
#[derive(Parser)]
#[command(name = "twinglyph", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Arguments),
    CrossValidate(cross_validate::Arguments),
    Recipes(recipes::Arguments),
    Evaluate(evaluate::Arguments),
    Report(report::Arguments),
    Compare(compare::Arguments),
    OneShot(one_shot::Arguments),
    Embed(embed::Arguments),
    Nearest(nearest::Arguments),
    Export(export::Arguments),
    Summary(summary::Arguments),
    Bench(bench::Arguments),
    Gradcheck(gradcheck::Arguments),
    Gradients(gradients::Arguments),
    Trace(trace::Arguments),
    Download(download::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    /// What `--threads` says.
    fn threads(&self) -> Option<u16> {
        match self {
            Command::Train(arguments) => arguments.recipe.threads,
            Command::CrossValidate(arguments) => arguments.recipe.threads,
            Command::Bench(arguments) => arguments.threads,
            _ => None,
        }
    }

    fn run(self) -> Result<ExitCode> {
        let done = match self {
            Command::Train(arguments) => return train::run(arguments),
            Command::CrossValidate(arguments) => cross_validate::run(arguments),
            Command::Recipes(arguments) => recipes::run(arguments),
            Command::Evaluate(arguments) => evaluate::run(arguments),
            Command::Report(arguments) => report::run(arguments),
            Command::Embed(arguments) => embed::run(arguments),
            Command::Nearest(arguments) => nearest::run(arguments),
            Command::Export(arguments) => export::run(arguments),
            Command::Compare(arguments) => compare::run(arguments),
            Command::OneShot(arguments) => one_shot::run(arguments),
            Command::Summary(arguments) => summary::run(arguments),
            Command::Bench(arguments) => bench::run(arguments),
            Command::Gradcheck(arguments) => gradcheck::run(arguments),
            Command::Gradients(arguments) => gradients::run(arguments),
            Command::Trace(arguments) => trace::run(arguments),
            Command::Download(arguments) => download::run(arguments),
            Command::Completions(arguments) => completions::run(arguments),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Runs the program; 0 done, 1 failed, 2 wrong usage, 128 and its number where a signal ended it.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(trace::join_sizes(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failure; a closed pipe is none either.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let known =
        twinglyph_kernels::simd::Level::try_current().and(twinglyph_kernels::im2col::try_is_asked_for());
    let done = known.map_err(Error::Usage).and_then(|_| {
        output::use_threads(cli.command.threads())?;
        // On a thread of the pool: from outside, every parallel loop would wake one and wait for it.
        rayon::scope(|_| cli.command.run())
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(match error {
                Error::Usage(_) | Error::Argument { .. } => 2,
                _ => 1,
            })
        }
    }
}
