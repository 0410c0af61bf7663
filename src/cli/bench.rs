//! `twinglyph bench`: how long a training step, or encoding, takes on this machine.

use super::output::{print, print_json};
use super::profile::{Profile, Recorder};
use crate::data::GLYPH_SIZE;
use crate::nn::{Adam, AdamSettings, Loss, Mode, Model};
use crate::random::rng;
use crate::recipes::Recipe;
use crate::run::config::load_recipe;
use crate::run::environment::peak_rss_mib;
use crate::{Error, Result};
use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;
use std::time::Instant;

/// Time a training step, or encoding alone, on random images.
///
/// Example: twinglyph bench --recipe figure5-contrastive --threads 2
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A built-in recipe or a FILE.toml.
    #[arg(long, default_value = "report-contrastive", value_name = "NAME|FILE.toml")]
    recipe: String,
    /// Pairs (or triplets) a step.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pairs: u32,
    /// Threads; all cores unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Steps that are timed, after 5 that are not.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(20..))]
    steps: u32,
    /// Channels of the images; the recipe's unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    channels: Option<u16>,
    /// Time encoding alone: a pair is two images, a triplet three.
    #[arg(long)]
    infer: bool,
    /// Show where the time goes: each op, forward and backward, against what this machine can do.
    #[arg(long)]
    profile: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Timing {
    /// Median over the timed steps.
    ms_per_step: f64,
    ms_min: f64,
    images_per_s: f64,
    /// The most memory that the process has held; null where the system does not tell.
    peak_rss_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// Steps before the timed ones.
const WARM_UP: u32 = 5;

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut recipe = load_recipe(&arguments.recipe, &[])?;
    if let Some(channels) = arguments.channels {
        recipe.channels = usize::from(channels);
    }
    let architecture = recipe.architecture(GLYPH_SIZE);
    let pairs = arguments.pairs as usize;
    let images = pairs * towers(&recipe.loss);
    let mut model = Model::<f32>::new(architecture, recipe.seed)?;
    let recorder = Recorder::default();
    if arguments.profile {
        model.tape_mut().watch(recorder.clone());
    }
    let mut step = if arguments.infer {
        encoding(model, &recipe, images)
    } else {
        training(model, &recipe, pairs, recorder.clone())
    };
    let mut times = Vec::with_capacity(arguments.steps as usize);
    for i in 0..WARM_UP + arguments.steps {
        if i == WARM_UP {
            recorder.forget();
        }
        let start = Instant::now();
        let result = step()?;
        if i >= WARM_UP {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        if !result.is_finite() {
            return Err(Error::input("bench", format!("step {i} gave {result}, expected a finite number")));
        }
    }
    times.sort_by(f64::total_cmp);
    let median = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
    let timing = Timing {
        ms_per_step: median,
        ms_min: times[0],
        images_per_s: images as f64 / median * 1e3,
        peak_rss_mib: peak_rss_mib(),
        profile: arguments.profile.then(|| recorder.profile(arguments.steps)),
    };
    if arguments.json {
        return print_json(&timing);
    }
    let memory = timing.peak_rss_mib.map_or(String::new(), |mib| format!(", at most {mib:.0} MiB"));
    print(format_args!(
        "{}: {:.1} ms/step (least {:.1}), {:.0} images/s{memory}",
        arguments.recipe, timing.ms_per_step, timing.ms_min, timing.images_per_s
    ))?;
    timing.profile.map_or(Ok(()), |profile| print(format_args!("\n{profile}")))
}

/// A training step, forward, backward and Adam, on the same random images every time; returns the loss.
fn training(mut model: Model<f32>, recipe: &Recipe, pairs: usize, recorder: Recorder) -> Step {
    let mut adam =
        Adam::new(&model, AdamSettings { learning_rate: recipe.learning_rate, ..Default::default() });
    let architecture = model.architecture().clone();
    let [c, h, w] = architecture.input;
    let mut rng = rng(recipe.seed, 1);
    let mut random = || -> Vec<f32> { (0..pairs * c * h * w).map(|_| rng.random_range(0.0..1.0)).collect() };
    let images: Vec<Vec<f32>> = (0..towers(&recipe.loss)).map(|_| random()).collect();
    Box::new(move || {
        model.forget();
        let tape = model.tape_mut();
        let mut side = |i: usize| {
            recorder
                .time("images", || tape.constant_with([pairs, c, h, w], |values| copy(&images[i], values)))
        };
        let loss = match architecture.loss {
            Loss::Contrastive => {
                let sides = [side(0), side(1)];
                let same = tape.constant_with([pairs, 1], |values| {
                    values.iter_mut().enumerate().for_each(|(i, value)| *value = (i % 2) as f32);
                });
                model.pair_loss(sides, same, Mode::Train)?.0
            }
            Loss::Triplet => {
                let sides = [side(0), side(1), side(2)];
                model.triplet_loss(sides, Mode::Train)?.0
            }
        };
        model.tape_mut().backward(loss)?;
        recorder.time("adam", || adam.step(&mut model));
        Ok(model.tape().value(loss).values()[0])
    })
}

/// Encoding of random images in eval mode; returns the first number of the first embedding.
fn encoding(mut model: Model<f32>, recipe: &Recipe, count: usize) -> Step {
    let [c, h, w] = model.architecture().input;
    let mut rng = rng(recipe.seed, 1);
    let images: Vec<f32> = (0..count * c * h * w).map(|_| rng.random_range(0.0..1.0)).collect();
    Box::new(move || {
        let write =
            |i: usize, image: &mut [f32]| image.copy_from_slice(&images[i * image.len()..][..image.len()]);
        Ok(model.embed(count, write)?.values()[0])
    })
}

/// to = from, by all threads: a training step's images are written by all threads too.
fn copy(from: &[f32], to: &mut [f32]) {
    let chunk = 1 << 16;
    to.par_chunks_mut(chunk).zip(from.par_chunks(chunk)).for_each(|(to, from)| to.copy_from_slice(from));
}

type Step = Box<dyn FnMut() -> Result<f32>>;

/// Images that a pair or a triplet has.
fn towers(loss: &Loss) -> usize {
    match loss {
        Loss::Contrastive => 2,
        Loss::Triplet => 3,
    }
}
