//! What a run leaves on disk: its directory, the model file, metrics, pictures and the report.

pub mod arrays_file;
pub mod checkpoint_file;
pub mod config;
pub mod contact_sheet;
pub mod directory;
pub mod embeddings_file;
pub mod environment;
pub mod metrics_file;
pub mod mistakes;
pub mod model_file;
mod npz;
pub mod onnx;
pub mod picture;
mod plots;
pub mod report;
pub mod session;
pub mod trace_file;
pub mod trained;
