//! What goes to other programs and comes from them: gradients at given weights, the encoder as ONNX, completions.
//! Where Python has the packages, PyTorch and onnxruntime are held against the engine.

mod common;

use common::{Grey, fail, glyphs, python, succeed, train, write_omniglot};
use std::fs;
use std::path::Path;
use std::process::Command;
use twinglyph::run::arrays_file::load_arrays;
use twinglyph::run::checkpoint_file::write_arrays;
use twinglyph::train::checkpoint::Checkpoint;
use twinglyph_engine::tensor::Tensor;

/// A batch of pairs for the report's encoder on small images, and the weights of a run on such.
fn furnish(folder: &Path) -> Checkpoint {
    write_omniglot(&glyphs(6, 9), &folder.join("set"));
    let arguments = ["--recipe", "report-contrastive", "--data", "set", "--out", "run", "--quiet"];
    succeed(folder, &train(&[&arguments[..], &["--set", "size=40", "--set", "channels=2"]].concat()));
    let mut batch = Checkpoint::default();
    for (side, shift) in [("left", 0.0), ("right", 1.0)] {
        let images = Tensor::from_fn([3, 2, 40, 40], |i| (0.37f32 * i as f32 + shift).sin().max(0.0));
        batch.put_tensor(side, &images);
    }
    batch.put("same", vec![1.0f32, 0.0, 0.0]);
    write_arrays(&folder.join("batch.safetensors"), &batch).unwrap();
    batch
}

const GRADIENTS: [&str; 9] = [
    "gradients",
    "--recipe",
    "run/config.toml",
    "--weights",
    "run/model.safetensors",
    "--batch",
    "batch.safetensors",
    "--out",
    "out.safetensors",
];

#[test]
fn gradients_are_those_that_a_difference_of_losses_shows() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let loss_at = |weights: &str| -> f64 {
        let mut arguments = GRADIENTS.to_vec();
        arguments[4] = weights;
        let said = succeed(temp.path(), &[&arguments[..], &["--precision", "f64", "--eval"]].concat());
        said.strip_prefix("loss ").unwrap().split(';').next().unwrap().parse().unwrap()
    };
    let loss = loss_at("run/model.safetensors");
    assert!(loss.is_finite() && loss > 0.0);
    let bytes = fs::read(temp.path().join("out.safetensors")).unwrap();
    let out = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        let view = out.tensor(name).unwrap_or_else(|_| panic!("{name} in {:?}", out.names()));
        assert_eq!(view.dtype(), safetensors::Dtype::F64);
        view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    assert_eq!(numbers("loss"), [loss]);
    assert_eq!(out.tensor("embedding.left").unwrap().shape()[0], 3);
    assert!(out.tensor("embedding.right").is_ok());
    // One weight of each kind of layer, moved a little either way.
    let model = fs::read(temp.path().join("run/model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&model).unwrap();
    let mut checked = 0;
    for (name, view) in tensors.tensors() {
        let running = name.contains("running");
        assert_eq!(out.tensor(&format!("grad.{name}")).is_err(), running, "{name}");
        if running {
            assert!(out.tensor(&name).is_ok(), "{name}");
            continue;
        }
        let gradient = numbers(&format!("grad.{name}"));
        let at =
            (0..gradient.len()).max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs())).unwrap();
        if gradient[at].abs() < 1e-4 {
            continue;
        }
        let eps = 1e-6;
        let losses = [eps, -eps].map(|eps| {
            let mut moved = Checkpoint::default();
            for (other, view) in tensors.tensors() {
                let mut values: Vec<f64> = (view.data().chunks_exact(4))
                    .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
                    .collect();
                if other == name {
                    values[at] += eps;
                }
                moved.put(other.clone(), values);
                moved.arrays.get_mut(&other).unwrap().shape = view.shape().to_vec();
            }
            write_arrays(&temp.path().join("moved.safetensors"), &moved).unwrap();
            loss_at("moved.safetensors")
        });
        let slope = (losses[0] - losses[1]) / (2.0 * eps);
        assert!(
            (slope - gradient[at]).abs() < 1e-5 * gradient[at].abs() + 1e-9,
            "{name}[{at}] of {:?}: {slope} and {}",
            view.shape(),
            gradient[at]
        );
        checked += 1;
    }
    assert!(checked >= 6, "{checked}");
}

