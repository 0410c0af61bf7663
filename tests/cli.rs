//! The command line from outside: what a run leaves, what the commands print, how they refuse.

#[path = "cli/bench.rs"]
mod bench;
mod common;

use common::{Grey, fail, glyphs, succeed, train, twinglyph, write_omniglot, write_png, write_samples};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use twinglyph::run::model_file::ModelFile;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[track_caller]
fn has_keys(value: &Value, keys: &[&str]) {
    let mut found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut keys = keys.to_vec();
    found.sort_unstable();
    keys.sort_unstable();
    assert_eq!(found, keys);
}

#[test]
fn a_run_leaves_a_directory_that_can_be_repeated_to_the_same_bytes() {
    let temp = tempfile::tempdir().unwrap();
    let said = succeed(temp.path(), &train(&[]));
    for word in ["held-out", "balanced", "runs/quickstart-1"] {
        assert!(said.contains(word), "{said}");
    }
    let run = temp.path().join("runs/quickstart-1");
    let mut files: Vec<String> =
        fs::read_dir(&run).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let expected = [
        ".lock",
        "accuracy.svg",
        "active-triplets.svg",
        "alphabets.svg",
        "auc.svg",
        "best.safetensors",
        "config.toml",
        "confusion-both.svg",
        "confusion-held-out.svg",
        "confusion-train.svg",
        "distances-held-out.svg",
        "distances-train.svg",
        "environment.json",
        "gradients.svg",
        "last.safetensors",
        "learning-rate.svg",
        "loss-ratio.svg",
        "loss.svg",
        "map-pca.svg",
        "map-t-sne.svg",
        "metrics.csv",
        "model.safetensors",
        "pair-distances.svg",
        "reliability-held-out.svg",
        "report.html",
        "roc.svg",
        "spread.svg",
    ];
    assert_eq!(files, expected);
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 3, "{metrics}");
    succeed(temp.path(), &["train", "--recipe", "runs/quickstart-1/config.toml", "--out", "again"]);
    let again = temp.path().join("again");
    // Three files say how long it took.
    let timed = ["last.safetensors", "metrics.csv", "report.html"];
    for file in expected.into_iter().filter(|file| !timed.contains(file)) {
        let (first, again) = (fs::read(run.join(file)).unwrap(), fs::read(again.join(file)));
        assert!(first == again.unwrap(), "{file} differs");
    }
    let without_seconds = |folder: &Path| -> Vec<String> {
        let text = fs::read_to_string(folder.join("metrics.csv")).unwrap();
        assert!(text.lines().next().unwrap().ends_with(",seconds"));
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string()).collect()
    };
    assert_eq!(without_seconds(&run), without_seconds(&again));
    let environment = json(&fs::read_to_string(run.join("environment.json")).unwrap());
    assert_eq!(environment["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(environment["held_out_alphabets"].as_array().unwrap().len(), 2);
    assert_eq!(environment["data_fingerprint"].as_str().unwrap().len(), 16);
}

#[test]
fn no_model_holds_a_path_a_time_or_a_thread_count() {
    let temp = tempfile::tempdir().unwrap();
    write_omniglot(&glyphs(5, 2), &temp.path().join("treasure"));
    succeed(temp.path(), &train(&["--data", "treasure", "--out", "one", "--threads", "1", "--quiet"]));
    fs::rename(temp.path().join("treasure"), temp.path().join("moved")).unwrap();
    succeed(temp.path(), &train(&["--data", "moved", "--out", "two", "--threads", "2", "--quiet"]));
    let model = |run: &str| fs::read(temp.path().join(run).join("model.safetensors")).unwrap();
    assert!(model("one") == model("two"));
    assert!(!String::from_utf8_lossy(&model("one")).contains("treasure"));
}

#[test]
fn evaluate_measures_every_set_and_prints_the_documented_json() {
    let temp = tempfile::tempdir().unwrap();
    write_omniglot(&glyphs(6, 2), &temp.path().join("set/images_background"));
    write_omniglot(&glyphs(3, 9), &temp.path().join("other"));
    succeed(temp.path(), &train(&["--data", "set", "--out", "run", "--quiet"]));
    let arguments = ["evaluate", "run", "--unseen", "other", "--pairs", "200", "--json"];
    let result = json(&succeed(temp.path(), &arguments));
    has_keys(&result, &["label", "glyphs", "threshold", "sets"]);
    let sets = result["sets"].as_array().unwrap();
    let names: Vec<&str> = sets.iter().map(|set| set["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["train", "held-out", "unseen", "both"]);
    let keys = [
        "name",
        "pairs",
        "base_rate",
        "accuracy",
        "balanced_accuracy",
        "interval",
        "auc",
        "eer",
        "brier",
        "ece",
        "confusion",
    ];
    for set in sets {
        has_keys(set, &keys);
        assert_eq!((&set["pairs"], &set["base_rate"]), (&200.into(), &0.5.into()));
        let [tp, fn_, fp, tn] =
            [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| set["confusion"][i][j].as_u64().unwrap());
        assert_eq!((tp + fn_, fp + tn), (100, 100));
        assert_eq!(set["accuracy"].as_f64().unwrap(), (tp + tn) as f64 / 200.0);
        let balanced = set["balanced_accuracy"].as_f64().unwrap();
        let bound = |i: usize| set["interval"][i].as_f64().unwrap();
        assert!(bound(0) <= balanced && balanced <= bound(1), "{set}");
        for key in ["brier", "ece"] {
            assert!((0.0..=1.0).contains(&set[key].as_f64().unwrap()), "{set}");
        }
    }
    // The same from the model file with the data named, and twice the same.
    let file = [
        "evaluate",
        "run/model.safetensors",
        "--data",
        "set",
        "--unseen",
        "other",
        "--pairs",
        "200",
        "--json",
    ];
    assert_eq!(json(&succeed(temp.path(), &file)), result);
    assert_eq!(json(&succeed(temp.path(), &[&arguments[..], &["--glyphs", "1"]].concat())), result);
    let table = succeed(temp.path(), &["evaluate", "run", "--pairs", "200"]);
    for word in ["base rate", "50.0 %", "Brier", "ECE"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let said = fail(temp.path(), &["evaluate", "run", "--unseen", "set"], 1);
    assert!(said.contains("took part in the model's training"), "{said}");
    // A model file in a folder of its own does not know its data.
    fs::create_dir(temp.path().join("alone")).unwrap();
    fs::copy(temp.path().join("run/model.safetensors"), temp.path().join("alone/m.safetensors")).unwrap();
    let said = fail(temp.path(), &["evaluate", "alone/m.safetensors"], 2);
    assert!(said.starts_with("error: --data: alone/m.safetensors is a model file alone"), "{said}");
}

#[test]
fn evaluate_compares_sets_of_glyphs() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--out", "run", "--quiet"]));
    let evaluate =
        |glyphs: &str| ["evaluate", "run", "--pairs", "200", "--glyphs", glyphs].map(str::to_string);
    let run = |glyphs: &str, more: &[&str]| {
        let arguments = evaluate(glyphs);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        succeed(temp.path(), &arguments)
    };
    let (one, five) = (json(&run("1", &["--json"])), json(&run("5", &["--json"])));
    has_keys(&five, &["label", "glyphs", "threshold", "sets"]);
    assert_eq!((&one["glyphs"], &five["glyphs"]), (&1.into(), &5.into()));
    assert_ne!(one["threshold"], five["threshold"]);
    let auc = |result: &Value| result["sets"][0]["auc"].as_f64().unwrap();
    assert!(auc(&five) > auc(&one), "{one} {five}");
    assert_eq!(json(&run("5", &["--json"])), five);
    let text = run("5", &[]);
    assert!(text.contains("on 2000 such pairs of the held-out alphabets"), "{text}");
    // Twelve glyphs an alphabet.
    let said = fail(temp.path(), &["evaluate", "run", "--glyphs", "7"], 1);
    assert!(said.contains("is an alphabet of 12 glyphs, expected at least 14 for two sets of 7"), "{said}");
    let said = fail(temp.path(), &["evaluate", "run", "--glyphs", "0"], 2);
    assert!(said.contains("0 is not in 1..="), "{said}");
}

#[test]
fn compare_takes_any_png_and_says_what_it_did() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--out", "run", "--quiet"]));
    let set = glyphs(4, 3);
    write_png(&set, &set.glyphs()[0], &temp.path().join("a.png"));
    // The same glyph, light on dark, in colour, twice as large.
    let large = Grey::open(temp.path().join("a.png")).resized((210, 210));
    let light = |grey: &u8| [255 - grey, 255 - grey, 255 - grey, 255];
    let samples: Vec<u8> = large.pixels.iter().flat_map(light).collect();
    write_samples(temp.path().join("b.png"), large.size, png::ColorType::Rgba, &samples);
    let arguments = ["compare", "run", "a.png", "b.png", "--json"];
    let output = twinglyph(temp.path(), &arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("210 x 210 pixels, fitted to 105 x 105"), "{said}");
    assert!(said.contains("light on dark"), "{said}");
    let verdict = json(std::str::from_utf8(&output.stdout).unwrap());
    has_keys(&verdict, &["distance", "threshold", "same_alphabet", "probability", "remarks"]);
    let remarks: Vec<&str> =
        verdict["remarks"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    assert_eq!(remarks, said.lines().collect::<Vec<_>>());
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    let (distance, threshold) =
        (verdict["distance"].as_f64().unwrap(), verdict["threshold"].as_f64().unwrap());
    assert_eq!(verdict["same_alphabet"].as_bool().unwrap(), distance <= threshold);
    // A glyph and itself are as near as can be.
    let same = json(&succeed(temp.path(), &["compare", "run", "a.png", "a.png", "--json"]));
    assert_eq!(
        (&same["distance"], &same["same_alphabet"]),
        (&serde_json::json!(0.0), &serde_json::json!(true))
    );
    assert_eq!(same["remarks"], serde_json::json!([]));
    let text = succeed(temp.path(), &["compare", "run", "a.png", "a.png"]);
    let probability = same["probability"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&probability));
    assert!(text.starts_with("same alphabet: distance"), "{text}");
    assert!(text.trim_end().ends_with(&format!(", probability {probability:.2}")), "{text}");
    // A model file of before there were calibrations.
    let path = temp.path().join("run/model.safetensors");
    let mut old = ModelFile::load(&path).unwrap();
    assert!(old.metadata.calibration.take().is_some());
    old.save(&path).unwrap();
    let verdict = json(&succeed(temp.path(), &["compare", "run", "a.png", "a.png", "--json"]));
    assert!(verdict["probability"].is_null() && verdict["same_alphabet"] == true, "{verdict}");
    let text = succeed(temp.path(), &["compare", "run", "a.png", "a.png"]);
    assert!(text.starts_with("same alphabet: distance") && !text.contains("probability"), "{text}");
    fs::write(temp.path().join("c.png"), "no picture").unwrap();
    let said = fail(temp.path(), &["compare", "run", "a.png", "c.png"], 1);
    assert!(said.contains("c.png") && said.contains("is not a PNG image"), "{said}");
}

#[test]
fn one_shot_counts_the_wrong_answers_of_each_run() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--out", "run", "--quiet"]));
    let set = glyphs(4, 3);
    // In run01 every test glyph is its training glyph; in run02 the labels are turned about.
    for (run, turned) in [("run01", 0), ("run02", 1)] {
        let folder = temp.path().join("all_runs").join(run);
        for kind in ["training", "test"] {
            fs::create_dir_all(folder.join(kind)).unwrap();
        }
        let mut labels = String::new();
        for i in 0..4 {
            let glyph = &set.glyphs()[set.alphabet_range(i).start];
            write_png(&set, glyph, &folder.join(format!("training/class{:02}.png", i + 1)));
            write_png(&set, glyph, &folder.join(format!("test/item{:02}.png", i + 1)));
            let class = (i + turned) % 4 + 1;
            labels += &format!("{run}/test/item{:02}.png {run}/training/class{class:02}.png\n", i + 1);
        }
        fs::write(folder.join("class_labels.txt"), labels).unwrap();
    }
    let one_shot = ["one-shot", "run", "--runs", "all_runs", "--picture", "errors.png", "--json"];
    let result = json(&succeed(temp.path(), &one_shot));
    has_keys(&result, &["error", "trials", "runs", "errors"]);
    assert_eq!(
        (&result["error"], &result["trials"], &result["runs"]),
        (&0.5.into(), &8.into(), &[0.0, 1.0][..].into())
    );
    let error = |test: usize| serde_json::json!({"run": "run02", "test": test, "answer": test % 4 + 1, "chosen": test});
    assert_eq!(result["errors"], (1..=4).map(error).collect::<Value>());
    let picture = Grey::open(temp.path().join("errors.png"));
    let glyph = |column: usize| Grey::from_fn((105, 105), |x, y| picture.at(9 + 106 * column + x, 9 + y));
    // The chosen glyph is the test glyph itself, the right one another.
    assert!(glyph(0) == glyph(1) && glyph(0) != glyph(2) && glyph(0).pixels.contains(&0));
    let said = fail(temp.path(), &["one-shot", "run", "--runs", "all_runs", "--picture", "errors.svg"], 2);
    assert!(said.contains("--picture errors.svg: expected a name that ends in .png"), "{said}");
    fs::create_dir(temp.path().join("right")).unwrap();
    fs::rename(temp.path().join("all_runs/run01"), temp.path().join("right/run01")).unwrap();
    let output = twinglyph(temp.path(), &["one-shot", "run", "--runs", "right", "--picture", "none.png"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("no errors: none.png is not written"), "{said}");
    assert!(!temp.path().join("none.png").exists());
    fs::remove_file(temp.path().join("all_runs/run02/test/item03.png")).unwrap();
    let said = fail(temp.path(), &["one-shot", "run", "--runs", "all_runs"], 1);
    assert!(said.contains("run02") && said.contains("item03.png"), "{said}");
}

#[test]
fn a_run_can_start_from_another_runs_weights() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--out", "one", "--quiet"]));
    succeed(temp.path(), &train(&["--out", "two", "--init", "one", "--quiet"]));
    let model = |run: &str| fs::read(temp.path().join(run).join("model.safetensors")).unwrap();
    assert!(model("one") != model("two"));
    let said =
        fail(temp.path(), &train(&["--recipe", "figure5-triplet", "--out", "three", "--init", "one"]), 1);
    assert!(said.contains("model.safetensors") && said.contains("encoder."), "{said}");
    assert!(!temp.path().join("three").exists(), "a refused run leaves nothing");
}

#[test]
fn summary_counts_the_parameters_of_the_reports_models() {
    let here = Path::new(".");
    let table = succeed(here, &["summary", "--recipe", "figure5-contrastive"]);
    for number in ["120,438", "120,444", "103,508", "16,936", "33,856", "84,650", "1,616", "304"] {
        assert!(table.contains(number), "{number}: {table}");
    }
    let table = succeed(here, &["summary", "--recipe", "figure5-triplet"]);
    assert!(table.contains("103,504") && table.contains("16,934") && !table.contains("120,444"), "{table}");
    // One grey channel: 288 weights fewer than the report's 263,146.
    let table = succeed(here, &["summary", "--recipe", "report-contrastive"]);
    assert!(table.contains("262,858"), "{table}");
}

#[test]
fn gradcheck_and_bench_print_the_documented_json() {
    let here = Path::new(".");
    let result = json(&succeed(here, &["gradcheck", "--json"]));
    has_keys(&result, &["passed", "ops"]);
    let ops = result["ops"].as_array().unwrap();
    assert!(ops.len() >= 27 && result["passed"] == true);
    for op in ops {
        has_keys(op, &["op", "cases", "worst_error", "passed"]);
    }
    let result = json(&succeed(here, &["gradcheck", "--op", "relu", "--json"]));
    assert_eq!(result["ops"].as_array().unwrap().len(), 1);
    for more in [&[][..], &["--infer"], &["--recipe", "figure5-triplet"], &["--channels", "2"]] {
        let arguments = [&["bench", "--pairs", "2", "--threads", "1", "--json"], more].concat();
        let timing = json(&succeed(here, &arguments));
        has_keys(&timing, &["ms_per_step", "ms_min", "images_per_s", "peak_rss_mib"]);
        assert!(timing["ms_min"].as_f64().unwrap() > 0.0);
        assert!(timing["ms_per_step"].as_f64().unwrap() >= timing["ms_min"].as_f64().unwrap());
    }
    let said = fail(here, &["bench", "--pairs", "1"], 1);
    assert!(said.contains("--pairs 1: ") && said.contains("a single number for each feature"), "{said}");
}

#[test]
fn wrong_usage_is_refused_in_a_sentence_with_exit_code_2() {
    let here = Path::new(".");
    let cases: [(&[&str], &str); 20] = [
        (
            &["recipes", "quickstrat"],
            "error: recipe quickstrat: no such recipe (did you mean quickstart?), expected one of",
        ),
        (&["train", "--threads", "0"], "0 is not in 1..=1024"),
        (&["train", "--recipe", "reprot"], "--recipe reprot: no such recipe, expected one of quickstart"),
        (&["recipes", "nothing"], "no such recipe"),
        (
            &["train", "--recipe", "reprot-triplet"],
            "no such recipe (did you mean report-triplet?), expected one of",
        ),
        (&["train", "--set", "epochs"], "--set epochs: expected KEY=VALUE"),
        (&["train", "--set", "epoch=3"], "unknown field `epoch` (did you mean `epochs`?), expected one of"),
        (
            &["train", "--set", "epochs=many"],
            "--set epochs=many: invalid type: string \"many\", expected a whole number, 0 or more\n",
        ),
        (&["train", "--set", "seed=-1"], "invalid value: integer `-1`, expected a whole number, 0 or more\n"),
        (&["train", "--set", "margin=x"], "invalid type: string \"x\", expected a number\n"),
        (&["train", "--set", "head=3"], "invalid type: integer `3`, expected true or false\n"),
        (&["train", "--set", "augment=3"], "invalid type: integer `3`, expected a table\n"),
        (&["train", "--set", "hold_out=3"], "invalid type: integer `3`, expected a list in brackets\n"),
        (
            &["train", "--set", "encoder=[1]"],
            "invalid type: integer `1`, expected a table with the key `layer`",
        ),
        (&["train", "--epochs", "0"], "--epochs"),
        (&["bench", "--steps", "19"], "--steps"),
        (
            &["train", "--hold-out", "Atlantis"],
            "--hold-out: no alphabet is named \"Atlantis\", expected one of",
        ),
        (&["gradcheck", "--op", "rely"], "--op rely: no such op (did you mean relu?), expected one of add"),
        (&["evaluate"], "required"),
        (&["fly"], "fly"),
    ];
    for (arguments, sentence) in cases {
        let said = fail(here, arguments, 2);
        assert!(said.contains(sentence), "{arguments:?}: {said}");
    }
}

#[test]
fn bad_input_is_refused_in_a_sentence_that_names_it_and_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(temp.path().join(name), text).unwrap();
    write("typo.toml", "loss = \"triplet\"\nmargn = 1\n");
    write("type.toml", "\n\nbatch = \"32\"\n");
    write("shape.toml", "# One layer.\nencoder = [{ layer = \"conv2d\", filters = 2, kernel = 200 }]\n");
    write("open.toml", "encoder = [{ layer = \"relu\" }]\n");
    write("layer.toml", "encoder = [{ layer = \"relu\", window = 2 }]\n");
    write("head.toml", "loss = \"triplet\"\nhead = true\n");
    write("margin.toml", "margin = -1.0\n");
    write("broken.zip", "PK no archive");
    fs::create_dir(temp.path().join("empty")).unwrap();
    write_omniglot(&glyphs(3, 1), &temp.path().join("three"));
    write_omniglot(&glyphs(5, 1), &temp.path().join("small/data"));
    fs::write(temp.path().join("small/data/notes.txt"), "x").unwrap();
    let cases: [(&[&str], &str); 16] = [
        (
            &["train", "--recipe", "typo.toml"],
            "typo.toml, line 2: unknown field `margn` (did you mean `margin`?)",
        ),
        (&["train", "--recipe", "type.toml"], "type.toml, line 3: invalid type"),
        (&["train", "--recipe", "shape.toml"], "shape.toml, line 2: encoder[0] conv2d: "),
        (&["train", "--recipe", "shape.toml"], "a kernel of 200 x 200 does not fit an image of 105 x 105"),
        (&["train", "--recipe", "shape.toml", "--data", "nowhere"], "does not fit an image"),
        (&["train", "--recipe", "open.toml"], "ends in (1, 1, 105, 105), expected features"),
        (&["train", "--recipe", "layer.toml"], "layer.toml, line 1: unknown field `window`"),
        (&["train", "--recipe", "head.toml"], "head"),
        (
            &["train", "--recipe", "margin.toml"],
            "margin.toml, line 1: margin: expected a number above 0, found -1",
        ),
        (&["train", "--recipe", "none.toml"], "none.toml: "),
        (&["train", "--data", "nowhere"], "nowhere: "),
        (&["train", "--data", "broken.zip"], "broken.zip"),
        (&["train", "--data", "empty"], "empty"),
        (&["train", "--data", "three"], "has 3 alphabets, expected at least four"),
        (&["train", "--data", "small"], "notes.txt"),
        (&["train", "--init", "nowhere"], "nowhere: does not exist"),
    ];
    for (arguments, sentence) in cases {
        let said = fail(temp.path(), arguments, 1);
        assert!(said.contains(sentence), "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(!temp.path().join("runs").exists(), "{arguments:?} left a run behind");
    }
    fs::create_dir(temp.path().join("full")).unwrap();
    fs::write(temp.path().join("full/precious"), "x").unwrap();
    let said = fail(temp.path(), &train(&["--out", "full"]), 1);
    assert!(said.contains("full: is not empty"), "{said}");
    fs::write(temp.path().join("full/model.safetensors"), "x").unwrap();
    let said = fail(temp.path(), &["evaluate", "full"], 1);
    assert!(said.contains("full/model.safetensors: is no readable safetensors file"), "{said}");
}

#[test]
fn a_simd_level_is_forced_by_its_name_and_others_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let run = |level: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinglyph"));
        command.current_dir(temp.path()).env("TWINGLYPH_SIMD", level).args(train(&["--out", level]));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for level in twinglyph_kernels::simd::Level::available() {
        let (code, said) = run(&level.to_string());
        assert!(code == Some(0) && said.contains(&format!(" threads, {level}")), "{level}: {said}");
    }
    let (code, said) = run("sse9");
    assert_eq!(code, Some(2));
    assert!(said.contains("TWINGLYPH_SIMD=sse9: expected portable, avx2 or avx512"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_panic_and_no_failure() {
    for arguments in [&["recipes", "report-triplet"][..], &["summary"], &["--help"]] {
        // Nobody will ever read, so not even the first write finds room.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinglyph"));
        let output = command.args(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &said[..]), (Some(0), ""), "{arguments:?}");
    }
}
