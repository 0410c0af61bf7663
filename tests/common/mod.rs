//! What several tests need: the program, and glyphs on disk.
#![allow(dead_code, reason = "each test uses a part")]

mod browser;
mod skip;
#[allow(unused_imports, reason = "not every test asks for a browser, or for Python")]
pub use browser::{open_in_browser, python};
pub use skip::skip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use twinglyph::data::Dataset;
use twinglyph::data::synthetic::{Spec, generate};

/// Runs the program in a folder.
pub fn twinglyph(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twinglyph")).current_dir(folder).args(arguments).output().unwrap()
}

/// Its standard output; it must have succeeded.
#[track_caller]
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = twinglyph(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Its standard error; it must have failed with this exit code, and without a panic.
#[track_caller]
pub fn fail(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = twinglyph(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    said
}

/// Settings that train in seconds.
pub const SMALL: [&str; 16] = [
    "--set",
    "synthetic.alphabets=6",
    "--set",
    "synthetic.characters=4",
    "--set",
    "synthetic.drawers=3",
    "--set",
    "batch=4",
    "--set",
    "steps=3",
    "--set",
    "validation_pairs=40",
    "--epochs",
    "2",
    "--seed",
    "5",
];

/// `train` with small settings and more arguments.
pub fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["train"], more, &SMALL[..]].concat()
}

/// What no built-in recipe has, and all that is drawn at random: plain convolutions of 3 x 3, for which the fastest way depends
/// on how many images there are, a head, views, patience, an average of weights, dropout, augmentation.
pub const OWN: &str = r#"
loss = "contrastive"
head = true
size = 12
views = 2
patience = 5
ema = 0.9
encoder = [
    { layer = "conv2d", filters = 16, kernel = 3 },
    { layer = "relu" },
    { layer = "conv2d", filters = 16, kernel = 3 },
    { layer = "dropout", rate = 0.2 },
    { layer = "flatten" },
    { layer = "batch_norm" },
    { layer = "dense", units = 8 },
]

[augment]
rotate = 10.0
elastic = 0.01
"#;

/// Synthetic glyphs.
pub fn glyphs(alphabets: usize, seed: u64) -> Dataset {
    generate(&Spec { alphabets, characters: 3, drawers: 4, seed }).unwrap()
}

/// Writes glyphs as Omniglot lays them out.
pub fn write_omniglot(set: &Dataset, folder: &Path) {
    for glyph in set.glyphs() {
        let alphabet = &set.alphabets()[glyph.alphabet as usize];
        let folder = folder.join(&alphabet.name).join(&alphabet.characters[glyph.character as usize]);
        fs::create_dir_all(&folder).unwrap();
        write_png(set, glyph, &folder.join(format!("0001_{:02}.png", glyph.drawer)));
    }
}

/// Writes one glyph, black on white.
pub fn write_png(set: &Dataset, glyph: &twinglyph::data::Glyph, path: &Path) {
    let (h, w) = set.size();
    Grey::from_fn((w, h), |x, y| if glyph.pixels.ink(y * w + x) > 0.5 { 0 } else { 255 }).save(path);
}

/// A grey picture of (width, height), row by row, 0 = black.
#[derive(Clone, PartialEq)]
pub struct Grey {
    pub size: (usize, usize),
    pub pixels: Vec<u8>,
}

impl Grey {
    pub fn from_fn(size: (usize, usize), grey: impl Fn(usize, usize) -> u8) -> Grey {
        Grey { size, pixels: (0..size.0 * size.1).map(|i| grey(i % size.0, i / size.0)).collect() }
    }

    /// Of a PNG file with eight grey bits a pixel.
    pub fn open(path: impl AsRef<Path>) -> Grey {
        let file = std::io::BufReader::new(fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        assert_eq!(reader.output_color_type(), (png::ColorType::Grayscale, png::BitDepth::Eight));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        Grey { size: (info.width as usize, info.height as usize), pixels }
    }

    pub fn at(&self, x: usize, y: usize) -> u8 {
        self.pixels[y * self.size.0 + x]
    }

    /// At another size, each pixel the nearest.
    pub fn resized(&self, (w, h): (usize, usize)) -> Grey {
        Grey::from_fn((w, h), |x, y| self.at(x * self.size.0 / w, y * self.size.1 / h))
    }

    pub fn save(&self, path: impl AsRef<Path>) {
        write_samples(path, self.size, png::ColorType::Grayscale, &self.pixels);
    }
}

/// Writes a PNG of eight bits a sample.
pub fn write_samples(path: impl AsRef<Path>, size: (usize, usize), color: png::ColorType, samples: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), size.0 as u32, size.1 as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut png = encoder.write_header().unwrap();
    png.write_image_data(samples).unwrap();
    png.finish().unwrap();
}

/// Where Omniglot is, if it is there; else says that the test is skipped.
pub fn omniglot() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/omniglot");
    if folder.is_dir() {
        return Some(folder);
    }
    skip("omniglot", "no ../shared/omniglot");
    None
}
