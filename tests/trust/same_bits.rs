//! One seed, one result: at any number of threads, every time, and how far instruction sets differ.

use crate::common::{OWN, skip, succeed, train};
use std::fs;
use std::path::Path;
use std::process::Command;
use twinglyph::recipes::{Recipe, built_in};
use twinglyph::run::checkpoint_file::write_arrays;
use twinglyph::train::checkpoint::Checkpoint;
use twinglyph_engine::Tensor;
use twinglyph_engine::nn::{Architecture, Layer, Model, Objective};
use twinglyph_kernels::simd::Level;

const RECIPES: [&str; 3] = ["report-contrastive", "figure5-contrastive", "report-triplet"];

#[test]
fn one_seed_gives_one_model_file_at_any_number_of_threads() {
    let temp = tempfile::tempdir().unwrap();
    for recipe in RECIPES {
        let mut models = Vec::new();
        for threads in ["1", "2", "3", "4", "7", "16"] {
            let out = format!("{recipe}-{threads}");
            let arguments = ["--recipe", recipe, "--threads", threads, "--out", &out, "--quiet"];
            succeed(temp.path(), &train(&arguments));
            models.push(fs::read(temp.path().join(out).join("model.safetensors")).unwrap());
        }
        assert!(models.iter().all(|model| *model == models[0]), "{recipe}");
    }
}

#[test]
fn twenty_runs_give_one_model_file() {
    let temp = tempfile::tempdir().unwrap();
    let run = |i: usize| {
        let out = format!("run{i}");
        // The number of threads is left to the machine, as a user leaves it.
        succeed(temp.path(), &train(&["--recipe", "quickstart", "--out", &out, "--quiet"]));
        fs::read(temp.path().join(out).join("model.safetensors")).unwrap()
    };
    let first = run(0);
    assert!((1..20).all(|i| run(i) == first));
}

#[test]
fn an_encoder_of_ones_own_with_all_that_is_drawn_gives_one_model_file_too() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("own.toml"), OWN).unwrap();
    let models = ["1", "2", "3", "4", "7", "16"].map(|threads| {
        let arguments = ["--recipe", "own.toml", "--threads", threads, "--out", threads, "--quiet"];
        succeed(temp.path(), &train(&arguments));
        fs::read(temp.path().join(threads).join("model.safetensors")).unwrap()
    });
    assert!(models.iter().all(|model| *model == models[0]));
}

/// Encodings are made many at a time: how many is no part of the answer.
#[test]
fn an_embedding_does_not_depend_on_how_many_are_made_with_it() {
    let conv = |filters| Layer::conv2d(filters, 3, 0);
    for (size, filters) in [(9, 16), (10, 16), (10, 24), (13, 8), (10, 31), (12, 16), (10, 48), (14, 64)] {
        let encoder =
            vec![conv(filters), Layer::Relu {}, conv(filters), Layer::Flatten {}, Layer::Dense { units: 3 }];
        let architecture = Architecture {
            input: [1, size, size],
            encoder,
            head: false,
            views: 1,
            objective: Objective::default(),
        };
        let model = Model::<f32>::new(architecture, 1).unwrap();
        let embed = |count: usize| {
            let pixel = |i: usize, at: usize| ((i * 31 + at * 17) % 23) as f32 / 23.0 - 0.4;
            let image = |i: usize, image: &mut [f32]| {
                image.iter_mut().enumerate().for_each(|(at, x)| *x = pixel(i, at));
            };
            model.embed(count, image).unwrap().into_values()
        };
        let all = embed(70);
        for count in [1, 2, 3, 15, 16, 17, 18, 31, 32, 33, 64, 65] {
            assert!(embed(count) == all[..3 * count], "{count} of {size} x {size}, {filters} filters");
        }
    }
}

/// The loss, the embeddings and every gradient of one step on fixed weights and images, at a level.
fn step(folder: &Path, level: Level) -> Vec<(String, Vec<f64>)> {
    let arguments = ["gradients", "--recipe", "run/config.toml", "--weights", "run/model.safetensors"];
    let out = format!("{level}.safetensors");
    let output = Command::new(env!("CARGO_BIN_EXE_twinglyph"))
        .current_dir(folder)
        .env("TWINGLYPH_SIMD", level.to_string())
        .args([&arguments[..], &["--batch", "batch.safetensors", "--out", &out]].concat())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = fs::read(folder.join(out)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |bytes: &[u8]| -> Vec<f64> {
        bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
    };
    let mut all: Vec<_> =
        file.tensors().into_iter().map(|(name, view)| (name, numbers(view.data()))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Between instruction sets sums are cut differently, so the last bits differ. What is compared is one step at fixed weights:
/// over many steps Adam makes steps of full size of gradients that are nothing but rounding, such as that of a bias
/// before a batch-norm, and two trainings part.
#[test]
fn instruction_sets_give_the_same_step_to_a_ten_thousandth() {
    let levels = Level::available();
    if levels.len() == 1 {
        return skip("levels", "this CPU has portable vectors alone");
    }
    for recipe in ["report-contrastive", "figure5-contrastive"] {
        let temp = tempfile::tempdir().unwrap();
        succeed(temp.path(), &train(&["--recipe", recipe, "--out", "run", "--quiet"]));
        let channels = Recipe::parse(recipe, built_in(recipe).unwrap(), &[]).unwrap().channels;
        let mut batch = Checkpoint::default();
        for (side, shift) in [("left", 0.0), ("right", 1.0)] {
            let image = |i: usize| (0.37f32 * i as f32 + shift).sin().max(0.0);
            batch.put_tensor(side, &Tensor::from_fn([4, channels, 105, 105], image));
        }
        batch.put("same", vec![1.0f32, 0.0, 1.0, 0.0]);
        write_arrays(&temp.path().join("batch.safetensors"), &batch).unwrap();
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
        let expected = step(temp.path(), levels[0]);
        let gradients = expected.iter().filter(|(name, _)| name.starts_with("grad."));
        let whole = norm(&mut gradients.flat_map(|(_, values)| values.iter().copied()));
        for &level in &levels[1..] {
            let mut worst = (0.0, "");
            for ((name, a), (_, b)) in expected.iter().zip(&step(temp.path(), level)) {
                let difference = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
                // A gradient of less than a thousandth of the whole is compared with that.
                let size = norm(&mut a.iter().copied()).max(1e-3 * whole).max(1e-6);
                if difference / size > worst.0 {
                    worst = (difference / size, name);
                }
            }
            println!("{recipe}: {level} differs from {} by {:.1e} in {}", levels[0], worst.0, worst.1);
            assert!(worst.0 < 1e-4, "{recipe} at {level}: {worst:?}");
        }
    }
}
