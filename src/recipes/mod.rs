//! Recipes: complete training configurations in TOML, built in or a user's own.

use crate::nn::{Architecture, Layer, Loss, Pair};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The built-in recipes: name and text.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("quickstart", include_str!("quickstart.toml")),
    ("report-contrastive", include_str!("report-contrastive.toml")),
    ("report-triplet", include_str!("report-triplet.toml")),
    ("figure5-contrastive", include_str!("figure5-contrastive.toml")),
    ("figure5-triplet", include_str!("figure5-triplet.toml")),
];

/// The recipe that is trained when none is named.
pub const DEFAULT: &str = "quickstart";

/// A training configuration. Every key may be left out; the defaults are those of [`Recipe::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What is minimised: `contrastive` (pairs) or `triplet`.
    pub loss: Loss,
    /// The loss's margin, in units of the distance (contrastive) or of the squared distance (triplet).
    pub margin: f64,
    /// Batch-norm, dense and sigmoid on the distance; for `contrastive` only.
    pub head: bool,
    /// Equal channels that the grey image is given in.
    pub channels: usize,
    /// Pairs or triplets a step.
    pub batch: usize,
    /// Steps an epoch.
    pub steps: usize,
    /// Epochs.
    pub epochs: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Seed of the first weights, of the batches and of the choice of held-out alphabets.
    pub seed: u64,
    /// Pairs of held-out alphabets on which every epoch is validated and the threshold is chosen.
    pub validation_pairs: usize,
    /// Keep the weights of the epoch with the highest ROC AUC on the held-out alphabets, not those of the last.
    pub keep_best: bool,
    /// Alphabets held out from training, by name; chosen by the seed where there are none.
    pub hold_out: Vec<String>,
    /// Folders and archives to learn from; synthetic alphabets where there are none.
    pub data: Vec<PathBuf>,
    /// The synthetic alphabets.
    pub synthetic: Synthetic,
    /// The encoder's layers, first to last.
    pub encoder: Vec<Layer>,
}

/// How many synthetic alphabets are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {
    /// Alphabets.
    pub alphabets: usize,
    /// Characters of each.
    pub characters: usize,
    /// Drawers of each character.
    pub drawers: usize,
    /// Seed of their styles and hands.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Recipe {
        let conv =
            |filters| Layer::Conv2d { filters, kernel: Pair(3, 3), stride: Pair(1, 1), padding: Pair(0, 0) };
        let pool = || Layer::MaxPool2d { window: Pair(2, 2), stride: None };
        Recipe {
            loss: Loss::Contrastive,
            margin: 1.0,
            head: false,
            channels: 1,
            batch: 32,
            steps: 200,
            epochs: 20,
            learning_rate: 1e-3,
            seed: 1,
            validation_pairs: 2000,
            keep_best: true,
            hold_out: Vec::new(),
            data: Vec::new(),
            synthetic: Synthetic::default(),
            encoder: vec![
                conv(16),
                Layer::Relu {},
                pool(),
                conv(32),
                Layer::Relu {},
                pool(),
                Layer::Flatten {},
                Layer::BatchNorm { eps: 1e-3, momentum: 0.99 },
                Layer::Dense { units: 10 },
            ],
        }
    }
}

impl Default for Synthetic {
    fn default() -> Synthetic {
        Synthetic { alphabets: 24, characters: 24, drawers: 10, seed: 1 }
    }
}

/// The text of a built-in recipe.
///
/// # Errors
/// When there is none of that name; the message lists those there are.
pub fn built_in(name: &str) -> Result<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or_else(|| {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        Error::usage(format!(
            "--recipe {name}: no such recipe, expected one of {} or a FILE.toml",
            names.join(", ")
        ))
    })
}

