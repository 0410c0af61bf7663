//! All glyphs of a page in one picture, of which each place shows a part.

use crate::Result;
use crate::data::Pixels;
use crate::data::scale::AreaScale;
use crate::run::picture::Picture;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A glyph to be shown.
pub(super) struct Tile {
    pub(super) pixels: Pixels,
    pub(super) alphabet: String,
    pub(super) character: String,
    pub(super) drawer: u32,
}

impl Tile {
    /// What it is, for people.
    pub(super) fn words(&self) -> String {
        format!("{}, {}, drawer {}", self.alphabet.replace('_', " "), self.character, self.drawer)
    }
}

/// Larger glyphs are shown smaller.
const LARGEST: usize = 105;

/// The picture as a `data:` address, and how many tiles it has side by side and one below the other.
pub(super) struct Atlas {
    pub(super) address: String,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Atlas {
    /// Of glyphs of (height, width) = `size`.
    ///
    /// # Errors
    /// When they are too many for a PNG.
    pub(super) fn new(tiles: &[Tile], size: (usize, usize)) -> Result<Atlas> {
        let shrink = LARGEST as f64 / size.0.max(size.1).max(LARGEST) as f64;
        let side = |pixels: usize| ((pixels as f64 * shrink).round() as usize).max(1);
        let (h, w) = (side(size.0), side(size.1));
        let scale = AreaScale::new(size, (h, w));
        let columns = (tiles.len() as f64).sqrt().ceil().max(1.0) as usize;
        let rows = tiles.len().div_ceil(columns).max(1);
        let mut picture = Picture::new((columns * w, rows * h), 255);
        let mut ink = vec![0.0; h * w];
        for (i, tile) in tiles.iter().enumerate() {
            scale.write_glyph(&tile.pixels, &mut ink);
            picture.put_ink(&ink, w, (i % columns * w, i / columns * h));
        }
        let address = format!("data:image/png;base64,{}", STANDARD.encode(picture.to_png("report.html")?));
        Ok(Atlas { address, columns, rows })
    }

    /// Where a tile stands, for CSS's `background-position`.
    pub(super) fn position(&self, tile: usize) -> String {
        let share = |at: usize, count: usize| 100.0 * at as f64 / (count.max(2) - 1) as f64;
        format!(
            "{:.4}% {:.4}%",
            share(tile % self.columns, self.columns),
            share(tile / self.columns, self.rows)
        )
    }
}
