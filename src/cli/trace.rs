//! `twinglyph trace`: one convolution, forward and back, with every number on the way.

use super::output::{print, print_json};
use std::ffi::OsString;
use std::path::PathBuf;
use twinglyph::run::trace_file;
use twinglyph::{Error, Result};
use twinglyph_lesson::trace::{COMPUTED, CellSum, Given, Matrix, Pair, Rows, Trace, Zoo, find_wrong};

/// Show a convolution forward and back, step by step, with numbers of your own.
///
/// Sizes are written 5x4 or 5 4, rows of numbers 1,2,3/4,5,6 or "1 2 3; 4 5 6", the planes of several channels and filters one below the
/// other; what is not given is filled with small integers. For one image; of a convolution with groups each group is one of its own.
///
/// Example: twinglyph trace --input 1,2,3,4/5,6,7,8/9,1,2,3 --kernel 1,-1/0,2 --stride 1x2 --padding 1x0
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// The image x: a size to fill, or numbers.
    #[arg(long, value_name = "HxW|ROWS", default_value = "4x4", allow_hyphen_values = true)]
    input: Matrix,
    /// The kernel w: a size to fill, or numbers.
    #[arg(long, value_name = "HxW|ROWS", default_value = "3x3", allow_hyphen_values = true)]
    kernel: Matrix,
    /// The bias b, one number a filter.
    #[arg(long, value_name = "NUMBERS", allow_hyphen_values = true)]
    bias: Option<Rows>,
    /// The upstream gradient dy, numbers of the output's shape.
    #[arg(long, value_name = "ROWS", allow_hyphen_values = true)]
    upstream: Option<Rows>,
    /// How far the kernel moves, down and across.
    #[arg(long, value_name = "N|NxN", default_value = "1")]
    stride: Pair,
    /// Zeros around the image, above and below, left and right.
    #[arg(long, value_name = "N|NxN", default_value = "0")]
    padding: Pair,
    /// How many pixels apart those stand that neighbouring weights meet, down and across.
    #[arg(long, value_name = "N|NxN", default_value = "1")]
    dilation: Pair,
    /// Channels of the image.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    channels: u16,
    /// Filters, the output's channels.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    filters: u16,
    /// What numbers that are not given are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Take everything from the JSON of an earlier trace, or from the part of it below its key `problem`.
    #[arg(long, value_name = "FILE.json", conflicts_with_all = [
        "input", "kernel", "bias", "upstream", "stride", "padding", "dilation", "channels", "filters",
    ])]
    problem: Option<PathBuf>,
    /// Show one number alone, as the sum that it is: dx 1 2, dw 0 0 2 1, db 0, y 1 1.
    #[arg(long, value_names = ["ARRAY", "INDEX"], num_args = 2..=5)]
    cell: Option<Vec<String>>,
    /// Get the backward pass wrong, and show which checks notice; `list` lists all ways.
    #[arg(long, value_name = "NAME|list")]
    wrong: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// `trace --input 5 4` as `trace --input 5x4`. An option that takes a second word would take the next flag for one, since
/// numbers may begin with a minus.
pub(super) fn join_sizes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let size = |word: &OsString| word.to_str().is_some_and(|word| word.parse::<usize>().is_ok());
    let mut joined: Vec<OsString> = arguments.collect();
    if joined.get(1).is_none_or(|command| command != "trace") {
        return joined;
    }
    let mut k = 2;
    while k < joined.len() {
        let takes_two = ["--input", "--kernel", "--stride", "--padding", "--dilation"]
            .iter()
            .any(|flag| joined[k] == *flag);
        if takes_two && joined.len() > k + 2 && size(&joined[k + 1]) && size(&joined[k + 2]) {
            let second = joined.remove(k + 2);
            joined[k + 1].push("x");
            joined[k + 1].push(second);
        }
        k += 1;
    }
    joined
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let Arguments { cell, wrong, json, problem: file, .. } = arguments;
    let refuse = |said: String| match &file {
        Some(path) => Error::input(path.display(), said),
        None => Error::usage(format!("--{said}")),
    };
    let given = match &file {
        Some(path) => trace_file::read(path, arguments.seed)?,
        None => Given {
            channels: arguments.channels.into(),
            filters: arguments.filters.into(),
            input: arguments.input,
            kernel: arguments.kernel,
            bias: arguments.bias,
            upstream: arguments.upstream,
            stride: arguments.stride,
            padding: arguments.padding,
            dilation: arguments.dilation,
            seed: arguments.seed,
        },
    };
    let problem = given.problem().map_err(refuse)?;
    if wrong.as_deref() == Some("list") {
        if cell.is_some() {
            return Err(Error::usage("--cell: --wrong list shows no cells, expected one of the two"));
        }
        let zoo = Zoo::at(&problem);
        return if json { print_json(&zoo) } else { print(zoo) };
    }
    let wrong = wrong.map(|name| find_wrong(&name)).transpose()?;
    let trace = Trace::new(problem, wrong).map_err(refuse)?;
    let cell = cell.map(|words| find_cell(&trace, &words)).transpose()?;
    if json {
        return print_json(&trace.json(cell.as_ref()));
    }
    match cell {
        Some(cell) => print(cell),
        None => {
            let larger = |said| refuse(format!("input: {said} to be drawn (--json takes {COMPUTED})"));
            print(trace.draw().map_err(larger)?)
        }
    }
}

/// The cell of `--cell ARRAY INDEX...`.
fn find_cell(trace: &Trace, words: &[String]) -> Result<CellSum> {
    let refuse = |said: String| Error::usage(format!("--cell {said}"));
    let (array, index) = words.split_first().expect("clap asks for two words");
    let number = |word: &String| word.parse().map_err(|_| refuse(format!("{array}: {word} is no index")));
    trace.cell(array, &index.iter().map(number).collect::<Result<Vec<usize>>>()?).map_err(refuse)
}
