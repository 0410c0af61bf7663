//! The shapes that are timed, numbers to fill them with, the comparison with the naive twins, and the clock.
#![allow(dead_code, reason = "each bench uses its part")]

use rand::RngExt;
use std::hint::black_box;
use std::time::{Duration, Instant};
use twinglyph_engine::random::rng;
use twinglyph_kernels::{Geometry, Gradients, conv2d_backward, conv2d_forward, im2col, reference};

/// A square convolution: images, (C_in, pixels), (C_out, K), stride, padding.
const fn square(
    images: usize,
    (channels, pixels): (usize, usize),
    (filters, k): (usize, usize),
    stride: usize,
    padding: usize,
) -> Geometry {
    let (size, kernel) = ((pixels, pixels), (k, k));
    Geometry {
        images,
        channels,
        size,
        filters,
        kernel,
        stride: (stride, stride),
        padding: (padding, padding),
        dilation: (1, 1),
        groups: 1,
    }
}

/// The one table: the convolutions of both encoders, and what other encoders have.
pub const GEOMETRIES: [(&str, Geometry); 14] = [
    ("report conv 1", square(8, (3, 105), (16, 3), 1, 0)),
    ("report conv 2", square(8, (16, 51), (32, 3), 1, 0)),
    ("figure5 conv 1", square(8, (3, 105), (4, 5), 1, 0)),
    ("figure5 conv 2", square(8, (4, 50), (16, 5), 1, 0)),
    ("report conv 1, grey", square(8, (1, 105), (16, 3), 1, 0)),
    ("64 channels 26 px 3x3", square(8, (64, 26), (64, 3), 1, 1)),
    ("128 channels 13 px 3x3", square(8, (128, 13), (128, 3), 1, 1)),
    ("64 to 128 channels 26 px 3x3", square(8, (64, 26), (128, 3), 1, 1)),
    ("128 to 256 channels 6 px 3x3", square(64, (128, 6), (256, 3), 1, 1)),
    ("32 channels 52 px 3x3 stride 2", square(8, (32, 52), (64, 3), 2, 1)),
    ("64 channels 28 px 1x1", square(8, (64, 28), (128, 1), 1, 0)),
    ("3 channels 224 px 7x7 stride 2", square(2, (3, 224), (32, 7), 2, 3)),
    ("8 channels 7 px 3x3", square(256, (8, 7), (16, 3), 1, 1)),
    ("64 channels 28 px 1x1 stride 2", square(8, (64, 28), (128, 1), 2, 0)),
];

/// Makes this thread the only one that works.
pub fn on_this_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("no pool yet");
}

/// Rounds that `time` takes the median of.
const ROUNDS: usize = 15;
/// Seconds of a round at least, so that the clock can tell it, and of the warm-up.
const ROUND: f64 = 0.01;
const WARM_UP: f64 = 0.1;

/// The median of some rounds, the least and the greatest.
pub struct Timing {
    pub least: f64,
    pub median: f64,
    pub greatest: f64,
}

/// Measures N things in turn, since the clock of a processor drifts: once to warm up, then in so many rounds.
pub fn in_turn<const N: usize>(rounds: usize, mut measure: impl FnMut() -> [f64; N]) -> [Timing; N] {
    measure();
    let all: Vec<[f64; N]> = (0..rounds).map(|_| measure()).collect();
    std::array::from_fn(|i| {
        let mut all: Vec<f64> = all.iter().map(|round| round[i]).collect();
        all.sort_by(f64::total_cmp);
        Timing { least: all[0], median: all[rounds / 2], greatest: all[rounds - 1] }
    })
}

/// Seconds that a piece of work takes, done so many times in a row.
pub fn seconds<R>(times: u64, mut work: impl FnMut() -> R) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    start.elapsed().as_secs_f64() / times as f64
}

/// Seconds that a piece of work takes.
pub fn time<R>(mut work: impl FnMut() -> R) -> Timing {
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < WARM_UP {
        black_box(work());
        done += 1;
    }
    let times = (ROUND * f64::from(done) / start.elapsed().as_secs_f64()).ceil() as u64;
    let [timing] = in_turn(ROUNDS, || [seconds(times, &mut work)]);
    timing
}

/// What a piece of work gets done.
#[derive(Clone, Copy)]
pub enum Amount {
    /// Multiplications and additions: dense ones, of convolutions and dense layers.
    Operations(u64),
    Numbers(usize),
    Images(usize),
}

/// Times the cases that are asked for, and prints a line for each.
pub struct Bench {
    only_check: bool,
    /// Parts of the names that are asked for; none asks for all.
    wanted: Vec<String>,
    checked: usize,
}

impl Bench {
    pub fn new() -> Bench {
        let (options, wanted): (Vec<String>, Vec<String>) =
            std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
        // `cargo bench` gives --bench; `cargo test` does not: then the results are checked and nothing is timed.
        Bench { only_check: !options.iter().any(|option| option == "--bench"), wanted, checked: 0 }
    }

