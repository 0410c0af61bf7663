//! The page in Chromium, held against the native engine: thirty random settings, every panel, every number; and how it behaves.

#[path = "../../../tests/common/browser.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod browser;
#[path = "../../../tests/common/skip.rs"]
mod skip;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use twinglyph_kernels::{Geometry, reference};
use twinglyph_lesson::{Check, Gradient, Problem, Steps, Wrong, wrong_backward_passes};

const SETTINGS: usize = 30;

/// Sizes of all kinds that fit the page.
fn geometry(rng: &mut ChaCha8Rng) -> Geometry {
    loop {
        let mut from = |least: usize, most: usize| least + rng.next_u32() as usize % (most - least + 1);
        let g = Geometry {
            images: 1,
            channels: from(1, 3),
            size: (from(1, 7), from(1, 7)),
            filters: from(1, 2),
            kernel: (from(1, 4), from(1, 4)),
            stride: (from(1, 3), from(1, 3)),
            padding: (from(0, 2), from(0, 2)),
            ..Geometry::default()
        };
        let (h_out, w_out) = g.output_size();
        if h_out * w_out > 0 && g.depth() * h_out * w_out <= 1500 {
            return g;
        }
    }
}

/// What one window adds to the padded image: dx of the same convolution over the padded image, dy 0 elsewhere.
fn stamp(problem: &Problem, window: usize) -> Vec<f64> {
    let g = &problem.geometry;
    let mut alone = until(problem, window);
    let positions = g.output_size().0 * g.output_size().1;
    for (k, dy) in alone.grad_output.iter_mut().enumerate() {
        if k % positions != window {
            *dy = 0.0;
        }
    }
    alone.input = reference::pad(g, &problem.input);
    alone.geometry = Geometry { size: reference::padded_size(g), padding: (0, 0), ..*g };
    alone.gradient(Gradient::Input, None)
}

/// The problem with dy 0 beyond a window.
fn until(problem: &Problem, window: usize) -> Problem {
    let (h_out, w_out) = problem.geometry.output_size();
    let mut masked = problem.clone();
    for (k, dy) in masked.grad_output.iter_mut().enumerate() {
        if k % (h_out * w_out) > window {
            *dy = 0.0;
        }
    }
    masked
}

/// Every array of the page, by its name there.
fn arrays(problem: &Problem, wrong: Option<&Wrong>, window: usize) -> Map<String, Value> {
    let steps = Steps::of(problem, None).unwrap();
    let so_far = Steps::of(&until(problem, window), None).unwrap();
    let mut all: Map<String, Value> = [
        ("x", &problem.input),
        ("w", &problem.weight),
        ("b", &problem.bias),
        ("dy", &problem.grad_output),
        ("padded", &steps.padded),
        ("columns", &steps.columns),
        ("y", &steps.output),
        ("db", &steps.grad_bias),
        ("dw", &steps.grad_weight),
        ("dcolumns", &steps.grad_columns),
        ("dx", &steps.grad_input),
        ("overlaps", &steps.overlaps),
        ("dilated", &steps.dilated),
        ("turned", &steps.turned),
        ("dx-so-far", &so_far.grad_input),
        ("dw-so-far", &so_far.grad_weight),
        ("db-so-far", &so_far.grad_bias),
        ("stamp", &stamp(problem, window)),
    ]
    .map(|(name, numbers)| (name.to_string(), json!(numbers)))
    .into_iter()
    .collect();
    for of in Gradient::ALL {
        let count = problem.array(of).len();
        let differences: Vec<f64> = (0..count).map(|k| problem.difference(of, k, 1.0)).collect();
        all.insert(format!("{}-claimed", of.symbol()), json!(problem.gradient(of, wrong)));
        all.insert(format!("{}-difference", of.symbol()), json!(differences));
    }
    all
}

/// What a check notices; null where it lets the pass through.
fn noticed(check: Check, problem: &Problem, wrong: Option<&Wrong>) -> Value {
    check.run(problem, wrong).map_or(Value::Null, |noticed| {
        json!({"gradient": noticed.gradient.symbol(), "cell": noticed.cell, "expected": noticed.expected, "got": noticed.got})
    })
}

/// A setting of the page and all that it has to show.
fn setting(seed: usize, rng: &mut ChaCha8Rng) -> Value {
    let g = geometry(rng);
    let problem = Problem::numbered(g, seed as u64);
    let wrongs = wrong_backward_passes();
    let wrong = (!seed.is_multiple_of(3)).then(|| &wrongs[rng.next_u32() as usize % wrongs.len()]);
    let window = rng.next_u32() as usize % (g.output_size().0 * g.output_size().1);
    // All mistakes against all checks take a while.
    let zoo = seed.is_multiple_of(10).then(|| {
        let row = |wrong| Check::ALL.map(|check| check.run(&problem, Some(wrong)).is_some());
        wrongs.iter().map(|wrong| (wrong.name.to_string(), json!(row(wrong)))).collect::<Map<_, _>>()
    });
    json!({
        "channels": [g.channels, g.filters],
        "size": [g.size.0, g.size.1],
        "kernel": [g.kernel.0, g.kernel.1],
        "stride": [g.stride.0, g.stride.1],
        "padding": [g.padding.0, g.padding.1],
        "output": [g.output_size().0, g.output_size().1],
        "window": window,
        "wrong": wrong.map_or("", |wrong| wrong.name),
        "loss": problem.loss(),
        "arrays": arrays(&problem, wrong, window),
        "checks": Check::ALL.map(|check| noticed(check, &problem, wrong)),
        "zoo": zoo,
    })
}

#[test]
fn thirty_settings_agree_with_the_engine_in_every_panel_and_every_control_works() {
    let Some(python) = browser::python_with_browser() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let settings: Vec<Value> = (0..SETTINGS).map(|seed| setting(seed, &mut rng)).collect();
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("expected.json");
    fs::write(&expected, Value::from(settings).to_string()).unwrap();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = convolution_page::assemble::page_path();
    let output =
        Command::new(python).arg("-B").arg(folder.join("tests/drive.py")).args([page, expected]).output();
    let output = output.unwrap();
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{error}");
    println!("{said}");
    assert_eq!(said.matches("agrees").count(), SETTINGS, "{said}");
    assert_eq!(said.matches("behaves").count(), 4, "{said}");
}
