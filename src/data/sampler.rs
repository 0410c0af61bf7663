//! Samplers of pairs and triplets. A pair is balanced: as many of one alphabet as of two. No negative ever
//! shares the anchor's alphabet, and no glyph is paired with itself.

use super::Dataset;
use crate::{Error, Result};
use rand::{Rng, RngExt};
use std::ops::Range;

/// Two glyphs, by their index in the data, and whether they are of one alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// A glyph.
    pub left: usize,
    /// Another.
    pub right: usize,
    /// Of the same alphabet.
    pub same: bool,
}

/// Three glyphs: anchor and positive of one alphabet, the negative of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triplet {
    /// A glyph.
    pub anchor: usize,
    /// Another of its alphabet.
    pub positive: usize,
    /// One of another alphabet.
    pub negative: usize,
}

/// Draws pairs.
#[derive(Clone, Debug)]
pub struct PairSampler(Groups);

/// Draws triplets.
#[derive(Clone, Debug)]
pub struct TripletSampler(Groups);

impl PairSampler {
    /// A sampler over some alphabets.
    ///
    /// # Errors
    /// When there are fewer than two, or one has fewer than two glyphs.
    pub fn new(set: &Dataset, alphabets: &[usize]) -> Result<PairSampler> {
        Groups::new(set, alphabets).map(PairSampler)
    }

    /// `n` pairs, of one alphabet and of two in turn.
    ///
    /// Of one alphabet: the alphabet uniformly, then two glyphs of it. Of two: two alphabets uniformly, then a
    /// glyph of each.
    pub fn batch(&self, n: usize, rng: &mut impl Rng) -> Vec<Pair> {
        let mut pair = |i: usize| {
            let same = i.is_multiple_of(2);
            let (left, right) = if same { self.0.same(rng) } else { self.0.different(rng) };
            Pair { left, right, same }
        };
        (0..n).map(&mut pair).collect()
    }
}

impl TripletSampler {
    /// A sampler over some alphabets.
    ///
    /// # Errors
    /// When there are fewer than two, or one has fewer than two glyphs.
    pub fn new(set: &Dataset, alphabets: &[usize]) -> Result<TripletSampler> {
        Groups::new(set, alphabets).map(TripletSampler)
    }

    /// `n` triplets: two alphabets uniformly, two glyphs of the first, one of the second.
    pub fn batch(&self, n: usize, rng: &mut impl Rng) -> Vec<Triplet> {
        let mut triplet = || {
            let (own, other) = two_of(self.0.0.len(), rng);
            let (anchor, positive) = self.0.two_glyphs(own, rng);
            Triplet { anchor, positive, negative: self.0.glyph(other, rng) }
        };
        (0..n).map(|_| triplet()).collect()
    }
}

/// Where the glyphs of each alphabet stand.
#[derive(Clone, Debug)]
struct Groups(Vec<Range<usize>>);

impl Groups {
    fn new(set: &Dataset, alphabets: &[usize]) -> Result<Groups> {
        if alphabets.len() < 2 {
            let message = format!("{} alphabet to draw from, expected at least 2", alphabets.len());
            return Err(Error::input("data", message));
        }
        let groups: Vec<Range<usize>> = alphabets.iter().map(|&a| set.alphabet_range(a)).collect();
        match groups.iter().position(|group| group.len() < 2) {
            Some(i) => {
                let name = &set.alphabets()[alphabets[i]].name;
                Err(Error::input(name, "has a single glyph, expected at least 2, for pairs of one alphabet"))
            }
            None => Ok(Groups(groups)),
        }
    }

    fn same(&self, rng: &mut impl Rng) -> (usize, usize) {
        let group = below(self.0.len(), rng);
        self.two_glyphs(group, rng)
    }

    fn different(&self, rng: &mut impl Rng) -> (usize, usize) {
        let (a, b) = two_of(self.0.len(), rng);
        (self.glyph(a, rng), self.glyph(b, rng))
    }

    fn glyph(&self, group: usize, rng: &mut impl Rng) -> usize {
        self.0[group].start + below(self.0[group].len(), rng)
    }

    fn two_glyphs(&self, group: usize, rng: &mut impl Rng) -> (usize, usize) {
        let (a, b) = two_of(self.0[group].len(), rng);
        (self.0[group].start + a, self.0[group].start + b)
    }
}

