//! Ops behind pointers.

use super::{Node, Op, Saved};
use crate::Result;
use crate::tensor::{Element, Shape, Tensor};
use std::sync::Arc;

/// An op that is only known as some op, or that is put on several tapes, is an op.
macro_rules! pointer_to_op {
    ($($pointer:ident)*) => {$(
        impl<E: Element> Op<E> for $pointer<dyn Op<E>> {
            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
                (**self).output_shape(inputs)
            }

            fn forward(&self, inputs: &[&Tensor<E>], output: &mut Tensor<E>, saved: &mut Saved<E>) {
                (**self).forward(inputs, output, saved);
            }

            fn vjp(&self, node: Node<'_, E>, grad_output: &Tensor<E>, grad_inputs: &mut [Option<Tensor<E>>]) {
                (**self).vjp(node, grad_output, grad_inputs);
            }

            fn flops(&self, inputs: &[&Shape], wanted: Option<&[bool]>) -> u64 {
                (**self).flops(inputs, wanted)
            }
        }
    )*};
}

pointer_to_op!(Box Arc);
