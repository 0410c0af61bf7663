//! Convolution by the textbook: columns = im2col(x), and products of matrices with them.
//!
//! ```text
//! columns[(c, u, v)][(i, j)] = x[c, i s_h + u d_h - p_h, j s_w + v d_w - p_w]     0 outside of the image
//!
//! y = w columns + b       dw = dy columns^T       dx = col2im(w^T dy)
//! ```
//!
//! Each pixel is copied K_h K_w times. That is what the rest of `conv2d` is there to avoid; with
//! `TWINGLYPH_CONV=im2col` all convolutions go this way.

use crate::{Element, Geometry, Gradients, scratch};
use std::ops::Range;
use std::sync::OnceLock;

/// The environment variable that asks for this way.
pub const VARIABLE: &str = "TWINGLYPH_CONV";

/// Whether [`VARIABLE`] is `im2col`, read once.
///
/// # Errors
/// When it is something else.
pub fn try_is_asked_for() -> Result<bool, String> {
    static ASKED: OnceLock<Result<bool, String>> = OnceLock::new();
    let read = || match std::env::var_os(VARIABLE) {
        None => Ok(false),
        Some(value) if value == "im2col" => Ok(true),
        Some(value) => Err(format!("{VARIABLE}={}: expected im2col, or nothing", value.to_string_lossy())),
    };
    ASKED.get_or_init(read).clone()
}

/// [`try_is_asked_for`] for the middle of a computation.
///
/// # Panics
/// When the variable is wrong; a program calls [`try_is_asked_for`] when it starts.
pub fn is_asked_for() -> bool {
    try_is_asked_for().unwrap_or_else(|message| panic!("{message}"))
}

/// y = conv(x, weight) + bias.
pub fn forward<E: Element>(g: &Geometry, x: &[E], weight: &[E], bias: Option<&[E]>, y: &mut [E]) {
    let (h_out, positions, depth) = (g.output_size().0, g.positions(), g.depth());
    let mut columns = scratch::any::<E>(depth * positions);
    for (n, y) in y.chunks_mut(g.filters * positions).enumerate() {
        for (group, rows) in groups(g) {
            im2col(g, image(g, x, n, group), 0..h_out, &mut columns, positions);
            let w = Matrix::new(&weight[rows.start * depth..rows.end * depth], depth);
            let y = &mut y[rows.start * positions..rows.end * positions];
            product(w, Matrix::new(&columns, positions), false, y);
            if let Some(bias) = bias {
                y.chunks_mut(positions).zip(rows).for_each(|(y, o)| y.iter_mut().for_each(|y| *y += bias[o]));
            }
        }
    }
}

/// Adds the gradients that are wanted.
pub fn backward<E: Element>(
    g: &Geometry,
    x: &[E],
    weight: &[E],
    grad_output: &[E],
    mut grads: Gradients<'_, E>,
) {
    let (h_out, positions, depth) = (g.output_size().0, g.positions(), g.depth());
    let mut columns = scratch::any::<E>(depth * positions);
    for (n, dy) in grad_output.chunks(g.filters * positions).enumerate() {
        for (group, rows) in groups(g) {
            let dy = Matrix::new(&dy[rows.start * positions..rows.end * positions], positions);
            let weights = rows.start * depth..rows.end * depth;
            if let Some(dw) = &mut grads.weight {
                im2col(g, image(g, x, n, group), 0..h_out, &mut columns, positions);
                product(dy, Matrix::new(&columns, positions).transposed(), true, &mut dw[weights.clone()]);
            }
            if let Some(dx) = &mut grads.input {
                product(Matrix::new(&weight[weights], depth).transposed(), dy, false, &mut columns);
                let len = g.image_len() / g.groups;
                col2im(g, &columns, positions, 0..h_out, &mut dx[(n * g.groups + group) * len..][..len]);
            }
            if let Some(db) = &mut grads.bias {
                let planes = dy.values.chunks(positions).zip(rows);
                planes.for_each(|(dy, o)| db[o] += dy.iter().copied().sum());
            }
        }
    }
}

/// Each group's number and filters.
fn groups(g: &Geometry) -> impl Iterator<Item = (usize, Range<usize>)> {
    let filters = g.filters / g.groups;
    (0..g.groups).map(move |group| (group, group * filters..(group + 1) * filters))
}

/// A group's channels of an image.
fn image<'a, E>(g: &Geometry, x: &'a [E], n: usize, group: usize) -> &'a [E] {
    let len = g.image_len() / g.groups;
    &x[(n * g.groups + group) * len..][..len]
}

