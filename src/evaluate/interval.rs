//! How sure a balanced accuracy is, when the pairs of one alphabet are not independent.
//!
//! The alphabets are resampled with replacement, and a pair counts as often as its alphabets were drawn (the
//! pigeonhole bootstrap, Owen 2007, The Annals of Applied Statistics 1: 386-411):
//!
//! ```text
//! weight of a pair of one alphabet a       m(a)
//! weight of a pair of two alphabets a, b   m(a) m(b)        m = how often an alphabet was drawn
//! ```
//!
//! The balanced accuracy is computed with these weights for each resample, and the interval runs from the
//! 2.5th to the 97.5th percentile. Thousands of pairs of five alphabets give a wide interval, as they should.

use super::scored_pair::ScoredPair;
use rand::RngExt;
use rayon::prelude::*;
use std::collections::BTreeMap;
use twinglyph_engine::random::rng;

/// How often the alphabets are resampled.
const RESAMPLES: u64 = 2000;

/// Right and wrong answers of the pairs of two given alphabets.
#[derive(Clone, Copy, Default)]
struct Cell {
    right: usize,
    wrong: usize,
}

/// The 95 % interval of the balanced accuracy at a threshold; [0, 0] of no pairs.
pub(super) fn interval(pairs: &[ScoredPair], threshold: f32, seed: u64) -> [f64; 2] {
    // Pairs of the same two alphabets have the same weight, so their answers are counted once.
    let mut cells: BTreeMap<(bool, u32, u32), Cell> = BTreeMap::new();
    let mut names: Vec<u32> = Vec::new();
    for pair in pairs {
        let (a, b) = pair.alphabets;
        let cell = cells.entry((pair.same, a.min(b), a.max(b))).or_default();
        let right = pair.same == (pair.distance <= threshold);
        *(if right { &mut cell.right } else { &mut cell.wrong }) += 1;
        names.extend([a, b]);
    }
    names.sort_unstable();
    names.dedup();
    let place = |name: u32| names.binary_search(&name).expect("every alphabet is in the list");
    let cells: Vec<(bool, usize, usize, Cell)> =
        cells.into_iter().map(|((same, a, b), cell)| (same, place(a), place(b), cell)).collect();
    let mut values: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .filter_map(|resample| {
            let mut rng = rng(seed, resample + 1);
            let mut drawn = vec![0usize; names.len()];
            for _ in 0..names.len() {
                drawn[rng.random_range(0..names.len() as u64) as usize] += 1;
            }
            balanced_accuracy(&cells, &drawn)
        })
        .collect();
    if values.is_empty() {
        return [0.0; 2];
    }
    values.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|share| quantile(&values, share))
}

/// Of numbers in ascending order: 0 asks for the first, 1 for the last, what lies between for the nearest place.
fn quantile(values: &[f64], share: f64) -> f64 {
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// The weighted balanced accuracy; `None` where no pair of a kind was drawn.
fn balanced_accuracy(cells: &[(bool, usize, usize, Cell)], drawn: &[usize]) -> Option<f64> {
    // [different, same] x [right, all]
    let mut sums = [[0usize; 2]; 2];
    for &(same, a, b, cell) in cells {
        let weight = if a == b { drawn[a] } else { drawn[a] * drawn[b] };
        let sum = &mut sums[usize::from(same)];
        sum[0] += weight * cell.right;
        sum[1] += weight * (cell.right + cell.wrong);
    }
    let share = |[right, all]: [usize; 2]| (all > 0).then(|| right as f64 / all as f64);
    Some((share(sums[0])? + share(sums[1])?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of `n` alphabets; those of alphabets below `bad` are all answered wrong.
    fn pairs(n: u32, bad: u32) -> Vec<ScoredPair> {
        let mut pairs = Vec::new();
        for a in 0..n {
            for b in 0..n {
                let wrong = a < bad;
                let (same, distance) = (a == b, if (a == b) != wrong { 0.0 } else { 1.0 });
                pairs.extend([ScoredPair { distance, same, alphabets: (a, b), glyphs: (0, 1) }; 3]);
            }
        }
        pairs
    }

    #[test]
    fn a_quantile_is_the_number_at_the_nearest_place() {
        assert_eq!([0.0, 0.2, 0.3, 1.0].map(|share| quantile(&[1.0, 2.0, 4.0], share)), [1.0, 1.0, 2.0, 4.0]);
    }

    #[test]
    fn a_pair_counts_as_often_as_its_alphabets_were_drawn() {
        let cells = [
            (true, 0, 0, Cell { right: 3, wrong: 1 }),
            (true, 1, 1, Cell { right: 1, wrong: 4 }),
            (false, 0, 1, Cell { right: 2, wrong: 3 }),
            (false, 1, 2, Cell { right: 1, wrong: 0 }),
        ];
        // Same: twice 3 of 4, three times 1 of 5. Different: six times 2 of 5, three times 1 of 1.
        let expected = (9.0 / 23.0 + 15.0 / 33.0) / 2.0;
        assert_eq!(balanced_accuracy(&cells, &[2, 3, 1]), Some(expected));
        // No pair of two alphabets.
        assert_eq!(balanced_accuracy(&cells, &[0, 1, 0]), None);
    }

    #[test]
    fn a_perfect_model_has_an_interval_of_one_point() {
        assert_eq!(interval(&pairs(6, 0), 0.5, 1), [1.0, 1.0]);
    }

    #[test]
    fn the_interval_holds_the_value_and_narrows_with_more_alphabets() {
        let few = interval(&pairs(6, 2), 0.5, 1);
        let many = interval(&pairs(30, 10), 0.5, 1);
        assert!(few[0] < 0.667 && few[1] > 0.667 && many[0] < 0.667 && many[1] > 0.667, "{few:?} {many:?}");
        assert!(many[1] - many[0] < few[1] - few[0], "{few:?} {many:?}");
        // More pairs of the same alphabets say nothing new.
        let repeated: Vec<_> = pairs(6, 2).into_iter().cycle().take(6 * 6 * 3 * 20).collect();
        assert_eq!(interval(&repeated, 0.5, 1), few);
    }

    #[test]
    fn one_seed_gives_one_interval_and_no_pairs_none() {
        assert_eq!(interval(&pairs(9, 3), 0.5, 7), interval(&pairs(9, 3), 0.5, 7));
        assert_eq!(interval(&[], 0.5, 7), [0.0, 0.0]);
    }
}
