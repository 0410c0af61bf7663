//! Exercise 8: col2im, the way back from the columns to the image.

use crate::array::Array;

/// dx += the gradient of one image, (channels, H, W), from that of its columns, (channels K_h K_w, H_out W_out).
pub fn col2im(
    dcolumns: &Array<2>,
    [k_h, k_w]: [isize; 2],
    [s_h, s_w]: [isize; 2],
    [p_h, p_w]: [isize; 2],
    dx: &mut Array<3>,
) {
    let [channels, h, w] = dx.shape();
    let h_out = (h + 2 * p_h - k_h) / s_h + 1;
    let w_out = (w + 2 * p_w - k_w) / s_w + 1;
    for c in 0..channels {
        for u in 0..k_h {
            for v in 0..k_w {
                for i in 0..h_out {
                    for j in 0..w_out {
                        let (r, q) = (i * s_h + u - p_h, j * s_w + v - p_w);
                        if (0..h).contains(&r) && (0..w).contains(&q) {
                            dx[[c, r, q]] += dcolumns[[(c * k_h + u) * k_w + v, i * w_out + j]];
                        }
                    }
                }
            }
        }
    }
}
