//! A training step, and encoding, of each built-in recipe: by the number of pairs (or triplets) and of threads.
//!
//! `cargo bench --bench step`, or of those whose names have a text in them: `cargo bench --bench step -- report`.
//! The time is the median of the rounds; behind it the least and the greatest.

mod common;

use common::{Amount::Images, Bench};
use twinglyph::recipes::{BUILT_IN, Recipe};
use twinglyph::train::rehearsal::{Step, encoding, images, training};
use twinglyph_engine::nn::Model;

const PAIRS: [usize; 3] = [8, 32, 128];

/// 1, 2, 4, ... and all cores.
fn threads() -> Vec<usize> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut threads: Vec<usize> =
        (0..).map(|power| 1 << power).take_while(|&threads| threads < cores).collect();
    threads.push(cores);
    threads
}

fn main() {
    let mut bench = Bench::new();
    for (name, text) in BUILT_IN {
        let recipe = Recipe::parse(name, text, &[]).expect("a built-in recipe");
        for pairs in PAIRS {
            let images = images(recipe.architecture().objective.form(), pairs);
            let model = || Model::<f32>::new(recipe.architecture(), recipe.seed).expect("a built-in recipe");
            // The parts of a step that are no ops are run, not timed.
            let around = || Box::new(|_: &'static str, work: &mut dyn FnMut()| work());
            let train = || training(model(), recipe.learning_rate, recipe.seed, pairs, around());
            let encode = || encoding(model(), recipe.seed, images);
            for (what, step) in [("step", &train as &dyn Fn() -> Step), ("encoding", &encode)] {
                // A result is the same at any number of threads.
                let mut first = None;
                for threads in threads() {
                    let name = format!("{name} {what}/{threads} threads/{images} images");
                    if !bench.wants(&name) {
                        continue;
                    }
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                    let mut step = step();
                    let result = pool.install(&mut step).expect("a step").to_bits();
                    assert_eq!(*first.get_or_insert(result), result, "{name}: another result");
                    pool.install(|| bench.case(&name, Images(images), || step().expect("a step")));
                }
            }
        }
    }
    bench.end();
}
