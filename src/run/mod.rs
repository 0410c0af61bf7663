//! What a run leaves on disk: its directory, the model file, metrics, pictures and the report.

pub mod checkpoint_file;
pub mod config;
pub mod directory;
pub mod environment;
pub mod gradients;
pub mod metrics_file;
pub mod mistakes;
pub mod model_file;
pub mod neighbours;
pub mod npz;
pub mod onnx;
pub mod picture;
pub mod plots;
pub mod report;
pub mod session;
pub mod trace_file;
pub mod trained;
