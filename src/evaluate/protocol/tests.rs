use super::*;
use crate::data::{Alphabet, Glyph, Pixels};
use rand::RngExt;
use twinglyph_engine::nn::{Architecture, Layer, Objective};

const RULE: Rule = Rule { threshold: 0.3, calibration: Some(Calibration { a: 4.0, b: -2.0 }) };

/// Grey glyphs of 2 x 2: an alphabet's own shade, much less different than the hands that draw it.
fn set(alphabets: u32, glyphs: u32) -> Dataset {
    let mut rng = rng(4, 0);
    let mut all = Vec::new();
    for alphabet in 0..alphabets {
        for drawer in 1..=glyphs {
            let shade = 60 + 15 * (alphabet as i32 % 8);
            let grey = (0..4).map(|_| (shade + rng.random_range(-60..=60)) as u8).collect();
            all.push(Glyph { alphabet, character: 0, drawer, pixels: Pixels::Grey(grey), file: None });
        }
    }
    let alphabet = |i| Alphabet { name: format!("Alphabet{i}"), characters: vec!["character01".into()] };
    Dataset::new((2, 2), (0..alphabets).map(alphabet).collect(), all).unwrap()
}

/// The pixels are the embedding.
fn model(head: bool) -> Model<f32> {
    let encoder = vec![Layer::Flatten {}];
    Model::new(Architecture { input: [1, 2, 2], encoder, head, views: 1, objective: Objective::default() }, 1)
        .unwrap()
}

fn split(training: &[usize], held_out: &[usize]) -> Split {
    Split { training: training.into(), held_out: held_out.into() }
}

fn evaluate(set: &Dataset, split: &Split, glyphs: usize) -> Result<Evaluation> {
    let protocol =
        Protocol { set, split, unseen: None, label: Label::Alphabet, pairs: 1000, glyphs, seed: 2 };
    evaluate_sets(&model(false), RULE, &protocol)
}

#[test]
fn single_glyphs_keep_the_stored_rule_and_more_of_them_get_their_own() {
    let (set, split) = (set(8, 40), split(&[0, 1, 2, 3], &[4, 5, 6, 7]));
    let [one, five] = [1, 5].map(|glyphs| evaluate(&set, &split, glyphs).unwrap());
    assert_eq!((one.glyphs, one.threshold, one.origin), (1, RULE.threshold, Origin::Stored));
    assert_eq!((five.glyphs, five.origin), (5, Origin::HeldOut(CHOICE_PAIRS)));
    // Means lie closer together.
    assert!(five.threshold < 0.8 * one.threshold, "{}", five.threshold);
    for (one, five) in one.sets.iter().zip(&five.sets) {
        assert_eq!((&one.name, one.pairs, one.base_rate), (&five.name, five.pairs, five.base_rate));
        assert!(five.auc.unwrap() > one.auc.unwrap() + 0.05, "{one:?} {five:?}");
        assert!(five.balanced_accuracy > one.balanced_accuracy + 0.03, "{one:?} {five:?}");
        assert!(five.brier.unwrap() < one.brier.unwrap(), "{one:?} {five:?}");
        // Chosen on other pairs of these alphabets; the others' need not be so.
        assert!(five.name != "held-out" || five.ece.unwrap() < 0.1, "{five:?}");
    }
    assert_eq!(evaluate(&set, &split, 5).unwrap(), five);
    let text = five.to_string();
    assert!(text.contains("mean embedding of 5 different glyphs"), "{text}");
    assert!(text.contains("on 2000 such pairs of the held-out alphabets"), "{text}");
}

#[test]
fn the_distances_of_sets_run_through_the_head() {
    let (set, split) = (set(4, 10), split(&[0, 1], &[2, 3]));
    let protocol = Protocol {
        set: &set,
        split: &split,
        unseen: None,
        label: Label::Alphabet,
        pairs: 50,
        glyphs: 2,
        seed: 2,
    };
    let evaluation = evaluate_sets(&model(true), RULE, &protocol).unwrap();
    // A sigmoid.
    assert!(evaluation.threshold > 0.0 && evaluation.threshold < 1.0);
    assert_eq!(evaluation.sets.len(), 3);
}

#[test]
fn without_held_out_alphabets_the_stored_rule_is_left() {
    let set = set(4, 10);
    let evaluation = evaluate(&set, &split(&[0, 1, 2, 3], &[]), 2).unwrap();
    assert_eq!((evaluation.threshold, evaluation.origin), (RULE.threshold, Origin::Stored));
    let names: Vec<&str> = evaluation.sets.iter().map(|set| set.name.as_str()).collect();
    assert_eq!(names, ["train", "both"]);
}

#[test]
fn an_alphabet_of_too_few_glyphs_is_named() {
    let error = evaluate(&set(4, 9), &split(&[0, 1], &[2, 3]), 5).unwrap_err().to_string();
    let sentence = "is an alphabet of 9 glyphs, expected at least 10 for two sets of 5";
    assert_eq!(error, format!("Alphabet0: {sentence}"));
    assert!(evaluate(&set(4, 10), &split(&[0, 1], &[2, 3]), 5).is_ok());
}
