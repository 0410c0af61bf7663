use super::{Gradient, Problem};
use twinglyph_kernels::{Geometry, Gradients, conv2d_backward, reference};

/// A way in which one gradient of a convolution is got wrong.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    /// A short name for it, of lower-case letters and dashes: `dx-flipped`.
    pub name: &'static str,
    /// The gradient that is wrong.
    pub gradient: Gradient,
    /// The mistake, in words.
    pub what: &'static str,
    pass: Pass,
}

/// What the wrong pass does.
#[derive(Clone, Copy, Debug)]
enum Pass {
    /// Adds every product to where the plan says.
    Products(Plan),
    /// Lets each column of w^T dy overwrite its pixel.
    Assign,
    /// Forgets what the buffer held.
    Overwrite,
    /// Adds each dy so many times to db, by (image, images x positions).
    Bias(fn(usize, f64) -> f64),
}

/// One of the products `w[o,c,u,v] x[n,c,r,q]` that `y[n,o,i,j]` is the sum of.
struct Product<'a> {
    g: &'a Geometry,
    n: isize,
    o: isize,
    i: isize,
    j: isize,
    c: isize,
    u: isize,
    v: isize,
}

impl Product<'_> {
    fn stride(&self) -> (isize, isize) {
        (self.g.stride.0 as isize, self.g.stride.1 as isize)
    }

    fn padding(&self) -> (isize, isize) {
        (self.g.padding.0 as isize, self.g.padding.1 as isize)
    }

    /// Number i W_out + j of the output's positions, and how many there are.
    fn position(&self) -> (isize, isize) {
        let (h_out, w_out) = self.g.output_size();
        (self.i * w_out as isize + self.j, (h_out * w_out) as isize)
    }

    /// The pixel with these strides and paddings.
    fn pixel(&self, (s_h, s_w): (isize, isize), (p_h, p_w): (isize, isize)) -> [isize; 4] {
        let (d_h, d_w) = (self.g.dilation.0 as isize, self.g.dilation.1 as isize);
        [self.n, self.c, self.i * s_h + self.u * d_h - p_h, self.j * s_w + self.v * d_w - p_w]
    }
}

