//! Synthetic alphabets, drawn from a seed, so that nothing needs downloading.
//!
//! A [`style`](Style) is drawn for each alphabet: how many strokes, how curved, with corners, loops, dots, a bar
//! or a stem, symmetric or on a grid. Each character is a plan of strokes in that style. Each drawer has a
//! [`hand`](Hand), slanted, wide, shaky, that draws every plan of every alphabet a little differently each time.
//! The result is drawn with a pen, one bit a pixel, as Omniglot's glyphs are.
//!
//! Only + - * / and square roots are used, so the same seed draws the same pixels on every machine, and each
//! glyph has a generator of its own, so more alphabets, characters or drawers change none of the others.

mod hand;
mod raster;
mod stroke;
mod style;

use super::{Alphabet, Dataset, GLYPH_SIZE, Glyph, Pixels};
use crate::Result;
use crate::random::rng;
use hand::Hand;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use style::{Character, Style};

/// How many synthetic glyphs are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Alphabets.
    pub alphabets: usize,
    /// Characters of each.
    pub characters: usize,
    /// Drawers of each character.
    pub drawers: usize,
    /// Seed of the styles and hands.
    pub seed: u64,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec { alphabets: 24, characters: 24, drawers: 10, seed: 1 }
    }
}

/// Draws the alphabets.
///
/// # Errors
/// When the spec asks for no glyph at all.
pub fn generate(spec: &Spec) -> Result<Dataset> {
    let hands: Vec<Hand> = (0..spec.drawers).map(|d| Hand::new(&mut chance(spec, [1, 0, 0, d]))).collect();
    let drawn: Vec<(Alphabet, Vec<Glyph>)> = (0..spec.alphabets)
        .into_par_iter()
        .map(|a| {
            let style = Style::new(&mut chance(spec, [2, a, 0, 0]));
            let mut glyphs = Vec::with_capacity(spec.characters * spec.drawers);
            for c in 0..spec.characters {
                let character = Character::new(&style, &mut chance(spec, [3, a, c, 0]));
                for (d, hand) in hands.iter().enumerate() {
                    let mut rng = chance(spec, [4, a, c, d]);
                    let ink = raster::draw(&hand.draw(&character, &mut rng), hand.pen(), GLYPH_SIZE);
                    glyphs.push(Glyph {
                        alphabet: a as u32,
                        character: c as u32,
                        drawer: d as u32 + 1,
                        pixels: Pixels::from_ink(ink.into_iter()),
                    });
                }
            }
            let characters = (1..=spec.characters).map(|c| format!("character{c:04}")).collect();
            (Alphabet { name: name(spec, a), characters }, glyphs)
        })
        .collect();
    let (alphabets, glyphs): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
    Dataset::new(GLYPH_SIZE, alphabets, glyphs.concat())
}

/// An independent generator for each thing that is drawn.
fn chance(spec: &Spec, [kind, a, c, d]: [usize; 4]) -> ChaCha8Rng {
    rng(spec.seed, ((kind as u64) << 60) | ((a as u64) << 40) | ((c as u64) << 20) | d as u64)
}

/// A name that can be spoken; the number makes it unique.
fn name(spec: &Spec, alphabet: usize) -> String {
    const ONSETS: [&str; 16] =
        ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "th", "sh"];
    const VOWELS: [&str; 7] = ["a", "e", "i", "o", "u", "ai", "ou"];
    let mut rng = chance(spec, [5, alphabet, 0, 0]);
    let mut pick = |from: &[&'static str]| from[rng.random_range(0..from.len() as u32) as usize];
    let syllables: String = (0..3).map(|_| format!("{}{}", pick(&ONSETS), pick(&VOWELS))).collect();
    let (first, rest) = syllables.split_at(1);
    format!("{}{rest}_{:02}", first.to_uppercase(), alphabet + 1)
}

/// Uniform in low..high.
fn uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    rng.random_range(low..high)
}

/// About normal, mean 0 and deviation 1: the sum of twelve uniform numbers, less 6.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

/// True with a probability.
fn happens(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    uniform(rng, 0.0, 1.0) < probability
}

#[cfg(test)]
mod tests;
