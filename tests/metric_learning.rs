//! The command line's way through batches of labels: recipes, labels, cross-validation, and what they refuse.

mod common;

use common::{Grey, fail, glyphs, succeed, train, twinglyph, write_omniglot, write_png};
use serde_json::Value;
use std::fs;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A batch that a few synthetic alphabets can fill, and a wider step size from the start.
const BATCH: [&str; 6] = ["--set", "sample.alphabets=4", "--set", "sample.characters=2", "--set", "warmup=2"];

fn labelled<'a>(recipe: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    train(&[&["--recipe", recipe, "--out", out, "--quiet"], &BATCH[..], more].concat())
}

#[test]
fn one_seed_gives_one_model_at_any_number_of_threads_augmented_averaged_and_mined() {
    let temp = tempfile::tempdir().unwrap();
    let mined = ["--set", "loss=triplet", "--set", "mining=random", "--set", "character_weight=0.5"];
    let all = ["--set", "augment.thickness=1", "--set", "augment.erase=0.5", "--set", "augment.elastic=2"];
    for (i, more) in [&[][..], &mined, &all].into_iter().enumerate() {
        let mut models = Vec::new();
        for threads in ["1", "2", "5"] {
            let out = format!("{i}-{threads}");
            let more = [&["--threads", threads], more].concat();
            succeed(temp.path(), &labelled("quick", &out, &more));
            models.push(fs::read(temp.path().join(out).join("model.safetensors")).unwrap());
        }
        assert!(models.iter().all(|model| *model == models[0]), "{more:?}");
    }
}

#[test]
fn a_model_of_characters_speaks_of_characters() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &labelled("characters", "run", &[]));
    let set = glyphs(4, 3);
    write_png(&set, &set.glyphs()[0], &temp.path().join("a.png"));
    write_png(&set, &set.glyphs()[9], &temp.path().join("b.png"));
    let verdict = json(&succeed(temp.path(), &["compare", "run", "a.png", "b.png", "--json"]));
    let same = verdict["distance"].as_f64().unwrap() <= verdict["threshold"].as_f64().unwrap();
    assert_eq!(verdict["same_character"].as_bool(), Some(same));
    assert!(verdict.get("same_alphabet").is_none());
    assert!((0.0..=1.0).contains(&verdict["probability"].as_f64().unwrap()));
    let text = succeed(temp.path(), &["compare", "run", "a.png", "a.png"]);
    assert!(text.starts_with("same character: distance 0.000"), "{text}");
    let result = json(&succeed(temp.path(), &["evaluate", "run", "--pairs", "60", "--json"]));
    assert_eq!(result["label"], "character");
    assert_eq!(result["sets"].as_array().unwrap().len(), 3);
    // Sets of glyphs are drawings of one character then: there are three.
    let text = succeed(temp.path(), &["evaluate", "run", "--pairs", "60", "--glyphs", "1"]);
    assert!(text.contains("are called the same character"), "{text}");
    let said = fail(temp.path(), &["evaluate", "run", "--pairs", "60", "--glyphs", "2"], 1);
    assert!(said.contains("has a character of 3 glyphs, expected at least 4 for two sets of 2"), "{said}");
}

