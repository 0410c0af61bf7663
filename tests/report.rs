//! What a training shows, on the terminal and on the page of a run: what stands on it, that it asks no network for anything, and, where Python has playwright and the
//! system has Chromium, how it behaves under a pointer and a keyboard.

mod common;

use common::{fail, glyphs, open_in_browser, succeed, train, twinglyph, write_omniglot};
use std::fs;
use std::path::Path;

/// A run on alphabets whose names are not harmless.
fn furnish(folder: &Path) {
    let set = glyphs(6, 9);
    write_omniglot(&set, &folder.join("set"));
    let first = &set.alphabets()[0].name;
    fs::rename(folder.join("set").join(first), folder.join("set/<b>A & \"B\"")).unwrap();
    write_omniglot(&glyphs(3, 77), &folder.join("other"));
    succeed(folder, &train(&["--data", "set", "--out", "run", "--quiet"]));
}

/// The names of the plots in a run directory, without the ending.
fn plots(run: &Path) -> Vec<String> {
    let names = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_suffix(".svg")?.to_string())).collect()
}

/// The page without the lines that say how long the training took.
fn page(run: &Path) -> String {
    let text = fs::read_to_string(run.join("report.html")).unwrap();
    text.lines().filter(|line| !line.contains(">time<")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_training_says_as_much_as_it_is_asked_to() {
    let temp = tempfile::tempdir().unwrap();
    let said = |more: &[&str]| {
        let output = twinglyph(temp.path(), &train(more));
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let plain = said(&["--out", "plain"]);
    assert!(plain.starts_with("Training quickstart on ") && plain.contains(" threads, "), "{plain}");
    assert_eq!(plain.lines().filter(|line| line.starts_with("Epoch ")).count(), 2, "{plain}");
    assert!(!plain.contains("val_auc") && !plain.contains('\u{1b}'), "{plain}");
    let much = said(&["--out", "much", "-v"]);
    for word in ["encoder.0 conv2d", "Trainable params", "  val_auc: ", "gradients: "] {
        assert!(much.contains(word), "{much}");
    }
    assert_eq!(said(&["--out", "nothing", "--quiet"]), "");
    assert!(fail(temp.path(), &train(&["-v", "--quiet"]), 2).contains("cannot be used with"));
}

#[test]
fn every_run_has_a_page_with_all_its_plots_that_needs_no_network() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let run = temp.path().join("run");
    let page = page(&run);
    let plots = plots(&run);
    assert!(plots.len() >= 15, "{plots:?}");
    for plot in &plots {
        assert!(page.contains(&format!("id=\"plot-{plot}\"")), "{plot}");
    }
    // Names of namespaces are no addresses that anything is loaded from.
    let bare = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "src=", "@import", "fetch("] {
        assert!(!bare.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    // A name from outside is text wherever it stands.
    assert!(page.contains("&lt;b&gt;A &amp; &quot;B&quot;") && !page.contains("<b>A"));
    for word in
        ["balanced accuracy", "Neighbours", "Of the same alphabet, called different", "encoder.0 conv2d"]
    {
        assert!(page.contains(word), "{word}");
    }
    // No path of the machine.
    assert!(!page.contains(temp.path().to_str().unwrap()));
}

#[test]
fn report_makes_the_same_page_again_and_takes_unseen_alphabets() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let run = temp.path().join("run");
    let before = page(&run);
    let plots = plots(&run);
    for plot in &plots {
        fs::remove_file(run.join(format!("{plot}.svg"))).unwrap();
    }
    fs::remove_file(run.join("report.html")).unwrap();
    assert_eq!(succeed(temp.path(), &["report", "run"]), "run/report.html\n");
    assert!(page(&run) == before);
    assert!(plots.iter().all(|plot| run.join(format!("{plot}.svg")).is_file()));
    // The data may have moved, and be given anew.
    fs::rename(temp.path().join("set"), temp.path().join("moved")).unwrap();
    assert!(fail(temp.path(), &["report", "run"], 1).contains("set: does not exist"));
    succeed(temp.path(), &["report", "run", "--data", "moved", "--unseen", "other"]);
    assert!(run.join("confusion-unseen.svg").is_file());
    assert!(page(&run).contains("alphabets that took no part in training"));
    let said = fail(temp.path(), &["report", "run", "--data", "moved", "--unseen", "moved"], 1);
    assert!(said.contains("took part in the model's training, expected only unseen alphabets"), "{said}");
}

#[test]
fn a_training_that_went_wrong_says_so_on_its_page() {
    let temp = tempfile::tempdir().unwrap();
    succeed(temp.path(), &train(&["--quiet", "--out", "run"]));
    let run = temp.path().join("run");
    assert!(!page(&run).contains("Warning:"));
    // As if the second epoch had ended far above what a model scores that has learned nothing.
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let mut rows: Vec<Vec<&str>> = metrics.lines().map(|line| line.split(',').collect()).collect();
    let column = rows[0].iter().position(|name| *name == "loss_ratio").unwrap();
    rows[2][column] = "500";
    let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    fs::write(run.join("metrics.csv"), rows.join("\n") + "\n").unwrap();
    succeed(temp.path(), &["report", "run"]);
    assert!(
        page(&run)
            .contains("<strong>Warning:</strong> epoch 2: the training diverges: the loss is 500.0 times")
    );
}

#[test]
fn what_is_no_run_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let said = fail(temp.path(), &["report", "set"], 1);
    assert!(said.contains("set: has no config.toml, expected the directory of a run"), "{said}");
    let said = fail(temp.path(), &["report", "run/model.safetensors"], 1);
    assert!(said.contains("model.safetensors: is no folder, expected the directory of a run"), "{said}");
    let page = fs::read(temp.path().join("run/report.html")).unwrap();
    fs::write(temp.path().join("run/metrics.csv"), "epoch,loss\n1,high\n").unwrap();
    let said = fail(temp.path(), &["report", "run"], 1);
    assert!(
        said.contains("run/metrics.csv: line 2: loss = \"high\", expected a number or nothing"),
        "{said}"
    );
    fs::remove_file(temp.path().join("run/metrics.csv")).unwrap();
    assert!(fail(temp.path(), &["report", "run"], 1).contains("run/metrics.csv: "));
    fs::write(temp.path().join("run/environment.json"), "[]").unwrap();
    assert!(page == fs::read(temp.path().join("run/report.html")).unwrap(), "the old page stays");
}

#[test]
fn a_browser_shows_the_page_on_any_screen_and_by_keyboard() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/report_page.py");
    let Some(said) = open_in_browser(&script, &[&temp.path().join("run")]) else { return };
    assert_eq!(said.lines().count(), 4, "{said}");
}
