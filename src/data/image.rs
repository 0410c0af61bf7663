//! Any PNG of a glyph, made into what the encoder was trained on: ink on paper, of one size.

use super::Pixels;
use super::png::Png;
use super::scale::windows;
use super::source::is_clutter;
use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest file that is read.
const MAX_FILE: u64 = 64 << 20;
/// The largest image that is decoded, in pixels: a camera's; it takes up to 8 bytes a pixel.
const MAX_PIXELS: usize = 32 << 20;
/// Ink must be darker than the paper by this much of the way from black to white; what is less is the paper's grain.
const MIN_CONTRAST: u8 = 26;

/// A glyph made to fit.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedGlyph {
    /// The ink of each pixel, row by row, from 0 (paper) to 1 (ink).
    pub ink: Vec<f32>,
    /// (height, width) of the image in the file, in pixels.
    pub source_size: (usize, usize),
    /// Whether the file shows light ink on dark paper.
    pub inverted: bool,
}

impl FittedGlyph {
    /// The ink, in one bit a pixel where that says all, else in eight.
    pub fn pixels(&self) -> Pixels {
        if self.ink.iter().all(|&ink| ink == 0.0 || ink == 1.0) {
            return Pixels::from_ink(self.ink.iter().map(|&ink| ink == 1.0));
        }
        Pixels::Grey(self.ink.iter().map(|ink| (255.0 * ink).round() as u8).collect())
    }
}

/// Reads any PNG (grey, colour, palette, transparent, 1 to 16 bits) as a glyph of `size` (height, width).
///
/// The paper is the median of the image's border, so that light on dark is turned over; a transparent image is laid on
/// white, or on black if nothing shows on white. An image of another size keeps its proportions and is centred on
/// paper: each pixel is the mean of the area that it covers when the image shrinks, interpolated when it grows.
///
/// Contrast is stretched last: the paper becomes 0 and the darkest pixel 1. A glyph whose ink and paper are black
/// and white, of the right size, is therefore exactly what the Omniglot loader makes of it; a grey one (a pencil's, or
/// a thin line made faint by shrinking) gets the full ink that the encoder knows from training.
///
/// # Errors
/// When the file cannot be read, is not a whole PNG image, is too large (64 MiB or 32 million pixels), or shows no ink.
pub fn decode_glyph(path: &Path, size: (usize, usize)) -> Result<FittedGlyph> {
    let bytes = read(path)?;
    decode(&bytes, size).map_err(|message| Error::input(path.display(), message))
}

/// The PNG files of a folder, by their names.
///
/// # Errors
/// When it cannot be read, or has none.
pub fn pngs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let file = entry.map_err(|error| Error::io(folder, error))?.path();
        let hidden = file.file_name().and_then(|name| name.to_str()).is_some_and(is_clutter);
        if !hidden && file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::input(folder.display(), "has no PNG in it, expected a folder of glyphs"));
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let io = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::input(path.display(), "does not exist, expected a PNG image"),
        _ => Error::io(path, e),
    };
    // Asked before opening: a pipe would never end.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::input(path.display(), "is not a file, expected a PNG image"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_FILE {
        let limit = MAX_FILE >> 20;
        return Err(Error::input(
            path.display(),
            format!("is larger than {limit} MiB, expected a smaller PNG image"),
        ));
    }
    Ok(bytes)
}

/// The same of a file's bytes; the error is the rest of a sentence that begins with the file.
pub(super) fn decode(bytes: &[u8], size: (usize, usize)) -> std::result::Result<FittedGlyph, String> {
    let png = Png::open(bytes, 2 * MAX_FILE)?;
    let source_size = png.size;
    let (height, width) = source_size;
    if height.saturating_mul(width) > MAX_PIXELS {
        return Err(format!("is {height} x {width} pixels, expected at most {MAX_PIXELS} in all"));
    }
    let grey = png.decode()?;
    let mut found = find_ink(&grey.on_white, source_size);
    if let (None, Some(on_black)) = (&found, &grey.on_black) {
        found = find_ink(on_black, source_size);
    }
    let Some((bytes, inverted)) = found else {
        return Err("shows no ink, expected a glyph that stands out from its border".into());
    };
    let mut ink = fit(&bytes, source_size, size);
    let darkest = ink.iter().fold(0f32, |a, &b| a.max(b));
    if darkest > 0.0 {
        ink.iter_mut().for_each(|v| *v /= darkest);
    }
    Ok(FittedGlyph { ink, source_size, inverted })
}

/// How much darker than the paper (lighter, if the paper is dark) each pixel is, and whether the paper is dark.
fn find_ink(grey: &[u8], size: (usize, usize)) -> Option<(Vec<u8>, bool)> {
    let paper = border_median(grey, size);
    let inverted = paper < 128;
    let ink: Vec<u8> = grey
        .iter()
        .map(|&g| if inverted { g.saturating_sub(paper) } else { paper.saturating_sub(g) })
        .collect();
    let contrast = ink.iter().copied().max().unwrap_or(0);
    (contrast >= MIN_CONTRAST).then_some((ink, inverted))
}

/// The median of the outermost rows and columns.
fn border_median(grey: &[u8], (height, width): (usize, usize)) -> u8 {
    let mut border = Vec::with_capacity(2 * (height + width));
    for (y, row) in grey.chunks_exact(width).enumerate() {
        if y == 0 || y + 1 == height {
            border.extend_from_slice(row);
        } else {
            border.extend([row[0], row[width - 1]]);
        }
    }
    border.sort_unstable();
    border[border.len() / 2]
}

/// The image of size `from` at the largest scale that fits into `to`, centred on paper; ink from 0 to 1.
fn fit(ink: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; to.0 * to.1];
    let scale = (to.0 as f64 / from.0 as f64).min(to.1 as f64 / from.1 as f64);
    let scaled =
        |length: usize, limit: usize| ((length as f64 * scale).round() as usize).clamp(1, limit.max(1));
    let inner = (scaled(from.0, to.0), scaled(from.1, to.1));
    if out.is_empty() {
        return out;
    }
    // Columns first: the image between the two passes has few columns, however large the source.
    let columns = windows(from.1, inner.1);
    let narrow: Vec<f32> = ink
        .chunks_exact(from.1)
        .flat_map(|row| columns.iter().map(|w| w.mean(|x| f32::from(row[x]) / 255.0)))
        .collect();
    let (top, left) = ((to.0 - inner.0) / 2, (to.1 - inner.1) / 2);
    for (y, window) in windows(from.0, inner.0).iter().enumerate() {
        for x in 0..inner.1 {
            out[(top + y) * to.1 + left + x] = window.mean(|row| narrow[row * inner.1 + x]);
        }
    }
    out
}

#[cfg(test)]
mod tests;
