//! Distances between rows, and dropout.

use super::{Numbers, assert_close};
use twinglyph_kernels::*;

pub fn pairwise_distances_agree<E: Element>() {
    let mut numbers = Numbers(13);
    let widths = [1, 2, 7, 8, 9, 16, 33, 64];
    for (n, width) in [1, 2, 3, 8, 9, 17, 40].into_iter().flat_map(|n| widths.map(|width| (n, width))) {
        let (x, dy, start) =
            (numbers.vec::<E>(n * width), numbers.vec::<E>(n * n), numbers.vec::<E>(n * width));
        let (mut fast, mut slow) = (vec![E::ONE; n * n], vec![E::ZERO; n * n]);
        pairwise_squared_distance_forward(width, &x, &mut fast);
        reference::pairwise_squared_distance_forward(width, &x, &mut slow);
        assert_close(&fast, &slow, width, &format!("y of {n} rows of {width}"));
        for i in 0..n {
            assert_eq!(fast[i * n + i], E::ZERO);
            assert!((0..n).all(|j| fast[i * n + j] == fast[j * n + i]), "{n} rows of {width}: not symmetric");
        }
        let (mut fast, mut slow) = (start.clone(), start);
        pairwise_squared_distance_backward(width, &x, &dy, &mut fast);
        reference::pairwise_squared_distance_backward(width, &x, &dy, &mut slow);
        assert_close(&fast, &slow, 8 * n, &format!("dx of {n} rows of {width}"));
    }
}

pub fn dropout_agrees<E: Element>() {
    let mut numbers = Numbers(14);
    // Around the vectors, and more than one task.
    for len in [1, 7, 8, 9, 31, 33, 16 * 1024 - 1, 3 * 16 * 1024 + 5] {
        for (rate, seed) in [(0.0, 1), (0.3, 1), (0.5, 2), (0.999, 3)] {
            let dropout = Dropout { rate, seed };
            let (x, start) = (numbers.vec::<E>(len), numbers.vec::<E>(len));
            let (mut fast, mut slow) = (vec![E::ONE; len], vec![E::ZERO; len]);
            dropout_forward(&dropout, &x, &mut fast);
            reference::dropout(&dropout, &x, &mut slow);
            assert_close(&fast, &slow, 1, &format!("{len} numbers, {dropout:?}"));
            let mut added = start.clone();
            dropout_backward(&dropout, &x, &mut added);
            let expected: Vec<E> = start.iter().zip(&slow).map(|(a, b)| *a + *b).collect();
            assert_close(&added, &expected, 1, &format!("added, {len} numbers, {dropout:?}"));
        }
    }
}

#[test]
fn dropout_drops_as_many_as_it_should_and_others_for_each_seed() {
    let len = 1_000_000;
    for rate in [0.1, 0.5, 0.9] {
        let kept = |seed| -> Vec<bool> {
            let dropout = Dropout { rate, seed };
            (0..len).map(|i| dropout.keeps(i)).collect()
        };
        let count = |kept: &[bool]| kept.iter().filter(|kept| **kept).count() as f64;
        // Within 5 standard deviations of a binomial count, alone and together with a neighbour: the next element, the
        // same element at the next seed.
        let within = |count: f64, p: f64| {
            let deviation = (p * (1.0 - p) * len as f64).sqrt();
            assert!((count - p * len as f64).abs() < 5.0 * deviation, "rate {rate}: {count} at {p}");
        };
        let (one, other) = (kept(7), kept(8));
        let keep = 1.0 - rate;
        within(count(&one), keep);
        let both: Vec<bool> = one.iter().zip(&other).map(|(a, b)| *a && *b).collect();
        within(count(&both), keep * keep);
        let pairs: Vec<bool> = one.windows(2).map(|pair| pair[0] && pair[1]).collect();
        within(count(&pairs), keep * keep);
    }
}
