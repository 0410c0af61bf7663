//! Convolutions of stride 1, each with its activation and 2 x 2 pooling, one after the other - an image at a time.
//!
//! ```text
//! x -> conv, ReLU, max-pool -> conv, ReLU, max-pool -> y      or with tanh and average-pool
//! ```
//!
//! An image goes through all stages while its numbers are in the second-level cache, forward and back: what lies
//! between the stages is written once, to be kept for the way back, and its gradient never leaves the cache.

use super::channels_last::ChannelsLast;
use super::few::{FewBackward, FewWork};
use super::gather::Work;
use super::parts::in_parts;
use super::phases::Layout;
use super::plan::Plan;
use super::pooled::{self, AverageBackward, Keep, PooledForward};
use super::route::{Pass, Place, Way, way};
use super::squares::max_pool::{self, QuadForward};
use super::winners::{MaxBackward, MaxWork};
use super::{Geometry, Tail, deep, pooled_size};
use crate::parallel::{self, deal_by_itself};
use crate::{Element, scratch};

/// A convolution and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Of stride and dilation 1, in one group. Its image is what the stage before gives.
    pub geometry: Geometry,
    /// What follows.
    pub tail: Tail,
}

impl Stage {
    /// Elements of y for an image: (C_out, H_out / 2, W_out / 2).
    pub fn output_len(&self) -> usize {
        let (h, w) = pooled_size(&self.geometry);
        self.geometry.filters * h * w
    }

    /// How a y that another stage goes on with is written, and the winners: putting them in order is left to the last
    /// stage.
    fn layout(&self) -> Layout {
        let g = &self.geometry;
        match way(Pass::Forward, g, Place::Among(self.tail)) {
            Way::Squares => max_pool::layout(g),
            _ => Layout::plain(pooled_size(g).0, pooled_size(g).1),
        }
    }

    /// Where (i, j) of plane `plane` of (N C_out) stands in a y that another stage goes on with, and in the winners.
    pub fn inner_place(&self, plane: usize, i: usize, j: usize) -> usize {
        plane * self.layout().plane + self.layout().start(i) + j
    }

    /// Elements of such a y for an image.
    pub fn inner_len(&self) -> usize {
        self.geometry.filters * self.layout().plane
    }

    /// Numbers and bytes that the way back needs of an image, beside y: t, or the winners.
    pub fn kept_len(&self) -> (usize, usize) {
        match self.tail {
            Tail::ReluMaxPool => (0, self.inner_len()),
            Tail::TanhAvgPool => (pooled::kept_len(&self.geometry), 0),
        }
    }
}

/// How each stage's x is written.
fn inputs(stages: &[Stage]) -> impl Iterator<Item = Layout> {
    let (h, w) = stages[0].geometry.size;
    std::iter::once(Layout::plain(h, w)).chain(stages.iter().map(Stage::layout))
}

/// Where what a stage makes of a batch is kept. What is empty is not kept, but the last stage's y is what it is for.
pub struct Made<'a, E> {
    /// y, (N, C_out, H_out / 2, W_out / 2); before the last stage see [`Stage::inner_place`].
    pub output: &'a mut [E],
    /// The numbers of [`Stage::kept_len`] for each image.
    pub values: &'a mut [E],
    /// The bytes. Winners are 0 to 3 in row order, [`NO_WINNER`](super::NO_WINNER) where the ReLU gave 0.
    pub bytes: &'a mut [u8],
}

/// The same, to be read.
#[derive(Clone, Copy)]
pub struct Kept<'a, E> {
    /// y.
    pub output: &'a [E],
    /// Numbers.
    pub values: &'a [E],
    /// Bytes.
    pub bytes: &'a [u8],
}

impl<E> Made<'_, E> {
    fn lengths(&self) -> [usize; 3] {
        [self.output.len(), self.values.len(), self.bytes.len()]
    }
}

impl<E> Kept<'_, E> {
    fn lengths(&self) -> [usize; 3] {
        [self.output.len(), self.values.len(), self.bytes.len()]
    }
}