/// What a backward pass does with a product.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Which element of x it takes the product for.
    pixel: fn(&Product<'_>) -> [isize; 4],
    /// Which element of w.
    weight: fn(&Product<'_>) -> [isize; 4],
    /// How often it counts.
    factor: fn(&Product<'_>) -> f64,
}

const RIGHT: Plan =
    Plan { pixel: |p| p.pixel(p.stride(), p.padding()), weight: |p| [p.o, p.c, p.u, p.v], factor: |_| 1.0 };

const FLIPPED: Plan = Plan {
    weight: |p| [p.o, p.c, p.g.kernel.0 as isize - 1 - p.u, p.g.kernel.1 as isize - 1 - p.v],
    ..RIGHT
};
const TRANSPOSED: Plan = Plan { weight: |p| [p.o, p.c, p.v, p.u], ..RIGHT };
const CHANNELS: Plan = Plan { weight: |p| [p.c, p.o, p.u, p.v], ..RIGHT };
const NO_STRIDE: Plan = Plan { pixel: |p| p.pixel((1, 1), p.padding()), ..RIGHT };
const STRIDES: Plan = Plan { pixel: |p| p.pixel((p.stride().1, p.stride().0), p.padding()), ..RIGHT };
const NO_PADDING: Plan = Plan { pixel: |p| p.pixel(p.stride(), (0, 0)), ..RIGHT };
const PADDINGS: Plan = Plan { pixel: |p| p.pixel(p.stride(), (p.padding().1, p.padding().0)), ..RIGHT };
const OFF_BY_ONE: Plan = Plan { pixel: |p| p.pixel(p.stride(), (p.padding().0, p.padding().1 - 1)), ..RIGHT };
const IMAGE_0: Plan = Plan {
    pixel: |p| {
        let [_, c, r, q] = p.pixel(p.stride(), p.padding());
        [0, c, r, q]
    },
    ..RIGHT
};
const FIRST: Plan = Plan { factor: |p| if p.n == 0 { 1.0 } else { 0.0 }, ..RIGHT };
const AVERAGED: Plan = Plan { factor: |p| 1.0 / p.g.images as f64, ..RIGHT };
const NO_TAIL: Plan = Plan {
    factor: |p| {
        let (at, positions) = p.position();
        if at < positions / 4 * 4 { 1.0 } else { 0.0 }
    },
    ..RIGHT
};
const NO_LAST_FILTER: Plan =
    Plan { factor: |p| if p.o < p.g.filters as isize / 2 * 2 { 1.0 } else { 0.0 }, ..RIGHT };

/// The zoo of convolution: wrong backward passes, each by an error that people make.
pub fn wrong_backward_passes() -> Vec<Wrong> {
    use Gradient::{Bias, Input, Weight};
    use Pass::Products;
    [
        ("dx-flipped", Input, "the kernel is turned by 180 degrees", Products(FLIPPED)),
        ("dx-transposed", Input, "the kernel's axes are exchanged", Products(TRANSPOSED)),
        ("dx-channels", Input, "input and output channels are exchanged", Products(CHANNELS)),
        ("dx-no-stride", Input, "the stride is left out", Products(NO_STRIDE)),
        ("dx-strides", Input, "the two strides are exchanged", Products(STRIDES)),
        ("dx-no-padding", Input, "the padding is left out", Products(NO_PADDING)),
        ("dx-paddings", Input, "the two paddings are exchanged", Products(PADDINGS)),
        ("dx-off-by-one", Input, "one pixel too far to the right", Products(OFF_BY_ONE)),
        ("dx-image-0", Input, "all images' gradients go to the first", Products(IMAGE_0)),
        ("dx-first", Input, "only the first image is done", Products(FIRST)),
        ("dx-no-tail", Input, "positions beyond a multiple of four are left over", Products(NO_TAIL)),
        (
            "dx-no-last-filter",
            Input,
            "the filter left over from a block of two is not done",
            Products(NO_LAST_FILTER),
        ),
        ("dx-assigned", Input, "col2im assigns where it should add", Pass::Assign),
        ("dx-overwritten", Input, "written over what is there", Pass::Overwrite),
        ("dw-flipped", Weight, "the kernel is turned by 180 degrees", Products(FLIPPED)),
        ("dw-transposed", Weight, "the kernel's axes are exchanged", Products(TRANSPOSED)),
        ("dw-channels", Weight, "input and output channels are exchanged", Products(CHANNELS)),
        ("dw-no-stride", Weight, "the stride is left out", Products(NO_STRIDE)),
        ("dw-strides", Weight, "the two strides are exchanged", Products(STRIDES)),
        ("dw-no-padding", Weight, "the padding is left out", Products(NO_PADDING)),
        ("dw-off-by-one", Weight, "one pixel too far to the right", Products(OFF_BY_ONE)),
        ("dw-image-0", Weight, "every image is taken for the first", Products(IMAGE_0)),
        ("dw-first", Weight, "only the first image is done", Products(FIRST)),
        ("dw-averaged", Weight, "averaged over the batch", Products(AVERAGED)),
        ("dw-no-tail", Weight, "positions beyond a multiple of four are left over", Products(NO_TAIL)),
        ("dw-overwritten", Weight, "written over what is there", Pass::Overwrite),
        (
            "db-averaged",
            Bias,
            "the mean over images and positions for the sum",
            Pass::Bias(|_, count| 1.0 / count),
        ),
        ("db-first", Bias, "only the first image is done", Pass::Bias(|n, _| if n == 0 { 1.0 } else { 0.0 })),
        ("db-overwritten", Bias, "written over what is there", Pass::Overwrite),
    ]
    .map(|(name, gradient, what, pass)| Wrong { name, gradient, what, pass })
    .to_vec()
}

impl Wrong {
    /// Adds (or does what it does instead) the wrong gradient to `grad`.
    pub fn add(&self, problem: &Problem, grad: &mut [f64]) {
        let g = &problem.geometry;
        let (positions, image) = (g.output_size().0 * g.output_size().1, g.input_len() / g.images);
        match self.pass {
            Pass::Products(plan) => each_product(problem, plan, |dy, ix, iw| match self.gradient {
                Gradient::Input => grad[ix] += problem.weight[iw] * dy,
                Gradient::Weight => grad[iw] += problem.input[ix] * dy,
                Gradient::Bias => unreachable!("no product has a bias in it"),
            }),
            Pass::Assign => {
                for (dy, dx) in problem.grad_output.chunks(g.filters * positions).zip(grad.chunks_mut(image))
                {
                    let mut columns = vec![0.0; g.depth() * positions];
                    reference::conv2d_backward_columns(g, &problem.weight, dy, &mut columns);
                    let mut assigned = vec![0.0; image];
                    reference::each_column(g, |at, pixel| {
                        if let Some(pixel) = pixel {
                            assigned[pixel] = columns[at];
                        }
                    });
                    dx.iter_mut().zip(assigned).for_each(|(dx, assigned)| *dx += assigned);
                }
            }
            Pass::Overwrite => grad.copy_from_slice(&problem.gradient(self.gradient, None)),
            Pass::Bias(factor) => {
                for (plane, dy) in problem.grad_output.chunks(positions).enumerate() {
                    let factor = factor(plane / g.filters, (g.images * positions) as f64);
                    grad[plane % g.filters] += factor * dy.iter().sum::<f64>();
                }
            }
        }
    }
}

impl Problem {
    /// Adds dx, dw or db to `grad`: those of the kernels, or those of a wrong backward pass.
    pub fn add_gradient(&self, of: Gradient, wrong: Option<&Wrong>, grad: &mut [f64]) {
        if let Some(wrong) = wrong.filter(|wrong| wrong.gradient == of) {
            return wrong.add(self, grad);
        }
        let mut grads = Gradients { input: None, weight: None, bias: None };
        match of {
            Gradient::Input => grads.input = Some(grad),
            Gradient::Weight => grads.weight = Some(grad),
            Gradient::Bias => grads.bias = Some(grad),
        }
        conv2d_backward(&self.geometry, &self.input, &self.weight, &self.grad_output, grads);
    }

    /// dx, dw or db.
    pub fn gradient(&self, of: Gradient, wrong: Option<&Wrong>) -> Vec<f64> {
        let mut grad = vec![0.0; self.array(of).len()];
        self.add_gradient(of, wrong, &mut grad);
        grad
    }
}

/// Calls `f(dy, index in x, index in w)` for every product that `plan` finds inside of the image.
fn each_product(problem: &Problem, plan: Plan, mut f: impl FnMut(f64, usize, usize)) {
    let g = &problem.geometry;
    let (h_out, w_out) = g.output_size();
    for (k, dy) in problem.grad_output.iter().enumerate() {
        let (n, o) = (k / (g.filters * h_out * w_out), k / (h_out * w_out) % g.filters);
        let (i, j) = (k / w_out % h_out, k % w_out);
        for k in 0..g.depth() {
            let (c, u, v) = (k / (g.kernel.0 * g.kernel.1), k / g.kernel.1 % g.kernel.0, k % g.kernel.1);
            let [n, o, i, j, c, u, v] = [n, o, i, j, c, u, v].map(|index| index as isize);
            let product = Product { g, n, o, i, j, c, u, v };
            let ix = at([g.images, g.channels, g.size.0, g.size.1], (plan.pixel)(&product));
            let iw = at([g.filters, g.channels, g.kernel.0, g.kernel.1], (plan.weight)(&product));
            if let (Some(ix), Some(iw)) = (ix, iw) {
                f(dy * (plan.factor)(&product), ix, iw);
            }
        }
    }
}

/// Where an index stands in an array of this shape; `None` outside of it.
fn at(shape: [usize; 4], index: [isize; 4]) -> Option<usize> {
    shape.iter().zip(index).try_fold(0, |at, (size, i)| {
        let i = usize::try_from(i).ok().filter(|i| i < size)?;
        Some(at * size + i)
    })
}
