//! What the program prints, and its exit codes, with the gaps not filled in.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exercises")).args(arguments).output().unwrap()
}

/// Standard output, with nothing on the other.
fn printed(arguments: &[&str], code: i32) -> String {
    let Output { status, stdout, stderr } = run(arguments);
    assert_eq!(
        (status.code(), String::from_utf8(stderr).unwrap()),
        (Some(code), String::new()),
        "{arguments:?}"
    );
    String::from_utf8(stdout).unwrap()
}

/// The sentence on standard error.
fn refused(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(arguments);
    assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{arguments:?}");
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said.trim_end().to_string()
}

#[test]
fn the_list_marks_every_exercise() {
    let list = printed(&[], 0);
    assert_eq!(list.lines().filter(|line| line.contains("not filled in")).count(), 12, "{list}");
    assert!(list.contains(" 4  not filled in  weight gradient of a convolution\n"), "{list}");
    assert!(list.contains("0 of 12 solved"), "{list}");
}

#[test]
fn a_gap_is_not_filled_in_yet() {
    let said = "exercise 3 is not filled in yet: open docs/exercises/src/gaps/ex03_bias.rs\n";
    assert_eq!(printed(&["check", "3"], 1), said);
    let all = printed(&["check", "all"], 1);
    assert_eq!(all.lines().count(), 12);
    assert!(all.contains(said), "{all}");
}

#[test]
fn hints_come_one_at_a_time_and_the_solution_whole() {
    let first = printed(&["hint", "5"], 0);
    assert!(first.starts_with("exercise 5, hint 1 of 3: "), "{first}");
    assert_eq!(printed(&["hint", "5", "1"], 0), first);
    assert!(printed(&["hint", "5", "3"], 0).starts_with("exercise 5, hint 3 of 3: "));
    let solution = printed(&["solution", "5"], 0);
    assert_eq!(solution, include_str!("../src/solutions/ex05_scatter.rs"));
}

#[test]
fn bad_arguments_are_told_in_a_sentence() {
    assert_eq!(refused(&["check", "13"]), "\"13\": expected the number of an exercise, 1 to 12");
    assert_eq!(refused(&["check", "0"]), "\"0\": expected the number of an exercise, 1 to 12");
    assert_eq!(refused(&["hint", "one"]), "\"one\": expected the number of an exercise, 1 to 12");
    assert_eq!(refused(&["hint", "1", "4"]), "\"4\": expected the number of a hint, 1 to 3");
    assert_eq!(refused(&["solution"]), "solution: expected the number of an exercise, 1 to 12");
    assert_eq!(refused(&["check", "1", "2"]), "\"2\" is one argument too many");
    assert!(refused(&["chek"]).starts_with("\"chek\": expected check, hint or solution"));
}
