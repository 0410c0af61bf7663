//! Exercise 4: the gradient of a convolution's weights.

use crate::array::Array;

/// dw += the gradient of the weights. x is (images, channels, H, W), dy (images, filters, H_out, W_out), dw
/// (filters, channels, K_h, K_w).
pub fn conv2d_backward_weight(
    x: &Array<4>,
    dy: &Array<4>,
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dw: &mut Array<4>,
) {
    let [images, channels, h, w] = x.shape();
    let [_, filters, h_out, w_out] = dy.shape();
    let [_, _, k_h, k_w] = dw.shape();
    for n in 0..images {
        for o in 0..filters {
            for i in 0..h_out {
                for j in 0..w_out {
                    for c in 0..channels {
                        for u in 0..k_h {
                            for v in 0..k_w {
                                let (r, q) = (i * s_h + u - p_h, j * s_w + v - p_w);
                                if (0..h).contains(&r) && (0..w).contains(&q) {
                                    dw[[o, c, u, v]] += x[[n, c, r, q]] * dy[[n, o, i, j]];
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
