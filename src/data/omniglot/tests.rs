use super::*;
use crate::data::testing::{QUIET, archive, glyph_png, png, png_bits, png_grey, stroke, write};
use std::fs;
use tempfile::{TempDir, tempdir};

/// Four alphabets' worth of layout in small: two alphabets of one and two characters.
const NAMES: [&str; 5] = [
    "top/Beta/character01/0003_01.png",
    "top/Alpha/character02/0002_01.png",
    "top/Alpha/character01/0001_02.png",
    "top/Alpha/character01/0001_01.png",
    "top/Beta/character01/0003_02.png",
];

fn small() -> Vec<(&'static str, Vec<u8>)> {
    NAMES.iter().enumerate().map(|(i, name)| (*name, glyph_png(i))).collect()
}

/// Loads an archive of these entries as `small.zip`; an error's text without the folder that it lies in.
fn load_zip(entries: &[(&str, Vec<u8>)]) -> std::result::Result<Dataset, String> {
    load_bytes(&archive(entries))
}

fn load_bytes(bytes: &[u8]) -> std::result::Result<Dataset, String> {
    let folder = tempdir().unwrap();
    let path = write(folder.path(), "small.zip", bytes);
    load(&[path], &QUIET).map_err(|e| relative(&folder, &e))
}

fn load_folder(entries: &[(&str, Vec<u8>)]) -> std::result::Result<Dataset, String> {
    let folder = tempdir().unwrap();
    entries.iter().for_each(|(name, bytes)| drop(write(folder.path(), name, bytes)));
    load(&[folder.path().into()], &QUIET).map_err(|e| relative(&folder, &e))
}

