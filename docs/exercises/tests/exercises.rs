//! The checks are checked: the solutions pass, the gaps are gaps, and no mistake that is known gets through.

use exercises::check::{Failure, Verdict};
use exercises::checks::{Entry, all};
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
