//! `twinglyph evaluate`: the report's protocol, balanced and with its base rates.

use super::data_of_run::{DataOfRun, Measured};
use super::output::{note, print, print_json};
use twinglyph::Result;
use twinglyph::evaluate::metrics::Origin;
use twinglyph::evaluate::protocol::{Protocol, evaluate_sets};
use twinglyph::run::trained::TrainedRun;

/// Measure a model on pairs of its training alphabets, of held-out ones and of unseen ones.
///
/// Brier and ECE say how good its probabilities are: their mean squared error (0.25 for a constant 1/2), and
/// how far they are from the shares that come true, over 15 bins.
///
/// Example: twinglyph evaluate runs/quickstart-1 --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    of: DataOfRun,
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
    let of = &arguments.of;
    let run = TrainedRun::load(&of.run)?;
    let Measured { set, split, unseen } = of.load(&run)?;
    let protocol = Protocol {
        set: &set,
        split: &split,
        unseen: unseen.as_ref(),
        label: run.config.label,
        pairs: arguments.pairs as usize,
        glyphs: arguments.glyphs as usize,
        seed: arguments.seed,
    };
    let evaluation = evaluate_sets(&run.model, run.rule, &protocol)?;
    if evaluation.glyphs > 1 && evaluation.origin == Origin::Stored {
        note(
            "the model has no held-out alphabets: the threshold is the stored one, chosen for single glyphs",
        );
    }
    if arguments.json {
        return print_json(&evaluation);
    }
    if run.config.data.is_empty() && of.data.is_empty() {
        note("the alphabets are synthetic, drawn from the recipe's seed");
    }
    print(evaluation.to_string().trim_end())
}
