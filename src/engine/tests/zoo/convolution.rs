//! Wrong gradients of a convolution: those of [`wrong_backward_passes`], at the book's sizes; and of one with dilation and
//! groups, and of a transposed one.

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{Conv2d, ConvTranspose2d};
use twinglyph_kernels::{Geometry, reference};
use twinglyph_lesson::{Gradient, Problem, Wrong, wrong_backward_passes};

pub fn specimens() -> Vec<Specimen> {
    let problem = Problem::uneven();
    let g = problem.geometry;
    let op = Conv2d { stride: g.stride, padding: g.padding, ..Conv2d::default() };
    let inputs = [
        Tensor::new([g.images, g.channels, g.size.0, g.size.1], problem.input).unwrap(),
        Tensor::new([g.filters, g.channels, g.kernel.0, g.kernel.1], problem.weight).unwrap(),
        Tensor::new([g.filters], problem.bias).unwrap(),
    ];
    let specimen = |wrong: Wrong| {
        let input = Gradient::ALL.iter().position(|gradient| *gradient == wrong.gradient).unwrap();
        let name = format!("{}, {}", wrong.gradient.symbol(), wrong.what);
        Specimen::in_input(input, &name, op, &inputs, move |node, dy, grad| {
            let values = |i: usize| node.inputs[i].values().to_vec();
            let problem = Problem {
                geometry: Geometry { images: node.inputs[0].dims()[0], ..g },
                input: values(0),
                weight: values(1),
                bias: values(2),
                grad_output: dy.to_vec(),
            };
            wrong.add(&problem, grad);
        })
    };
    let mut all: Vec<Specimen> = wrong_backward_passes().into_iter().map(specimen).collect();
    all.extend(in_groups());
    all.extend(transposed());
    all
}

/// A convolution in two groups with dilation (2, 1), whose gradients are taken for those of another geometry.
fn in_groups() -> Vec<Specimen> {
    let g = Geometry {
        images: 2,
        channels: 4,
        size: (7, 6),
        filters: 6,
        kernel: (3, 3),
        dilation: (2, 1),
        groups: 2,
        ..Geometry::default()
    };
    let op = Conv2d { dilation: g.dilation, groups: g.groups, ..Conv2d::default() };
    let inputs = [numbers(1, &[2, 4, 7, 6]), numbers(2, &[6, 2, 3, 3]), numbers(3, &[6])];
    // Each product that y is made of, by its places in y, w and x.
    type Products = fn(&Geometry, &mut dyn FnMut(usize, usize, usize));
    let specimen = |input: usize, what: &str, products: Products| {
        Specimen::in_input(input, what, op, &inputs, move |node, dy, grad| {
            let g = Geometry { images: node.inputs[0].dims()[0], ..g };
            let other = node.inputs[1 - input].values();
            products(&g, &mut |y, w, x| {
                let (to, factor) = if input == 0 { (x, w) } else { (w, x) };
                grad[to] += dy[y] * other[factor];
            });
        })
    };
    let undilated: Products = |g, f| {
        // The window's first row three times as high is as high as the dilated one's.
        let near = Geometry { dilation: (1, 1), size: (g.size.0 - 2, g.size.1), ..*g };
        let of =
            |x: usize| x / near.size.1 / near.size.0 * g.size.0 * g.size.1 + x % (near.size.0 * near.size.1);
        reference::each_product(&near, |y, w, x| f(y, w, of(x)));
    };
    let first_group: Products = |g, f| {
        let channels = g.channels / g.groups * g.size.0 * g.size.1;
        let image = g.channels * g.size.0 * g.size.1;
        reference::each_product(g, |y, w, x| f(y, w, x / image * image + x % channels));
    };
    vec![
        specimen(0, "dx, the dilation is forgotten", undilated),
        specimen(1, "dw, the dilation is forgotten", undilated),
        specimen(0, "dx, every group sends to the first one's channels", first_group),
        specimen(1, "dw, every group sees the first one's channels", first_group),
    ]
}

fn transposed() -> Vec<Specimen> {
    let convolution = Conv2d { stride: (2, 1), padding: (1, 0), ..Conv2d::default() };
    let op = ConvTranspose2d { convolution, output_padding: (1, 0) };
    let inputs = [numbers(1, &[2, 3, 3, 4]), numbers(2, &[3, 3, 3, 2]), numbers(3, &[3])];
    // The convolution from y to x.
    let g = Geometry {
        channels: 3,
        size: (6, 5),
        filters: 3,
        kernel: (3, 2),
        stride: (2, 1),
        padding: (1, 0),
        ..Geometry::default()
    };
    let of = move |images: usize| Geometry { images, ..g };
    let product = |what: &str, input: usize, swapped: bool, flipped: bool| {
        Specimen::in_input(input, what, op, &inputs, move |node, dy, grad| {
            let other = node.inputs[1 - input].values();
            reference::each_product(&of(node.inputs[0].dims()[0]), |x, w, y| {
                let (mut at, area) = (w, 6);
                if swapped {
                    // (C_out, C_in) for (C_in, C_out).
                    at = (w / area % 3 * 3 + w / area / 3) * area + w % area;
                }
                if flipped {
                    at = w / area * area + area - 1 - w % area;
                }
                let (to, factor) = if input == 0 { (x, at) } else { (at, x) };
                grad[to] += dy[y] * other[factor];
            });
        })
    };
    vec![
        product("dx, the weight's channels and filters in each other's place", 0, true, false),
        product("dx, the kernel is flipped", 0, false, true),
        product("dw, channels and filters in each other's place", 1, true, false),
        product("dw, the kernel is flipped", 1, false, true),
        Specimen::in_input(2, "db, of the first image alone", op, &inputs, |_, dy, grad| {
            for (o, dy) in dy.chunks(30).take(3).enumerate() {
                grad[o] += dy.iter().sum::<f64>();
            }
        }),
        Specimen::in_input(2, "db, only where x's pixels stand", op, &inputs, |_, dy, grad| {
            for (at, dy) in dy.chunks(30).enumerate() {
                grad[at % 3] += dy.iter().step_by(2).sum::<f64>();
            }
        }),
    ]
}
