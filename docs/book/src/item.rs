//! Items out of the engine's own source, so that no listing is typed twice.

use crate::Result;

/// The item called `name` (a function, type, trait or constant) in Rust source formatted by rustfmt, with its comments and
/// attributes and without the indentation that it stands at. `Type::name` looks in the impls of a type alone.
///
/// # Errors
/// When there is no such item, or more than one.
pub fn item(source: &str, name: &str) -> Result<String> {
    let mut lines: Vec<&str> = source.lines().collect();
    let (within, name) = name.split_once("::").map_or((None, name), |(within, name)| (Some(within), name));
    if let Some(within) = within {
        // Blank out what stands in other impls, or in none.
        let mut inside = false;
        for line in &mut lines {
            if !line.is_empty() && !line.starts_with([' ', ')']) {
                inside = line.starts_with("impl") && mentions(line, within);
            }
            *line = if inside { line } else { "" };
        }
    }
    let heads: Vec<usize> = (0..lines.len()).filter(|&k| declares(lines[k], name)).collect();
    let &[head] = heads.as_slice() else {
        return Err(format!("{} items called {name}, expected one", heads.len()));
    };
    let indent = lines[head].len() - lines[head].trim_start().len();
    let above = lines[..head].iter().rev().take_while(|line| {
        let line = line.trim_start();
        line.starts_with("///") || line.starts_with("#[")
    });
    let first = head - above.count();
    // rustfmt puts the closing brace under the head; an item without a body ends with a semicolon.
    let close = format!("{}}}", " ".repeat(indent));
    let is_last =
        |line: &str| line == close || (line.ends_with(';') && !line.starts_with(&" ".repeat(indent + 1)));
    let length = lines[head..].iter().position(|line| is_last(line) || line.ends_with("{}"));
    let last = head + length.ok_or(format!("{name} has no end"))?;
    let dedented = lines[first..=last].iter().map(|line| line.get(indent..).unwrap_or(""));
    Ok(dedented.collect::<Vec<_>>().join("\n"))
}

fn mentions(line: &str, word: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|w| w == word)
}

/// Whether a line begins the declaration of `name`.
fn declares(line: &str, name: &str) -> bool {
    let mut words =
        line.trim_start().split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty());
    let mut kind = words.next();
    while matches!(kind, Some("pub" | "crate" | "super" | "in" | "unsafe" | "const" | "static")) {
        // A constant is declared by the word that may also stand before `fn`.
        if matches!(kind, Some("const" | "static")) && words.clone().next() == Some(name) {
            return true;
        }
        kind = words.next();
    }
    matches!(kind, Some("fn" | "struct" | "enum" | "trait" | "type")) && words.next() == Some(name)
}

#[cfg(test)]
mod tests {
    use super::item;

    const SOURCE: &str = "\
/// Not this.
fn one() {}

/// This,
/// all of it.
#[inline]
pub(crate) fn two<T>(x: T) -> T
where
    T: Copy,
{
    if x { 1 }
    x
}

impl A {
    /// Inside.
    pub fn three(&self) {
        four();
    }
}

/// A number.
pub const FIVE: usize = 5;
";

    #[test]
    fn an_item_comes_with_its_comment_and_without_its_indentation() {
        assert_eq!(item(SOURCE, "one").unwrap(), "/// Not this.\nfn one() {}");
        let two = item(SOURCE, "two").unwrap();
        assert!(two.starts_with("/// This,\n/// all of it.\n#[inline]\npub(crate) fn two"), "{two}");
        assert!(two.ends_with("\n    x\n}"), "{two}");
        assert_eq!(item(SOURCE, "three").unwrap(), "/// Inside.\npub fn three(&self) {\n    four();\n}");
        assert_eq!(item(SOURCE, "FIVE").unwrap(), "/// A number.\npub const FIVE: usize = 5;");
    }

    #[test]
    fn an_item_of_a_type_is_looked_for_in_its_impls() {
        assert_eq!(item(SOURCE, "A::three").unwrap(), item(SOURCE, "three").unwrap());
        assert!(item(SOURCE, "A::two").is_err());
    }

    #[test]
    fn an_item_that_is_not_there_is_an_error() {
        assert_eq!(item(SOURCE, "four").unwrap_err(), "0 items called four, expected one");
    }
}