impl Recipe {
    /// A recipe's text, with settings laid over it; `name` is what errors call it.
    ///
    /// # Errors
    /// When a key is unknown, or a value has the wrong type or cannot work.
    pub fn parse(name: &str, text: &str, settings: &[String]) -> Result<Recipe> {
        let place = |error: &toml::de::Error| match error.span() {
            Some(span) => {
                let before = &text.as_bytes()[..span.start.min(text.len())];
                format!("{name}, line {}", 1 + before.iter().filter(|&&byte| byte == b'\n').count())
            }
            None => name.to_string(),
        };
        let mut recipe: Recipe =
            toml::from_str(text).map_err(|error| Error::input(place(&error), one_line(error.message())))?;
        if !settings.is_empty() {
            let mut table: toml::Table = toml::from_str(text)
                .map_err(|error| Error::input(place(&error), one_line(error.message())))?;
            for setting in settings {
                set(&mut table, setting)?;
                recipe = table.clone().try_into().map_err(|error: toml::de::Error| {
                    Error::usage(format!("--set {setting}: {}", one_line(error.message())))
                })?;
            }
        }
        recipe.check().map_err(|error| Error::input(name, error.to_string()))?;
        Ok(recipe)
    }

    /// The recipe as TOML, every value spelled out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is TOML")
    }

    /// The same without what says where its data stood: what a model file may hold.
    pub fn without_paths(&self) -> Recipe {
        Recipe { data: Vec::new(), ..self.clone() }
    }

    /// The model that the recipe trains, for images of (height, width).
    pub fn architecture(&self, (height, width): (usize, usize)) -> Architecture {
        Architecture {
            input: [self.channels, height, width],
            encoder: self.encoder.clone(),
            head: self.head,
            loss: self.loss,
            margin: self.margin,
        }
    }

    /// Whether every value can work, before any data is read.
    fn check(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str| Err(Error::input(key, format!("expected {expected}")));
        let sizes = [
            ("batch", self.batch, 1, 65_536),
            ("steps", self.steps, 1, 100_000_000),
            ("epochs", self.epochs, 1, 1_000_000),
            ("channels", self.channels, 1, 64),
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
        if self.synthetic.characters * self.synthetic.drawers < 2 {
            return refuse("synthetic", "at least two glyphs an alphabet");
        }
        if !(self.margin.is_finite() && self.margin > 0.0) {
            return refuse("margin", &format!("a number above 0, found {}", self.margin));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning_rate", &format!("a number above 0, found {}", self.learning_rate));
        }
        if self.head && self.loss == Loss::Triplet {
            return refuse("head", "false with the triplet loss, which has no use for a head");
        }
        if self.seed > i64::MAX as u64 || self.synthetic.seed > i64::MAX as u64 {
            return refuse("seed", "at most 9223372036854775807, TOML's largest number");
        }
        self.check_encoder()
    }

    fn check_encoder(&self) -> Result<()> {
        const LARGEST: usize = 65_536;
        let small = |pair: Pair| pair.0 <= LARGEST && pair.1 <= LARGEST;
        for (i, layer) in self.encoder.iter().enumerate() {
            let fits = match *layer {
                Layer::Conv2d { filters, kernel, stride, padding } => {
                    filters <= LARGEST
                        && small(kernel)
                        && small(stride)
                        && padding.0 <= 1024
                        && padding.1 <= 1024
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
                _ => true,
            };
            if !fits {
                return Err(Error::input(
                    format!("encoder[{i}]"),
                    format!("a size beyond {LARGEST} (padding: 1024)"),
                ));
            }
        }
        let parameters = self.architecture((105, 105)).parameters()?;
        let count: usize = parameters.iter().flatten().map(|p| p.shape.len()).sum();
        if count > 1 << 28 {
            return Err(Error::input("encoder", format!("{count} parameters, expected at most {}", 1 << 28)));
        }
        Ok(())
    }
}

/// Lays one `KEY=VALUE` over a table; KEY may be dotted, VALUE is TOML, or a bare word for a string.
fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let Some((key, value)) = setting.split_once('=') else {
        return Err(Error::usage(format!(
            "--set {setting}: expected KEY=VALUE, for example --set learning_rate=3e-4"
        )));
    };
    let value: toml::Value = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_string()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let last = path.pop().unwrap_or_default();
    let mut at = table;
    for part in path {
        at = at
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| Error::usage(format!("--set {setting}: {part} is not a table")))?;
    }
    at.insert(last.to_string(), value);
    Ok(())
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
