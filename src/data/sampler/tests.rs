use super::*;
use crate::data::testing::{labelled_set, set};
use std::collections::HashMap;
use twinglyph_engine::random::rng;

/// Sizes that differ, one of them the least that is allowed.
const SIZES: [usize; 4] = [2, 5, 3, 40];

fn alphabet(set: &Dataset, glyph: usize) -> usize {
    set.glyphs()[glyph].alphabet as usize
}

#[test]
fn pairs_are_what_they_say_and_never_a_glyph_with_itself() {
    let set = set(&SIZES);
    let sampler = PairSampler::new(&set, &[0, 1, 3], Label::Alphabet).unwrap();
    let mut rng = rng(1, 0);
    let mut same = 0;
    for _ in 0..20_000 {
        let pair = sampler.sample(&mut rng);
        let (a, b) = (alphabet(&set, pair.left), alphabet(&set, pair.right));
        assert_eq!(pair.same, a == b);
        assert_ne!(pair.left, pair.right);
        assert!(a != 2 && b != 2, "an alphabet that was not asked for");
        same += usize::from(pair.same);
    }
    // 10,000 +- 5 standard deviations.
    assert!((9_646..=10_354).contains(&same), "{same}");
}

#[test]
fn a_batch_is_balanced_exactly() {
    let set = set(&SIZES);
    let sampler = PairSampler::new(&set, &[0, 1, 2, 3], Label::Alphabet).unwrap();
    let mut rng = rng(1, 0);
    for (first, n) in [0, 1, 7].into_iter().flat_map(|first| [0, 1, 2, 7, 64].map(|n| (first, n))) {
        let batch = sampler.batch(first, n, &mut rng);
        assert_eq!(batch.len(), n);
        assert!(batch.iter().enumerate().all(|(i, p)| p.same == ((first + i) % 2 == 0)), "{first}, {n}");
        let same = batch.iter().filter(|p| p.same).count();
        assert_eq!(same, if first % 2 == 0 { n.div_ceil(2) } else { n / 2 }, "{first}, {n}");
    }
}

#[test]
fn no_negative_shares_the_anchors_alphabet() {
    let set = set(&SIZES);
    let sampler = TripletSampler::new(&set, &[3, 0, 2], Label::Alphabet).unwrap();
    let triplets = sampler.batch(20_000, &mut rng(2, 0));
    assert_eq!(triplets.len(), 20_000);
    for t in triplets {
        assert_eq!(alphabet(&set, t.anchor), alphabet(&set, t.positive));
        assert_ne!(t.anchor, t.positive);
        assert_ne!(alphabet(&set, t.anchor), alphabet(&set, t.negative));
        assert_ne!(alphabet(&set, t.negative), 1);
    }
}

#[test]
fn small_alphabets_are_drawn_as_often_as_large_ones() {
    let set = set(&SIZES);
    let mut rng = rng(3, 0);
    let (mut left, mut right, mut anchor, mut negative) = ([0; 4], [0; 4], [0; 4], [0; 4]);
    let pairs = PairSampler::new(&set, &[0, 1, 2, 3], Label::Alphabet).unwrap();
    let triplets = TripletSampler::new(&set, &[0, 1, 2, 3], Label::Alphabet).unwrap();
    for _ in 0..40_000 {
        let pair = pairs.sample(&mut rng);
        left[alphabet(&set, pair.left)] += 1;
        right[alphabet(&set, pair.right)] += 1;
        let triplet = triplets.sample(&mut rng);
        anchor[alphabet(&set, triplet.anchor)] += 1;
        negative[alphabet(&set, triplet.negative)] += 1;
    }
    // 10,000 +- 5 standard deviations.
    for counts in [left, right, anchor, negative] {
        assert!(counts.iter().all(|c| (9_567..=10_433).contains(c)), "{counts:?}");
    }
}

