//! PNG images become ink: 1 where the pen was, 0 where the paper is.

use super::Pixels;
use crate::{Error, Result};
use image::codecs::png::PngDecoder;
use image::imageops::FilterType;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, Limits};
use std::io::Cursor;
use std::path::Path;

/// The largest width and height of an image, in pixels.
const LARGEST_SIDE: u32 = 8192;
/// The most memory that decoding one image may take, in bytes.
const MOST_MEMORY: u64 = 256 << 20;
/// The largest file that is compared, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

/// A glyph made to fit a model.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedGlyph {
    /// 0 (paper) to 1 (ink), row by row.
    pub ink: Vec<f32>,
    /// (height, width) of the file's image.
    pub source_size: (usize, usize),
    /// It was light on dark.
    pub inverted: bool,
}

/// Decodes a glyph that must have `size` (height, width), black on white: one bit a pixel stays one bit,
/// anything else becomes eight. `name` is what errors call it.
///
/// # Errors
/// When the bytes are no such PNG.
pub fn decode_pixels(name: &dyn Fn() -> String, bytes: &[u8], size: (usize, usize)) -> Result<Pixels> {
    let expected = |message: String| {
        Error::input(name(), format!("{message}, expected a PNG of {} x {} pixels", size.0, size.1))
    };
    let decoder = decoder(bytes, (size.0 as u64 * size.1 as u64 * 16).max(1 << 16))
        .map_err(|message| expected(format!("cannot be decoded ({message})")))?;
    let (width, height) = decoder.dimensions();
    if (height as usize, width as usize) != size {
        return Err(expected(format!("is {height} x {width} pixels")));
    }
    let broken =
        |error: image::ImageError| expected(format!("cannot be decoded ({})", one_line(&error.to_string())));
    if decoder.original_color_type() == ExtendedColorType::L1 {
        let mut grey = vec![0; size.0 * size.1];
        if decoder.total_bytes() == grey.len() as u64 {
            decoder.read_image(&mut grey).map_err(broken)?;
            return Ok(Pixels::from_ink(grey.iter().map(|&value| value < 128)));
        }
        return Err(expected("has an unknown layout".into()));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    Ok(Pixels::Grey(paper_values(&image).iter().map(|&value| 255 - to_byte(value)).collect()))
}

/// Decodes a PNG of any kind and size and fits it to `size` (height, width).
///
/// Transparent pixels show white paper. What the border mostly is counts as paper: where that is the darker
/// half, the image is taken as light on dark and turned. Another size is scaled, its proportions kept, and
/// centred on paper. Grey values are kept as they are: faint ink stays faint.
///
/// # Errors
/// When the file cannot be read, is no PNG, or shows nothing but paper.
pub fn decode_glyph(path: &Path, size: (usize, usize)) -> Result<FittedGlyph> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    if metadata.len() > LARGEST_FILE {
        return Err(Error::input(path.display(), format!("expected a PNG of at most {LARGEST_FILE} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    let broken = |message: String| {
        Error::input(path.display(), format!("cannot be decoded ({message}), expected a PNG"))
    };
    let decoder = decoder(&bytes, MOST_MEMORY).map_err(broken)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| broken(one_line(&error.to_string())))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let values = paper_values(&image);
    let inverted = border_median(&values, (height, width)) < 0.5;
    let ink: Vec<f32> = values.iter().map(|&value| if inverted { value } else { 1.0 - value }).collect();
    if ink.iter().all(|&ink| ink < 0.1) {
        return Err(Error::input(path.display(), "shows nothing but paper, expected a glyph"));
    }
    Ok(FittedGlyph { ink: fit(ink, (height, width), size), source_size: (height, width), inverted })
}

fn decoder(bytes: &[u8], memory: u64) -> std::result::Result<PngDecoder<Cursor<&[u8]>>, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(memory);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits.clone())
        .map_err(|error| one_line(&error.to_string()))?;
    decoder.set_limits(limits).map_err(|error| one_line(&error.to_string()))?;
    Ok(decoder)
}

/// How white each pixel is, 0 to 1, on white paper: luma by Rec. 709 as `image` computes it.
fn paper_values(image: &DynamicImage) -> Vec<f32> {
    let over_white = |[value, alpha]: [u16; 2]| {
        let (value, alpha) = (f32::from(value) / 65535.0, f32::from(alpha) / 65535.0);
        value * alpha + 1.0 - alpha
    };
    image.to_luma_alpha16().pixels().map(|pixel| over_white(pixel.0)).collect()
}

fn to_byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

fn border_median(values: &[f32], (height, width): (usize, usize)) -> f32 {
    let is_border = |i: &usize| {
        let (row, column) = (i / width, i % width);
        row == 0 || column == 0 || row == height - 1 || column == width - 1
    };
    let mut border: Vec<f32> = (0..values.len()).filter(is_border).map(|i| values[i]).collect();
    border.sort_by(f32::total_cmp);
    border[border.len() / 2]
}

/// Scales ink to fit and centres it.
fn fit(ink: Vec<f32>, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    if from == to {
        return ink;
    }
    let scale = (to.0 as f64 / from.0 as f64).min(to.1 as f64 / from.1 as f64);
    let side = |size: usize, most: usize| ((size as f64 * scale).round() as usize).clamp(1, most);
    let (height, width) = (side(from.0, to.0), side(from.1, to.1));
    let source: image::ImageBuffer<image::Luma<f32>, Vec<f32>> =
        image::ImageBuffer::from_raw(from.1 as u32, from.0 as u32, ink).expect("a pixel for each value");
    // A triangle as wide as the source's share of a pixel: an average when shrinking, linear when growing.
    let scaled = image::imageops::resize(&source, width as u32, height as u32, FilterType::Triangle);
    let (top, left) = ((to.0 - height) / 2, (to.1 - width) / 2);
    let mut out = vec![0.0; to.0 * to.1];
    for (row, values) in scaled.as_raw().chunks(width).enumerate() {
        out[(top + row) * to.1 + left..][..width].copy_from_slice(values);
    }
    out
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
