//! Files that import from one another in a circle can only be read all at once; there is none.
//!
//! A node is a file, an edge is what its code names of another: `use super::x`, `use crate::a::b`, or such a path without a
//! `use`. What a parent hands on of another file is an edge to that file. Tests are left out, and so is what a module's file
//! names of its own parts below it: `mod.rs` and its parts are one module, cut into files.

use super::{root, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// `["conv2d", "plan"]` for conv2d/plan.rs.
type Module = Vec<String>;

/// The folders of crates, and folders in them that are crates of their own.
const CRATES: [(&str, &[&str]); 3] = [("src", &["engine"]), ("src/engine", &["tests"]), ("kernels/src", &[])];

/// What is bound to be one: an element is what vectors and loops are compiled for, and both are generic over elements.
const KNOWN: (&str, [&str; 3]) = ("element.rs", ["compiled.rs", "simd/mod.rs", "simd/portable.rs"]);

/// Names, and each other character by itself but for `::`; comments, texts and characters are left out.
fn tokens(code: &str) -> Vec<String> {
    let chars: Vec<char> = code.chars().collect();
    let starts = |i: usize, what: &str| what.chars().enumerate().all(|(k, c)| chars.get(i + k) == Some(&c));
    let after = |i: usize, what: &str| {
        (i..chars.len()).find(|&i| starts(i, what)).map_or(chars.len(), |i| i + what.chars().count())
    };
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut all = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let hashes = chars[i + 1..].iter().take_while(|&&c| c == '#').count();
        if starts(i, "//") {
            i = after(i, "\n");
        } else if starts(i, "/*") {
            i = after(i, "*/");
        } else if chars[i] == 'r' && chars.get(i + 1 + hashes) == Some(&'"') {
            i = after(i + 2 + hashes, &format!("\"{}", "#".repeat(hashes)));
        } else if chars[i] == '"' || (chars[i] == '\'' && (starts(i + 1, "\\") || starts(i + 2, "'"))) {
            let quote = chars[i];
            i += 1;
            while i < chars.len() && chars[i] != quote {
                i += 1 + usize::from(chars[i] == '\\');
            }
            i += 1;
        } else if is_name(chars[i]) {
            let end = (i..chars.len()).find(|&i| !is_name(chars[i])).unwrap_or(chars.len());
            all.push(chars[i..end].iter().collect());
            i = end;
        } else if starts(i, "::") {
            all.push("::".into());
            i += 2;
        } else {
            if !chars[i].is_whitespace() {
                all.push(chars[i].into());
            }
            i += 1;
        }
    }
    all
}

/// The tokens without the items of `#[cfg(test)]`, and the names of the test modules that have files of their own.
fn without_tests(tokens: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut files) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        if !["#", "[", "cfg", "(", "test", ")", "]"].iter().zip(&tokens[i..]).all(|(a, b)| a == b) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += 7;
        // To the end of the item: a semicolon outside of brackets, or the bracket that closes its block.
        let (start, mut depth) = (i, 0);
        while i < tokens.len() {
            match &tokens[i][..] {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            i += 1;
            if depth == 0 && [";", "}"].contains(&&tokens[i - 1][..]) {
                break;
            }
        }
        let item = &tokens[start..i];
        if let Some(at) =
            item.iter().position(|token| token == "mod").filter(|_| item.ends_with(&[";".into()]))
        {
            files.push(item[at + 1].clone());
        }
    }
    (kept, files)
}

/// The paths of a tree of imports that begins at `i`, after `prefix`; and where it ends. `x as y` is x.
fn tree(tokens: &[String], mut i: usize, prefix: &[String], found: &mut Vec<Module>) -> usize {
    let mut path = prefix.to_vec();
    while i < tokens.len() {
        match &tokens[i][..] {
            "::" => i += 1,
            "as" => i += 2,
            "{" => {
                i += 1;
                while i < tokens.len() && tokens[i] != "}" {
                    i = tree(tokens, i, &path, found);
                    i += usize::from(tokens.get(i).is_some_and(|token| token == ","));
                }
                return i + 1;
            }
            "," | "}" | ";" => break,
            name => {
                path.push(name.into());
                i += 1;
            }
        }
    }
    found.push(path);
    i
}

