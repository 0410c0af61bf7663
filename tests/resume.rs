//! A training that was stopped, interrupted or killed comes to the same bits as one that was not.

mod common;

use common::{OWN, SMALL, fail, glyphs, succeed, train, twinglyph, write_omniglot};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use twinglyph::data::Dataset;
use twinglyph::data::split::Split;
use twinglyph::recipes::{Recipe, built_in};
use twinglyph::run::checkpoint_file::CheckpointFile;
use twinglyph::train::checkpoint::Checkpoint;
use twinglyph::train::{EpochMetrics, Observer, Reading, Training};
use twinglyph_engine::Result;
use twinglyph_engine::nn::Model;

/// Stops after so many steps, and keeps what it is given to keep.
#[derive(Default)]
struct Stopper {
    steps: usize,
    stop_at: Option<usize>,
    kept: Option<Checkpoint>,
}

impl Observer for Stopper {
    fn step(&mut self, _: usize, _: usize, _: f32, _: &dyn Fn() -> f32) {
        self.steps += 1;
    }

    fn epoch(&mut self, _: &EpochMetrics, _: &Reading) -> Result<()> {
        Ok(())
    }

    fn alarm(&mut self, _: &str) {}

    fn stop(&mut self) -> bool {
        self.stop_at == Some(self.steps)
    }

    fn save(&mut self, training: &Training<'_>, _: bool) -> Result<()> {
        self.kept = Some(training.checkpoint());
        Ok(())
    }
}

fn begin<'a>(recipe: &'a Recipe, set: &'a Dataset, split: &Split) -> Training<'a> {
    let model = Model::new(recipe.architecture(), recipe.seed).unwrap();
    Training::new(recipe.settings(), model, set, split).unwrap()
}

/// The bits of everything that a checkpoint holds.
fn bits(checkpoint: &Checkpoint) -> String {
    format!("{:?}", checkpoint.arrays)
}

