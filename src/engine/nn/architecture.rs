//! What a Siamese model is, apart from its numbers: the encoder's list of layers, the head, the loss. All
//! functions take the tape and the parameters, so that the gradient check can differentiate them in f64.

use super::fuse;
use super::layer::Layer;
use super::mode::Mode;
use super::objective::{BatchLoss, Objective, PairLoss};
use super::parameter::Parameter;
use crate::ops::EuclideanDistance;
use crate::tape::{Tape, Var};
use crate::tensor::{Element, Shape};
use crate::{Error, Result};
use twinglyph_kernels::Geometry;
use twinglyph_kernels::route::{Pass, Place, Way, way};

/// Layers' seeds of one tower and of the next are so far apart.
const TOWER: usize = 1 << 12;

/// A Siamese model without its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// (C, H, W) of an image.
    pub input: [usize; 3],
    /// The encoder's layers, first to last.
    pub encoder: Vec<Layer>,
    /// Batch-norm, dense and sigmoid on the distance, whose output then stands in the distance's place.
    pub head: bool,
    /// Views of a glyph whose embeddings are averaged, where more than training is done with it.
    pub views: usize,
    /// What is minimised.
    pub objective: Objective,
}

/// A convolution of an encoder, as the kernels see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Which layer it is.
    pub layer: usize,
    /// Its sizes; of a `conv_transpose2d`, those of the convolution that it is the transpose of.
    pub geometry: Geometry,
    /// Where it stands, once layers are fused.
    pub place: Place,
    /// The layer's name, `conv2d` or `conv_transpose2d`.
    pub name: &'static str,
}

impl Convolution {
    /// The ways of y, dw and dx.
    pub fn ways(&self) -> [Way; 3] {
        let mut passes = [Pass::Forward, Pass::WeightGradient, Pass::InputGradient];
        if self.name == "conv_transpose2d" {
            passes.reverse();
        }
        passes.map(|pass| way(pass, &self.geometry, self.place))
    }
}

impl Architecture {
    /// An encoder of images (C, H, W) alone, compared by Euclidean distance and trained as contrastive pairs unless told
    /// otherwise.
    pub fn encoder(input: [usize; 3], encoder: Vec<Layer>) -> Architecture {
        Architecture { input, encoder, head: false, views: 1, objective: Objective::default() }
    }

