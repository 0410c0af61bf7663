//! Python, and a browser driven by it, where they are.

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
    eprintln!("skipped: {} has no {packages}", python.display());
    None
}

/// Runs a script of tests/peers that opens pages in a browser, and returns what it printed; `None` where there is no browser.
///
/// # Panics
/// When the script finds something wrong.
pub fn open_in_browser(script: &Path, arguments: &[&Path]) -> Option<String> {
    let python = python("playwright")?;
    if !["/usr/bin/chromium", "/usr/bin/google-chrome"].iter().any(|path| Path::new(path).exists()) {
        eprintln!("skipped: no Chromium");
        return None;
    }
    let output = Command::new(python).arg("-B").arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said.into_owned())
}
