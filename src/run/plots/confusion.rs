//! How the answers fall.

use super::{BLUE, PAPER, TITLE, WORDS, font, picture};
use crate::Result;
use crate::evaluate::metrics::Confusion;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Rows are the truth, columns the answer, shades the share of the row. `kind`: what a pair has in common, an `alphabet` or a
/// `character`.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn confusion_matrix(name: &str, kind: &str, confusion: &Confusion) -> Result<String> {
    picture((480, 330), |area| {
        let centred = |size: i32| font(size).pos(Pos::new(HPos::Center, VPos::Center));
        let percent = 100.0 * confusion.balanced_accuracy();
        let title = format!("Pairs of {name} alphabets: {percent:.1} % balanced accuracy");
        area.draw(&Text::new(title, (240, 22), centred(TITLE)))?;
        area.draw(&Text::new("model says", (302, 52), centred(WORDS)))?;
        let (left, top, width, height) = (136, 92, 166, 112);
        let columns = [format!("same {kind}"), "different".to_string()];
        for (column, label) in columns.into_iter().enumerate() {
            let x = left + width * column as i32 + width / 2;
            area.draw(&Text::new(label, (x, top - 14), centred(WORDS)))?;
        }
        let rows = [("same", [confusion.tp, confusion.fn_]), ("different", [confusion.fp, confusion.tn])];
        for (row, (label, counts)) in rows.into_iter().enumerate() {
            let y = top + height * row as i32;
            let middle = y + height / 2;
            let truth = font(WORDS).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(format!("truly {label}"), (left - 10, middle), truth))?;
            let all = (counts[0] + counts[1]).max(1) as f64;
            for (column, count) in counts.into_iter().enumerate() {
                let x = left + width * column as i32;
                let share = count as f64 / all;
                let cell = [(x, y), (x + width, y + height)];
                area.draw(&Rectangle::new(cell, BLUE.mix(0.6 * share).filled()))?;
                area.draw(&Rectangle::new(cell, PAPER.stroke_width(3)))?;
                area.draw(&Text::new(count.to_string(), (x + width / 2, middle - 14), centred(24)))?;
                area.draw(&Text::new(
                    format!("{:.1} %", 100.0 * share),
                    (x + width / 2, middle + 16),
                    centred(WORDS),
                ))?;
            }
        }
        Ok(())
    })
}
