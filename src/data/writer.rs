//! Glyphs written as a model's images: scaled to its size, as they are or augmented, in equal channels.

use super::Pixels;
use super::augment::Augment;
use super::orientation::Orientation;
use super::scale::AreaScale;
use twinglyph_engine::random::ChaCha8Rng;

/// Writes glyphs of one size as images (C, H, W); ink is 1, paper 0.
#[derive(Clone, Debug)]
pub struct Writer {
    from: (usize, usize),
    to: (usize, usize),
    scale: AreaScale,
}

impl Writer {
    /// From glyphs of (height, width) to images (C, H, W).
    pub fn new(from: (usize, usize), [_, height, width]: [usize; 3]) -> Writer {
        let to = (height, width);
        Writer { from, to, scale: AreaScale::new(from, to) }
    }

    /// The glyph as it is.
    pub fn plain(&self, pixels: &Pixels, image: &mut [f32]) {
        self.channels(image, |ink| self.scale.write_glyph(pixels, ink));
    }

    /// The glyph turned, and changed as chance has it.
    pub fn augmented(
        &self,
        pixels: &Pixels,
        augment: &Augment,
        orientation: Orientation,
        rng: &mut ChaCha8Rng,
        image: &mut [f32],
    ) {
        self.channels(image, |ink| augment.write(pixels, self.from, orientation, rng, ink, self.to));
    }

    /// The first channel by `write`, the others equal to it.
    fn channels(&self, image: &mut [f32], write: impl FnOnce(&mut [f32])) {
        let (first, others) = image.split_at_mut(self.to.0 * self.to.1);
        write(first);
        for channel in others.chunks_mut(first.len()) {
            channel.copy_from_slice(first);
        }
    }
}
