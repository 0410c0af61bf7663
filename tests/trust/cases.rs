//! A random geometry of each op, made from a list of small numbers.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use twinglyph_engine::ops::*;
use twinglyph_engine::tape::Op;
use twinglyph_engine::{Shape, Tensor};

/// An op and where it is differentiated.
pub struct Case {
    pub label: String,
    pub op: Arc<dyn Op<f64>>,
    pub inputs: Vec<Tensor<f64>>,
    /// The inputs in which it is affine.
    pub linear: Vec<usize>,
}

/// The numbers that decide, and those that fill the tensors.
pub struct Choices<'a> {
    numbers: std::slice::Iter<'a, u32>,
    fill: ChaCha8Rng,
}

impl<'a> Choices<'a> {
    pub fn new(numbers: &'a [u32]) -> Choices<'a> {
        let (&seed, numbers) = numbers.split_last().expect("numbers to choose by");
        Choices { numbers: numbers.iter(), fill: ChaCha8Rng::seed_from_u64(seed.into()) }
    }

    /// From `least` to `most`.
    fn pick(&mut self, least: usize, most: usize) -> usize {
        least + *self.numbers.next().unwrap_or(&0) as usize % (most - least + 1)
    }

    fn pair(&mut self, least: usize, most: usize) -> (usize, usize) {
        (self.pick(least, most), self.pick(least, most))
    }

    /// Of 1 to 4 axes.
    fn shape(&mut self) -> Vec<usize> {
        let axes = self.pick(1, 4);
        (0..axes).map(|_| self.pick(1, if axes == 1 { 40 } else { 5 })).collect()
    }

    fn uniform(&mut self) -> f64 {
        self.fill.random_range(-1.0..1.0)
    }

    fn tensor(&mut self, shape: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| self.uniform())
    }

    /// 0.2 to 1.2.
    fn positive(&mut self, shape: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| 0.7 + 0.5 * self.uniform())
    }

    /// Not near 0.
    fn off_zero(&mut self, shape: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| {
            let x = self.uniform();
            x + 0.1f64.copysign(x)
        })
    }

    /// Any two at least 0.05 apart, in random order.
    fn distinct(&mut self, shape: &[usize]) -> Tensor<f64> {
        let len: usize = shape.iter().product();
        let mut values: Vec<f64> = (0..len).map(|i| 0.05 * (i as f64 - len as f64 / 2.0)).collect();
        for i in (1..len).rev() {
            values.swap(i, self.fill.random_range(0..=i as u64) as usize);
        }
        Tensor::from_fn(shape, |i| values[i])
    }

    /// Labels of 1 to 8 glyphs.
    fn labels(&mut self) -> Vec<u32> {
        let n = self.pick(1, 8);
        (0..n).map(|_| self.pick(0, 3) as u32).collect()
    }
}

fn case(label: String, op: impl Op<f64> + 'static, inputs: Vec<Tensor<f64>>, linear: &[usize]) -> Case {
    Case { label, op: Arc::new(op), inputs, linear: linear.to_vec() }
}

