//! Convolutions of stride 1, each with its activation and 2 x 2 pooling, in one: what `conv2d`, `relu` and
//! `max_pool2d`, or `conv2d`, `tanh` and `avg_pool2d`, compute one after the other, and perhaps `flatten`.
//!
//! ```text
//! y[i, j] = max(0, largest of conv at (2i, 2j), (2i, 2j + 1), (2i + 1, 2j), (2i + 1, 2j + 1))
//! y[i, j] = the mean of tanh(conv) at the same four
//! ```
//!
//! Each image goes through the whole stack while it is in cache; the full-sized outputs of the convolutions and
//! their gradients are never written to memory. On the way back dy goes to the winner of each window where y > 0, or
//! in quarters to all four, and from there as in `conv2d`. Ties go to the first, and where y = 0 the gradient is 0, as
//! in the plain ops.

use super::conv2d::Conv2d;
use super::sample::{Numbers, Refusal, Sample, Samples};
use crate::tape::{Node, Op, Saved};
use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use twinglyph_kernels as kernels;
use twinglyph_kernels::{Geometry, Kept, Made, Stage, pooled_size};

pub use twinglyph_kernels::Tail;

/// A stack of convolutions; inputs x, then weight and bias of each.
#[derive(Clone, Debug)]
pub struct ConvStack {
    /// First to last.
    pub blocks: Vec<ConvBlock>,
    /// Whether y is (N, C H W) and not (N, C, H, W): the numbers are the same.
    pub flatten: bool,
}

/// A convolution of stride 1 and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct ConvBlock {
    /// Zeros added at (top and bottom, left and right).
    pub padding: (usize, usize),
    /// Activation and pooling.
    pub tail: Tail,
}

const NAME: &str = "conv_stack";

impl ConvStack {
    fn check_shapes(&self, inputs: &[&Shape]) -> Result<Shape> {
        let count = 1 + 2 * self.blocks.len();
        super::shapes::expect_inputs(NAME, inputs, count..=count)?;
        let mut x = inputs[0].clone();
        for (block, params) in self.blocks.iter().zip(inputs[1..].chunks(2)) {
            let convolution = Conv2d { padding: block.padding, ..Conv2d::default() };
            let full =
                Op::<f32>::output_shape(&convolution, &[&x, params[0], params[1]]).map_err(of_this_op)?;
            let &[n, c, h_out, w_out] = full.dims() else { unreachable!("images") };
            if h_out < 2 || w_out < 2 {
                let message =
                    format!("the output is empty, a window of 2 x 2 does not fit {h_out} x {w_out}");
                return Err(Error::shape(NAME, message));
            }
            x = [n, c, h_out / 2, w_out / 2].into();
        }
        if self.flatten {
            let n = x.dims()[0];
            x = [n, x.len() / n].into();
        }
        Ok(x)
    }

    fn stages<E: Element>(&self, inputs: &[&Tensor<E>]) -> Vec<Stage> {
        let shapes: Vec<&Shape> = inputs.iter().map(|x| x.shape()).collect();
        self.stages_of(&shapes)
    }

    fn stages_of(&self, inputs: &[&Shape]) -> Vec<Stage> {
        let mut x = inputs[0].clone();
        let stage = |(block, params): (&ConvBlock, &[&Shape])| {
            let convolution = Conv2d { padding: block.padding, ..Conv2d::default() };
            let geometry: Geometry = convolution.geometry(&x, params[0]).expect("checked by output_shape");
            let (h, w) = pooled_size(&geometry);
            x = [geometry.images, geometry.filters, h, w].into();
            Stage { geometry, tail: block.tail }
        };
        self.blocks.iter().zip(inputs[1..].chunks(2)).map(stage).collect()
    }
}

/// A convolution's refusal as this op's.
fn of_this_op(error: Error) -> Error {
    match error {
        Error::Shape { message, .. } => Error::shape(NAME, message),
        other => other,
    }
}

/// (weight, bias) of each block.
fn params<'a, E: Element>(inputs: &[&'a Tensor<E>]) -> Vec<[&'a [E]; 2]> {
    inputs[1..].chunks(2).map(|pair| [pair[0].values(), pair[1].values()]).collect()
}

