//! Every kernel on one thread, each result compared with its naive twin before it is timed.
//!
//! `cargo bench --bench kernels`, or of some: `cargo bench --bench kernels -- "report conv 2"`. Criterion's "elem" are
//! operations: Gelem/s are GFLOP/s, for convolutions and dense layers dense ones; elsewhere they are numbers.

mod common;

use common::{Convolution, GEOMETRIES, PASSES, assert_close, flops, numbers};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use std::hint::black_box;
use std::time::Duration;
use twinglyph_engine::ops::{Relu, Sigmoid, Tanh};
use twinglyph_kernels::*;

fn group<'a>(criterion: &'a mut Criterion, name: &str, amount: u64) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(amount));
    group
}

/// What the multipliers can do: all else is to be read against it.
fn peak(criterion: &mut Criterion) {
    let rounds = 100_000;
    let (operations, _) = probe::multiply_adds::<f32>(rounds);
    group(criterion, "peak", operations).bench_function("multiply-add", |bench| {
        bench.iter(|| black_box(probe::multiply_adds::<f32>(rounds)))
    });
}

fn convolutions(criterion: &mut Criterion) {
    for (name, g) in GEOMETRIES {
        let mut convolution = Convolution::new(g);
        let mut columns = convolution.columns();
        for pass in PASSES {
            let mut group = group(criterion, &format!("conv2d {}", pass.name()), flops(&g));
            convolution.check(pass, None);
            group.bench_function(name, |bench| bench.iter(|| convolution.run(pass)));
            convolution.check(pass, Some(&mut columns));
            group.bench_function(format!("{name}, im2col and matrixmultiply"), |bench| {
                bench.iter(|| convolution.run_by_columns(pass, &mut columns));
            });
        }
    }
}

/// Convolution, activation and pooling in one, at stride 1, against their naive twins one after the other.
fn stacks(criterion: &mut Criterion) {
    let encoders = GEOMETRIES.into_iter().filter(|(_, g)| g.stride == (1, 1));
    for ((name, g), tail) in encoders.flat_map(|case| [(case, Tail::ReluMaxPool), (case, Tail::TanhAvgPool)])
    {
        let stage = Stage { geometry: g, tail };
        let pool =
            Pool2d { planes: g.images * g.filters, size: g.output_size(), window: (2, 2), stride: (2, 2) };
        let len = g.images * stage.output_len();
        let (x, weight, bias) =
            (numbers(g.input_len(), 1), numbers(g.weight_len(), 2), numbers(g.filters, 3));
        let params = [[&weight[..], &bias[..]]];
        let (values, bytes) = stage.kept_len();
        let (mut output, mut values) = (vec![0.0; len], vec![0.0; g.images * values]);
        let mut bytes = vec![0; g.images * bytes];
        let mut forward = || {
            let made = Made { output: &mut output, values: &mut values, bytes: &mut bytes };
            conv_stack_forward(&[stage], &x, &params, vec![made]);
        };
        forward();
        let mut full = vec![0.0; g.output_len()];
        reference::conv2d_forward(&g, &x, &weight, Some(&bias), &mut full);
        let (mut twin, mut winners) = (vec![0.0; len], vec![0; len]);
        match tail {
            Tail::ReluMaxPool => {
                full.iter_mut().for_each(|x| *x = x.max(0.0));
                reference::max_pool2d_forward(&pool, &full, &mut twin, &mut winners);
            }
            Tail::TanhAvgPool => {
                full.iter_mut().for_each(|x| *x = x.tanh());
                reference::avg_pool2d_forward(&pool, &full, &mut twin);
            }
        }
        let name = format!("{name}, {tail:?}");
        group(criterion, "conv_stack forward", flops(&g))
            .bench_function(&name, |bench| bench.iter(&mut forward));
        // The largest error of half a million numbers by F(4 x 4, 3 x 3) is some fifty roundings.
        assert_close(&output, &twin, 16 * g.depth(), &format!("y of {stage:?}"));
        // Backward: the naive gradients of the same.
        let dy = numbers(len, 4);
        let mut dfull = vec![0.0; full.len()];
        match tail {
            Tail::ReluMaxPool => {
                let passed: Vec<f32> =
                    dy.iter().zip(&output).map(|(dy, y)| if *y > 0.0 { *dy } else { 0.0 }).collect();
                reference::max_pool2d_backward(&pool, &winners, &passed, &mut dfull);
            }
            Tail::TanhAvgPool => {
                reference::avg_pool2d_backward(&pool, &dy, &mut dfull);
                dfull.iter_mut().zip(&full).for_each(|(d, t)| *d *= 1.0 - t * t);
            }
        }
        let [mut dx, mut dw, mut db] = [x.len(), weight.len(), bias.len()].map(|len| vec![0.0; len]);
        let kept = [Kept { output: &output, values: &values, bytes: &bytes }];
        let backward = |dx: &mut [f32], dw: &mut [f32], db: &mut [f32]| {
            conv_stack_backward(&[stage], &x, &params, &kept, &dy, Some(dx), vec![Some(dw), Some(db)]);
        };
        backward(&mut dx, &mut dw, &mut db);
        let [mut dx_twin, mut dw_twin, mut db_twin] =
            [x.len(), weight.len(), bias.len()].map(|len| vec![0.0; len]);
        reference::conv2d_backward_input(&g, &weight, &dfull, &mut dx_twin);
        reference::conv2d_backward_weight(&g, &x, &dfull, &mut dw_twin);
        reference::conv2d_backward_bias(&g, &dfull, &mut db_twin);
        let positions = full.len() / g.filters;
        assert_close(&dx, &dx_twin, g.filters * g.depth(), &format!("dx of {stage:?}"));
        assert_close(&dw, &dw_twin, positions, &format!("dw of {stage:?}"));
        assert_close(&db, &db_twin, positions, &format!("db of {stage:?}"));
        group(criterion, "conv_stack backward", 2 * flops(&g))
            .bench_function(&name, |bench| bench.iter(|| backward(&mut dx, &mut dw, &mut db)));
    }
}

