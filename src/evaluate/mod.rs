//! Metrics, thresholds and protocols over distances and labels.
