//! What a test does that lacks what it needs.

use std::io::Write;

/// What tests may lack: Omniglot, Python with small packages, with PyTorch, a browser, the wasm32 target, the compiler that
/// the page's module was made by, a second instruction set, a file system that takes any name, and to be another user.
const KINDS: [&str; 9] =
    ["omniglot", "python", "torch", "browser", "wasm", "compiler", "levels", "names", "users"];

/// Names what must not be lacking: some of the above with commas between them, or `all`.
pub const VARIABLE: &str = "TWINGLYPH_REQUIRE";

/// Says `skipped: WHAT: WHY`, past what keeps the output of tests that pass.
///
/// # Panics
/// Where [`VARIABLE`] asks for it.
#[track_caller]
pub fn skip(what: &str, why: &str) {
    let required = std::env::var(VARIABLE).unwrap_or_default();
    assert!(!is_required(what, &required), "{VARIABLE}={required}, but {what}: {why}");
    let said = format!("skipped: {what}: {}\n", why.replace('\n', " "));
    // A closed stderr is no reason to fail.
    let _ = std::io::stderr().write_all(said.as_bytes());
}

/// A name that is none would ask for nothing, and is refused.
fn is_required(what: &str, required: &str) -> bool {
    assert!(KINDS.contains(&what), "{what} is none of {KINDS:?}");
    let names: Vec<&str> = required.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let unknown = names.iter().find(|name| **name != "all" && !KINDS.contains(name));
    assert!(unknown.is_none(), "{VARIABLE}={required}: expected all or some of {KINDS:?}");
    names.iter().any(|name| [what, "all"].contains(name))
}
