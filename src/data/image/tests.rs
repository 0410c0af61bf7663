use super::*;
use crate::data::Pixels;
use crate::data::png as loader;
use crate::data::testing::{glyph_png, png, png_bits, png_grey, stroke, write};
use tempfile::tempdir;

const SIZE: (usize, usize) = (105, 105);

/// What the Omniglot loader makes of the same file.
fn loaded(bytes: &[u8]) -> Vec<f32> {
    let mut ink = vec![0.0; SIZE.0 * SIZE.1];
    loader::glyph(bytes, SIZE).unwrap().write_ink(&mut ink);
    ink
}

fn fitted(bytes: &[u8]) -> FittedGlyph {
    decode(bytes, SIZE).unwrap()
}

/// The stroke of `glyph_png(1)` in other words: each pixel made of `dark` and `light` samples.
fn painted(depth: u8, color: u8, chunks: &[(&str, &[u8])], dark: &[u8], light: &[u8]) -> Vec<u8> {
    let row = |y| (0..105).flat_map(|x| if stroke(1, y, x) { dark } else { light }).copied().collect();
    png(SIZE, depth, color, chunks, &(0..105).map(row).collect::<Vec<_>>())
}

#[test]
fn black_on_white_of_the_right_size_is_exactly_what_the_loader_gives() {
    for bytes in [glyph_png(1), painted(8, 0, &[], &[0], &[255]), painted(8, 2, &[], &[0; 3], &[255; 3])] {
        let glyph = fitted(&bytes);
        assert_eq!((glyph.inverted, glyph.source_size), (false, SIZE));
        assert_eq!(glyph.ink, loaded(&bytes));
        assert_eq!(glyph.ink, loaded(&glyph_png(1)));
    }
    let soft = png_grey(SIZE, |y, x| if y == 50 { (x * 2) as u8 } else { 255 });
    assert_eq!(fitted(&soft).ink, loaded(&soft));
}

#[test]
fn every_kind_of_png_shows_the_same_glyph() {
    let expected = loaded(&glyph_png(1));
    let palette: &[u8] = &[255, 255, 255, 0, 0, 0];
    let clear_paper: &[u8] = &[0, 255];
    let kinds = [
        painted(16, 0, &[], &[0; 2], &[255; 2]),
        painted(8, 4, &[], &[0, 255], &[255, 255]),
        painted(8, 4, &[], &[0, 255], &[0, 0]),
        painted(8, 6, &[], &[0, 0, 0, 255], &[9, 9, 9, 0]),
        painted(16, 2, &[], &[0; 6], &[255; 6]),
        painted(16, 4, &[], &[0, 0, 255, 255], &[0; 4]),
        painted(16, 6, &[], &[0, 0, 0, 0, 0, 0, 255, 255], &[255; 8]),
        painted(8, 3, &[("PLTE", palette)], &[1], &[0]),
        painted(8, 3, &[("PLTE", palette), ("tRNS", clear_paper)], &[1], &[0]),
    ];
    for (i, bytes) in kinds.iter().enumerate() {
        let glyph = fitted(bytes);
        assert!(glyph.ink == expected && !glyph.inverted, "kind {i}");
    }
}

#[test]
fn bits_are_what_bytes_of_the_same_picture_are() {
    for (height, width) in (1..=4).flat_map(|h| (1..=18).map(move |w| (h, w))) {
        let ink = |y: usize, x: usize| (y * 7 + x * x + x / 3).is_multiple_of(3);
        let bits = png_bits((height, width), ink);
        let bytes = png_grey((height, width), |y, x| if ink(y, x) { 0 } else { 255 });
        let pixels = |bytes: &[u8]| loader::glyph(bytes, (height, width)).unwrap();
        let Pixels::Bits(packed) = pixels(&bits) else { panic!("{height} x {width}") };
        let Pixels::Grey(grey) = pixels(&bytes) else { panic!("{height} x {width}") };
        assert_eq!(packed.len(), (height * width).div_ceil(8));
        let unpacked = (0..packed.len() * 8).map(|i| if packed[i / 8] >> (i % 8) & 1 == 1 { 255 } else { 0 });
        let wanted = grey.iter().copied().chain(std::iter::repeat(0));
        assert!(unpacked.zip(wanted).all(|(a, b)| a == b), "{height} x {width}");
        let open = |bytes| Png::glyph(bytes).unwrap().decode().unwrap().on_white;
        assert_eq!(open(&bits), open(&bytes), "{height} x {width}");
    }
}

#[test]
fn a_bit_that_is_transparent_is_paper() {
    let row = vec![0b0100_0000];
    // Black is transparent here, and so is laid on the paper, white: no ink is left.
    let clear = png((1, 2), 1, 0, &[("tRNS", &[0, 0])], std::slice::from_ref(&row));
    assert_eq!(Png::glyph(&clear).unwrap().decode().unwrap().on_white, [255, 255]);
    let opaque = png((1, 2), 1, 0, &[], &[row]);
    assert_eq!(Png::glyph(&opaque).unwrap().decode().unwrap().on_white, [0, 255]);
}

