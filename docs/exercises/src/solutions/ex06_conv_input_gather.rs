//! Exercise 6: the same gradient by gathering, where the flip is.

use crate::array::Array;

/// turned = the kernel w (filters, channels, K_h, K_w), turned: (channels, filters, K_h, K_w).
pub fn turn(w: &Array<4>, turned: &mut Array<4>) {
    let [filters, channels, k_h, k_w] = w.shape();
    for o in 0..filters {
        for c in 0..channels {
            for u in 0..k_h {
                for v in 0..k_w {
                    turned[[c, o, k_h - 1 - u, k_w - 1 - v]] = w[[o, c, u, v]];
                }
            }
        }
    }
}

/// dilated = dy (images, filters, H_out, W_out) with zeros between and around. It holds zeros before, of the right shape.
pub fn dilate(dy: &Array<4>, [k_h, k_w]: [isize; 2], [s_h, s_w]: [isize; 2], dilated: &mut Array<4>) {
    let [images, filters, h_out, w_out] = dy.shape();
    for n in 0..images {
        for o in 0..filters {
            for i in 0..h_out {
                for j in 0..w_out {
                    dilated[[n, o, i * s_h + k_h - 1, j * s_w + k_w - 1]] = dy[[n, o, i, j]];
                }
            }
        }
    }
}
