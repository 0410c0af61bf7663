//! y = w columns.

use super::plan::Plan;
use super::route::{Pass, Place, Way, way};
use super::squares::plain::Squares;
use super::{Geometry, deep};
use crate::parallel::{deal, parts};
use crate::simd::Level;
use crate::tile::{CopyRows, Init, Multiply, block_height, blocks, pack};
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
    let plan = Plan::new(&one);
    // Each group's, made ready once for all images.
    let groups = weight.chunks_exact(one.weight_len()).enumerate().map(|(group, weight)| {
        let bias = bias.map(|bias| &bias[group * one.filters..][..one.filters]);
        match way {
            Way::Squares => {
                let weight = |o: usize, c: usize, tap: usize| weight[(o * one.channels + c) * 9 + tap];
                Group::Squares(Squares::new(&one, weight), bias)
            }
            Way::Tiles => Group::Tiles(Tiles::new(&plan, weight, bias)),
            other => unreachable!("y by {other}"),
        }
    });
    let groups: Vec<Group<'_, E>> = groups.collect();
    deal((parts(y, g.filters * g.positions()), x.chunks(g.image_len())), |_, (y, x)| {
        let images = x.chunks_exact(one.image_len()).zip(y.chunks_exact_mut(one.filters * one.positions()));
        for (group, (x, y)) in groups.iter().zip(images) {
            match group {
                Group::Squares(squares, bias) => squares.image(x, *bias, false, y),
                Group::Tiles(tiles) => tiles.image(x, y),
            }
        }
    });
}

enum Group<'a, E: Element> {
    Squares(Squares<E>, Option<&'a [E]>),
    Tiles(Tiles<'a, E>),
}

/// y by tiles.
struct Tiles<'a, E: Element> {
    level: Level,
    plan: &'a Plan,
    packed: scratch::Scratch<E>,
    bias: Option<&'a [E]>,
}

impl<'a, E: Element> Tiles<'a, E> {
    fn new(plan: &'a Plan, weight: &[E], bias: Option<&'a [E]>) -> Tiles<'a, E> {
        let (level, depth) = (Level::current(), plan.g.depth());
        let mut packed = scratch::any::<E>(weight.len());
        pack(block_height(level), plan.g.filters, depth, |o, k| weight[o * depth + k], &mut packed);
        Tiles { level, plan, packed, bias }
    }

    /// Band by band of output rows.
    fn image(&self, x: &[E], y: &mut [E]) {
        let (level, plan) = (self.level, self.plan);
        let (filters, depth, positions) = (plan.g.filters, plan.g.depth(), plan.g.positions());
        let height = block_height(level);
        let planes = plan.phases.split(x);
        let columns = plan.columns(planes.as_deref().unwrap_or(x));
        let mut tile = scratch::any::<E>(height.min(filters) * plan.band * plan.row);
        for band in plan.bands() {
            let len = plan.band_len(&band);
            let rows = columns.window(band.start * plan.row, len);
            for block in blocks(height, filters) {
                let packed = &self.packed[block.start * depth..block.end * depth];
                let init = self.bias.map_or(Init::Zero, |b| Init::Bias(&b[block.clone()]));
                let out = &mut y[block.start * positions + band.start * plan.w_out..];
                if plan.row == plan.w_out {
                    E::dispatch_at(level, Multiply { packed, rows, init, out, stride: positions });
                    continue;
                }
                E::dispatch_at(level, Multiply { packed, rows, init, out: &mut tile, stride: len });
                let (from, to) = ((&tile[..], len, plan.row), (out, positions, plan.w_out));
                let (planes, rows) = (block.len(), band.len());
                E::dispatch_at(level, CopyRows { from, to, planes, rows, len: plan.w_out, add: false });
            }
        }
    }
}
