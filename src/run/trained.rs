//! A trained model and what it was trained on, from a run directory or a model file.

use super::directory::RunDirectory;
use super::model_file::{Metadata, ModelFile, NamedTensor};
use crate::data::{Dataset, Listener, omniglot, synthetic};
use crate::evaluate::calibration::{Rule, SetRule};
use crate::recipes::Recipe;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use twinglyph_engine::nn::{Model, Parameter};
use twinglyph_engine::tensor::Tensor;

/// A trained model with what turns its distances into answers.
pub struct TrainedRun {
    /// The model.
    pub model: Model<f32>,
    /// The threshold and the calibration, both of single glyphs.
    pub rule: Rule,
    /// The same of sets of glyphs, by their size.
    pub set_rules: Vec<SetRule>,
    /// Names of the alphabets that it was trained on.
    pub training_alphabets: Vec<String>,
    /// Names of those that were held out, and on which the threshold was chosen.
    pub held_out_alphabets: Vec<String>,
    /// The model's recipe; with the data's paths where it comes from a run directory.
    pub config: Recipe,
    /// Whether it came from a run directory, whose configuration tells the data.
    has_config: bool,
    path: PathBuf,
}

impl TrainedRun {
    /// Reads a run directory or a model file.
    ///
    /// # Errors
    /// When there is none, or it is not a twinglyph model that can be used.
    pub fn load(path: &Path) -> Result<TrainedRun> {
        let place = RunDirectory::open(path)?;
        let model_path = place.model_path();
        let file = ModelFile::load(&model_path)?;
        let name = model_path.display().to_string();
        let mut config = Recipe::parse(&name, &file.metadata.recipe, &[])?;
        let Some(threshold) = file.metadata.threshold else {
            return Err(Error::input(name, "has no threshold, expected a model that was trained to the end"));
        };
        let model = build(&config, &file, &name)?;
        // Of the configuration only where the data is: all else is the model's own. What lies beside a model that was named
        // by itself may be anything.
        let data = place.has_config().then(|| place.config().map(|config| config.data)).transpose();
        let data = if path.is_file() { data.ok().flatten() } else { data? };
        let has_config = data.is_some();
        config.data = data.unwrap_or_default();
        Ok(TrainedRun {
            model,
            rule: Rule { threshold, calibration: file.metadata.calibration },
            set_rules: file.metadata.set_rules,
            training_alphabets: file.metadata.training_alphabets,
            held_out_alphabets: file.metadata.held_out_alphabets,
            config,
            has_config,
            path: path.to_path_buf(),
        })
    }

    /// The rule for sets of so many glyphs a side, and for how many it was chosen: the largest size that is not larger.
    pub fn rule_for(&self, glyphs: usize) -> (Rule, usize) {
        let kept = self.set_rules.iter().filter(|kept| kept.glyphs <= glyphs).max_by_key(|kept| kept.glyphs);
        kept.map_or((self.rule, 1), |kept| (kept.rule, kept.glyphs))
    }

    /// The glyphs at `data`, or those that the run was trained on.
    ///
    /// # Errors
    /// When they cannot be read, or nothing says where they are.
    pub fn dataset(&self, data: &[PathBuf], listener: &dyn Listener) -> Result<Dataset> {
        if data.is_empty() && !self.has_config {
            let path = self.path.display();
            let message =
                format!("{path} is a model file alone and does not say where its data is, expected a path");
            return Err(Error::argument("data", "", message));
        }
        load_data(
            &Recipe {
                data: if data.is_empty() { self.config.data.clone() } else { data.to_vec() },
                ..self.config.clone()
            },
            listener,
        )
    }
}

/// The glyphs that a recipe learns from: its data, else its synthetic alphabets.
///
/// # Errors
/// When they cannot be read.
pub fn load_data(recipe: &Recipe, listener: &dyn Listener) -> Result<Dataset> {
    if !recipe.data.is_empty() {
        return omniglot::load(&recipe.data, listener);
    }
    let spec = recipe.synthetic;
    synthetic::generate(&synthetic::Spec {
        alphabets: spec.alphabets,
        characters: spec.characters,
        drawers: spec.drawers,
        seed: spec.seed,
    })
}

/// The file of a model with these values in place of its own.
pub fn model_file(
    model: &Model<f32>,
    values: &[Tensor<f32>],
    recipe: &Recipe,
    (rule, set_rules): (Rule, Vec<SetRule>),
    [training_alphabets, held_out_alphabets]: [Vec<String>; 2],
) -> ModelFile {
    let tensor = |((parameter, _), value): ((&Parameter, _), &Tensor<f32>)| NamedTensor {
        name: parameter.name.clone(),
        shape: parameter.shape.dims().to_vec(),
        values: value.values().to_vec(),
    };
    let tensors = model.parameters().zip(values).map(tensor).collect();
    let metadata = Metadata {
        recipe: recipe.without_paths().to_toml(),
        threshold: Some(rule.threshold),
        calibration: rule.calibration,
        set_rules,
        training_alphabets,
        held_out_alphabets,
    };
    ModelFile { tensors, metadata }
}

/// The model of a recipe, with the weights of another run as its first values.
///
/// # Errors
/// When that run's layers have other names or shapes.
pub fn initial_model(recipe: &Recipe, init: Option<&Path>) -> Result<Model<f32>> {
    let Some(path) = init else {
        return Model::new(recipe.architecture(), recipe.seed);
    };
    let model_path = RunDirectory::open(path)?.model_path();
    build(recipe, &ModelFile::load(&model_path)?, &model_path.display().to_string())
}

fn build(recipe: &Recipe, file: &ModelFile, name: &str) -> Result<Model<f32>> {
    let architecture = recipe.architecture();
    let expected: usize = architecture.parameters()?.iter().map(Vec::len).sum();
    let model = Model::with_values(architecture, |parameter| {
        let Some(tensor) = file.tensors.iter().find(|tensor| tensor.name == parameter.name) else {
            return Err(Error::input(
                &parameter.name,
                "is missing, the model has other layers than the recipe",
            ));
        };
        Tensor::new(&tensor.shape[..], tensor.values.clone())
    });
    let model = model.map_err(|error| Error::input(name, error.to_string()))?;
    if file.tensors.len() != expected {
        let known = |tensor: &&NamedTensor| !model.parameters().any(|(p, _)| p.name == tensor.name);
        let extra = file.tensors.iter().find(known).map_or("", |tensor| &tensor.name);
        return Err(Error::input(
            name,
            format!("holds a tensor {extra} that the recipe's layers do not have"),
        ));
    }
    Ok(model)
}
