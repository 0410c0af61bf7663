//! The tape's memory: what ops save for their way back, and buffers that are taken once and used again.

use crate::tensor::{Element, Shape, Tensor};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// What an op keeps from its forward pass. Its memory is used again at the next step.
#[derive(Clone, Debug, Default)]
pub struct Saved<E> {
    /// Whether `vjp` will be called: if not, nothing need be saved.
    pub wanted: bool,
    /// Numbers, for example a batch's statistics.
    pub values: Vec<Vec<E>>,
    /// Indices, for example where each maximum stood.
    pub indices: Vec<u32>,
    /// Small numbers, for example which of a few won.
    pub bytes: Vec<Vec<u8>>,
}

impl<E: Element> Saved<E> {
    /// Makes room for `K` buffers of `len` arbitrary numbers each.
    pub fn make<const K: usize>(&mut self, len: usize) -> [&mut [E]; K] {
        self.values.resize_with(K, Vec::new);
        let mut buffers = self.values.iter_mut();
        std::array::from_fn(|_| {
            let buffer = buffers.next().expect("K buffers");
            buffer.resize(len, E::ZERO);
            &mut buffer[..]
        })
    }
}

/// Memory that has been used and will be used again.
#[derive(Default)]
pub(super) struct Pool<E> {
    /// Buffers by size.
    buffers: BTreeMap<usize, Vec<Vec<E>>>,
    /// What ops saved, by their place on the tape.
    pub(super) saved: BTreeMap<usize, Saved<E>>,
    pub(super) allocations: usize,
}

/// Whether there is room for so many numbers more, as far as the system tells: it may promise more than it has.
///
/// # Errors
/// When there is none.
pub fn expect_room<E: Element>(len: usize) -> Result<()> {
    // Asked for and given back at once, untouched.
    Vec::<E>::new().try_reserve_exact(len).map_err(|_| {
        let mib = len.saturating_mul(size_of::<E>()) >> 20;
        Error::input(
            "memory",
            format!("no room for {mib} MiB more, expected a smaller batch, image or encoder"),
        )
    })
}

impl<E: Element> Pool<E> {
    /// A tensor of arbitrary numbers.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn try_tensor(&mut self, shape: Shape) -> Result<Tensor<E>> {
        if self.buffers.get(&shape.len()).is_none_or(Vec::is_empty) {
            expect_room::<E>(shape.len())?;
        }
        Ok(self.tensor(shape))
    }

    /// The same where the room is known to be there.
    pub(super) fn tensor(&mut self, shape: Shape) -> Tensor<E> {
        let len = shape.len();
        let buffer = self.buffers.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| {
            self.allocations += 1;
            vec![E::ZERO; len]
        });
        Tensor::new(shape, buffer).expect("a buffer of the shape's size")
    }

    /// A tensor of zeros in the shape of another.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn zeros(&mut self, like: &Tensor<E>) -> Result<Tensor<E>> {
        let mut tensor = self.try_tensor(like.shape().clone())?;
        twinglyph_kernels::map::fill_zero(tensor.values_mut());
        Ok(tensor)
    }

    pub(super) fn give_back(&mut self, tensor: Option<Tensor<E>>) {
        if let Some(tensor) = tensor {
            let buffer = tensor.into_values();
            self.buffers.entry(buffer.len()).or_default().push(buffer);
        }
    }
}
