//! Processes that are killed at random moments, and a disk that takes no more: nothing is lost.

use crate::common::{skip, succeed, train, twinglyph};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use twinglyph::run::checkpoint_file::CheckpointFile;
use twinglyph::run::model_file::ModelFile;

/// A training of a second or two that saves often.
const LONG: [&str; 8] =
    ["--recipe", "quickstart", "--quiet", "--set", "steps=4", "--set", "epochs=12", "--out"];

fn arguments(out: &str) -> Vec<String> {
    let mut arguments: Vec<String> = train(&LONG[..]).into_iter().map(str::to_string).collect();
    // The name goes behind `--out`; the small settings' own epochs would be too few.
    let at = arguments.iter().position(|argument| argument == "--out").unwrap();
    arguments.insert(at + 1, out.into());
    let epochs = arguments.iter().position(|argument| argument == "--epochs").unwrap();
    arguments.drain(epochs..epochs + 2);
    arguments
}

/// Names of files whose writing was cut off.
fn unfinished(run: &Path) -> Vec<String> {
    let names =
        fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".tmp")).collect()
}

/// As many as `TWINGLYPH_KILLS` says; the gate is content with a few.
fn kills() -> usize {
    std::env::var("TWINGLYPH_KILLS").map_or(12, |kills| kills.parse().expect("TWINGLYPH_KILLS is a number"))
}

#[test]
fn a_run_killed_at_random_moments_ends_in_the_bytes_of_one_that_was_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let whole = arguments("whole");
    succeed(temp.path(), &whole.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = fs::read(temp.path().join("whole/model.safetensors")).unwrap();
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let (mut killed, mut finished, mut unsaved) = (0, 0, 0);
    while killed < kills() || finished == 0 {
        // A run that was killed before it wrote its configuration is begun anew, in the same folder.
        let begun = run.join("config.toml").is_file();
        let arguments = if begun {
            vec!["train".into(), "--resume".into(), "run".into(), "--quiet".into()]
        } else {
            arguments("run")
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinglyph"))
            .current_dir(temp.path())
            .args(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(chance.random_range(0..700_000)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            unsaved += usize::from(!run.join("last.safetensors").exists());
            readable(&run);
            continue;
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(run.join("model.safetensors")).unwrap() == expected, "after {killed} kills");
        assert_eq!(unfinished(&run), Vec::<String>::new());
        finished += 1;
        fs::remove_dir_all(&run).unwrap();
    }
    println!(
        "{killed} kills, {unsaved} of them before the first checkpoint, {finished} runs ended in the same bytes"
    );
}

/// Whatever stands under its final name is whole.
fn readable(run: &Path) {
    let last = run.join("last.safetensors");
    if last.exists() {
        CheckpointFile::load(&last).unwrap();
    }
    for name in ["best.safetensors", "model.safetensors"] {
        if run.join(name).exists() {
            ModelFile::load(&run.join(name)).unwrap();
        }
    }
}

#[test]
fn a_disk_that_takes_no_more_is_said_and_the_last_checkpoint_stays() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--out", "run", "--quiet", "--set", "schedule=constant"]));
    let run = temp.path().join("run");
    let last = fs::read(run.join("last.safetensors")).unwrap();
    // No file may grow beyond so many blocks of 512 bytes: the system refuses the write as it does on a full disk.
    let limit = last.len() / 512 / 2;
    let script =
        format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" train --resume run --epochs 3 --quiet");
    let output = Command::new("sh")
        .current_dir(temp.path())
        .args(["-c", &script, env!("CARGO_BIN_EXE_twinglyph")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("last.safetensors") && said.lines().count() == 1, "{said}");
    assert!(fs::read(run.join("last.safetensors")).unwrap() == last);
    assert_eq!(unfinished(&run), Vec::<String>::new());
    let output = twinglyph(temp.path(), &["train", "--resume", "run", "--epochs", "3", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whoever may write anywhere, as root may, gives that up first: in a folder that nobody may write, the run ends with a
/// sentence and what was there stays.
#[test]
fn a_folder_that_may_not_be_written_is_said_and_the_last_checkpoint_stays() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--out", "run", "--quiet", "--set", "schedule=constant"]));
    let run = temp.path().join("run");
    let is_root = fs::metadata(&run).unwrap().uid() == 0;
    let contents = || -> Vec<(std::ffi::OsString, Vec<u8>)> {
        let entries = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> = entries.map(|e| (e.file_name(), fs::read(e.path()).unwrap())).collect();
        all.sort();
        all
    };
    let before = contents();
    for (place, mode) in [(temp.path(), 0o755), (&run, 0o555)] {
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_twinglyph")]);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_twinglyph"))
    };
    let arguments = ["train", "--resume", "run", "--epochs", "3", "--quiet"];
    let output = command.current_dir(temp.path()).args(arguments).output();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    let Ok(output) = output else {
        return skip("users", "root may write everywhere, and there is no setpriv to be somebody else");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("setpriv") || output.status.code() == Some(127) {
        return skip("users", &said);
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("run") && said.contains("denied") && said.lines().count() == 1, "{said}");
    assert!(contents() == before);
    let output = twinglyph(temp.path(), &["train", "--resume", "run", "--epochs", "3", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
