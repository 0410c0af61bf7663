//! The page, part by part.

use super::Plot;
use super::atlas::Atlas;
use super::findings::{Findings, Mistake, NEIGHBOURS};
use super::html::{details, figure, section, table};
use crate::Result;
use crate::evaluate::metrics::{Confusion, Evaluation, SetResult};
use crate::recipes::{Recipe, Schedule};
use crate::run::environment::Environment;
use crate::run::metrics_file::MetricsTable;
use crate::run::plots::escape;
use crate::train::alarm;
use twinglyph_engine::nn::Summary;

/// What a browser is told first; also that it may load nothing.
const HEAD: &str = include_str!("head.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What stands on the page.
pub(super) struct Contents<'a> {
    pub(super) name: &'a str,
    pub(super) recipe: &'a Recipe,
    pub(super) environment: Option<&'a Environment>,
    pub(super) metrics: &'a MetricsTable,
    pub(super) evaluation: &'a Evaluation,
    pub(super) findings: &'a Findings,
    pub(super) plots: &'a [Plot],
}

/// A part: its name in links, its title, what stands in it.
type Part = (&'static str, &'static str, String);

/// The whole page. It forbids itself to load anything from anywhere.
pub(super) fn page(contents: &Contents<'_>) -> Result<String> {
    let atlas = Atlas::new(&contents.findings.tiles, contents.findings.size())?;
    let parts: [Part; 8] = [
        ("results", "Results", contents.results()),
        ("pairs", "Pairs", contents.pairs()),
        ("alphabets", "Alphabets", contents.figures(&["alphabets"])),
        ("map", "Map", contents.map(&atlas)),
        ("neighbours", "Neighbours", contents.neighbours(&atlas)),
        ("mistakes", "Mistakes", contents.mistakes(&atlas)),
        ("training", "Training", contents.training()),
        ("model", "Model", contents.model()?),
    ];
    let links: String =
        parts.iter().map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>\n")).collect();
    let body: String = parts.iter().map(|(id, title, body)| section(id, title, body)).collect();
    let name = escape(contents.name);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         {HEAD}<title>{name} - twinglyph</title>\n<style>\n{STYLE}\
         .glyph {{ background-image: url({}); background-size: {}% {}%; }}\n</style>\n</head>\n<body>\n\
         <header>\n<h1>{name}</h1>\n<p class=\"lead\">{}</p>\n{}<nav aria-label=\"Contents\">\n{links}</nav>\n</header>\n\
         <main>\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        atlas.address,
        100 * atlas.columns,
        100 * atlas.rows,
        contents.lead(),
        contents.alarm()?,
    ))
}

/// As a recipe writes it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_string())).unwrap_or_default()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// What the pictures say, in a sentence each; by the file's name up to a set's.
fn caption(name: &str) -> &'static str {
    let known = [
        ("confusion", "Rows are the truth, columns the answer; the shade is the share of the row."),
        (
            "roc",
            "Every threshold is a point of the curve; at the dot both kinds of error are equally frequent.",
        ),
        ("distances", "What lies left of the threshold is called the same."),
        ("reliability", "On the dashed line the probability is what it says; larger dots are more pairs."),
        ("alphabets", "Of the pairs with a glyph of the alphabet on either side; the line is chance."),
        ("map-pca", "The two directions in which the embeddings differ most."),
        ("map-t-sne", "Neighbours stay neighbours; distances between groups say little."),
        ("loss-ratio", "Near 1, nothing has been learned."),
        ("loss", "Of the training batches, and of fixed ones of held-out alphabets."),
        ("accuracy", "At the best threshold of the pairs at hand."),
        ("auc", "How often a pair of one label is nearer than one of two; 0.5 is chance."),
        ("pair-distances", "They should move apart."),
        ("spread", "Standard deviation over held-out glyphs; near 0, the embeddings have collapsed."),
        ("active-triplets", "Triplets that still pass a gradient."),
        ("saturated", "Numbers of the embedding beyond 0.99, where the last activation passes no gradient."),
        ("learning-rate", "Adam's step size."),
        ("gradients", "At the epoch's last step; far apart, layers learn at different speeds."),
    ];
    known.iter().find(|(known, _)| name.starts_with(known)).map_or("", |(_, caption)| caption)
}