/// (N, F, O): the last layers of both encoders, and a large one.
const DENSE: [(&str, Dense); 3] = [
    ("report", Dense { rows: 64, inputs: 18_432, outputs: 10 }),
    ("figure5", Dense { rows: 64, inputs: 8464, outputs: 10 }),
    ("1024 to 256", Dense { rows: 64, inputs: 1024, outputs: 256 }),
];

fn dense(criterion: &mut Criterion) {
    for (name, g) in DENSE {
        let (x, weight) = (numbers(g.rows * g.inputs, 1), numbers(g.outputs * g.inputs, 2));
        let dy = numbers(g.rows * g.outputs, 3);
        let [mut y, mut dx, mut dw] = [dy.len(), x.len(), weight.len()].map(|len| vec![0.0; len]);
        let [mut y_twin, mut dx_twin, mut dw_twin] =
            [dy.len(), x.len(), weight.len()].map(|len| vec![0.0; len]);
        dense_forward(&g, &x, &weight, None, &mut y);
        dense_backward_input(&g, &weight, &dy, &mut dx);
        dense_backward_weight(&g, &x, &dy, &mut dw);
        reference::dense_forward(&g, &x, &weight, None, &mut y_twin);
        reference::dense_backward(&g, &x, &weight, &dy, &mut dx_twin, &mut dw_twin);
        assert_close(&y, &y_twin, g.inputs, &format!("y of {g:?}"));
        assert_close(&dx, &dx_twin, g.outputs, &format!("dx of {g:?}"));
        assert_close(&dw, &dw_twin, g.rows, &format!("dw of {g:?}"));
        let operations = 2 * (g.rows * g.inputs * g.outputs) as u64;
        let mut group = group(criterion, "dense", operations);
        group.bench_function(format!("forward {name}"), |bench| {
            bench.iter(|| dense_forward(&g, &x, &weight, None, &mut y));
        });
        group.bench_function(format!("input gradient {name}"), |bench| {
            bench.iter(|| dense_backward_input(&g, &weight, &dy, &mut dx));
        });
        group.bench_function(format!("weight gradient {name}"), |bench| {
            bench.iter(|| dense_backward_weight(&g, &x, &dy, &mut dw));
        });
    }
}

fn batch_norm(criterion: &mut Criterion) {
    // figure5's: of the images, and of the features.
    for (name, g) in [
        ("images", BatchNorm { images: 8, channels: 3, positions: 105 * 105 }),
        ("features", BatchNorm { images: 64, channels: 8464, positions: 1 }),
    ] {
        let len = g.count() * g.channels;
        let (x, dy) = (numbers(len, 1), numbers(len, 2));
        let (gamma, beta) = (numbers(g.channels, 3), numbers(g.channels, 4));
        let [mut y, mut y_twin, mut dx, mut dx_twin] = [(); 4].map(|()| vec![0.0; len]);
        let [mut mean, mut var, mut dgamma, mut dbeta] = [(); 4].map(|()| vec![0.0; g.channels]);
        let mut forward = |y: &mut [f32]| {
            batch_norm_statistics(&g, &x, &mut mean, &mut var);
            let rstd: Vec<f32> = var.iter().map(|var| 1.0 / (var + 1e-3).sqrt()).collect();
            batch_norm_apply(&g, &x, [&mean, &rstd], [&gamma, &beta], y);
            (mean.clone(), rstd)
        };
        let (mean, rstd) = forward(&mut y);
        reference::batch_norm_apply(&g, &x, [&mean, &rstd], [&gamma, &beta], &mut y_twin);
        assert_close(&y, &y_twin, 8, &format!("y of {g:?}"));
        let mut backward = |dx: &mut [f32]| {
            batch_norm_channel_sums(&g, &x, [&mean, &rstd], &dy, &mut dgamma, &mut dbeta);
            batch_norm_backward(&g, &x, [&mean, &rstd], &gamma, Some([&dgamma, &dbeta]), &dy, dx);
        };
        backward(&mut dx);
        reference::batch_norm_backward(&g, &x, [&mean, &rstd], &gamma, &dy, &mut dx_twin);
        assert_close(&dx, &dx_twin, g.count(), &format!("dx of {g:?}"));
        let mut group = group(criterion, "batch_norm", len as u64);
        group.bench_function(format!("backward {name}"), |bench| bench.iter(|| backward(&mut dx)));
        group.bench_function(format!("forward {name}"), |bench| bench.iter(|| forward(&mut y)));
    }
}

