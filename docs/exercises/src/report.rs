//! A failure as text: what was given, what came out beside what should have, and what it looks like.

use crate::array::Indices;
use crate::attempt::Stop;
use crate::check::{Failure, Named, agree};
use std::fmt::{self, Write};

/// Arrays up to this size are shown whole.
const SMALL: usize = 48;
/// Matrices up to these rows and columns are shown.
const ROWS: usize = 24;
const COLUMNS: usize = 13;

/// 3, -0.25, 1.5e-9.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e9 {
        // Without the sign of -0.
        format!("{}", value + 0.0)
    } else if (1e-3..1e6).contains(&size) {
        let text = format!("{value:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        format!("{value:.3e}")
    }
}

/// Both, with as many digits as it takes to tell them apart.
fn pair(expected: f64, got: f64) -> [String; 2] {
    let short = [expected, got].map(number);
    if short[0] == short[1] { [expected, got].map(|value| format!("{value:e}")) } else { short }
}

impl Named {
    /// `dx` of `dx[n,c,r,q]`.
    fn symbol(&self) -> &str {
        self.name.split('[').next().unwrap_or(self.name)
    }

    /// `n`, `c`, `r`, `q` of `dx[n,c,r,q]`.
    fn axes(&self) -> Vec<&str> {
        let axes = self.name.split_once('[').map_or("", |(_, axes)| axes.trim_end_matches(']'));
        axes.split(',').map(str::trim).collect()
    }

    /// Rows and columns of the matrices that it is a list of: its last two axes.
    fn plane(&self) -> (usize, usize) {
        let mut last = self.shape.iter().rev().map(|size| *size as usize);
        let columns = last.next().unwrap_or(1);
        (last.next().unwrap_or(1), columns)
    }

    /// The indices of number k.
    fn index(&self, k: usize) -> Vec<usize> {
        let mut rest = k;
        let mut index: Vec<usize> = self
            .shape
            .iter()
            .rev()
            .map(|size| {
                let i = rest % *size as usize;
                rest /= *size as usize;
                i
            })
            .collect();
        index.reverse();
        index
    }

    /// `dx[0,1,2]`.
    fn cell(&self, k: usize) -> String {
        let index: Vec<String> = self.index(k).iter().map(usize::to_string).collect();
        format!("{}[{}]", self.symbol(), index.join(","))
    }

    /// Which of its matrices to show: all of a small array, else the one with number `k`; none that is too large.
    fn planes(&self, k: usize) -> Vec<usize> {
        let (rows, columns) = self.plane();
        if rows * columns == 0 || rows > ROWS || columns > COLUMNS {
            Vec::new()
        } else if self.values.len() <= SMALL {
            (0..self.values.len() / (rows * columns)).collect()
        } else {
            vec![k / (rows * columns)]
        }
    }

    /// `n = 0, c = 1` for a matrix; nothing where there is only one.
    fn heading(&self, plane: usize) -> Option<String> {
        let (rows, columns) = self.plane();
        let leading = self.shape.len().saturating_sub(2);
        let index = self.index(plane * rows * columns);
        let parts: Vec<String> =
            self.axes()[..leading].iter().zip(index).map(|(axis, i)| format!("{axis} = {i}")).collect();
        (self.values.len() > rows * columns).then(|| parts.join(", "))
    }

    /// The rows of a matrix as lines of equal width; `mark` puts a sign behind some of the numbers.
    fn lines(&self, plane: usize, mark: impl Fn(usize) -> bool) -> Vec<String> {
        let (rows, columns) = self.plane();
        let start = plane * rows * columns;
        let texts: Vec<String> = (start..start + rows * columns)
            .map(|k| number(self.values[k]) + if mark(k) { "*" } else { " " })
            .collect();
        let width = texts.iter().map(String::len).max().unwrap_or(0);
        let line = |row: &[String]| row.iter().map(|text| format!("{text:>width$}")).collect::<Vec<_>>();
        texts.chunks(columns).map(|row| line(row).join(" ")).collect()
    }