#[test]
fn a_training_stopped_after_any_step_comes_to_the_same_bits() {
    let set = glyphs(8, 3);
    let split = Split::by_alphabet(&set, &[], 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let batch = ["sample.alphabets=3", "sample.characters=2", "ema=0.5", "warmup=2"];
    for (name, settings) in [
        ("report-contrastive", &["batch=3", "size=40", "ema=0.9"][..]),
        ("report-triplet", &["batch=3", "size=40", "keep_best=false", "clip_norm=0.1"]),
        ("quick", &batch),
        ("quick", &["sample.alphabets=3", "sample.characters=2", "loss=triplet", "mining=semi_hard"]),
        ("own", &["batch=3"]),
    ] {
        let common = ["steps=3", "epochs=3", "validation_pairs=40"];
        let settings: Vec<String> = common.iter().chain(settings).map(|s| s.to_string()).collect();
        let text = if name == "own" { OWN } else { built_in(name).unwrap() };
        let recipe = Recipe::parse(name, text, &settings).unwrap();
        let mut whole = begin(&recipe, &set, &split);
        let mut observer = Stopper::default();
        assert!(whole.run(&mut observer).unwrap());
        let expected = bits(&whole.checkpoint());
        assert_eq!(bits(&observer.kept.unwrap()), expected, "{name}: kept after the last epoch");
        let (history, trained) = (whole.history().to_vec(), whole.finish().unwrap());
        for stop_at in 1..9 {
            let mut first = begin(&recipe, &set, &split);
            let mut observer = Stopper { stop_at: Some(stop_at), ..Stopper::default() };
            assert!(!first.run(&mut observer).unwrap(), "{name}: stopped after step {stop_at}");
            assert_eq!(first.position(), (stop_at / 3, stop_at % 3));
            CheckpointFile { data: 7, checkpoint: observer.kept.unwrap() }.save(&path).unwrap();
            let mut second = begin(&recipe, &set, &split);
            second.restore(&CheckpointFile::load(&path).unwrap().checkpoint).unwrap();
            assert!(second.run(&mut Stopper::default()).unwrap());
            assert_eq!(bits(&second.checkpoint()), expected, "{name}: stopped after step {stop_at}");
            assert_eq!(second.history(), history);
            let second = second.finish().unwrap();
            assert_eq!(second.model.values(), trained.model.values());
            assert_eq!((second.rule, second.kept), (trained.rule, trained.kept));
        }
    }
}

#[test]
fn a_checkpoint_of_another_recipe_is_refused_by_name() {
    let set = glyphs(8, 3);
    let split = Split::by_alphabet(&set, &[], 1).unwrap();
    let recipe = |settings: &[&str]| {
        let common = ["steps=3", "epochs=1", "validation_pairs=40", "batch=3", "size=40"];
        let settings: Vec<String> = common.iter().chain(settings).map(|s| s.to_string()).collect();
        Recipe::parse("r", built_in("report-triplet").unwrap(), &settings).unwrap()
    };
    let one = recipe(&[]);
    let mut training = begin(&one, &set, &split);
    training.run(&mut Stopper::default()).unwrap();
    let checkpoint = training.checkpoint();
    let refused = |settings: &[&str], change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = checkpoint.clone();
        change(&mut checkpoint);
        begin(&recipe(settings), &set, &split).restore(&checkpoint).unwrap_err().to_string()
    };
    let nothing = |_: &mut Checkpoint| {};
    let said = refused(&["size=50"], &nothing);
    assert!(said.contains("has the shape") && said.contains("expected"), "{said}");
    let said = refused(&[], &|checkpoint| checkpoint.arrays.retain(|name, _| !name.starts_with("average.")));
    assert_eq!(said, "average.encoder.0.weight: is missing");
    let said = refused(&[], &|checkpoint| {
        checkpoint.arrays.remove("best");
    });
    assert_eq!(said, "best: is missing");
    let said = refused(&[], &|checkpoint| checkpoint.put("epoch", vec![u64::MAX]));
    assert_eq!(said, "a count: is a number that no training reaches");
    let said = refused(&[], &|checkpoint| {
        checkpoint.arrays.remove("random.position");
    });
    assert_eq!(said, "random.position: is missing");
    // In a row, as checkpoints had them before.
    let in_a_row = |checkpoint: &mut Checkpoint| {
        let names = ["epoch", "step", "last_better", "tally.triplets", "tally.active", "random.position"];
        let counts: Vec<u64> =
            names.iter().flat_map(|name| checkpoint.list(name).unwrap().to_vec()).collect();
        names.iter().for_each(|name| drop(checkpoint.arrays.remove(*name)));
        checkpoint.put("counts", counts);
    };
    let mut old = checkpoint.clone();
    in_a_row(&mut old);
    assert_eq!(old.list::<u64>("counts").unwrap().len(), 7);
    let mut restored = begin(&one, &set, &split);
    restored.restore(&old).unwrap();
    // NaN is not equal to itself; what is printed of it is.
    assert!(format!("{:?}", restored.checkpoint()) == format!("{checkpoint:?}"));
    let said = refused(&[], &|checkpoint| checkpoint.put("history", vec![1.0f32; 4]));
    assert!(said.starts_with("history: is not of 1 epochs"), "{said}");
}

