//! A grey picture of glyphs, and its PNG.

use crate::data::Pixels;
use crate::files::write_atomic;
use crate::{Error, Result};
use png::{BitDepth, ColorType, Encoder};
use std::path::Path;

/// A grey picture, row by row.
#[derive(Debug)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// All of one shade.
    pub fn new((width, height): (usize, usize), grey: u8) -> Picture {
        Picture { width, height, pixels: vec![grey; width * height] }
    }

    /// (width, height) in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Row by row from the top left, 0 = black.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Writes the picture as a PNG file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written, or is too large for a PNG.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_atomic(path, &self.to_png(&path.display().to_string())?)
    }

    /// The picture as a PNG, for the file `place`.
    ///
    /// # Errors
    /// When it is too large for one.
    pub fn to_png(&self, place: &str) -> Result<Vec<u8>> {
        let refuse = |message: String| Error::input(place, message);
        let side = |length: usize| {
            u32::try_from(length).map_err(|_| refuse(format!("{length} pixels are too many for a PNG")))
        };
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, side(self.width)?, side(self.height)?);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut png| {
            png.write_image_data(&self.pixels)?;
            png.finish()
        });
        written.map_err(|error| refuse(error.to_string()))?;
        Ok(bytes)
    }

    /// Draws a glyph of (height, width), black on white.
    pub(super) fn put(&mut self, glyph: &Pixels, (h, w): (usize, usize), corner: (usize, usize)) {
        let mut ink = vec![0.0; h * w];
        glyph.write_ink(&mut ink);
        self.put_ink(&ink, w, corner);
    }

    /// Draws rows of ink of a width, 1 as black and 0 as white.
    pub(super) fn put_ink(&mut self, ink: &[f32], w: usize, (left, top): (usize, usize)) {
        for (y, row) in ink.chunks(w).enumerate() {
            let out = &mut self.pixels[(top + y) * self.width + left..][..w];
            out.iter_mut().zip(row).for_each(|(pixel, ink)| *pixel = 255 - (ink * 255.0).round() as u8);
        }
    }

    /// Fills a rectangle of (width, height).
    pub(super) fn fill(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), grey: u8) {
        for y in top..top + height {
            self.pixels[y * self.width + left..][..width].fill(grey);
        }
    }
}