    /// Whether the case of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| name.contains(part))
    }

    /// A case whose result is known to be right.
    pub fn case<R>(&mut self, name: &str, amount: Amount, work: impl FnMut() -> R) {
        if !self.wants(name) {
            return;
        }
        self.checked += 1;
        if self.only_check {
            return;
        }
        let timing = time(work);
        let (amount, unit) = match amount {
            Amount::Operations(count) => (count as f64 / 1e9, "GFLOP/s"),
            Amount::Numbers(count) => (count as f64 / 1e9, "Gnumber/s"),
            Amount::Images(count) => (count as f64, "images/s"),
        };
        let rate = amount / timing.median;
        let [least, median, greatest] =
            [timing.least, timing.median, timing.greatest].map(Duration::from_secs_f64);
        println!("{rate:8.2} {unit:9} {median:>9.2?} ({least:.2?} to {greatest:.2?})  {name}");
    }

    /// Says what was checked, where nothing was timed.
    pub fn end(self) {
        if self.only_check {
            println!("{} cases checked", self.checked);
        } else if self.checked == 0 {
            println!("no case's name has {:?} in it", self.wanted);
        }
    }
}

/// Operations of a dense convolution, a multiplication and an addition each.
pub fn flops(g: &Geometry) -> u64 {
    2 * (g.output_len() * g.depth()) as u64
}

/// Numbers between -1 and 1.
pub fn numbers(len: usize, stream: u64) -> Vec<f32> {
    let mut rng = rng(7, stream);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Panics unless a and b differ by rounding alone: each is a sum of `terms` products of numbers between -1 and 1.
pub fn assert_close(a: &[f32], b: &[f32], terms: usize, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let tolerance = f32::EPSILON * (8.0 + terms as f32);
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: element {i} is {a}, expected {b}");
    }
}

/// A convolution with all it works on.
pub struct Convolution {
    pub g: Geometry,
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub y: Vec<f32>,
    pub dy: Vec<f32>,
    pub dx: Vec<f32>,
    pub dw: Vec<f32>,
}

pub use twinglyph_kernels::route::Pass;

/// What is timed of a convolution.
pub const PASSES: [Pass; 3] = [Pass::Forward, Pass::WeightGradient, Pass::InputGradient];

pub fn name(pass: Pass) -> &'static str {
    match pass {
        Pass::Forward => "forward",
        Pass::WeightGradient => "weight gradient",
        Pass::InputGradient => "input gradient",
    }
}

impl Convolution {
    pub fn new(g: Geometry) -> Convolution {
        let [x, weight, dy] = [(g.input_len(), 1), (g.weight_len(), 2), (g.output_len(), 3)]
            .map(|(len, stream)| numbers(len, stream));
        let [y, dx, dw] = [g.output_len(), g.input_len(), g.weight_len()].map(|len| vec![0.0; len]);
        Convolution { g, x, weight, y, dy, dx, dw }
    }

    /// By the kernels; gradients are added to what is there.
    pub fn run(&mut self, pass: Pass) {
        let Convolution { g, x, weight, y, dy, dx, dw } = self;
        let (input, weight_grad) = match pass {
            Pass::Forward => return conv2d_forward(g, x, weight, None, y),
            Pass::WeightGradient => (None, Some(&mut dw[..])),
            Pass::InputGradient => (Some(&mut dx[..]), None),
        };
        conv2d_backward(g, x, weight, dy, Gradients { input, weight: weight_grad, bias: None });
    }

    /// The same by the textbook: columns = im2col(image), then a product of matrices.
    pub fn run_by_columns(&mut self, pass: Pass) {
        let Convolution { g, x, weight, y, dy, dx, dw } = self;
        let (input, weight_grad) = match pass {
            Pass::Forward => return im2col::forward(g, x, weight, None, y),
            Pass::WeightGradient => (None, Some(&mut dw[..])),
            Pass::InputGradient => (Some(&mut dx[..]), None),
        };
        im2col::backward(g, x, weight, dy, Gradients { input, weight: weight_grad, bias: None });
    }

    /// What a pass leaves.
    pub fn result(&self, pass: Pass) -> &[f32] {
        match pass {
            Pass::Forward => &self.y,
            Pass::WeightGradient => &self.dw,
            Pass::InputGradient => &self.dx,
        }
    }

    /// Products in a sum of the result.
    pub fn terms(&self, pass: Pass) -> usize {
        // The largest error of half a million numbers by F(4 x 4, 3 x 3) is some fifty roundings.
        let times = if self.g.kernel == (3, 3) && self.g.stride == (1, 1) { 16 } else { 1 };
        match pass {
            Pass::Forward => times * self.g.depth(),
            Pass::WeightGradient => self.g.output_len() / self.g.filters,
            Pass::InputGradient => times * self.g.filters / self.g.groups * self.g.kernel.0 * self.g.kernel.1,
        }
    }

    /// Runs a pass, by columns or not, and compares the result with the naive twin's.
    pub fn check(&mut self, pass: Pass, by_columns: bool) {
        [&mut self.dx, &mut self.dw].into_iter().for_each(|grad| grad.fill(0.0));
        if by_columns {
            self.run_by_columns(pass)
        } else {
            self.run(pass)
        }
        let Convolution { g, x, weight, dy, .. } = &*self;
        let mut twin = vec![0.0; self.result(pass).len()];
        match pass {
            Pass::Forward => reference::conv2d_forward(g, x, weight, None, &mut twin),
            Pass::WeightGradient => reference::conv2d_backward_weight(g, x, dy, &mut twin),
            Pass::InputGradient => reference::conv2d_backward_input(g, weight, dy, &mut twin),
        }
        assert_close(self.result(pass), &twin, self.terms(pass), &format!("{} of {g:?}", name(pass)));
    }
}
