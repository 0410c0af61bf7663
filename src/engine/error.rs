//! The one error type of the library: a sentence that names the file, flag, key or op and what was expected.

use std::fmt;
use std::path::Path;

/// What went wrong, in one sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An op was given shapes it cannot work on.
    Shape {
        /// The op that refused.
        op: &'static str,
        /// What it was given and what it expected.
        message: String,
    },
    /// A command was given what it does not take.
    Usage(String),
    /// An argument has a value that cannot be used. Who has it from a command line names its flag.
    Argument {
        /// The argument, for example `hold_out`.
        name: &'static str,
        /// Its value, where one is at fault.
        value: String,
        /// What is wrong with it and what was expected.
        message: String,
    },
    /// A file, archive, model, recipe or value from outside is not what was expected.
    Input {
        /// The file, flag or key at fault.
        what: String,
        /// What is wrong with it and what was expected.
        message: String,
    },
    /// The operating system refused to read or write.
    Io {
        /// The file or folder.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An op's refusal of the shapes it was given.
    pub fn shape(op: &'static str, message: impl Into<String>) -> Error {
        Error::Shape { op, message: message.into() }
    }

    /// An argument with a value that cannot be used; no value where it is not a single one that is at fault.
    pub fn argument(name: &'static str, value: impl fmt::Display, message: impl Into<String>) -> Error {
        Error::Argument { name, value: value.to_string(), message: message.into() }
    }

    /// What a command does not take.
    pub fn usage(message: impl Into<String>) -> Error {
        Error::Usage(message.into())
    }

    /// Something from outside that is not what was expected.
    pub fn input(what: impl fmt::Display, message: impl Into<String>) -> Error {
        Error::Input { what: what.to_string(), message: message.into() }
    }

    /// A file or folder that could not be read or written.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Error {
        Error::Io { path: path.as_ref().display().to_string(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Error::Shape { op, message } => format!("{op}: {message}"),
            Error::Usage(message) => message.clone(),
            Error::Argument { name, value, message } if value.is_empty() => format!("{name}: {message}"),
            Error::Argument { name, value, message } => format!("{name} {value}: {message}"),
            Error::Input { what, message } => format!("{what}: {message}"),
            Error::Io { path, source } => format!("{path}: {source}"),
        };
        f.write_str(&one_line(&sentence))
    }
}

/// Text with its control characters as they would stand in a program.
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_debug()) } else { line.push(c) }
    }
    line
}

/// The longest sentence, in characters: one that quotes a file could be as long as the file.
const LONGEST: usize = 1200;

/// Without what a terminal would obey: a sentence may quote a file from anywhere. The middle of a long one is left out.
fn one_line(sentence: &str) -> String {
    let line = printable(sentence);
    let characters = line.chars().count();
    if characters <= LONGEST {
        return line;
    }
    let head: String = line.chars().take(LONGEST * 3 / 4).collect();
    let tail: String = line.chars().skip(characters - LONGEST / 4).collect();
    format!("{head} [...] {tail}")
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_that_no_terminal_obeys_and_not_endless() {
        let said = Error::input("a.zip", "entry \u{1b}[2J\nis\tno PNG").to_string();
        assert_eq!(said, "a.zip: entry \\u{1b}[2J\\nis\\tno PNG");
        assert_eq!(Error::argument("folds", 9, "expected 2").to_string(), "folds 9: expected 2");
        assert_eq!(Error::argument("hold_out", "", "leaves 1").to_string(), "hold_out: leaves 1");
        let long = Error::usage(format!("begins {} ends", "x".repeat(10_000))).to_string();
        assert!(long.starts_with("begins x") && long.ends_with("x ends"));
        assert_eq!(long.chars().count(), LONGEST + " [...] ".len());
    }
}