#[test]
fn what_gradients_cannot_use_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let batch = furnish(temp.path());
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut changed = batch.clone();
        change(&mut changed);
        write_arrays(&temp.path().join("changed.safetensors"), &changed).unwrap();
        let mut arguments = GRADIENTS.to_vec();
        arguments[6] = "changed.safetensors";
        fail(temp.path(), &arguments, 1)
    };
    for (said, expected) in [
        (
            refused(&|batch| {
                batch.arrays.remove("right");
            }),
            "changed.safetensors: has no array right, expected it beside left, same",
        ),
        (
            refused(&|batch| batch.put("same", vec![1.0f32, 0.5, 0.0])),
            "array same has 0.5 at 1, expected 3 whole numbers from 0 to 1",
        ),
        (
            refused(&|batch| batch.put("same", vec![-1.0f32, 1.0, 1.0])),
            "array same has -1 at 0, expected 3 whole numbers from 0 to 1",
        ),
        (
            refused(&|batch| batch.put("same", vec![1.0f32; 4])),
            "array same has the shape [4], expected 3 whole numbers from 0 to 1",
        ),
        (
            refused(&|batch| batch.put("left", vec![1.0f32; 9600])),
            "array left has the shape [9600], expected [N, 2, 40, 40]",
        ),
        (
            refused(&|batch| batch.put_tensor("right", &Tensor::zeros([2, 2, 40, 40]))),
            "array right has the shape [2, 2, 40, 40], expected [3, 2, 40, 40]",
        ),
        (
            refused(&|batch| batch.put_tensor("left", &Tensor::from_fn([3, 2, 40, 40], |_| f32::NAN))),
            "array left holds NaN, expected finite numbers",
        ),
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let mut arguments = GRADIENTS.to_vec();
    arguments[4] = "batch.safetensors";
    let said = fail(temp.path(), &arguments, 1);
    assert!(said.contains("batch.safetensors: has no array encoder.0.weight, expected it beside"), "{said}");
    arguments[4] = "set";
    assert!(fail(temp.path(), &arguments, 1).contains("set: "));
    assert!(!temp.path().join("out.safetensors").exists());
    assert!(load_arrays(&temp.path().join("run/config.toml")).is_err());
}

#[test]
fn export_writes_a_file_and_says_what_goes_in_and_comes_out() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let said = succeed(temp.path(), &["export", "run", "--onnx", "encoder.onnx"]);
    assert_eq!(said, "images (N, 2, 40, 40) to embedding (N, 10): encoder.onnx\n");
    let bytes = fs::read(temp.path().join("encoder.onnx")).unwrap();
    // IR version 8, and the producer.
    assert!(bytes.starts_with(b"\x08\x08\x12\x09twinglyph"));
    succeed(temp.path(), &["export", "run/model.safetensors", "--onnx", "again.onnx"]);
    assert!(bytes == fs::read(temp.path().join("again.onnx")).unwrap());
    let said = fail(temp.path(), &["export", "run", "--onnx", "none/encoder.onnx"], 1);
    assert!(said.contains("none/encoder.onnx"), "{said}");
}

