//! The program itself, given what no sound program would: no wrong answer, nothing of the user's lost, one sentence.

use crate::common::{Grey, fail, glyphs, skip, succeed, train, twinglyph, write_omniglot, write_png};
use std::fs;
use std::path::Path;
use std::process::Command;
use twinglyph::run::model_file::ModelFile;

/// A folder with a run, `run`, an alphabet tree, `set`, and two glyphs.
fn place() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let set = glyphs(6, 9);
    write_omniglot(&set, &temp.path().join("set"));
    for (name, i) in [("a.png", 0), ("b.png", 20)] {
        write_png(&set, &set.glyphs()[i], &temp.path().join(name));
    }
    succeed(temp.path(), &train(&["--data", "set", "--out", "run", "--quiet"]));
    temp
}

/// The model of `run`, changed.
fn changed(folder: &Path, name: &str, change: impl FnOnce(&mut ModelFile)) {
    let mut model = ModelFile::load(&folder.join("run/model.safetensors")).unwrap();
    change(&mut model);
    model.save(&folder.join(name)).unwrap();
}

#[track_caller]
fn one_sentence(said: &str, part: &str) {
    assert!(said.contains(part) && said.lines().count() == 1, "{said}");
}

#[test]
fn a_model_whose_numbers_overflow_gives_no_answer() {
    let temp = place();
    let at = temp.path();
    changed(at, "big.safetensors", |model| model.tensors[0].values.fill(3e38));
    for command in [
        vec!["compare", "big.safetensors", "a.png", "b.png"],
        vec!["compare", "big.safetensors", "a.png", "b.png", "--json"],
        vec!["nearest", "big.safetensors", "a.png", "--data", "set", "--quiet"],
        vec!["embed", "big.safetensors", "--data", "set", "--out", "e.npz", "--quiet"],
        vec!["evaluate", "big.safetensors", "--data", "set", "--quiet"],
    ] {
        let said = fail(at, &command, 1);
        one_sentence(&said, "the model: gives an embedding of NaN, which began in conv2d, expected");
        one_sentence(&said, " finite numbers: its weights are broken");
    }
    assert!(!at.join("e.npz").exists());
    changed(at, "variance.safetensors", |model| {
        let tensor = model.tensors.iter_mut().find(|tensor| tensor.name.ends_with("running_var"));
        tensor.expect("a batch-norm").values[0] = -5.0;
    });
    let said = fail(at, &["compare", "variance.safetensors", "a.png", "b.png"], 1);
    one_sentence(&said, "running_var holds -5, expected variances of at least 0");
}

#[test]
fn what_a_model_tells_is_its_own_whatever_lies_beside_it() {
    let temp = place();
    let at = temp.path();
    let evaluate = ["evaluate", "run", "--pairs", "100", "--quiet"];
    let (verdict, figures) = (succeed(at, &["compare", "run", "a.png", "b.png"]), succeed(at, &evaluate));
    let config = at.join("run/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("label = \"alphabet\"\n"));
    fs::write(&config, text.replace("label = \"alphabet\"\n", "label = \"character\"\n")).unwrap();
    assert_eq!(succeed(at, &["compare", "run", "a.png", "b.png"]), verdict);
    assert_eq!(succeed(at, &evaluate), figures);
    // Beside a model that is named by itself any program may have its configuration; a run's own must be one.
    fs::write(&config, "baseURL = \"https://example.org\"\n").unwrap();
    assert_eq!(succeed(at, &["compare", "run/model.safetensors", "a.png", "b.png"]), verdict);
    let said = fail(at, &["evaluate", "run/model.safetensors"], 2);
    one_sentence(&said, "is a model file alone and does not say where its data is, expected a path");
    one_sentence(&fail(at, &["compare", "run", "a.png", "b.png"], 1), "config.toml");
}

