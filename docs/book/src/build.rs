//! Puts the book together: chapters expanded, the project's other pages behind them, then mdBook.

use crate::{Paths, Result, expand::expand, read};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The project's other pages, which the book has as appendices.
const APPENDICES: [&str; 4] = ["report.md", "learning.md", "performance.md", "trust.md"];

/// How mdBook is to make it: nothing that needs a network, and no button that would.
const CONFIG: &str = r#"
[book]
title = "Convolution, backward"
description = "How the backward pass of a convolution works, with an engine that trains."
language = "en"

[output.html]
additional-css = ["book.css"]
default-theme = "light"
preferred-dark-theme = "navy"
smart-punctuation = false
no-section-label = true
input-404 = ""

[output.html.playground]
runnable = false

[output.html.print]
enable = false
"#;

/// The file names of the chapters, in the order of SUMMARY.md.
///
/// # Errors
/// When it cannot be read.
pub fn chapters(paths: &Paths) -> Result<Vec<String>> {
    let summary = read(&paths.book.join("chapters/SUMMARY.md"))?;
    let links = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let files = links.map(|(file, _)| file.to_string());
    Ok(files.filter(|file| !APPENDICES.contains(&file.as_str())).collect())
}

/// Builds the book into `out` and returns its first page.
///
/// # Errors
/// A chapter that cannot be expanded, by its name; a folder that cannot be written.
pub fn build(paths: &Paths, out: &Path) -> Result<PathBuf> {
    let said = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    // mdBook empties the folder that it writes to: not one that holds anything else.
    let ours = out.join("book.css");
    if out.is_dir() && !ours.exists() && fs::read_dir(out).map_err(said(out))?.next().is_some() {
        return Err(format!("{}: holds something else than a book, expected an empty folder", out.display()));
    }
    fs::create_dir_all(out).map_err(said(out))?;
    let out = &fs::canonicalize(out).map_err(said(out))?;
    let text = &out.with_extension("text");
    let _ = fs::remove_dir_all(text);
    fs::create_dir_all(text.join("images")).map_err(said(text))?;
    let write =
        |name: &str, content: String| fs::write(text.join(name), content).map_err(said(&text.join(name)));
    for chapter in chapters(paths)? {
        let source = read(&paths.book.join("chapters").join(&chapter))?;
        write(&chapter, expand(paths, &source).map_err(|said| format!("{chapter}: {said}"))?)?;
    }
    for page in APPENDICES {
        write(page, appendix(&read(&paths.root.join("docs").join(page))?))?;
    }
    write("SUMMARY.md", read(&paths.book.join("chapters/SUMMARY.md"))?)?;
    let copy = |from: &Path, to: &Path| fs::copy(from, to).map(|_| ()).map_err(said(from));
    let docs = paths.root.join("docs");
    for image in fs::read_dir(docs.join("images")).map_err(said(&docs))? {
        let image = image.map_err(said(&docs))?;
        copy(&image.path(), &text.join("images").join(image.file_name()))?;
    }
    copy(&docs.join("convolution.html"), &text.join("convolution.html"))?;
    copy(&paths.book.join("book.css"), &text.join("book.css"))?;

    let config =
        format!("{CONFIG}\n[build]\nbuild-dir = {:?}\ncreate-missing = false\n", out.display().to_string());
    let mdbook = |error: mdbook_driver::errors::Error| format!("{error:#}");
    let mut config = Config::from_str(&config).map_err(mdbook)?;
    config.book.src = ".".into();
    MDBook::load_with_config(text, config).and_then(|book| book.build()).map_err(mdbook)?;
    fs::remove_dir_all(text).map_err(said(text))?;
    Ok(out.join("index.html"))
}

/// A page of docs/ as a chapter: links to files that are no chapters lose their target.
fn appendix(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("](") {
        let end = rest[at..].find(')').map_or(rest.len(), |end| at + end);
        let target = &rest[at + 2..end];
        let page = target.split('#').next().unwrap_or_default();
        let kept = target.starts_with("http")
            || target.starts_with('#')
            || target.starts_with("images/")
            || APPENDICES.contains(&page);
        match (kept, rest[..at].rfind('[')) {
            (false, Some(open)) => {
                out.push_str(&rest[..open]);
                out.push_str(&rest[open + 1..at]);
            }
            _ => out.push_str(&rest[..(end + 1).min(rest.len())]),
        }
        rest = &rest[(end + 1).min(rest.len())..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::appendix;

    #[test]
    fn links_out_of_the_book_lose_their_target() {
        let text =
            "See [the tests](../tests/zoo.rs), [trust](trust.md#a), ![a](images/a.svg) and [x](https://x.y).";
        let kept = "See the tests, [trust](trust.md#a), ![a](images/a.svg) and [x](https://x.y).";
        assert_eq!(appendix(text), kept);
    }
}
