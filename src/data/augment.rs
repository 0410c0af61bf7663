//! Label-preserving augmentation: a glyph drawn anew, as another hand or another day might have drawn it.
//!
//! A point p of the drawing, from the image's centre with x to the right and y down, shows the point q of the glyph with
//!
//! p = O (R(angle) [1 shear; 0 1] diag(scale) (q - d(p)) + shift)
//!
//! where O is the [`Orientation`] and d the smooth random field of an elastic deformation. The glyph is resampled once,
//! with all of that and the change of size in one map; stroke widths are changed before that, in the glyph's own pixels,
//! and a rectangle is erased after it.

mod canvas;
mod elastic;

use self::canvas::{Canvas, Map};
use self::elastic::Field;
use super::{Orientation, Pixels};
use crate::{Error, Result};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use twinglyph_engine::random::ChaCha8Rng;

thread_local! {
    static CANVAS: RefCell<Canvas> = const { RefCell::new(Canvas::new()) };
}

/// The share of the image's area that an erased rectangle takes, at least and at most.
const ERASED: (f64, f64) = (0.02, 0.15);
/// An erased rectangle's height over its width is at most this, and at least one over this.
const LONGEST: f64 = 2.0;

/// How strongly glyphs are augmented; 0 leaves out what the key is about, all 0 (the default) everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Largest turn either way, in degrees.
    pub rotate: f64,
    /// Largest factor of growth or shrinkage minus 1, each axis apart: 0.2 draws from 1/1.2 to 1.2, log-uniformly.
    pub scale: f64,
    /// Largest shear either way, as the tangent of the angle.
    pub shear: f64,
    /// Largest shift either way along each axis, as a share of the image's side.
    pub shift: f64,
    /// Strokes are made thicker or thinner by up to so many pixels of the source (Omniglot's: 105 x 105) in all.
    pub thickness: f64,
    /// Probability that a rectangle of 2 to 15 % of the area is wiped to paper.
    pub erase: f64,
    /// Largest displacement along each axis by a smooth random field, in pixels of the source.
    pub elastic: f64,
}

/// What was drawn for one glyph.
#[derive(Clone, Debug)]
struct Drawing {
    /// Radians, clockwise on the screen.
    angle: f64,
    /// Factors along x and y.
    scale: [f64; 2],
    /// x moves by so much for each unit of y.
    shear: f64,
    /// Along x and y, as shares of the sides.
    shift: [f64; 2],
    /// Pixels that a stroke becomes thicker by, in all.
    thickness: f64,
    erased: Option<Rectangle>,
    field: Option<Field>,
}

/// A rectangle somewhere in an image of any size.
#[derive(Clone, Copy, Debug)]
struct Rectangle {
    /// Its share of the area.
    area: f64,
    /// Height over width, in shares of the sides.
    aspect: f64,
    /// Where it stands, from 0 (top, left) to 1 (bottom, right).
    place: [f64; 2],
}

