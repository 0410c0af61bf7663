//! A training in progress: one step after the other, an epoch's end, and a state that can be put aside and taken up.

use super::batch::{Images, Sampler, Tally};
use super::checkpoint::Checkpoint;
use super::monitor::{Monitor, layer_gradients, trained_layers};
use super::rehearsal::images;
use super::settings::Settings;
use super::validation::{Measured, Validation};
use super::{EpochMetrics, Observer, Reading, Trained};
use crate::data::Dataset;
use crate::data::sampler::Label;
use crate::data::split::Split;
use crate::evaluate::calibration::{Calibration, Rule};
use crate::{Error, Result};
use twinglyph_engine::nn::{Adam, AdamSettings, Average, Form, Model};
use twinglyph_engine::random::{ChaCha8Rng, rng};
use twinglyph_engine::tape::expect_room;
use twinglyph_engine::tensor::Tensor;

/// Streams of chance of a run; stream 0 draws the first weights.
const BATCHES: u64 = 1;

/// A model on its way through a settings.
pub struct Training<'a> {
    settings: Settings,
    set: &'a Dataset,
    sampler: Sampler,
    validation: Validation,
    images: Images<'a>,
    model: Model<f32>,
    adam: Adam<f32>,
    average: Option<Average<f32>>,
    monitor: Monitor,
    rng: ChaCha8Rng,
    /// Epochs that are done, and steps of the next one.
    epoch: usize,
    step: usize,
    /// Of the epoch's steps so far.
    tally: Tally,
    history: Vec<EpochMetrics>,
    readings: Vec<Reading>,
    best: Option<Best>,
    /// The epoch with the highest ROC AUC so far.
    last_better: usize,
}

/// The weights that are kept, and what was measured with them.
struct Best {
    /// From 1.
    epoch: usize,
    calibration: Option<Calibration>,
    values: Vec<Tensor<f32>>,
}

