//! dw from dy where it stands, the images in planes of rows of S:
//!
//! ```text
//! dw[o, c, u, v] += Σ_{i,j} dy[o, i, j] columns[(c, u, v)][i S + j]
//! ```
//!
//! The product copies some rows of dy in passing.

use super::plan::Plan;
use crate::Element;
use crate::simd::Level;
use crate::tile::{Dots, Pieces, Rows};

/// Where the planes of dy begin, for dw.
pub(super) struct WeightRows<'a> {
    plan: &'a Plan,
    offsets: Vec<usize>,
}

impl<'a> WeightRows<'a> {
    pub(super) fn new(plan: &'a Plan) -> WeightRows<'a> {
        let g = &plan.g;
        WeightRows { plan, offsets: (0..g.filters).map(|o| o * g.positions()).collect() }
    }

    /// Adds dw of an image.
    pub(super) fn image<E: Element>(&self, x: &[E], dy: &[E], grad_weight: &mut [E]) {
        let Plan { h_out, w_out, row, .. } = *self.plan;
        let planes = self.plan.phases.split(x);
        let right = self.plan.columns(planes.as_deref().unwrap_or(x));
        let left = Rows::new(dy, &self.offsets, h_out * w_out);
        let pieces = Pieces { count: h_out, len: w_out, step: (w_out, row) };
        E::dispatch_at(Level::current(), Dots { left, right, pieces, out: grad_weight });
    }
}
