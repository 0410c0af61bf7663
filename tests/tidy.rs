//! The house rules that a compiler does not hold: which room may use which, how long a file may be, where unsafe
//! code, the disk and the command line's parser may be.

#[path = "tidy/circles.rs"]
mod circles;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room of src/engine/ and of src/, and the rooms that it may use; all may use error, files, hash, meant and random.
const ARROWS: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("random", &[]),
    ("tensor", &[]),
    ("tape", &["tensor"]),
    ("ops", &["tape", "tensor"]),
    ("gradcheck", &["ops", "tape", "tensor"]),
    ("nn", &["gradcheck", "ops", "tape", "tensor"]),
    ("files", &[]),
    ("hash", &[]),
    ("meant", &[]),
    ("data", &[]),
    ("evaluate", &["data", "nn", "tensor"]),
    ("train", &["data", "evaluate", "nn", "ops", "tape", "tensor"]),
    ("recipes", &["data", "nn", "train"]),
    ("run", &["data", "evaluate", "nn", "recipes", "tensor", "train"]),
];

const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder, with their text.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "{folder} holds no Rust file");
    files
}

/// `ops` for src/engine/ops/relu.rs, `hash` for src/hash.rs; `tests` for those of the engine.
fn room(path: &Path) -> String {
    let source = root().join("src");
    let below = path.strip_prefix(source.join("engine")).or(path.strip_prefix(source)).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_string()
}

/// The rooms named by `crate::ROOM` and by `use crate::{ROOM, ...}` in code, and the engine's by its own name; the crates'
/// re-exports are traced to the room that they come from.
fn used_rooms(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for rest in ["crate::", "twinglyph_engine::"].iter().flat_map(|name| line.split(name).skip(1)) {
            let list = rest.strip_prefix('{').map_or(rest, |list| list.split('}').next().unwrap_or(list));
            let names = if rest.starts_with('{') { list.split(',').collect() } else { vec![rest] };
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                rooms.push(match name.as_str() {
                    "Error" | "Result" => "error".into(),
                    "Tape" | "Var" => "tape".into(),
                    "Element" | "Shape" | "Tensor" => "tensor".into(),
                    _ => name,
                });
            }
        }
    }
    rooms
}

#[test]
fn arrows_between_rooms_point_down_only() {
    let mut seen = BTreeSet::new();
    for (path, text) in rust_files("src") {
        let room = room(&path);
        if ["main", "lib", "cli", "tests"].contains(&room.as_str()) {
            continue;
        }
        let (_, allowed) =
            ARROWS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("a new room: {room}"));
        for used in used_rooms(&text) {
            let fine = used == room
                || ["error", "files", "hash", "meant", "random"].contains(&used.as_str())
                || allowed.contains(&used.as_str());
            assert!(fine, "{}: {room} may not use {used}", path.display());
            seen.insert((room.clone(), used));
        }
    }
    // If nothing were found to be used, nothing would be held.
    for (room, allowed) in ARROWS {
        for used in allowed {
            assert!(seen.contains(&(room.into(), used.to_string())), "{room} may use {used} and does not");
        }
    }
}

#[test]
fn only_cli_knows_clap_and_only_files_run_and_data_touch_the_disk() {
    for (path, text) in rust_files("src") {
        let room = room(&path);
        assert!(room == "cli" || !text.contains("clap"), "{}: clap outside of cli", path.display());
        // What the system says of the process is no file.
        let mut code =
            text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains("/proc/self/"));
        let touches = code.any(|line| line.contains("std::fs") || line.contains("use std::{fs"));
        assert!(
            ["files", "run", "data"].contains(&room.as_str()) || !touches,
            "{}: the disk",
            path.display()
        );
    }
}

#[test]
fn no_file_is_longer_than_a_reader_likes() {
    for folder in ["src", "kernels", "tests", "benches", "docs"] {
        for (path, text) in rust_files(folder) {
            let lines = text.lines().count();
            assert!(lines <= LONGEST, "{}: {lines} lines, expected at most {LONGEST}", path.display());
        }
    }
}