impl<E: Element> Op<E> for ConvStack {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        self.check_shapes(inputs)
    }

    fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
        let stages = self.stages(inputs);
        // Of each block: y, but that of the last is the output; what the kernel keeps.
        // What is empty the kernel does not keep.
        let wanted = saved.wanted;
        for (i, stage) in stages.iter().enumerate() {
            let room = |len: usize| if wanted { stage.geometry.images * len } else { 0 };
            let (numbers, small) = stage.kept_len();
            let last = i + 1 == stages.len();
            saved.make_values(if last { 0 } else { room(stage.inner_len()) });
            saved.make_values(room(numbers));
            saved.make_bytes(room(small));
        }
        let mut made = Vec::with_capacity(stages.len());
        let buffers = saved.values.chunks_exact_mut(2).zip(&mut saved.bytes);
        let mut last = Some(output.values_mut());
        for (i, (values, bytes)) in buffers.enumerate() {
            let [y, kept] = values else { unreachable!("chunks of two") };
            let is_last = i + 1 == stages.len();
            let output = if is_last { last.take().expect("one last block") } else { &mut y[..] };
            made.push(Made { output, values: kept, bytes });
        }
        kernels::conv_stack_forward(&stages, inputs[0].values(), &params(inputs), made);
    }

    fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
        let stages = self.stages(node.inputs);
        let kept: Vec<Kept<'_, E>> = (0..stages.len())
            .map(|i| {
                let last = i + 1 == stages.len();
                let output = if last { node.output.values() } else { &node.saved.values[2 * i][..] };
                Kept { output, values: &node.saved.values[2 * i + 1], bytes: &node.saved.bytes[i] }
            })
            .collect();
        let mut wanted = grad_inputs.iter_mut().map(|grad| grad.as_mut().map(|grad| grad.values_mut()));
        let grad_x = wanted.next().flatten();
        let (x, params) = (node.inputs[0].values(), params(node.inputs));
        kernels::conv_stack_backward(
            &stages,
            x,
            &params,
            &kept,
            grad_output.values(),
            grad_x,
            wanted.collect(),
        );
    }

    fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
        let dense = |stage: &Stage| 2 * (stage.geometry.output_len() * stage.geometry.depth()) as u64;
        let times = |i: usize| match wanted {
            None => 1,
            // The gradient of what is between two blocks is always wanted.
            Some(wanted) => u64::from(i > 0 || wanted[0]) + u64::from(wanted[1 + 2 * i]),
        };
        self.stages_of(inputs).iter().enumerate().map(|(i, stage)| dense(stage) * times(i)).sum()
    }
}

/// ((C_out, K_h, K_w), padding, tail) of each block.
type Block = ([usize; 3], (usize, usize), Tail);

/// x and the blocks: every way that a stage can go is among them.
fn cases() -> Vec<([usize; 4], Vec<Block>)> {
    let (max, average) = (Tail::ReluMaxPool, Tail::TanhAvgPool);
    vec![
        ([1, 1, 2, 2], vec![([1, 1, 1], (0, 0), max)]),
        ([1, 2, 4, 5], vec![([3, 3, 2], (0, 0), max)]),
        ([2, 2, 7, 6], vec![([2, 3, 3], (0, 0), max)]),
        ([2, 1, 3, 4], vec![([5, 3, 3], (1, 1), max)]),
        ([1, 3, 5, 7], vec![([9, 2, 4], (0, 2), max)]),
        ([1, 4, 4, 5], vec![([3, 3, 3], (1, 1), max)]),
        ([1, 1, 2, 3], vec![([1, 1, 1], (0, 0), average)]),
        ([2, 2, 5, 6], vec![([3, 2, 3], (0, 0), average)]),
        ([1, 3, 4, 3], vec![([2, 3, 3], (1, 2), average)]),
        ([2, 1, 10, 9], vec![([2, 3, 3], (0, 0), max), ([3, 3, 2], (0, 1), max)]),
        ([1, 2, 9, 8], vec![([2, 2, 3], (0, 0), average), ([2, 2, 2], (0, 0), average)]),
        ([1, 1, 9, 9], vec![([2, 3, 3], (1, 0), average), ([2, 3, 3], (0, 1), max)]),
        (
            [2, 1, 15, 17],
            vec![([2, 2, 2], (0, 0), max), ([1, 2, 3], (0, 0), average), ([2, 2, 2], (0, 0), max)],
        ),
        // By products of matrices in either form.
        ([4, 32, 2, 2], vec![([32, 3, 3], (1, 1), max)]),
        ([1, 32, 4, 4], vec![([32, 3, 3], (1, 1), max)]),
    ]
}

