//! A smooth random field: each point of the drawing is moved by
//!
//! d(u, v) = Σ_ij w(u n - i) w(v n - j) c_ij, w(t) = 1 - 3t² + 2|t|³ for |t| < 1, else 0
//!
//! with u and v from 0 to 1 across and down the image, n cells along each side and control points c drawn at random.
//! Elastic deformation after Simard, Steinkraus and Platt (2003), with control points for their blurred noise. The
//! weights are not negative and sum to 1: no displacement is larger than the largest control point's.

/// Cells along each side.
const CELLS: usize = 4;
const POINTS: usize = CELLS + 1;

/// The control points, row by row, of the displacements along x and along y, in pixels of the glyph.
#[derive(Clone, Debug)]
pub(super) struct Field([[[f32; POINTS]; POINTS]; 2]);

impl Field {
    /// Control points from `next`.
    pub(super) fn draw(mut next: impl FnMut() -> f64) -> Field {
        Field([(); 2].map(|()| [(); POINTS].map(|()| [(); POINTS].map(|()| next() as f32))))
    }

    /// Moves the places of a row, along x and along y, at `v` of the image's height.
    pub(super) fn move_row(&self, v: f64, places: &mut [Vec<f32>; 2]) {
        let (j, down) = cell(v);
        for (points, places) in self.0.iter().zip(places) {
            let line: [f32; POINTS] =
                std::array::from_fn(|i| points[j][i] + down * (points[j + 1][i] - points[j][i]));
            let width = places.len() as f64;
            for (x, place) in places.iter_mut().enumerate() {
                let (i, along) = cell((x as f64 + 0.5) / width);
                *place += line[i] + along * (line[i + 1] - line[i]);
            }
        }
    }
}

/// The cell that a place from 0 to 1 is in, and the weight of its end.
fn cell(place: f64) -> (usize, f32) {
    let at = place * CELLS as f64;
    let i = (at as usize).min(CELLS - 1);
    let t = (at - i as f64) as f32;
    (i, t * t * (3.0 - 2.0 * t))
}
