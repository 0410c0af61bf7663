//! `twinglyph cross-validate`: how well a recipe teaches alphabets that it has not seen, and how sure that is.

use super::listener::Terminal;
use super::output::{known, note, print, print_json};
use super::recipe_arguments::RecipeArguments;
use std::time::Instant;
use twinglyph::run::trained::load_data;
use twinglyph::train::cross_validation::{CrossValidation, Figures, Fold, FoldObserver, cross_validate};
use twinglyph::train::{EpochMetrics, Observer, Reading};
use twinglyph::{Error, Result};

/// Train a recipe fold by fold and measure each fold's alphabets by a model that has not seen them.
///
/// The other alphabets are split as in any training, so epoch and threshold are chosen without the fold. Settings whose
/// means differ by less than the spread are equal.
///
/// Example: twinglyph cross-validate --recipe quick --data images_background.zip --folds 5
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) recipe: RecipeArguments,
    /// Parts that the alphabets are dealt to; each is measured once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=1000))]
    folds: u32,
    /// Pairs drawn from each fold, half of them of one label.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    pairs: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let recipe = arguments.recipe.resolve()?;
    if !recipe.hold_out.is_empty() {
        return Err(Error::usage(format!(
            "--recipe {}: expected no hold_out, since the folds decide which alphabets are held out",
            arguments.recipe.recipe
        )));
    }
    let quiet = arguments.recipe.quiet;
    let set = load_data(&recipe, &Terminal::new(quiet))?;
    let folds = arguments.folds as usize;
    let mut progress = Progress { quiet, folds, fold: 0, started: Instant::now() };
    let result = cross_validate(
        &recipe.architecture(),
        &recipe.settings(),
        &set,
        folds,
        arguments.pairs as usize,
        &mut progress,
    )?;
    if arguments.json {
        return print_json(&result);
    }
    print(table(&arguments.recipe.name(), &result).trim_end())
}

fn table(name: &str, result: &CrossValidation) -> String {
    let percent = |x: f64| if x.is_nan() { "-".into() } else { format!("{:.1} %", 100.0 * x) };
    let row = |name: &str, f: &Figures| {
        let auc = if f.auc.is_nan() { "-".into() } else { format!("{:.3}", f.auc) };
        format!("{name:<44}{:>10}{auc:>8}{:>8}\n", percent(f.balanced_accuracy), percent(f.eer))
    };
    let mut text = format!("{:<44}{:>10}{:>8}{:>8}\n", name, "balanced", "AUC", "EER");
    for alphabet in &result.alphabets {
        text += &row(&alphabet.name, &alphabet.figures);
    }
    text.push('\n');
    for (i, fold) in result.folds.iter().enumerate() {
        text += &row(&format!("fold {}, epoch {} kept", i + 1, fold.kept), &fold.figures);
    }
    text.push('\n');
    text += &row("mean over folds", &result.mean);
    text += &row("spread (standard deviation over folds)", &result.spread);
    text
}

struct Progress {
    quiet: bool,
    folds: usize,
    fold: usize,
    started: Instant,
}

impl Observer for Progress {
    fn step(&mut self, _: usize, _: usize, _: f32, _: &dyn Fn() -> f32) {}

    fn epoch(&mut self, m: &EpochMetrics, _: &Reading) -> Result<()> {
        if !self.quiet {
            note(format_args!(
                "Fold {}/{} - epoch {} - {:.0}s - loss: {:.4} - val_loss: {:.4} - val_accuracy: {} - val_auc: {}",
                self.fold,
                self.folds,
                m.epoch,
                self.started.elapsed().as_secs_f64(),
                m.loss,
                m.val_loss,
                known(m.val_accuracy, 4),
                known(m.val_auc, 4),
            ));
        }
        Ok(())
    }

    fn alarm(&mut self, sentence: &str) {
        note(format_args!("warning: fold {}, {sentence}", self.fold));
    }
}

impl FoldObserver for Progress {
    fn fold(&mut self, fold: usize, alphabets: &[String]) {
        (self.fold, self.started) = (fold, Instant::now());
        if !self.quiet {
            note(format_args!("Fold {fold}/{}: {}", self.folds, alphabets.join(", ")));
        }
    }

    fn done(&mut self, fold: &Fold) {
        if !self.quiet {
            let Figures { balanced_accuracy, auc, eer } = fold.figures;
            note(format_args!(
                "Fold {}/{}: balanced accuracy {:.1} %, AUC {auc:.3}, EER {:.1} %",
                self.fold,
                self.folds,
                100.0 * balanced_accuracy,
                100.0 * eer
            ));
        }
    }
}
