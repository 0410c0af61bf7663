//! y = w columns.

use super::columns::Columns;
use super::plan::Plan;
use super::route::{Pass, Place, Way, way};
use super::squares::plain::Squares;
use super::{Geometry, deep};
use crate::parallel::{deal, parts};
use crate::simd::dispatch;
use crate::tile::{CopyRows, Init, Packed};
use crate::{Element, im2col, scratch};

pub(crate) fn forward<E: Element>(g: &Geometry, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    g.check(Some(x), Some(weight), y);
    assert!(bias.is_none_or(|b| b.len() == g.filters), "conv2d: the bias has another size");
    if im2col::is_asked_for() {
        return im2col::forward(g, x, weight, bias, y);
    }
    let one = g.group();
    let way = way(Pass::Forward, g, Place::Plain);
    if let Way::Deep(form) = way {
        return deep::Forward::new(g, form, weight, bias).run(x, y);
    }
    let (plan, columns) = ((way == Way::Tiles).then(|| Plan::new(&one)), Columns::new(&one));
    let plan = || plan.as_ref().expect("made for this way");
    // Each group's, made ready once for all images.
    let groups = weight.chunks_exact(one.weight_len()).enumerate().map(|(group, weight)| {
        let bias = bias.map(|bias| &bias[group * one.filters..][..one.filters]);
        let init = bias.map_or(Init::Zero, Init::Bias);
        let packed = || Packed::of_rows((weight, one.depth()), (one.filters, one.depth()));
        match way {
            Way::Squares => {
                let weight = |o: usize, c: usize, tap: usize| weight[(o * one.channels + c) * 9 + tap];
                Group::Squares(Squares::new(&one, weight), bias)
            }
            Way::Columns => Group::Columns(packed(), init),
            Way::Tiles => Group::Tiles(Tiles { plan: plan(), packed: packed(), bias: init }),
            other => unreachable!("y by {other}"),
        }
    });
    let groups: Vec<Group<'_, E>> = groups.collect();
    deal((parts(y, g.filters * g.positions()), x.chunks(g.image_len())), |_, (y, x)| {
        let images = x.chunks_exact(one.image_len()).zip(y.chunks_exact_mut(one.filters * one.positions()));
        for (group, (x, y)) in groups.iter().zip(images) {
            match group {
                Group::Squares(squares, bias) => squares.image(x, *bias, false, y),
                Group::Columns(packed, bias) => columns.image(packed, *bias, x, y),
                Group::Tiles(tiles) => tiles.image(x, y),
            }
        }
    });
}

enum Group<'a, E: Element> {
    Squares(Squares<E>, Option<&'a [E]>),
    Columns(Packed<E>, Init<'a, E>),
    Tiles(Tiles<'a, E>),
}

/// y by tiles.
struct Tiles<'a, E: Element> {
    plan: &'a Plan,
    packed: Packed<E>,
    bias: Init<'a, E>,
}

impl<E: Element> Tiles<'_, E> {
    /// Band by band of output rows.
    fn image(&self, x: &[E], y: &mut [E]) {
        let Tiles { plan, packed, bias } = self;
        let positions = plan.g.positions();
        let planes = plan.phases.split(x);
        let columns = plan.columns(planes.as_deref().unwrap_or(x));
        let mut tile = scratch::any::<E>(packed.height().min(plan.g.filters) * plan.band * plan.row);
        for band in plan.bands() {
            let len = plan.band_len(&band);
            let rows = columns.window(band.start * plan.row, len);
            let y = &mut y[band.start * plan.w_out..];
            if plan.row == plan.w_out {
                packed.multiply(rows, *bias, y, positions);
                continue;
            }
            for block in packed.blocks() {
                packed.multiply_block(block.clone(), (0, rows), *bias, &mut tile, len);
                let (from, to) =
                    ((&tile[..], len, plan.row), (&mut y[block.start * positions..], positions, plan.w_out));
                let (planes, rows) = (block.len(), band.len());
                dispatch(CopyRows { from, to, planes, rows, len: plan.w_out, add: false });
            }
        }
    }
}
