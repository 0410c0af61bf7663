//! How well each alphabet is told from the others.

use super::{GRID, INK, TITLE, WORDS, font, picture, set_colour};
use crate::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// An alphabet's bar.
#[derive(Clone, Debug)]
pub struct AlphabetBar {
    /// The alphabet.
    pub name: String,
    /// The set that it is in: `train`, `held-out` or `unseen`.
    pub set: String,
    /// Of the pairs with a glyph of it.
    pub balanced_accuracy: f64,
}

/// A bar for each alphabet, in the order given; its name stands above it, since it may be long. The line is chance.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn alphabet_bars(bars: &[AlphabetBar]) -> Result<String> {
    const ROW: i32 = 40;
    const TOP: i32 = 62;
    let height = TOP + ROW * bars.len() as i32 + 10;
    picture((480, height as u32), |area| {
        area.draw(&Text::new("Balanced accuracy by alphabet", (240, 10), {
            font(TITLE).pos(Pos::new(HPos::Center, VPos::Top))
        }))?;
        let mut sets: Vec<&str> = Vec::new();
        for bar in bars {
            if !sets.contains(&bar.set.as_str()) {
                sets.push(&bar.set);
            }
        }
        for (i, set) in sets.iter().enumerate() {
            let x = 20 + i as i32 * 110;
            area.draw(&Rectangle::new([(x, 38), (x + 22, 50)], set_colour(set).filled()))?;
            area.draw(&Text::new(set.to_string(), (x + 28, 37), font(WORDS)))?;
        }
        let (left, right) = (20, 410);
        let at = |share: f64| left + (share.clamp(0.0, 1.0) * f64::from(right - left)).round() as i32;
        for (i, bar) in bars.iter().enumerate() {
            let y = TOP + ROW * i as i32;
            let share = if bar.balanced_accuracy.is_finite() { bar.balanced_accuracy } else { 0.0 };
            area.draw(&Text::new(bar.name.replace('_', " "), (left, y), font(WORDS)))?;
            area.draw(&Rectangle::new([(left, y + 20), (right, y + 33)], GRID.filled()))?;
            area.draw(&Rectangle::new([(left, y + 20), (at(share), y + 33)], set_colour(&bar.set).filled()))?;
            area.draw(&Text::new(format!("{:.1} %", 100.0 * share), (right + 8, y + 19), font(WORDS)))?;
        }
        let bottom = TOP + ROW * bars.len() as i32;
        for i in 0..bars.len() as i32 {
            let y = TOP + ROW * i;
            area.draw(&PathElement::new(
                [(at(0.5), y + 18), (at(0.5), (y + 35).min(bottom))],
                INK.stroke_width(1),
            ))?;
        }
        Ok(())
    })
}
