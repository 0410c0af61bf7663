//! Pairs of sets of glyphs: K glyphs a side instead of one.
//!
//! ```text
//! embedding of a side    mean of its K glyphs' embeddings, brought back to length 1 if the encoder ends in that
//! distance of a pair     the model's own, between the two means
//! ```
//!
//! What differs from glyph to glyph of an alphabet averages out in a mean, and what they have in common stays (as in
//! the class means of Snell, Swersky and Zemel 2017, "Prototypical networks for few-shot learning").

use super::embed::mean;
use super::encoded::Encoded;
use super::metrics::ScoredPair;
use crate::data::Dataset;
use crate::data::sampler::Label;
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use twinglyph_engine::nn::Model;
use twinglyph_engine::random::below;
use twinglyph_engine::tensor::Tensor;

/// Pairs whose means are taken at a time.
const CHUNK: usize = 4096;

/// Draws balanced pairs of sets from some alphabets.
///
/// A same pair: a label, then 2 K different glyphs of it, K a side; a different pair: two different labels,
/// then K different glyphs of each. All choices are uniform.
pub(super) struct SetSampler {
    /// The alphabet of each label and its glyphs, in an order that every draw shuffles further.
    labels: Vec<(u32, Vec<usize>)>,
    /// K.
    glyphs: usize,
}

impl SetSampler {
    /// A sampler of sets of `glyphs` of the given alphabets.
    ///
    /// # Errors
    /// When there are fewer than two labels, or one has fewer than 2 K glyphs.
    pub(super) fn new(set: &Dataset, alphabets: &[usize], label: Label, glyphs: usize) -> Result<SetSampler> {
        let mut labels: Vec<(u32, Vec<usize>)> = Vec::new();
        for &alphabet in alphabets {
            match label {
                Label::Alphabet => labels.push((alphabet as u32, set.alphabet_range(alphabet).collect())),
                Label::Character => labels
                    .extend(set.character_ranges(alphabet).map(|range| (alphabet as u32, range.collect()))),
            }
        }
        let kind = label.name();
        if labels.len() < 2 {
            let message = format!("has {} of the {kind}s to draw from, expected at least two", labels.len());
            return Err(Error::input("data", message));
        }
        let needed = 2 * glyphs;
        if let Some((alphabet, found)) = labels.iter().find(|(_, found)| found.len() < needed) {
            let which = match label {
                Label::Alphabet => "is an alphabet of",
                Label::Character => "has a character of",
            };
            return Err(Error::input(
                &set.alphabets()[*alphabet as usize].name,
                format!(
                    "{which} {} glyphs, expected at least {needed} for two sets of {glyphs}",
                    found.len()
                ),
            ));
        }
        Ok(SetSampler { labels, glyphs })
    }

    /// All glyphs that can be drawn.
    pub(super) fn glyphs(&self) -> impl Iterator<Item = usize> {
        self.labels.iter().flat_map(|(_, glyphs)| glyphs.iter().copied())
    }

    /// The model's distances of `n` pairs: the first of one label, the second of two, and so on in turn.
    ///
    /// # Errors
    /// When the embeddings are not this model's.
    pub(super) fn score(
        &mut self,
        model: &Model<f32>,
        encoded: &Encoded,
        n: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<ScoredPair>> {
        let (width, normalised) = (encoded.width(), model.architecture().normalises());
        let mut scored = Vec::with_capacity(n);
        for start in (0..n).step_by(CHUNK) {
            let count = CHUNK.min(n - start);
            let mut means = Vec::with_capacity(2 * count * width);
            let mut labels = Vec::with_capacity(count);
            for i in start..start + count {
                let same = i % 2 == 0;
                let (sides, alphabets) = self.draw(same, rng);
                for side in &sides {
                    let rows = side.iter().map(|&glyph| encoded.embedding(glyph));
                    means.extend(mean(rows, width, normalised));
                }
                labels.push((same, alphabets, (sides[0][0] as u32, sides[1][0] as u32)));
            }
            let means = Tensor::new([2 * count, width], means)?;
            let pairs: Vec<(usize, usize)> = (0..count).map(|i| (2 * i, 2 * i + 1)).collect();
            let distances = model.distances(&means, &pairs)?;
            scored.extend(distances.into_iter().zip(labels).map(|(distance, (same, alphabets, glyphs))| {
                ScoredPair { distance, same, alphabets, glyphs }
            }));
        }
        Ok(scored)
    }

    /// The two sets of a pair, and their alphabets.
    fn draw(&mut self, same: bool, rng: &mut ChaCha8Rng) -> ([Vec<usize>; 2], (u32, u32)) {
        let first = below(rng, self.labels.len() as u32) as usize;
        let other = below(rng, self.labels.len() as u32 - 1) as usize;
        let k = self.glyphs;
        let (a, left) = &mut self.labels[first];
        let a = *a;
        if same {
            let both = shuffled(left, 2 * k, rng);
            return ([both[..k].to_vec(), both[k..].to_vec()], (a, a));
        }
        let left = shuffled(left, k, rng).to_vec();
        let (b, right) = &mut self.labels[other + usize::from(other >= first)];
        ([left, shuffled(right, k, rng).to_vec()], (a, *b))
    }
}

/// `k` of the glyphs, all choices equally likely: the first `k` steps of a Fisher-Yates shuffle, from any order.
fn shuffled<'a>(glyphs: &'a mut [usize], k: usize, rng: &mut ChaCha8Rng) -> &'a [usize] {
    for i in 0..k {
        let j = i + below(rng, (glyphs.len() - i) as u32) as usize;
        glyphs.swap(i, j);
    }
    &glyphs[..k]
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinglyph_engine::random::rng;

    #[test]
    fn a_mean_is_a_mean_and_keeps_the_length_of_normalised_embeddings() {
        let rows = [[1.0f32, 0.0], [0.0, 1.0]];
        let of = |normalised| mean(rows.iter().map(|row| &row[..]), 2, normalised);
        assert_eq!(of(false), [0.5, 0.5]);
        assert_eq!(of(true), [0.5f32.sqrt(); 2]);
        let opposite = [[1.0f32, 0.0], [-1.0, 0.0]];
        assert_eq!(mean(opposite.iter().map(|row| &row[..]), 2, true), [0.0, 0.0]);
    }

    #[test]
    fn sets_have_different_glyphs_of_the_alphabets_that_they_say() {
        let mut sampler =
            SetSampler { labels: vec![(3, (0..7).collect()), (5, (7..13).collect())], glyphs: 3 };
        let mut rng = rng(1, 0);
        let mut drawn = [0; 13];
        for i in 0..2000 {
            let (sides, (a, b)) = sampler.draw(i % 2 == 0, &mut rng);
            assert_eq!(a == b, i % 2 == 0);
            let mut glyphs = sides.concat();
            glyphs.iter().for_each(|&glyph| drawn[glyph] += 1);
            glyphs.sort_unstable();
            glyphs.dedup();
            assert_eq!((sides[0].len(), sides[1].len(), glyphs.len()), (3, 3, 6));
            for (side, alphabet) in sides.iter().zip([a, b]) {
                assert!(side.iter().all(|&glyph| (glyph < 7) == (alphabet == 3)), "{sides:?} {a} {b}");
            }
        }
        // 6000 of each alphabet, over 7 and 6 glyphs: 857 and 1000, give or take five deviations.
        assert!(drawn[..7].iter().all(|&n| (730..=990).contains(&n)), "{drawn:?}");
        assert!(drawn[7..].iter().all(|&n| (860..=1140).contains(&n)), "{drawn:?}");
    }
}
