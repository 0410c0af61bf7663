//! Each check accepts its reference solution, knows a gap from an answer, and refuses every known mistake.

use exercises::{Verdict, exercises};
use twinglyph_kernels::lesson::{Gradient, wrong_backward_passes};

#[test]
fn every_solution_passes_its_check() {
    let all = exercises();
    assert_eq!(all.iter().map(|exercise| exercise.number).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    for exercise in all {
        assert_eq!(exercise.judge.solution(), Verdict::Solved, "exercise {}", exercise.number);
    }
}

/// Whoever solves the exercises makes this one fail: what is committed has gaps.
#[test]
fn every_gap_is_recognised_as_not_filled_in() {
    for exercise in exercises() {
        assert_eq!(exercise.judge.gap(), Verdict::NotFilledIn, "exercise {}", exercise.number);
    }
}

#[test]
fn every_mistake_is_refused_and_named() {
    for exercise in exercises() {
        let mistakes = exercise.judge.mistakes();
        assert!(mistakes.len() >= 3, "exercise {}", exercise.number);
        for (what, verdict) in mistakes {
            let Verdict::Wrong(said) = verdict else {
                panic!("exercise {}, {what}: {verdict:?}", exercise.number)
            };
            let named = said.lines().last().unwrap();
            assert!(
                named.starts_with("  These are the numbers of code with this mistake: "),
                "{what}:\n{said}"
            );
            assert!(named.contains(what), "{what}:\n{said}");
            assert!(said.contains("expected") && said.contains("got"), "{what}:\n{said}");
        }
    }
}

#[test]
fn convolution_s_mistakes_are_all_of_the_lesson_s_wrong_backward_passes() {
    let all = exercises();
    for (number, gradient) in
        [(3, Gradient::Bias), (4, Gradient::Weight), (5, Gradient::Input), (6, Gradient::Input)]
    {
        let lesson = wrong_backward_passes().into_iter().filter(|wrong| wrong.gradient == gradient);
        let lesson: Vec<&str> = lesson.map(|wrong| wrong.what).collect();
        let here: Vec<&str> = all[number - 1].judge.mistakes().into_iter().map(|(what, _)| what).collect();
        assert_eq!(here, lesson, "exercise {number}");
    }
}

#[test]
fn every_gap_has_a_task_and_its_solution_the_same_functions() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    for exercise in exercises() {
        let gap = std::fs::read_to_string(format!("{root}{}", exercise.file)).unwrap();
        assert!(gap.contains("```text") && gap.contains("todo!"), "{}", exercise.file);
        // From `pub fn` to the body: they may be called in each other's place.
        let signatures = |text: &str| -> Vec<String> {
            text.split("pub fn ").skip(1).map(|rest| rest.split(" {\n").next().unwrap().to_string()).collect()
        };
        assert_eq!(signatures(&gap), signatures(exercise.solution), "{}", exercise.file);
        assert!(exercise.hints.iter().all(|hint| hint.len() > 20), "{}", exercise.file);
    }
}