#[test]
fn embed_writes_what_numpy_reads() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let said = succeed(temp.path(), &["embed", "run", "--out", "all.npz"]);
    assert_eq!(said, "72 embeddings of 10 numbers: all.npz\n");
    let bytes = fs::read(temp.path().join("all.npz")).unwrap();
    for name in ["embeddings.npy", "alphabet.npy", "character.npy", "drawer.npy", "path.npy"] {
        assert!(bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
    }
    let said = fail(temp.path(), &["embed", "run", "--data", "none", "--out", "more.npz"], 1);
    assert!(said.contains("none: does not exist, expected a folder or a zip archive"), "{said}");
    if let Some(python) = python("numpy") {
        let script = "import numpy, os\n\
            z = numpy.load('all.npz')\n\
            assert z['embeddings'].shape == (72, 10) and z['embeddings'].dtype == numpy.float32\n\
            assert len(set(z['alphabet'])) == 6 and len(set(z['character'])) == 3\n\
            assert sorted(set(z['drawer'].tolist())) == [1, 2, 3, 4]\n\
            assert all(os.path.exists('set/' + path) for path in z['path'])\n";
        let output = Command::new(python).current_dir(temp.path()).args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn nearest_lists_and_draws_the_glyphs_most_like_one() {
    let temp = tempfile::tempdir().unwrap();
    furnish(temp.path());
    let set = twinglyph::data::omniglot::load(&[temp.path().join("set")], &()).unwrap();
    let path = set.path(17);
    let glyph = format!("set/{path}");
    let list = succeed(temp.path(), &["nearest", "run", &glyph, "-k", "7", "--picture", "sheet.png"]);
    assert_eq!(list.lines().count(), 7, "{list}");
    // Itself comes first.
    assert!(list.lines().next().unwrap().ends_with(&path), "{list}");
    let json = succeed(temp.path(), &["nearest", "run", &glyph, "-k", "100", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 72);
    let distances: Vec<f64> = found.iter().map(|one| one["distance"].as_f64().unwrap()).collect();
    assert!(distances.is_sorted(), "{distances:?}");
    assert_eq!(found[0]["path"], path.as_str());
    // The sheet: eight glyphs, five a row, a dark frame around the first.
    let sheet = Grey::open(temp.path().join("sheet.png"));
    assert_eq!(sheet.size, (5 * 117, 2 * 117));
    assert_eq!((sheet.at(0, 0), sheet.at(118, 0)), (64, 200));
    let first: Vec<u8> = (0..105).map(|x| sheet.at(6 + x, 60)).collect();
    let second: Vec<u8> = (0..105).map(|x| sheet.at(123 + x, 60)).collect();
    assert_eq!(first, second, "the glyph and its nearest are one");
    let said = fail(temp.path(), &["nearest", "run", &glyph, "--picture", "sheet.svg"], 2);
    assert!(said.contains("--picture sheet.svg: expected a name that ends in .png"), "{said}");
}

#[test]
fn completions_name_the_commands() {
    let temp = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeed(temp.path(), &["completions", shell]);
        for command in ["cross-validate", "one-shot", "gradients"] {
            assert!(script.contains(command), "{shell}");
        }
    }
    let said = fail(temp.path(), &["completions", "bsh"], 2);
    assert!(said.contains("a similar value exists: 'bash'"), "{said}");
}

fn run_script(python: &Path, script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let output =
        Command::new(python).arg("-B").arg(path).arg(env!("CARGO_BIN_EXE_twinglyph")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.lines().count() >= 8, "{said}{error}");
}

#[test]
fn exported_encoders_give_the_same_embeddings_elsewhere() {
    if let Some(python) = python("numpy, safetensors, onnxruntime") {
        run_script(&python, "round_trip.py");
    }
}

#[test]
fn gradients_are_pytorchs() {
    if let Some(python) = python("torch, safetensors") {
        run_script(&python, "gradients.py");
    }
}

/// The Python of docs/exchange.md, block by block, as its reader would run it, on a run of each kind of encoder.
#[test]
fn the_page_on_other_programs_does_what_it_says() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exchange.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 5);
    let needs = ["numpy, PIL", "onnxruntime", "tract", "torch, safetensors", "keras, torch, safetensors"];
    if python(needs[0]).is_none() {
        return;
    }
    // Convolutions of all kinds; those of Keras are others.
    const OWN: &str = "size = 26\nencoder = [\n\
        { layer = \"conv2d\", filters = 6, kernel = 3, stride = 2, padding = 1 }, { layer = \"relu\" },\n\
        { layer = \"conv2d\", filters = 6, kernel = 3, padding = 1, groups = 6 }, { layer = \"tanh\" },\n\
        { layer = \"conv2d\", filters = 4, kernel = [2, 3], dilation = [2, 1], groups = 2 }, { layer = \"relu\" },\n\
        { layer = \"conv_transpose2d\", filters = 4, kernel = 3, stride = 2, padding = [1, 0], output_padding = 1, groups = 2 },\n\
        { layer = \"flatten\" }, { layer = \"dense\", units = 5 }]\n";
    for recipe in ["quick", "report-contrastive", "figure5-triplet", "own.toml"] {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("own.toml"), OWN).unwrap();
        write_omniglot(&glyphs(6, 9), &temp.path().join("set"));
        let small = ["sample.alphabets=4", "sample.characters=2", "sample.drawings=2"];
        let settings = small.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = ["--recipe", recipe, "--data", "set", "--out", "run", "--quiet"]
            .into_iter()
            .chain(settings)
            .collect();
        succeed(temp.path(), &train(&arguments));
        succeed(temp.path(), &["embed", "run", "--out", "embeddings.npz", "--quiet"]);
        succeed(temp.path(), &["export", "run", "--onnx", "encoder.onnx"]);
        fs::write(temp.path().join("prepare.py"), blocks[0]).unwrap();
        for (block, needs) in blocks.iter().zip(needs).skip(1) {
            if recipe == "own.toml" && needs.starts_with("keras") {
                continue;
            }
            let Some(python) = python(needs) else { continue };
            let output = Command::new(python)
                .current_dir(temp.path())
                .env("KERAS_BACKEND", "torch")
                .env("PYTHONPATH", temp.path())
                .args(["-c", block])
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{recipe}, {needs}: {error}");
            println!("{recipe}: {}", String::from_utf8_lossy(&output.stdout).trim());
        }
    }
}
