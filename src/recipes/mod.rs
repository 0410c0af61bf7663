//! Recipes: complete training configurations in TOML, built in or a user's own.

mod check;
mod lines;

use crate::data::augment::Augment;
use crate::data::batches::Shares;
use crate::data::sampler::Label;
pub use crate::train::settings::Schedule;
use crate::train::settings::Settings;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use twinglyph_engine::meant::meant;
use twinglyph_engine::nn::{Architecture, Form, Layer, Loss, Mining, Objective, Pair};

/// The built-in recipes: name and text.
pub const BUILT_IN: [(&str, &str); 8] = [
    ("quickstart", include_str!("quickstart.toml")),
    ("quick", include_str!("quick.toml")),
    ("best", include_str!("best.toml")),
    ("characters", include_str!("characters.toml")),
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
    /// What is minimised: `contrastive` (of pairs), `triplet` (of triplets; of batches of labels where `mining` says how
    /// they are chosen), or of batches of labels `supervised_contrastive` or `multi_similarity`.
    pub loss: Loss,
    /// What two glyphs must share to be a positive pair: `alphabet` or `character`.
    pub label: Label,
    /// The loss's margin, in units of the distance (contrastive) or of the squared distance (triplet).
    pub margin: f64,
    /// Which triplets of a batch of labels are learned from: `random`, `semi_hard` or `batch_hard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mining: Option<Mining>,
    /// What distances are divided by in `supervised_contrastive`.
    pub temperature: f64,
    /// With `label = "alphabet"`: the weight of the same loss with characters as labels, which is added.
    pub character_weight: f64,
    /// Batch-norm, dense and sigmoid on the distance; for `contrastive` only.
    pub head: bool,
    /// Equal channels that the grey image is given in.
    pub channels: usize,
    /// Side in pixels that the images are scaled to, each pixel the mean of the area that it covers.
    pub size: usize,
    /// Pairs or triplets a step; batches of labels have `sample` instead.
    pub batch: usize,
    /// Steps an epoch.
    pub steps: usize,
    /// Epochs.
    pub epochs: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Steps in which the step size rises from 0.
    pub warmup: usize,
    /// How the step size goes on: `constant`, or `cosine` to 0 at the last step.
    pub schedule: Schedule,
    /// AdamW's decoupled weight decay of convolutions' and dense layers' weights, in units of the step size.
    pub weight_decay: f64,
    /// The largest norm of the gradient of all parameters; a longer one is shortened to it. 0: never.
    pub clip_norm: f64,
    /// Decay of the exponential average of the weights, which then is what is measured and kept. 0: no average.
    pub ema: f64,
    /// Of each alphabet count as one of their own: 1 itself only, 4 also turned by quarter-turns, 8 also mirrored.
    pub orientations: usize,
    /// Views of a glyph whose embeddings are averaged wherever the model is used; the first is the glyph itself, by which
    /// alone epochs are compared.
    pub views: usize,
    /// Seed of the first weights, of the batches and of the choice of held-out alphabets.
    pub seed: u64,
    /// Pairs of held-out alphabets on which every epoch is validated and the threshold is chosen.
    pub validation_pairs: usize,
    /// Keep the weights of the epoch with the highest ROC AUC on the held-out alphabets, not those of the last.
    pub keep_best: bool,
    /// Stop after so many epochs without a higher ROC AUC on the held-out alphabets. 0: never.
    pub patience: usize,
    /// Alphabets held out from training, by name; chosen by the seed where there are none.
    pub hold_out: Vec<String>,
    /// Folders and archives to learn from; synthetic alphabets where there are none.
    pub data: Vec<PathBuf>,
    /// What a batch of labels is made of.
    pub sample: Shares,
    /// How each drawing is changed before it is learned from.
    pub augment: Augment,
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
        let conv = |filters| Layer::conv2d(filters, 3, 0);
        let pool = || Layer::MaxPool2d { window: Pair(2, 2), stride: None };
        let settings = Settings::default();
        Recipe {
            loss: Loss::Contrastive,
            label: settings.label,
            margin: 1.0,
            mining: None,
            temperature: 0.1,
            character_weight: 0.0,
            head: false,
            channels: 1,
            size: 105,
            batch: settings.batch,
            steps: settings.steps,
            epochs: settings.epochs,
            learning_rate: settings.learning_rate,
            warmup: settings.warmup,
            schedule: settings.schedule,
            weight_decay: settings.weight_decay,
            clip_norm: settings.clip_norm,
            ema: settings.ema,
            orientations: settings.orientations,
            views: 1,
            seed: settings.seed,
            validation_pairs: settings.validation_pairs,
            keep_best: settings.keep_best,
            patience: settings.patience,
            hold_out: Vec::new(),
            data: Vec::new(),
            sample: settings.sample,
            augment: settings.augment,
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
        let meant = meant(name, names.iter().copied());
        let meant = meant.map_or(String::new(), |meant| format!(" (did you mean {meant}?)"));
        let message = format!("no such recipe{meant}, expected one of {} or a FILE.toml", names.join(", "));
        Error::argument("recipe", name, message)
    })
}

