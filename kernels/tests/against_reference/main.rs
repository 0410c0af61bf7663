//! Every kernel against its naive twin, in f64 and f32, at sizes around the lane widths, at every SIMD level.

mod algebra;
mod bounds;
mod geometries;
mod layers;
mod rows;
mod ways;

use geometries::{geometries, stages_of};
use std::process::Command;
use twinglyph_kernels::route::{Pass, Place, Way, way};
use twinglyph_kernels::simd::Level;
use twinglyph_kernels::*;

/// Numbers in -1..1 from a small generator (xorshift64*, Vigna 2016).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn vec<E: Element>(&mut self, len: usize) -> Vec<E> {
        (0..len).map(|_| E::from_f64(self.next())).collect()
    }
}

/// |a - b| <= tolerance max(1, |b|), element by element; the tolerance is that of a sum of `terms` products.
#[track_caller]
fn assert_close<E: Element>(a: &[E], b: &[E], terms: usize, what: &str) {
    let unit = if E::NAME == "f32" { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let tolerance = unit * (4.0 + terms as f64);
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let (a, b) = (a.to_f64(), b.to_f64());
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what}: element {i} is {a}, the twin says {b}"
        );
    }
}

fn convolution_agrees<E: Element>() {
    let mut numbers = Numbers(7);
    for g in geometries() {
        let (x, w) = (numbers.vec::<E>(g.input_len()), numbers.vec::<E>(g.weight_len()));
        let (b, dy) = (numbers.vec::<E>(g.filters), numbers.vec::<E>(g.output_len()));
        let (h_out, w_out) = g.output_size();
        let sums = g.images * h_out * w_out;
        // F(4 x 4, 3 x 3) errs some four times as much as sums as they are written.
        let times = if g.kernel == (3, 3) && g.stride == (1, 1) { 4 } else { 1 };
        let mut slow = vec![E::ZERO; g.output_len()];
        reference::conv2d_forward(&g, &x, &w, None, &mut slow);
        for bias in [None, Some(&b[..])] {
            let mut fast = vec![E::ONE; g.output_len()];
            conv2d_forward(&g, &x, &w, bias, &mut fast);
            if let Some(bias) = bias {
                slow.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / (h_out * w_out) % g.filters]);
            }
            assert_close(&fast, &slow, times * g.depth(), &format!("y of {g:?}"));
        }
        // Gradients are added to what is there.
        let lengths = [g.input_len(), g.weight_len(), g.filters];
        let start = lengths.map(|len| numbers.vec::<E>(len));
        let (mut fast, mut slow, [mut dx_alone, mut dw_alone, _]) = (start.clone(), start.clone(), start);
        let [dx, dw, db] = &mut fast;
        conv2d_backward(&g, &x, &w, &dy, Gradients { input: Some(dx), weight: Some(dw), bias: Some(db) });
        let [dx, dw, db] = &mut slow;
        reference::conv2d_backward_input(&g, &w, &dy, dx);
        reference::conv2d_backward_weight(&g, &x, &dy, dw);
        reference::conv2d_backward_bias(&g, &dy, db);
        let area = g.kernel.0 * g.kernel.1;
        assert_close(&fast[0], &slow[0], times * g.filters * area, &format!("dx of {g:?}"));
        assert_close(&fast[1], &slow[1], times * sums, &format!("dw of {g:?}"));
        assert_close(&fast[2], &slow[2], sums, &format!("db of {g:?}"));
        // Each alone is what it was together.
        conv2d_backward(&g, &x, &w, &dy, Gradients { input: None, weight: Some(&mut dw_alone), bias: None });
        assert_close(&dw_alone, &slow[1], times * sums, &format!("dw alone of {g:?}"));
        conv2d_backward(&g, &x, &w, &dy, Gradients { input: Some(&mut dx_alone), weight: None, bias: None });
        assert_close(&dx_alone, &slow[0], times * g.filters * area, &format!("dx alone of {g:?}"));
    }
}

/// What a stage makes of x by the naive twins, one after the other; and the way back.
struct Twin<E> {
    stage: Stage,
    pool: Pool2d,
    x: Vec<E>,
    /// Of ReLU or tanh, before pooling.
    full: Vec<E>,
    y: Vec<E>,
    argmax: Vec<u32>,
}