#[test]
fn every_pair_of_glyphs_is_as_likely_as_another() {
    let set = set(&[3, 3]);
    let sampler = PairSampler::new(&set, &[0, 1], Label::Alphabet).unwrap();
    let mut counts: HashMap<Pair, usize> = HashMap::new();
    for pair in sampler.batch(0, 60_000, &mut rng(4, 0)) {
        *counts.entry(pair).or_default() += 1;
    }
    let of = |same| counts.iter().filter(move |(p, _)| p.same == same).map(|(_, &c)| c).collect::<Vec<_>>();
    // Ordered pairs: 2 * 3 * 2 of one alphabet, 2 * 3 * 3 of two; 30,000 draws each, +- 5 standard deviations.
    assert_eq!((of(true).len(), of(false).len()), (12, 18));
    assert!(of(true).iter().all(|c| (2_261..=2_739).contains(c)), "{counts:?}");
    assert!(of(false).iter().all(|c| (1_468..=1_865).contains(c)), "{counts:?}");
}

#[test]
fn a_seed_gives_the_same_batch_again() {
    let set = set(&SIZES);
    let sampler = PairSampler::new(&set, &[0, 1, 2, 3], Label::Alphabet).unwrap();
    assert_eq!(sampler.batch(0, 9, &mut rng(5, 1)), sampler.batch(0, 9, &mut rng(5, 1)));
    assert_ne!(sampler.batch(0, 9, &mut rng(5, 1)), sampler.batch(0, 9, &mut rng(5, 2)));
}

#[test]
fn alphabets_that_give_no_pair_are_refused() {
    let set = set(&[2, 1, 3, 0]);
    let error = |alphabets: &[usize]| {
        let error = PairSampler::new(&set, alphabets, Label::Alphabet).unwrap_err().to_string();
        assert_eq!(error, TripletSampler::new(&set, alphabets, Label::Alphabet).unwrap_err().to_string());
        error
    };
    assert_eq!(
        error(&[0]),
        "data: has 1 of the alphabets to draw from, expected at least two: a negative is of another one"
    );
    assert_eq!(error(&[0, 1]), "A01: is an alphabet of 1 glyph, expected at least two to make a same pair");
    assert_eq!(error(&[0, 3]), "A03: is an alphabet of 0 glyphs, expected at least two to make a same pair");
    assert_eq!(error(&[2, 0, 2]), "A02: is given twice to draw from, expected each alphabet once");
    assert_eq!(error(&[0, 4]), "data: has no alphabet number 4, expected one below 4");
}

#[test]
fn with_the_character_as_the_label_pairs_and_triplets_follow_it() {
    let set = labelled_set(&[3, 2, 4], 3);
    let character = |glyph: usize| (set.glyphs()[glyph].alphabet, set.glyphs()[glyph].character);
    let mut rng = rng(6, 0);
    let pairs = PairSampler::new(&set, &[0, 2], Label::Character).unwrap();
    for pair in pairs.batch(0, 5_000, &mut rng) {
        assert_eq!(pair.same, character(pair.left) == character(pair.right));
        assert_ne!(pair.left, pair.right);
        assert_ne!(character(pair.left).0, 1);
    }
    // Different characters of one alphabet are different too.
    assert!(
        pairs.batch(0, 100, &mut rng).iter().any(|p| !p.same && character(p.left).0 == character(p.right).0)
    );
    for t in TripletSampler::new(&set, &[1], Label::Character).unwrap().batch(1_000, &mut rng) {
        assert_eq!(character(t.anchor), character(t.positive));
        assert_ne!(character(t.anchor), character(t.negative));
    }
    let error =
        PairSampler::new(&labelled_set(&[3, 2], 1), &[0, 1], Label::Character).unwrap_err().to_string();
    let expected = "data: has 0 of the characters to draw from in two drawings or more, expected at least two: a \
                    negative is of another one";
    assert_eq!(error, expected);
}