/// Writes the columns of a group's channels of an image, for some rows of the output: row (c, u, v) begins at
/// `columns[(c, u, v) row]`.
pub fn im2col<E: Element>(g: &Geometry, x: &[E], rows: Range<usize>, columns: &mut [E], row: usize) {
    each_run(g, rows, |k, start, pixels, met, len| {
        let columns = &mut columns[k * row + start..][..len];
        columns[..met.start].iter_mut().for_each(|column| *column = E::ZERO);
        columns[met.end..].iter_mut().for_each(|column| *column = E::ZERO);
        let columns = columns[met].iter_mut();
        match g.stride.1 {
            1 => columns.zip(&x[pixels..]).for_each(|(column, x)| *column = *x),
            stride => columns.zip(x[pixels..].iter().step_by(stride)).for_each(|(column, x)| *column = *x),
        }
    });
}

/// The adjoint of [`im2col`]: adds each column to the pixel that it was copied from.
pub fn col2im<E: Element>(g: &Geometry, columns: &[E], row: usize, rows: Range<usize>, dx: &mut [E]) {
    each_run(g, rows, |k, start, pixels, met, len| {
        let (columns, dx) = (columns[k * row + start..][..len][met].iter(), dx[pixels..].iter_mut());
        match g.stride.1 {
            1 => columns.zip(dx).for_each(|(column, dx)| *dx += *column),
            stride => columns.zip(dx.step_by(stride)).for_each(|(column, dx)| *dx += *column),
        }
    });
}

/// Calls `f(row of columns, first position, first pixel, positions that meet a pixel, positions)` for each of these output
/// rows in each row of columns. From one position to the next it is S_w pixels.
#[inline(always)]
fn each_run(g: &Geometry, rows: Range<usize>, mut f: impl FnMut(usize, usize, usize, Range<usize>, usize)) {
    let (w_out, (h, w)) = (g.output_size().1, g.size);
    // j s_w + v d_w - p_w lies in 0..W for these j.
    let met = |v: usize| {
        let first = g.padding.1.saturating_sub(v * g.dilation.1).div_ceil(g.stride.1).min(w_out);
        let end = (w + g.padding.1).saturating_sub(v * g.dilation.1).div_ceil(g.stride.1);
        first..end.clamp(first, w_out)
    };
    let met: Vec<Range<usize>> = (0..g.kernel.1).map(met).collect();
    for k in 0..g.depth() / g.kernel.1 {
        let (c, u) = (k / g.kernel.0, k % g.kernel.0);
        for (v, met) in met.iter().enumerate() {
            for i in rows.clone() {
                let r = (i * g.stride.0 + u * g.dilation.0).wrapping_sub(g.padding.0);
                let (pixels, met) = if r < h && !met.is_empty() {
                    let q = met.start * g.stride.1 + v * g.dilation.1 - g.padding.1;
                    ((c * h + r) * w + q, met.clone())
                } else {
                    (0, 0..0)
                };
                f(k * g.kernel.1 + v, (i - rows.start) * w_out, pixels, met, w_out);
            }
        }
    }
}

/// Numbers, and how far it is from one row to the next and from one column.
#[derive(Clone, Copy)]
struct Matrix<'a, E> {
    values: &'a [E],
    rows: usize,
    columns: usize,
    step: (usize, usize),
}

impl<'a, E> Matrix<'a, E> {
    /// Row after row, of so many columns.
    fn new(values: &'a [E], columns: usize) -> Matrix<'a, E> {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "a matrix that is not of whole rows");
        Matrix { values, rows: values.len() / columns, columns, step: (columns, 1) }
    }

    /// Rows for columns.
    fn transposed(self) -> Matrix<'a, E> {
        Matrix { rows: self.columns, columns: self.rows, step: (self.step.1, self.step.0), ..self }
    }
}

/// C = A B, or that added to C, by matrixmultiply.
fn product<E: Element>(a: Matrix<'_, E>, b: Matrix<'_, E>, add: bool, c: &mut [E]) {
    assert!(a.columns == b.rows && c.len() == a.rows * b.columns, "a product of matrices that do not fit");
    let step = |step: usize| step as isize;
    // SAFETY: `Matrix` is as large as it says; C has the size of the product, and shares no number with A or B.
    unsafe {
        E::gemm(
            (a.rows, a.columns, b.columns),
            (a.values.as_ptr(), step(a.step.0), step(a.step.1)),
            (b.values.as_ptr(), step(b.step.0), step(b.step.1)),
            if add { E::ONE } else { E::ZERO },
            (c.as_mut_ptr(), step(b.columns), 1),
        );
    }
}