impl<E: Element> Twin<E> {
    fn forward(stage: Stage, x: Vec<E>, weight: &[E], bias: &[E]) -> Twin<E> {
        let g = stage.geometry;
        let planes = g.images * g.filters;
        let pool = Pool2d { planes, size: g.output_size(), window: (2, 2), stride: (2, 2) };
        let len = g.images * stage.output_len();
        let (mut full, mut y, mut argmax) = (vec![E::ZERO; g.output_len()], vec![E::ZERO; len], vec![0; len]);
        reference::conv2d_forward(&g, &x, weight, Some(bias), &mut full);
        match stage.tail {
            Tail::ReluMaxPool => {
                full.iter_mut().for_each(|x| *x = E::ZERO.max(*x));
                reference::max_pool2d_forward(&pool, &full, &mut y, &mut argmax);
            }
            Tail::TanhAvgPool => {
                full.iter_mut().for_each(|x| *x = E::from_f64(x.to_f64().tanh()));
                reference::avg_pool2d_forward(&pool, &full, &mut y);
            }
        }
        Twin { stage, pool, x, full, y, argmax }
    }

    /// Adds dw and db; returns dx.
    fn backward(&self, weight: &[E], dy: &[E], dw: &mut [E], db: &mut [E]) -> Vec<E> {
        let g = self.stage.geometry;
        let mut dfull = vec![E::ZERO; g.output_len()];
        match self.stage.tail {
            Tail::ReluMaxPool => {
                let passed: Vec<E> =
                    dy.iter().zip(&self.y).map(|(dy, y)| if *y > E::ZERO { *dy } else { E::ZERO }).collect();
                reference::max_pool2d_backward(&self.pool, &self.argmax, &passed, &mut dfull);
            }
            Tail::TanhAvgPool => {
                reference::avg_pool2d_backward(&self.pool, dy, &mut dfull);
                for (d, t) in dfull.iter_mut().zip(&self.full) {
                    *d *= E::ONE - *t * *t;
                }
            }
        }
        let mut dx = vec![E::ZERO; g.input_len()];
        reference::conv2d_backward_input(&g, weight, &dfull, &mut dx);
        reference::conv2d_backward_weight(&g, &self.x, &dfull, dw);
        reference::conv2d_backward_bias(&g, &dfull, db);
        dx
    }
}

fn stacks_agree<E: Element>() {
    let mut numbers = Numbers(13);
    let tails = [Tail::ReluMaxPool, Tail::TanhAvgPool];
    for g in geometries().into_iter().filter(|g| !stages_of(g).is_empty()) {
        let first = |tail| Stage { geometry: g, tail };
        // Alone, and before another stage where there is room for one.
        let next = Geometry {
            channels: g.filters,
            size: pooled_size(&g),
            filters: 5,
            kernel: (2, 3),
            padding: (1, 1),
            ..g
        };
        for tail in tails {
            stack_agrees::<E>(&mut numbers, &[first(tail)]);
        }
        for (tail, behind) in [(tails[0], tails[0]), (tails[0], tails[1]), (tails[1], tails[0])] {
            let stages = [first(tail), Stage { geometry: next, tail: behind }];
            if stages[1].output_len() > 0 {
                stack_agrees::<E>(&mut numbers, &stages);
            }
        }
    }
}