impl Contents<'_> {
    /// What the monitors found wrong.
    fn alarm(&self) -> Result<String> {
        let alarm = alarm(&self.recipe.architecture(), &self.recipe.settings(), &self.metrics.readings())?;
        Ok(alarm.map_or(String::new(), |sentence| {
            format!("<p class=\"alarm\" role=\"alert\"><strong>Warning:</strong> {}</p>\n", escape(&sentence))
        }))
    }

    /// What the run reached, in a sentence.
    fn lead(&self) -> String {
        let kind = self.findings.label.name();
        let shown = self.evaluation.sets.iter().find(|set| set.name == self.findings.shown);
        let Some(set) = shown else { return String::new() };
        let what = match set.name.as_str() {
            "unseen" => "alphabets that took no part in training",
            "held-out" => "alphabets held out from training",
            _ => "its training alphabets",
        };
        format!(
            "Says of <strong>{}</strong> of the pairs rightly whether both glyphs are of the same {kind}, on {what} \
             (balanced accuracy; a constant answer has 50 %). 95 % interval over alphabets {} to {}{}.",
            percent(set.balanced_accuracy),
            percent(set.interval[0]),
            percent(set.interval[1]),
            set.auc.map_or(String::new(), |auc| format!(", ROC AUC {auc:.3}")),
        )
    }

    /// The pictures of these names that there are, side by side. A name that ends in `-` is that of every set.
    fn figures(&self, names: &[&str]) -> String {
        let wanted = |(name, _): &&Plot| {
            names.iter().any(|wanted| name == wanted || (wanted.ends_with('-') && name.starts_with(wanted)))
        };
        let figures = self.plots.iter().filter(wanted).map(|(name, svg)| figure(name, svg, caption(name)));
        format!("<div class=\"plots\">\n{}</div>\n", figures.collect::<String>())
    }

    fn results(&self) -> String {
        let rows: Vec<Vec<String>> = self.evaluation.sets.iter().map(|set| set.cells().to_vec()).collect();
        let confusion = |set: &SetResult| {
            let Confusion { tp, fn_, fp, tn } = set.confusion;
            let mut row = vec![set.name.clone()];
            row.extend([tp, fn_, fp, tn].map(|count| count.to_string()));
            row
        };
        let counts: Vec<Vec<String>> = self.evaluation.sets.iter().map(confusion).collect();
        format!(
            "{}<p>Pairs at most {:.4} apart are called the same. Threshold, epoch and probability were chosen on the \
             held-out alphabets, so the figures there are a little too good.</p>\n{}{}",
            table("What the model reaches on each set of alphabets", &SetResult::HEADS, &rows),
            self.evaluation.threshold,
            self.figures(&["confusion-"]),
            details(
                "The counts",
                &table(
                    "Answers by truth",
                    &[
                        "alphabets",
                        "same: called same",
                        "same: different",
                        "different: same",
                        "different: different"
                    ],
                    &counts
                )
            ),
        )
    }

    fn pairs(&self) -> String {
        self.figures(&["roc", "distances-", "reliability-"])
    }

    fn map(&self, atlas: &Atlas) -> String {
        format!(
            "<p>Each dot is a glyph. Point at one, or step through them with the arrow keys, to see it; choose an alphabet \
             below a map to see it alone.</p>\n\
             <div id=\"look\" data-columns=\"{}\" data-rows=\"{}\"><span class=\"glyph\"></span>\
             <p aria-live=\"polite\">No glyph is chosen.</p></div>\n{}",
            atlas.columns,
            atlas.rows,
            self.figures(&["map-pca", "map-t-sne"]),
        )
    }

    fn glyph(&self, atlas: &Atlas, tile: usize) -> String {
        let words = escape(&self.findings.tiles[tile].words());
        format!(
            "<span class=\"glyph\" role=\"img\" aria-label=\"{words}\" title=\"{words}\" style=\"background-position: \
             {}\"></span>",
            atlas.position(tile)
        )
    }

    fn neighbours(&self, atlas: &Atlas) -> String {
        let kind = self.findings.label.name();
        let card = |tile: usize, class: &str, words: &str| {
            format!("<li class=\"{class}\">{}<small>{words}</small></li>\n", self.glyph(atlas, tile))
        };
        let rows = self.findings.neighbours.iter().map(|found| {
            let alphabet = |tile: usize| escape(&self.findings.tiles[tile].alphabet.replace('_', " "));
            let near = found.nearest.iter().map(|&(tile, distance)| {
                let same = self.findings.same(found.tile, tile);
                let mark = if same { "✓" } else { "✗" };
                let words = format!("{mark} {distance:.3}<br>{}", alphabet(tile));
                card(tile, if same { "right" } else { "wrong" }, &words)
            });
            let first = card(found.tile, "asked", &alphabet(found.tile));
            format!("<ol class=\"glyphs\">\n{first}{}</ol>\n", near.collect::<String>())
        });
        format!(
            "<p>Some glyphs, each followed by the {NEIGHBOURS} nearest of the map, with their distances. ✓ is of the same \
             {kind}, ✗ is not.</p>\n{}",
            rows.collect::<String>()
        )
    }

    fn mistakes(&self, atlas: &Atlas) -> String {
        let kind = self.findings.label.name();
        let card = |mistake: &Mistake| {
            let (a, b) = mistake.tiles;
            let words = |tile: usize| escape(&self.findings.tiles[tile].words());
            let probability =
                mistake.probability.map_or(String::new(), |p| format!("<br>probability {p:.2}"));
            format!(
                "<li>{}{}<small>distance {:.3}{probability}<br>{}<br>{}</small></li>\n",
                self.glyph(atlas, a),
                self.glyph(atlas, b),
                mistake.distance,
                words(a),
                words(b)
            )
        };
        let list = |title: String, mistakes: &[Mistake]| {
            let cards: String = mistakes.iter().map(card).collect();
            let cards = if cards.is_empty() { "<li>none</li>".into() } else { cards };
            format!("<h3>{title}</h3>\n<ul class=\"mistakes\">\n{cards}</ul>\n")
        };
        let [apart, together] = &self.findings.mistakes;
        format!(
            "<p>The wrong answers on {} alphabets of which the model was the surest; each glyph at most once. The \
             probability is that of the same {kind}.</p>\n{}{}",
            self.findings.shown,
            list(format!("Of the same {kind}, called different"), apart),
            list(format!("Of different {kind}s, called the same"), together),
        )
    }

    fn training(&self) -> String {
        let names = ["loss", "accuracy", "auc", "loss-ratio", "pair-distances", "spread", "active-triplets"];
        let more = ["saturated", "gradients", "learning-rate"];
        let number = |value: Option<f64>| match value {
            None => "-".to_string(),
            Some(value) if value != 0.0 && value.abs() < 1e-3 => format!("{value:.2e}"),
            Some(value) if value.fract() == 0.0 => format!("{value}"),
            Some(value) => format!("{value:.4}"),
        };
        let columns: Vec<(&str, &[Option<f64>])> = self.metrics.columns().collect();
        let heads: Vec<&str> = columns.iter().map(|column| column.0).collect();
        let rows: Vec<Vec<String>> = (0..self.metrics.epochs().len())
            .map(|row| columns.iter().map(|column| number(column.1[row])).collect())
            .collect();
        let numbers = table("Epoch by epoch, as in metrics.csv", &heads, &rows);
        format!("{}{}", self.figures(&[&names[..], &more[..]].concat()), details("The numbers", &numbers))
    }

    fn model(&self) -> Result<String> {
        let recipe = self.recipe;
        let (each, what) = recipe.batch_of();
        let epochs = self.metrics.epochs().len();
        let mut settings = vec![
            ("loss", word(&recipe.loss)),
            ("label", recipe.label.name().into()),
            ("training", format!("{epochs} epochs of {} steps of {each} {what}", recipe.steps)),
            ("learning rate", recipe.learning_rate.to_string()),
            ("seed", recipe.seed.to_string()),
        ];
        if let Some(seconds) = self.metrics.column("seconds").filter(|s| s.iter().all(Option::is_some)) {
            let seconds = seconds.iter().flatten().sum::<f64>().round() as u64;
            settings.push(("time", format!("{} min {} s", seconds / 60, seconds % 60)));
        }
        if let Some(environment) = self.environment {
            let names = |names: &[String]| names.join(", ").replace('_', " ");
            settings.extend([
                ("program", format!("twinglyph {}", environment.version)),
                ("machine", format!("{}, {} threads", environment.simd, environment.threads)),
                (
                    "data",
                    format!("{} glyphs, fingerprint {}", environment.glyphs, environment.data_fingerprint),
                ),
                ("trained on", names(&environment.training_alphabets)),
                ("held out", names(&environment.held_out_alphabets)),
            ]);
        }
        let settings: Vec<Vec<String>> =
            settings.into_iter().map(|(name, value)| vec![name.to_string(), value]).collect();
        let summary = Summary::new(&recipe.architecture())?;
        let layers: Vec<Vec<String>> = (summary.encoder.iter().chain(&summary.head))
            .map(|row| {
                let dims: Vec<String> = row.output.dims()[1..].iter().map(usize::to_string).collect();
                vec![row.layer.clone(), dims.join(" × "), row.parameters.to_string()]
            })
            .collect();
        let (all, fixed) = summary.model_parameters();
        let name = escape(self.name);
        let cosine = recipe.schedule == Schedule::Cosine;
        let conditions = self.environment.map_or(String::new(), |environment| {
            format!(" ({})", escape(&environment.depends_on(cosine).join(", ")))
        });
        Ok(format!(
            "{}{}<p>{all} parameters, {} of them trained; both glyphs of a pair go through the same encoder.</p>\n{}\
             <p>Trained again, to the same bytes{conditions}: <code>twinglyph train --recipe {name}/config.toml</code></p>\n",
            table("Settings", &["", ""], &settings),
            table("Layers", &["layer", "output, C × H × W", "parameters"], &layers),
            all - fixed,
            details(
                "The whole configuration",
                &format!("<pre>{}</pre>", escape(&recipe.without_paths().to_toml()))
            ),
        ))
    }
}
