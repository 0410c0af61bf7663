//! Dense layers: y = x W^T + b with x (N, F), W (O, F), b (O), y (N, O).
//!
//! ```text
//! y[n,o] = b[o] + Σ_f x[n,f] W[o,f]        `dots`: both operands run along f
//! dW[o,f] += Σ_n dy[n,o] x[n,f]            `multiply`: the rows of x are the rows of X
//! dx[n,f] += Σ_o dy[n,o] W[o,f]            `multiply`: the rows of W are the rows of X
//! db[o] += Σ_n dy[n,o]
//! ```

use crate::map::{Identity, map_add};
use crate::parallel::{deal, parts};
use crate::simd::Level;
use crate::tile::{Dots, Init, Packed, Rows};
use crate::{Element, scratch};

/// The sizes of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// N: rows of x.
    pub rows: usize,
    /// F.
    pub inputs: usize,
    /// O.
    pub outputs: usize,
}

/// Features that one task sums or writes.
const CHUNK: usize = 2048;
/// Rows of x that one task of the forward pass takes.
const ROWS: usize = 32;

impl Dense {
    pub(crate) fn check(&self, x: usize, weight: usize, y: usize) {
        assert!(self.rows > 0 && self.inputs > 0 && self.outputs > 0, "dense: empty");
        assert!(x == self.rows * self.inputs, "dense: x has another size");
        assert!(weight == self.outputs * self.inputs, "dense: the weight has another size");
        assert!(y == self.rows * self.outputs, "dense: y has another size");
    }
}

/// Where the rows of a matrix begin.
pub(crate) fn offsets(count: usize, stride: usize) -> Vec<usize> {
    (0..count).map(|i| i * stride).collect()
}

/// A matrix of rows of `inputs` numbers, cut into stretches of `len` columns: of each stretch the rows, or no rows where
/// there is no matrix.
pub(crate) fn stretches<E>(matrix: Option<&mut [E]>, inputs: usize, len: usize) -> Vec<Vec<&mut [E]>> {
    let mut all: Vec<Vec<&mut [E]>> = Vec::new();
    all.resize_with(inputs.div_ceil(len), Vec::new);
    for row in matrix.into_iter().flat_map(|matrix| matrix.chunks_mut(inputs)) {
        for (stretch, part) in all.iter_mut().zip(row.chunks_mut(len)) {
            stretch.push(part);
        }
    }
    all
}

pub(crate) fn forward<E: Element>(g: &Dense, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    g.check(x.len(), weight.len(), y.len());
    assert!(bias.is_none_or(|b| b.len() == g.outputs), "dense: the bias has another size");
    let level = Level::current();
    let (x_offsets, w_offsets) = (offsets(g.rows, g.inputs), offsets(g.outputs, g.inputs));
    let (all_x, all_w) = (Rows::new(x, &x_offsets, g.inputs), Rows::new(weight, &w_offsets, g.inputs));
    // A task sums one stretch of features for some rows; stretches are added in order.
    deal(parts(y, ROWS * g.outputs), |part, y| {
        let rows = part * ROWS..part * ROWS + y.len() / g.outputs;
        let chunks = g.inputs.div_ceil(CHUNK);
        let mut sums = scratch::zeros::<E>(chunks * y.len());
        deal(parts(&mut sums, y.len()), |chunk, out| {
            let (start, len) = (chunk * CHUNK, CHUNK.min(g.inputs - chunk * CHUNK));
            let left = all_x.select(rows.clone()).window(start, len);
            let right = all_w.window(start, len);
            E::dispatch_at(level, Dots::whole(left, right, out));
        });
        add_up(&sums, bias, g.outputs, y);
    });
}

/// y = bias + the sums of all stretches, in order.
pub(crate) fn add_up<E: Element>(sums: &[E], bias: Option<&[E]>, outputs: usize, y: &mut [E]) {
    for row in y.chunks_exact_mut(outputs) {
        match bias {
            Some(bias) => row.copy_from_slice(bias),
            None => row.fill(E::ZERO),
        }
    }
    crate::add_partials(sums, y.len(), 0, y);
}

pub(crate) fn backward_input<E: Element>(g: &Dense, weight: &[E], grad_output: &[E], grad_input: &mut [E]) {
    g.check(grad_input.len(), weight.len(), grad_output.len());
    let packed = Packed::of_rows((grad_output, g.outputs), (g.rows, g.outputs));
    let w_offsets = offsets(g.outputs, g.inputs);
    let rows = Rows::new(weight, &w_offsets, g.inputs);
    let blocks: Vec<_> = packed.blocks().collect();
    let mut outs = Vec::with_capacity(blocks.len());
    let mut rest = grad_input;
    for block in &blocks {
        let (head, tail) = rest.split_at_mut(block.len() * g.inputs);
        outs.push(head);
        rest = tail;
    }
    deal(parts(&mut outs, 1), |i, out| {
        packed.multiply_block(blocks[i].clone(), (0, rows), Init::Add, out[0], g.inputs);
    });
}

pub(crate) fn backward_weight<E: Element>(g: &Dense, x: &[E], grad_output: &[E], grad_weight: &mut [E]) {
    g.check(x.len(), grad_weight.len(), grad_output.len());
    let packed = Packed::of_columns((grad_output, g.outputs), (g.outputs, g.rows));
    let x_offsets = offsets(g.rows, g.inputs);
    let rows = Rows::new(x, &x_offsets, g.inputs);
    // A task has one stretch of features of every row of dW.
    deal(parts(&mut stretches(Some(grad_weight), g.inputs, CHUNK), 1), |chunk, stretch| {
        let stretch = &mut stretch[0];
        let len = stretch[0].len();
        let mut tile = scratch::any::<E>(packed.height() * len);
        for block in packed.blocks() {
            let rows = (0, rows.window(chunk * CHUNK, len));
            packed.multiply_block(block.clone(), rows, Init::Zero, &mut tile, len);
            for (part, sum) in stretch[block].iter_mut().zip(tile.chunks(len)) {
                map_add(Identity, [sum], part);
            }
        }
    });
}

/// Adds db.
pub fn dense_backward_bias<E: Element>(grad_output: &[E], grad_bias: &mut [E]) {
    for row in grad_output.chunks(grad_bias.len().max(1)) {
        map_add(Identity, [row], grad_bias);
    }
}