/// The preconditions of both directions.
fn check<E: Element>(
    stages: &[Stage],
    x: &[E],
    params: &[[&[E]; 2]],
    lengths: impl Iterator<Item = [usize; 3]>,
    may_be_empty: bool,
) {
    assert!(!stages.is_empty() && params.len() == stages.len(), "conv_stack: a stage without parameters");
    assert!(x.len() == stages[0].geometry.input_len(), "conv_stack: x has another size");
    let images = stages[0].geometry.images;
    let mut count = 0;
    for ((stage, [weight, bias]), [output, values, bytes]) in stages.iter().zip(params).zip(lengths) {
        let g = &stage.geometry;
        assert!(
            g.stride == (1, 1) && g.dilation == (1, 1) && g.groups == 1,
            "conv_stack: a stage with stride, dilation or groups"
        );
        assert!(
            weight.len() == g.weight_len() && bias.len() == g.filters,
            "conv_stack: a parameter has another size"
        );
        assert!(stage.output_len() > 0 && g.images == images, "conv_stack: empty output");
        let kept = stage.kept_len();
        let last = count + 1 == stages.len();
        let fits = |len: usize, full: usize, empty: bool| len == images * full || (empty && len == 0);
        let y = if last { stage.output_len() } else { stage.inner_len() };
        assert!(fits(output, y, may_be_empty && !last), "conv_stack: y has another size");
        let others = fits(values, kept.0, may_be_empty) && fits(bytes, kept.1, may_be_empty);
        assert!(others, "conv_stack: a buffer has another size");
        count += 1;
    }
    assert!(count == stages.len(), "conv_stack: a stage without buffers");
    for pair in stages.windows(2) {
        assert!(pair[1].geometry.image_len() == pair[0].output_len(), "conv_stack: the stages do not fit");
    }
}

/// Where the stages of a stack stand: a stage that stands alone may go as a deep convolution does.
fn place(stages: &[Stage], i: usize) -> Place {
    if stages.len() == 1 { Place::Alone(stages[i].tail) } else { Place::Among(stages[i].tail) }
}

enum Forward<'a, E: Element> {
    Squares(QuadForward<'a, E>),
    Tiles(PooledForward<'a, E>),
}

pub(crate) fn forward<E: Element>(stages: &[Stage], x: &[E], params: &[[&[E]; 2]], made: Vec<Made<'_, E>>) {
    check(stages, x, params, made.iter().map(Made::lengths), true);
    let ways = |i: usize| way(Pass::Forward, &stages[i].geometry, place(stages, i));
    if let Way::Deep(form) = ways(0) {
        let ([weight, bias], g) = (params[0], &stages[0].geometry);
        let made = made.into_iter().next().expect("checked");
        let deep = deep::Forward::new(g, form, weight, Some(bias));
        return deep.run_pooled(x, made.output, (made.bytes, stages[0].layout()));
    }
    let plans = plans(stages);
    let forward: Vec<Forward<'_, E>> = (stages
        .iter()
        .zip(params)
        .zip(inputs(stages).zip(&plans))
        .enumerate())
    .map(|(i, ((stage, [weight, bias]), (x, plan)))| match ways(i) {
        Way::Squares => {
            Forward::Squares(QuadForward::new(&stage.geometry, x, weight, bias, i + 1 == stages.len()))
        }
        Way::Tiles => Forward::Tiles(PooledForward::new(plan, weight, bias)),
        other => unreachable!("y of a stage by {other}"),
    })
    .collect();
    // Every stage's part for each image.
    let images = stages[0].geometry.images;
    let mut parts: Vec<Vec<Made<'_, E>>> = (0..images).map(|_| Vec::with_capacity(stages.len())).collect();
    for mut made in made {
        let [output, values, bytes] = made.lengths().map(|len| len / images);
        for part in &mut parts {
            part.push(Made {
                output: made.output.split_off_mut(..output).expect("checked"),
                values: made.values.split_off_mut(..values).expect("checked"),
                bytes: made.bytes.split_off_mut(..bytes).expect("checked"),
            });
        }
    }
    let images = (parallel::parts(&mut parts, 1), x.chunks(stages[0].geometry.image_len()));
    deal_by_itself(images, |_, (part, x)| {
        // What is not kept, and what it was made from.
        let (mut y, mut before) = (scratch::any::<E>(0), scratch::any::<E>(0));
        let mut kept_before: Option<&[E]> = Some(x);
        for ((forward, stage), made) in forward.iter().zip(stages).zip(part[0].drain(..)) {
            let x = kept_before.unwrap_or(&before);
            let keeps = !made.output.is_empty();
            if !keeps {
                y = scratch::any(stage.inner_len());
            }
            let output = if keeps { &mut *made.output } else { &mut y[..] };
            match (forward, stage.tail) {
                (Forward::Squares(forward), _) => forward.image(x, output, made.bytes),
                (Forward::Tiles(forward), Tail::ReluMaxPool) => {
                    forward.image(x, output, Keep::Winners(made.bytes));
                }
                (Forward::Tiles(forward), Tail::TanhAvgPool) if made.values.is_empty() => {
                    forward.image(x, output, Keep::Tanh(&mut scratch::any(stage.kept_len().0)));
                }
                (Forward::Tiles(forward), Tail::TanhAvgPool) => {
                    forward.image(x, output, Keep::Tanh(made.values));
                }
            }
            std::mem::swap(&mut y, &mut before);
            kept_before = keeps.then_some(made.output);
        }
    });
}

