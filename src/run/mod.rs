//! What a run leaves on disk: its directory, the model file, metrics and pictures.

pub mod config;
pub mod directory;
pub mod environment;
pub mod mistakes;
pub mod model_file;
pub mod plots;
pub mod trained;
