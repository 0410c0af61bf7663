//! Exercise 2: the backward pass of a dense layer.

use crate::array::Array;

/// dx, dw and db += their gradients. x and dx are (rows, features), w and dw (outputs, features), dy (rows, outputs).
pub fn dense_backward(
    x: &Array<2>,
    w: &Array<2>,
    dy: &Array<2>,
    dx: &mut Array<2>,
    dw: &mut Array<2>,
    db: &mut Array<1>,
) {
    let [rows, features] = x.shape();
    let [_, outputs] = dy.shape();
    for n in 0..rows {
        for o in 0..outputs {
            db[[o]] += dy[[n, o]];
            for f in 0..features {
                dx[[n, f]] += w[[o, f]] * dy[[n, o]];
                dw[[o, f]] += x[[n, f]] * dy[[n, o]];
            }
        }
    }
}
