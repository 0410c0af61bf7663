//! Every kernel on one thread, each result compared with its naive twin before it is timed.
//!
//! `cargo bench --bench kernels`, or of those whose names have a text in them: `cargo bench --bench kernels -- "report
//! conv 2"`. The time is the median of the rounds; behind it the least and the greatest. Operations are dense ones.

mod common;

use common::Amount::{Numbers, Operations};
use common::{Bench, Convolution, GEOMETRIES, PASSES, assert_close, flops, numbers};
use twinglyph_engine::ops::{Relu, Sigmoid, Tanh};
use twinglyph_kernels::*;

/// What the multipliers can do: all else is to be read against it.
fn peak(bench: &mut Bench) {
    let rounds = 100_000;
    let (operations, _) = probe::multiply_adds::<f32>(rounds);
    bench.case("peak/multiply-add", Operations(operations), || probe::multiply_adds::<f32>(rounds));
}

fn convolutions(bench: &mut Bench) {
    for (name, g) in GEOMETRIES {
        let mut convolution = Convolution::new(g);
        for pass in PASSES {
            let amount = Operations(flops(&g));
            let name = format!("conv2d {}/{name}", common::name(pass));
            if bench.wants(&name) {
                convolution.check(pass, false);
                bench.case(&name, amount, || convolution.run(pass));
            }
            let name = format!("{name}, im2col and matrixmultiply");
            if bench.wants(&name) {
                convolution.check(pass, true);
                bench.case(&name, amount, || convolution.run_by_columns(pass));
            }
        }
    }
}

/// Convolution, activation and pooling in one, at stride 1, against their naive twins one after the other.
fn stacks(bench: &mut Bench) {
    let encoders = GEOMETRIES.into_iter().filter(|(_, g)| g.stride == (1, 1));
    for ((name, g), tail) in encoders.flat_map(|case| [(case, Tail::ReluMaxPool), (case, Tail::TanhAvgPool)])
    {
        let [forward_name, backward_name] =
            ["forward", "backward"].map(|pass| format!("conv_stack {pass}/{name}, {tail:?}"));
        if !bench.wants(&forward_name) && !bench.wants(&backward_name) {
            continue;
        }
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
        let forward = |output: &mut [f32], values: &mut [f32], bytes: &mut [u8]| {
            conv_stack_forward(&[stage], &x, &params, vec![Made { output, values, bytes }]);
        };
        forward(&mut output, &mut values, &mut bytes);
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
        // The largest error of half a million numbers by F(4 x 4, 3 x 3) is some fifty roundings.
        assert_close(&output, &twin, 16 * g.depth(), &format!("y of {stage:?}"));
        bench.case(&forward_name, Operations(flops(&g)), || {
            forward(&mut output, &mut values, &mut bytes);
        });
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
        bench.case(&backward_name, Operations(2 * flops(&g)), || {
            backward(&mut dx, &mut dw, &mut db);
        });
    }
}

/// (N, F, O): the last layers of both encoders, and a large one.
const DENSE: [(&str, Dense); 3] = [
    ("report", Dense { rows: 64, inputs: 18_432, outputs: 10 }),
    ("figure5", Dense { rows: 64, inputs: 8464, outputs: 10 }),
    ("1024 to 256", Dense { rows: 64, inputs: 1024, outputs: 256 }),
];

fn dense(bench: &mut Bench) {
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
        let operations = Operations(2 * (g.rows * g.inputs * g.outputs) as u64);
        bench.case(&format!("dense/forward {name}"), operations, || {
            dense_forward(&g, &x, &weight, None, &mut y);
        });
        bench.case(&format!("dense/input gradient {name}"), operations, || {
            dense_backward_input(&g, &weight, &dy, &mut dx);
        });
        bench.case(&format!("dense/weight gradient {name}"), operations, || {
            dense_backward_weight(&g, &x, &dy, &mut dw);
        });
    }
}

fn batch_norm(bench: &mut Bench) {
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
        bench.case(&format!("batch_norm/forward {name}"), Numbers(len), || forward(&mut y));
        bench.case(&format!("batch_norm/backward {name}"), Numbers(len), || backward(&mut dx));
    }
}

fn pooling(bench: &mut Bench) {
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
    let amount = Numbers(x.len());
    bench.case("pool2d/max forward", amount, || max_pool2d_forward(&g, &x, &mut y, &mut winner));
    bench.case("pool2d/max backward", amount, || max_pool2d_backward(&g, &winner, &dy, &mut dx));
    bench.case("pool2d/average forward", amount, || avg_pool2d_forward(&g, &x, &mut average));
    bench.case("pool2d/average backward", amount, || avg_pool2d_backward(&g, &dy, &mut dx));
}

fn elementwise(bench: &mut Bench) {
    let x: Vec<f32> = numbers(1 << 16, 1).iter().map(|x| 8.0 * x).collect();
    let mut y = vec![0.0; x.len()];
    macro_rules! formula {
        ($name:literal, $op:expr, $twin:expr) => {
            map::map($op, [&x], &mut y);
            let twin: Vec<f32> = x.iter().map(|x| ($twin)(f64::from(*x)) as f32).collect();
            assert_close(&y, &twin, 0, $name);
            let name = concat!("elementwise/", $name);
            bench.case(name, Numbers(x.len()), || map::map($op, [&x], &mut y));
        };
    }
    formula!("relu", Relu, |x: f64| x.max(0.0));
    formula!("tanh", Tanh, f64::tanh);
    formula!("sigmoid", Sigmoid, |x: f64| 1.0 / (1.0 + (-x).exp()));
}

fn adam(bench: &mut Bench) {
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
    bench.case("adam/report's weights", Numbers(len), || {
        adam_step(settings(2), &g, &mut w, &mut m, &mut v);
    });
}

fn main() {
    // What a core does is what a kernel is judged by.
    common::on_this_thread();
    let mut bench = Bench::new();
    for part in [peak, convolutions, stacks, dense, batch_norm, pooling, elementwise, adam] {
        part(&mut bench);
    }
    bench.end();
}
