//! Networks: layers and their parameters, the encoder as a list of layers, the Siamese model, the optimizer.

mod architecture;
mod check;
mod fuse;
mod layer;
mod model;
mod optimizer;
mod summary;

pub use architecture::{Architecture, Loss, Mode, Parameter, Source};
pub use check::{CHECKED_MODELS, check_models};
pub use layer::{Layer, Pair};
pub use model::Model;
pub use optimizer::{Adam, AdamSettings};
pub use summary::{Summary, SummaryRow};
