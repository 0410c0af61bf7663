//! Exercise 10: the backward pass of max-pooling, which sends each gradient to one pixel.

use crate::array::Array;

/// dx += the gradient of x, both (images, channels, H, W); dy is (images, channels, H_out, W_out). There is no padding.
pub fn max_pool2d_backward(
    x: &Array<4>,
    dy: &Array<4>,
    [k_h, k_w]: [isize; 2],
    [s_h, s_w]: [isize; 2],
    dx: &mut Array<4>,
) {
    let [images, channels, h_out, w_out] = dy.shape();
    for n in 0..images {
        for c in 0..channels {
            for i in 0..h_out {
                for j in 0..w_out {
                    let mut winner = [n, c, i * s_h, j * s_w];
                    for u in 0..k_h {
                        for v in 0..k_w {
                            let pixel = [n, c, i * s_h + u, j * s_w + v];
                            if x[pixel] > x[winner] {
                                winner = pixel;
                            }
                        }
                    }
                    dx[winner] += dy[[n, c, i, j]];
                }
            }
        }
    }
}