impl Augment {
    /// Whether a glyph is left as it is.
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }

    /// Whether every value can work.
    ///
    /// # Errors
    /// When one is not a number in its range; the message names it, as `augment.rotate`.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("rotate", self.rotate, 180.0, " degrees"),
            ("scale", self.scale, 1.0, ""),
            ("shear", self.shear, 1.0, ""),
            ("shift", self.shift, 0.5, ""),
            // More would leave nothing of a thin stroke.
            ("thickness", self.thickness, 2.0, " pixels"),
            ("erase", self.erase, 1.0, ""),
            // More would fold the image over.
            ("elastic", self.elastic, 8.0, " pixels"),
        ];
        for (key, value, most, unit) in ranges {
            if !(0.0..=most).contains(&value) {
                let message = format!("expected 0 to {most}{unit}, found {value}");
                return Err(Error::input(format!("augment.{key}"), message));
            }
        }
        Ok(())
    }

    /// Writes one drawing of the glyph: turned, augmented, scaled, in one resampling.
    ///
    /// `from` is the (height, width) that the glyph must have, `to` that of `out`, which is filled with the ink of each pixel, from 0
    /// (paper) to 1 (ink). The turned glyph fills `out` whatever the proportions: a quarter-turn of an image that is
    /// not square is stretched to the frame. One state of `rng` gives one drawing, and as many numbers are taken from
    /// it whatever the strengths, but for the field of `elastic`, which is drawn last.
    ///
    /// # Panics
    /// When `out` is not of its size, or a side is 0.
    pub fn write(
        &self,
        pixels: &Pixels,
        from: (usize, usize),
        orientation: Orientation,
        rng: &mut ChaCha8Rng,
        out: &mut [f32],
        to: (usize, usize),
    ) {
        assert!(from.0 * from.1 * to.0 * to.1 > 0, "an image without pixels cannot be drawn");
        assert_eq!(out.len(), to.0 * to.1, "the drawing's length");
        let drawing = self.draw(rng);
        if self.is_none() && orientation == Orientation::default() && from == to {
            return pixels.write_ink(out);
        }
        CANVAS.with_borrow_mut(|canvas| drawing.write(canvas, pixels, from, orientation, out, to));
    }

    /// Always in the same order, so that a key changes nothing of what the others draw.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Drawing {
        let mut unit = || f64::from(rng.next_u32()) / 4_294_967_296.0;
        let [angle, wider, higher, shear, right, down, thickness] = [(); 7].map(|()| 2.0 * unit() - 1.0);
        let [erase, area, aspect, top, left] = [(); 5].map(|()| unit());
        let rectangle = Rectangle {
            area: ERASED.0 + (ERASED.1 - ERASED.0) * area,
            aspect: LONGEST.powf(2.0 * aspect - 1.0),
            place: [top, left],
        };
        let field = (self.elastic > 0.0).then(|| Field::draw(|| self.elastic * (2.0 * unit() - 1.0)));
        Drawing {
            angle: (self.rotate * angle).to_radians(),
            scale: [wider, higher].map(|power| (1.0 + self.scale).powf(power)),
            shear: self.shear * shear,
            shift: [right, down].map(|way| self.shift * way),
            thickness: self.thickness * thickness,
            erased: (erase < self.erase).then_some(rectangle),
            field,
        }
    }
}

impl Drawing {
    fn write(
        &self,
        canvas: &mut Canvas,
        pixels: &Pixels,
        from: (usize, usize),
        orientation: Orientation,
        out: &mut [f32],
        to: (usize, usize),
    ) {
        let map = self.map(from, orientation, to);
        canvas.load(pixels, from, map.span);
        if self.thickness != 0.0 {
            canvas.thicken(self.thickness as f32);
        }
        canvas.sample(&map, self.field.as_ref(), out);
        if let Some(rectangle) = &self.erased {
            rectangle.wipe(out, to);
        }
    }

    /// From pixels of the drawing to pixels of the glyph.
    fn map(&self, from: (usize, usize), orientation: Orientation, to: (usize, usize)) -> Map {
        let (sides, frame) = ([from.1 as f64, from.0 as f64], [to.1 as f64, to.0 as f64]);
        // Whole quarters and one division: exactly 1 or -1 where the sizes are equal.
        let turn = orientation.source();
        let turn = [0, 1].map(|i| [0, 1].map(|j| f64::from(turn[i][j]) * sides[i] / frame[j]));
        let (sin, cos) = self.angle.sin_cos();
        let undo = |[x, y]: [f64; 2]| {
            let (x, y) = (cos * x + sin * y, cos * y - sin * x);
            [(x - self.shear * y) / self.scale[0], y / self.scale[1]]
        };
        let [across, down] = [0, 1].map(|j| undo([turn[0][j], turn[1][j]]));
        let shift = undo([self.shift[0] * sides[0], self.shift[1] * sides[1]]);
        // The first pixel's centre, seen from the frame's.
        let first = frame.map(|side| (1.0 - side) / 2.0);
        let start =
            [0, 1].map(|i| (sides[i] - 1.0) / 2.0 - shift[i] + across[i] * first[0] + down[i] * first[1]);
        // How many pixels of the glyph an output pixel spans, along the glyph's axes.
        let span = [0, 1].map(|i| {
            let step = turn[i][0].abs() + turn[i][1].abs();
            (step.round() as usize).max(1)
        });
        Map { start, across, down, span, to }
    }
}

impl Rectangle {
    /// Makes it paper.
    fn wipe(&self, out: &mut [f32], (height, width): (usize, usize)) {
        let length = |side: usize, share: f64| ((side as f64 * share).round() as usize).clamp(1, side);
        let rows = length(height, (self.area * self.aspect).sqrt());
        let columns = length(width, (self.area / self.aspect).sqrt());
        let top = (self.place[0] * (height - rows + 1) as f64) as usize;
        let left = (self.place[1] * (width - columns + 1) as f64) as usize;
        for row in out.chunks_exact_mut(width).skip(top).take(rows) {
            row[left..left + columns].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests;
