//! The naive twins: the same functions written to be read, one multiplication at a time. They are the oracle
//! of the tests and the text of the book. Nothing here is fast, and nothing here is clever.

use crate::{BatchNorm, Dense, Dropout, Element, Geometry, MatMul, Pool2d};

/// Where x[c, i s_h + u d_h - p_h, j s_w + v d_w - p_w] stands in an image; `None` in the padding.
#[inline]
fn pixel(g: &Geometry, c: usize, (i, j): (usize, usize), (u, v): (usize, usize)) -> Option<usize> {
    let r = (i * g.stride.0 + u * g.dilation.0).checked_sub(g.padding.0).filter(|&r| r < g.size.0)?;
    let q = (j * g.stride.1 + v * g.dilation.1).checked_sub(g.padding.1).filter(|&q| q < g.size.1)?;
    Some((c * g.size.0 + r) * g.size.1 + q)
}

/// Calls `f(y index, weight index, x index)` for every product that a convolution is made of.
pub fn each_product(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let (h_out, w_out) = g.output_size();
    let image = g.channels * g.size.0 * g.size.1;
    let channels = g.channels / g.groups;
    for n in 0..g.images {
        for o in 0..g.filters {
            let group = o / (g.filters / g.groups);
            for i in 0..h_out {
                for j in 0..w_out {
                    for c in 0..channels {
                        for u in 0..g.kernel.0 {
                            for v in 0..g.kernel.1 {
                                if let Some(at) = pixel(g, group * channels + c, (i, j), (u, v)) {
                                    let y = ((n * g.filters + o) * h_out + i) * w_out + j;
                                    let w = ((o * channels + c) * g.kernel.0 + u) * g.kernel.1 + v;
                                    f(y, w, n * image + at);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// y = conv(x, weight) + bias: y gathers.
pub fn conv2d_forward<E: Element>(g: &Geometry, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    let (h_out, w_out) = g.output_size();
    for (plane, y) in y.chunks_mut(h_out * w_out).enumerate() {
        y.fill(bias.map_or(E::ZERO, |b| b[plane % g.filters]));
    }
    each_product(g, |iy, iw, ix| y[iy] += weight[iw] * x[ix]);
}

/// dx += : each product sends its share of dy back to its pixel.
pub fn conv2d_backward_input<E: Element>(g: &Geometry, weight: &[E], dy: &[E], dx: &mut [E]) {
    each_product(g, |iy, iw, ix| dx[ix] += weight[iw] * dy[iy]);
}

/// dw += : each product sends its share of dy back to its weight.
pub fn conv2d_backward_weight<E: Element>(g: &Geometry, x: &[E], dy: &[E], dw: &mut [E]) {
    each_product(g, |iy, iw, ix| dw[iw] += x[ix] * dy[iy]);
}

/// db += : the bias is added to every position, so it collects dy from all of them.
pub fn conv2d_backward_bias<E: Element>(g: &Geometry, dy: &[E], db: &mut [E]) {
    let (h_out, w_out) = g.output_size();
    for (plane, dy) in dy.chunks(h_out * w_out).enumerate() {
        db[plane % g.filters] += dy.iter().copied().sum();
    }
}

/// The columns of one image: row (c, u, v), column (i, j), a copy of the pixel under the kernel; 0 in the padding.
pub fn im2col<E: Element>(g: &Geometry, image: &[E], columns: &mut [E]) {
    each_column(g, |at, pixel| columns[at] = pixel.map_or(E::ZERO, |pixel| image[pixel]));
}

/// The adjoint of [`im2col`]: every column is added to the pixel that it was copied from.
pub fn col2im<E: Element>(g: &Geometry, columns: &[E], image: &mut [E]) {
    each_column(g, |at, pixel| {
        if let Some(pixel) = pixel {
            image[pixel] += columns[at];
        }
    });
}

/// w^T dy of one image, the gradient of its columns: what [`col2im`] then adds up to dx.
pub fn conv2d_backward_columns<E: Element>(g: &Geometry, weight: &[E], dy: &[E], columns: &mut [E]) {
    let (depth, positions) = (g.depth(), g.output_size().0 * g.output_size().1);
    columns.fill(E::ZERO);
    for o in 0..g.filters {
        for row in 0..depth {
            for at in 0..positions {
                columns[row * positions + at] += weight[o * depth + row] * dy[o * positions + at];
            }
        }
    }
}

/// Calls `f(index in columns, index in the image)` for every element of the im2col matrix.
pub fn each_column(g: &Geometry, mut f: impl FnMut(usize, Option<usize>)) {
    let (h_out, w_out) = g.output_size();
    for c in 0..g.channels {
        for u in 0..g.kernel.0 {
            for v in 0..g.kernel.1 {
                let row = (c * g.kernel.0 + u) * g.kernel.1 + v;
                for i in 0..h_out {
                    for j in 0..w_out {
                        f((row * h_out + i) * w_out + j, pixel(g, c, (i, j), (u, v)));
                    }
                }
            }
        }
    }
}

/// (H + 2 p_h, W + 2 p_w): the size of an image with its padding.
pub fn padded_size(g: &Geometry) -> (usize, usize) {
    (g.size.0 + 2 * g.padding.0, g.size.1 + 2 * g.padding.1)
}

/// One image (C, H, W) with its padding of zeros.
pub fn pad<E: Element>(g: &Geometry, image: &[E]) -> Vec<E> {
    let (rows, width) = padded_size(g);
    let mut padded = vec![E::ZERO; g.channels * rows * width];
    for (k, x) in image.iter().enumerate() {
        let (c, r, q) = (k / (g.size.0 * g.size.1), k / g.size.1 % g.size.0, k % g.size.1);
        padded[(c * rows + r + g.padding.0) * width + q + g.padding.1] = *x;
    }
    padded
}

/// d (K - 1): how many rows and columns further the kernel reaches than its first weight.
pub fn reach(g: &Geometry) -> (usize, usize) {
    ((g.kernel.0 - 1) * g.dilation.0, (g.kernel.1 - 1) * g.dilation.1)
}

/// The rows and columns of [`dilate`]'s result: those of the padded image and d (K - 1) more.
pub fn dilated_size(g: &Geometry) -> (usize, usize) {
    let ((rows, width), (down, across)) = (padded_size(g), reach(g));
    (rows + down, width + across)
}

/// dy (C_out, H_out, W_out) of one image, prepared to be gathered from: stride - 1 zeros between its rows and columns,
/// d (K - 1) zeros around it, and at the bottom and the right as many more as the stride left over.
pub fn dilate<E: Element>(g: &Geometry, dy: &[E]) -> Vec<E> {
    let ((h_out, w_out), (rows, width)) = (g.output_size(), dilated_size(g));
    let (mut dilated, (down, across)) = (vec![E::ZERO; g.filters * rows * width], reach(g));
    for (k, dy) in dy.iter().enumerate() {
        let (o, i, j) = (k / (h_out * w_out), k / w_out % h_out, k % w_out);
        let (r, q) = (i * g.stride.0 + down, j * g.stride.1 + across);
        dilated[(o * rows + r) * width + q] = *dy;
    }
    dilated
}

/// The kernel turned by 180 degrees, its channel axes exchanged: (C_in, C_out, K_h, K_w).
pub fn turn<E: Element>(g: &Geometry, weight: &[E]) -> Vec<E> {
    let area = g.kernel.0 * g.kernel.1;
    let mut turned = vec![E::ZERO; weight.len()];
    for (k, w) in weight.iter().enumerate() {
        let (o, c, at) = (k / (g.channels * area), k / area % g.channels, k % area);
        turned[(c * g.filters + o) * area + area - 1 - at] = *w;
    }
    turned
}

/// dx += of one image, each pixel gathering what it is due: a convolution of stride 1 over the dilated dy with the
/// turned kernel, of which the padding is cut off. The same numbers as [`conv2d_backward_input`], which scatters.
pub fn conv2d_backward_input_gather<E: Element>(g: &Geometry, weight: &[E], dy: &[E], dx: &mut [E]) {
    let back = Geometry {
        channels: g.filters,
        filters: g.channels,
        size: dilated_size(g),
        stride: (1, 1),
        padding: (0, 0),
        ..*g
    };
    let (rows, width) = padded_size(g);
    let mut padded = vec![E::ZERO; g.channels * rows * width];
    conv2d_forward(&back, &dilate(g, dy), &turn(g, weight), None, &mut padded);
    for (k, dx) in dx.iter_mut().enumerate() {
        let (c, r, q) = (k / (g.size.0 * g.size.1), k / g.size.1 % g.size.0, k % g.size.1);
        *dx += padded[(c * rows + r + g.padding.0) * width + q + g.padding.1];
    }
}

/// Calls `f(y index, x index)` for every pixel of every window, window by window.
fn each_pooled(g: &Pool2d, mut f: impl FnMut(usize, usize)) {
    let (h_out, w_out) = g.output_size();
    for plane in 0..g.planes {
        for i in 0..h_out {
            for j in 0..w_out {
                for u in 0..g.window.0 {
                    for v in 0..g.window.1 {
                        let (r, q) = (i * g.stride.0 + u, j * g.stride.1 + v);
                        f((plane * h_out + i) * w_out + j, (plane * g.size.0 + r) * g.size.1 + q);
                    }
                }
            }
        }
    }
}

/// y = the largest of each window; argmax = where in its plane; the first of equals; a NaN beats any number.
pub fn max_pool2d_forward<E: Element>(g: &Pool2d, x: &[E], y: &mut [E], argmax: &mut [u32]) {
    let plane = g.size.0 * g.size.1;
    let mut seen = vec![false; y.len()];
    each_pooled(g, |iy, ix| {
        if !seen[iy] || x[ix] > y[iy] || x[ix].is_nan() {
            (y[iy], argmax[iy], seen[iy]) = (x[ix], (ix % plane) as u32, true);
        }
    });
}

/// dx += : all of dy goes to the winner.
pub fn max_pool2d_backward<E: Element>(g: &Pool2d, argmax: &[u32], dy: &[E], dx: &mut [E]) {
    let (inputs, (h_out, w_out)) = (g.size.0 * g.size.1, g.output_size());
    for (i, (dy, at)) in dy.iter().zip(argmax).enumerate() {
        dx[i / (h_out * w_out) * inputs + *at as usize] += *dy;
    }
}

/// y = the mean of each window.
pub fn avg_pool2d_forward<E: Element>(g: &Pool2d, x: &[E], y: &mut [E]) {
    let share = E::ONE / E::from_f64((g.window.0 * g.window.1) as f64);
    y.fill(E::ZERO);
    each_pooled(g, |iy, ix| y[iy] += x[ix] * share);
}

/// dx += : dy is shared out evenly.
pub fn avg_pool2d_backward<E: Element>(g: &Pool2d, dy: &[E], dx: &mut [E]) {
    let share = E::ONE / E::from_f64((g.window.0 * g.window.1) as f64);
    each_pooled(g, |iy, ix| dx[ix] += dy[iy] * share);
}

/// The channel of element i of (N, C, S).
fn channel(g: &BatchNorm, i: usize) -> usize {
    i / g.positions % g.channels
}

/// The mean and the biased variance of each channel.
pub fn batch_norm_statistics<E: Element>(g: &BatchNorm, x: &[E], mean: &mut [E], var: &mut [E]) {
    let count = E::from_f64(g.count() as f64);
    mean.fill(E::ZERO);
    var.fill(E::ZERO);
    for (i, x) in x.iter().enumerate() {
        mean[channel(g, i)] += *x / count;
    }
    for (i, x) in x.iter().enumerate() {
        let centred = *x - mean[channel(g, i)];
        var[channel(g, i)] += centred * centred / count;
    }
}

/// y = gamma (x - mean) rstd + beta.
pub fn batch_norm_apply<E: Element>(
    g: &BatchNorm,
    x: &[E],
    [mean, rstd]: [&[E]; 2],
    [gamma, beta]: [&[E]; 2],
    y: &mut [E],
) {
    for (i, (y, x)) in y.iter_mut().zip(x).enumerate() {
        let c = channel(g, i);
        *y = gamma[c] * (*x - mean[c]) * rstd[c] + beta[c];
    }
}

/// dx += through all three paths, with the batch's own statistics: directly, through the mean, and through
/// the variance. Returns (dgamma, dbeta).
pub fn batch_norm_backward<E: Element>(
    g: &BatchNorm,
    x: &[E],
    [mean, rstd]: [&[E]; 2],
    gamma: &[E],
    dy: &[E],
    dx: &mut [E],
) -> (Vec<E>, Vec<E>) {
    let zeros = || vec![E::ZERO; g.channels];
    let (mut dgamma, mut dbeta, mut dmean, mut dvar) = (zeros(), zeros(), zeros(), zeros());
    let two = E::from_f64(2.0);
    for (i, (x, dy)) in x.iter().zip(dy).enumerate() {
        let c = channel(g, i);
        let centred = *x - mean[c];
        dgamma[c] += *dy * centred * rstd[c];
        dbeta[c] += *dy;
        dmean[c] -= *dy * gamma[c] * rstd[c];
        dvar[c] -= *dy * gamma[c] * centred * rstd[c] * rstd[c] * rstd[c] / two;
    }
    let count = E::from_f64(g.count() as f64);
    for (i, (x, dy)) in x.iter().zip(dy).enumerate() {
        let c = channel(g, i);
        let direct = *dy * gamma[c] * rstd[c];
        let by_mean = dmean[c] / count;
        let by_var = dvar[c] * two * (*x - mean[c]) / count;
        dx[i] += direct + by_mean + by_var;
    }
    (dgamma, dbeta)
}

/// y = x W^T + b.
pub fn dense_forward<E: Element>(g: &Dense, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    for n in 0..g.rows {
        for o in 0..g.outputs {
            let mut sum = bias.map_or(E::ZERO, |b| b[o]);
            for f in 0..g.inputs {
                sum += x[n * g.inputs + f] * weight[o * g.inputs + f];
            }
            y[n * g.outputs + o] = sum;
        }
    }
}

/// dx += dy W, dW += dy^T x.
pub fn dense_backward<E: Element>(g: &Dense, x: &[E], weight: &[E], dy: &[E], dx: &mut [E], dw: &mut [E]) {
    for n in 0..g.rows {
        for o in 0..g.outputs {
            for f in 0..g.inputs {
                dx[n * g.inputs + f] += dy[n * g.outputs + o] * weight[o * g.inputs + f];
                dw[o * g.inputs + f] += dy[n * g.outputs + o] * x[n * g.inputs + f];
            }
        }
    }
}

/// `y[i,j]` = |x_i - x_j|^2 of rows of `width`.
pub fn pairwise_squared_distance_forward<E: Element>(width: usize, x: &[E], y: &mut [E]) {
    let n = x.len() / width;
    for i in 0..n {
        for j in 0..n {
            let difference = |f| x[i * width + f] - x[j * width + f];
            y[i * n + j] = (0..width).map(|f| difference(f) * difference(f)).sum();
        }
    }
}

/// dx +=: each distance sends its share of dy to both of its rows.
pub fn pairwise_squared_distance_backward<E: Element>(width: usize, x: &[E], dy: &[E], dx: &mut [E]) {
    let n = x.len() / width;
    for i in 0..n {
        for j in 0..n {
            for f in 0..width {
                let term = E::from_f64(2.0) * dy[i * n + j] * (x[i * width + f] - x[j * width + f]);
                dx[i * width + f] += term;
                dx[j * width + f] -= term;
            }
        }
    }
}

/// y = keep x / (1 - rate).
pub fn dropout<E: Element>(dropout: &Dropout, x: &[E], y: &mut [E]) {
    for i in 0..x.len() {
        y[i] = if dropout.keeps(i) { x[i] / E::from_f64(1.0 - dropout.rate) } else { E::ZERO };
    }
}

/// The largest of each row of `width`, and where it stands: the first of equals; a NaN beats any number.
pub fn row_max<E: Element>(width: usize, x: &[E]) -> Vec<(usize, E)> {
    let mut rows = Vec::new();
    for row in x.chunks(width) {
        let mut best = (0, row[0]);
        for (f, x) in row.iter().enumerate() {
            if !best.1.is_nan() && (*x > best.1 || x.is_nan()) {
                best = (f, *x);
            }
        }
        rows.push(best);
    }
    rows
}

/// y = ln Σ e^x of each row of `width`, as it is written.
pub fn log_sum_exp<E: Element>(width: usize, x: &[E]) -> Vec<E> {
    let sum = |row: &[E]| row.iter().map(|x| x.to_f64().exp()).sum::<f64>();
    x.chunks(width).map(|row| E::from_f64(sum(row).ln())).collect()
}

/// y = e^x / Σ e^x of each row of `width`, as it is written.
pub fn softmax<E: Element>(width: usize, x: &[E]) -> Vec<E> {
    let logs = log_sum_exp(width, x);
    x.iter().enumerate().map(|(i, x)| E::from_f64((x.to_f64() - logs[i / width].to_f64()).exp())).collect()
}

/// dx += of the softmax y, by all of its derivatives: `dy[f]/dx[g] = y[f] ([f = g] - y[g])`.
pub fn softmax_backward<E: Element>(width: usize, y: &[E], dy: &[E], dx: &mut [E]) {
    for row in (0..y.len()).step_by(width) {
        for f in row..row + width {
            for g in row..row + width {
                let same = if f == g { E::ONE } else { E::ZERO };
                dx[g] += dy[f] * y[f] * (same - y[g]);
            }
        }
    }
}

/// Which number of b each number of a meets, b stretched to a's shape: its place without the axes that b has not.
pub fn broadcast_places(a: &[usize], b: &[usize]) -> Vec<usize> {
    let missing = a.len() - b.len();
    let place = |i: usize| {
        let (mut rest, mut stride, mut at) = (i, 1, 0);
        for axis in (0..a.len()).rev() {
            let of_b = if axis < missing { 1 } else { b[axis - missing] };
            at += rest % a[axis] % of_b * stride;
            rest /= a[axis];
            stride *= of_b;
        }
        at
    };
    (0..a.iter().product()).map(place).collect()
}

/// Y = A B.
pub fn matmul<E: Element>(g: &MatMul, a: &[E], b: &[E], y: &mut [E]) {
    for n in 0..g.rows {
        for m in 0..g.columns {
            y[n * g.columns + m] = (0..g.depth).map(|k| a[n * g.depth + k] * b[k * g.columns + m]).sum();
        }
    }
}

/// dA += dY B^T, dB += A^T dY.
pub fn matmul_backward<E: Element>(g: &MatMul, a: &[E], b: &[E], dy: &[E], da: &mut [E], db: &mut [E]) {
    for n in 0..g.rows {
        for m in 0..g.columns {
            for k in 0..g.depth {
                da[n * g.depth + k] += dy[n * g.columns + m] * b[k * g.columns + m];
                db[k * g.columns + m] += dy[n * g.columns + m] * a[n * g.depth + k];
            }
        }
    }
}
