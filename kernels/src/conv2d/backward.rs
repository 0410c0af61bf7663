//! dw = dy columns^T and dx = col2im(w^T dy).

use super::channels_last::ChannelsLast;
use super::columns::Columns;
use super::gather::Gather;
use super::parts::{LEAST, in_parts};
use super::plan::Plan;
use super::route::{Pass, Place, Way, way};
use super::squares::plain::Squares;
use super::{Geometry, Gradients, deep};
use crate::map::{Identity, sum_chunk};
use crate::simd::Level;
use crate::tile::{Dots, Packed, Pieces, Rows};
use crate::{Element, im2col};

pub(crate) fn backward<E: Element>(
    g: &Geometry,
    x: &[E],
    weight: &[E],
    grad_output: &[E],
    grads: Gradients<'_, E>,
) {
    // Without dw nobody asks for x.
    let wants_weight = grads.weight.is_some();
    g.check(wants_weight.then_some(x), Some(weight), grad_output);
    let sizes = [(&grads.input, g.input_len()), (&grads.weight, g.weight_len()), (&grads.bias, g.filters)];
    for (grad, len) in sizes {
        assert!(grad.as_ref().is_none_or(|grad| grad.len() == len), "conv2d: a gradient has another size");
    }
    if im2col::is_asked_for() {
        return im2col::backward(g, x, weight, grad_output, grads);
    }
    let wants_input = grads.input.is_some();
    let ways = [Pass::WeightGradient, Pass::InputGradient].map(|pass| way(pass, g, Place::Plain));
    let params = vec![grads.weight, grads.bias];
    let len = g.filters * g.positions();
    if let [Way::Deep(dw), Way::Deep(dx)] = ways {
        let deep = deep::Backward::new(g, [dw, dx], weight, wants_input);
        return in_parts(g.images, deep.least(), grads.input, params, |mut part| {
            let [grad_weight, grad_bias] = part.params.get_disjoint_mut([0, 1]).expect("both");
            let dy = &grad_output[part.images.start * len..part.images.end * len];
            add_bias(g, dy, grad_bias);
            let x = if wants_weight { &x[part.images.start * g.image_len()..] } else { &[] };
            let spread = |n: usize, last: &ChannelsLast, to: &mut [E]| last.read(&dy[n * len..][..len], to);
            deep.images(part.images.len(), x, spread, grad_weight, part.input);
        });
    }
    let one = g.group();
    let plan = ways.contains(&Way::Tiles).then(|| Plan::new(&one));
    let plan = || plan.as_ref().expect("made for this way");
    let columns = Columns::new(&one);
    let (image, planes) = (one.image_len(), one.filters * one.positions());
    // Each group's, made ready once for all images. Chosen for itself, so that dw alone has the bits that it has beside dx.
    let groups = weight.chunks_exact(one.weight_len()).filter(|_| wants_input).map(|weight| match ways[1] {
        Way::Columns => Input::Columns(weight, columns.packed(weight)),
        Way::Squares => {
            let turned = one.turned().expect("where it goes this way");
            Input::Squares(Squares::new(&turned, |c, o, tap| weight[(o * one.channels + c) * 9 + 8 - tap]))
        }
        Way::Tiles => Input::Tiles(Gather::new(plan(), weight, true, None)),
        other => unreachable!("dx by {other}"),
    });
    let groups: Vec<Input<'_, E>> = groups.collect();
    in_parts(g.images, LEAST.div_ceil(g.positions()), grads.input, params, |mut part| {
        let [grad_weight, grad_bias] = part.params.get_disjoint_mut([0, 1]).expect("both");
        let dy = &grad_output[part.images.start * len..part.images.end * len];
        add_bias(g, dy, grad_bias);
        for group in 0..g.groups {
            let dys: Vec<&[E]> = dy.chunks_exact(len).map(|dy| &dy[group * planes..][..planes]).collect();
            if let Some(grad_weight) =
                grad_weight.get_mut(group * one.weight_len()..(group + 1) * one.weight_len())
            {
                let x = x[part.images.start * g.image_len()..part.images.end * g.image_len()]
                    .chunks(g.image_len());
                let xs = x.map(|x| &x[group * image..][..image]);
                match ways[0] {
                    Way::Columns => columns.weight(&xs.collect::<Vec<_>>(), &dys, grad_weight),
                    Way::Tiles => xs.zip(&dys).for_each(|(x, dy)| add_weight(plan(), x, dy, grad_weight)),
                    other => unreachable!("dw by {other}"),
                }
            }
            let Some(input) = groups.get(group) else { continue };
            let dxs = part.input.chunks_mut(g.image_len()).map(|dx| &mut dx[group * image..][..image]);
            match input {
                Input::Columns(weight, packed) => {
                    columns.input((weight, packed.as_ref()), &dys, &mut dxs.collect::<Vec<_>>());
                }
                Input::Squares(squares) => {
                    dys.iter().zip(dxs).for_each(|(dy, dx)| squares.image(dy, None, true, dx))
                }
                Input::Tiles(tiles) => {
                    let mut work = tiles.work();
                    for (dy, dx) in dys.iter().zip(dxs) {
                        tiles.image(&mut work, dx, |to, band| tiles.spread(dy, band, to));
                    }
                }
            }
        }
    });
}

/// The way to dx of a group, made ready.
enum Input<'a, E: Element> {
    Columns(&'a [E], Option<Packed<E>>),
    Squares(Squares<E>),
    /// A product over dy, spread to rows of the images.
    Tiles(Gather<'a, E>),
}

/// Adds dw of an image from dy where it stands; the product copies some rows of dy in passing.
fn add_weight<E: Element>(plan: &Plan, x: &[E], dy: &[E], grad_weight: &mut [E]) {
    let Plan { h_out, w_out, row, .. } = *plan;
    let planes = plan.phases.split(x);
    let right = plan.columns(planes.as_deref().unwrap_or(x));
    let offsets: Vec<usize> = (0..plan.g.filters).map(|o| o * h_out * w_out).collect();
    let left = Rows::new(dy, &offsets, h_out * w_out);
    let pieces = Pieces { count: h_out, len: w_out, step: (w_out, row) };
    E::dispatch_at(Level::current(), Dots { left, right, pieces, out: grad_weight });
}

/// Adds db of some images, where it is not empty.
fn add_bias<E: Element>(g: &Geometry, dy: &[E], grad_bias: &mut [E]) {
    if !grad_bias.is_empty() {
        for (at, dy) in dy.chunks(g.positions()).enumerate() {
            grad_bias[at % g.filters] += sum_chunk(Identity, [dy]);
        }
    }
}
