//! What the measured pairs have to show, beside their figures: curves, mistakes, a map, neighbours.

use super::Plot;
use super::atlas::Tile;
use crate::Result;
use crate::data::sampler::Label;
use crate::data::{Dataset, Pixels};
use crate::evaluate::calibration::Rule;
use crate::evaluate::embed::embed;
use crate::evaluate::figures::Figures;
use crate::evaluate::metrics::{ScoredPair, SetResult, roc_points};
use crate::evaluate::plane::{pca, tsne};
use crate::evaluate::protocol::{Measured, Protocol};
use crate::run::plots::{
    AlphabetBar, Dot, RocCurve, alphabet_bars, confusion_matrix, distance_histogram, map,
    reliability_diagram, roc_curves,
};
use std::collections::BTreeMap;
use twinglyph_engine::nn::Model;

/// Glyphs on the map: t-SNE's work is their square.
const MAPPED: usize = 1000;
/// Mistakes of each kind.
const MISTAKES: usize = 8;
/// Glyphs whose neighbours are shown, and how many of each.
const SAMPLES: usize = 8;
pub(super) const NEIGHBOURS: usize = 7;
/// Points of a ROC curve that a picture shows.
const ROC_POINTS: usize = 250;

/// A set and its pairs.
struct Set {
    result: SetResult,
    pairs: Vec<(f32, bool)>,
    roc: Option<Vec<(f64, f64)>>,
}

/// A pair that was answered wrong, by its tiles.
pub(super) struct Mistake {
    pub(super) tiles: (usize, usize),
    pub(super) distance: f32,
    pub(super) probability: Option<f64>,
}

/// A glyph and those nearest to it, by their tiles, with their distances.
pub(super) struct Neighbours {
    pub(super) tile: usize,
    pub(super) nearest: Vec<(usize, f32)>,
}

pub(super) struct Findings {
    /// The set whose glyphs are shown: of those that there are, the newest to the model.
    pub(super) shown: &'static str,
    pub(super) label: Label,
    pub(super) rule: Rule,
    sets: Vec<Set>,
    pub(super) bars: Vec<AlphabetBar>,
    /// All glyphs that are shown; the first are those of the map.
    pub(super) tiles: Vec<Tile>,
    tile_of: BTreeMap<u32, usize>,
    /// Names of the shown set's alphabets.
    alphabets: Vec<String>,
    pub(super) mapped: usize,
    size: (usize, usize),
    /// Pairs of one label that were called different, and of two that were called the same; the surest first.
    pub(super) mistakes: [Vec<Mistake>; 2],
    pub(super) neighbours: Vec<Neighbours>,
    maps: Vec<Plot>,
}

impl Findings {
    pub(super) fn new(protocol: &Protocol<'_>, rule: Rule) -> Findings {
        let shown = match (protocol.unseen.is_some(), protocol.split.held_out.is_empty()) {
            (true, _) => "unseen",
            (false, false) => "held-out",
            (false, true) => "train",
        };
        Findings {
            shown,
            label: protocol.label,
            rule,
            sets: Vec::new(),
            bars: Vec::new(),
            tiles: Vec::new(),
            tile_of: BTreeMap::new(),
            alphabets: Vec::new(),
            mapped: 0,
            size: protocol.set.size(),
            mistakes: [Vec::new(), Vec::new()],
            neighbours: Vec::new(),
            maps: Vec::new(),
        }
    }

    /// Takes in a set that has been measured.
    pub(super) fn add(&mut self, measured: &Measured<'_>) {
        let Measured { whole, alphabets, rule, pairs, result } = measured;
        let distances: Vec<f32> = pairs.iter().map(|pair| pair.distance).collect();
        let same: Vec<bool> = pairs.iter().map(|pair| pair.same).collect();
        self.sets.push(Set {
            result: (*result).clone(),
            roc: roc_points(&distances, &same).map(thin),
            pairs: distances.into_iter().zip(same).collect(),
        });
        if result.name != "both" {
            let mut bars: Vec<AlphabetBar> = (alphabets.iter())
                .map(|&alphabet| AlphabetBar {
                    name: whole.alphabets()[alphabet].name.clone(),
                    set: result.name.clone(),
                    balanced_accuracy: Figures::of_alphabet(pairs, alphabet, rule.threshold)
                        .balanced_accuracy,
                })
                .collect();
            bars.sort_by(|a, b| b.balanced_accuracy.total_cmp(&a.balanced_accuracy));
            // The newest alphabets are looked at first.
            self.bars.splice(0..0, bars);
        }
        if result.name == self.shown {
            self.choose(whole, alphabets, pairs);
        }
    }

