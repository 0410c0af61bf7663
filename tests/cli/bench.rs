//! `twinglyph bench`: which way convolutions go, and where a step's time goes.

use super::{has_keys, json, succeed};
use std::path::Path;

#[test]
fn bench_says_which_way_each_convolution_goes_and_the_environment_asks_for_the_textbook() {
    let here = Path::new(".");
    let table = succeed(here, &["bench", "--recipe", "best", "--ways"]);
    for part in ["encoder[4] conv2d", "64 x 64 x 26 x 26", "deep, F(4 x 4, 3 x 3)", "few", "(not wanted)"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.contains("\nfew: 3 x 3 of up to 3 channels") && !table.contains("winners"), "{table}");
    let lines = json(&succeed(here, &["bench", "--recipe", "figure5-triplet", "--ways", "--json"]));
    assert_eq!(lines.as_array().unwrap().len(), 2);
    for line in lines.as_array().unwrap() {
        has_keys(line, &["layer", "images", "y", "dw", "dx"]);
        assert_eq!([&line["y"], &line["dw"], &line["dx"]], ["tiles"; 3]);
    }
    let with = |value: &str, arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_twinglyph");
        std::process::Command::new(binary).env("TWINGLYPH_CONV", value).args(arguments).output().unwrap()
    };
    let ways = with("im2col", &["bench", "--recipe", "best", "--ways", "--json"]);
    let ways: serde_json::Value = serde_json::from_slice(&ways.stdout).unwrap();
    assert!(
        ways.as_array().unwrap().iter().all(|line| line["y"] == "im2col" && line["dw"] == "im2col"),
        "{ways}"
    );
    // Nothing is fused then, and the models' gradients are as right.
    let profile = with("im2col", &["bench", "--recipe", "quickstart", "--pairs", "2", "--profile"]);
    let profile = String::from_utf8_lossy(&profile.stdout).into_owned();
    assert!(profile.contains("conv2d") && !profile.contains("conv_stack"), "{profile}");
    let checked = with("im2col", &["gradcheck", "--json"]);
    let checked: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked["passed"], true);
    let refused = with("imcol", &["recipes"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("TWINGLYPH_CONV=imcol: expected im2col, or nothing"), "{said}");
}

#[test]
fn bench_profile_shows_each_op_of_a_step_against_the_machine() {
    let here = Path::new(".");
    let bench = ["bench", "--pairs", "2", "--threads", "1", "--profile"];
    let timing = json(&succeed(here, &[&bench[..], &["--json"]].concat()));
    let profile = &timing["profile"];
    has_keys(&profile["machine"], &["threads", "simd", "gflop_per_s", "gb_per_s"]);
    let ops = profile["ops"].as_array().unwrap();
    for op in ops {
        has_keys(op, &["op", "input", "pass", "ms", "gflop", "gflop_per_s", "mb", "gb_per_s"]);
    }
    let row = |name: &str, pass: &str| {
        let is = |op: &&serde_json::Value| op["op"] == name && op["pass"] == pass;
        ops.iter().find(is).unwrap_or_else(|| panic!("no {name} {pass}: {profile}"))
    };
    // Two images a side, grey: 16 filters 3 x 3 on 105 x 105, then 32 on 51 x 51, two towers.
    let flops = 4.0 * 2.0 * (103.0 * 103.0 * 16.0 * 9.0 + 49.0 * 49.0 * 32.0 * 144.0);
    let forward = row("conv_stack", "forward")["gflop"].as_f64().unwrap() * 1e9;
    assert!((forward - flops).abs() < 1.0, "{forward} {flops}");
    // Backward: dw of both, dx of the second alone.
    let more = 4.0 * 2.0 * 49.0 * 49.0 * 32.0 * 144.0;
    let backward = row("conv_stack", "backward")["gflop"].as_f64().unwrap() * 1e9;
    assert!((backward - flops - more).abs() < 1.0, "{backward}");
    for name in ["normalised_dense", "contrastive_loss"] {
        row(name, "backward");
    }
    let table = succeed(here, &bench);
    for word in ["GFLOP/s", "of peak", "conv_stack", "adam", "1 thread"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}
