//! The book says what is so: generated parts are current, every listing is an item or a test, every command runs, every link leads
//! somewhere, and a browser shows all pages.

#[path = "../../../tests/common/browser.rs"]
mod browser;
#[path = "../../../tests/common/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use twinglyph_book::{Paths, build, chapters, generate, program, words};

/// The chapters by name, as they are written.
fn texts(paths: &Paths) -> Vec<(String, String)> {
    let read = |name: &String| fs::read_to_string(paths.book.join("chapters").join(name)).unwrap();
    chapters(paths).unwrap().into_iter().map(|name| (name.clone(), read(&name))).collect()
}

#[test]
fn figures_tables_and_outputs_are_those_of_the_engine() {
    let paths = Paths::of_this_project();
    let current = generate(&paths).unwrap();
    for (path, text) in &current {
        let committed = fs::read_to_string(path).unwrap_or_default();
        assert!(committed == *text, "{}: cargo run --release -p twinglyph-book -- generate", path.display());
    }
    // Nothing is left over, and every figure stands in a chapter.
    let texts: String = texts(&paths).into_iter().map(|(_, text)| text).collect();
    for folder in ["figures", "generated"] {
        for file in fs::read_dir(paths.book.join(folder)).unwrap() {
            let path = file.unwrap().path();
            assert!(current.contains_key(&path), "{}: nothing makes it", path.display());
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(folder == "generated" || texts.contains(&format!("{{{{#figure {name} ")), "{name}");
        }
    }
}

#[test]
fn every_listing_is_an_item_of_the_engine_or_a_test() {
    let doctests = include_str!("../src/doctests.rs");
    let (mut tests, mut items) = (0, 0);
    for (name, text) in texts(&Paths::of_this_project()) {
        assert!(doctests.contains(&format!("\"{name}\"")), "{name} is not in src/doctests.rs");
        for (k, part) in text.split("\n```").enumerate().skip(1) {
            let (language, code) = part.split_once('\n').unwrap_or((part, ""));
            match (k % 2, language) {
                (1, "rust") => {
                    tests += 1;
                    assert!(!code.contains("{{#"), "{name}: {code}");
                }
                (1, "rust,ignore") => {
                    let only = code.lines().all(|line| line.starts_with("{{#item ") && line.ends_with("}}"));
                    items += code.lines().count();
                    assert!(only, "{name}: code that is neither an item nor a test: {code}");
                }
                (1, "sh") | (0, "") => {}
                (_, other) => panic!("{name}: a block of {other:?}, expected rust, rust,ignore or sh"),
            }
        }
    }
    assert!(tests >= 15 && items >= 15, "{tests} tests, {items} items");
}

#[test]
fn every_command_runs() {
    let paths = Paths::of_this_project();
    let program = program(&paths).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for (name, text) in texts(&paths) {
        let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
        for command in blocks.flat_map(|(block, _)| block.lines()) {
            // The README's test trains the default model; the benches are run by the gate.
            if ["twinglyph train", "cargo bench --bench kernels"].contains(&command) {
                continue;
            }
            let arguments = command.strip_prefix("twinglyph ").unwrap_or_else(|| panic!("{name}: {command}"));
            let output =
                Command::new(&program).args(words(arguments)).current_dir(temp.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {command}: {said}");
            // What the chapter says of these two.
            match command.rsplit_once("learning_rate=") {
                Some((_, "3")) => assert!(said.contains("have collapsed"), "{said}"),
                Some((_, "30")) => assert!(said.contains("diverges"), "{said}"),
                _ => {}
            }
            ran += 1;
        }
    }
    assert!(ran >= 3, "{ran}");
}

/// Every `href` and `src` of a page, and every `id`.
fn links_and_anchors(html: &str) -> (Vec<&str>, BTreeSet<&str>) {
    let values = |attribute: &str| -> Vec<&str> {
        html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    };
    let links = [values(" href=\""), values(" src=\"")].concat();
    (links, values(" id=\"").into_iter().collect())
}

#[test]
fn the_book_is_built_and_every_link_leads_somewhere() {
    let paths = Paths::of_this_project();
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("book");
    assert!(build(&paths, &out).unwrap().is_file());
    build(&paths, &out).expect("a second time over the first");
    let pages: Vec<_> = chapters(&paths).unwrap().iter().map(|name| name.replace(".md", ".html")).collect();
    let appendices = ["report.html", "learning.html", "performance.html", "trust.html"];
    let mut checked = 0;
    for page in pages.iter().map(String::as_str).chain(appendices) {
        let html = fs::read_to_string(out.join(page)).unwrap();
        assert!(!html.contains("{{#") && !html.contains("$$"), "{page}: something is not filled in");
        for link in links_and_anchors(&html).0 {
            if link.starts_with("http") || link.starts_with("data:") || link.is_empty() {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = out.join(if file.is_empty() { page } else { file });
            assert!(target.is_file(), "{page}: {link} leads nowhere");
            if !anchor.is_empty() {
                let html = fs::read_to_string(target).unwrap();
                assert!(links_and_anchors(&html).1.contains(anchor), "{page}: {link} leads nowhere");
            }
            checked += 1;
        }
    }
    assert!(checked >= 200, "{checked}");

    let script = paths.root.join("tests/peers/book_pages.py");
    if let Some(said) = browser::open_in_browser(&script, &[&out]) {
        assert!(said.lines().count() >= pages.len(), "{said}");
    }
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("letter.txt"), "mine").unwrap();
    let said = build(&Paths::of_this_project(), temp.path()).unwrap_err();
    assert!(said.ends_with("holds something else than a book, expected an empty folder"), "{said}");
    assert!(temp.path().join("letter.txt").exists());
    let output = Command::new(env!("CARGO_BIN_EXE_twinglyph-book")).arg("burn").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage: "));
}