impl Samples for ConvStack {
    fn samples<E: Element>() -> Vec<Sample<E>> {
        let mut numbers = Numbers::new(14);
        cases()
            .into_iter()
            .map(|(x, blocks)| {
                let op = ConvStack {
                    blocks: blocks.iter().map(|&(_, padding, tail)| ConvBlock { padding, tail }).collect(),
                    flatten: x[0] == 2,
                };
                let label = format!("{} * {blocks:?}", Shape::from(x));
                // Numbers are drawn until no window is near a tie and no maximum near 0.
                loop {
                    let mut inputs = vec![numbers.tensor(&x)];
                    let mut channels = x[1];
                    for &([c_out, k_h, k_w], ..) in &blocks {
                        inputs.push(numbers.tensor(&[c_out, channels, k_h, k_w]));
                        inputs.push(numbers.tensor(&[c_out]));
                        channels = c_out;
                    }
                    if clear_of_kinks(&op, &inputs) {
                        break Sample::new(label, op, inputs);
                    }
                }
            })
            .collect()
    }

    fn refusals() -> Vec<Refusal> {
        let block = ConvBlock { padding: (0, 0), tail: Tail::ReluMaxPool };
        let one = ConvStack { blocks: vec![block], flatten: false };
        let two = ConvStack { blocks: vec![block; 2], flatten: true };
        vec![
            Refusal::new(
                one.clone(),
                [&[1, 1, 3, 4], &[1, 1, 3, 3], &[1]],
                "a window of 2 x 2 does not fit 1 x 2",
            ),
            Refusal::new(one, [&[1, 1, 3, 4], &[1, 1, 3, 3]], "2 inputs given, expected 3"),
            Refusal::new(
                two,
                [&[1, 1, 8, 8], &[2, 1, 3, 3], &[2], &[1, 3, 2, 2], &[1]],
                "weight of shape (1, 3, 2, 2), expected (1, 2, 2, 2)",
            ),
        ]
    }
}