#[test]
fn unsafe_code_is_in_the_kernels_and_a_counting_allocator_alone_and_every_block_says_why_it_is_sound() {
    let is_counter = |path: &Path| path.ends_with("src/engine/tests/allocations.rs");
    for (path, text) in rust_files("src").into_iter().filter(|(path, _)| !is_counter(path)) {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| line.contains("unsafe")) {
            assert!(line.contains("forbid(unsafe_code)"), "{}: {line}", path.display());
        }
    }
    for (path, text) in rust_files("docs/page") {
        for line in text.lines().filter(|line| line.contains("unsafe")) {
            assert!(line.contains("#[unsafe(no_mangle)]"), "{}: {line}", path.display());
        }
    }
    let (mut blocks, mut functions, mut reasons) = (0, 0, 0);
    let counter = rust_files("src/engine/tests").into_iter().filter(|(path, _)| is_counter(path));
    for (path, text) in rust_files("kernels/src").into_iter().chain(counter) {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
            let near = &lines[i.saturating_sub(4)..=i];
            let said = near.iter().any(|line| line.contains("SAFETY"));
            assert!(said, "{}, line {}: an unsafe block without its reason: {line}", path.display(), i + 1);
        }
        let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        blocks += count("unsafe {");
        functions += count("unsafe fn") + count("unsafe impl");
        reasons += count("SAFETY") + count("# Safety");
    }
    // Whoever adds to it, or takes away, counts again: here and in docs/trust.md.
    let counted = format!(
        "{blocks} unsafe blocks, {functions} unsafe functions and implementations, {reasons} reasons"
    );
    let trust = fs::read_to_string(root().join("docs/trust.md")).unwrap();
    assert!(trust.contains(&counted), "docs/trust.md does not say: {counted}");
}

#[test]
fn the_kernels_know_no_tensor_tape_file_or_clock() {
    for (path, text) in rust_files("kernels/src") {
        for word in ["Tensor", "Tape", "std::fs", "std::time", "Instant"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

/// Lines of code of the tape at most: what is read first stays a few pages.
const TAPE: usize = 272;

#[test]
fn the_tape_is_a_few_pages() {
    let text = fs::read_to_string(root().join("src/engine/tape/mod.rs")).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap().lines().map(str::trim);
    let lines = code.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(
        (TAPE / 2..=TAPE).contains(&lines),
        "src/engine/tape/mod.rs: {lines} lines of code, expected at most {TAPE}"
    );
}

/// The op that a line implements, by itself or by a macro as in `activation!(Relu, "relu", ...`.
fn implemented(line: &str) -> Option<&str> {
    if let Some(op) = line.strip_prefix("impl<E: Element> Op<E> for ") {
        return Some(op.trim_end_matches(" {"));
    }
    let (name, arguments) = line.split_once("!(")?;
    let (op, rest) = arguments.split_once(',')?;
    // One with constants has them behind its name.
    let op = op.split(" {").next()?;
    let is_op = op.starts_with(|c: char| c.is_ascii_uppercase()) && rest.starts_with(" \"");
    (is_op && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then_some(op)
}

#[test]
fn every_op_is_in_the_table_once() {
    let table = fs::read_to_string(root().join("src/engine/ops/mod.rs")).unwrap();
    let (_, table) = table.split_once("\n    ops! {\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| !line.contains('}')).collect();
    let mut ops = 0;
    for (path, text) in rust_files("src/engine/ops") {
        // A macro's arguments may stand below its name.
        let text = text.replace("!(\n    ", "!(").replace(",\n    \"", ", \"");
        for op in text.lines().filter_map(implemented) {
            let times = rows.iter().filter(|row| row.ends_with(&format!("\": {op},"))).count();
            assert_eq!(times, 1, "{}: {op} stands {times} times in the table", path.display());
            ops += 1;
        }
    }
    assert_eq!(ops, rows.len(), "ops that were found, and rows of the table");
}
