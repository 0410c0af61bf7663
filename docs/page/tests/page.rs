//! The page that is committed: made of the sources beside it, and in a browser it shows the numbers of the native engine.

#[path = "../../../tests/common/browser.rs"]
mod browser;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use twinglyph_kernels::lesson::{Check, Gradient, Problem, Steps, wrong_backward_passes};
use twinglyph_kernels::{Geometry, reference};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A generator of small numbers.
struct Numbers(u64);

impl Numbers {
    fn up_to(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % (most + 1)
    }

    fn geometry(&mut self) -> Geometry {
        loop {
            let geometry = Geometry {
                images: 1,
                channels: 1 + self.up_to(2),
                filters: 1 + self.up_to(1),
                size: (1 + self.up_to(5), 1 + self.up_to(5)),
                kernel: (1 + self.up_to(3), 1 + self.up_to(3)),
                stride: (1 + self.up_to(2), 1 + self.up_to(2)),
                padding: (self.up_to(2), self.up_to(2)),
            };
            let (h_out, w_out) = geometry.output_size();
            if (1..=16).contains(&(h_out * w_out)) {
                return geometry;
            }
        }
    }
}

/// A setting of the page, and what the engine says of it.
fn setting(n: usize, numbers: &mut Numbers) -> Value {
    let problem = Problem::numbered(numbers.geometry(), n as u64);
    let (g, wrongs) = (problem.geometry, wrong_backward_passes());
    let wrong = (n % 3 == 2).then(|| wrongs[numbers.up_to(wrongs.len() - 1)]);
    let wrong = wrong.as_ref();
    let steps = Steps::of(&problem, wrong).unwrap();
    let mut gathered = vec![0.0; g.input_len()];
    reference::conv2d_backward_input_gather(&g, &problem.weight, &problem.grad_output, &mut gathered);
    let differences = |of: Gradient| -> Vec<f64> {
        (0..problem.array(of).len()).map(|k| problem.difference(of, k, 1.0)).collect()
    };
    let name = wrong.map_or("", |wrong| wrong.name);
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let address = format!(
        "#c={}&f={}&h={}&w={}&kh={}&kw={}&sh={}&sw={}&ph={}&pw={}&x={}&k={}&b={}&dy={}&wrong={name}",
        g.channels,
        g.filters,
        g.size.0,
        g.size.1,
        g.kernel.0,
        g.kernel.1,
        g.stride.0,
        g.stride.1,
        g.padding.0,
        g.padding.1,
        list(&problem.input),
        list(&problem.weight),
        list(&problem.bias),
        list(&problem.grad_output)
    );
    json!({
        "address": address,
        "wrong": name,
        "sizes": {
            "c": g.channels, "f": g.filters, "h": g.size.0, "w": g.size.1, "kh": g.kernel.0, "kw": g.kernel.1,
            "sh": g.stride.0, "sw": g.stride.1, "ph": g.padding.0, "pw": g.padding.1,
        },
        "numbers": { "x": problem.input, "k": problem.weight, "b": problem.bias, "dy": problem.grad_output },
        "panels": {
            "padded": steps.padded, "columns": steps.columns, "y": steps.output, "db": steps.grad_bias,
            "dw": steps.grad_weight, "dcolumns": steps.grad_columns, "dx": steps.grad_input,
            "overlaps": steps.overlaps, "dilated": steps.dilated, "turned": steps.turned, "gathered": gathered,
        },
        "differences": {
            "dx": differences(Gradient::Input), "dw": differences(Gradient::Weight), "db": differences(Gradient::Bias),
        },
        "noticed": Check::ALL.map(|check| check.run(&problem, wrong).is_some()),
    })
}

#[test]
fn the_committed_page_is_made_of_the_sources() {
    let output = Command::new(env!("CARGO_BIN_EXE_twinglyph-page")).arg("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let refused = Command::new(env!("CARGO_BIN_EXE_twinglyph-page")).arg("all").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&refused.stderr), "usage: twinglyph-page [check]\n");
}

#[test]
fn in_a_browser_every_panel_shows_what_the_native_engine_computes() {
    let mut numbers = Numbers(20);
    let settings: Vec<Value> = (0..30).map(|n| setting(n, &mut numbers)).collect();
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("settings.json");
    std::fs::write(&file, serde_json::to_string(&settings).unwrap()).unwrap();
    let script = root().join("tests/peers/lesson_page.py");
    let Some(said) = browser::open_in_browser(&script, &[&root().join("docs/convolution.html"), &file])
    else {
        return;
    };
    assert_eq!(said.lines().count(), 5, "{said}");
}