#[derive(Default)]
struct File {
    tokens: Vec<String>,
    /// What is imported, and what else is named from `crate`, `self` or `super` on.
    imports: Vec<Module>,
    paths: Vec<Module>,
}

impl File {
    fn read(tokens: Vec<String>) -> File {
        let mut file = File::default();
        let mut i = 0;
        while i < tokens.len() {
            let begins = ["crate", "self", "super"].contains(&&tokens[i][..]);
            if tokens[i] == "use" {
                // `use<'a>` of a bound is no import.
                if tokens.get(i + 1).is_some_and(|token| token != "<") {
                    i = tree(&tokens, i + 1, &[], &mut file.imports);
                }
            } else if begins && tokens.get(i + 1).is_some_and(|token| token == "::") {
                let mut path = vec![tokens[i].clone()];
                while tokens.get(i + 1).is_some_and(|token| token == "::") && i + 2 < tokens.len() {
                    path.push(tokens[i + 2].clone());
                    i += 2;
                }
                file.paths.push(path);
            }
            i += 1;
        }
        File { tokens, ..file }
    }

    /// Whether an item of this name is written here.
    fn defines(&self, name: &str) -> bool {
        let kinds = ["struct", "enum", "trait", "type", "fn", "const", "static", "union"];
        self.tokens.windows(2).any(|pair| kinds.contains(&&pair[0][..]) && pair[1] == name)
    }
}

/// The file that a path leads to from a module; `None` where it leads out of the crate.
fn resolve(files: &BTreeMap<Module, File>, from: &[String], path: &[String], depth: usize) -> Option<Module> {
    let mut at = from.to_vec();
    for (k, name) in path.iter().enumerate() {
        match &name[..] {
            "crate" => at.clear(),
            "self" | "*" => {}
            "super" => drop(at.pop()),
            _ => {
                at.push(name.clone());
                if files.contains_key(&at) {
                    continue;
                }
                at.pop();
                // A first name that is none of the module's parts is another crate's.
                return if k == 0 { None } else { origin(files, &at, name, depth) };
            }
        }
    }
    Some(at)
}

/// Where a module has an item from: its own file, or that which it hands on.
fn origin(files: &BTreeMap<Module, File>, at: &Module, name: &String, depth: usize) -> Option<Module> {
    let file = files.get(at)?;
    if file.defines(name) || depth == 0 {
        return Some(at.clone());
    }
    for import in &file.imports {
        let Some(last) = import.last() else { continue };
        if last == name {
            return resolve(files, at, import, depth - 1);
        }
        if last == "*"
            && let Some(from) = resolve(files, at, import, depth - 1)
            && files[&from].defines(name)
        {
            return Some(from);
        }
    }
    Some(at.clone())
}

/// The circles among files, given by path and text, each as `a.rs -> b.rs -> a.rs`; a file is named in one alone.
fn circles(texts: &[(String, String)]) -> Vec<String> {
    let mut files = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for (path, text) in texts {
        let mut module: Module = path.trim_end_matches(".rs").split('/').map(String::from).collect();
        if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
            module.pop();
        }
        let (code, of_tests) = without_tests(&tokens(text));
        tests.extend(of_tests.into_iter().map(|test| [&module[..], &[test]].concat()));
        names.insert(module.clone(), &path[..]);
        files.insert(module, File::read(code));
    }
    files.retain(|module, _| !tests.iter().any(|test: &Module| module.starts_with(test)));
    let mut edges: BTreeMap<&Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, file) in &files {
        let named = file.imports.iter().chain(&file.paths);
        let others = named.filter_map(|path| resolve(&files, module, path, 8));
        let is_known = |other: &Module| names[module] == KNOWN.0 && KNOWN.1.contains(&names[other]);
        let counts = |other: &Module| !other.starts_with(module) && !is_known(other);
        edges.insert(module, others.filter(counts).collect());
    }
    let mut found = Vec::new();
    loop {
        // What leads to nothing, or only to such, is in no circle. What is left leads on and on, hence into one.
        while let Some((&end, _)) = edges.iter().find(|(_, to)| !to.iter().any(|to| edges.contains_key(to))) {
            edges.remove(end);
        }
        let Some(&first) = edges.keys().next() else { return found };
        let mut way = vec![first];
        let start = loop {
            let to = &edges[way[way.len() - 1]];
            let (&next, _) = to.iter().find_map(|to| edges.get_key_value(to)).expect("one that is left");
            way.push(next);
            if let Some(start) = way.iter().position(|module| *module == next).filter(|at| at + 1 < way.len())
            {
                break start;
            }
        };
        let said: Vec<&str> = way[start..].iter().map(|module| names[*module]).collect();
        found.push(said.join(" -> "));
        way[start..].iter().for_each(|module| drop(edges.remove(module)));
    }
}

