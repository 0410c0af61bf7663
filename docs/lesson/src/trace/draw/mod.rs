//! The drawing: every step with its name, shape, formula and numbers.

mod grid;
mod sections;

use super::{Trace, Zoo, named, zoo};
use grid::Grid;
use std::fmt;

/// The whole page.
pub(super) fn page(trace: &Trace) -> String {
    let mut page = Page::default();
    sections::given(&mut page, trace);
    sections::forward(&mut page, trace);
    sections::back(&mut page, trace);
    sections::gather(&mut page, trace);
    sections::checks(&mut page, trace);
    page.text.trim_end().to_string()
}

/// Text that grows from top to bottom, with numbered steps.
#[derive(Default)]
struct Page {
    text: String,
    steps: usize,
}

impl Page {
    /// A part's title.
    fn part(&mut self, title: &str) {
        self.text += &format!("{title}\n{}\n\n", "=".repeat(title.len()));
    }

    /// A step's number, name and shape, and a formula or a remark in a line each.
    fn step(&mut self, title: &str, lines: &[&str]) {
        self.steps += 1;
        self.text += &format!("{}. {title}\n", self.steps);
        for line in lines {
            self.line(line);
        }
        self.text.push('\n');
    }

    fn line(&mut self, line: &str) {
        self.text += &format!("   {line}\n");
    }

    fn grids(&mut self, grids: Vec<Grid>) {
        self.text += &grid::beside(grids);
        self.text.push('\n');
    }
}

/// `(2, 3, 4)`.
fn shape(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    format!("({})", sizes.join(", "))
}

impl fmt::Display for Zoo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&zoo::Row) -> &str| self.wrong.iter().map(|row| of(row).len()).max().unwrap_or(0);
        let (name, what) = (width(|row| row.name), width(|row| row.what));
        let numbers: Vec<String> = (1..=self.checks.len()).map(|check| check.to_string()).collect();
        writeln!(f, "{:name$}  {:>what$}  {}", "", "noticed by check", numbers.join(" "))?;
        for row in &self.wrong {
            let noticed: Vec<_> =
                row.noticed.iter().map(|noticed| if *noticed { "x" } else { "-" }).collect();
            writeln!(f, "{:name$}  {:what$}  {}", row.name, row.what, noticed.join(" "))?;
        }
        writeln!(f)?;
        for (number, check) in self.checks.iter().enumerate() {
            writeln!(f, "{}  {check}", number + 1)?;
        }
        writeln!(
            f,
            "\nChecks 1 to 4 and 6 are at these sizes and numbers; 5 and 7 bring their own. Where 6 has -,"
        )?;
        write!(f, "the wrong pass gives the right numbers here. --wrong NAME shows one, step by step.")
    }
}

impl fmt::Display for zoo::Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(gradient), Some(expected), Some(got)) = (self.gradient, self.expected, self.got) else {
            return f.write_str("lets it pass");
        };
        let (expected, got) = (super::short(expected), super::short(got));
        match &self.index {
            Some(index) => {
                write!(f, "notices: {} is {got}, expected {expected}", named(gradient, index))
            }
            None => write!(f, "notices: the mean of {gradient} is {got}, expected {expected}"),
        }
    }
}
