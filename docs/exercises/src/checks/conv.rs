//! Convolutions for the exercises: those of [`twinglyph_lesson`], as arrays with indices.

use crate::array::Array;
use twinglyph_kernels::Geometry;
use twinglyph_lesson::{Gradient, Problem, Wrong, wrong_backward_passes};

/// A problem's arrays.
pub struct Arrays {
    pub x: Array<4>,
    pub w: Array<4>,
    pub dy: Array<4>,
    pub stride: [isize; 2],
    pub padding: [isize; 2],
}

/// The sizes of a convolution, as the exercises' functions get them.
pub struct Sizes {
    /// (N, C_in, H, W).
    pub x: [isize; 4],
    /// (C_out, C_in, K_h, K_w).
    pub w: [isize; 4],
    pub stride: [isize; 2],
    pub padding: [isize; 2],
}

fn signed(pair: (usize, usize)) -> [isize; 2] {
    [pair.0 as isize, pair.1 as isize]
}

fn unsigned(a: isize, b: isize) -> (usize, usize) {
    (a as usize, b as usize)
}

impl Sizes {
    pub fn geometry(&self) -> Geometry {
        let ([images, channels, h, w], [filters, _, k_h, k_w]) = (self.x, self.w);
        Geometry {
            images: images as usize,
            channels: channels as usize,
            size: unsigned(h, w),
            filters: filters as usize,
            kernel: unsigned(k_h, k_w),
            stride: unsigned(self.stride[0], self.stride[1]),
            padding: unsigned(self.padding[0], self.padding[1]),
            ..Geometry::default()
        }
    }

    /// A problem of these sizes, all of whose numbers are 0.
    pub fn zeros(&self) -> Problem {
        let geometry = self.geometry();
        Problem {
            geometry,
            input: vec![0.0; geometry.input_len()],
            weight: vec![0.0; geometry.weight_len()],
            bias: vec![0.0; geometry.filters],
            grad_output: vec![0.0; geometry.output_len()],
        }
    }
}

impl Arrays {
    pub fn of(problem: &Problem) -> Arrays {
        let g = &problem.geometry;
        let shape = |a: usize, b: usize, c: (usize, usize)| [a, b, c.0, c.1].map(|size| size as isize);
        Arrays {
            x: Array::new(shape(g.images, g.channels, g.size), problem.input.clone()),
            w: Array::new(shape(g.filters, g.channels, g.kernel), problem.weight.clone()),
            dy: Array::new(shape(g.images, g.filters, g.output_size()), problem.grad_output.clone()),
            stride: signed(g.stride),
            padding: signed(g.padding),
        }
    }
}

/// `2 images of 3 x 5 x 4, 3 filters of 2 x 3, stride 2 x 1, padding 0 x 1`.
pub fn sizes(g: &Geometry) -> String {
    let count = |count: usize, what: &str| {
        if count == 1 { format!("one {what}") } else { format!("{count} {what}s") }
    };
    let channels = if g.channels == 1 { String::new() } else { format!("{} x ", g.channels) };
    format!(
        "{} of {channels}{} x {}, {} of {} x {}, stride {} x {}, padding {} x {}",
        count(g.images, "image"),
        g.size.0,
        g.size.1,
        count(g.filters, "filter"),
        g.kernel.0,
        g.kernel.1,
        g.stride.0,
        g.stride.1,
        g.padding.0,
        g.padding.1
    )
}

/// A problem, what is special about it, and whether results hold something before.
pub struct Given {
    pub what: String,
    pub problem: Problem,
    pub filled: bool,
}

/// From four numbers to two images on which every mistake shows. `images` at most in any of them.
pub fn problems(images: usize) -> Vec<Given> {
    let plain = Geometry {
        images: 1,
        channels: 1,
        size: (3, 3),
        filters: 1,
        kernel: (2, 2),
        stride: (1, 1),
        padding: (0, 0),
        ..Geometry::default()
    };
    let by_hand = |dy: [f64; 4]| Problem {
        geometry: plain,
        input: (1..=9).map(f64::from).collect(),
        weight: vec![1.0, 2.0, 3.0, 4.0],
        bias: vec![0.0],
        grad_output: dy.to_vec(),
    };
    let numbered = |seed, geometry| Problem::numbered(geometry, seed);
    let uneven = Problem::uneven();
    [
        ("dy is 1 at one position", by_hand([0.0, 0.0, 0.0, 1.0]), false),
        ("", by_hand([1.0, -1.0, 2.0, 3.0]), false),
        ("the last row is left over", numbered(3, Geometry { size: (5, 4), stride: (2, 2), ..plain }), false),
        ("", numbered(4, Geometry { kernel: (3, 3), padding: (1, 1), ..plain }), false),
        (
            "several channels and filters",
            numbered(5, Geometry { channels: 2, filters: 3, size: (3, 4), kernel: (2, 3), ..plain }),
            false,
        ),
        (
            "several images",
            numbered(6, Geometry { images: 2, size: (2, 3), stride: (1, 2), padding: (1, 0), ..plain }),
            false,
        ),
        ("", by_hand([1.0, -1.0, 2.0, 3.0]), true),
        (
            "no two sizes alike, rows and columns left over",
            numbered(2, Geometry { images: uneven.geometry.images.min(images), ..uneven.geometry }),
            true,
        ),
    ]
    .into_iter()
    .filter(|(_, problem, _)| problem.geometry.images <= images)
    .map(|(remark, problem, filled)| {
        let sizes = sizes(&problem.geometry);
        let what = if remark.is_empty() { sizes } else { format!("{sizes}; {remark}") };
        Given { what, problem, filled }
    })
    .collect()
}

/// The weight `w[o,c,u,v]`, the pixel `x[n,c,r,q]` and the number `dy[n,o,i,j]` of every product of a convolution, pixels of the
/// padding left out, in the order of its loops.
pub fn each_product(sizes: &Sizes, mut f: impl FnMut([isize; 4], [isize; 4], [isize; 4])) {
    let (h_out, w_out) = sizes.geometry().output_size();
    let ([images, channels, h, w], [filters, _, k_h, k_w]) = (sizes.x, sizes.w);
    let ([s_h, s_w], [p_h, p_w]) = (sizes.stride, sizes.padding);
    let positions = (h_out * w_out) as isize;
    for y in 0..images * filters * positions {
        let (n, o) = (y / (filters * positions), y / positions % filters);
        let (i, j) = (y / w_out as isize % h_out as isize, y % w_out as isize);
        for k in 0..channels * k_h * k_w {
            let (c, u, v) = (k / (k_h * k_w), k / k_w % k_h, k % k_w);
            let (r, q) = (i * s_h + u - p_h, j * s_w + v - p_w);
            if (0..h).contains(&r) && (0..w).contains(&q) {
                f([o, c, u, v], [n, c, r, q], [n, o, i, j]);
            }
        }
    }
}

/// The wrong backward passes of one gradient.
pub fn wrongs(of: Gradient) -> impl Iterator<Item = Wrong> {
    wrong_backward_passes().into_iter().filter(move |wrong| wrong.gradient == of)
}
