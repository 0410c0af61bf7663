//! No cliff: every pass of convolutions of all kinds against im2col with matrixmultiply, on one thread, in turn.
//!
//! `cargo bench --bench grid` takes a sample of 120 shapes of the grid below, `-- 1000` more, `-- all` every one that
//! fits in memory. It prints those of the least ratio of speed, and for each pass the least and the median.

mod common;

use common::{Convolution, PASSES, Pass, flops, in_turn, seconds};
use rand::RngExt;
use twinglyph_engine::random::rng;
use twinglyph_kernels::Geometry;
use twinglyph_kernels::route::{Place, way};

const CHANNELS: [usize; 8] = [1, 2, 3, 4, 8, 16, 64, 128];
const FILTERS: [usize; 6] = [1, 3, 8, 16, 64, 128];
const KERNELS: [(usize, usize); 6] = [(1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (1, 5)];
const PIXELS: [usize; 7] = [7, 14, 28, 51, 56, 105, 224];
const BATCHES: [usize; 4] = [1, 4, 32, 256];
/// Operations of a case at most: a shape of the grid that has more is tried with fewer images.
const MOST: u64 = 1_500_000_000;
/// How often each side is timed, in turn.
const ROUNDS: usize = 5;

fn main() {
    // `cargo bench` gives --bench; `cargo test` --test: a few shapes then, to see that all is right.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only_check = !arguments.iter().any(|argument| argument == "--bench");
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--"));
    let all = grid();
    let count = match wanted.map(String::as_str) {
        Some("all") => all.len(),
        Some(count) => count.parse().expect("how many shapes, or `all`"),
        None if only_check => 6,
        None => 120,
    };
    common::on_this_thread();
    run(&sample(all, count), only_check);
}

/// A case: a pass, GFLOP/s of the kernels, and how many times those of im2col and matrixmultiply that is.
type Case = (Geometry, Pass, f64, f64);

fn run(shapes: &[Geometry], only_check: bool) {
    let mut cases: Vec<Case> = Vec::new();
    for g in shapes {
        let mut convolution = Convolution::new(*g);
        for pass in PASSES {
            if flops(g) < MOST / 4 || only_check {
                convolution.check(pass, false);
                convolution.check(pass, true);
            }
            if !only_check {
                let [ours, theirs] = both(&mut convolution, pass);
                cases.push((*g, pass, flops(g) as f64 / ours / 1e9, theirs / ours));
            }
        }
    }
    if only_check {
        return println!("{} shapes checked", shapes.len());
    }
    for pass in PASSES {
        let mut cases: Vec<&Case> = cases.iter().filter(|case| case.1 == pass).collect();
        cases.sort_by(|a, b| a.3.total_cmp(&b.3));
        let (Some(least), Some(median)) = (cases.first(), cases.get(cases.len() / 2)) else { continue };
        println!(
            "\n{}, {} shapes: median {:.2} times as fast, least {:.2}",
            common::name(pass),
            cases.len(),
            median.3,
            least.3
        );
        for (g, _, rate, ratio) in cases.iter().take(12) {
            let (pixels, kernel) = (g.size.0, g.kernel);
            println!(
                "  {ratio:5.2} x  {rate:6.1} GFLOP/s  {} x {}, {pixels} px, {} filters {} x {}, stride {}, padding {}, dilation {}, {} groups, by {}",
                g.images,
                g.channels,
                g.filters,
                kernel.0,
                kernel.1,
                g.stride.0,
                g.padding.0,
                g.dilation.0,
                g.groups,
                way(pass, g, Place::Plain)
            );
        }
    }
}

/// Median seconds of the kernels and of im2col with matrixmultiply.
fn both(convolution: &mut Convolution, pass: Pass) -> [f64; 2] {
    // Short cases are repeated until the clock can tell them.
    let repeats = (20_000_000 / flops(&convolution.g)).clamp(1, 200);
    let timings = in_turn(ROUNDS, || {
        let ours = seconds(repeats, || convolution.run(pass));
        [ours, seconds(repeats, || convolution.run_by_columns(pass))]
    });
    timings.map(|timing| timing.median)
}

fn grid() -> Vec<Geometry> {
    let mut all = Vec::new();
    for channels in CHANNELS {
        for filters in FILTERS {
            for kernel in KERNELS {
                for pixels in PIXELS {
                    for images in BATCHES {
                        for (stride, padding) in [(1, 0), (1, kernel.0 / 2), (2, 0), (2, kernel.0 / 2)] {
                            let (size, stride, padding) =
                                ((pixels, pixels), (stride, stride), (padding, padding));
                            let plain = Geometry {
                                channels,
                                size,
                                filters,
                                kernel,
                                stride,
                                padding,
                                ..Geometry::default()
                            };
                            // As it is, with weights that stand apart, in two groups, and depthwise.
                            let others = [
                                plain,
                                Geometry { dilation: (2, 2), ..plain },
                                Geometry { groups: 2, ..plain },
                                Geometry { groups: channels, ..plain },
                            ];
                            let fits = |g: &Geometry| {
                                let cut =
                                    g.channels.is_multiple_of(g.groups) && g.filters.is_multiple_of(g.groups);
                                cut && g.positions() > 0
                            };
                            for mut g in others.into_iter().filter(fits) {
                                g.images = (MOST / flops(&g).max(1)).clamp(1, images as u64) as usize;
                                all.push(g);
                            }
                        }
                    }
                }
            }
        }
    }
    let steps = |g: &Geometry| (g.stride, g.padding, g.dilation, g.groups);
    all.sort_by_key(|g| (g.channels, g.filters, g.kernel, g.size, g.images, steps(g)));
    all.dedup();
    all
}

/// So many of them, always the same.
fn sample(mut all: Vec<Geometry>, count: usize) -> Vec<Geometry> {
    let mut rng = rng(11, 0);
    for i in 0..count.min(all.len()) {
        let j = rng.random_range(i..all.len());
        all.swap(i, j);
    }
    all.truncate(count);
    all
}
