//! Wrong gradients of a convolution. All at one sample: two images, as many channels as filters, a square
//! kernel, strides and paddings that differ from each other and from 1 and 0, nine output positions.

use super::{Specimen, numbers};
use twinglyph::Tensor;
use twinglyph::ops::Conv2d;
use twinglyph::tape::Node;

const OP: Conv2d = Conv2d { stride: (2, 3), padding: (1, 2) };

fn inputs() -> Vec<Tensor<f64>> {
    vec![numbers(1, &[2, 3, 5, 6]), numbers(2, &[3, 3, 3, 3]), numbers(3, &[3])]
}

/// One of the products w[o,c,u,v] x[n,c,r,q] that y[n,o,i,j] is the sum of.
struct Product {
    n: isize,
    o: isize,
    i: isize,
    j: isize,
    c: isize,
    u: isize,
    v: isize,
    /// N.
    images: isize,
    /// W_out.
    w_out: isize,
    /// H_out W_out.
    positions: isize,
}

/// K_h = K_w, the strides and the paddings.
const K: isize = 3;
const S: (isize, isize) = (OP.stride.0 as isize, OP.stride.1 as isize);
const P: (isize, isize) = (OP.padding.0 as isize, OP.padding.1 as isize);

/// What a backward pass does with a product; the default is right.
#[derive(Clone, Copy)]
struct Plan {
    /// Which element of x it takes the product for.
    pixel: fn(&Product) -> [isize; 4],
    /// Which element of w.
    weight: fn(&Product) -> [isize; 4],
    /// How often it counts.
    factor: fn(&Product) -> f64,
}

const RIGHT: Plan = Plan {
    pixel: |p| [p.n, p.c, p.i * S.0 + p.u - P.0, p.j * S.1 + p.v - P.1],
    weight: |p| [p.o, p.c, p.u, p.v],
    factor: |_| 1.0,
};

/// Where (a, b, c, d) stands in a tensor; `None` outside of it.
fn at(tensor: &Tensor<f64>, index: [isize; 4]) -> Option<usize> {
    tensor.dims().iter().zip(index).try_fold(0, |at, (size, i)| {
        let i = usize::try_from(i).ok().filter(|i| i < size)?;
        Some(at * size + i)
    })
}

/// Calls `f(product, dy, index in x, index in w)` for every product that `plan` finds inside of the image.
fn each_product(
    node: &Node<'_, f64>,
    dy: &[f64],
    plan: Plan,
    mut f: impl FnMut(&Product, f64, usize, usize),
) {
    let (x, w) = (node.inputs[0], node.inputs[1]);
    let [images, filters, h_out, w_out] = [0, 1, 2, 3].map(|axis| node.output.dims()[axis]);
    for (k, dy) in dy.iter().enumerate() {
        let (n, o) = (k / (filters * h_out * w_out), k / (h_out * w_out) % filters);
        let (i, j) = (k / w_out % h_out, k % w_out);
        for k in 0..w.values().len() / filters {
            let (c, u, v) = (k / 9, k / 3 % 3, k % 3);
            let [n, o, i, j, c, u, v, images, w_out, positions] =
                [n, o, i, j, c, u, v, images, w_out, h_out * w_out].map(|size| size as isize);
            let p = Product { n, o, i, j, c, u, v, images, w_out, positions };
            if let (Some(ix), Some(iw)) = (at(x, (plan.pixel)(&p)), at(w, (plan.weight)(&p))) {
                f(&p, dy * (plan.factor)(&p), ix, iw);
            }
        }
    }
}

/// dx[pixel] += w[weight] dy.
fn input(what: &str, plan: Plan) -> Specimen {
    Specimen::in_input(0, &format!("dx, {what}"), OP, &inputs(), move |node, dy, dx| {
        each_product(node, dy, plan, |_, dy, ix, iw| dx[ix] += node.inputs[1].values()[iw] * dy);
    })
}

/// dw[weight] += x[pixel] dy.
fn weight(what: &str, plan: Plan) -> Specimen {
    Specimen::in_input(1, &format!("dw, {what}"), OP, &inputs(), move |node, dy, dw| {
        each_product(node, dy, plan, |_, dy, ix, iw| dw[iw] += node.inputs[0].values()[ix] * dy);
    })
}

/// db[o] += factor(n) dy.
fn bias(what: &str, factor: fn(usize, f64) -> f64) -> Specimen {
    Specimen::in_input(2, &format!("db, {what}"), OP, &inputs(), move |node, dy, db| {
        let [images, filters] = [0, 1].map(|axis| node.output.dims()[axis]);
        let positions = dy.len() / (images * filters);
        for (k, dy) in dy.iter().enumerate() {
            let (n, o) = (k / (filters * positions), k / positions % filters);
            db[o] += dy * factor(n, (images * positions) as f64);
        }
    })
}

