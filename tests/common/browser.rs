//! Python, and a browser driven by it, where they are. Whoever includes this file includes `skip.rs` beside it.

use super::skip::skip;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python that `TWINGLYPH_PYTHON` names, or `python3`; `None` where it lacks a package.
pub fn python(packages: &str) -> Option<PathBuf> {
    let python = std::env::var_os("TWINGLYPH_PYTHON").map_or("python3".into(), PathBuf::from);
    // Keras looks for its engine when it is imported.
    let import = format!("import {packages}");
    let found = Command::new(&python).env("KERAS_BACKEND", "torch").args(["-c", &import]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let what = match packages {
        "playwright" => "browser",
        _ if packages.contains("torch") => "torch",
        _ => "python",
    };
    skip(what, &format!("{} has no {packages}", python.display()));
    None
}

/// The same with what drives a browser, where there is one.
pub fn python_with_browser() -> Option<PathBuf> {
    if !["/usr/bin/chromium", "/usr/bin/google-chrome"].iter().any(|path| Path::new(path).exists()) {
        skip("browser", "no Chromium in /usr/bin");
        return None;
    }
    python("playwright")
}

/// Runs a script of tests/peers that opens pages in a browser, and returns what it printed; `None` where there is no browser.
///
/// # Panics
/// When the script finds something wrong.
pub fn open_in_browser(script: &Path, arguments: &[&Path]) -> Option<String> {
    let python = python_with_browser()?;
    let output = Command::new(python).arg("-B").arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said.into_owned())
}
