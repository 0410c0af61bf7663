//! Formulas: LaTeX's notation in, MathML out. A browser needs nothing more to show it.

use crate::Result;
use pulldown_latex::config::DisplayMode;
use pulldown_latex::{Parser, RenderConfig, Storage, push_mathml};

/// `text` with every `$...$` and `$$...$$` outside of code turned into MathML.
///
/// # Errors
/// A formula that cannot be read, or that has no end.
pub fn expand(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut code = false;
    for (k, part) in text.split("```").enumerate() {
        if k > 0 {
            out.push_str("```");
            code = !code;
        }
        if code { out.push_str(part) } else { outside_of_blocks(part, &mut out)? }
    }
    Ok(out)
}

fn outside_of_blocks(text: &str, out: &mut String) -> Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(['$', '`']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (mark, display) = match rest {
            _ if rest.starts_with('`') => ("`", None),
            _ if rest.starts_with("$$") => ("$$", Some(DisplayMode::Block)),
            _ => ("$", Some(DisplayMode::Inline)),
        };
        let inside = &rest[mark.len()..];
        let end = inside.find(mark).ok_or_else(|| format!("no second {mark} after {}", first_line(rest)))?;
        match display {
            None => out.push_str(&rest[..end + 2 * mark.len()]),
            Some(display) => out.push_str(&mathml(&inside[..end], display)?),
        }
        rest = &inside[end + mark.len()..];
    }
    out.push_str(rest);
    Ok(())
}

fn mathml(latex: &str, display_mode: DisplayMode) -> Result<String> {
    let storage = Storage::new();
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    let events: Vec<_> = Parser::new(latex, &storage).collect();
    if let Some(error) = events.iter().find_map(|event| event.as_ref().err()) {
        return Err(format!("the formula {}: {error}", first_line(latex)));
    }
    let mut math = String::new();
    push_mathml(&mut math, events.into_iter(), config).map_err(|error| format!("{latex}: {error}"))?;
    // On one line, so that Markdown takes it for one piece of HTML; and nothing in it for emphasis.
    let math = math.replace('\n', " ").replace('_', "&#95;").replace('*', "&#42;").replace('|', "&#124;");
    // Few systems have a font whose brackets grow with a matrix: book.css draws them.
    let math = math
        .replace("<mo stretchy=\"true\">(</mo><mtable class=\"menv-arraylike\">", "<mtable class=\"matrix\">")
        .replace("</mtable><mo stretchy=\"true\">)</mo>", "</mtable>");
    Ok(match display_mode {
        DisplayMode::Block => format!("<div class=\"formula\">{math}</div>"),
        DisplayMode::Inline => math,
    })
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn formulas_become_mathml_and_code_stays() {
        let text = expand("a $x_1$ and `$HOME`\n```sh\n$ ls\n```\n$$ \\sum_i y_i $$\n").unwrap();
        assert!(text.contains("<math") && text.contains("`$HOME`") && text.contains("\n$ ls\n"), "{text}");
        assert!(text.contains("<div class=\"formula\"><math display=\"block\">"), "{text}");
        assert_eq!(text.matches("<math").count(), 2);
    }

    #[test]
    fn a_formula_that_cannot_be_read_is_an_error() {
        assert!(expand("$\\nothing$").unwrap_err().starts_with("the formula \\nothing: "));
        assert_eq!(expand("cost: $5").unwrap_err(), "no second $ after $5");
    }
}
