//! The loader on the real Omniglot archives, where `../shared/omniglot` has them.

mod common;

use common::omniglot as shared;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Instant;
use twinglyph::data::{Dataset, Glyph, Pixels, image::decode_glyph, omniglot};

fn load(path: &Path) -> Dataset {
    omniglot::load(&[path.to_path_buf()], &()).unwrap()
}

#[test]
fn the_background_set_is_whole_and_one_bit_a_pixel() {
    let Some(folder) = shared() else { return };
    let start = Instant::now();
    let set = load(&folder.join("images_background.zip"));
    println!("19,280 glyphs in {:.3} s", start.elapsed().as_secs_f64());
    let characters: usize = set.alphabets().iter().map(|a| a.characters.len()).sum();
    assert_eq!((set.alphabets().len(), characters, set.glyphs().len()), (30, 964, 19_280));
    assert!(set.glyphs().iter().all(|g| matches!(g.pixels, Pixels::Bits(_))));
    assert!(set.glyphs().iter().all(|g| (1..=20).contains(&g.drawer)));
    assert!(set.pixel_bytes() < (250 << 20) * 19_280 / 32_460);
    // A stroke covers a few hundredths of the image: paper taken for ink would be far above.
    let mut ink = vec![0.0; set.pixels()];
    set.glyphs()[0].pixels.write_ink(&mut ink);
    let share = ink.iter().sum::<f32>() / ink.len() as f32;
    assert!((0.005..0.2).contains(&share), "{share}");
}

#[test]
fn the_published_small_archive_equals_its_alphabets_in_the_large_one() {
    let Some(folder) = shared() else { return };
    let large = load(&folder.join("images_background.zip"));
    let small = load(&folder.join("images_background_small1.zip"));
    assert_eq!(small.alphabets().len(), 5);
    for (a, alphabet) in small.alphabets().iter().enumerate() {
        let b = large.alphabets().iter().position(|other| other == alphabet).unwrap();
        let bare = |g: &Glyph| (g.character, g.drawer, g.pixels.clone());
        let ours: Vec<_> = small.glyphs()[small.alphabet_range(a)].iter().map(bare).collect();
        let theirs: Vec<_> = large.glyphs()[large.alphabet_range(b)].iter().map(bare).collect();
        assert!(ours == theirs, "{} differs", alphabet.name);
    }
}

#[test]
fn a_folder_its_parent_and_the_archive_give_the_same_set() {
    let Some(folder) = shared() else { return };
    let path = folder.join("images_background_small1.zip");
    let temp = tempfile::tempdir().unwrap();
    extract(&path, temp.path());
    let set = load(&path);
    assert!(set == load(temp.path()));
    assert!(set == load(&temp.path().join("images_background_small1")));
    assert_eq!(set.fingerprint(), load(temp.path()).fingerprint());
}

#[test]
fn a_lone_image_is_read_as_the_loader_reads_it() {
    let Some(folder) = shared() else { return };
    let path = folder.join("images_background_small1.zip");
    let temp = tempfile::tempdir().unwrap();
    extract(&path, temp.path());
    let set = load(&path);
    let top = temp.path().join("images_background_small1");
    let mut seen = BTreeSet::new();
    for glyph in set.glyphs().iter().step_by(37) {
        let alphabet = &set.alphabets()[glyph.alphabet as usize];
        let character = &alphabet.characters[glyph.character as usize];
        let suffix = format!("_{:02}.png", glyph.drawer);
        let file = fs::read_dir(top.join(&alphabet.name).join(character))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|p| p.to_str().unwrap().ends_with(&suffix))
            .unwrap();
        let mut ink = vec![0.0; set.pixels()];
        glyph.pixels.write_ink(&mut ink);
        let fitted = decode_glyph(&file, set.size()).unwrap();
        assert_eq!((fitted.ink, fitted.inverted, fitted.source_size), (ink, false, (105, 105)));
        seen.insert(glyph.alphabet);
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn an_alphabet_in_two_archives_is_refused_by_name() {
    let Some(folder) = shared() else { return };
    let paths = [folder.join("images_background.zip"), folder.join("images_background_small1.zip")];
    let error = omniglot::load(&paths, &()).unwrap_err().to_string();
    assert!(error.contains("holds the alphabet Balinese, which"), "{error}");
    assert!(error.ends_with("images_background.zip holds too, expected it once"), "{error}");
}

/// Unpacks an archive of deflated or stored files.
fn extract(path: &Path, folder: &Path) {
    let bytes = fs::read(path).unwrap();
    let archive = rawzip::ZipArchive::from_slice(&bytes).unwrap();
    for entry in archive.entries().map(Result::unwrap).filter(|entry| !entry.is_dir()) {
        let name = entry.file_path().try_normalize().unwrap().into_owned();
        let packed = archive.get_entry(entry.wayfinder()).unwrap();
        let mut file = Vec::new();
        match entry.compression_method() {
            rawzip::CompressionMethod::STORE => file.extend_from_slice(packed.data()),
            _ => _ = flate2::bufread::DeflateDecoder::new(packed.data()).read_to_end(&mut file).unwrap(),
        }
        let place = folder.join(name.as_ref());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, file).unwrap();
    }
}