fn plans(stages: &[Stage]) -> Vec<Plan> {
    stages.iter().zip(inputs(stages)).map(|(stage, x)| pooled::plan(&stage.geometry, x)).collect()
}

/// A stage's way back.
enum Backward<'a, E: Element> {
    Winners(MaxBackward<E>),
    /// The parameters' gradients by the first, so that they are the same bits whether dx is wanted or not; dx by the other.
    Few(Box<FewBackward>, Option<MaxBackward<E>>),
    Tiles(AverageBackward<'a, E>),
}

/// Its buffers, of one part of the batch.
enum StageWork<E: Element> {
    Winners(MaxWork<E>),
    Few(FewWork<E>, Option<MaxWork<E>>),
    Tiles(Work<E>),
}

/// What a stage's way back needs of an image.
struct Image<'a, E> {
    x: &'a [E],
    dy: &'a [E],
    kept: (&'a [E], &'a [u8]),
    /// dx, and whether it is added to or written.
    dx: (&'a mut [E], bool),
}

impl<E: Element> Backward<'_, E> {
    fn work(&self) -> StageWork<E> {
        match self {
            Backward::Winners(winners) => StageWork::Winners(winners.work()),
            Backward::Few(few, input) => StageWork::Few(few.work(), input.as_ref().map(MaxBackward::work)),
            Backward::Tiles(tiles) => StageWork::Tiles(tiles.work()),
        }
    }

    /// Adds dw, or keeps it until `finish`, and db of an image, and makes dx.
    fn image(&self, image: Image<'_, E>, work: &mut StageWork<E>, [grad_weight, grad_bias]: [&mut [E]; 2]) {
        let Image { x, dy, kept: (t, winner), dx } = image;
        match (self, work) {
            (Backward::Winners(winners), StageWork::Winners(work)) => {
                winners.image(x, winner, dy, work, grad_bias, dx);
            }
            (Backward::Few(few, input), StageWork::Few(work, input_work)) => {
                few.image(x, winner, dy, work, grad_bias);
                if let (Some(input), Some(work)) = (input, input_work) {
                    let mut spare = scratch::zeros::<E>(grad_bias.len());
                    input.image(x, winner, dy, work, &mut spare, dx);
                }
            }
            (Backward::Tiles(tiles), StageWork::Tiles(work)) => {
                if !dx.1 {
                    dx.0.fill(E::ZERO);
                }
                tiles.image(x, t, dy, work, [grad_weight, grad_bias], dx.0);
            }
            _ => unreachable!("each stage has its own buffers"),
        }
    }

    /// Adds what was kept of dw, once all images are done.
    fn finish(&self, work: &StageWork<E>, grad_weight: &mut [E]) {
        match (self, work) {
            (Backward::Winners(winners), StageWork::Winners(work)) => winners.finish(work, grad_weight),
            (Backward::Few(few, _), StageWork::Few(work, _)) => few.finish(work, grad_weight),
            _ => {}
        }
    }
}

