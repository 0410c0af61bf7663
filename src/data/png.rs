//! PNG files to grey images, within bounds of memory; errors are the rest of a sentence that begins with the file.

use super::Pixels;
use ::png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};
use std::io::Cursor;

const CUT_SHORT: &str = "is cut short, expected a whole PNG image";

/// A decoder that has read no further than the header.
pub(super) struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    bytes: &'a [u8],
    /// Black and white, of one bit a pixel, as Omniglot's: left packed.
    is_bits: bool,
    /// (height, width) in pixels.
    pub size: (usize, usize),
}

/// A grey image: one byte a pixel, 0 = black, 255 = white.
pub(super) struct Grey {
    /// Row by row from the top left, laid on white where the image is transparent.
    pub on_white: Vec<u8>,
    /// The same laid on black, of an image that has transparent pixels.
    pub on_black: Option<Vec<u8>>,
    /// One bit a pixel in the file.
    one_bit: bool,
}

type Result<T> = std::result::Result<T, String>;

impl<'a> Png<'a> {
    /// Reads the header of a glyph's file.
    pub fn glyph(bytes: &'a [u8]) -> Result<Png<'a>> {
        // What the decoder needs for 105 x 105 pixels, a thousand times over.
        Png::open(bytes, 32 << 20)
    }

    /// Reads the header of a PNG file's `bytes`; the decoder may use `memory` bytes beside the pixels.
    pub fn open(bytes: &'a [u8], memory: u64) -> Result<Png<'a>> {
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(known_kind(bytes).unwrap_or("is not a PNG image, expected one").into());
        }
        if bytes.get(12..16) == Some(b"CgBI") {
            return Err(
                "is packed as Xcode packs images for iPhones (CgBI), expected a plain PNG image".into()
            );
        }
        check_palette(bytes)?;
        let limits = Limits { bytes: usize::try_from(memory).unwrap_or(usize::MAX) };
        let read = |transformations| {
            let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
            decoder.set_transformations(transformations);
            decoder.read_info().map_err(sentence)
        };
        let mut reader = read(Transformations::IDENTITY)?;
        let info = reader.info();
        let is_bits =
            (info.color_type, info.bit_depth) == (ColorType::Grayscale, BitDepth::One) && info.trns.is_none();
        if !is_bits {
            // Palettes to colours, bits to bytes.
            reader = read(Transformations::EXPAND)?;
        }
        let info = reader.info();
        let size = (info.height as usize, info.width as usize);
        Ok(Png { reader, bytes, is_bits, size })
    }

    /// The pixels as the file has them: as many bytes as `size` says, which the caller has found acceptable, times up to 8.
    fn raw(&mut self) -> Result<Vec<u8>> {
        let Some(length) = self.reader.output_buffer_size() else {
            return Err("is too large to decode, expected a smaller image".into());
        };
        let mut raw = vec![0; length];
        self.reader.next_frame(&mut raw).map_err(sentence)?;
        if !has_end(self.bytes) {
            return Err(CUT_SHORT.into());
        }
        Ok(raw)
    }

    /// Decodes the pixels, within the memory of [`Png::raw`].
    pub fn decode(mut self) -> Result<Grey> {
        let raw = self.raw()?;
        if self.is_bits {
            let width = self.size.1;
            let row = |bytes: &[u8]| -> Vec<u8> {
                (0..width).map(|x| if bytes[x / 8] << (x % 8) & 0x80 == 0 { 0 } else { 255 }).collect()
            };
            let on_white = raw.chunks_exact(width.div_ceil(8)).flat_map(row).collect();
            return Ok(Grey { on_white, on_black: None, one_bit: true });
        }
        let (color, depth) = self.reader.output_color_type();
        let samples = match depth {
            BitDepth::Sixteen => {
                raw.chunks_exact(2).map(|c| eight_bits(u16::from_be_bytes([c[0], c[1]]))).collect()
            }
            _ => raw,
        };
        // Grey, or of a palette.
        let one_bit = self.reader.info().bit_depth == BitDepth::One;
        Ok(match color.samples() {
            1 => Grey { on_white: samples, on_black: None, one_bit },
            3 => Grey { on_white: samples.chunks_exact(3).map(luma).collect(), on_black: None, one_bit },
            channels => {
                let lay = |paper| samples.chunks_exact(channels).map(|s| laid_on(s, paper)).collect();
                Grey { on_white: lay(255), on_black: Some(lay(0)), one_bit }
            }
        })
    }

    /// Black ink on white paper as [`Pixels`]: bits where the file has one bit a pixel, else eight.
    pub fn pixels(mut self) -> Result<Pixels> {
        if self.is_bits {
            let raw = self.raw()?;
            return Ok(Pixels::Bits(joined(&raw, self.size.1)));
        }
        let grey = self.decode()?;
        // A palette of two colours has one bit a pixel too, but need not be black and white.
        if grey.one_bit && grey.on_white.iter().all(|&g| g == 0 || g == 255) {
            let pack =
                |pixels: &[u8]| (0..pixels.len()).fold(0, |byte, i| byte | u8::from(pixels[i] == 0) << i);
            return Ok(Pixels::Bits(grey.on_white.chunks(8).map(pack).collect()));
        }
        Ok(Pixels::Grey(grey.on_white.iter().map(|g| 255 - g).collect()))
    }
}

/// Reads a PNG of black ink on white paper that must be `size` (height, width).
pub(super) fn glyph(bytes: &[u8], size: (usize, usize)) -> Result<Pixels> {
    let png = Png::glyph(bytes)?;
    if png.size != size {
        return Err(format!("is {} x {} pixels, expected {} x {}", png.size.0, png.size.1, size.0, size.1));
    }
    png.pixels()
}

/// Rows of bits, 0 = ink and the first in the highest place, each row in bytes of its own, as [`Pixels::Bits`]: 1 = ink, the
/// first in the lowest place, and row after row without a gap.
fn joined(rows: &[u8], width: usize) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(rows.len());
    // The bits that are not yet written, and how many.
    let (mut bits, mut count) = (0u32, 0);
    for row in rows.chunks_exact(width.div_ceil(8)) {
        for (x, &byte) in (0..width).step_by(8).zip(row) {
            let take = (width - x).min(8);
            bits |= (u32::from(!byte.reverse_bits()) & ((1 << take) - 1)) << count;
            count += take;
            if count >= 8 {
                bytes.push(bits as u8);
                (bits, count) = (bits >> 8, count - 8);
            }
        }
    }
    if count > 0 {
        bytes.push(bits as u8);
    }
    bytes.into()
}