    /// Chooses the glyphs to be shown: as many of each alphabet for the map, and those of the surest mistakes.
    fn choose(&mut self, whole: &Dataset, alphabets: &[usize], pairs: &[ScoredPair]) {
        self.alphabets = alphabets.iter().map(|&a| whole.alphabets()[a].name.clone()).collect();
        let each = (MAPPED / alphabets.len().max(1)).max(1);
        for &alphabet in alphabets.iter().take(MAPPED) {
            let range = whole.alphabet_range(alphabet);
            let count = each.min(range.len());
            // Evenly over its characters and drawers.
            for i in 0..count {
                self.tile(whole, (range.start + i * range.len() / count) as u32);
            }
        }
        self.mapped = self.tiles.len();
        for kind in [0, 1] {
            let mut wrong: Vec<&ScoredPair> = (pairs.iter())
                .filter(|p| p.same == (kind == 0) && p.same != (p.distance <= self.rule.threshold))
                .collect();
            let sure = |pair: &ScoredPair| if kind == 0 { -pair.distance } else { pair.distance };
            wrong.sort_by(|a, b| sure(a).total_cmp(&sure(b)));
            let mut used: Vec<u32> = Vec::new();
            for pair in wrong {
                let (a, b) = pair.glyphs;
                // One odd glyph would fill the page.
                if used.contains(&a) || used.contains(&b) {
                    continue;
                }
                used.extend([a, b]);
                let tiles = (self.tile(whole, a), self.tile(whole, b));
                let probability = self.rule.calibration.map(|c| c.probability(pair.distance));
                self.mistakes[kind].push(Mistake { tiles, distance: pair.distance, probability });
                if self.mistakes[kind].len() == MISTAKES {
                    break;
                }
            }
        }
    }

    /// The tile of a glyph, a new one at its first time.
    fn tile(&mut self, whole: &Dataset, glyph: u32) -> usize {
        let tiles = &mut self.tiles;
        *self.tile_of.entry(glyph).or_insert_with(|| {
            let found = &whole.glyphs()[glyph as usize];
            let alphabet = &whole.alphabets()[found.alphabet as usize];
            tiles.push(Tile {
                pixels: found.pixels.clone(),
                alphabet: alphabet.name.clone(),
                character: alphabet.characters[found.character as usize].clone(),
                drawer: found.drawer,
            });
            tiles.len() - 1
        })
    }

    /// (height, width) of every glyph.
    pub(super) fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Encodes the map's glyphs, lays them out in the plane and finds neighbours among them.
    pub(super) fn lay_out(&mut self, model: &Model<f32>) -> Result<()> {
        let pixels: Vec<&Pixels> = self.tiles[..self.mapped].iter().map(|tile| &tile.pixels).collect();
        let embeddings = embed(model, self.size, self.mapped, |i| pixels[i])?;
        let place = |tile: &Tile| self.alphabets.iter().position(|name| *name == tile.alphabet).unwrap_or(0);
        for (name, points) in [("PCA", pca(&embeddings)), ("t-SNE", tsne(&embeddings))] {
            let dots: Vec<Dot> = (points.into_iter().zip(&self.tiles).enumerate())
                .map(|(id, (at, tile))| Dot { at, alphabet: place(tile), id, words: tile.words() })
                .collect();
            let title = format!("{name} of {} glyphs of {} alphabets", self.mapped, self.shown);
            let file = format!("map-{}", name.to_lowercase());
            self.maps.push((file, map(&title, &dots, &self.alphabets)));
        }
        for sample in 0..SAMPLES.min(self.mapped) {
            // The middles of equal parts: one or two of each alphabet.
            let tile = (2 * sample + 1) * self.mapped / (2 * SAMPLES.min(self.mapped));
            let pairs: Vec<(usize, usize)> = (0..self.mapped).map(|other| (tile, other)).collect();
            let distances = model.distances(&embeddings, &pairs)?;
            let mut order: Vec<usize> = (0..self.mapped).filter(|&other| other != tile).collect();
            order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
            let nearest = order.into_iter().take(NEIGHBOURS).map(|other| (other, distances[other])).collect();
            self.neighbours.push(Neighbours { tile, nearest });
        }
        Ok(())
    }

    /// Whether two tiles have the label in common that the model learns.
    pub(super) fn same(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.tiles[a], &self.tiles[b]);
        a.alphabet == b.alphabet && (self.label == Label::Alphabet || a.character == b.character)
    }

    /// The pictures of all that was found.
    pub(super) fn plots(&self) -> Result<Vec<Plot>> {
        let kind = self.label.name();
        let mut plots = Vec::new();
        for set in &self.sets {
            let name = &set.result.name;
            plots.push((format!("confusion-{name}"), confusion_matrix(name, kind, &set.result.confusion)?));
        }
        let apart = || self.sets.iter().filter(|set| set.result.name != "both");
        let curves: Vec<_> = apart()
            .filter_map(|set| {
                Some(RocCurve {
                    set: set.result.name.clone(),
                    points: set.roc.clone()?,
                    eer: set.result.eer?,
                })
            })
            .collect();
        plots.push(("roc".into(), roc_curves(&curves)?));
        for set in apart() {
            let name = &set.result.name;
            let histogram = distance_histogram(name, kind, &set.pairs, self.rule.threshold)?;
            plots.push((format!("distances-{name}"), histogram));
            // On the training alphabets the probability is not what a new alphabet would get.
            if name != "train" && !set.result.reliability.is_empty() {
                let diagram = reliability_diagram(name, kind, &set.result.reliability)?;
                plots.push((format!("reliability-{name}"), diagram));
            }
        }
        plots.push(("alphabets".into(), alphabet_bars(&self.bars)?));
        plots.extend(self.maps.iter().cloned());
        Ok(plots)
    }
}

/// As many points of a curve as a picture shows, the ends among them.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= ROC_POINTS {
        return points;
    }
    (0..ROC_POINTS).map(|i| points[i * (points.len() - 1) / (ROC_POINTS - 1)]).collect()
}
