//! A test that lacks what it needs says so where it is seen, and fails where it may not lack it.

#[path = "common/skip.rs"]
mod skip;

use std::process::{Command, Output};

/// What is skipped in the processes that the tests below start; by itself it skips nothing.
#[test]
fn one_that_is_skipped() {
    if let Ok(what) = std::env::var("TWINGLYPH_SKIP_WHAT") {
        println!("what only a failing test shows");
        skip::skip(&what, "not here,\nsays this test");
    }
}

/// The test above, among others that pass, in a process that requires this.
fn skipped(what: &str, required: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "one_that_is_skipped"])
        .env("TWINGLYPH_SKIP_WHAT", what)
        .env(skip::VARIABLE, required)
        .output()
        .unwrap()
}

#[test]
fn what_is_skipped_is_seen_in_a_run_that_passes() {
    for required in ["", "omniglot", "omniglot, python"] {
        let output = skipped("torch", required);
        let (said, told) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success() && said.contains("1 passed"), "{said}{told}");
        assert_eq!(told, "skipped: torch: not here, says this test\n");
        assert!(!said.contains("what only a failing test shows"), "{said}");
    }
}

#[test]
fn what_is_required_is_not_skipped() {
    for required in ["torch", "python,torch", "all", " torch , wasm"] {
        let output = skipped("torch", required);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && said.contains("1 failed"), "{required}: {said}");
        assert!(said.contains(&format!("TWINGLYPH_REQUIRE={required}, but torch: not here")), "{said}");
        assert!(!String::from_utf8(output.stderr).unwrap().contains("skipped: "), "{required}");
    }
}

#[test]
fn what_nobody_can_lack_is_neither_skipped_nor_required() {
    for (what, required) in [("omnigolt", ""), ("torch", "omnigolt"), ("torch", "python,al")] {
        let output = skipped(what, required);
        assert!(!output.status.success(), "{what}, {required}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("\"omniglot\", \"python\""), "{what}");
    }
}