#[test]
fn a_row_that_names_no_file_is_never_taken_for_the_names_of_the_columns() {
    let temp = place();
    let at = temp.path();
    fs::write(at.join("pairs.csv"), "left,right\na.png,b.png\n").unwrap();
    let said = succeed(at, &["compare", "run", "--pairs", "pairs.csv"]);
    assert_eq!(said.lines().count(), 2, "{said}");
    fs::write(at.join("pairs.csv"), "a.pgn,b.pgn\na.png,b.png\n").unwrap();
    one_sentence(&fail(at, &["compare", "run", "--pairs", "pairs.csv"], 1), "a.pgn: does not exist");
}

#[test]
fn names_do_not_reach_the_terminal_as_commands_to_it() {
    let temp = place();
    let at = temp.path();
    let name = "\u{1b}]0;pwned\u{7}\n.png";
    if fs::copy(at.join("a.png"), at.join("set").join(name)).is_err() {
        return skip("names", "no control characters in names here");
    }
    let said = fail(at, &train(&["--data", "set", "--out", "other"]), 1);
    one_sentence(&said, "has a control character in its name");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    // A remark on a picture of another size.
    fs::create_dir(at.join("glyphs")).unwrap();
    Grey::from_fn((30, 30), |x, _| if x == 15 { 0 } else { 255 }).save(at.join("glyphs").join(name));
    let output = twinglyph(at, &["compare", "run", "glyphs", "b.png"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("\\u{1b}]0;pwned\\u{7}\\n.png: 30 x 30 pixels"),
        "{said:?}"
    );
    assert!(!said.contains('\u{1b}') && said.lines().count() == 1, "{said:?}");
}

#[test]
fn what_is_no_number_of_threads_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    for (threads, code) in [("100000", 2), ("abc", 2), ("-1", 2), ("1.5", 2), ("", 0), ("2", 0)] {
        let output = Command::new(env!("CARGO_BIN_EXE_twinglyph"))
            .current_dir(temp.path())
            .env("RAYON_NUM_THREADS", threads)
            .arg("recipes")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let refused =
            format!("error: RAYON_NUM_THREADS={threads}: expected a number of threads, at most 1024\n");
        let expected = if code == 0 { "" } else { &refused };
        assert_eq!((output.status.code(), &said[..]), (Some(code), expected));
    }
}

#[test]
fn what_would_fill_any_memory_is_refused_before_it_is_begun() {
    let temp = tempfile::tempdir().unwrap();
    let many = format!("encoder = [{}{{ layer = \"flatten\" }}]\n", "{ layer = \"relu\" }, ".repeat(1000));
    fs::write(temp.path().join("many.toml"), many).unwrap();
    let wide = "size = 1024\nencoder = [{ layer = \"conv2d\", filters = 4096, kernel = 1 }, { layer = \"flatten\" }]\n";
    fs::write(temp.path().join("wide.toml"), wide).unwrap();
    let synthetic = ["alphabets", "characters", "drawers"].map(|key| format!("synthetic.{key}=1000"));
    let glyphs: Vec<&str> = synthetic.iter().flat_map(|set| ["--set", set]).collect();
    for (arguments, part) in [
        (vec!["--recipe", "many.toml"], "expected at most 1000 layers, found 1001"),
        (
            vec!["--recipe", "wide.toml"],
            "makes (1, 4096, 1024, 1024) of an image, expected at most 134217728 numbers",
        ),
        (glyphs, "expected at most 1000000 glyphs in all, found 1000000000"),
    ] {
        let said = fail(temp.path(), &[&["train"], &arguments[..]].concat(), 1);
        one_sentence(&said, part);
    }
    assert!(!temp.path().join("runs").exists());
    // What could be had somewhere, but not here: no system has 512 TiB.
    let said = twinglyph_engine::tape::expect_room::<f32>(1 << 47).unwrap_err().to_string();
    assert_eq!(said, "memory: no room for 536870912 MiB more, expected a smaller batch, image or encoder");
}