fn pooling(criterion: &mut Criterion) {
    let g = Pool2d { planes: 128, size: (103, 103), window: (2, 2), stride: (2, 2) };
    let (x, len) = (numbers(g.planes * 103 * 103, 1), g.planes * 51 * 51);
    let [mut y, mut y_twin, mut average, mut average_twin] = [(); 4].map(|()| vec![0.0; len]);
    let [mut winner, mut winner_twin] = [(); 2].map(|()| vec![0; len]);
    let [mut dx, mut dx_twin] = [(); 2].map(|()| vec![0.0; x.len()]);
    let dy = numbers(len, 2);
    max_pool2d_forward(&g, &x, &mut y, &mut winner);
    reference::max_pool2d_forward(&g, &x, &mut y_twin, &mut winner_twin);
    assert!(y == y_twin && winner == winner_twin, "max_pool2d");
    avg_pool2d_forward(&g, &x, &mut average);
    reference::avg_pool2d_forward(&g, &x, &mut average_twin);
    assert_close(&average, &average_twin, 4, "avg_pool2d");
    max_pool2d_backward(&g, &winner, &dy, &mut dx);
    avg_pool2d_backward(&g, &dy, &mut dx);
    reference::max_pool2d_backward(&g, &winner, &dy, &mut dx_twin);
    reference::avg_pool2d_backward(&g, &dy, &mut dx_twin);
    assert_close(&dx, &dx_twin, 4, "dx of both");
    let mut group = group(criterion, "pool2d", x.len() as u64);
    group.bench_function("max forward", |bench| {
        bench.iter(|| max_pool2d_forward(&g, &x, &mut y, &mut winner))
    });
    group.bench_function("max backward", |bench| {
        bench.iter(|| max_pool2d_backward(&g, &winner, &dy, &mut dx))
    });
    group.bench_function("average forward", |bench| bench.iter(|| avg_pool2d_forward(&g, &x, &mut average)));
    group.bench_function("average backward", |bench| bench.iter(|| avg_pool2d_backward(&g, &dy, &mut dx)));
}

fn elementwise(criterion: &mut Criterion) {
    let x: Vec<f32> = numbers(1 << 16, 1).iter().map(|x| 8.0 * x).collect();
    let mut y = vec![0.0; x.len()];
    let mut group = group(criterion, "elementwise", x.len() as u64);
    macro_rules! formula {
        ($name:literal, $op:expr, $twin:expr) => {
            map::map($op, [&x], &mut y);
            let twin: Vec<f32> = x.iter().map(|x| ($twin)(f64::from(*x)) as f32).collect();
            assert_close(&y, &twin, 0, $name);
            group.bench_function($name, |bench| bench.iter(|| map::map($op, [&x], &mut y)));
        };
    }
    formula!("relu", Relu, |x: f64| x.max(0.0));
    formula!("tanh", Tanh, f64::tanh);
    formula!("sigmoid", Sigmoid, |x: f64| 1.0 / (1.0 + (-x).exp()));
}

fn adam(criterion: &mut Criterion) {
    let len = 186_122;
    let g = numbers(len, 1);
    let (mut w, mut m, mut v) = (numbers(len, 2), vec![0.0; len], vec![0.0; len]);
    // The first step of Adam goes as far as the step size, against the sign of the gradient.
    let before = w.clone();
    let settings = |step: i32| Adam {
        step_size: 1e-3 * (1.0 - 0.999_f32.powi(step)).sqrt() / (1.0 - 0.9_f32.powi(step)),
        beta_1: 0.9,
        beta_2: 0.999,
        eps: 1e-12,
        decay: 0.0,
        scale: 1.0,
    };
    adam_step(settings(1), &g, &mut w, &mut m, &mut v);
    let twin: Vec<f32> = before.iter().zip(&g).map(|(w, g)| w - 1e-3 * g.signum()).collect();
    assert_close(&w, &twin, 0, "adam");
    group(criterion, "adam", len as u64).bench_function("report's weights", |bench| {
        bench.iter(|| adam_step(settings(2), &g, &mut w, &mut m, &mut v));
    });
}

/// On one thread: what a core does is what a kernel is judged by.
fn all(criterion: &mut Criterion) {
    common::on_this_thread();
    for bench in [peak, convolutions, stacks, dense, batch_norm, pooling, elementwise, adam] {
        bench(criterion);
    }
}

criterion_group! {
    name = kernels;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    targets = all
}
criterion_main!(kernels);
