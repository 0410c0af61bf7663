use super::*;
use crate::data::testing::{QUIET, archive, glyph_png, png_bits, write};
use tempfile::tempdir;

type Entries = Vec<(String, Vec<u8>)>;

/// `runs` runs of three images each way; test image `i` of run `r` is of class `(i + r) % 3`.
fn small(top: &str, runs: usize) -> Entries {
    let mut entries = Entries::new();
    for r in 1..=runs {
        let mut lines = String::new();
        for i in 0..3 {
            let class = (i + r) % 3;
            entries.push((format!("{top}run{r:02}/training/class{:02}.png", i + 1), glyph_png(i)));
            entries.push((format!("{top}run{r:02}/test/item{:02}.png", i + 1), glyph_png(10 + i)));
            lines += &format!(
                "run{r:02}/test/item{:02}.png run{r:02}/training/class{:02}.png\n",
                i + 1,
                class + 1
            );
        }
        entries.push((format!("{top}run{r:02}/class_labels.txt"), lines.into_bytes()));
    }
    entries
}

fn load_zip(entries: &Entries) -> std::result::Result<Vec<OneShotRun>, String> {
    let folder = tempdir().unwrap();
    let entries: Vec<_> = entries.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let path = write(folder.path(), "runs.zip", &archive(&entries));
    load(&path, &QUIET).map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn load_folder(entries: &Entries) -> std::result::Result<Vec<OneShotRun>, String> {
    let folder = tempdir().unwrap();
    entries.iter().for_each(|(name, bytes)| drop(write(folder.path(), name, bytes)));
    load(folder.path(), &QUIET)
        .map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

/// Run 1 alone, with its labels put in place of the true ones.
fn with_labels(lines: &str) -> Entries {
    let mut entries = small("", 1);
    entries.last_mut().unwrap().1 = lines.as_bytes().to_vec();
    entries
}

fn without(entries: Entries, name: &str) -> Entries {
    entries.into_iter().filter(|(n, _)| !n.contains(name)).collect()
}

#[test]
fn runs_are_read_in_order_with_their_answers() {
    let runs = load_zip(&small("", 2)).unwrap();
    let names: Vec<_> = runs.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["run01", "run02"]);
    assert_eq!((&runs[0].answers[..], &runs[1].answers[..]), (&[1, 2, 0][..], &[2, 0, 1][..]));
    let image = |seed| png::glyph(&glyph_png(seed), (105, 105)).unwrap();
    for run in &runs {
        assert_eq!(run.training, [image(0), image(1), image(2)]);
        assert_eq!(run.test, [image(10), image(11), image(12)]);
        assert_eq!(run.size, (105, 105));
    }
}

#[test]
fn a_folder_an_archive_and_one_with_a_top_folder_and_clutter_are_the_same() {
    let expected = load_zip(&small("", 2)).unwrap();
    assert_eq!(load_folder(&small("", 2)).unwrap(), expected);
    assert_eq!(load_folder(&small("all_runs/", 2)).unwrap(), expected);
    let mut cluttered = small("all_runs/", 2);
    for name in ["all_runs/", "__MACOSX/._all_runs", "all_runs/run01/test/.DS_Store", "all_runs/run01/test/"]
    {
        cluttered.push((name.into(), vec![]));
    }
    assert_eq!(load_zip(&cluttered).unwrap(), expected);
}

#[test]
fn a_top_folder_with_a_run_in_its_name_is_no_trouble() {
    let mut runs = load_zip(&small("my_run01_of_run02/", 2)).unwrap();
    assert_eq!(runs, load_zip(&small("", 2)).unwrap());
    runs.truncate(1);
    assert_eq!(runs, load_folder(&small("run01/", 1)).unwrap());
}

#[test]
fn a_line_that_is_wrong_is_named_with_its_number() {
    let at = |lines: &str| load_zip(&with_labels(lines)).unwrap_err();
    let good = "run01/test/item01.png run01/training/class02.png\n";
    assert_eq!(
        at(&format!("{good}run01/test/item02.png")),
        "runs.zip: run01/class_labels.txt: line 2 is not two words, expected a test image and a training image"
    );
    assert_eq!(
        at(&format!("{good}\nrun01/test/item04.png run01/training/class02.png")),
        "runs.zip: run01/class_labels.txt: line 3 names \"run01/test/item04.png\", expected a test image such as \
         run01/test/item01.png"
    );
    assert_eq!(
        at("run01/test/item01.png run02/training/class02.png"),
        "runs.zip: run01/class_labels.txt: line 1 names \"run02/training/class02.png\", expected a training image such \
         as run01/training/class01.png"
    );
    assert_eq!(
        at(&format!("{good}{good}")),
        "runs.zip: run01/class_labels.txt: line 2 names run01/test/item01.png a second time, expected one line for each \
         test image"
    );
    assert_eq!(
        at(good),
        "runs.zip: run01/class_labels.txt: has no line for run01/test/item02.png, expected one for each test image"
    );
}

#[test]
fn windows_line_ends_and_empty_lines_are_read() {
    let mut entries = small("", 1);
    let labels = &mut entries.last_mut().unwrap().1;
    let text = String::from_utf8(labels.clone()).unwrap().replace('\n', "\r\n\r\n");
    *labels = format!("\u{feff}{text}").into_bytes();
    assert_eq!(load_zip(&entries).unwrap(), load_zip(&small("", 1)).unwrap());
}

#[test]
fn a_missing_part_of_a_run_is_named() {
    let missing = |part: &str| load_zip(&without(small("all_runs/", 2), part)).unwrap_err();
    let end = "does not exist, expected it in every one-shot run";
    for (part, file) in [
        ("run02/training", "run02/training/class01.png"),
        ("run02/test", "run02/test/item01.png"),
        ("run02/class_labels", "run02/class_labels.txt"),
    ] {
        assert_eq!(missing(part), format!("runs.zip: all_runs/{file}: {end}"));
    }
    assert_eq!(
        load_zip(&without(small("", 2), "run02/training/class03")).unwrap_err(),
        "runs.zip: run02/class_labels.txt: line 1 names \"run02/training/class03.png\", expected a training image such \
         as run02/training/class01.png"
    );
}

#[test]
fn runs_of_different_sizes_are_refused() {
    let mut entries = small("", 2);
    entries.push(("run02/training/class04.png".into(), glyph_png(5)));
    assert_eq!(
        load_zip(&entries).unwrap_err(),
        "runs.zip: run02: has 4 training and 3 test images, expected 3 and 3 as in run01"
    );
}

#[test]
fn what_does_not_belong_is_named_with_what_was_expected() {
    let layout = "expected one-shot runs at runNN/training/classNN.png, runNN/test/itemNN.png and \
                  runNN/class_labels.txt, in a folder such as all_runs or not";
    for name in [
        "readme.txt",
        "run01/notes.txt",
        "run01/training/item01.png",
        "run01/training/class.png",
        "walk01/test/item01.png",
        "a/b/run01/test/item01.png",
        "class_labels.txt",
        "test/item01.png",
    ] {
        let mut entries = small("", 1);
        entries.push((name.into(), glyph_png(5)));
        assert_eq!(
            load_zip(&entries).unwrap_err(),
            format!("runs.zip: {name}: does not belong here, {layout}")
        );
    }
    let mut entries = small("", 1);
    entries.push(("other/run01/test/item01.png".into(), glyph_png(5)));
    let error = load_zip(&entries).unwrap_err();
    assert!(error.ends_with("is of run01, which stands in another folder too, expected it once"), "{error}");
    let mut entries = small("", 1);
    entries.push(("run01/test/item1.png".into(), glyph_png(5)));
    assert_eq!(
        load_zip(&entries).unwrap_err(),
        "runs.zip: run01/test/item1.png: has the same number as run01/test/item01.png, expected one image of each"
    );
}

#[test]
fn a_damaged_file_is_named_with_what_was_expected() {
    let mut entries = small("", 1);
    entries[1].1 = png_bits((20, 20), |_, _| true);
    assert_eq!(
        load_zip(&entries).unwrap_err(),
        "runs.zip: run01/test/item01.png: is 20 x 20 pixels, expected 105 x 105"
    );
    let mut entries = small("", 1);
    entries.last_mut().unwrap().1 = vec![0xc3, b'('];
    assert_eq!(
        load_folder(&entries).unwrap_err(),
        "run01/class_labels.txt: is no text in UTF-8, expected lines of two image names: save it as UTF-8"
    );
}