/// A run of some seconds, as a process.
fn spawn(folder: &Path, out: &str) -> Child {
    let arguments =
        [&["train", "--out", out], &SMALL[..12], &["--set", "steps=12", "--epochs", "60"]].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinglyph"));
    // Linux alone says what a program ignores from its start, and whoever runs these tests may do so under `nohup`.
    if cfg!(target_os = "linux") {
        command = Command::new("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_twinglyph")]);
    }
    command.current_dir(folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a file is there.
fn wait_for(path: &Path) {
    let since = Instant::now();
    while !path.exists() {
        assert!(since.elapsed() < Duration::from_secs(120), "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Of a finished run: the names of its files, the model's bytes, and the metrics without the seconds.
fn left(run: &Path) -> (Vec<String>, Vec<u8>, Vec<String>) {
    let mut files: Vec<String> =
        fs::read_dir(run).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let rows = metrics.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string()).collect();
    (files, fs::read(run.join("model.safetensors")).unwrap(), rows)
}

#[cfg(unix)]
#[test]
fn an_interrupted_and_a_killed_run_go_on_to_the_bytes_of_one_that_was_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    let whole = spawn(temp.path(), "whole").wait_with_output().unwrap();
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let expected = left(&at("whole"));
    let signal = |child: &Child, name: &str| {
        assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    };

    // Ctrl-C, `docker stop`, a closed terminal: the step is finished and saved, and the way to go on is said.
    let stopped = [("-INT", 130), ("-TERM", 143), ("-HUP", 129)];
    let stopped = &stopped[..if cfg!(target_os = "linux") { 3 } else { 2 }];
    for (name, code) in stopped {
        let run = format!("stopped{name}");
        let child = spawn(temp.path(), &run);
        wait_for(&at(&format!("{run}/metrics.csv")));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{said}");
        assert!(said.contains("Interrupted: finishing the step and saving."), "{said}");
        assert!(said.contains(&format!("go on with: twinglyph train --resume {run}")), "{said}");
        assert!(!at(&run).join("model.safetensors").exists());
        // What there is so far can be looked at.
        succeed(temp.path(), &["evaluate", &run, "--pairs", "20"]);
    }

    // While a process trains in a directory, no other does.
    let mut child = spawn(temp.path(), "killed");
    wait_for(&at("killed/metrics.csv"));
    let said = fail(temp.path(), &["train", "--resume", "killed"], 1);
    assert!(said.contains("another process trains in this directory"), "{said}");
    child.kill().unwrap();
    child.wait().unwrap();
    // What was cut off goes; a file of the user's stays.
    fs::write(at("killed/metrics.csv.17.tmp"), "half").unwrap();
    fs::write(at("killed/notes.tmp"), "mine").unwrap();

    let stopped = stopped.iter().map(|(name, _)| format!("stopped{name}"));
    for run in stopped.chain(["killed".to_string()]) {
        let run = run.as_str();
        let output = twinglyph(temp.path(), &["train", "--resume", run]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        if run == "killed" {
            fs::remove_file(at("killed/notes.tmp")).unwrap();
        }
        assert!(said.contains(&format!("Going on with {run} after epoch")), "{said}");
        let (files, model, metrics) = left(&at(run));
        assert_eq!(files, expected.0, "{run}");
        assert!(model == expected.1, "{run}: the model differs");
        assert_eq!(metrics, expected.2, "{run}");
    }
    let said = succeed(temp.path(), &["train", "--resume", "stopped-INT"]);
    assert_eq!(said, "stopped-INT is finished; more --epochs than its 60 train it further\n");
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_again_and_a_longer_one_is_an_extended_one() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    succeed(temp.path(), &train(&["--out", "two", "--quiet"]));
    fs::create_dir(at("begun")).unwrap();
    fs::copy(at("two/config.toml"), at("begun/config.toml")).unwrap();
    succeed(temp.path(), &["train", "--resume", "begun", "--quiet"]);
    assert_eq!(left(&at("begun")), left(&at("two")));

    let mut four = train(&["--out", "four", "--quiet"]);
    let epochs = four.iter().position(|word| *word == "--epochs").unwrap();
    four[epochs + 1] = "4";
    succeed(temp.path(), &four);
    // As it would be killed on the way from a finished run to a longer one.
    fs::remove_file(at("two/model.safetensors")).unwrap();
    succeed(temp.path(), &["train", "--resume", "two", "--epochs", "4", "--quiet"]);
    assert_eq!(left(&at("two")), left(&at("four")));
    assert_eq!(fs::read(at("two/config.toml")).unwrap(), fs::read(at("four/config.toml")).unwrap());
    fs::remove_file(at("begun/last.safetensors")).unwrap();
    let said = fail(temp.path(), &["train", "--resume", "begun", "--epochs", "4"], 1);
    assert!(said.contains("begun: has no last.safetensors, expected the state"), "{said}");
    assert!(at("begun/model.safetensors").is_file());
    let said = fail(temp.path(), &["train", "--resume", "two", "--epochs", "3"], 2);
    assert!(said.contains("--epochs 3: the run has 4, expected at least as many"), "{said}");
}

/// `nohup` means that the end of the terminal is not that of the training.
#[cfg(unix)]
#[test]
fn a_run_that_is_to_outlive_its_terminal_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let child = Command::new("nohup")
        .arg(env!("CARGO_BIN_EXE_twinglyph"))
        .args(train(&["--out", "run"]))
        .current_dir(temp.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&temp.path().join("run/config.toml"));
    assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(temp.path().join("run/model.safetensors").is_file());
}

/// From the moment that a folder is a run it has the weights that --init took.
#[test]
fn a_run_from_other_weights_that_is_killed_at_once_goes_on_from_those_weights() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    succeed(temp.path(), &train(&["--out", "first", "--quiet"]));
    succeed(temp.path(), &train(&["--init", "first", "--out", "whole", "--quiet"]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinglyph"))
        .current_dir(temp.path())
        .args(train(&["--init", "first", "--out", "killed", "--quiet"]))
        .spawn()
        .unwrap();
    wait_for(&at("killed/config.toml"));
    assert!(at("killed/last.safetensors").is_file());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(at("first")).unwrap();
    succeed(temp.path(), &["train", "--resume", "killed", "--quiet"]);
    assert_eq!(left(&at("killed")), left(&at("whole")));
}

#[test]
fn a_run_that_goes_on_with_other_kernels_says_so_and_its_environment_names_both() {
    let temp = tempfile::tempdir().unwrap();
    let go_on = |epochs: &str, convolution: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinglyph"));
        command.current_dir(temp.path()).args(["train", "--resume", "run", "--epochs", epochs]);
        convolution.map(|way| command.env("TWINGLYPH_CONV", way));
        let output = command.output().unwrap();
        assert!(output.status.success());
        let environment = fs::read_to_string(temp.path().join("run/environment.json")).unwrap();
        (String::from_utf8(output.stderr).unwrap(), environment)
    };
    let arguments =
        [&["train", "--out", "run"], &SMALL[..12], &["--set", "steps=2", "--epochs", "1"]].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinglyph"));
    assert!(command.current_dir(temp.path()).args(arguments).output().unwrap().status.success());
    let said = "its last digits are not those of a run on either alone";
    let (stderr, environment) = go_on("2", None);
    assert!(!stderr.contains(said) && !environment.contains(", then "), "{stderr}{environment}");
    let (stderr, environment) = go_on("3", Some("im2col"));
    let level = twinglyph_kernels::simd::Level::current();
    let both = format!("{level}, then {level}, convolution by im2col");
    assert!(stderr.contains(said) && stderr.contains(&both), "{stderr}");
    assert!(environment.contains(&format!("\"{both}\"")), "{environment}");
    // Once more with those, and with the first again.
    assert!(go_on("4", Some("im2col")).1.contains(&format!("\"{both}\"")));
    assert!(go_on("5", None).1.contains(&format!("\"{both}, then {level}\"")));
}

#[test]
fn what_cannot_be_resumed_is_refused_in_a_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    let set = glyphs(6, 9);
    write_omniglot(&set, &at("set"));
    succeed(temp.path(), &train(&["--data", "set", "--out", "run", "--quiet"]));
    let said = fail(temp.path(), &["train", "--resume", "run", "--seed", "3"], 2);
    assert!(said.contains("'--resume <RUN>' cannot be used with '--seed <SEED>'"), "{said}");
    let said = fail(temp.path(), &["train", "--resume", "none"], 1);
    assert!(said.contains("none: is no folder, expected the directory of a run"), "{said}");
    let said = fail(temp.path(), &["train", "--resume", "set"], 1);
    assert!(said.contains("set: has no config.toml, expected the directory of a run"), "{said}");

    // The same glyphs elsewhere are the same data; others are not.
    fs::remove_file(at("run/model.safetensors")).unwrap();
    fs::rename(at("set"), at("moved")).unwrap();
    let said = fail(temp.path(), &["train", "--resume", "run"], 1);
    assert!(said.contains("set"), "{said}");
    write_omniglot(&glyphs(6, 10), &at("other"));
    let said = fail(temp.path(), &["train", "--resume", "run", "--data", "other"], 1);
    assert!(said.contains("other: holds other glyphs than those that the run was begun with"), "{said}");
    succeed(temp.path(), &["train", "--resume", "run", "--data", "moved", "--quiet"]);
    // From now on the run knows where its data is.
    succeed(temp.path(), &["evaluate", "run", "--pairs", "20"]);

    fs::remove_file(at("run/model.safetensors")).unwrap();
    let mut bytes = fs::read(at("run/last.safetensors")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(at("run/last.safetensors"), bytes).unwrap();
    let said = fail(temp.path(), &["train", "--resume", "run", "--data", "moved"], 1);
    assert!(said.contains("last.safetensors: is damaged: its checksum does not fit"), "{said}");
}
