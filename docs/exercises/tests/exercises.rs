//! The checks are checked: the solutions pass, the gaps are gaps, and no mistake that is known gets through.

use exercises::array::Array;
use exercises::check::{Failure, Verdict};
use exercises::checks::{Entry, all, ex05};
use std::collections::BTreeSet;

fn failure(entry: &Entry, what: &str, verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Failed(failure) => *failure,
        _ => panic!("exercise {}: {what} gets through: {verdict:?}", entry.number),
    }
}

#[test]
fn every_solution_is_right_in_all_cases() {
    for entry in all() {
        match (entry.exercise)().solution() {
            Verdict::Solved(cases) => assert!(cases >= 3, "exercise {}: {cases} cases", entry.number),
            Verdict::Failed(failure) => panic!("exercise {}: {failure}", entry.number),
            Verdict::Unfilled => panic!("exercise {}: a gap", entry.number),
        }
    }
}

#[test]
fn every_gap_is_committed_empty() {
    for entry in all() {
        let verdict = (entry.exercise)().attempt();
        assert_eq!(
            verdict,
            Verdict::Unfilled,
            "{} is filled in: well done, but do not commit it",
            entry.file()
        );
    }
}

#[test]
fn every_known_mistake_is_refused_and_called_by_its_name() {
    for entry in all() {
        let exercise = (entry.exercise)();
        let mistakes = exercise.mistakes();
        assert!(mistakes.len() >= 5, "exercise {}: {} mistakes", entry.number, mistakes.len());
        for (what, verdict) in mistakes {
            let failure = failure(&entry, what, verdict);
            assert!(failure.everywhere, "exercise {}: {what}", entry.number);
            assert_eq!(failure.looks_like, [what], "exercise {}", entry.number);
            assert!(failure.to_string().contains(what), "exercise {}: {failure}", entry.number);
        }
    }
}

#[test]
fn exercises_are_numbered_and_have_hints() {
    let files: BTreeSet<String> = all().iter().map(Entry::file).collect();
    assert_eq!(files.len(), all().len());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (k, entry) in all().iter().enumerate() {
        assert_eq!(entry.number, k + 1);
        assert!(entry.name.starts_with(&format!("ex{:02}_", k + 1)), "{}", entry.name);
        assert!(root.join(entry.file()).is_file(), "{}", entry.file());
        assert!(entry.hints.len() >= 3, "{}", entry.name);
    }
}

#[test]
fn the_readme_shows_what_is_printed() {
    let entry = &all()[4];
    let exercise = (entry.exercise)();
    let mistakes = exercise.mistakes();
    let (what, verdict) = mistakes.into_iter().find(|(what, _)| what.contains("180 degrees")).unwrap();
    let text = failure(entry, what, verdict).to_string();
    assert!(include_str!("../README.md").contains(&text), "{text}");
}

/// A function that does this to the input's gradient of a convolution.
fn judged(pass: impl Fn(&mut Array<4>) + 'static) -> String {
    let pass: Box<ex05::Pass> = Box::new(move |_, _, _, _, dx| pass(dx));
    let Verdict::Failed(failure) = ex05::exercise().judge(&pass) else { panic!("it gets through") };
    failure.to_string()
}

#[test]
fn what_is_no_known_mistake_is_described() {
    let said = judged(|dx| dx[[0, 0, -1, 2]] += 1.0);
    assert!(said.contains("Your code stopped at docs/exercises/tests/exercises.rs, line "), "{said}");
    assert!(said.contains("index (0, 0, -1, 2) is outside of the shape (1, 1, 3, 3)"), "{said}");

    assert!(judged(|_| ()).contains("4 of 9 numbers are wrong; nothing was written to it"));

    let double = |dx: &mut Array<4>| {
        [[1, 1], [1, 2], [2, 1], [2, 2]]
            .iter()
            .zip(1..)
            .for_each(|([r, q], w)| dx[[0, 0, *r, *q]] += 2.0 * w as f64);
    };
    assert!(judged(double).contains("Every number is 2 times what it should be."));

    let said = judged(|dx| *dx = Array::zeros([1, 1, 2, 3]));
    assert!(said.contains("expected shape (1, 1, 3, 3), got (1, 1, 2, 3)"), "{said}");
}
