//! Alphabets drawn from a seed, so that everything works without a download.
//!
//! Each alphabet has a style (its figures, how they stand together, how round corners are, marks, endings), each
//! character combines figures in that style, and each drawer has a hand that writes whole alphabets. The pictures
//! are Omniglot's in size, pen and labels. Nothing comes from Omniglot but these measures.
//!
//! Every glyph has streams of chance of its own, by (seed, alphabet, character, drawer), and all arithmetic is exactly
//! rounded: a set is the same on every platform and at any number of threads, and a larger set holds the smaller.

mod character;
mod dice;
mod hand;
mod motif;
mod name;
mod raster;
mod style;
#[cfg(test)]
mod tests;

use self::dice::{Dice, Purpose};
use self::hand::Hand;
use super::{Alphabet, Dataset, Glyph};
use crate::{Error, Result};
use rayon::prelude::*;

/// How many alphabets, characters and drawers there are to be, and the seed that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The number of alphabets.
    pub alphabets: usize,
    /// The number of characters of each alphabet.
    pub characters: usize,
    /// The number of drawers; each draws every character of every alphabet once.
    pub drawers: usize,
    /// Where all chance comes from.
    pub seed: u64,
}

impl Default for Spec {
    /// 24 alphabets of 24 characters, each drawn by 10 drawers: 5,760 glyphs.
    fn default() -> Spec {
        Spec { alphabets: 24, characters: 24, drawers: 10, seed: 0 }
    }
}

/// Draws the alphabets of `spec`: glyphs of 105 x 105 pixels, one bit each.
///
/// Characters are named `character01` and on, drawers are numbered from 1. Raising a count adds glyphs and leaves
/// the others, found by their names, as they were.
///
/// # Errors
/// When one of the counts is 0 or above 10,000.
pub fn generate(spec: &Spec) -> Result<Dataset> {
    let counts = [("alphabets", spec.alphabets), ("characters", spec.characters), ("drawers", spec.drawers)];
    if let Some((what, count)) = counts.into_iter().find(|(_, count)| !(1..=10_000).contains(count)) {
        let message = format!("{count} {what} were asked for, expected 1 to 10000");
        return Err(Error::input("synthetic alphabets", message));
    }
    let alphabets = name::draw_all(spec.seed, spec.alphabets)
        .into_iter()
        .map(|name| Alphabet {
            name,
            characters: (1..=spec.characters).map(|c| format!("character{c:02}")).collect(),
        })
        .collect();
    let hands: Vec<Hand> = (1..=spec.drawers).map(|drawer| Hand::draw(spec.seed, drawer as u32)).collect();
    let glyphs = (0..spec.alphabets)
        .into_par_iter()
        .flat_map_iter(|a| draw_alphabet(spec, &hands, a as u32))
        .collect();
    Dataset::new((raster::SIDE, raster::SIDE), alphabets, glyphs)
}

/// All glyphs of one alphabet.
fn draw_alphabet(spec: &Spec, hands: &[Hand], alphabet: u32) -> Vec<Glyph> {
    let style = style::draw(spec.seed, alphabet);
    let characters = character::draw_all(spec.seed, alphabet, &style, spec.characters);
    let mut glyphs = Vec::with_capacity(characters.len() * hands.len());
    for (character, paths) in (0..).zip(&characters) {
        for (drawer, hand) in (1..).zip(hands) {
            let mut dice = Dice::new(spec.seed, Purpose::Glyph, [alphabet, character, drawer]);
            let pixels = hand.write(paths, &style, &mut dice);
            glyphs.push(Glyph { alphabet, character, drawer, pixels, file: None });
        }
    }
    glyphs
}
