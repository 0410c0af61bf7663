//! The command line: parse, run, exit code.
#![forbid(unsafe_code)]

fn main() {}
