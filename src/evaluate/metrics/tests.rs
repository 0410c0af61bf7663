use super::*;
use crate::evaluate::calibration::Calibration;

const T: bool = true;
const F: bool = false;

#[test]
fn auc_counts_the_pairs_in_the_right_order_and_ties_half() {
    assert_eq!(roc_auc(&[1.0, 2.0, 3.0, 4.0], &[T, T, F, F]), Some(1.0));
    assert_eq!(roc_auc(&[1.0, 2.0, 3.0, 4.0], &[F, F, T, T]), Some(0.0));
    // Of (1 < 2), (1 < 4), (3 > 2), (3 < 4) three are right.
    assert_eq!(roc_auc(&[1.0, 2.0, 3.0, 4.0], &[T, F, T, F]), Some(0.75));
    assert_eq!(roc_auc(&[1.0; 5], &[T, F, T, F, F]), Some(0.5));
    // 1 < 2 right, 2 = 2 half.
    assert_eq!(roc_auc(&[1.0, 2.0, 2.0], &[T, T, F]), Some(0.75));
    assert_eq!(roc_auc(&[1.0, 2.0], &[T, T]), None);
    assert_eq!(roc_auc(&[], &[]), None);
}

#[test]
fn the_equal_error_rate_is_where_both_errors_meet() {
    assert_eq!(equal_error_rate(&[1.0, 2.0, 3.0, 4.0], &[T, T, F, F]), Some(0.0));
    // One of two of each kind is on the wrong side.
    assert_eq!(equal_error_rate(&[1.0, 2.0, 3.0, 4.0], &[T, F, T, F]), Some(0.5));
    assert_eq!(equal_error_rate(&[1.0; 4], &[T, F, T, F]), Some(0.5));
    let (d, s) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [T, T, T, F, T, F, F, F]);
    assert_eq!(equal_error_rate(&d, &s), Some(0.25));
    // FPR goes from 1/2 to 3/4 at an FNR of 2/3: they meet at two thirds of the way.
    let rate = equal_error_rate(&d[..7], &[T, F, F, F, T, T, F]).unwrap();
    assert!((rate - 2.0 / 3.0).abs() < 1e-12, "{rate}");
}

#[test]
fn the_best_threshold_stands_halfway_and_at_most_is_same() {
    let best = best_threshold(&[1.0, 2.0, 4.0, 5.0], &[T, T, F, F]).unwrap();
    assert_eq!(best, BestThreshold { threshold: 3.0, balanced_accuracy: 1.0, accuracy: 1.0 });
    assert_eq!(Confusion::at(2.0, &[1.0, 2.0, 4.0], &[T, T, F]), Confusion { tp: 2, fn_: 0, fp: 0, tn: 1 });
    // 1.5 and 3.5 are equally good.
    let best = best_threshold(&[1.0, 2.0, 3.0, 4.0], &[T, F, T, F]).unwrap();
    assert_eq!(best, BestThreshold { threshold: 1.5, balanced_accuracy: 0.75, accuracy: 0.75 });
    // Some are still on the wrong side: one of three that are different.
    let best = best_threshold(&[1.0, 2.0, 3.0, 4.0, 5.0], &[T, F, T, F, F]).unwrap();
    assert_eq!((best.threshold, best.accuracy), (3.5, 0.8));
    // Turned about, nothing beats a constant answer.
    let worst = best_threshold(&[1.0, 2.0, 3.0, 4.0], &[F, F, T, T]).unwrap();
    assert_eq!(worst.balanced_accuracy, 0.5);
    // Neighbouring floats: the threshold still separates them.
    let (a, b) = (1.0f32, 1.0f32.next_up());
    let best = best_threshold(&[a, b], &[T, F]).unwrap();
    assert_eq!((best.threshold, best.accuracy), (a, 1.0));
    // The middle of these rounds up.
    let best = best_threshold(&[b, b.next_up()], &[T, F]).unwrap();
    assert_eq!((best.threshold, best.accuracy), (b, 1.0));
    assert_eq!(best_threshold(&[0.5; 4], &[T, F, T, F]).unwrap().balanced_accuracy, 0.5);
    assert!(best_threshold(&[1.0], &[T]).is_none());
    assert!(best_threshold(&[f32::NAN, 1.0], &[F, T]).unwrap().balanced_accuracy == 1.0);
}

