//! y = w columns, band by band.

use super::columns::Columns;
use super::plan::Plan;
use super::squares::plain::Squares;
use super::{Geometry, deep};
use crate::parallel::{deal, parts};
use crate::simd::Level;
use crate::tile::{CopyRows, Init, Multiply, block_height, blocks, pack};
use crate::{Element, scratch};

pub(crate) fn forward<E: Element>(g: &Geometry, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    g.check(Some(x), Some(weight), y);
    assert!(bias.is_none_or(|b| b.len() == g.filters), "conv2d: the bias has another size");
    if let Some(deep) = deep::Forward::new(g, weight, bias) {
        return deep.run(x, y);
    }
    if let Some(columns) = Columns::forward(g) {
        return columns.run_forward(x, weight, bias, y);
    }
    let images = (parts(y, g.filters * g.positions()), x.chunks(g.image_len()));
    if let Some(squares) = Squares::forward(g, weight) {
        return deal(images, |_, (y, x)| squares.image(x, bias, false, y));
    }
    let level = Level::current();
    let plan = Plan::new(g);
    let depth = g.depth();
    let height = block_height(level);
    let mut packed = scratch::any::<E>(g.weight_len());
    pack(height, g.filters, depth, |o, k| weight[o * depth + k], &mut packed);
    let positions = g.positions();
    deal(images, |_, (y, x)| {
        let planes = plan.phases.split(x);
        let columns = plan.columns(planes.as_deref().unwrap_or(x));
        let mut tile = scratch::any::<E>(height.min(g.filters) * plan.band * plan.row);
        for band in plan.bands() {
            let len = plan.band_len(&band);
            let rows = columns.window(band.start * plan.row, len);
            for block in blocks(height, g.filters) {
                let packed = &packed[block.start * depth..block.end * depth];
                let init = bias.map_or(Init::Zero, |b| Init::Bias(&b[block.clone()]));
                if plan.row == plan.w_out {
                    let out = &mut y[block.start * positions + band.start * plan.w_out..];
                    E::dispatch_at(level, Multiply { packed, rows, init, out, stride: positions });
                    continue;
                }
                E::dispatch_at(level, Multiply { packed, rows, init, out: &mut tile, stride: len });
                let from = (&tile[..], len, plan.row);
                let to = (&mut y[block.start * positions + band.start * plan.w_out..], positions, plan.w_out);
                let (planes, rows) = (block.len(), band.len());
                E::dispatch_at(level, CopyRows { from, to, planes, rows, len: plan.w_out, add: false });
            }
        }
    });
}
