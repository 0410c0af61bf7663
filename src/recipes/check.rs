//! What a recipe must be before it is used.

use super::Recipe;
use crate::data::batches::Shares;
use crate::data::sampler::Label;
use crate::{Error, Result};
use twinglyph_engine::nn::{Form, Layer, Loss, Pair};

impl Recipe {
    /// Whether every value can work, before any data is read.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str| Err(Error::input(key, format!("expected {expected}")));
        let sizes = [
            ("batch", self.batch, 1, 65_536),
            ("steps", self.steps, 1, 100_000_000),
            ("epochs", self.epochs, 1, 1_000_000),
            ("channels", self.channels, 1, 64),
            ("size", self.size, 8, 1024),
            ("warmup", self.warmup, 0, 100_000_000),
            ("views", self.views, 1, 64),
            ("patience", self.patience, 0, 1_000_000),
            ("sample.alphabets", self.sample.alphabets, 1, 4096),
            ("sample.characters", self.sample.characters, 1, 4096),
            ("sample.drawings", self.sample.drawings, 1, 4096),
            ("validation_pairs", self.validation_pairs, 2, 10_000_000),
            ("synthetic.alphabets", self.synthetic.alphabets, 4, 1000),
            ("synthetic.characters", self.synthetic.characters, 1, 1000),
            ("synthetic.drawers", self.synthetic.drawers, 1, 1000),
        ];
        for (key, value, least, most) in sizes {
            if value < least || value > most {
                return refuse(key, &format!("{least} to {most}, found {value}"));
            }
        }
        let glyphs = self.synthetic.alphabets * self.synthetic.characters * self.synthetic.drawers;
        if glyphs > 1_000_000 {
            return refuse("synthetic", &format!("at most 1000000 glyphs in all, found {glyphs}"));
        }
        if self.encoder.len() > 1000 {
            return refuse("encoder", &format!("at most 1000 layers, found {}", self.encoder.len()));
        }
        if self.synthetic.characters * self.synthetic.drawers < 2 {
            return refuse("synthetic", "at least two glyphs an alphabet");
        }
        let above_0 = [
            ("margin", self.margin),
            ("temperature", self.temperature),
            ("learning_rate", self.learning_rate),
        ];
        for (key, value) in above_0 {
            if !(value.is_finite() && value > 0.0) {
                return refuse(key, &format!("a number above 0, found {value}"));
            }
        }
        let from_0 = [
            ("character_weight", self.character_weight),
            ("weight_decay", self.weight_decay),
            ("clip_norm", self.clip_norm),
        ];
        for (key, value) in from_0 {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(key, &format!("a number of at least 0, found {value}"));
            }
        }
        if !(0.0..1.0).contains(&self.ema) {
            return refuse("ema", &format!("at least 0 and below 1, found {}", self.ema));
        }
        if ![1, 4, 8].contains(&self.orientations) {
            return refuse("orientations", &format!("1, 4 or 8, found {}", self.orientations));
        }
        self.augment.check()?;
        self.check_objective()?;
        if self.seed > i64::MAX as u64 || self.synthetic.seed > i64::MAX as u64 {
            return refuse("seed", "at most 9223372036854775807, TOML's largest number");
        }
        self.check_encoder()
    }

    /// Whether loss, labels and batches go together.
    fn check_objective(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str| Err(Error::input(key, format!("expected {expected}")));
        let form = self.architecture().objective.form();
        let Shares { alphabets, characters, drawings } = self.sample;
        if self.head && self.loss != Loss::Contrastive {
            return refuse("head", "false with this loss: only the contrastive loss has a use for a head");
        }
        if self.mining.is_some() && self.loss != Loss::Triplet {
            return refuse("mining", "none with this loss: it chooses triplets for the triplet loss");
        }
        if form != Form::Labels {
            if self.character_weight > 0.0 {
                return refuse(
                    "character_weight",
                    "0 with this loss, which does not learn from batches of labels",
                );
            }
            if self.orientations != 1 {
                return refuse("orientations", "1 with this loss: only batches of labels turn alphabets");
            }
            return Ok(());
        }
        if self.sample.glyphs() > 65_536 {
            return refuse(
                "sample",
                &format!("at most 65536 glyphs a batch, found {}", self.sample.glyphs()),
            );
        }
        match self.label {
            Label::Alphabet if alphabets < 2 => {
                refuse("sample.alphabets", "at least 2: a negative is of another one")
            }
            Label::Alphabet if characters * drawings < 2 => {
                refuse("sample", "at least two glyphs of each alphabet to make a positive pair")
            }
            Label::Alphabet if self.character_weight > 0.0 && drawings < 2 => {
                refuse("sample.drawings", "at least 2 with a character_weight: two drawings of one character")
            }
            Label::Character if drawings < 2 => refuse(
                "sample.drawings",
                "at least 2 with label = \"character\": two drawings make a positive pair",
            ),
            Label::Character if alphabets * characters < 2 => {
                refuse("sample", "at least two characters a batch: a negative is of another one")
            }
            Label::Character if self.character_weight > 0.0 => {
                refuse("character_weight", "0 with label = \"character\", which is that loss already")
            }
            _ => Ok(()),
        }
    }

    fn check_encoder(&self) -> Result<()> {
        const LARGEST: usize = 65_536;
        let small = |pair: Pair| pair.0 <= LARGEST && pair.1 <= LARGEST;
        for (i, layer) in self.encoder.iter().enumerate() {
            let fits = match *layer {
                Layer::Conv2d { filters, kernel, stride, padding, dilation, groups } => {
                    let all = [kernel, stride, padding, dilation, Pair(groups, groups)];
                    filters <= LARGEST && all.into_iter().all(small) && padding.0.max(padding.1) <= 1024
                }
                Layer::ConvTranspose2d {
                    filters,
                    kernel,
                    stride,
                    padding,
                    output_padding,
                    dilation,
                    groups,
                } => {
                    let all = [kernel, stride, padding, output_padding, dilation, Pair(groups, groups)];
                    filters <= LARGEST && all.into_iter().all(small) && padding.0.max(padding.1) <= 1024
                }
                Layer::MaxPool2d { window, stride } | Layer::AvgPool2d { window, stride } => {
                    small(window) && small(stride.unwrap_or(window))
                }
                Layer::Dense { units } => units <= LARGEST,
                Layer::BatchNorm { eps, momentum } => {
                    if !(eps.is_finite() && eps > 0.0) {
                        return Err(Error::input(
                            format!("encoder[{i}].eps"),
                            format!("expected a number above 0, found {eps}"),
                        ));
                    }
                    if !(0.0..1.0).contains(&momentum) {
                        let message = format!("expected at least 0 and below 1, found {momentum}");
                        return Err(Error::input(format!("encoder[{i}].momentum"), message));
                    }
                    true
                }
                Layer::Dropout { rate } => {
                    if !(0.0..1.0).contains(&rate) {
                        let message = format!("expected at least 0 and below 1, found {rate}");
                        return Err(Error::input(format!("encoder[{i}].rate"), message));
                    }
                    true
                }
                _ => true,
            };
            if !fits {
                return Err(Error::input(
                    format!("encoder[{i}]"),
                    format!("has a size beyond {LARGEST} (padding: 1024), expected a smaller one"),
                ));
            }
        }
        let shapes = self.architecture().shapes()?;
        if let Some((i, shape)) = shapes.iter().enumerate().find(|(_, shape)| shape.len() > 1 << 27) {
            let message = format!("makes {shape} of an image, expected at most {} numbers", 1 << 27);
            return Err(Error::input(format!("encoder[{i}]"), message));
        }
        self.check_batch_norms(shapes.iter().map(|shape| shape.len() / shape.dims()[1]))?;
        let parameters = self.architecture().parameters()?;
        let count = parameters.iter().flatten().fold(0, |sum: usize, p| sum.saturating_add(p.shape.len()));
        if count > 1 << 28 {
            return Err(Error::input(
                "encoder",
                format!("has {count} parameters, expected at most {}", 1 << 28),
            ));
        }
        Ok(())
    }

    /// Whether every batch-norm has more than one number for each feature to normalise by; `numbers` are those of an image
    /// after each layer. The images of each side of pairs or triplets are encoded by themselves; a batch of labels is never one.
    fn check_batch_norms(&self, numbers: impl Iterator<Item = usize>) -> Result<()> {
        let architecture = self.architecture();
        if architecture.objective.form() == Form::Labels {
            return Ok(());
        }
        let encoder = self.encoder.iter().zip(numbers).enumerate();
        let encoder = encoder.map(|(i, (layer, numbers))| (format!("encoder[{i}]"), layer, numbers));
        let head = architecture.head_layers();
        let head = head.iter().enumerate().map(|(i, layer)| (format!("head.{i}"), layer, 1));
        for (place, layer, numbers) in encoder.chain(head) {
            if matches!(layer, Layer::BatchNorm { .. }) && self.batch * numbers < 2 {
                let message = "is a batch-norm over a single number for each feature, through which nothing is \
                               learned, expected a batch of at least 2";
                return Err(Error::input(place, message));
            }
        }
        Ok(())
    }
}