#[test]
fn no_files_import_from_one_another_in_a_circle() {
    let mut found = Vec::new();
    for (folder, apart) in CRATES {
        let base = root().join(folder);
        let texts: Vec<(String, String)> = rust_files(folder)
            .into_iter()
            .map(|(path, text)| (path.strip_prefix(&base).unwrap().to_path_buf(), text))
            .filter(|(path, _)| !apart.iter().any(|apart| path.starts_with(Path::new(apart))))
            .map(|(path, text)| (path.to_str().unwrap().replace('\\', "/"), text))
            .collect();
        assert!(texts.len() > 10, "{folder}: {} files", texts.len());
        found.extend(circles(&texts).into_iter().map(|circle| format!("{folder}: {circle}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_circle_is_found_however_it_is_written_and_nothing_else_is() {
    let found = |texts: &[(&str, &str)]| {
        circles(&texts.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect::<Vec<_>>())
    };
    let two = |a: &str, b: &str| found(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b/mod.rs", b)]);
    let expected = ["a.rs -> b/mod.rs -> a.rs"];
    for a in [
        "use super::b::B;",
        "pub(crate) use crate::b::{C, B as D};",
        "use crate::{c::C, b};",
        "fn f<'a>(x: &'a str) -> crate::b::B { crate::b::new(x, '\"', \"//\") }",
        "#[cfg(test)] mod tests { use super::*; } use super::b::*;",
        "#[cfg(test)] const ONE: [u8; 2] = [1; 2]; use super::b::*;",
    ] {
        assert_eq!(two(a, "use crate::a::A;"), expected, "{a}");
    }
    for a in [
        "// use super::b::B;",
        "/// crate::b::B\nfn f() {}",
        "const B: &str = \"crate::b::B\"; const C: &str = r#\"\"crate::b\"#;",
        "#[cfg(test)] mod tests { use super::super::b::B; fn f() { { } } }",
        "use rayon::b::B; use other::a::A;",
        "fn f() -> impl Iterator + use<'_> { crate::c::C }",
        "use super::c::C; use self::A; pub(super) struct A;",
    ] {
        assert_eq!(two(a, "use crate::a::A;"), [""; 0], "{a}");
    }
    // By way of a parent that hands on, by its name or by all names; and of three files.
    for parent in ["pub use b::B;", "pub use b::*;", "use b::B;"] {
        let parts = [("m/a.rs", "use super::B;"), ("m/b.rs", "use super::a::A; pub struct B;")];
        let way = ["m/a.rs -> m/b.rs -> m/a.rs"];
        assert_eq!(found(&[("m.rs", parent), parts[0], parts[1]]), way, "{parent}");
    }
    let three = [
        ("a.rs", "use crate::b;"),
        ("b.rs", "use crate::m::c::x;"),
        ("m/c.rs", "use crate::{a, d};"),
        ("m.rs", "mod c;"),
        ("d.rs", ""),
    ];
    assert_eq!(found(&three), ["a.rs -> b.rs -> m/c.rs -> a.rs"]);
    // A module and its parts are one; but what a part is named by from elsewhere counts.
    assert_eq!(found(&[("m/mod.rs", "use part::P; pub struct M;"), ("m/part.rs", "use super::M;")]), [""; 0]);
    let around = [
        ("m/mod.rs", "use crate::a::A;"),
        ("m/part.rs", "use super::M;"),
        ("a.rs", "use crate::m::part::P;"),
    ];
    assert_eq!(found(&around), ["a.rs -> m/part.rs -> m/mod.rs -> a.rs"]);
    // A test's file is a test.
    let tests = [
        ("a.rs", "#[cfg(test)]\nmod tests;"),
        ("a/tests.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::tests;"),
    ];
    assert_eq!(found(&tests), [""; 0]);
}
