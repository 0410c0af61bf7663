//! The program from outside: what it says, and its exit codes.

use std::process::{Command, Output};

fn exercises(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_exercises")).args(arguments).output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    (output, said)
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let (output, said) = exercises(arguments);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[track_caller]
fn fails(arguments: &[&str]) -> String {
    let (output, said) = exercises(arguments);
    assert!(!output.status.success(), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    said
}

#[test]
fn the_list_names_every_exercise_and_the_way_on() {
    let said = succeeds(&[]);
    assert_eq!(said.matches("to fill in").count(), 14, "{said}");
    assert!(said.contains("cargo run -p exercises -- check N"), "{said}");
}

#[test]
fn a_gap_is_called_a_gap_and_is_no_success() {
    let said = fails(&["check", "3"]);
    assert!(said.contains("not filled in yet"), "{said}");
    assert!(said.contains("docs/exercises/src/ex03_conv_bias.rs"), "{said}");
    // The first that is not solved.
    assert!(fails(&["check"]).contains("ex01_central_differences.rs"));
    assert_eq!(fails(&["check", "all"]).matches("not filled in yet").count(), 14);
    assert_eq!(fails(&["check", "2", "5"]).matches("not filled in yet").count(), 2);
}

#[test]
fn hints_are_given_one_at_a_time() {
    let first = succeeds(&["hint", "5"]);
    assert!(first.contains("hint 1 of 4"), "{first}");
    assert!(first.contains("-- hint 5 2"), "{first}");
    let last = succeeds(&["hint", "5", "4"]);
    assert!(!last.contains("more:"), "{last}");
    assert!(fails(&["hint", "5", "9"]).contains("exercise 5 has hints 1 to 4, not 9"));
}

#[test]
fn a_solution_is_shown_only_to_who_insists() {
    let refused = fails(&["solution", "3"]);
    assert!(refused.contains("--show") && !refused.contains("db[[o]] +="), "{refused}");
    assert!(succeeds(&["solution", "3", "--show"]).contains("db[[o]] += dy[[n, o, i, j]];"));
}

#[test]
fn a_number_that_there_is_not_is_refused_in_a_sentence() {
    assert!(fails(&["check", "15"]).contains("expected the number of an exercise, 1 to 14, or all"));
    assert!(fails(&["hint", "zero"]).contains("expected the number of an exercise, 1 to 14"));
}