/// The brightness of a colour, with the weights of Rec. 709; grey stays exactly as it is.
fn luma(rgb: &[u8]) -> u8 {
    let [r, g, b] = [0, 1, 2].map(|i| u32::from(rgb[i]));
    ((2126 * r + 7152 * g + 722 * b + 5000) / 10_000) as u8
}

/// The brightness of grey and alpha, or of red, green, blue and alpha, laid on a `paper` of one brightness.
fn laid_on(samples: &[u8], paper: u8) -> u8 {
    let (color, alpha) = samples.split_at(samples.len() - 1);
    let bright = if color.len() == 1 { color[0] } else { luma(color) };
    let alpha = u32::from(alpha[0]);
    ((u32::from(bright) * alpha + u32::from(paper) * (255 - alpha) + 127) / 255) as u8
}

/// 16 bits to 8, rounded to the nearest.
fn eight_bits(sample: u16) -> u8 {
    ((u32::from(sample) * 255 + 32_767) / 65_535) as u8
}

/// A palette has 1 to 256 colours of three bytes each; the decoder takes that for granted.
fn check_palette(bytes: &[u8]) -> Result<()> {
    let mut rest = &bytes[8..];
    // A chunk is its length, its kind, so many bytes, and a checksum.
    while let Some((head, data)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if &head[4..] == b"PLTE" && (length == 0 || length > 768 || !length.is_multiple_of(3)) {
            return Err(format!("has a palette of {length} bytes, expected 1 to 256 colours of 3 bytes"));
        }
        let Some(next) = length.checked_add(4).and_then(|length| data.get(length..)) else { break };
        rest = next;
    }
    Ok(())
}

/// Whether the file ends as a PNG does; the decoder itself is content without the last four bytes.
fn has_end(bytes: &[u8]) -> bool {
    const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
    // Bytes after the end are harmless, though rare.
    bytes.ends_with(END) || bytes.windows(END.len()).any(|w| w == END)
}

/// What the decoder says, as the rest of a sentence about the file.
fn sentence(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => CUT_SHORT.into(),
        DecodingError::LimitsExceeded => "needs too much memory to decode, expected a smaller image".into(),
        DecodingError::Format(why) => {
            format!("is damaged, expected a whole PNG image ({})", plain(&why.to_string()))
        }
        other => format!("cannot be decoded, expected a plain PNG image ({})", plain(&other.to_string())),
    }
}

/// A library's message on one line and without its full stop; where it prints a chunk's kind as its program has it, the kind.
fn plain(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim_end_matches('.');
    let chunk = line.split_once("ChunkType { type: ").and_then(|(before, rest)| {
        let (kind, rest) = rest.split_once(',')?;
        Some(format!("{before}{kind}{}", rest.split_once('}')?.1))
    });
    chunk.unwrap_or_else(|| line.to_string())
}

/// What a file is that is no PNG, by its first bytes, and what helps: the rest of a sentence that begins with the file.
fn known_kind(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins =
        |with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with.as_bytes()));
    let is_svg =
        || begins("<svg") || begins("<?xml") && text.windows(4).take(1024).any(|four| four == b"<svg");
    Some(match bytes {
        [] => "is empty, expected a PNG image",
        _ if begins("version https://git-lfs") => {
            "is a Git LFS pointer, expected a PNG image: run git lfs pull"
        }
        _ if begins("<!doctype html") || begins("<html") => {
            "is an HTML page, expected a PNG image: the download failed"
        }
        _ if is_svg() => "is an SVG drawing, expected a PNG image: export it as one",
        [0xff, 0xd8, 0xff, ..] => "is a JPEG image, expected a PNG image: save it as one",
        [b'G', b'I', b'F', b'8', ..] => "is a GIF image, expected a PNG image: save it as one",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            "is a WebP image, expected a PNG image: save it as one"
        }
        [b'B', b'M', ..] => "is a BMP image, expected a PNG image: save it as one",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => {
            "is a TIFF image, expected a PNG image: save it as one"
        }
        [b'%', b'P', b'D', b'F', ..] => "is a PDF, expected a PNG image: export a page as one",
        [b'P', b'K', 3, 4, ..] => "is a zip archive, expected a PNG image",
        _ => return None,
    })
}
