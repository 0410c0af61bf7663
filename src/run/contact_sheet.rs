//! The glyphs nearest to one, in a picture.

use super::picture::Picture;
use crate::data::{Dataset, Pixels};
use crate::evaluate::neighbours::Neighbour;

/// Glyphs side by side on the sheet.
pub const A_ROW: usize = 5;
/// Around each glyph, in pixels, and its shade; that of the first glyph's frame.
const MARGIN: usize = 6;
const GREY: u8 = 200;
const FRAME: u8 = 64;

/// The glyph in a dark frame, then its neighbours, the nearest first, row by row.
pub fn contact_sheet(set: &Dataset, glyph: &Pixels, neighbours: &[Neighbour]) -> Picture {
    let (h, w) = set.size();
    let count = 1 + neighbours.len();
    let (step_x, step_y) = (w + 2 * MARGIN, h + 2 * MARGIN);
    let size = (A_ROW.min(count) * step_x, count.div_ceil(A_ROW) * step_y);
    let mut sheet = Picture::new(size, GREY);
    sheet.fill((0, 0), (step_x, step_y), FRAME);
    let glyphs = std::iter::once(glyph).chain(neighbours.iter().map(|n| &set.glyphs()[n.glyph].pixels));
    for (i, glyph) in glyphs.enumerate() {
        sheet.put(glyph, (h, w), (i % A_ROW * step_x + MARGIN, i / A_ROW * step_y + MARGIN));
    }
    sheet
}
