//! A training step, and encoding, of each built-in recipe: by the number of pairs (or triplets) and of threads.
//!
//! `cargo bench --bench step`, or of some: `cargo bench --bench step -- report`. Criterion's "elem" are images.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
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

fn steps(criterion: &mut Criterion) {
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
                let mut group = criterion.benchmark_group(format!("{name} {what}"));
                group.throughput(Throughput::Elements(images as u64));
                // A result is the same at any number of threads.
                let mut first = None;
                for threads in threads() {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                    let mut step = step();
                    let result = pool.install(&mut step).expect("a step").to_bits();
                    assert_eq!(
                        *first.get_or_insert(result),
                        result,
                        "{name}: {threads} threads, another result"
                    );
                    let id = BenchmarkId::new(format!("{threads} threads"), format!("{images} images"));
                    group.bench_function(id, |bench| {
                        pool.install(|| bench.iter(|| step().expect("a step")));
                    });
                }
            }
        }
    }
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    targets = steps
}
criterion_main!(all);