#[test]
fn light_on_dark_is_turned_over() {
    let expected = loaded(&glyph_png(1));
    for bytes in [
        painted(8, 0, &[], &[255], &[0]),
        painted(8, 2, &[], &[255; 3], &[0; 3]),
        // White strokes on nothing: they would not show on white.
        painted(8, 4, &[], &[255, 255], &[255, 0]),
    ] {
        let glyph = fitted(&bytes);
        assert!(glyph.inverted);
        assert_eq!(glyph.ink, expected);
    }
    let bits = png_bits(SIZE, |y, x| !stroke(1, y, x));
    assert_eq!((fitted(&bits).ink, fitted(&bits).inverted), (expected, true));
}

#[test]
fn faint_ink_on_grey_paper_is_stretched_to_full_contrast() {
    let expected = loaded(&glyph_png(1));
    assert_eq!(fitted(&painted(8, 0, &[], &[90], &[200])).ink, expected);
    assert_eq!(fitted(&painted(8, 2, &[], &[200, 80, 40], &[250, 240, 200])).ink, expected);
    assert_eq!(fitted(&painted(8, 0, &[], &[120], &[60])).ink, expected);
}

#[test]
fn a_larger_image_is_the_mean_over_each_area() {
    // Three times as large: every pixel nine times.
    let large = png_bits((315, 315), |y, x| stroke(1, y / 3, x / 3));
    let glyph = fitted(&large);
    assert_eq!(glyph.source_size, (315, 315));
    let expected = loaded(&glyph_png(1));
    assert!(glyph.ink.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
    // One black pixel of the four under the middle, and one that is black whole.
    let four = png_bits((210, 210), |y, x| (y, x) == (100, 100) || (y / 2, x / 2) == (60, 60));
    let ink = fitted(&four).ink;
    assert!((ink[50 * 105 + 50] - 0.25).abs() < 1e-6);
    assert!((ink[60 * 105 + 60] - 1.0).abs() < 1e-6);
    assert!((ink.iter().sum::<f32>() - 1.25).abs() < 1e-5);
}

#[test]
fn a_smaller_image_is_interpolated() {
    let small =
        png_grey((35, 35), |y, x| if y == 0 || x == 0 || y == 34 || x == 34 { 255 } else { (x * 7) as u8 });
    let ink = fitted(&small).ink;
    // Along a row of the middle, ink falls steadily to the right, without steps.
    let row = &ink[52 * 105 + 9..52 * 105 + 96];
    assert!(row.windows(2).all(|w| w[0] > w[1] && w[0] - w[1] < 0.02), "{row:?}");
}

#[test]
fn proportions_are_kept_and_the_glyph_is_centred_on_paper() {
    // A wide image with a black box all over but for its border.
    let wide = png_bits((40, 80), |y, x| (8..32).contains(&y) && (8..72).contains(&x));
    let ink = fitted(&wide).ink;
    let inked = |y: usize, x: usize| ink[y * 105 + x] > 0.5;
    let rows: Vec<usize> = (0..105).filter(|&y| inked(y, 52)).collect();
    let columns: Vec<usize> = (0..105).filter(|&x| inked(52, x)).collect();
    // 105 / 80 = 1.3125: 24 x 64 becomes about 32 x 84, in the middle.
    assert!((31..=33).contains(&rows.len()) && (83..=85).contains(&columns.len()), "{rows:?} {columns:?}");
    let middle = |v: &[usize]| (v[0] + v[v.len() - 1]) as f32 / 2.0;
    assert!((middle(&rows) - 52.0).abs() <= 1.0 && (middle(&columns) - 52.0).abs() <= 1.0);
    assert_eq!(ink[0], 0.0);
}

#[test]
fn odd_shapes_are_fitted_without_a_panic() {
    for size in [(2, 300), (1, 5000), (5000, 1), (3, 3), (104, 106), (1000, 17)] {
        let glyph = decode(&png_bits(size, |y, x| y == size.0 / 2 && x == size.1 / 2), SIZE);
        match glyph {
            Ok(glyph) => {
                assert_eq!((glyph.ink.len(), glyph.source_size), (SIZE.0 * SIZE.1, size));
                assert!(glyph.ink.iter().all(|v| (0.0..=1.0).contains(v)));
            }
            Err(message) => assert!(message.starts_with("shows no ink"), "{message}"),
        }
    }
}

#[test]
fn the_median_of_the_border_is_the_paper_even_where_the_glyph_touches_it() {
    let touching = png_bits(SIZE, |y, x| (30..40).contains(&x) || (50..53).contains(&y));
    assert_eq!((fitted(&touching).inverted, fitted(&touching).ink), (false, loaded(&touching)));
}

#[test]
fn a_blank_image_is_refused() {
    let blank = "shows no ink, expected a glyph that stands out from its border";
    let grain = png_grey(SIZE, |y, x| 200 + ((y * 31 + x * 17) % 20) as u8);
    for bytes in
        [png_bits(SIZE, |_, _| false), png_bits(SIZE, |_, _| true), grain, png_bits((1, 1), |_, _| true)]
    {
        assert_eq!(decode(&bytes, SIZE).unwrap_err(), blank);
    }
}

#[test]
fn an_image_that_cannot_be_read_is_named_with_what_was_expected() {
    let folder = tempdir().unwrap();
    let error = |name: &str| {
        let error = decode_glyph(&folder.path().join(name), SIZE).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(error("none.png"), "none.png: does not exist, expected a PNG image");
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    assert_eq!(error("folder.png"), "folder.png: is not a file, expected a PNG image");
    write(folder.path(), "photo.jpg", b"\xff\xd8\xff\xe0");
    assert_eq!(error("photo.jpg"), "photo.jpg: is a JPEG image, expected a PNG image: save it as one");
    for (bytes, says) in [
        (&b""[..], "is empty, expected a PNG image"),
        (b"no picture", "is not a PNG image, expected one"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:",
            "is a Git LFS pointer, expected a PNG image: run git lfs pull",
        ),
        (b"\n<!DOCTYPE html><html>", "is an HTML page, expected a PNG image: the download failed"),
        (b"\xef\xbb\xbf<HTML>", "is an HTML page, expected a PNG image: the download failed"),
        (b"<?xml version=\"1.0\"?>\n<svg>", "is an SVG drawing, expected a PNG image: export it as one"),
        (b"<svg width=\"9\">", "is an SVG drawing, expected a PNG image: export it as one"),
        (b"<?xml version=\"1.0\"?><rss>", "is not a PNG image, expected one"),
        (b"GIF89a", "is a GIF image, expected a PNG image: save it as one"),
        (b"RIFF\x01\0\0\0WEBP", "is a WebP image, expected a PNG image: save it as one"),
        (b"RIFF\x01\0\0\0WAVE", "is not a PNG image, expected one"),
        (b"BM6", "is a BMP image, expected a PNG image: save it as one"),
        (b"II*\0", "is a TIFF image, expected a PNG image: save it as one"),
        (b"MM\0*", "is a TIFF image, expected a PNG image: save it as one"),
        (b"%PDF-1.7", "is a PDF, expected a PNG image: export a page as one"),
        (b"PK\x03\x04", "is a zip archive, expected a PNG image"),
    ] {
        assert_eq!(decode(bytes, SIZE).unwrap_err(), says);
    }
    let mut phone = glyph_png(1);
    phone.splice(8..8, *b"\0\0\0\x04CgBI\x50\0\x20\x02\x2b\xd5\xb3\x7f");
    assert!(decode(&phone, SIZE).unwrap_err().contains("Xcode"), "{}", decode(&phone, SIZE).unwrap_err());
    let unknown = painted(8, 0, &[("ABCD", b"?")], &[0], &[255]);
    let says = decode(&unknown, SIZE).unwrap_err();
    assert!(says.contains("ABCD") && !says.contains(['{', '}']), "{says}");
    write(folder.path(), "cut.png", &glyph_png(1)[..700]);
    assert_eq!(error("cut.png"), "cut.png: is cut short, expected a whole PNG image");
    write(folder.path(), "huge.png", &png((60_000, 60_000), 8, 0, &[], &[]));
    assert_eq!(error("huge.png"), "huge.png: is 60000 x 60000 pixels, expected at most 33554432 in all");
    write(folder.path(), "good.png", &glyph_png(1));
    assert_eq!(decode_glyph(&folder.path().join("good.png"), SIZE).unwrap().ink, loaded(&glyph_png(1)));
}

#[test]
fn a_palette_that_is_no_row_of_colours_is_refused() {
    let colours = vec![7; 3 * 257];
    for length in [1, 4, 49, 3 * 257] {
        let bytes = painted(8, 3, &[("PLTE", &colours[..length])], &[1], &[0]);
        let says = format!("has a palette of {length} bytes, expected 1 to 256 colours of 3 bytes");
        assert_eq!(decode(&bytes, SIZE).unwrap_err(), says);
    }
    // Of 256 colours, and behind a chunk that says it is longer than the file.
    assert!(decode(&painted(8, 3, &[("PLTE", &colours[..768])], &[1], &[0]), SIZE).is_err());
    let mut cut = painted(8, 3, &[("PLTE", &[0; 3])], &[1], &[0]);
    cut[33] = 0xff;
    assert!(decode(&cut, SIZE).is_err());
}
