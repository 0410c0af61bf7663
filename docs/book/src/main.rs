//! `cargo run --release -p twinglyph-book`: builds the book into target/book. With `generate`: draws its figures, writes
//! its tables and runs its commands again, into docs/book/figures and docs/book/generated.

use std::path::PathBuf;
use std::process::ExitCode;
use twinglyph_book::{Paths, Result, build, generate};

const USAGE: &str = "usage: twinglyph-book [build [--out DIR] | generate]";

fn run(arguments: &[&str]) -> Result<()> {
    let paths = Paths::of_this_project();
    let build_to = |out: PathBuf| {
        let page = build(&paths, &out)?;
        println!("The book: {}", page.display());
        Ok(())
    };
    match arguments {
        [] | ["build"] => build_to(paths.root.join("target/book")),
        ["build", "--out", out] => build_to(out.into()),
        ["generate"] => {
            for (path, text) in generate(&paths)? {
                let folder = path.parent().expect("a file has a folder");
                let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
                written.map_err(|error| format!("{}: {error}", path.display()))?;
                println!("{}", path.display());
            }
            Ok(())
        }
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("{said}");
            ExitCode::FAILURE
        }
    }
}
