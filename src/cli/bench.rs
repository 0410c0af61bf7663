//! `twinglyph bench`: how long a training step, or encoding, takes on this machine.

use super::output::{MOST_THREADS, print, print_json};
use super::profile::{Profile, Recorder};
use serde::Serialize;
use std::time::Instant;
use twinglyph::run::config::load_recipe;
use twinglyph::run::environment::peak_rss_mib;
use twinglyph::train::rehearsal;
use twinglyph::{Error, Result};
use twinglyph_engine::nn::{Architecture, Model};
use twinglyph_engine::tape::expect_room;
use twinglyph_kernels::{im2col, route::Way};

/// Time a training step, or encoding alone, on random images.
///
/// With TWINGLYPH_CONV=im2col in the environment all convolutions go by the textbook: what is won by the others is seen.
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
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MOST_THREADS))]
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
    /// Print which way each convolution of the recipe goes, and why; nothing is timed.
    #[arg(long, conflicts_with_all = ["infer", "profile", "steps"])]
    ways: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A line of `--ways`.
#[derive(Serialize)]
struct Ways {
    /// As the recipe names it.
    layer: String,
    /// The images that it is of, (N, C, H, W).
    images: [usize; 4],
    y: String,
    dw: String,
    /// Empty where nobody asks for it.
    dx: String,
}

fn print_ways(architecture: &Architecture, images: usize, json: bool) -> Result<()> {
    let mut reasons: Vec<(String, String)> = Vec::new();
    let mut lines = Vec::new();
    for convolution in architecture.convolutions(images)? {
        let (g, i) = (convolution.geometry, convolution.layer);
        let mut named = |way: Way| {
            if im2col::is_asked_for() {
                return "im2col".to_string();
            }
            let reason = (way.to_string(), way.why());
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
            way.to_string()
        };
        let [y, dw, dx] = convolution.ways();
        // Nobody wants the gradient of an image.
        let dx = if i == 0 { String::new() } else { named(dx) };
        let (y, dw) = (named(y), named(dw));
        let ((h, w), channels) = match convolution.name {
            "conv2d" => (g.size, g.channels),
            _ => (g.output_size(), g.filters),
        };
        lines.push(Ways {
            layer: format!("encoder[{i}] {}", convolution.name),
            images: [g.images, channels, h, w],
            y,
            dw,
            dx,
        });
    }
    if json {
        return print_json(&lines);
    }
    let mut text = format!("{:27} {:18} {:25} {:25} dx\n", "layer", "images", "y", "dw");
    for Ways { layer, images: [n, c, h, w], y, dw, dx } in lines {
        let images = format!("{n} x {c} x {h} x {w}");
        let dx = if dx.is_empty() { "(not wanted)" } else { &dx };
        text += &format!("{layer:27} {images:18} {y:25} {dw:25} {dx}\n");
    }
    for (way, why) in reasons {
        text += &format!("\n{way}: {why}");
    }
    print(format_args!("{}", text.trim_end()))
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
    let architecture = recipe.architecture();
    let pairs = arguments.pairs as usize;
    let images = rehearsal::images(architecture.objective.form(), pairs);
    if arguments.ways {
        return print_ways(&architecture, images, arguments.json);
    }
    // Once to copy from, once on the tape.
    let numbers = architecture.input.iter().product::<usize>().saturating_mul(2 * images);
    expect_room::<f32>(numbers)?;
    let mut model = Model::<f32>::new(architecture, recipe.seed)?;
    let recorder = Recorder::default();
    if arguments.profile {
        model.tape_mut().watch(recorder.clone());
    }
    let mut step = if arguments.infer {
        rehearsal::encoding(model, recipe.seed, images)
    } else {
        let recorder = recorder.clone();
        let around = Box::new(move |part, work: &mut dyn FnMut()| recorder.time(part, work));
        rehearsal::training(model, recipe.learning_rate, recipe.seed, pairs, around)
    };
    let mut times = Vec::with_capacity(arguments.steps as usize);
    for i in 0..WARM_UP + arguments.steps {
        if i == WARM_UP {
            recorder.forget();
        }
        let start = Instant::now();
        let result = step().map_err(|error| Error::input(format!("--pairs {pairs}"), error.to_string()))?;
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