/// Makes a geometry.
type Build = fn(&mut Choices<'_>) -> Case;

/// Ops in the order of the table.
pub const OPS: [(&str, Build); 51] = [
    ("add", |c| binary(c, Add, &[0, 1])),
    ("sub", |c| binary(c, Sub, &[0, 1])),
    ("mul", |c| binary(c, Mul, &[0, 1])),
    ("div", |c| {
        let shape = c.shape();
        let inputs = vec![c.tensor(&shape), c.off_zero(&shape)];
        case(format!("{shape:?}"), Div, inputs, &[0])
    }),
    ("neg", |c| unary(c, Neg, &[0], Choices::tensor)),
    ("square", |c| unary(c, Square, &[], Choices::tensor)),
    ("sqrt", |c| unary(c, Sqrt, &[], Choices::positive)),
    ("abs", |c| unary(c, Abs, &[], Choices::off_zero)),
    ("exp", |c| unary(c, Exp, &[], Choices::tensor)),
    ("log", |c| unary(c, Log, &[], Choices::positive)),
    ("clamp_min", |c| {
        let min = bound(c);
        unary(c, ClampMin { min }, &[], Choices::distinct)
    }),
    ("clamp_max", |c| {
        let max = bound(c);
        unary(c, ClampMax { max }, &[], Choices::distinct)
    }),
    ("scale", |c| {
        let factor = c.uniform() * 3.0;
        unary(c, Scale { factor }, &[0], Choices::tensor)
    }),
    ("dropout", |c| {
        let (rate, seed) = (c.pick(0, 9) as f64 / 10.0, c.pick(0, 99) as u64);
        unary(c, Dropout { rate, seed }, &[0], Choices::tensor)
    }),
    ("broadcast_add", |c| broadcast(c, BroadcastAdd)),
    ("broadcast_mul", |c| broadcast(c, BroadcastMul)),
    ("sum", |c| unary(c, Sum, &[0], Choices::tensor)),
    ("mean", |c| unary(c, Mean, &[0], Choices::tensor)),
    ("row_sum", |c| {
        let keep_axis = c.pick(0, 1) == 1;
        unary(c, RowSum { keep_axis }, &[0], Choices::tensor)
    }),
    ("row_mean", |c| {
        let keep_axis = c.pick(0, 1) == 1;
        unary(c, RowMean { keep_axis }, &[0], Choices::tensor)
    }),
    ("row_max", |c| {
        let keep_axis = c.pick(0, 1) == 1;
        unary(c, RowMax { keep_axis }, &[], Choices::distinct)
    }),
    ("log_sum_exp", |c| {
        let keep_axis = c.pick(0, 1) == 1;
        unary(c, LogSumExp { keep_axis }, &[], Choices::tensor)
    }),
    ("softmax", |c| unary(c, Softmax, &[], Choices::tensor)),
    ("matmul", |c| {
        let (n, k, m) = (c.pick(1, 9), c.pick(1, 20), c.pick(1, 35));
        let inputs = vec![c.tensor(&[n, k]), c.tensor(&[k, m])];
        case(format!("({n}, {k}) by ({k}, {m})"), MatMul, inputs, &[0, 1])
    }),
    ("reshape", |c| {
        let (shape, first) = (c.shape(), c.pick(0, 1) == 1);
        let len: usize = shape.iter().product();
        let to = if first { Shape::from([1, len]) } else { Shape::from([len, 1]) };
        let x = c.tensor(&shape);
        case(format!("{shape:?} to {to}"), Reshape { shape: to }, vec![x], &[0])
    }),
    ("transpose", |c| {
        let shape = [c.pick(1, 40), c.pick(1, 12)];
        let x = c.tensor(&shape);
        case(format!("{shape:?}"), Transpose, vec![x], &[0])
    }),
    ("concat", |c| {
        let (mut shape, inputs) = (c.shape(), c.pick(1, 4));
        let axis = c.pick(0, shape.len() - 1);
        let mut label = format!("{shape:?}");
        let inputs: Vec<_> = (0..inputs)
            .map(|_| {
                shape[axis] = c.pick(1, 4);
                label += &format!(", {} of axis {axis}", shape[axis]);
                c.tensor(&shape)
            })
            .collect();
        let linear: Vec<usize> = (0..inputs.len()).collect();
        case(label, Concat { axis }, inputs, &linear)
    }),
    ("slice", |c| {
        let shape = c.shape();
        let axis = c.pick(0, shape.len() - 1);
        let start = c.pick(0, shape[axis] - 1);
        let range = start..start + c.pick(1, shape[axis] - start);
        let x = c.tensor(&shape);
        case(format!("{shape:?}, {range:?} of axis {axis}"), Slice { axis, range }, vec![x], &[0])
    }),
    ("gather_rows", |c| {
        let (shape, count) = (c.shape(), c.pick(1, 9));
        let rows: Vec<usize> = (0..count).map(|_| c.pick(0, shape[0] - 1)).collect();
        let x = c.tensor(&shape);
        case(format!("{shape:?}, rows {rows:?}"), GatherRows { rows }, vec![x], &[0])
    }),
    ("relu", |c| unary(c, Relu, &[], Choices::off_zero)),
    ("tanh", |c| unary(c, Tanh, &[], Choices::tensor)),
    ("sigmoid", |c| unary(c, Sigmoid, &[], Choices::tensor)),
    ("dense", dense),
    ("conv2d", conv2d),
    ("conv_transpose2d", conv_transpose2d),
    ("conv_stack", conv_stack),
    ("max_pool2d", |c| {
        let (window, stride, shape) = pool(c);
        let x = c.distinct(&shape);
        case(
            format!("{shape:?} by {window:?}, stride {stride:?}"),
            MaxPool2d { window, stride },
            vec![x],
            &[],
        )
    }),
    ("avg_pool2d", |c| {
        let (window, stride, shape) = pool(c);
        let x = c.tensor(&shape);
        case(
            format!("{shape:?} by {window:?}, stride {stride:?}"),
            AvgPool2d { window, stride },
            vec![x],
            &[0],
        )
    }),
    ("batch_norm", |c| {
        let mut shape = features_or_images(c);
        // One number of each feature is refused.
        shape[0] += usize::from(shape.iter().product::<usize>() == shape[1]);
        let channels = [shape[1]];
        let inputs = vec![c.distinct(&shape), c.tensor(&channels), c.tensor(&channels)];
        case(format!("{shape:?}"), BatchNorm { eps: 1e-3 }, inputs, &[1, 2])
    }),
    ("batch_norm_eval", |c| {
        let shape = features_or_images(c);
        let channels = [shape[1]];
        let mut inputs = vec![c.tensor(&shape)];
        inputs.extend((0..3).map(|_| c.tensor(&channels)));
        inputs.push(c.positive(&channels));
        case(format!("{shape:?}"), BatchNormEval { eps: 1e-3 }, inputs, &[0, 1, 2, 3])
    }),
    ("normalised_dense", |c| {
        let (n, f, o) = (c.pick(2, 6), c.pick(1, 40), c.pick(1, 6));
        let x = c.distinct(&[n, f]);
        let inputs = vec![x, c.tensor(&[f]), c.tensor(&[f]), c.tensor(&[o, f]), c.tensor(&[o])];
        case(format!("({n}, {f}) to {o}"), NormalisedDense { eps: 1e-3 }, inputs, &[1, 2, 3, 4])
    }),
    ("flatten", |c| {
        let shape: Vec<usize> = (0..4).map(|_| c.pick(1, 5)).collect();
        let x = c.tensor(&shape);
        case(format!("{shape:?}"), Flatten, vec![x], &[0])
    }),
    ("squared_distance", |c| rows(c, SquaredDistance, 2)),
    ("euclidean_distance", |c| rows(c, EuclideanDistance { floor: 1e-7 }, 2)),
    ("l2_normalise", |c| rows(c, L2Normalise, 1)),
    ("pairwise_squared_distance", |c| rows(c, PairwiseSquaredDistance, 1)),
    ("contrastive_loss", |c| {
        let (n, margin) = (c.pick(1, 12), 0.5 + c.pick(0, 20) as f64 / 10.0);
        // On both sides of the margin, not near it.
        let distance = Tensor::from_fn([n, 1], |_| {
            let x = c.uniform();
            (margin + x * 0.4).abs() + 0.05f64.copysign(x)
        });
        let same = Tensor::from_fn([n, 1], |_| f64::from(u8::from(c.uniform() > 0.0)));
        case(format!("{n} pairs, margin {margin}"), ContrastiveLoss { margin }, vec![distance, same], &[1])
    }),
    ("triplet_loss", |c| {
        let (n, f, margin) = (c.pick(1, 8), c.pick(1, 12), c.pick(0, 20) as f64 / 10.0);
        let inputs = (0..3).map(|_| c.tensor(&[n, f])).collect();
        case(format!("{n} triplets of {f}, margin {margin}"), TripletLoss { margin }, inputs, &[])
    }),
    ("supervised_contrastive_loss", |c| {
        let labels = c.labels();
        let temperature = 0.1 + c.pick(0, 9) as f64 / 10.0;
        let x = c.positive(&[labels.len(); 2]);
        let label = format!("labels {labels:?}, temperature {temperature}");
        case(label, SupervisedContrastiveLoss { temperature, labels }, vec![x], &[])
    }),
    ("multi_similarity_loss", |c| {
        let labels = c.labels();
        let (alpha, beta, base) = (c.pick(1, 5) as f64, c.pick(1, 50) as f64, c.pick(0, 8) as f64 / 10.0);
        let x = c.positive(&[labels.len(); 2]);
        let label = format!("labels {labels:?}, alpha {alpha}, beta {beta}, base {base}");
        case(label, MultiSimilarityLoss { alpha, beta, base, labels }, vec![x], &[])
    }),
    ("mined_triplet_loss", |c| {
        let labels = c.labels();
        let mining = [Mining::Random, Mining::SemiHard, Mining::BatchHard][c.pick(0, 2)];
        // Distances differ by multiples of 0.05, and by those of 0.0375 at the checker's other values. Between them: no
        // hinge is near its kink.
        let margin = 0.01875 + 0.15 * c.pick(0, 7) as f64 - 0.3;
        let x = c.distinct(&[labels.len(); 2]);
        let label = format!("{mining:?}, labels {labels:?}, margin {margin}");
        case(label, MinedTripletLoss { margin, mining, seed: 5, labels }, vec![x], &[])
    }),
];

fn unary<'a>(
    c: &mut Choices<'a>,
    op: impl Op<f64> + 'static,
    linear: &[usize],
    fill: fn(&mut Choices<'a>, &[usize]) -> Tensor<f64>,
) -> Case {
    let shape = c.shape();
    let x = fill(c, &shape);
    case(format!("{shape:?}"), op, vec![x], linear)
}

fn binary(c: &mut Choices<'_>, op: impl Op<f64> + 'static, linear: &[usize]) -> Case {
    let shape = c.shape();
    let inputs = vec![c.tensor(&shape), c.tensor(&shape)];
    case(format!("{shape:?}"), op, inputs, linear)
}

/// About the middle of `distinct`'s numbers, and between two of them and of three quarters of them, at which the check also
/// looks: they are multiples of 0.025 and of 0.01875.
fn bound(c: &mut Choices<'_>) -> f64 {
    0.05 * c.pick(0, 4) as f64 - 0.11
}

/// b has some of a's axes from the right, and along some of them one place.
fn broadcast(c: &mut Choices<'_>, op: impl Op<f64> + 'static) -> Case {
    let a = c.shape();
    let missing = c.pick(0, a.len());
    let b: Vec<usize> = a[missing..].iter().map(|size| if c.pick(0, 1) == 0 { 1 } else { *size }).collect();
    let inputs = vec![c.tensor(&a), c.tensor(&b)];
    case(format!("{a:?} and {b:?}"), op, inputs, &[0, 1])
}

/// Ops on rows of features.
fn rows(c: &mut Choices<'_>, op: impl Op<f64> + 'static, inputs: usize) -> Case {
    let shape = [c.pick(1, 7), c.pick(1, 35)];
    let inputs = (0..inputs).map(|_| c.tensor(&shape)).collect();
    case(format!("{shape:?}"), op, inputs, &[])
}

fn dense(c: &mut Choices<'_>) -> Case {
    let (n, f, o, bias) = (c.pick(1, 9), c.pick(1, 35), c.pick(1, 9), c.pick(0, 1) == 1);
    let mut inputs = vec![c.tensor(&[n, f]), c.tensor(&[o, f])];
    if bias {
        inputs.push(c.tensor(&[o]));
    }
    let linear: Vec<usize> = (0..inputs.len()).collect();
    case(format!("({n}, {f}) to {o}, bias: {bias}"), Dense, inputs, &linear)
}

/// Steps, groups, and the kernel and padding that go with them.
fn convolution(c: &mut Choices<'_>) -> (Conv2d, (usize, usize)) {
    let (kernel, stride, padding) = (c.pair(1, 4), c.pair(1, 5), c.pair(0, 2));
    // Mostly plain ones.
    let dilation = if c.pick(0, 2) == 0 { c.pair(1, 3) } else { (1, 1) };
    let groups = if c.pick(0, 2) == 0 { c.pick(1, 3) } else { 1 };
    (Conv2d { stride, padding, dilation, groups }, kernel)
}

fn conv2d(c: &mut Choices<'_>) -> Case {
    let (op, kernel) = convolution(c);
    let Conv2d { padding, dilation, groups, .. } = op;
    let (n, bias) = (c.pick(1, 2), c.pick(0, 1) == 1);
    let (c_in, c_out) = (groups * c.pick(1, 4), groups * c.pick(1, 5));
    // As small as the kernel allows, and up to 7 more: leftovers of every size.
    let least = |k: usize, p: usize, d: usize| ((k - 1) * d + 1).saturating_sub(2 * p).max(1);
    let h = least(kernel.0, padding.0, dilation.0) + c.pick(0, 7);
    let w = least(kernel.1, padding.1, dilation.1) + c.pick(0, 7);
    let mut inputs = vec![c.tensor(&[n, c_in, h, w]), c.tensor(&[c_out, c_in / groups, kernel.0, kernel.1])];
    if bias {
        inputs.push(c.tensor(&[c_out]));
    }
    let linear: Vec<usize> = (0..inputs.len()).collect();
    case(format!("({n}, {c_in}, {h}, {w}) * {c_out} x {kernel:?}, {op:?}, bias: {bias}"), op, inputs, &linear)
}

fn conv_transpose2d(c: &mut Choices<'_>) -> Case {
    let (mut convolution, kernel) = convolution(c);
    let (n, bias, groups) = (c.pick(1, 2), c.pick(0, 1) == 1, convolution.groups);
    let (c_in, c_out, h, w) = (groups * c.pick(1, 3), groups * c.pick(1, 3), c.pick(1, 5), c.pick(1, 5));
    let output_padding = (c.pick(0, convolution.stride.0 - 1), c.pick(0, convolution.stride.1 - 1));
    // No more padding than leaves a row and a column.
    let most = |k: usize, p: usize, d: usize| p.min((k - 1) * d / 2);
    let (p, d) = (convolution.padding, convolution.dilation);
    convolution.padding = (most(kernel.0, p.0, d.0), most(kernel.1, p.1, d.1));
    let mut inputs = vec![c.tensor(&[n, c_in, h, w]), c.tensor(&[c_in, c_out / groups, kernel.0, kernel.1])];
    if bias {
        inputs.push(c.tensor(&[c_out]));
    }
    let linear: Vec<usize> = (0..inputs.len()).collect();
    let op = ConvTranspose2d { convolution, output_padding };
    case(format!("({n}, {c_in}, {h}, {w}) * {c_out} x {kernel:?}, {op:?}, bias: {bias}"), op, inputs, &linear)
}

/// One to three blocks, built from the last to the first so that every one has an output.
fn conv_stack(c: &mut Choices<'_>) -> Case {
    let (n, count, flatten) = (c.pick(1, 2), c.pick(1, 3), c.pick(0, 1) == 1);
    let mut size = c.pair(1, 2);
    let mut blocks = Vec::new();
    let mut kernels = Vec::new();
    for _ in 0..count {
        let (kernel, padding) = (c.pair(1, 3), c.pair(0, 2));
        let tail = if c.pick(0, 1) == 0 { Tail::ReluMaxPool } else { Tail::TanhAvgPool };
        // Twice the pooled size, perhaps a leftover row, and what the kernel takes away.
        let before = |pooled: usize, k: usize, p: usize, more: usize| {
            (2 * pooled + more + k - 1).saturating_sub(2 * p).max(1)
        };
        size = (
            before(size.0, kernel.0, padding.0, c.pick(0, 1)),
            before(size.1, kernel.1, padding.1, c.pick(0, 1)),
        );
        blocks.insert(0, ConvBlock { padding, tail });
        kernels.insert(0, kernel);
    }
    let mut channels = c.pick(1, 3);
    let mut inputs = vec![c.tensor(&[n, channels, size.0, size.1])];
    let label = format!("({n}, {channels}, {}, {}) * {kernels:?}, {blocks:?}", size.0, size.1);
    for kernel in kernels {
        let filters = c.pick(1, 4);
        inputs.push(c.tensor(&[filters, channels, kernel.0, kernel.1]));
        inputs.push(c.tensor(&[filters]));
        channels = filters;
    }
    case(label, ConvStack { blocks, flatten }, inputs, &[])
}

type Pool = ((usize, usize), (usize, usize), [usize; 4]);

fn pool(c: &mut Choices<'_>) -> Pool {
    let (window, stride) = (c.pair(1, 4), c.pair(1, 5));
    let shape = [c.pick(1, 3), c.pick(1, 3), window.0 + c.pick(0, 7), window.1 + c.pick(0, 7)];
    (window, stride, shape)
}

/// (N, F) or (N, C, H, W).
fn features_or_images(c: &mut Choices<'_>) -> Vec<usize> {
    if c.pick(0, 1) == 0 {
        return vec![c.pick(1, 9), c.pick(1, 20)];
    }
    vec![c.pick(1, 4), c.pick(1, 4), c.pick(1, 5), c.pick(1, 5)]
}