fn stack_agrees<E: Element>(numbers: &mut Numbers, stages: &[Stage]) {
    let images = stages[0].geometry.images;
    let x = numbers.vec::<E>(stages[0].geometry.input_len());
    let params: Vec<[Vec<E>; 2]> = stages
        .iter()
        .map(|stage| [numbers.vec(stage.geometry.weight_len()), numbers.vec(stage.geometry.filters)])
        .collect();
    let slices: Vec<[&[E]; 2]> = params.iter().map(|[weight, bias]| [&weight[..], &bias[..]]).collect();
    let mut twins: Vec<Twin<E>> = Vec::new();
    for (stage, [weight, bias]) in stages.iter().zip(&params) {
        let x = twins.last().map_or(x.clone(), |twin| twin.y.clone());
        twins.push(Twin::forward(*stage, x, weight, bias));
    }
    let mut buffers: Vec<(Vec<E>, Vec<E>, Vec<u8>)> = stages
        .iter()
        .map(|stage| {
            let (values, bytes) = stage.kept_len();
            let last = std::ptr::eq(stage, &stages[stages.len() - 1]);
            (
                vec![E::ONE; images * if last { stage.output_len() } else { stage.inner_len() }],
                vec![E::ONE; images * values],
                vec![9; images * bytes],
            )
        })
        .collect();
    let made = buffers.iter_mut().map(|(output, values, bytes)| Made { output, values, bytes }).collect();
    conv_stack_forward(stages, &x, &slices, made);
    // Winograd's way errs by a few times what the plain sums do.
    let terms: usize = stages.iter().map(|stage| 8 * stage.geometry.depth()).sum();
    for (i, (twin, (y, ..))) in twins.iter().zip(&buffers).enumerate() {
        let (h, w) = pooled_size(&twin.stage.geometry);
        let place = |at: usize| twin.stage.inner_place(at / (h * w), at / w % h, at % w);
        let at = |at: usize| y[if i + 1 == stages.len() { at } else { place(at) }];
        let y: Vec<E> = (0..twin.y.len()).map(at).collect();
        assert_close(&y, &twin.y, terms, &format!("y of {:?}", twin.stage));
    }
    // Where nothing is kept, y is the same.
    let mut y = vec![E::ONE; twins[twins.len() - 1].y.len()];
    let mut nothing: Vec<Made<'_, E>> =
        stages[1..].iter().map(|_| Made { output: &mut [], values: &mut [], bytes: &mut [] }).collect();
    nothing.push(Made { output: &mut y, values: &mut [], bytes: &mut [] });
    conv_stack_forward(stages, &x, &slices, nothing);
    assert_eq!(y, buffers[buffers.len() - 1].0, "{stages:?}");

    let dy = numbers.vec::<E>(y.len());
    let mut twin_grads: Vec<Vec<E>> = params.iter().flatten().map(|param| numbers.vec(param.len())).collect();
    let (mut grads, starts) = (twin_grads.clone(), twin_grads.clone());
    let start = numbers.vec::<E>(x.len());
    let mut dx = start.clone();
    let kept: Vec<Kept<'_, E>> =
        buffers.iter().map(|(output, values, bytes)| Kept { output, values, bytes }).collect();
    let wanted = grads.iter_mut().map(|grad| Some(&mut grad[..])).collect();
    conv_stack_backward(stages, &x, &slices, &kept, &dy, Some(&mut dx), wanted);
    let mut upstream = dy.clone();
    for (i, (twin, [weight, _])) in twins.iter().zip(&params).enumerate().rev() {
        let [dw, db] = twin_grads.get_disjoint_mut([2 * i, 2 * i + 1]).unwrap();
        upstream = twin.backward(weight, &upstream, dw, db);
    }
    let expected: Vec<E> = start.iter().zip(&upstream).map(|(a, b)| *a + *b).collect();
    let sums = |stage: &Stage| images * stage.geometry.output_len() / stage.geometry.filters;
    let all: usize = stages.iter().map(|stage| sums(stage) + stage.geometry.weight_len()).sum();
    assert_close(&dx, &expected, all, &format!("dx of {stages:?}"));
    for (i, (fast, slow)) in grads.iter().zip(&twin_grads).enumerate() {
        assert_close(fast, slow, all, &format!("parameter {i} of {stages:?}"));
    }
    // Without dx, parameters get the same bits.
    let with_input = grads.clone();
    for (grad, start) in grads.iter_mut().zip(starts) {
        grad.copy_from_slice(&start);
    }
    let wanted = grads.iter_mut().map(|grad| Some(&mut grad[..])).collect();
    conv_stack_backward(stages, &x, &slices, &kept, &dy, None, wanted);
    assert_eq!(with_input, grads, "{stages:?}");
}
/// What [`every_kernel_agrees_with_its_naive_twin`] tries goes by every way of the table in `route.rs`.
#[test]
fn every_way_is_tried() {
    let passes = [Pass::Forward, Pass::WeightGradient, Pass::InputGradient];
    let rows = route::TABLE.iter().map(|(pass, tail, ways)| ways.iter().map(|way| (*pass, *tail, *way)));
    let mut expected: Vec<_> = rows.flatten().collect();
    let mut tried = vec![];
    for g in geometries() {
        tried.extend(passes.map(|pass| (pass, None, way(pass, &g, Place::Plain))));
        for Stage { tail, .. } in stages_of(&g) {
            tried.extend(passes.map(|pass| (pass, Some(tail), way(pass, &g, Place::Alone(tail)))));
            tried.extend(passes.map(|pass| (pass, Some(tail), way(pass, &g, Place::Among(tail)))));
        }
    }
    let key = |(pass, tail, way): &(Pass, Option<Tail>, Way)| format!("{pass:?} {tail:?} {way:?}");
    for list in [&mut expected, &mut tried] {
        list.sort_by_key(key);
        list.dedup();
    }
    assert_eq!(tried, expected);
}