#[test]
fn balanced_accuracy_is_blind_to_the_base_rate() {
    // 96 of 100 are different and the answer is always "different".
    let confusion = Confusion { tp: 0, fn_: 4, fp: 0, tn: 96 };
    assert_eq!((confusion.accuracy(), confusion.balanced_accuracy()), (0.96, 0.5));
    assert_eq!(base_rate(&[F, F, F, T]), 0.75);
    // Where one kind is missing, that of the other; more wrong answers than right ones.
    assert_eq!(Confusion { tp: 1, fn_: 3, fp: 0, tn: 0 }.balanced_accuracy(), 0.25);
    assert_eq!(Confusion { tp: 0, fn_: 0, fp: 4, tn: 1 }.balanced_accuracy(), 0.2);
    assert_eq!(Confusion { tp: 1, fn_: 3, fp: 1, tn: 1 }.balanced_accuracy(), 0.375);
    assert_eq!(Confusion { tp: 0, fn_: 0, fp: 0, tn: 0 }.balanced_accuracy(), 0.0);
}

#[test]
fn the_first_of_equally_near_training_glyphs_is_the_answer() {
    let rows = [[3.0, 1.0, 1.0], [0.5, 0.5, 0.5], [2.0, 3.0, 1.0]];
    assert_eq!(rows.map(|row| nearest(&row)), [1, 0, 2]);
}

#[test]
fn json_and_text_say_what_was_measured() {
    let pair = |distance, same, alphabets| ScoredPair { distance, same, alphabets, glyphs: (0, 1) };
    let pairs = [pair(0.1, T, (0, 0)), pair(0.9, F, (0, 1)), pair(0.2, T, (1, 1)), pair(0.3, F, (1, 0))];
    // p = 1 / (1 + exp(d)).
    let rule = Rule { threshold: 0.5, calibration: Some(Calibration { a: 1.0, b: 0.0 }) };
    let sets = vec![evaluate_set("train", &pairs, &rule, 1)];
    let label = Label::Character;
    let evaluation = Evaluation { label, glyphs: 1, threshold: 0.5, origin: Origin::Stored, sets };
    let json = serde_json::to_value(&evaluation).unwrap();
    let p = [0.1f32, 0.9, 0.2, 0.3].map(|d| 1.0 / (1.0 + f64::from(d).exp()));
    let brier = ((1.0 - p[0]).powi(2) + p[1].powi(2) + (1.0 - p[2]).powi(2) + p[3].powi(2)) / 4.0;
    assert!((json["sets"][0]["brier"].as_f64().unwrap() - brier).abs() < 1e-12);
    let line = |text: String| text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(line(evaluation.to_string()) <= 110);
    let bare = evaluate_set("train", &pairs, &Rule { calibration: None, ..rule }, 1);
    assert_eq!((bare.brier, bare.ece, bare.reliability.len()), (None, None, 0));
    assert_eq!((&json["threshold"], &json["label"]), (&serde_json::json!(0.5), &"character".into()));
    assert!(
        evaluation
            .to_string()
            .starts_with("Threshold 0.5000: pairs at most this far apart are called the same character.\n")
    );
    let several = |label| Evaluation { label, glyphs: 5, ..evaluation.clone() }.to_string();
    let head = "Each side of a pair is the mean embedding of 5 different glyphs of";
    assert!(several(Label::Character).starts_with(&format!("{head} a character.\n")));
    assert!(several(Label::Alphabet).starts_with(&format!("{head} an alphabet.\n")));
    let set = &json["sets"][0];
    assert_eq!(set["confusion"], serde_json::json!([[2, 0], [1, 1]]));
    assert_eq!((&set["accuracy"], &set["pairs"]), (&serde_json::json!(0.75), &serde_json::json!(4)));
}