fn relative(folder: &TempDir, error: &Error) -> String {
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// The small archive with one more entry.
fn with(name: &'static str, bytes: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let mut entries = small();
    entries.push((name, bytes));
    entries
}

#[test]
fn an_archive_is_read_with_alphabet_character_and_drawer() {
    let set = load_zip(&small()).unwrap();
    let names: Vec<_> = set.alphabets().iter().map(|a| (a.name.as_str(), a.characters.len())).collect();
    assert_eq!(names, [("Alpha", 2), ("Beta", 1)]);
    let labels: Vec<_> = set.glyphs().iter().map(|g| (g.alphabet, g.character, g.drawer)).collect();
    assert_eq!(labels, [(0, 0, 1), (0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 0, 2)]);
    assert_eq!(set.size(), (105, 105));
    // Alpha/character01/0001_01.png is NAMES[3].
    for i in 0..105 * 105 {
        assert_eq!(set.glyphs()[0].pixels.ink(i) == 1.0, stroke(3, i / 105, i % 105), "pixel {i}");
    }
    assert_eq!(set.pixel_bytes(), 5 * 1379);
}

#[test]
fn a_folder_its_parent_and_an_archive_with_or_without_top_folder_are_the_same() {
    let expected = load_zip(&small()).unwrap();
    assert_eq!(load_folder(&small()).unwrap(), expected);
    let bare: Vec<_> = small().into_iter().map(|(name, bytes)| (&name[4..], bytes)).collect();
    assert_eq!(load_folder(&bare).unwrap(), expected);
    assert_eq!(load_zip(&bare).unwrap(), expected);
    let dotted: Vec<_> = small().into_iter().map(|(name, bytes)| (format!("./{name}"), bytes)).collect();
    let dotted: Vec<_> = dotted.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    assert_eq!(load_zip(&dotted).unwrap(), expected);
}

#[test]
fn clutter_and_folder_entries_are_skipped() {
    let expected = load_zip(&small()).unwrap();
    let mut entries = vec![("top/", vec![]), ("top/Alpha/", vec![]), ("top/Empty/character01/", vec![])];
    entries.extend(small());
    for name in [
        "__MACOSX/top/Alpha/character01/._0001_01.png",
        "__MACOSX/._top",
        "top/.DS_Store",
        "top/Alpha/character01/._0001_01.png",
        "top/Alpha/Thumbs.db",
        "desktop.ini",
        ".git/config",
    ] {
        entries.push((name, b"clutter".to_vec()));
    }
    assert_eq!(load_zip(&entries).unwrap(), expected);
    let files: Vec<_> = entries.into_iter().filter(|(name, _)| !name.ends_with('/')).collect();
    assert_eq!(load_folder(&files).unwrap(), expected);
}

#[test]
fn eight_bits_and_colours_are_kept_in_eight_bits() {
    let grey = png_grey((105, 105), |y, x| (y + x) as u8);
    let rgb = png((105, 105), 8, 2, &[], &vec![[10, 10, 10].repeat(105); 105]);
    let set = load_folder(&[("A/character01/1_01.png", grey), ("A/character01/1_02.png", rgb)]).unwrap();
    let Pixels::Grey(ink) = &set.glyphs()[0].pixels else { panic!("not grey") };
    assert_eq!((ink[0], ink[1], ink[105]), (255, 254, 254));
    assert_eq!(set.glyphs()[1].pixels, Pixels::Grey(vec![245; 105 * 105].into()));
}

#[test]
fn a_palette_of_black_and_white_is_one_bit_too() {
    let palette: &[u8] = &[0, 0, 0, 255, 255, 255];
    let file = png((105, 105), 1, 3, &[("PLTE", palette)], &vec![vec![0xf0; 14]; 105]);
    let set = load_folder(&[("A/character01/1_01.png", file)]).unwrap();
    let expected = png_bits((105, 105), |_, x| x % 8 >= 4);
    let other = load_folder(&[("A/character01/1_01.png", expected)]).unwrap();
    assert_eq!(set, other);
}

#[test]
fn what_does_not_belong_is_named_with_what_was_expected() {
    let layout = "does not belong here, expected Omniglot images at ALPHABET/characterNN/NNNN_DD.png, \
                  in a folder such as images_background or not";
    for name in [
        "top/notes.txt",
        "top/Alpha/character01/notes.txt",
        "top/Alpha/0001_03.png",
        "a/top/Alpha/character01/0001_03.png",
        "top/Alpha/character01/0001.png",
        "top/Alpha/character01/0001_00.png",
        "top/Alpha/character01/0001_99999999999.png",
        "top/Alpha/character01/x_03.png",
        "top/Alpha/figure01/0001_03.png",
    ] {
        let entries = with(name, glyph_png(9));
        assert_eq!(load_zip(&entries).unwrap_err(), format!("small.zip: {name}: {layout}"));
        assert_eq!(load_folder(&entries).unwrap_err(), format!("{name}: {layout}"));
    }
    let error = load_folder(&with("images.zip", vec![])).unwrap_err();
    assert_eq!(error, format!("images.zip: {layout} (give an archive by its own path)"));
}

#[test]
fn a_damaged_image_is_named_with_what_was_expected() {
    let good = glyph_png(9);
    let mut flipped = good.clone();
    flipped[60] ^= 1;
    let cases = [
        (png_bits((20, 30), |_, _| true), "is 20 x 30 pixels, expected 105 x 105"),
        (b"GIF89a".to_vec(), "is a GIF image, expected a PNG image: save it as one"),
        (Vec::new(), "is empty, expected a PNG image"),
        (good[..30].to_vec(), "is cut short, expected a whole PNG image"),
        (good[..500].to_vec(), "is cut short, expected a whole PNG image"),
        (good[..good.len() - 12].to_vec(), "is cut short, expected a whole PNG image"),
        (
            png((0x7fff_ffff, 0x7fff_ffff), 16, 6, &[], &[]),
            "needs too much memory to decode, expected a smaller image",
        ),
        (vec![b'x'; (1 << 20) + 1], "is larger than 1024 KiB, expected a small file"),
    ];
    for (bytes, message) in cases {
        let entries = with("top/Alpha/character01/0001_03.png", bytes);
        let file = "top/Alpha/character01/0001_03.png";
        assert_eq!(load_zip(&entries).unwrap_err(), format!("small.zip: {file}: {message}"));
        assert_eq!(load_folder(&entries).unwrap_err(), format!("{file}: {message}"));
    }
    let error = load_zip(&with("top/Alpha/character01/0001_03.png", flipped)).unwrap_err();
    let start = "small.zip: top/Alpha/character01/0001_03.png: is damaged, expected a whole PNG image (";
    assert!(error.starts_with(start), "{error}");
}

#[test]
fn of_several_damaged_files_the_first_by_name_is_reported() {
    let bad: Vec<_> = NAMES.iter().map(|name| (*name, b"bad".to_vec())).collect();
    for _ in 0..20 {
        assert!(load_zip(&bad).unwrap_err().starts_with("small.zip: top/Alpha/character01/0001_01.png: "));
    }
}

#[test]
fn an_image_too_many_of_a_character_and_drawer_is_refused() {
    let error = load_zip(&with("top/Alpha/character01/0007_01.png", glyph_png(9))).unwrap_err();
    assert_eq!(
        error,
        "small.zip: top/Alpha/character01/0007_01.png: is of the same character and drawer as 0001_01.png, \
         expected one image of each drawer"
    );
}

#[test]
fn an_alphabet_that_stands_twice_is_refused_by_name() {
    let error = load_zip(&with("other/Beta/character09/0001_01.png", glyph_png(9))).unwrap_err();
    assert!(
        error.contains("is of the alphabet Beta, which stands in another folder too, expected it once"),
        "{error}"
    );

    let folder = tempdir().unwrap();
    let paths = ["a.zip", "b.zip"].map(|name| write(folder.path(), name, &archive(&small())));
    let error = relative(&folder, &load(&paths, &QUIET).unwrap_err())
        .replace(&folder.path().display().to_string(), "");
    assert_eq!(error, "b.zip: holds the alphabet Alpha, which a.zip holds too, expected it once");
}

#[test]
fn several_paths_make_one_set() {
    let folder = tempdir().unwrap();
    let path = |name: &str, part: &[(&str, Vec<u8>)]| write(folder.path(), name, &archive(part));
    let of = |alphabet: &str| small().into_iter().filter(|(n, _)| n.contains(alphabet)).collect::<Vec<_>>();
    let paths = [path("b.zip", &of("Beta")), path("a.zip", &of("Alpha"))];
    assert_eq!(load(&paths, &QUIET).unwrap(), load_zip(&small()).unwrap());
}

#[test]
fn a_path_that_is_no_data_is_a_clear_error() {
    let folder = tempdir().unwrap();
    let error = |name: &str| relative(&folder, &load(&[folder.path().join(name)], &QUIET).unwrap_err());
    let layout =
        "Omniglot images at ALPHABET/characterNN/NNNN_DD.png, in a folder such as images_background or not";
    assert_eq!(
        error("none"),
        format!("none: does not exist, expected a folder or a zip archive with {layout}")
    );
    write(folder.path(), "text.zip", b"no archive");
    let text = error("text.zip");
    assert!(
        text.starts_with("text.zip: is not a whole zip archive, expected a folder or a zip archive ("),
        "{text}"
    );
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert_eq!(error("empty"), format!("empty: has no file in it, expected {layout}"));
    write(folder.path(), "empty.zip", &archive(&[("top/", vec![])]));
    assert_eq!(error("empty.zip"), format!("empty.zip: has no file in it, expected {layout}"));
    assert_eq!(
        load(&[], &QUIET).unwrap_err().to_string(),
        "no data is given, expected at least one folder or zip archive of Omniglot images"
    );
}

#[test]
fn an_entry_that_leads_out_of_the_archive_is_refused() {
    // The writer would mend such names itself: they are put in afterwards.
    let plain = archive(&[("top/Alpha/character01/0001_01.png", glyph_png(1))]);
    for name in [
        "../aa/bb/character01/0001_01.png.",
        "/op/Alpha/character01/0001_01.png",
        "top/../../../../../0001_0001.png.",
        "C:/pp/Alpha/character01/0001_01.png",
        "top\\Alpha\\character01\\0001_01.png",
        "top//lpha/character01/0001_01.png",
        "top/Alph\x1b/character01/0001_01.png",
    ] {
        let name = &name[..name.len().min(33)];
        let error = load_bytes(&replaced(&plain, "top/Alpha/character01/0001_01.png", name)).unwrap_err();
        let end = ": has a name that could lead out of the archive, expected a plain path";
        assert_eq!(error, format!("small.zip: {}{end}", name.escape_debug()), "{name}");
    }
}

#[test]
fn an_entry_that_stands_twice_is_refused_by_name() {
    let twice = archive(&[
        ("top/Alpha/character01/0001_01.png", glyph_png(1)),
        ("top/Alpha/character01/0001_02.png", glyph_png(2)),
    ]);
    let twice = replaced(&twice, "top/Alpha/character01/0001_02.png", "top/Alpha/character01/0001_01.png");
    let message =
        "small.zip: top/Alpha/character01/0001_01.png: stands twice in the archive, expected it once";
    assert_eq!(load_bytes(&twice).unwrap_err(), message);
    let dotted = [("./A/character01/1_01.png", glyph_png(1)), ("A/character01/1_01.png", glyph_png(1))];
    assert!(load_zip(&dotted).unwrap_err().ends_with("stands twice in the archive, expected it once"));
}

#[test]
fn a_decompression_bomb_is_refused() {
    let name = "top/Alpha/character01/0001_03.png";
    let bomb = archive(&with(name, vec![0; 64 << 20]));
    assert!(bomb.len() < 100_000);
    let message = format!("small.zip: {name}: is larger than 1024 KiB, expected a small file");
    assert_eq!(load_bytes(&bomb).unwrap_err(), message);
    // One that lies about its size, in both of its headers.
    let (truth, lie) = ((64u32 << 20).to_le_bytes(), 300u32.to_le_bytes());
    let mut lying = bomb.clone();
    let places: Vec<usize> = (0..bomb.len() - 4).filter(|&i| bomb[i..i + 4] == truth).collect();
    assert_eq!(places.len(), 2);
    places.iter().for_each(|&i| lying[i..i + 4].copy_from_slice(&lie));
    assert!(load_bytes(&lying).unwrap_err().starts_with(&format!("small.zip: {name}: ")));
}

#[test]
fn what_an_archive_may_hold_and_this_program_cannot_read_is_named() {
    let name = "A/character01/1_01.png";
    let whole = archive(&[(name, glyph_png(1))]);
    let listed = whole.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let end = whole.windows(4).position(|four| four == b"PK\x05\x06").unwrap();
    let error = |changes: &[(usize, u8)]| {
        let mut changed = whole.clone();
        changes.iter().for_each(|&(at, byte)| changed[at] = byte);
        load_bytes(&changed).unwrap_err()
    };
    let encrypted = error(&[(listed + 8, whole[listed + 8] | 1)]);
    assert_eq!(
        encrypted,
        format!("small.zip: {name}: is encrypted, expected an entry that needs no password")
    );
    // By a Unix, a symbolic link.
    let link = error(&[(listed + 5, 3), (listed + 41, 0xa1), (listed + 40, 0xff)]);
    assert!(link.starts_with(&format!("small.zip: {name}: does not belong here")), "{link}");
    let packed = "cannot be unpacked, expected a whole entry, stored or deflated";
    assert_eq!(
        error(&[(listed + 10, 12)]),
        format!("small.zip: {name}: {packed} (it is packed by method 12)")
    );
    // What is deflated is not what is stored.
    assert!(error(&[(listed + 10, 0)]).contains(packed));
    assert!(error(&[(listed + 16, !whole[listed + 16])]).contains("(invalid checksum"));
    // It unpacks to more, and to less, than is said.
    for change in [1u8.wrapping_neg(), 1] {
        let wrong = error(&[(listed + 24, whole[listed + 24].wrapping_add(change))]);
        assert!(wrong.contains(packed), "{wrong}");
    }
    let counted = error(&[(end + 8, 2), (end + 10, 2)]);
    assert!(counted.contains("(1 entries where its end counts 2)"), "{counted}");
}

#[test]
fn every_prefix_of_an_archive_is_an_error_and_no_panic() {
    let whole = archive(&[("A/character01/1_01.png", glyph_png(1))]);
    let folder = tempdir().unwrap();
    for length in 0..whole.len() {
        let path = write(folder.path(), "small.zip", &whole[..length]);
        let error = load(&[path], &QUIET).unwrap_err().to_string();
        assert!(error.contains("small.zip: ") && !error.contains('\n'), "{length}: {error}");
    }
}

#[test]
fn every_changed_byte_of_an_archive_is_read_or_refused_without_a_panic() {
    let whole = archive(&[("A/character01/1_01.png", glyph_png(1))]);
    let folder = tempdir().unwrap();
    let expected = load(&[write(folder.path(), "small.zip", &whole)], &QUIET).unwrap();
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= change;
            if let Ok(set) = load(&[write(folder.path(), "small.zip", &changed)], &QUIET) {
                let pixels = |set: &Dataset| set.glyphs()[0].pixels.clone();
                assert_eq!(pixels(&set), pixels(&expected), "byte {at}: damaged pixels were taken");
            }
        }
    }
}

#[test]
fn every_changed_byte_and_prefix_of_an_image_is_read_or_refused_without_a_panic() {
    let whole = png_grey((5, 6), |y, x| (y * x) as u8);
    for at in 0..whole.len() {
        assert!(crate::data::png::glyph(&whole[..at], (5, 6)).is_err(), "{at}");
        for change in 1..=255 {
            let mut changed = whole.clone();
            changed[at] ^= change;
            let _ = crate::data::png::glyph(&changed, (5, 6));
        }
    }
}

/// The archive with a name changed wherever it stands; both have the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "{to}");
    let mut out = bytes.to_vec();
    let places = (0..out.len() - from.len()).filter(|&i| bytes[i..].starts_with(from.as_bytes()));
    places.for_each(|i| out[i..i + to.len()].copy_from_slice(to.as_bytes()));
    out
}
