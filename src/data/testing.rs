//! Small PNGs, archives and sets of glyphs for the tests of this folder.

use super::{Alphabet, Dataset, Glyph, Pixels};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

pub const QUIET: () = ();

/// A PNG written by hand, with chunks and damage that no encoder writes: `rows` are its scan lines, packed as
/// `depth` (bits a sample) and `color` (PNG's number) ask; `chunks` stand before the pixels.
pub fn png(
    size: (usize, usize),
    depth: u8,
    color: u8,
    chunks: &[(&str, &[u8])],
    rows: &[Vec<u8>],
) -> Vec<u8> {
    let mut raw = Vec::new();
    for row in rows {
        raw.push(0);
        raw.extend_from_slice(row);
    }
    let mut zlib = vec![0x78, 0x01];
    let mut blocks = raw.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        zlib.push(u8::from(blocks.peek().is_none()));
        zlib.extend((block.len() as u16).to_le_bytes());
        zlib.extend((!(block.len() as u16)).to_le_bytes());
        zlib.extend_from_slice(block);
    }
    let (a, b) = raw.iter().fold((1u32, 0u32), |(a, b), &x| {
        let a = (a + u32::from(x)) % 65_521;
        (a, (a + b) % 65_521)
    });
    zlib.extend((b << 16 | a).to_be_bytes());

    let mut header = Vec::new();
    header.extend((size.1 as u32).to_be_bytes());
    header.extend((size.0 as u32).to_be_bytes());
    header.extend([depth, color, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, "IHDR", &header);
    chunks.iter().for_each(|(kind, data)| chunk(&mut out, kind, data));
    chunk(&mut out, "IDAT", &zlib);
    chunk(&mut out, "IEND", &[]);
    out
}

/// Black ink on white paper, one bit a pixel.
pub fn png_bits(size: (usize, usize), ink: impl Fn(usize, usize) -> bool) -> Vec<u8> {
    let row = |y| {
        let mut bytes = vec![0u8; size.1.div_ceil(8)];
        for x in (0..size.1).filter(|&x| !ink(y, x)) {
            bytes[x / 8] |= 0x80 >> (x % 8);
        }
        bytes
    };
    png(size, 1, 0, &[], &(0..size.0).map(row).collect::<Vec<_>>())
}

/// Eight bits of grey a pixel, 0 = black.
pub fn png_grey(size: (usize, usize), grey: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let row = |y| (0..size.1).map(|x| grey(y, x)).collect();
    png(size, 8, 0, &[], &(0..size.0).map(row).collect::<Vec<_>>())
}

/// A stroke that differs with `seed`, in an image of 105 x 105 with one bit a pixel.
pub fn glyph_png(seed: usize) -> Vec<u8> {
    png_bits((105, 105), |y, x| stroke(seed, y, x))
}

pub fn stroke(seed: usize, y: usize, x: usize) -> bool {
    (20..80).contains(&x) && (y + x * (seed % 7 + 1) / 5 + seed) % 50 < 4 && y > 2 && y < 100
}

/// A zip archive of these entries, deflated but for second drawings, which are stored; a name that ends with `/` is a folder.
pub fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in entries {
        if name.ends_with('/') {
            zip.new_dir(EntryPath::verbatim(name.as_bytes())).create().unwrap();
            continue;
        }
        let file = zip.new_file(EntryPath::verbatim(name.as_bytes()));
        if name.ends_with("_02.png") {
            let (mut entry, config) = file.start().unwrap();
            let mut writer = config.wrap(&mut entry);
            writer.write_all(bytes).unwrap();
            let (_, sizes) = writer.finish().unwrap();
            entry.finish(sizes).unwrap();
            continue;
        }
        let (mut entry, config) = file.compression_method(CompressionMethod::DEFLATE).start().unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        writer.write_all(bytes).unwrap();
        let (encoder, sizes) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(sizes).unwrap();
    }
    zip.finish().unwrap()
}

/// Writes a file, with the folders above it.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Alphabets `A00`, `A01`, ... of these numbers of glyphs, one character each, all glyphs different.
pub fn set(counts: &[usize]) -> Dataset {
    let name = |a: usize| Alphabet { name: format!("A{a:02}"), characters: vec!["character01".into()] };
    let glyph = |a: usize, d: usize| Glyph {
        alphabet: a as u32,
        character: 0,
        drawer: d as u32 + 1,
        pixels: Pixels::Grey(vec![a as u8, d as u8].into()),
        file: None,
    };
    let glyphs = counts.iter().enumerate().flat_map(|(a, &n)| (0..n).map(move |d| glyph(a, d))).collect();
    Dataset::new((1, 2), (0..counts.len()).map(name).collect(), glyphs).unwrap()
}

/// Alphabets `A00`, `A01`, ... of these numbers of characters, each in so many drawings, all glyphs different.
pub fn labelled_set(characters: &[usize], drawings: usize) -> Dataset {
    let name = |(a, &n): (usize, &usize)| Alphabet {
        name: format!("A{a:02}"),
        characters: (0..n).map(|c| format!("character{:02}", c + 1)).collect(),
    };
    let mut glyphs = Vec::new();
    for (a, &n) in characters.iter().enumerate() {
        for (c, d) in (0..n * drawings).map(|i| (i / drawings, i % drawings)) {
            let pixels = Pixels::Grey(vec![a as u8, c as u8, d as u8].into());
            glyphs.push(Glyph {
                alphabet: a as u32,
                character: c as u32,
                drawer: d as u32 + 1,
                pixels,
                file: None,
            });
        }
    }
    Dataset::new((1, 3), characters.iter().enumerate().map(name).collect(), glyphs).unwrap()
}

fn chunk(out: &mut Vec<u8>, kind: &str, data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind.bytes());
    out.extend_from_slice(data);
    let crc = out[start..].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    });
    out.extend((!crc).to_be_bytes());
}
