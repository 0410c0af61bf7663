use super::{Gradient, Problem, Wrong};
use twinglyph_kernels::reference;

/// Everything that is computed on the way forward and back, for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// x with its padding, (C_in, H + 2 p_h, W + 2 p_w).
    pub padded: Vec<f64>,
    /// im2col(x): row (c, u, v), column (i, j).
    pub columns: Vec<f64>,
    /// y, (C_out, H_out, W_out).
    pub output: Vec<f64>,
    /// db, (C_out).
    pub grad_bias: Vec<f64>,
    /// dw, (C_out, C_in, K_h, K_w): the sum over (i, j) of `dy[o,i,j]` times column (i, j), which is a patch of x.
    pub grad_weight: Vec<f64>,
    /// w^T dy, of the shape of `columns`.
    pub grad_columns: Vec<f64>,
    /// dx, (C_in, H, W).
    pub grad_input: Vec<f64>,
    /// How many windows see each pixel, (C_in, H, W): col2im(im2col(1)).
    pub overlaps: Vec<f64>,
    /// dy with zeros between and around, (C_out, H + 2 p_h + K_h - 1, W + 2 p_w + K_w - 1): what the pixels gather from.
    pub dilated: Vec<f64>,
    /// The kernel turned by 180 degrees, channels exchanged, (C_in, C_out, K_h, K_w): what they gather by.
    pub turned: Vec<f64>,
}

