//! A picture of the wrong answers in one-shot runs, as PNG.
//!
//! ```text
//! test | chosen | right    test | chosen | right    ...        black on white; a thin line inside an error, a
//! test | chosen | right    ...                                 broad one between errors
//! ```

use super::picture::Picture;
use crate::data::Pixels;
use crate::data::one_shot::OneShotRun;
use crate::evaluate::metrics::OneShotMistake;
use crate::{Error, Result};

/// Errors side by side.
pub const A_ROW: usize = 4;
/// Between the glyphs of an error, and between errors, in pixels.
const THIN: usize = 1;
const BROAD: usize = 9;
/// Shades of the lines; the broad ones are darker, so that what belongs together is seen at once.
const THIN_GREY: u8 = 208;
const BROAD_GREY: u8 = 128;

/// Draws wrong answers of `runs`.
///
/// # Errors
/// When an answer is not of these runs.
pub fn draw(runs: &[OneShotRun], errors: &[OneShotMistake]) -> Result<Picture> {
    let (h, w) = runs.first().map_or((1, 1), |run| run.size);
    let columns = A_ROW.min(errors.len());
    let (step_x, step_y) = (3 * w + 2 * THIN + BROAD, h + BROAD);
    let (width, height) = (columns * step_x + BROAD, errors.len().div_ceil(A_ROW) * step_y + BROAD);
    let mut picture = Picture::new((width, height), BROAD_GREY);
    for (i, error) in errors.iter().enumerate() {
        let (left, top) = (BROAD + i % A_ROW * step_x, BROAD + i / A_ROW * step_y);
        for (part, glyph) in glyphs(runs, error)?.into_iter().enumerate() {
            picture.put(glyph, (h, w), (left + part * (w + THIN), top));
            if part < 2 {
                picture.fill((left + part * (w + THIN) + w, top), (THIN, h), THIN_GREY);
            }
        }
    }
    Ok(picture)
}

/// The test glyph, the chosen training glyph, the right one.
fn glyphs<'a>(runs: &'a [OneShotRun], error: &OneShotMistake) -> Result<[&'a Pixels; 3]> {
    let find = || {
        let run = runs.iter().find(|run| run.name == error.run)?;
        let of = |numbers: &[u32], images: &'a [Pixels], number: u32| {
            images.get(numbers.iter().position(|&n| n == number)?)
        };
        let training = |number| of(&run.training_numbers, &run.training, number);
        let test = of(&run.test_numbers, &run.test, error.test)?;
        Some([test, training(error.chosen)?, training(error.answer)?])
    };
    find().ok_or_else(|| Error::input(&error.run, "does not have the glyphs of a wrong answer to draw"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of 2 x 1 glyphs whose ink is their number, in files that are not numbered without a gap.
    fn run() -> OneShotRun {
        let glyph = |grey: u8| Pixels::Grey([grey, grey].into());
        OneShotRun {
            name: "run02".into(),
            training: vec![glyph(30), glyph(80)],
            training_numbers: vec![3, 8],
            test: vec![glyph(105), glyph(107)],
            test_numbers: vec![5, 7],
            answers: vec![0, 1],
            size: (2, 1),
        }
    }

    #[test]
    fn every_error_stands_in_its_place() {
        let error = |test, answer, chosen| OneShotMistake { run: "run02".into(), test, answer, chosen };
        let errors = [5, 7, 5, 7, 7].map(|test| error(test, 3, 8));
        let picture = draw(&[run()], &errors).unwrap();
        // Four errors of three columns and two lines, and two rows of them.
        assert_eq!(picture.size(), (4 * 5 + 5 * BROAD, 2 * 2 + 3 * BROAD));
        let row = |x: usize, y: usize| &picture.pixels()[y * picture.size().0 + x..][..5];
        assert_eq!(row(BROAD, BROAD), [150, THIN_GREY, 175, THIN_GREY, 225]);
        assert_eq!(row(BROAD + 5 + BROAD, BROAD + 1), [148, THIN_GREY, 175, THIN_GREY, 225]);
        assert_eq!(row(BROAD, 2 * BROAD + 2), [148, THIN_GREY, 175, THIN_GREY, 225]);
        assert_eq!(row(BROAD + 5 + BROAD, 2 * BROAD + 2), [BROAD_GREY; 5]);
        let message = draw(&[run()], &[error(6, 3, 8)]).unwrap_err().to_string();
        assert_eq!(message, "run02: does not have the glyphs of a wrong answer to draw");
    }
}
