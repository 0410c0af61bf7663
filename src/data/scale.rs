//! A glyph at another size, by area: out(y, x) = Σ w_y(i) Σ w_x(j) ink(i, j).
//!
//! Along each axis an output pixel is a window on the source. When the image shrinks the window is as wide as the output
//! pixel and a source pixel weighs what it covers of it, so that the result is the mean of the area; when it grows the
//! window is one source pixel wide, which is linear interpolation.

use super::Pixels;
use std::cell::RefCell;

thread_local! {
    /// The ink of a glyph, and a row between the two passes: kept, since a glyph is scaled faster than memory is asked for.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// The source pixels that an output pixel is the weighted mean of.
#[derive(Clone, Debug)]
pub(super) struct Window {
    start: usize,
    weights: Vec<f32>,
}

impl Window {
    /// The weighted mean of `pixel(i)` over the window.
    pub(super) fn mean(&self, pixel: impl Fn(usize) -> f32) -> f32 {
        self.weights.iter().enumerate().map(|(i, weight)| weight * pixel(self.start + i)).sum()
    }
}

/// For each of `to` output pixels along one axis, its window on `from` source pixels.
///
/// A window is as wide as an output pixel seen in the source, but at least one pixel; a source pixel weighs as much as
/// it lies in the window: the mean over an area when shrinking, linear interpolation when growing.
pub(super) fn windows(from: usize, to: usize) -> Vec<Window> {
    let step = from as f64 / to as f64;
    let half = step.max(1.0) / 2.0;
    let window = |i: usize| {
        let centre = (i as f64 + 0.5) * step;
        let (low, high) = ((centre - half).max(0.0), (centre + half).min(from as f64));
        let start = (low.floor() as usize).min(from - 1);
        let end = (high.ceil() as usize).clamp(start + 1, from);
        let overlap = |p: usize| (high.min((p + 1) as f64) - low.max(p as f64)).max(0.0);
        let total: f64 = (start..end).map(overlap).sum();
        Window { start, weights: (start..end).map(|p| (overlap(p) / total) as f32).collect() }
    };
    (0..to).map(window).collect()
}

/// Scales whole glyphs of one size to another, which they fill: proportions are not kept.
///
/// The windows are computed once; any number of threads may share them.
#[derive(Clone, Debug)]
pub struct AreaScale {
    from: (usize, usize),
    to: (usize, usize),
    rows: Vec<Window>,
    columns: Vec<Window>,
}

impl AreaScale {
    /// From images of `from` to images of `to`, both (height, width) in pixels.
    ///
    /// # Panics
    /// When a side is 0.
    pub fn new(from: (usize, usize), to: (usize, usize)) -> AreaScale {
        assert!(from.0 * from.1 * to.0 * to.1 > 0, "an image without pixels cannot be scaled");
        AreaScale { from, to, rows: windows(from.0, to.0), columns: windows(from.1, to.1) }
    }

    /// (height, width) of what is scaled, in pixels.
    pub fn from(&self) -> (usize, usize) {
        self.from
    }

    /// (height, width) of the result, in pixels.
    pub fn to(&self) -> (usize, usize) {
        self.to
    }

    /// Whether both sizes are the same, so that an image is copied as it is.
    pub fn is_identity(&self) -> bool {
        self.from == self.to
    }

    /// Scales `ink`, row by row, from 0 (paper) to 1 (ink), into `out`.
    ///
    /// # Panics
    /// When a slice is not of the size given to [`AreaScale::new`].
    pub fn write(&self, ink: &[f32], out: &mut [f32]) {
        SCRATCH.with_borrow_mut(|(_, row)| self.scale(ink, out, row));
    }

    /// Scales a glyph, which must be of the size [`AreaScale::from`], into `out`: the ink of each pixel, from 0 (paper) to 1 (ink).
    ///
    /// # Panics
    /// When `out` is not of the size given to [`AreaScale::new`].
    pub fn write_glyph(&self, pixels: &Pixels, out: &mut [f32]) {
        if self.is_identity() {
            assert_eq!(out.len(), self.to.0 * self.to.1, "the scaled image's length");
            return pixels.write_ink(out);
        }
        SCRATCH.with_borrow_mut(|(ink, row)| {
            ink.resize(self.from.0 * self.from.1, 0.0);
            pixels.write_ink(ink);
            self.scale(ink, out, row);
        });
    }

    fn scale(&self, ink: &[f32], out: &mut [f32], row: &mut Vec<f32>) {
        assert_eq!(ink.len(), self.from.0 * self.from.1, "the length of the image to be scaled");
        assert_eq!(out.len(), self.to.0 * self.to.1, "the scaled image's length");
        if self.is_identity() {
            return out.copy_from_slice(ink);
        }
        let width = self.from.1;
        row.resize(width, 0.0);
        // Down the columns first: whole rows are added, many numbers at a time.
        for (window, out) in self.rows.iter().zip(out.chunks_exact_mut(self.to.1)) {
            let lines = ink[window.start * width..].chunks_exact(width);
            row.fill(0.0);
            for (&weight, line) in window.weights.iter().zip(lines) {
                row.iter_mut().zip(line).for_each(|(sum, ink)| *sum += weight * ink);
            }
            for (window, out) in self.columns.iter().zip(out) {
                let near = &row[window.start..window.start + window.weights.len()];
                *out = window.weights.iter().zip(near).map(|(weight, ink)| weight * ink).sum();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(from: (usize, usize), to: (usize, usize), ink: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let image: Vec<f32> = (0..from.0 * from.1).map(|i| ink(i / from.1, i % from.1)).collect();
        let mut out = vec![9.0; to.0 * to.1];
        AreaScale::new(from, to).write(&image, &mut out);
        out
    }

    #[test]
    fn an_output_pixel_is_the_mean_of_its_area() {
        let out = scaled((4, 6), (2, 2), |y, x| (y * 6 + x) as f32);
        // Rows 0 and 1, columns 0 to 2: mean row 1/2, mean column 1.
        assert_eq!(out, [4.0, 7.0, 16.0, 19.0]);
        // Three pixels onto two: the middle one is shared.
        assert_eq!(scaled((1, 3), (1, 2), |_, x| [3.0, 6.0, 0.0][x]), [4.0, 2.0]);
    }

    #[test]
    fn the_mean_ink_stays_and_all_ink_stays_all_ink() {
        for (from, to) in
            [((105, 105), (52, 52)), ((105, 105), (28, 40)), ((7, 13), (3, 13)), ((9, 2), (1, 1))]
        {
            let ink = |y: usize, x: usize| ((y * 31 + x * 17) % 11) as f32 / 10.0;
            let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
            let image: Vec<f32> = (0..from.0 * from.1).map(|i| ink(i / from.1, i % from.1)).collect();
            assert!((mean(&scaled(from, to, ink)) - mean(&image)).abs() < 1e-5, "{from:?} {to:?}");
            assert!(scaled(from, to, |_, _| 1.0).iter().all(|v| (v - 1.0).abs() < 1e-6), "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp_when_it_grows() {
        let out = scaled((1, 4), (3, 8), |_, x| x as f32);
        for row in out.chunks_exact(8) {
            assert!(row.windows(2).all(|w| w[0] <= w[1]) && row[0] == 0.0 && row[7] == 3.0, "{row:?}");
            assert!((row[3] - 1.25).abs() < 1e-6 && (row[4] - 1.75).abs() < 1e-6, "{row:?}");
        }
    }

    #[test]
    fn a_glyph_is_scaled_as_its_ink_is_and_copied_where_the_sizes_are_equal() {
        let size = (11, 13);
        let bits = Pixels::from_ink((0..143).map(|i| i % 5 < 2));
        let grey = Pixels::Grey((0..143).map(|i| (i * 7 % 256) as u8).collect());
        for pixels in [bits, grey] {
            let mut ink = vec![0.0; 143];
            pixels.write_ink(&mut ink);
            for to in [(5, 6), (11, 13), (20, 7)] {
                let scale = AreaScale::new(size, to);
                assert_eq!((scale.from(), scale.to(), scale.is_identity()), (size, to, size == to));
                let (mut a, mut b) = (vec![9.0; to.0 * to.1], vec![9.0; to.0 * to.1]);
                scale.write_glyph(&pixels, &mut a);
                scale.write(&ink, &mut b);
                assert_eq!(a, b);
                assert!(size != to || a == ink);
            }
        }
    }
}