    /// The array, as it is given to a function.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = Indices(&self.shape);
        match self.shape.len() {
            0 => return writeln!(f, "  {} = {}", self.name, number(self.values[0])),
            _ if self.values.len() > SMALL => {
                return writeln!(f, "  {}, shape {shape}: {} numbers", self.name, self.values.len());
            }
            _ => writeln!(f, "  {}, shape {shape}", self.name)?,
        }
        for plane in self.planes(0) {
            if let Some(heading) = self.heading(plane) {
                writeln!(f, "    {heading}")?;
            }
            for line in self.lines(plane, |_| false) {
                writeln!(f, "    {}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

/// A result beside what it should be, and its first wrong number.
fn compare([before, expected, got]: [&Named; 3], tolerance: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (shape, numbers) = (Indices(&expected.shape), got.values.len());
    if expected.shape != got.shape {
        return writeln!(f, "  {}: expected shape {shape}, got {}", expected.name, Indices(&got.shape));
    }
    let wrong = |k: usize| !agree(expected.values[k], got.values[k], tolerance);
    let count = (0..numbers).filter(|k| wrong(*k)).count();
    let Some(first) = (0..numbers).find(|k| wrong(*k)) else {
        return writeln!(f, "  {}: right", expected.name);
    };
    let untouched = if got.values == before.values { "; nothing was written to it" } else { "" };
    let numbers =
        if numbers == 1 { "its number is wrong" } else { &format!("{count} of {numbers} numbers are wrong") };
    writeln!(f, "  {}, shape {shape}: {numbers}{untouched}", expected.name)?;

    let planes = expected.planes(first);
    let lines = |plane: &usize| expected.lines(*plane, |_| false);
    let width =
        planes.iter().flat_map(lines).map(|line| line.len()).max().unwrap_or(0).max("expected".len()) + 4;
    if !planes.is_empty() {
        writeln!(f, "    {:width$}got (* is wrong)", "expected")?;
    }
    for plane in &planes {
        if let Some(heading) = expected.heading(*plane) {
            writeln!(f, "    {heading}")?;
        }
        for (left, right) in lines(plane).iter().zip(got.lines(*plane, wrong)) {
            writeln!(f, "    {left:width$}{}", right.trim_end())?;
        }
    }
    let [e, g] = pair(expected.values[first], got.values[first]);
    writeln!(f, "  first wrong number: {}: expected {e}, got {g}", expected.cell(first))
}

impl Failure {
    /// By which factor all numbers are wrong, where there are several.
    fn in_common(&self, got: &[Named]) -> Option<String> {
        let (mut factor, mut count) = (None, 0);
        for ((expected, got), before) in self.expected.iter().zip(got).zip(&self.before) {
            if expected.shape != got.shape {
                return None;
            }
            for ((expected, got), before) in expected.values.iter().zip(&got.values).zip(&before.values) {
                let (expected, got) = (expected - before, got - before);
                let ratio = if expected == 0.0 { None } else { Some(got / expected) };
                count += usize::from(ratio.is_some());
                match (ratio, factor) {
                    (None, _) if got == 0.0 => {}
                    (Some(ratio), None) => factor = Some(ratio),
                    (Some(ratio), Some(factor)) if agree(ratio, factor, 1e-9) => {}
                    _ => return None,
                }
            }
        }
        match factor? {
            factor if count < 2 || factor == 0.0 || agree(factor, 1.0, 1e-9) => None,
            -1.0 => Some("Every number has the wrong sign.".into()),
            factor => Some(format!("Every number is {} times what it should be.", number(factor))),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (k, count) = self.case;
        let before = match k {
            0 => String::new(),
            1 => " (case 1 is right)".into(),
            2 => " (cases 1 and 2 are right)".into(),
            _ => format!(" (cases 1 to {k} are right)"),
        };
        writeln!(f, "case {} of {count} is wrong{before}", k + 1)?;
        writeln!(f, "  {}", self.what)?;
        writeln!(f, "\ngiven")?;
        for given in &self.given {
            given.show(f)?;
        }
        for before in self.before.iter().filter(|before| before.values.iter().any(|value| *value != 0.0)) {
            write!(f, "  before the call")?;
            before.show(f)?;
        }
        let got = match &self.got {
            Ok(got) => got,
            Err(Stop::Unfilled) => return writeln!(f, "\nThe gap is not filled in yet."),
            Err(Stop::Panicked { message, place }) => {
                return writeln!(f, "\nYour code stopped at {place}: {message}.");
            }
        };
        writeln!(f, "\nresult")?;
        for ((before, expected), got) in self.before.iter().zip(&self.expected).zip(got) {
            compare([before, expected, got], self.tolerance, f)?;
        }
        let mut said = String::new();
        let list = self.looks_like.join("; or: ");
        match (self.in_common(got), self.looks_like.len()) {
            (_, 1..) if self.everywhere => {
                write!(said, "Your numbers are those of a known mistake: {list}.")?
            }
            (Some(common), _) => said = common,
            (None, 1..=3) => write!(said, "In this case your numbers are those of a known mistake: {list}.")?,
            _ => {}
        }
        if said.is_empty() { Ok(()) } else { writeln!(f, "\n{said}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_still_told_apart() {
        let cases = [(3.0, "3"), (-0.0, "0"), (0.25, "0.25"), (1e-9, "1.000e-9"), (f64::NAN, "NaN")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(pair(1.0, 1.0 + 1e-12), ["1e0", "1.000000000001e0"]);
    }

    #[test]
    fn a_cell_is_named_by_its_indices() {
        let dx = Named { name: "dx[c,r,q]", shape: vec![2, 3, 4], values: vec![0.0; 24] };
        assert_eq!(dx.cell(23), "dx[1,2,3]");
        assert_eq!(dx.heading(1).as_deref(), Some("c = 1"));
    }
}
