//! The run directory: model file, metrics, plots.
