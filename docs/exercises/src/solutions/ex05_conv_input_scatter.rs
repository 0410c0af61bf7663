//! Exercise 5: the gradient of a convolution's input, by scattering.

use crate::array::Array;

/// dx += the gradient of the input. w is (filters, channels, K_h, K_w), dy (images, filters, H_out, W_out), dx
/// (images, channels, H, W).
pub fn conv2d_backward_input(
    w: &Array<4>,
    dy: &Array<4>,
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dx: &mut Array<4>,
) {
    let [images, channels, height, width] = dx.shape();
    let [_, filters, h_out, w_out] = dy.shape();
    let [_, _, k_h, k_w] = w.shape();
    for n in 0..images {
        for o in 0..filters {
            for i in 0..h_out {
                for j in 0..w_out {
                    for c in 0..channels {
                        for u in 0..k_h {
                            for v in 0..k_w {
                                let (r, q) = (i * s_h + u - p_h, j * s_w + v - p_w);
                                if (0..height).contains(&r) && (0..width).contains(&q) {
                                    dx[[n, c, r, q]] += w[[o, c, u, v]] * dy[[n, o, i, j]];
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
