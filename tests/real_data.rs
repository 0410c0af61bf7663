//! The whole way on real data: where ../shared/omniglot is not there, each test says that it was skipped.

mod common;

use common::{omniglot, succeed};

#[test]
fn a_few_steps_on_omniglot_learn_something_and_evaluate() {
    let Some(folder) = omniglot() else { return };
    let temp = tempfile::tempdir().unwrap();
    let data = folder.join("images_background.zip");
    let train = [
        "train",
        "--recipe",
        "report-triplet",
        "--data",
        data.to_str().unwrap(),
        "--epochs",
        "3",
        "--set",
        "steps=60",
        "--set",
        "learning_rate=1e-3",
        "--set",
        "validation_pairs=600",
        "--out",
        "run",
    ];
    succeed(temp.path(), &train);
    let metrics = std::fs::read_to_string(temp.path().join("run/metrics.csv")).unwrap();
    let loss = |row: &str| row.split(',').nth(1).unwrap().parse::<f64>().unwrap();
    let losses: Vec<f64> = metrics.lines().skip(1).map(loss).collect();
    assert!(losses[2] < losses[0], "the loss does not fall: {losses:?}");
    assert!(losses[2] < 0.99, "stuck at the margin: {losses:?}");
    // The archive of five of these alphabets is not unseen.
    let small = folder.join("images_background_small1.zip");
    let said = common::fail(temp.path(), &["evaluate", "run", "--unseen", small.to_str().unwrap()], 1);
    assert!(said.contains("took part in the model's training"), "{said}");
    let text = succeed(temp.path(), &["evaluate", "run", "--pairs", "1000", "--json"]);
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["sets"].as_array().unwrap().len(), 3);
}