#[test]
fn the_textbook_agrees_with_the_naive_twins() {
    let mut numbers = Numbers(17);
    for g in geometries().into_iter().filter(|g| g.output_len() * g.depth() < 2_000_000) {
        let (x, w) = (numbers.vec::<f64>(g.input_len()), numbers.vec::<f64>(g.weight_len()));
        let (b, dy) = (numbers.vec::<f64>(g.filters), numbers.vec::<f64>(g.output_len()));
        let (mut fast, mut slow) = (vec![1.0; g.output_len()], vec![2.0; g.output_len()]);
        im2col::forward(&g, &x, &w, Some(&b), &mut fast);
        reference::conv2d_forward(&g, &x, &w, Some(&b), &mut slow);
        assert_close(&fast, &slow, g.depth(), &format!("y of {g:?}"));
        let mut fast = [g.input_len(), g.weight_len(), g.filters].map(|len| numbers.vec::<f64>(len));
        let mut slow = fast.clone();
        let [dx, dw, db] = &mut fast;
        let grads = Gradients { input: Some(dx), weight: Some(dw), bias: Some(db) };
        im2col::backward(&g, &x, &w, &dy, grads);
        reference::conv2d_backward_input(&g, &w, &dy, &mut slow[0]);
        reference::conv2d_backward_weight(&g, &x, &dy, &mut slow[1]);
        reference::conv2d_backward_bias(&g, &dy, &mut slow[2]);
        for (fast, slow) in fast.iter().zip(&slow) {
            assert_close(fast, slow, g.output_len(), &format!("gradients of {g:?}"));
        }
    }
}

#[test]
fn every_kernel_agrees_with_its_naive_twin() {
    convolution_agrees::<f64>();
    convolution_agrees::<f32>();
    stacks_agree::<f64>();
    stacks_agree::<f32>();
    layers::pooling_agrees::<f64>();
    layers::pooling_agrees::<f32>();
    layers::batch_norm_agrees::<f64>();
    layers::batch_norm_agrees::<f32>();
    layers::dense_agrees::<f64>();
    layers::dense_agrees::<f32>();
    layers::normalised_dense_agrees::<f64>();
    layers::normalised_dense_agrees::<f32>();
    rows::pairwise_distances_agree::<f64>();
    rows::pairwise_distances_agree::<f32>();
    rows::dropout_agrees::<f64>();
    rows::dropout_agrees::<f32>();
    algebra::agrees::<f64>();
    algebra::agrees::<f32>();
}

/// The level is chosen once a process, so each level but this process's, which the other tests are at, has one of its own.
#[test]
fn every_kernel_agrees_with_its_naive_twin_at_every_level_of_this_cpu() {
    for level in Level::available().into_iter().filter(|level| *level != Level::current()) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "every_kernel_agrees_with_its_naive_twin", "bounds::nothing_beyond_its_slices"])
            .env(simd::LEVEL_VARIABLE, level.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("2 passed"), "{level}: {said}");
    }
}

#[test]
fn col2im_is_the_adjoint_of_im2col() {
    // <im2col x, y> = <x, col2im y> for every x and y.
    let mut numbers = Numbers(11);
    for g in geometries().into_iter().filter(|g| g.images < 3) {
        let (h_out, w_out) = g.output_size();
        let (image, columns) = (g.input_len() / g.images, g.depth() * h_out * w_out);
        let (x, y) = (numbers.vec::<f64>(image), numbers.vec::<f64>(columns));
        let (mut im, mut col) = (vec![0.0; image], vec![0.0; columns]);
        reference::im2col(&g, &x, &mut col);
        reference::col2im(&g, &y, &mut im);
        let left: f64 = col.iter().zip(&y).map(|(a, b)| a * b).sum();
        let right: f64 = im.iter().zip(&x).map(|(a, b)| a * b).sum();
        assert!((left - right).abs() < 1e-12 * columns as f64, "{g:?}: {left} and {right}");
    }
}

#[test]
fn convolution_is_the_weight_times_the_columns() {
    let g = Geometry {
        images: 1,
        channels: 2,
        size: (5, 6),
        filters: 3,
        kernel: (2, 3),
        stride: (2, 1),
        padding: (1, 0),
        ..Geometry::default()
    };
    let mut numbers = Numbers(12);
    let (x, w) = (numbers.vec::<f64>(g.input_len()), numbers.vec::<f64>(g.weight_len()));
    let positions = g.output_len() / g.filters;
    let mut columns = vec![0.0; g.depth() * positions];
    reference::im2col(&g, &x, &mut columns);
    let mut y = vec![0.0; g.output_len()];
    reference::conv2d_forward(&g, &x, &w, None, &mut y);
    for o in 0..g.filters {
        for p in 0..positions {
            let sum: f64 = (0..g.depth()).map(|k| w[o * g.depth() + k] * columns[k * positions + p]).sum();
            assert!((sum - y[o * positions + p]).abs() < 1e-12);
        }
    }
}