pub(crate) fn backward<E: Element>(
    stages: &[Stage],
    x: &[E],
    params: &[[&[E]; 2]],
    kept: &[Kept<'_, E>],
    grad_output: &[E],
    grad_input: Option<&mut [E]>,
    grad_params: Vec<Option<&mut [E]>>,
) {
    check(stages, x, params, kept.iter().map(Kept::lengths), false);
    let (first, last) = (stages[0].geometry, stages[stages.len() - 1]);
    assert!(grad_output.len() == first.images * last.output_len(), "conv_stack: dy has another size");
    assert!(grad_input.as_ref().is_none_or(|dx| dx.len() == x.len()), "conv_stack: dx has another size");
    let lengths: Vec<usize> =
        stages.iter().flat_map(|stage| [stage.geometry.weight_len(), stage.geometry.filters]).collect();
    assert!(grad_params.len() == lengths.len(), "conv_stack: a stage without gradients");
    // Those that are not wanted are summed for nothing: they nearly always are.
    let mut spares: Vec<_> = (grad_params.iter().zip(&lengths))
        .map(|(grad, &len)| scratch::zeros::<E>(if grad.is_none() { len } else { 0 }))
        .collect();
    let wanted =
        grad_params.into_iter().zip(&mut spares).map(|(grad, spare)| Some(grad.unwrap_or(spare))).collect();
    let with_input = grad_input.is_some();
    let ways = |pass: Pass, i: usize| way(pass, &stages[i].geometry, place(stages, i));
    if let (Way::Deep(dw), Way::Deep(dx)) = (ways(Pass::WeightGradient, 0), ways(Pass::InputGradient, 0)) {
        let g = &first;
        let deep = deep::Backward::new(g, [dw, dx], params[0][0], with_input);
        let (len, bytes) = (last.output_len(), last.kept_len().1);
        return in_parts(g.images, deep.least(), grad_input, wanted, |mut part| {
            let [grad_weight, grad_bias] = part.params.get_disjoint_mut([0, 1]).expect("both");
            let (first, count) = (part.images.start, part.images.len());
            let spread = |n: usize, to: &ChannelsLast, dy: &mut [E]| {
                let winners = (&kept[0].bytes[(first + n) * bytes..][..bytes], last.layout());
                let grad_output = &grad_output[(first + n) * len..][..len];
                deep::spread_winners(g, winners, grad_output, grad_bias, (to, dy));
            };
            deep.images(count, &x[first * g.image_len()..], spread, grad_weight, part.input);
        });
    }
    let plans = plans(stages);
    let backward: Vec<Backward<'_, E>> =
        (stages.iter().zip(params).zip(inputs(stages).zip(&plans)).enumerate())
            .map(|(i, ((stage, [weight, _]), (x, plan)))| {
                let (g, layouts, with_input) = (&stage.geometry, [x, stage.layout()], with_input || i > 0);
                let winners = || MaxBackward::new(g, layouts, weight, with_input);
                match ways(Pass::WeightGradient, i) {
                    Way::Few => {
                        Backward::Few(Box::new(FewBackward::new(g, layouts)), with_input.then(winners))
                    }
                    Way::Winners => Backward::Winners(winners()),
                    Way::Tiles => Backward::Tiles(AverageBackward::new(plan, weight, with_input)),
                    other => unreachable!("dw of a stage by {other}"),
                }
            })
            .collect();
    in_parts(first.images, 1, grad_input, wanted, |mut part| {
        let all = part.params.iter().zip(&lengths).all(|(sum, len)| sum.len() == *len);
        assert!(all, "a gradient has another size");
        let mut works: Vec<StageWork<E>> = backward.iter().map(Backward::work).collect();
        let widest = stages.iter().map(Stage::output_len).max().unwrap_or(0);
        // The gradient of what a stage made, and of what it was made from.
        let (mut from, mut to) = (scratch::any::<E>(widest), scratch::any::<E>(widest));
        for (index, n) in part.images.clone().enumerate() {
            for i in (0..stages.len()).rev() {
                let (stage, image) = (&stages[i], stages[i].geometry.image_len());
                let (x, x_len) =
                    if i == 0 { (x, image) } else { (kept[i - 1].output, stages[i - 1].inner_len()) };
                // The gradient of x is added to; that of what is between two stages is written.
                let dx = match i {
                    0 if with_input => (&mut part.input[index * image..][..image], true),
                    0 => (&mut [][..], true),
                    _ => (&mut to[..image], false),
                };
                let dy = if i + 1 == stages.len() { &grad_output[n * stage.output_len()..] } else { &from };
                let dy = &dy[..stage.output_len()];
                let (values, bytes) = stage.kept_len();
                let kept = (&kept[i].values[n * values..][..values], &kept[i].bytes[n * bytes..][..bytes]);
                let [grad_weight, grad_bias] =
                    part.params.get_disjoint_mut([2 * i, 2 * i + 1]).expect("two of each stage");
                let image = Image { x: &x[n * x_len..][..x_len], dy, kept, dx };
                backward[i].image(image, &mut works[i], [grad_weight, grad_bias]);
                std::mem::swap(&mut from, &mut to);
            }
        }
        for (i, (backward, work)) in backward.iter().zip(&works).enumerate() {
            backward.finish(work, part.params[2 * i]);
        }
    });
}