pub fn specimens() -> Vec<Specimen> {
    let flipped = Plan { weight: |p| [p.o, p.c, K - 1 - p.u, K - 1 - p.v], ..RIGHT };
    let transposed = Plan { weight: |p| [p.o, p.c, p.v, p.u], ..RIGHT };
    let channels = Plan { weight: |p| [p.c, p.o, p.u, p.v], ..RIGHT };
    let no_stride = Plan { pixel: |p| [p.n, p.c, p.i + p.u - P.0, p.j + p.v - P.1], ..RIGHT };
    let strides = Plan { pixel: |p| [p.n, p.c, p.i * S.1 + p.u - P.0, p.j * S.0 + p.v - P.1], ..RIGHT };
    let no_padding = Plan { pixel: |p| [p.n, p.c, p.i * S.0 + p.u, p.j * S.1 + p.v], ..RIGHT };
    let paddings = Plan { pixel: |p| [p.n, p.c, p.i * S.0 + p.u - P.1, p.j * S.1 + p.v - P.0], ..RIGHT };
    let off_by_one =
        Plan { pixel: |p| [p.n, p.c, p.i * S.0 + p.u - P.0, p.j * S.1 + p.v - P.1 + 1], ..RIGHT };
    let image_0 = Plan { pixel: |p| [0, p.c, p.i * S.0 + p.u - P.0, p.j * S.1 + p.v - P.1], ..RIGHT };
    let first = Plan { factor: |p| if p.n == 0 { 1.0 } else { 0.0 }, ..RIGHT };
    let averaged = Plan { factor: |p| 1.0 / p.images as f64, ..RIGHT };
    let no_tail =
        Plan { factor: |p| if p.i * p.w_out + p.j < p.positions / 4 * 4 { 1.0 } else { 0.0 }, ..RIGHT };
    let no_last_filter = Plan { factor: |p| if p.o < 2 { 1.0 } else { 0.0 }, ..RIGHT };
    vec![
        input("the kernel is turned by 180 degrees", flipped),
        input("the kernel's axes are exchanged", transposed),
        input("input and output channels are exchanged", channels),
        input("the stride is left out", no_stride),
        input("the two strides are exchanged", strides),
        input("the padding is left out", no_padding),
        input("the two paddings are exchanged", paddings),
        input("one pixel too far to the right", off_by_one),
        input("all images' gradients go to the first", image_0),
        input("only the first image is done", first),
        input("positions beyond a multiple of four are left over", no_tail),
        input("the filter left over from a block of two is not done", no_last_filter),
        Specimen::in_input(0, "dx, col2im assigns where it should add", OP, &inputs(), |node, dy, dx| {
            // Columns first: w^T dy, one number for each (n, c, u, v, i, j), summed over the filters.
            let mut columns = std::collections::BTreeMap::new();
            each_product(node, dy, RIGHT, |p, dy, ix, iw| {
                let column = (p.n, p.c, p.u, p.v, p.i, p.j);
                columns.entry(column).or_insert((ix, 0.0)).1 += node.inputs[1].values()[iw] * dy;
            });
            let mut image = vec![0.0; dx.len()];
            for (ix, value) in columns.into_values() {
                image[ix] = value;
            }
            dx.iter_mut().zip(image).for_each(|(dx, value)| *dx += value);
        }),
        Specimen::in_input(0, "dx, written over what is there", OP, &inputs(), |node, dy, dx| {
            dx.fill(0.0);
            each_product(node, dy, RIGHT, |_, dy, ix, iw| dx[ix] += node.inputs[1].values()[iw] * dy);
        }),
        weight("the kernel is turned by 180 degrees", flipped),
        weight("the kernel's axes are exchanged", transposed),
        weight("input and output channels are exchanged", channels),
        weight("the stride is left out", no_stride),
        weight("the two strides are exchanged", strides),
        weight("the padding is left out", no_padding),
        weight("one pixel too far to the right", off_by_one),
        weight("every image is taken for the first", image_0),
        weight("only the first image is done", first),
        weight("averaged over the batch", averaged),
        weight("positions beyond a multiple of four are left over", no_tail),
        bias("the mean over images and positions for the sum", |_, count| 1.0 / count),
        bias("only the first image is done", |n, _| if n == 0 { 1.0 } else { 0.0 }),
    ]
}
