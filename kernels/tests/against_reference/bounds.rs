//! Nothing beyond its slices: every length from 0 to 257 at every alignment, each slice at the end of its allocation, where
//! AddressSanitizer sees the first byte too many (`.ci/deep`), and with marks before it and behind it.

use super::{Numbers, assert_close};
use twinglyph_kernels::map::{Identity, Product, map, map_add, map_sum};
use twinglyph_kernels::*;

const LENGTHS: std::ops::RangeInclusive<usize> = 0..=257;
/// Of a vector's bytes, in elements of four.
const ALIGNMENTS: usize = 16;

/// Numbers that end with their allocation and begin `shift` elements into it; before them stand marks.
struct AtTheEnd<E> {
    all: Vec<E>,
    shift: usize,
}

impl<E: Element> AtTheEnd<E> {
    fn new(numbers: &mut Numbers, len: usize, shift: usize) -> AtTheEnd<E> {
        let mut all = Vec::with_capacity(shift + len);
        all.extend(std::iter::repeat_n(E::from_f64(-77.0), shift));
        all.extend(numbers.vec::<E>(len));
        AtTheEnd { all, shift }
    }

    fn slice(&self) -> &[E] {
        &self.all[self.shift..]
    }

    fn slice_mut(&mut self) -> &mut [E] {
        &mut self.all[self.shift..]
    }

    #[track_caller]
    fn check_marks(&self) {
        assert!(self.all[..self.shift].iter().all(|x| *x == E::from_f64(-77.0)), "written before the slice");
    }
}

fn elementwise<E: Element>(numbers: &mut Numbers, len: usize, shift: usize) {
    let (x, y) =
        (AtTheEnd::<E>::new(numbers, len, shift), AtTheEnd::<E>::new(numbers, len, (shift + 5) % ALIGNMENTS));
    let mut out = AtTheEnd::<E>::new(numbers, len, (shift + 3) % ALIGNMENTS);
    let product: Vec<E> = x.slice().iter().zip(y.slice()).map(|(a, b)| *a * *b).collect();
    map(Product, [x.slice(), y.slice()], out.slice_mut());
    assert_eq!(out.slice(), product);
    map_add(Identity, [x.slice()], out.slice_mut());
    let sums: Vec<E> = product.iter().zip(x.slice()).map(|(a, b)| *a + *b).collect();
    assert_eq!(out.slice(), sums);
    let sum = map_sum(Product, [x.slice(), y.slice()]);
    assert_close(&[sum], &[product.iter().copied().sum()], len, "sum of products");
    out.check_marks();
    // A part in the middle: what stands behind it stays.
    if len > 2 {
        let (first, last) = (out.slice()[0], out.slice()[len - 1]);
        map(Identity, [&x.slice()[1..len - 1]], &mut out.slice_mut()[1..len - 1]);
        assert_eq!((out.slice()[0], out.slice()[len - 1]), (first, last));
    }
}

fn dense<E: Element>(numbers: &mut Numbers, len: usize, shift: usize) {
    let g = Dense { rows: 2, inputs: len, outputs: 3 };
    let (x, w) =
        (AtTheEnd::<E>::new(numbers, 2 * len, shift), AtTheEnd::<E>::new(numbers, 3 * len, shift / 2));
    let (mut y, mut slow) = (AtTheEnd::<E>::new(numbers, 6, shift), vec![E::ZERO; 6]);
    dense_forward(&g, x.slice(), w.slice(), None, y.slice_mut());
    reference::dense_forward(&g, x.slice(), w.slice(), None, &mut slow);
    assert_close(y.slice(), &slow, len, "dense");
    let (mut dx, mut dw) =
        (AtTheEnd::<E>::new(numbers, 2 * len, shift), AtTheEnd::<E>::new(numbers, 3 * len, shift));
    let (mut slow_dx, mut slow_dw) = (dx.slice().to_vec(), dw.slice().to_vec());
    dense_backward_input(&g, w.slice(), y.slice(), dx.slice_mut());
    dense_backward_weight(&g, x.slice(), y.slice(), dw.slice_mut());
    reference::dense_backward(&g, x.slice(), w.slice(), y.slice(), &mut slow_dx, &mut slow_dw);
    assert_close(dx.slice(), &slow_dx, 8 * len, "dx of dense");
    assert_close(dw.slice(), &slow_dw, 8 * len, "dw of dense");
    [&y, &dx, &dw].into_iter().for_each(AtTheEnd::check_marks);
}

/// Images of a width, and filters that leave less of it.
fn images<E: Element>(numbers: &mut Numbers, width: usize, shift: usize) {
    let kernel = (2, 3);
    let g = Geometry {
        images: 1,
        channels: 1,
        size: (3, width),
        filters: 2,
        kernel,
        padding: (0, 1),
        ..Geometry::default()
    };
    let (x, w) = (
        AtTheEnd::<E>::new(numbers, g.input_len(), shift),
        AtTheEnd::<E>::new(numbers, g.weight_len(), shift),
    );
    let (mut y, mut slow) =
        (AtTheEnd::<E>::new(numbers, g.output_len(), shift), vec![E::ZERO; g.output_len()]);
    conv2d_forward(&g, x.slice(), w.slice(), None, y.slice_mut());
    reference::conv2d_forward(&g, x.slice(), w.slice(), None, &mut slow);
    assert_close(y.slice(), &slow, 16, "conv2d");
    let mut dx = AtTheEnd::<E>::new(numbers, g.input_len(), shift);
    let mut dw = AtTheEnd::<E>::new(numbers, g.weight_len(), shift);
    let (mut slow_dx, mut slow_dw) = (dx.slice().to_vec(), dw.slice().to_vec());
    let grads = Gradients { input: Some(dx.slice_mut()), weight: Some(dw.slice_mut()), bias: None };
    conv2d_backward(&g, x.slice(), w.slice(), y.slice(), grads);
    reference::conv2d_backward_input(&g, w.slice(), y.slice(), &mut slow_dx);
    reference::conv2d_backward_weight(&g, x.slice(), y.slice(), &mut slow_dw);
    assert_close(dx.slice(), &slow_dx, 64, "dx of conv2d");
    assert_close(dw.slice(), &slow_dw, 16 * width, "dw of conv2d");
    [&y, &dx, &dw].into_iter().for_each(AtTheEnd::check_marks);
}

/// An interpreter's share of it: all that is not plain arithmetic, at the portable level.
#[cfg(miri)]
#[test]
fn nothing_beyond_its_slices_says_miri() {
    let mut numbers = Numbers(22);
    for (len, shift) in [(0, 1), (1, 3), (4, 0), (9, 5)] {
        elementwise::<f32>(&mut numbers, len, shift);
        if len > 0 {
            dense::<f32>(&mut numbers, len, shift);
            images::<f32>(&mut numbers, len, shift);
        }
    }
}

#[test]
fn nothing_beyond_its_slices() {
    every_length::<f32>();
    every_length::<f64>();
}

fn every_length<E: Element>() {
    let mut numbers = Numbers(21);
    for len in LENGTHS {
        for shift in 0..ALIGNMENTS {
            elementwise::<E>(&mut numbers, len, shift);
        }
        // Sums over no feature, and images of no pixel, there are none.
        for shift in (0..if len > 0 { ALIGNMENTS } else { 0 }).step_by(5) {
            dense::<E>(&mut numbers, len, shift);
            images::<E>(&mut numbers, len, shift);
        }
    }
}