    /// The shape after each layer of the encoder, for one image.
    ///
    /// # Errors
    /// When a layer cannot work on what comes before it, or the encoder does not end in features (N, F); the
    /// message names the layer.
    pub fn shapes(&self) -> Result<Vec<Shape>> {
        let [c, h, w] = self.input;
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.encoder.len());
        let mut shape = Shape::from([1, c, h, w]);
        for (i, layer) in self.encoder.iter().enumerate() {
            shape = layer
                .output_shape(&shape)
                .map_err(|error| Error::input(format!("encoder[{i}] {}", layer.name()), error.to_string()))?;
            shapes.push(shape.clone());
        }
        if shape.dims().len() != 2 {
            return Err(Error::input(
                "encoder",
                format!("ends in {shape}, expected features (N, F): add a flatten or a dense layer"),
            ));
        }
        Ok(shapes)
    }

    /// Features of an embedding.
    ///
    /// # Errors
    /// As [`Architecture::shapes`].
    pub fn embedding_len(&self) -> Result<usize> {
        Ok(self.shapes()?.last().map_or(0, |shape| shape.dims()[1]))
    }

    /// Whether embeddings have length 1.
    pub fn normalises(&self) -> bool {
        matches!(self.encoder.last(), Some(Layer::L2Normalise {}))
    }

    /// The parameters of each layer: the encoder's, then, with a head, those of its batch-norm and its dense
    /// layer. Names are `encoder.INDEX.NAME` and `head.INDEX.NAME`.
    ///
    /// # Errors
    /// As [`Architecture::shapes`].
    pub fn parameters(&self) -> Result<Vec<Vec<Parameter>>> {
        let [c, h, w] = self.input;
        let shapes = self.shapes()?;
        let before = std::iter::once(Shape::from([1, c, h, w])).chain(shapes);
        let mut all = Vec::new();
        let mut push = |part: &str, i: usize, layer: &Layer, input: &Shape| -> Result<()> {
            let mut parameters = layer.parameters(input)?;
            for parameter in &mut parameters {
                parameter.name = format!("{part}.{i}.{}", parameter.name);
            }
            all.push(parameters);
            Ok(())
        };
        for (i, (layer, input)) in self.encoder.iter().zip(before).enumerate() {
            push("encoder", i, layer, &input)?;
        }
        for (i, layer) in self.head_layers().iter().enumerate() {
            push("head", i, layer, &[1, 1].into())?;
        }
        Ok(all)
    }

    /// The encoder's convolutions, for so many images.
    ///
    /// # Errors
    /// As [`Architecture::shapes`].
    pub fn convolutions(&self, images: usize) -> Result<Vec<Convolution>> {
        let [c, h, w] = self.input;
        let shapes = std::iter::once(Shape::from([1, c, h, w])).chain(self.shapes()?);
        let mut all = Vec::new();
        for (i, ((layer, place), shape)) in
            self.encoder.iter().zip(fuse::places(&self.encoder)).zip(shapes).enumerate()
        {
            let Some(place) = place else { continue };
            let weight = &layer.parameters(&shape)?[0].shape;
            let geometry = Geometry { images, ..layer.geometry(&shape, weight)? };
            all.push(Convolution { layer: i, geometry, place, name: layer.name() });
        }
        Ok(all)
    }

    /// Batch-norm, dense, sigmoid; none without a head.
    pub fn head_layers(&self) -> Vec<Layer> {
        if !self.head {
            return Vec::new();
        }
        vec![Layer::BatchNorm { eps: 1e-3, momentum: 0.99 }, Layer::Dense { units: 1 }, Layer::Sigmoid {}]
    }

    /// Embeddings (N, F) of images (N, C, H, W). `parameters` are those of [`Architecture::parameters`].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn encode<E: Element>(
        &self,
        tape: &mut Tape<E>,
        parameters: &[Vec<Var>],
        images: Var,
        mode: Mode,
    ) -> Result<Var> {
        let mut x = images;
        let mut i = 0;
        while i < self.encoder.len() {
            if let Some((y, layers)) = fuse::apply(&self.encoder[i..], tape, x, &parameters[i..], mode)? {
                x = y;
                i += layers;
            } else {
                x = self.encoder[i].apply(tape, x, &parameters[i], mode.part(i))?;
                i += 1;
            }
        }
        Ok(x)
    }

    /// The distance (N, 1) of embeddings, or the head's answer that stands in its place.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn distance<E: Element>(
        &self,
        tape: &mut Tape<E>,
        parameters: &[Vec<Var>],
        [left, right]: [Var; 2],
        mode: Mode,
    ) -> Result<Var> {
        let mut x = tape.apply(EuclideanDistance::default(), &[left, right])?;
        for (layer, parameters) in self.head_layers().iter().zip(&parameters[self.encoder.len()..]) {
            x = layer.apply(tape, x, parameters, mode)?;
        }
        Ok(x)
    }

    /// The contrastive loss of pairs of images with labels `same` (N, 1).
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn pair_loss<E: Element>(
        &self,
        tape: &mut Tape<E>,
        parameters: &[Vec<Var>],
        [left, right]: [Var; 2],
        same: Var,
        mode: Mode,
    ) -> Result<PairLoss> {
        let left = self.encode(tape, parameters, left, mode)?;
        let right = self.encode(tape, parameters, right, mode.part(TOWER))?;
        let embeddings = [left, right];
        let distance = self.distance(tape, parameters, embeddings, mode)?;
        let loss = self.objective.of_pairs(tape, distance, same)?;
        Ok(PairLoss { loss, distance, embeddings })
    }

    /// The triplet loss of anchors, positives and negatives; also their embeddings.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn triplet_loss<E: Element>(
        &self,
        tape: &mut Tape<E>,
        parameters: &[Vec<Var>],
        images: [Var; 3],
        mode: Mode,
    ) -> Result<(Var, [Var; 3])> {
        let mut embeddings = images;
        for (i, x) in embeddings.iter_mut().enumerate() {
            *x = self.encode(tape, parameters, *x, mode.part(i * TOWER))?;
        }
        let loss = self.objective.of_triplets(tape, embeddings)?;
        Ok((loss, embeddings))
    }

    /// The loss of a batch of images with labels, and finer labels where the objective gives them a weight.
    ///
    /// # Errors
    /// When the shapes do not fit, or the loss is one of pairs or triplets.
    pub fn labels_loss<E: Element>(
        &self,
        tape: &mut Tape<E>,
        parameters: &[Vec<Var>],
        images: Var,
        labels: [&[u32]; 2],
        mode: Mode,
    ) -> Result<BatchLoss> {
        let embeddings = self.encode(tape, parameters, images, mode)?;
        self.objective.of_labels(tape, embeddings, labels, mode.seed())
    }
}