/// Two different numbers below n, every ordered pair equally likely.
fn two_of(n: usize, rng: &mut impl Rng) -> (usize, usize) {
    let a = below(n, rng);
    let b = below(n - 1, rng);
    (a, b + usize::from(b >= a))
}

/// A number below n, drawn as u64 so that it is the same on every machine.
fn below(n: usize, rng: &mut impl Rng) -> usize {
    rng.random_range(0..n as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Alphabet, Glyph, Pixels};
    use crate::random::rng;

    /// Alphabets of 2, 3, 4, ... glyphs.
    fn set(alphabets: u32) -> Dataset {
        let names = (0..alphabets)
            .map(|a| Alphabet { name: format!("A{a:02}"), characters: vec!["c".into()] })
            .collect();
        let glyph = |alphabet, drawer| Glyph {
            alphabet,
            character: 0,
            drawer,
            pixels: Pixels::from_ink([true].into_iter()),
        };
        let glyphs = (0..alphabets).flat_map(|a| (0..a + 2).map(move |drawer| glyph(a, drawer))).collect();
        Dataset::new((1, 1), names, glyphs).unwrap()
    }

    #[test]
    fn pairs_are_balanced_and_their_labels_true() {
        let set = set(7);
        let sampler = PairSampler::new(&set, &[0, 2, 3, 6]).unwrap();
        let pairs = sampler.batch(20_000, &mut rng(1, 0));
        assert_eq!(pairs.iter().filter(|pair| pair.same).count(), 10_000);
        let mut seen = vec![0; set.glyphs().len()];
        for pair in &pairs {
            let alphabet = |glyph: usize| set.glyphs()[glyph].alphabet;
            assert_ne!(pair.left, pair.right);
            assert_eq!(pair.same, alphabet(pair.left) == alphabet(pair.right));
            seen[pair.left] += 1;
            seen[pair.right] += 1;
        }
        for (a, expected) in [(0, true), (1, false), (2, true), (4, false), (6, true)] {
            assert_eq!(seen[set.alphabet_range(a)].iter().all(|&n| n > 0), expected);
            assert_eq!(seen[set.alphabet_range(a)].iter().any(|&n| n > 0), expected);
        }
    }

    #[test]
    fn no_negative_shares_the_anchors_alphabet() {
        let set = set(5);
        let sampler = TripletSampler::new(&set, &[0, 1, 4]).unwrap();
        for triplet in sampler.batch(20_000, &mut rng(2, 0)) {
            let alphabet = |glyph: usize| set.glyphs()[glyph].alphabet;
            assert_ne!(triplet.anchor, triplet.positive);
            assert_eq!(alphabet(triplet.anchor), alphabet(triplet.positive));
            assert_ne!(alphabet(triplet.anchor), alphabet(triplet.negative));
        }
    }

    #[test]
    fn alphabets_are_drawn_evenly_whatever_their_size() {
        let set = set(6);
        let sampler = PairSampler::new(&set, &[0, 5]).unwrap();
        let pairs = sampler.batch(40_000, &mut rng(3, 0));
        let small = pairs.iter().filter(|pair| pair.same && set.glyphs()[pair.left].alphabet == 0).count();
        assert!((9_500..10_500).contains(&small), "{small} of 20,000");
    }

    #[test]
    fn one_seed_draws_one_sequence() {
        let set = set(6);
        let sampler = TripletSampler::new(&set, &[0, 1, 2, 3]).unwrap();
        assert_eq!(sampler.batch(50, &mut rng(4, 1)), sampler.batch(50, &mut rng(4, 1)));
        assert_ne!(sampler.batch(50, &mut rng(4, 1)), sampler.batch(50, &mut rng(4, 2)));
    }

    #[test]
    fn an_alphabet_of_one_glyph_is_refused() {
        let names = ["A", "B"].map(|n| Alphabet { name: n.into(), characters: vec!["c".into()] });
        let pixels = || Pixels::from_ink([true].into_iter());
        let glyphs = [(0, 1), (0, 2), (1, 1)].map(|(alphabet, drawer)| Glyph {
            alphabet,
            character: 0,
            drawer,
            pixels: pixels(),
        });
        let set = Dataset::new((1, 1), names.into(), glyphs.into()).unwrap();
        let error = PairSampler::new(&set, &[0, 1]).unwrap_err().to_string();
        assert_eq!(error, "B: has a single glyph, expected at least 2, for pairs of one alphabet");
    }
}
