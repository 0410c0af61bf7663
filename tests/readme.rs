//! Everything that the README says is done here: each command of its `sh` blocks, in their order, in one folder.

mod common;

use common::{glyphs, omniglot, twinglyph, write_omniglot, write_png};
use std::fs;
use std::path::Path;
use twinglyph::recipes::{Recipe, built_in};
use twinglyph::run::checkpoint_file::write_arrays;
use twinglyph::train::checkpoint::Checkpoint;
use twinglyph_engine::nn::Model;
use twinglyph_engine::tensor::Tensor;

/// The commands of the README, one a line; `cargo run --release --` stands for the program.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_string());
    blocks.flat_map(|block| block.lines().map(str::to_string).collect::<Vec<_>>()).collect()
}

/// What the commands find in their folder.
fn furnish(folder: &Path) {
    let set = glyphs(4, 3);
    write_png(&set, &set.glyphs()[0], &folder.join("a.png"));
    write_png(&set, &set.glyphs()[20], &folder.join("b.png"));
    let run = folder.join("all_runs.zip/run01");
    for kind in ["training", "test"] {
        fs::create_dir_all(run.join(kind)).unwrap();
    }
    write_png(&set, &set.glyphs()[0], &run.join("training/class01.png"));
    write_png(&set, &set.glyphs()[1], &run.join("test/item01.png"));
    fs::write(run.join("class_labels.txt"), "run01/test/item01.png run01/training/class01.png\n").unwrap();
    step(folder);
    write_omniglot(&glyphs(3, 77), &folder.join("others"));
    match omniglot() {
        Some(omniglot) => {
            fs::copy(omniglot.join("images_background.zip"), folder.join("images_background.zip")).unwrap();
        }
        // A folder in the archive's place is data too.
        None => write_omniglot(&glyphs(15, 2), &folder.join("images_background.zip")),
    }
}

/// Weights and a batch of pairs for the recipe that the README edits.
fn step(folder: &Path) {
    let recipe = Recipe::parse("report-contrastive", built_in("report-contrastive").unwrap(), &[]).unwrap();
    let model = Model::<f32>::new(recipe.architecture(), 3).unwrap();
    let (mut weights, mut batch) = (Checkpoint::default(), Checkpoint::default());
    for ((parameter, _), value) in model.parameters().zip(model.values()) {
        weights.put_tensor(&parameter.name, &value);
    }
    let [c, h, w] = recipe.architecture().input;
    for side in ["left", "right"] {
        batch.put_tensor(side, &Tensor::from_fn([2, c, h, w], |i| (i as f32).sin().abs()));
    }
    batch.put("same", vec![1.0f32, 0.0]);
    write_arrays(&folder.join("weights.safetensors"), &weights).unwrap();
    write_arrays(&folder.join("batch.safetensors"), &batch).unwrap();
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let mut ran = 0;
    for command in commands() {
        let (command, target) = match command.split_once(" > ") {
            Some((command, target)) => (command.to_string(), Some(target.to_string())),
            None => (command, None),
        };
        let arguments = match command.strip_prefix("cargo run --release -- ") {
            Some(arguments) => arguments,
            // This test is part of the first; the book's own tests build the book, and the gate the documentation.
            None if [
                "cargo test --release --workspace",
                "cargo run --release -p twinglyph-book",
                "cargo doc --no-deps -p twinglyph-engine",
            ]
            .contains(&command.as_str()) =>
            {
                continue;
            }
            None => {
                command.strip_prefix("twinglyph ").unwrap_or_else(|| panic!("unknown command: {command}"))
            }
        };
        let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
        // Named recipes take minutes; a few steps of them show that the command works.
        if ["train", "cross-validate"].contains(&arguments[0]) && arguments.contains(&"--recipe") {
            if let Some(at) = arguments.iter().position(|argument| *argument == "--epochs") {
                arguments.drain(at..at + 2);
            }
            arguments.extend(["--set", "steps=2", "--set", "validation_pairs=100", "--epochs", "1"]);
        }
        let output = twinglyph(temp.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.trim().is_empty(), "{command} prints nothing");
        if arguments == ["train"] {
            learned(&text);
        }
        if let Some(target) = target {
            fs::write(temp.path().join(target), text).unwrap();
        }
        ran += 1;
    }
    assert!(ran >= 12, "only {ran} commands found in the README");
    let run = temp.path().join("runs/report-triplet-1");
    for file in ["model.safetensors", "config.toml", "metrics.csv", "loss.svg", "report.html"] {
        assert!(run.join(file).is_file(), "{file}");
    }
}

/// The dependency that the README names: a crate of this tree, and features that it has.
#[test]
fn the_engine_is_where_the_readme_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let block = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let manifest: toml::Table = toml::from_str(block).unwrap();
    let (name, given) = manifest["dependencies"].as_table().unwrap().iter().next().unwrap();
    let path = given["path"].as_str().unwrap().strip_prefix("twinglyph/").unwrap();
    let engine: toml::Table =
        toml::from_str(&fs::read_to_string(root.join(path).join("Cargo.toml")).unwrap()).unwrap();
    assert_eq!(engine["package"]["name"].as_str(), Some(name.as_str()));
    for feature in given["features"].as_array().unwrap() {
        assert!(engine["features"].get(feature.as_str().unwrap()).is_some(), "{feature}");
    }
}

/// The default run ends well above chance on alphabets that it has never seen.
fn learned(text: &str) {
    let row = text.lines().find(|line| line.starts_with("held-out")).expect("a row of held-out alphabets");
    let fields: Vec<&str> = row.split_whitespace().collect();
    // held-out 10000 50.0 % 64.5 % 64.5 % ...: the second percentage is the accuracy, the third balanced.
    let balanced: f64 = fields[6].parse().unwrap();
    assert!(balanced >= 60.0, "{row}");
}