#[test]
fn the_monitors_are_written_beside_the_losses() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &labelled("quick", "run", &["--set", "loss=triplet", "--set", "mining=semi_hard"]));
    let text = fs::read_to_string(temp.path().join("run/metrics.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let at =
        |name: &str| rows[0].iter().position(|key| *key == name).unwrap_or_else(|| panic!("{name}: {text}"));
    for row in &rows[1..] {
        assert_eq!(row.len(), rows[0].len());
        let number = |name: &str| row[at(name)].parse::<f64>().unwrap();
        assert!(number("mean_spread") >= number("least_spread") && number("least_spread") > 0.0, "{text}");
        assert!((0.0..=1.0).contains(&number("active_triplets")));
        assert!((number("length") - 1.0).abs() < 1e-3, "embeddings of length 1: {text}");
        assert!(number("gradient_encoder.0") > 0.0);
        assert_eq!(row[at("saturated")], "");
    }
}

#[test]
fn views_change_the_embedding_and_the_stop_comes_early() {
    let temp = tempfile::tempdir().unwrap();
    let epochs = |out: &str| {
        fs::read_to_string(temp.path().join(out).join("metrics.csv")).unwrap().lines().count() - 1
    };
    succeed(temp.path(), &labelled("quick", "one", &[]));
    succeed(temp.path(), &labelled("quick", "four", &["--set", "views=4"]));
    let threshold = |out: &str| {
        json(&succeed(temp.path(), &["evaluate", out, "--pairs", "20", "--json"]))["threshold"].clone()
    };
    assert_ne!(threshold("one"), threshold("four"));
    // A step size of next to nothing: the first epoch stays the best.
    let mut stuck =
        labelled("report-triplet", "stuck", &["--set", "learning_rate=1e-30", "--set", "patience=2"]);
    let at = stuck.iter().position(|word| *word == "--epochs").unwrap();
    stuck[at + 1] = "9";
    succeed(temp.path(), &stuck);
    assert!(epochs("stuck") < 9, "{}", epochs("stuck"));
    assert_eq!(epochs("one"), 2);
}

#[test]
fn cross_validation_measures_every_alphabet_once_and_prints_the_documented_json() {
    let temp = tempfile::tempdir().unwrap();
    write_omniglot(&glyphs(9, 2), &temp.path().join("set"));
    let arguments = [
        &["cross-validate", "--recipe", "report-triplet", "--data", "set", "--folds", "3", "--pairs", "100"]
            [..],
        &["--epochs", "1", "--set", "steps=3", "--set", "batch=4", "--set", "validation_pairs=40"],
    ]
    .concat();
    let result = json(&succeed(temp.path(), &[&arguments[..], &["--json", "--quiet"]].concat()));
    let folds = result["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 3);
    let mut names: Vec<&str> =
        folds.iter().flat_map(|f| f["alphabets"].as_array().unwrap()).map(|n| n.as_str().unwrap()).collect();
    names.sort_unstable();
    let listed: Vec<&str> =
        result["alphabets"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    assert_eq!((names.len(), &names), (9, &listed));
    for key in ["balanced_accuracy", "auc", "eer"] {
        let values: Vec<f64> = folds.iter().map(|fold| fold[key].as_f64().unwrap()).collect();
        let mean = values.iter().sum::<f64>() / 3.0;
        let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
        assert!((result["mean"][key].as_f64().unwrap() - mean).abs() < 1e-12);
        assert!((result["spread"][key].as_f64().unwrap() - spread).abs() < 1e-12);
    }
    let table = succeed(temp.path(), &arguments);
    for word in ["balanced", "AUC", "EER", "mean over folds", "spread", names[0]] {
        assert!(table.contains(word), "{table}");
    }
    let said = fail(temp.path(), &["cross-validate", "--data", "set", "--folds", "5"], 2);
    assert!(
        said.contains("--folds 5: expected at least two folds of at least 2 of the 9 alphabets"),
        "{said}"
    );
}

#[test]
fn keys_that_cannot_work_together_are_refused_with_a_sentence() {
    let temp = tempfile::tempdir().unwrap();
    for (settings, sentence) in [
        (&["mining=batch_hard", "loss=contrastive"][..], "mining: expected none with this loss"),
        (&["mining=hardest"], "mining"),
        (&["character_weight=1", "loss=triplet"], "character_weight: expected 0 with this loss"),
        (&["sample.drawings=1"], "sample.drawings: expected at least 2 with a character_weight"),
        (
            &["label=character", "character_weight=0", "sample.drawings=1"],
            "sample.drawings: expected at least 2",
        ),
        (&["label=drawer"], "label"),
        (&["orientations=2"], "orientations: expected 1, 4 or 8, found 2"),
        (&["loss=triplet", "character_weight=0"], "orientations: expected 1 with this loss"),
        (&["ema=1"], "ema: expected at least 0 and below 1, found 1"),
        (&["temperature=0"], "temperature: expected a number above 0, found 0"),
        (&["weight_decay=-1"], "weight_decay: expected a number of at least 0, found -1"),
        (&["schedule=linear"], "schedule"),
        (&["augment.rotate=-3"], "augment.rotate: expected"),
        (&["size=3"], "size: expected 8 to 1024, found 3"),
        (&["sample.alphabets=1000"], "sample.alphabets: expected at most the"),
        (&["head=true"], "head: expected false with this loss"),
    ] {
        let mut arguments = vec!["train", "--recipe", "quick", "--out", "run", "--quiet"];
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        let output = common::twinglyph(temp.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(sentence), "{settings:?}: {said}");
        assert!(!said.contains("panicked") && said.lines().count() == 1, "{settings:?}: {said}");
        assert!(!temp.path().join("run").exists(), "{settings:?}");
    }
}

#[test]
fn a_batch_of_one_pair_learns_from_both_kinds_and_no_batch_norm_is_over_one_number() {
    let temp = tempfile::tempdir().unwrap();
    write_omniglot(&glyphs(8, 3), &temp.path().join("set"));
    let recipe = "loss = \"contrastive\"\nbatch = 1\nepochs = 2\nvalidation_pairs = 20\nencoder = [\n  { layer = \"flatten\" },\n  \
                  { layer = \"dense\", units = 4 },\n]\n";
    fs::write(temp.path().join("one.toml"), recipe).unwrap();
    let train = |steps: &str, more: &[&'static str]| {
        let arguments =
            ["train", "--recipe", "one.toml", "--data", "set", "--out", "run", "--verbose", "--set"];
        let arguments = [&arguments[..], &[steps], more].concat();
        let output = common::twinglyph(temp.path(), &arguments);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (done, said) = train("steps=8", &[]);
    assert!(
        done && said.contains("accuracy: ") && !said.contains("NaN") && !said.contains("unknown"),
        "{said}"
    );
    fs::remove_dir_all(temp.path().join("run")).unwrap();
    // One pair an epoch is of one kind: there is no accuracy to speak of.
    let (done, said) = train("steps=1", &[]);
    assert!(done && said.contains("accuracy: unknown") && !said.contains("NaN"), "{said}");
    let metrics = fs::read_to_string(temp.path().join("run/metrics.csv")).unwrap();
    assert!(!metrics.contains("NaN") && metrics.lines().nth(1).unwrap().contains(",,"), "{metrics}");
    let refused = "is a batch-norm over a single number for each feature, through which nothing is learned, expected a batch of \
                   at least 2";
    let (done, said) = train("head=true", &[]);
    assert!(!done && said.contains("head.0: ") && said.contains(refused), "{said}");
    let norm = recipe.replace("]\n", "  { layer = \"batch_norm\" },\n]\n");
    fs::write(temp.path().join("one.toml"), &norm).unwrap();
    let (done, said) = train("steps=1", &[]);
    assert!(!done && said.contains("encoder[2]: ") && said.contains(refused), "{said}");
    // Two glyphs are enough, and so are the pixels of one.
    fs::remove_dir_all(temp.path().join("run")).unwrap();
    let (done, said) = train("batch=2", &["--set", "steps=2"]);
    assert!(done, "{said}");
    fs::remove_dir_all(temp.path().join("run")).unwrap();
    fs::write(
        temp.path().join("one.toml"),
        norm.replace("{ layer = \"flatten\" }", "{ layer = \"batch_norm\" }, { layer = \"flatten\" }")
            .replace("  { layer = \"batch_norm\" },\n]", "]"),
    )
    .unwrap();
    let (done, said) = train("steps=2", &[]);
    assert!(done, "{said}");
}

#[test]
fn any_tree_of_images_is_data_and_what_was_understood_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let set = glyphs(6, 4);
    for (i, glyph) in set.glyphs().iter().enumerate() {
        let alphabet = &set.alphabets()[glyph.alphabet as usize].name;
        let folder = temp.path().join("mine").join(alphabet);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("scan {i}.png"));
        write_png(&set, glyph, &path);
        if i % 2 == 0 {
            Grey::open(&path).resized((64, 64)).save(&path);
        }
    }
    let output = twinglyph(temp.path(), &train(&["--data", "mine", "--out", "run"]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let half = set.glyphs().len() / 2;
    let understood = format!(
        "mine: {} glyphs of 6 alphabets, each a character of its own; {half} of another size are fitted to 105 x 105",
        2 * half
    );
    assert!(said.contains(&understood), "{said}");
    // So is Omniglot's own layout, if all images are of another size; one among others is a mistake.
    write_omniglot(&glyphs(6, 5), &temp.path().join("small"));
    let small = twinglyph::data::omniglot::load(&[temp.path().join("small")], &()).unwrap();
    let shrink = |path: &std::path::Path| {
        Grey::open(path).resized((28, 28)).save(path);
    };
    let paths: Vec<_> =
        (0..small.glyphs().len()).map(|i| temp.path().join("small").join(small.path(i))).collect();
    shrink(&paths[4]);
    let said = fail(temp.path(), &train(&["--data", "small", "--out", "none"]), 1);
    assert!(
        said.contains(&small.path(4)) && said.contains("is 28 x 28 pixels, expected 105 x 105"),
        "{said}"
    );
    paths.iter().for_each(|path| shrink(path));
    let output = twinglyph(temp.path(), &train(&["--data", "small", "--out", "fitted"]));
    let said = String::from_utf8_lossy(&output.stderr);
    let understood = "small: 72 glyphs in Omniglot's layout; all are of another size and fitted to 105 x 105";
    assert!(output.status.success() && said.contains(understood), "{said}");
    let glyph = format!("mine/{}/scan 3.png", set.alphabets()[0].name);
    let list = succeed(temp.path(), &["nearest", "run", &glyph, "--quiet", "-k", "1"]);
    assert!(list.ends_with("scan 3.png\n"), "{list}");
    // A character of one drawing cannot be learned.
    let refused = labelled("characters", "none", &["--data", "mine"]);
    assert!(fail(temp.path(), &refused, 1).contains("expected at least"));
}

#[test]
fn sets_of_glyphs_are_compared_by_their_means_at_a_threshold_of_their_own() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    let set = glyphs(6, 9);
    write_omniglot(&set, &at("set"));
    succeed(temp.path(), &train(&["--data", "set", "--out", "run", "--quiet"]));
    for (folder, alphabet) in [("a", 0), ("b", 1)] {
        fs::create_dir(at(folder)).unwrap();
        for (i, glyph) in set.alphabet_range(alphabet).take(6).enumerate() {
            write_png(&set, &set.glyphs()[glyph], &at(folder).join(format!("{i}.png")));
        }
    }
    let verdict =
        |sides: [&str; 2]| json(&succeed(temp.path(), &["compare", "run", sides[0], sides[1], "--json"]));
    let (one, sets) = (verdict(["a/0.png", "b/0.png"]), verdict(["a", "b"]));
    assert!(one.get("glyphs").is_none(), "{one}");
    assert_eq!(sets["glyphs"], serde_json::json!([6, 6]));
    // The rule for five a side is kept with the model: there are twelve glyphs of each held-out alphabet.
    let five = ["evaluate", "run", "--glyphs", "5", "--seed", "5", "--json"];
    let five = json(&succeed(temp.path(), &five));
    assert_eq!(sets["threshold"], five["threshold"]);
    assert!(sets["threshold"] != one["threshold"]);
    assert!((0.0..=1.0).contains(&sets["probability"].as_f64().unwrap()));
    assert!(verdict(["a", "a"])["distance"].as_f64().unwrap() < 1e-3);
    assert_eq!(verdict(["a", "b/0.png"])["threshold"], one["threshold"], "one side has a single glyph");
    let text = succeed(temp.path(), &["compare", "run", "a", "b"]);
    assert!(text.contains(" (6 and 6 glyphs): distance "), "{text}");

    fs::write(at("pairs.csv"), "left,right\na,b\na/0.png , b/0.png\na,a\n").unwrap();
    let text = succeed(temp.path(), &["compare", "run", "--pairs", "pairs.csv"]);
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[0], "left,right,distance,threshold,same_alphabet,probability");
    assert_eq!(rows.len(), 4, "{text}");
    assert!(rows[1].starts_with(&format!("a,b,{},", sets["distance"])), "{text}");
    assert!(rows[3].contains(",true,"), "{text}");
    let all = json(&succeed(temp.path(), &["compare", "run", "--pairs", "pairs.csv", "--json"]));
    assert_eq!((&all[1]["left"], &all[1]["distance"]), (&"a/0.png".into(), &one["distance"]));

    fs::create_dir(at("empty")).unwrap();
    let said = fail(temp.path(), &["compare", "run", "a", "empty"], 1);
    assert!(said.contains("empty: has no PNG in it, expected a folder of glyphs"), "{said}");
    fs::write(at("bad.csv"), "a,b\na\n").unwrap();
    let said = fail(temp.path(), &["compare", "run", "--pairs", "bad.csv"], 1);
    assert!(said.contains("bad.csv: line 2 has 1 columns, expected A and B"), "{said}");
    fs::write(at("bad.csv"), "left,right\n").unwrap();
    let said = fail(temp.path(), &["compare", "run", "--pairs", "bad.csv"], 1);
    assert!(said.contains("bad.csv: has no pair in it"), "{said}");
    let said = fail(temp.path(), &["compare", "run", "a"], 2);
    assert!(said.contains("<B>"), "{said}");
}