/// Whether the two largest of every max-pooled window, and the largest and 0, are 0.002 apart.
fn clear_of_kinks<E: Element>(op: &ConvStack, inputs: &[Tensor<E>]) -> bool {
    let all: Vec<&Tensor<E>> = inputs.iter().collect();
    let gap = 0.002;
    let mut x: Vec<E> = inputs[0].values().to_vec();
    for (stage, params) in op.stages(&all).iter().zip(inputs[1..].chunks(2)) {
        let g = &stage.geometry;
        let (h_out, w_out) = g.output_size();
        let mut full = vec![E::ZERO; g.output_len()];
        kernels::reference::conv2d_forward(g, &x, params[0].values(), Some(params[1].values()), &mut full);
        x.clear();
        for plane in full.chunks(h_out * w_out) {
            for (i, j) in (0..h_out / 2).flat_map(|i| (0..w_out / 2).map(move |j| (i, j))) {
                let at = |u: usize, v: usize| plane[(2 * i + u) * w_out + 2 * j + v].to_f64();
                let mut window = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)];
                if stage.tail == Tail::TanhAvgPool {
                    x.push(E::from_f64(window.map(f64::tanh).iter().sum::<f64>() / 4.0));
                    continue;
                }
                window.sort_by(|a, b| b.total_cmp(a));
                if window[0].abs() <= gap || (window[0] > 0.0 && window[0] - window[1] <= gap) {
                    return false;
                }
                x.push(E::from_f64(window[0].max(0.0)));
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv2d;
    use std::collections::BTreeSet;
    use twinglyph_kernels::route::{Pass, Place, TABLE, way};

    /// Blocks of a kernel of one weight, 1: what is pooled first is the image itself.
    fn clear(tails: &[Tail], size: [usize; 2], image: &[f64]) -> bool {
        let block = |&tail: &Tail| ConvBlock { padding: (0, 0), tail };
        let op = ConvStack { blocks: tails.iter().map(block).collect(), flatten: false };
        let mut inputs = vec![Tensor::new([1, 1, size[0], size[1]], image.to_vec()).unwrap()];
        for _ in tails {
            inputs.push(Tensor::new([1, 1, 1, 1], vec![1.0]).unwrap());
            inputs.push(Tensor::zeros([1]));
        }
        clear_of_kinks(&op, &inputs)
    }

    #[test]
    fn a_sample_near_a_kink_is_not_taken() {
        let relu = [Tail::ReluMaxPool];
        assert!(clear(&relu, [2, 2], &[1.0, 0.9, -2.0, 0.1]));
        assert!(!clear(&relu, [2, 2], &[0.5, 0.901, -2.0, 0.9]));
        assert!(!clear(&relu, [2, 2], &[-1.0, -3.0, 0.001, -2.0]));
        assert!(!clear(&relu, [2, 2], &[-1.0, -3.0, -0.001, -2.0]));
        // Below 0 all are as one.
        assert!(clear(&relu, [2, 2], &[-1.0, -1.0, -3.0, -2.0]));
        // In the last of six windows.
        let mut image: Vec<f64> = (0..24).map(|i| f64::from(i) + 1.0).collect();
        assert!(clear(&relu, [4, 6], &image) && clear(&relu, [6, 4], &image));
        image[22] = 24.001;
        assert!(!clear(&relu, [4, 6], &image) && !clear(&relu, [6, 4], &image));
        // A mean has no kink, whatever is equal.
        assert!(clear(&[Tail::TanhAvgPool], [2, 2], &[1.0, 1.0, 0.0, 0.0]));
    }

    #[test]
    fn a_sample_near_a_kink_of_its_second_block_is_not_taken() {
        // The corners of the four windows, all else is far below.
        let image = |corners: [f64; 4]| {
            let at = |i: usize| match i {
                0 => corners[0],
                2 => corners[1],
                8 => corners[2],
                10 => corners[3],
                _ => -3.0 - i as f64,
            };
            (0..16).map(at).collect::<Vec<f64>>()
        };
        let twice = [Tail::ReluMaxPool; 2];
        assert!(clear(&twice, [4, 4], &image([1.0, 2.0, 3.0, 4.0])));
        assert!(!clear(&twice, [4, 4], &image([1.0, 4.001, 3.0, 4.0])));
        // Of means: of tanh, of four.
        let mean = [Tail::TanhAvgPool, Tail::ReluMaxPool];
        let flat = |corners: [f64; 4]| {
            let at = |i: usize| corners[i / 8 * 2 + i % 4 / 2];
            (0..16).map(at).collect::<Vec<f64>>()
        };
        assert!(clear(&mean, [4, 4], &flat([0.1, 0.2, 0.3, 0.303])));
        assert!(!clear(&mean, [4, 4], &flat([0.1, 0.2, 0.3, 0.301])));
        // tanh is so flat there that what is 0.1 apart comes within the gap.
        assert!(!clear(&mean, [4, 4], &flat([0.1, 0.2, 4.0, 4.1])));
    }

    /// The gradient check in f64, which runs at every SIMD level, goes by every way of the kernels' table.
    #[test]
    fn every_way_to_convolve_has_a_gradient_sample() {
        let mut taken = BTreeSet::new();
        let mut take = |g: &Geometry, place: Place, tail: Option<Tail>| {
            for pass in [Pass::Forward, Pass::WeightGradient, Pass::InputGradient] {
                taken.insert(format!("{pass:?} of {tail:?} by {}", way(pass, g, place)));
            }
        };
        for (op, x, [c_out, k_h, k_w], _) in conv2d::cases() {
            let weight = Shape::from([c_out, x[1] / op.groups, k_h, k_w]);
            take(&op.geometry(&Shape::from(x), &weight).unwrap(), Place::Plain, None);
        }
        for (mut x, blocks) in cases() {
            for &([c_out, k_h, k_w], padding, tail) in &blocks {
                let (op, weight) = (Conv2d { padding, ..Conv2d::default() }, [c_out, x[1], k_h, k_w]);
                let g = op.geometry(&Shape::from(x), &Shape::from(weight)).unwrap();
                let place = if blocks.len() == 1 { Place::Alone(tail) } else { Place::Among(tail) };
                take(&g, place, Some(tail));
                let (h, w) = pooled_size(&g);
                x = [x[0], c_out, h, w];
            }
        }
        let all = TABLE.iter().flat_map(|(pass, tail, ways)| {
            ways.iter().map(move |way| format!("{pass:?} of {tail:?} by {way}"))
        });
        assert_eq!(taken, all.collect());
    }
}
