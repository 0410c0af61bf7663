//! Products of matrices: Y = A B with A (N, K), B (K, M), Y (N, M). A dense layer's passes, taken for one another: with
//! B for its weight and A for its dy, dx is A B.
//!
//! ```text
//! Y[n,m] = Σ_k A[n,k] B[k,m]          a dense layer's dx = dy W
//! dA[n,k] += Σ_m dY[n,m] B[k,m]       its y = x W^T
//! dB[k,m] += Σ_n A[n,k] dY[n,m]       its dW = dy^T x
//! ```

use crate::map::{Identity, map_add, zeros};
use crate::{Dense, Element, dense_backward_input, dense_backward_weight, dense_forward, scratch};

/// The sizes of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMul {
    /// N: rows of A and Y.
    pub rows: usize,
    /// K: columns of A, rows of B.
    pub depth: usize,
    /// M: columns of B and Y.
    pub columns: usize,
}

impl MatMul {
    fn dense(&self) -> Dense {
        Dense { rows: self.rows, inputs: self.columns, outputs: self.depth }
    }
}

/// Y = A B.
pub fn matmul_forward<E: Element>(g: &MatMul, a: &[E], b: &[E], y: &mut [E]) {
    zeros(y);
    dense_backward_input(&g.dense(), b, a, y);
}

/// Adds dA.
pub fn matmul_backward_left<E: Element>(g: &MatMul, b: &[E], grad_output: &[E], grad_a: &mut [E]) {
    let mut product = scratch::any::<E>(grad_a.len());
    dense_forward(&g.dense(), grad_output, b, None, &mut product);
    map_add(Identity, [&product[..]], grad_a);
}

/// Adds dB.
pub fn matmul_backward_right<E: Element>(g: &MatMul, a: &[E], grad_output: &[E], grad_b: &mut [E]) {
    dense_backward_weight(&g.dense(), grad_output, a, grad_b);
}