impl<'a> Training<'a> {
    /// A training before its first step.
    ///
    /// # Errors
    /// When an alphabet has too few glyphs, there are too few alphabets for a batch, or there is no memory for its images.
    pub fn new(
        settings: Settings,
        model: Model<f32>,
        set: &'a Dataset,
        split: &Split,
    ) -> Result<Training<'a>> {
        let adam = AdamSettings {
            weight_decay: settings.weight_decay,
            clip_norm: settings.clip_norm,
            ..AdamSettings::default()
        };
        // The images alone of a step; what is made of them says so itself.
        let form = model.architecture().objective.form();
        let images =
            if form == Form::Labels { settings.sample.glyphs() } else { images(form, settings.batch) };
        expect_room::<f32>(images.saturating_mul(model.architecture().input.iter().product()))?;
        Ok(Training {
            set,
            sampler: Sampler::new(&settings, form, set, &split.training)?,
            validation: Validation::new(&settings, form, set, &split.held_out)?,
            images: Images::new(&settings, set, model.architecture().input),
            adam: Adam::new(adam),
            average: (settings.ema > 0.0).then(|| Average::new(settings.ema, model.values())),
            monitor: Monitor::new(model.architecture(), &settings)?,
            rng: rng(settings.seed, BATCHES),
            epoch: 0,
            step: 0,
            tally: Tally::default(),
            history: Vec::with_capacity(settings.epochs),
            readings: Vec::with_capacity(settings.epochs),
            best: None,
            last_better: 0,
            model,
            settings,
        })
    }

    /// Whether all epochs are done, or so many that patience is at its end.
    pub fn is_done(&self) -> bool {
        let Settings { epochs, patience, .. } = self.settings;
        self.epoch >= epochs || (patience > 0 && self.epoch - self.last_better >= patience)
    }

    /// Epochs that are done, and steps of the next one.
    pub fn position(&self) -> (usize, usize) {
        (self.epoch, self.step)
    }

    /// One entry an epoch that is done.
    pub fn history(&self) -> &[EpochMetrics] {
        &self.history
    }

    /// One entry an epoch that is done.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// Trains until all is done, or the observer wants to stop: then the answer is false.
    ///
    /// # Errors
    /// When the loss is no longer a number, or the observer fails.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<bool> {
        while !self.is_done() {
            while self.step < self.settings.steps {
                let loss = self.one_step()?;
                observer.step(self.epoch + 1, self.step, loss, &|| self.tally.accuracy());
                // The epoch's last step leaves gradients that its end looks at.
                if self.step < self.settings.steps && observer.stop() {
                    observer.save(self, false)?;
                    return Ok(false);
                }
            }
            let better = self.end_epoch(observer)?;
            observer.save(self, better)?;
            if !self.is_done() && observer.stop() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next step; its loss.
    fn one_step(&mut self) -> Result<f32> {
        let index = self.epoch * self.settings.steps + self.step;
        self.adam.set_learning_rate(self.settings.learning_rate_at(index));
        let batch = self.sampler.batch(index, &mut self.rng);
        let by_character = self.settings.label == Label::Character;
        let loss = batch.step(&mut self.model, &self.images, index, by_character, &mut self.tally)?;
        if let Some(place) = self.model.fault(loss)? {
            return Err(self.diverged(&format!("numbers stopped being finite {place}")));
        }
        let loss = self.model.tape().value(loss).values()[0];
        let vars = self.model.trainable();
        self.adam.step(self.model.tape_mut(), &vars)?;
        if let Some(parameter) = self.model.broken_parameter() {
            let name = &parameter.name;
            return Err(
                self.diverged(&format!("the step made the parameter {name} a number that is not finite"))
            );
        }
        if let Some(average) = &mut self.average {
            average.update(self.model.tape(), self.model.parameters().map(|(_, var)| var));
        }
        self.step += 1;
        Ok(loss)
    }

    /// The end of a training that cannot go on.
    fn diverged(&self, why: &str) -> Error {
        diverged(format!("epoch {}, step {}", self.epoch + 1, self.step + 1), why)
    }

    /// Looks at the held-out alphabets, and keeps the weights where the recipe wants that; whether they are the best so far.
    fn end_epoch(&mut self, observer: &mut dyn Observer) -> Result<bool> {
        let epoch = self.epoch + 1;
        let tally = std::mem::take(&mut self.tally);
        let gradients = layer_gradients(&self.model);
        // The average of the weights, where there is one, is what is measured and kept; training goes on with its own.
        let own = self.average.as_ref().map(|average| {
            let own = self.model.values();
            self.model.set_values(average.values().to_vec());
            own
        });
        let val = self.validation.measure(&self.model, self.set, false);
        let val = val.map_err(|error| diverged(format!("epoch {epoch}, its end"), &error.to_string()))?;
        if !val.loss.is_finite() {
            let why = format!("the loss on the held-out alphabets is {}", val.loss);
            return Err(diverged(format!("epoch {epoch}, its end"), &why));
        }
        let loss = tally.loss / self.settings.steps as f64;
        let metrics = EpochMetrics {
            epoch: epoch as u32,
            loss: loss as f32,
            accuracy: tally.accuracy(),
            val_loss: val.loss,
            val_accuracy: val.accuracy,
            val_auc: val.auc,
            threshold: val.threshold,
            learning_rate: self.settings.learning_rate_at(epoch * self.settings.steps - 1) as f32,
        };
        let reading = self.monitor.read(epoch, loss, &tally, &val.embeddings, gradients);
        observer.epoch(&metrics, &reading)?;
        if let Some(sentence) = self.monitor.judge(&reading) {
            observer.alarm(&sentence);
        }
        let better = self.last_better == 0 || metrics.val_auc > self.history[self.last_better - 1].val_auc;
        if better {
            self.last_better = epoch;
        }
        if !self.settings.keep_best || better {
            self.best = Some(Best { epoch, calibration: val.calibration, values: self.model.values() });
        }
        self.history.push(metrics);
        self.readings.push(reading);
        if let Some(own) = own {
            self.model.set_values(own);
        }
        (self.epoch, self.step) = (epoch, 0);
        Ok(better)
    }

    /// The model that the recipe keeps, with its threshold chosen as it will be used.
    ///
    /// # Errors
    /// When no epoch is done.
    pub fn finish(mut self) -> Result<Trained> {
        let Some(best) = self.best.take() else {
            return Err(Error::input("epochs", "expected at least one"));
        };
        self.model.set_values(best.values);
        let mut rule = self.rule(best.epoch, best.calibration);
        if self.model.architecture().views > 1 {
            // Epochs are compared by single views.
            let Measured { threshold, calibration, .. } =
                self.validation.measure(&self.model, self.set, true)?;
            rule = Rule { threshold, calibration };
        }
        Ok(Trained { model: self.model, rule, kept: best.epoch as u32, history: self.history })
    }

    /// The weights that are kept so far, with the rule that their epoch ended with.
    pub fn kept(&self) -> Option<(&[Tensor<f32>], Rule)> {
        self.best.as_ref().map(|best| (&best.values[..], self.rule(best.epoch, best.calibration)))
    }

    fn rule(&self, epoch: usize, calibration: Option<Calibration>) -> Rule {
        Rule { threshold: self.history[epoch - 1].threshold, calibration }
    }

    /// The model with its present weights.
    pub fn model(&self) -> &Model<f32> {
        &self.model
    }
}