impl Steps {
    /// The steps of a problem of one image, whose gradients may be those of a wrong backward pass.
    ///
    /// # Errors
    /// What is wrong with the sizes.
    pub fn of(problem: &Problem, wrong: Option<&Wrong>) -> Result<Steps, String> {
        problem.check()?;
        let (g, dy) = (&problem.geometry, &problem.grad_output);
        if g.images != 1 {
            return Err(format!("{} images, expected one", g.images));
        }
        let (depth, positions) = (g.depth(), g.output_size().0 * g.output_size().1);
        let mut columns = vec![0.0; depth * positions];
        reference::im2col(g, &problem.input, &mut columns);

        let mut grad_columns = vec![0.0; depth * positions];
        reference::conv2d_backward_columns(g, &problem.weight, dy, &mut grad_columns);
        let mut overlaps = vec![0.0; g.input_len()];
        reference::col2im(g, &vec![1.0; depth * positions], &mut overlaps);

        Ok(Steps {
            padded: reference::pad(g, &problem.input),
            columns,
            output: problem.output(),
            grad_bias: problem.gradient(Gradient::Bias, wrong),
            grad_weight: problem.gradient(Gradient::Weight, wrong),
            grad_columns,
            grad_input: problem.gradient(Gradient::Input, wrong),
            overlaps,
            dilated: reference::dilate(g, dy),
            turned: reference::turn(g, &problem.weight),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinglyph_kernels::Geometry;

    /// One image of each kind: plain, padded, with strides that leave rows over, larger than the kernel too.
    fn problems() -> Vec<Problem> {
        let geometry = |size, kernel, stride, padding| Geometry {
            images: 1,
            channels: 2,
            size,
            filters: 3,
            kernel,
            stride,
            padding,
            ..Geometry::default()
        };
        [
            geometry((4, 4), (3, 3), (1, 1), (0, 0)),
            geometry((5, 4), (3, 2), (1, 1), (1, 2)),
            geometry((7, 8), (4, 3), (3, 2), (1, 0)),
            geometry((6, 7), (1, 2), (3, 3), (0, 1)),
            geometry((1, 1), (1, 1), (1, 1), (0, 0)),
            geometry((2, 3), (4, 5), (2, 1), (2, 3)),
            Geometry { dilation: (2, 1), ..geometry((6, 7), (3, 2), (1, 1), (1, 0)) },
            Geometry { dilation: (1, 3), ..geometry((5, 8), (2, 3), (2, 2), (0, 1)) },
        ]
        .into_iter()
        .enumerate()
        .map(|(seed, geometry)| Problem::numbered(geometry, seed as u64))
        .collect()
    }

    #[test]
    fn the_steps_lead_to_the_kernels_results() {
        for problem in problems() {
            let (g, steps) = (&problem.geometry, Steps::of(&problem, None).unwrap());
            let (depth, positions) = (g.depth(), g.output_size().0 * g.output_size().1);
            let column = |columns: &[f64], at: usize| -> Vec<f64> {
                (0..depth).map(|row| columns[row * positions + at]).collect()
            };
            for (k, y) in steps.output.iter().enumerate() {
                let filter = &problem.weight[k / positions * depth..][..depth];
                let patch = column(&steps.columns, k % positions);
                let sum: f64 = filter.iter().zip(&patch).map(|(w, x)| w * x).sum();
                assert_eq!(*y, sum + problem.bias[k / positions], "{g:?}");
            }
            for (k, dw) in steps.grad_weight.iter().enumerate() {
                let (dy, row) = (&problem.grad_output[k / depth * positions..][..positions], k % depth);
                let patches = &steps.columns[row * positions..][..positions];
                assert_eq!(*dw, dy.iter().zip(patches).map(|(dy, x)| dy * x).sum::<f64>(), "{g:?}");
            }
            let mut scattered = vec![0.0; g.input_len()];
            reference::col2im(g, &steps.grad_columns, &mut scattered);
            assert_eq!(scattered, steps.grad_input, "{g:?}");
        }
    }

    #[test]
    fn gathering_gives_what_scattering_gives() {
        for problem in problems() {
            let g = &problem.geometry;
            let mut gathered = vec![0.0; g.input_len()];
            reference::conv2d_backward_input_gather(g, &problem.weight, &problem.grad_output, &mut gathered);
            assert_eq!(gathered, problem.gradient(Gradient::Input, None), "{g:?}");
        }
    }

    #[test]
    fn a_difference_of_one_is_exact() {
        for problem in problems() {
            for of in Gradient::ALL {
                for (k, grad) in problem.gradient(of, None).into_iter().enumerate() {
                    assert_eq!(problem.difference(of, k, 1.0), grad, "{} {k}", of.symbol());
                }
            }
        }
    }

    #[test]
    fn pixels_that_no_window_sees_have_no_overlaps_and_no_gradient() {
        let uneven = Problem::uneven();
        let one = Geometry { images: 1, ..uneven.geometry };
        let problem = Problem {
            geometry: one,
            input: uneven.input[..one.input_len()].to_vec(),
            grad_output: uneven.grad_output[..one.output_len()].to_vec(),
            ..uneven
        };
        let steps = Steps::of(&problem, None).unwrap();
        let unseen = |k: usize| k / 8 % 7 == 6 || k % 8 == 7;
        for (k, overlaps) in steps.overlaps.iter().enumerate() {
            assert_eq!(*overlaps == 0.0, unseen(k), "{k}");
            assert!(!unseen(k) || steps.grad_input[k] == 0.0);
        }
    }

    #[test]
    fn what_is_wrong_with_a_problem_is_said() {
        let right = Problem::plain();
        let said = |change: fn(&mut Problem)| {
            let mut problem = right.clone();
            change(&mut problem);
            Steps::of(&problem, None).unwrap_err()
        };
        assert_eq!(
            said(|p| p.geometry.kernel = (5, 1)),
            "a kernel of 5 x 1 does not fit an image of 4 x 4 (padding included)"
        );
        assert_eq!(said(|p| p.geometry.filters = 0), "a size of 0, expected at least 1");
        assert_eq!(said(|p| p.geometry.stride.1 = 0), "stride 1 x 0, expected at least 1 x 1");
        assert_eq!(said(|p| p.geometry.dilation.0 = 0), "dilation 0 x 1, expected at least 1 x 1");
        assert_eq!(
            said(|p| p.geometry.dilation = (2, 1)),
            "a kernel of 3 x 3 with dilation 2 x 1 does not fit an image of 4 x 4 (padding included)"
        );
        assert_eq!(
            said(|p| p.geometry.groups = 2),
            "2 groups, expected one: each is a convolution of its own"
        );
        assert_eq!(said(|p| p.input.truncate(3)), "input: 3 numbers, expected 16");
        assert_eq!(said(|p| *p = Problem::uneven()), "2 images, expected one");
    }
}
