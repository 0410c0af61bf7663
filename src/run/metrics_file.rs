//! `metrics.csv`: a row an epoch, of what it came to, of what the monitors read and of how long it took.

use crate::train::{EpochMetrics, Reading};

/// The text. `readings` and `seconds` have an entry for each of `history`; what a run does not have is left empty.
pub fn metrics_csv(history: &[EpochMetrics], readings: &[Reading], seconds: &[f64]) -> String {
    let mut csv = String::from(
        "epoch,loss,accuracy,val_loss,val_accuracy,val_auc,threshold,learning_rate,loss_ratio,least_spread,\
         mean_spread,length,saturated,positive_distance,negative_distance,distance_spread,active_triplets",
    );
    for (layer, _) in readings.first().map_or(&[][..], |first| &first.gradients) {
        csv += &format!(",gradient_{layer}");
    }
    csv += ",seconds\n";
    let optional = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for ((m, r), seconds) in history.iter().zip(readings).zip(seconds) {
        let figures =
            [m.loss, m.accuracy, m.val_loss, m.val_accuracy, m.val_auc, m.threshold, m.learning_rate];
        let mut cells = vec![m.epoch.to_string()];
        cells.extend(figures.map(|figure| figure.to_string()));
        cells.extend([r.loss_ratio, r.spread[0], r.spread[1], r.length].map(|figure| figure.to_string()));
        cells.push(optional(r.saturated));
        cells.extend([r.distance[0], r.distance[1], r.distance_spread].map(|figure| figure.to_string()));
        cells.push(optional(r.active));
        cells.extend(r.gradients.iter().map(|(_, norm)| norm.to_string()));
        cells.push(format!("{seconds:.3}"));
        csv += &cells.join(",");
        csv.push('\n');
    }
    csv
}
