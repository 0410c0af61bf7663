//! `twinglyph evaluate`: the report's protocol, balanced and with its base rates.

use super::output::{note, print, print_json};
use crate::data::Dataset;
use crate::data::omniglot::{self, LoadOptions};
use crate::data::split::Split;
use crate::evaluate::metrics::Origin;
use crate::evaluate::protocol::{Protocol, evaluate_sets};
use crate::run::trained::TrainedRun;
use crate::{Error, Result};
use std::path::PathBuf;

/// Measure a model on pairs of its training alphabets, of held-out ones and of unseen ones.
///
/// Brier and ECE say how good its probabilities are: their mean squared error (0.25 for a constant 1/2), and
/// how far they are from the shares that come true, over 15 bins.
///
/// Example: twinglyph evaluate runs/quickstart-1 --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// A run directory or a model file.
    run: PathBuf,
    /// The data that the model was trained on; that of the run unless given.
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Data of alphabets that the model has not seen.
    #[arg(long, value_name = "PATH")]
    unseen: Vec<PathBuf>,
    /// Pairs drawn from each set, half of them of one alphabet.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    pairs: u32,
    /// Glyphs a side: the mean of so many embeddings stands for an alphabet. Above 1, the threshold and the
    /// probability are chosen for it on the held-out alphabets.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    glyphs: u32,
    /// Seed of the pairs and of the resampling.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let mut run = TrainedRun::load(&arguments.run)?;
    let set = run.dataset(&arguments.data, false)?;
    let split = Split::from_names(&set, &run.training_alphabets, &run.held_out_alphabets)?;
    let unseen = match &arguments.unseen[..] {
        [] => None,
        paths => Some(omniglot::load(paths, &LoadOptions::default())?),
    };
    if let Some(unseen) = &unseen {
        refuse_seen(&run, unseen)?;
    }
    let protocol = Protocol {
        set: &set,
        split: &split,
        unseen: unseen.as_ref(),
        label: run.config.label,
        pairs: arguments.pairs as usize,
        glyphs: arguments.glyphs as usize,
        seed: arguments.seed,
    };
    let evaluation = evaluate_sets(&mut run.model, run.rule, &protocol)?;
    if evaluation.glyphs > 1 && evaluation.origin == Origin::Stored {
        note(
            "the model has no held-out alphabets: the threshold is the stored one, chosen for single glyphs",
        );
    }
    if arguments.json {
        return print_json(&evaluation);
    }
    if run.config.data.is_empty() && arguments.data.is_empty() {
        note("the alphabets are synthetic, drawn from the recipe's seed");
    }
    print(evaluation.to_string().trim_end())
}

/// An alphabet that the model was trained on is not unseen.
pub(super) fn refuse_seen(run: &TrainedRun, unseen: &Dataset) -> Result<()> {
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