fn diverged(place: String, why: &str) -> Error {
    let help = "a lower learning_rate, a warmup or a clip_norm usually helps";
    Error::input(place, format!("{why}: training has diverged; {help}"))
}

/// What stands in a checkpoint, by name.
impl Training<'_> {
    /// All that [`Training::restore`] needs.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut all = Checkpoint::default();
        let position = self.rng.get_word_pos();
        for (name, count) in [
            ("epoch", self.epoch),
            ("step", self.step),
            ("last_better", self.last_better),
            ("tally.triplets", self.tally.triplets),
            ("tally.active", self.tally.active),
        ] {
            all.put(name, vec![count as u64]);
        }
        all.put("random.position", vec![position as u64, (position >> 64) as u64]);
        self.put_tensors(&mut all, "model", &self.model.values());
        let (steps, means) = self.adam.state();
        all.put("adam", vec![steps as u64]);
        // Empty for what is not trained, and for all before the first step.
        let mut means = means.iter();
        for (parameter, _) in self.model.parameters() {
            let means = if parameter.source.is_trainable() { means.next() } else { None };
            for (i, kind) in ["mean", "square"].into_iter().enumerate() {
                let numbers = means.map_or(Vec::new(), |means| means[i].clone());
                all.put(format!("adam.{kind}.{}", parameter.name), numbers);
            }
        }
        if let Some(average) = &self.average {
            self.put_tensors(&mut all, "average", average.values());
            all.put("average", vec![average.steps() as u64]);
        }
        all.put("tally.loss", vec![self.tally.loss]);
        all.put("tally.distances", self.tally.distances.clone());
        all.put("tally.same", self.tally.same.iter().map(|&same| u8::from(same)).collect());
        all.put("history", self.history.iter().flat_map(EpochMetrics::numbers).collect());
        all.put("readings", self.readings.iter().flat_map(Reading::numbers).collect());
        all.put("monitor", self.monitor.state().to_vec());
        if let Some(best) = &self.best {
            self.put_tensors(&mut all, "best", &best.values);
            all.put("best", vec![best.epoch as u64]);
            all.put("best.calibration", best.calibration.map_or(vec![], |c| vec![c.a, c.b]));
        }
        all
    }

    /// Takes up a training of the same recipe and data where it was put aside.
    ///
    /// # Errors
    /// When the checkpoint is not of such a training; the error names the array.
    pub fn restore(&mut self, from: &Checkpoint) -> Result<()> {
        let [epoch, step, last_better, triplets, active, low, high] = counts(from)?;
        self.rng.set_word_pos(u128::from(low) | u128::from(high) << 64);
        let small = |count: u64| usize::try_from(count).ok().filter(|&count| count <= 1 << 40);
        let [Some(epoch), Some(step), Some(last_better), Some(triplets), Some(active)] =
            [epoch, step, last_better, triplets, active].map(small)
        else {
            return Err(Error::input("a count", "is a number that no training reaches"));
        };
        let history: &[f32] = from.list("history")?;
        self.history = history.chunks(EpochMetrics::NUMBERS).filter_map(EpochMetrics::from_numbers).collect();
        let layers = trained_layers(&self.model);
        let readings: &[f64] = from.list("readings")?;
        self.readings = readings
            .chunks(Reading::NUMBERS + layers.len())
            .filter_map(|numbers| Reading::from_numbers(numbers, &layers))
            .collect();
        if self.history.len() != epoch || self.readings.len() != epoch {
            return Err(Error::input("history", format!("is not of {epoch} epochs")));
        }
        if step >= self.settings.steps || last_better > epoch || (epoch > 0 && last_better == 0) {
            return Err(Error::input("the counts of epochs and steps", "are of another recipe"));
        }
        self.model.set_values(self.tensors(from, "model")?);
        self.restore_adam(from)?;
        if self.average.is_some() {
            let values = self.tensors(from, "average")?;
            self.average = Some(Average::with_values(self.settings.ema, steps(from, "average")?, values));
        }
        self.tally = Tally {
            loss: from.numbers::<f64, 1>("tally.loss")?[0],
            distances: from.list("tally.distances")?.to_vec(),
            same: from.list::<u8>("tally.same")?.iter().map(|&same| same != 0).collect(),
            triplets,
            active,
        };
        self.monitor.restore(from.numbers("monitor")?);
        self.best = None;
        if epoch > 0 {
            let [best] = from.numbers::<u64, 1>("best")?;
            let best = best as usize;
            if best == 0 || best > epoch {
                return Err(Error::input("best", format!("is epoch {best} of {epoch}")));
            }
            let calibration = match from.list::<f64>("best.calibration")? {
                [] => None,
                _ => Some(from.numbers("best.calibration").map(|[a, b]| Calibration { a, b })?),
            };
            self.best = Some(Best { epoch: best, calibration, values: self.tensors(from, "best")? });
        }
        (self.epoch, self.step, self.last_better) = (epoch, step, last_better);
        Ok(())
    }

    fn restore_adam(&mut self, from: &Checkpoint) -> Result<()> {
        let steps = steps(from, "adam")?;
        let mut means = Vec::new();
        for (parameter, _) in self.model.parameters() {
            let trained = parameter.source.is_trainable();
            let expected = if trained { parameter.shape.len() } else { 0 };
            let of = |kind: &str| {
                let name = format!("adam.{kind}.{}", parameter.name);
                let list: &[f32] = from.list(&name)?;
                if list.len() != expected && !(steps == 0 && list.is_empty()) {
                    let message = format!("holds {} numbers, expected {expected}", list.len());
                    return Err(Error::input(name, message));
                }
                Ok(list.to_vec())
            };
            let both = [of("mean")?, of("square")?];
            if trained {
                means.push(both);
            }
        }
        self.adam.set_state(steps, if steps == 0 { Vec::new() } else { means });
        Ok(())
    }

    fn put_tensors(&self, to: &mut Checkpoint, kind: &str, tensors: &[Tensor<f32>]) {
        for ((parameter, _), tensor) in self.model.parameters().zip(tensors) {
            to.put_tensor(format!("{kind}.{}", parameter.name), tensor);
        }
    }

    fn tensors(&self, from: &Checkpoint, kind: &str) -> Result<Vec<Tensor<f32>>> {
        let tensor = |(parameter, _): (&twinglyph_engine::nn::Parameter, _)| {
            from.tensor(&format!("{kind}.{}", parameter.name), parameter.shape.dims())
        };
        self.model.parameters().map(tensor).collect()
    }
}

/// Epochs, steps, the epoch with the highest ROC AUC, triplets and active ones, and the generator's place; by their names, or
/// in a row, as checkpoints had them before.
fn counts(from: &Checkpoint) -> Result<[u64; 7]> {
    if from.arrays.contains_key("counts") {
        return from.numbers("counts");
    }
    let one = |name| from.numbers::<u64, 1>(name).map(|[count]| count);
    let [low, high] = from.numbers("random.position")?;
    Ok([
        one("epoch")?,
        one("step")?,
        one("last_better")?,
        one("tally.triplets")?,
        one("tally.active")?,
        low,
        high,
    ])
}

/// A number of steps that were taken.
fn steps(from: &Checkpoint, name: &str) -> Result<i32> {
    let [steps] = from.numbers::<u64, 1>(name)?;
    i32::try_from(steps).map_err(|_| Error::input(name, "holds a number that no training reaches"))
}
