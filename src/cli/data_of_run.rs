//! A trained model and the alphabets that it is measured on, as several commands take them.

use super::listener::Terminal;
use std::path::PathBuf;
use twinglyph::data::Dataset;
use twinglyph::data::omniglot;
use twinglyph::data::split::Split;
use twinglyph::run::trained::TrainedRun;
use twinglyph::{Error, Result};

/// Whose data, and whether progress is shown.
#[derive(clap::Args)]
pub(super) struct DataOfRun {
    /// A run directory or a model file.
    pub(super) run: PathBuf,
    /// The data that the model was trained on; that of the run unless given.
    #[arg(long, value_name = "PATH")]
    pub(super) data: Vec<PathBuf>,
    /// Data of alphabets that the model has not seen.
    #[arg(long, value_name = "PATH")]
    unseen: Vec<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    pub(super) quiet: bool,
}

/// What a model is measured on.
pub(super) struct Measured {
    pub(super) set: Dataset,
    pub(super) split: Split,
    pub(super) unseen: Option<Dataset>,
}

impl DataOfRun {
    /// Loads what `run` was trained on, and what it has not seen.
    ///
    /// # Errors
    /// When it cannot be read, or an unseen alphabet took part in the training.
    pub(super) fn load(&self, run: &TrainedRun) -> Result<Measured> {
        let set = run.dataset(&self.data, &Terminal::new(self.quiet))?;
        let split = Split::from_names(&set, &run.training_alphabets, &run.held_out_alphabets)?;
        let unseen = match &self.unseen[..] {
            [] => None,
            paths => Some(omniglot::load(paths, &Terminal::new(self.quiet))?),
        };
        if let Some(unseen) = &unseen {
            refuse_seen(run, unseen)?;
        }
        Ok(Measured { set, split, unseen })
    }
}

/// An alphabet that the model was trained on is not unseen.
fn refuse_seen(run: &TrainedRun, unseen: &Dataset) -> Result<()> {
    let known =
        |name: &String| run.training_alphabets.contains(name) || run.held_out_alphabets.contains(name);
    match unseen.alphabets().iter().find(|alphabet| known(&alphabet.name)) {
        Some(alphabet) => {
            let message = "took part in the model's training, expected only unseen alphabets";
            Err(Error::input(format!("--unseen {}", alphabet.name), message))
        }
        None => Ok(()),
    }
}