impl Recipe {
    /// What a batch is made of: how many, and of what.
    pub fn batch_of(&self) -> (usize, &'static str) {
        match self.architecture().objective.form() {
            Form::Pairs => (self.batch, "pairs"),
            Form::Triplets => (self.batch, "triplets"),
            Form::Labels => (self.sample.glyphs(), "glyphs"),
        }
    }

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
                    Error::argument("set", setting, one_line(error.message()))
                })?;
            }
        }
        recipe.check().map_err(|error| {
            // With settings laid over it, the text is not what is wrong.
            let line = match &error {
                Error::Input { what, .. } if settings.is_empty() => lines::line_of(text, what),
                _ => None,
            };
            let place = line.map_or(name.to_string(), |line| format!("{name}, line {line}"));
            Error::input(place, error.to_string())
        })?;
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

    /// How it is trained.
    pub fn settings(&self) -> Settings {
        Settings {
            label: self.label,
            batch: self.batch,
            sample: self.sample,
            steps: self.steps,
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            warmup: self.warmup,
            schedule: self.schedule,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            ema: self.ema,
            orientations: self.orientations,
            augment: self.augment,
            seed: self.seed,
            validation_pairs: self.validation_pairs,
            keep_best: self.keep_best,
            patience: self.patience,
        }
    }

    /// The model that the recipe trains.
    pub fn architecture(&self) -> Architecture {
        Architecture {
            input: [self.channels, self.size, self.size],
            encoder: self.encoder.clone(),
            head: self.head,
            views: self.views,
            objective: Objective {
                loss: self.loss.clone(),
                margin: self.margin,
                mining: self.mining,
                temperature: self.temperature,
                character_weight: self.character_weight,
            },
        }
    }
}

/// Lays one `KEY=VALUE` over a table; KEY may be dotted, VALUE is TOML, or a bare word for a string.
fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let Some((key, value)) = setting.split_once('=') else {
        return Err(Error::argument("set", setting, "expected KEY=VALUE, for example learning_rate=3e-4"));
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
            .ok_or_else(|| Error::argument("set", setting, format!("{part} is not a table")))?;
    }
    at.insert(last.to_string(), value);
    Ok(())
}

/// What the parser expects, in Rust's words and in a recipe's.
const KINDS: [(&str, &str); 8] = [
    ("f64", "a number"),
    ("usize", "a whole number, 0 or more"),
    ("u64", "a whole number, 0 or more"),
    ("a boolean", "true or false"),
    ("a string", "text in quotes"),
    ("a sequence", "a list in brackets"),
    ("path string", "a path in quotes"),
    ("internally tagged enum Layer", "a table with the key `layer`"),
];

/// The parser's message in one line and in a recipe's words; where it lists what it knows, with the name that was most
/// likely meant.
fn one_line(message: &str) -> String {
    let plain = |kind: &str| match KINDS.iter().find(|(rust, _)| *rust == kind) {
        Some((_, plain)) => plain.to_string(),
        None if kind.starts_with("struct ") => "a table".into(),
        None => kind.into(),
    };
    let mut line = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    if let Some((before, kind)) = line.rsplit_once("expected ") {
        line = format!("{before}expected {}", plain(kind));
    }
    // unknown field `margn`, expected one of `loss`, `label`, ...
    let mut quoted = line.split('`').skip(1).step_by(2);
    let found = quoted.next().filter(|_| line.starts_with("unknown "));
    match found.and_then(|name| meant(name, quoted)) {
        Some(meant) => {
            let end = line.find(", expected").unwrap_or(line.len());
            format!("{} (did you mean `{meant}`?){}", &line[..end], &line[end..])
        }
        None => line,
    }
}
