//! `metrics.csv`: a row an epoch, of what it came to, of what the monitors read and of how long it took.

use crate::train::{EpochMetrics, Reading};
use crate::{Error, Result};

/// Columns of the norms of layers' gradients begin with it.
pub const GRADIENT: &str = "gradient_";

/// The text. `readings` and `seconds` have an entry for each of `history`; what a run does not have, or cannot
/// say, is left empty.
pub fn metrics_csv(history: &[EpochMetrics], readings: &[Reading], seconds: &[f64]) -> String {
    let mut csv = String::from(
        "epoch,loss,accuracy,val_loss,val_accuracy,val_auc,threshold,learning_rate,loss_ratio,least_spread,\
         mean_spread,length,saturated,positive_distance,negative_distance,distance_spread,active_triplets",
    );
    for (layer, _) in readings.first().map_or(&[][..], |first| &first.gradients) {
        csv += &format!(",{GRADIENT}{layer}");
    }
    csv += ",seconds\n";
    let known = |value: f64, text: String| if value.is_nan() { String::new() } else { text };
    let number = |value: f64| known(value, value.to_string());
    let optional = |value: Option<f64>| value.map_or(String::new(), number);
    for ((m, r), seconds) in history.iter().zip(readings).zip(seconds) {
        let figures =
            [m.loss, m.accuracy, m.val_loss, m.val_accuracy, m.val_auc, m.threshold, m.learning_rate];
        let mut cells = vec![m.epoch.to_string()];
        cells.extend(figures.map(|figure| known(figure.into(), figure.to_string())));
        cells.extend([r.loss_ratio, r.spread[0], r.spread[1], r.length].map(number));
        cells.push(optional(r.saturated));
        cells.extend([r.distance[0], r.distance[1], r.distance_spread].map(number));
        cells.push(optional(r.active));
        cells.extend(r.gradients.iter().map(|(_, norm)| number(*norm)));
        cells.push(format!("{seconds:.3}"));
        csv += &cells.join(",");
        csv.push('\n');
    }
    csv
}

/// The file read back: a column of numbers for each name, as a picture wants them.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsTable {
    epochs: Vec<u32>,
    names: Vec<String>,
    /// By column; what is empty or no finite number is `None`.
    columns: Vec<Vec<Option<f64>>>,
}

impl MetricsTable {
    /// Reads the text of `place`.
    ///
    /// # Errors
    /// When a row has another length than the first, a cell is neither empty nor a number, or there is no column `epoch`.
    pub fn parse(place: &str, text: &str) -> Result<MetricsTable> {
        let refuse = |message: String| Error::input(place, message);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| refuse(error.to_string()))?;
        let names: Vec<String> = header.iter().map(str::to_string).collect();
        let mut columns = vec![Vec::new(); names.len()];
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|error| refuse(error.to_string()))?;
            for ((cell, column), name) in record.iter().zip(&mut columns).zip(&names) {
                let number = match cell {
                    "" => None,
                    cell => Some(cell.parse::<f64>().map_err(|_| {
                        refuse(format!("line {}: {name} = {cell:?}, expected a number or nothing", row + 2))
                    })?),
                };
                column.push(number.filter(|number| number.is_finite()));
            }
        }
        let epochs = names.iter().position(|name| name == "epoch").map(|at| &columns[at]);
        let whole = |epoch: &Option<f64>| epoch.filter(|e| *e >= 0.0 && e.fract() == 0.0).map(|e| e as u32);
        match epochs.and_then(|epochs| epochs.iter().map(whole).collect()) {
            Some(epochs) => Ok(MetricsTable { epochs, names, columns }),
            None => Err(refuse("has no column epoch of whole numbers, expected one".into())),
        }
    }

    /// The number of each epoch that is done.
    pub fn epochs(&self) -> &[u32] {
        &self.epochs
    }

    /// What the monitors read, epoch by epoch; a number that is missing where every run has one is NaN.
    pub fn readings(&self) -> Vec<Reading> {
        let reading = |(row, &epoch): (usize, &u32)| {
            let share = |name: &str| self.column(name).and_then(|column| column[row]);
            let number = |name: &str| share(name).unwrap_or(f64::NAN);
            let layer = |(name, values): (&str, &[Option<f64>])| {
                Some((name.strip_prefix(GRADIENT)?.to_string(), values[row].unwrap_or(f64::NAN)))
            };
            Reading {
                epoch,
                loss_ratio: number("loss_ratio"),
                spread: [number("least_spread"), number("mean_spread")],
                length: number("length"),
                saturated: share("saturated"),
                distance: [number("positive_distance"), number("negative_distance")],
                distance_spread: number("distance_spread"),
                active: share("active_triplets"),
                gradients: self.columns().filter_map(layer).collect(),
            }
        };
        self.epochs.iter().enumerate().map(reading).collect()
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&[Option<f64>]> {
        self.columns().find(|column| column.0 == name).map(|column| column.1)
    }

    /// All columns in the file's order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &[Option<f64>])> {
        self.names.iter().map(String::as_str).zip(self.columns.iter().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let metrics = EpochMetrics {
            epoch: 1,
            loss: 0.25,
            accuracy: 0.6,
            val_loss: f32::NAN,
            val_accuracy: 0.55,
            val_auc: 0.57,
            threshold: 0.5,
            learning_rate: 1e-3,
        };
        let reading = Reading {
            epoch: 1,
            loss_ratio: 0.5,
            spread: [0.1, 0.2],
            length: 1.0,
            saturated: None,
            distance: [0.4, 0.9],
            distance_spread: 0.3,
            active: Some(0.75),
            gradients: vec![("encoder.0".into(), 2.5)],
        };
        let text = metrics_csv(&[metrics], std::slice::from_ref(&reading), &[12.5]);
        let table = MetricsTable::parse("metrics.csv", &text).unwrap();
        assert_eq!(table.epochs(), [1]);
        assert_eq!(table.readings(), [reading]);
        let expected = [
            ("loss", Some(0.25)),
            ("val_loss", None),
            ("saturated", None),
            ("active_triplets", Some(0.75)),
            ("gradient_encoder.0", Some(2.5)),
            ("seconds", Some(12.5)),
        ];
        for (name, value) in expected {
            assert_eq!(table.column(name), Some(&[value][..]), "{name}");
        }
        assert_eq!(table.column("nothing"), None);
    }

    #[test]
    fn what_is_no_table_of_numbers_is_refused() {
        let refusals = [
            ("epoch,loss\n1,much\n", "m: line 2: loss = \"much\", expected a number or nothing"),
            ("loss\n1\n", "m: has no column epoch of whole numbers, expected one"),
            ("epoch,loss\n1.5,1\n", "m: has no column epoch of whole numbers, expected one"),
        ];
        for (text, message) in refusals {
            assert_eq!(MetricsTable::parse("m", text).unwrap_err().to_string(), message);
        }
        assert!(MetricsTable::parse("m", "epoch,loss\n1\n").is_err());
    }
}
