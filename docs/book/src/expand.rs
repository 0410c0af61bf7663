//! A chapter's directives.

use crate::{Paths, Result, item, math, read};

/// The chapter as Markdown that mdBook takes: directives filled in, formulas as MathML.
///
/// # Errors
/// A directive that is unknown or asks for what is not there; a formula that cannot be read.
pub fn expand(paths: &Paths, text: &str) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{#") {
        let end = rest[start..].find("}}").ok_or("a directive without }}")? + start;
        let directive = &rest[start + 3..end];
        filled.push_str(&rest[..start]);
        filled.push_str(&fill(paths, directive).map_err(|said| format!("{{{{#{directive}}}}}: {said}"))?);
        rest = &rest[end + 2..];
    }
    filled.push_str(rest);
    math::expand(&filled)
}

fn fill(paths: &Paths, directive: &str) -> Result<String> {
    let (kind, what) = directive.split_once(' ').ok_or("expected a name behind it")?;
    match kind {
        "item" => {
            let (file, name) = what.split_once(' ').ok_or("expected FILE NAME")?;
            item::item(&read(&paths.root.join(file))?, name)
        }
        "figure" => {
            let (name, caption) = what.split_once(' ').ok_or("expected NAME \"caption\"")?;
            let caption = math::expand(caption.trim_matches('"'))?;
            let svg = read(&paths.book.join(format!("figures/{name}.svg")))?;
            // A blank line would end the piece of HTML.
            let svg: Vec<&str> = svg.lines().filter(|line| !line.trim().is_empty()).collect();
            Ok(format!(
                "<figure id=\"{name}\">\n{}\n<figcaption>{caption}</figcaption>\n</figure>",
                svg.join("\n")
            ))
        }
        "table" => read(&paths.book.join(format!("generated/{what}.md"))),
        "run" => {
            let output = read(&paths.book.join("generated").join(output_name(what)))?;
            Ok(format!("```console\n$ {what}\n{}\n```", output.trim_end()))
        }
        _ => Err("expected item, figure, table or run".into()),
    }
}

/// The commands whose output a chapter shows.
pub fn commands(text: &str) -> Vec<String> {
    let behind = text.split("{{#run ").skip(1);
    behind.filter_map(|rest| rest.split_once("}}")).map(|(command, _)| command.into()).collect()
}

/// The file in generated/ that a command's output is kept in: its words, joined by dashes.
pub fn output_name(command: &str) -> String {
    let words = command.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-") + ".txt"
}
