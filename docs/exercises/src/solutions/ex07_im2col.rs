//! Exercise 7: im2col, by which a convolution becomes a product of matrices.

use crate::array::Array;

/// columns = the patches of one image x (channels, H, W): (channels K_h K_w, H_out W_out). Every number is written; what
/// columns held before does not matter.
pub fn im2col(
    x: &Array<3>,
    [k_h, k_w]: [isize; 2],
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    columns: &mut Array<2>,
) {
    let [channels, h, w] = x.shape();
    let h_out = (h + 2 * p_h - k_h) / s_h + 1;
    let w_out = (w + 2 * p_w - k_w) / s_w + 1;
    for c in 0..channels {
        for u in 0..k_h {
            for v in 0..k_w {
                for i in 0..h_out {
                    for j in 0..w_out {
                        let (r, q) = (i * s_h + u - p_h, j * s_w + v - p_w);
                        let inside = (0..h).contains(&r) && (0..w).contains(&q);
                        columns[[(c * k_h + u) * k_w + v, i * w_out + j]] =
                            if inside { x[[c, r, q]] } else { 0.0 };
                    }
                }
            }
        }
    }
}
