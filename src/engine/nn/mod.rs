//! Networks: layers and their parameters, the encoder as a list of layers, the Siamese model, the optimizer.

mod architecture;
mod check;
mod custom;
#[cfg(feature = "safetensors")]
mod file;
mod fuse;
mod layer;
mod model;
mod objective;
mod optimizer;
mod summary;

pub use crate::ops::Mining;
pub use architecture::{Architecture, Mode, Parameter, Source};
pub use check::{CHECKED_MODELS, check_models};
pub use custom::{AnyLayer, AnyLoss, CustomLayer, CustomLoss};
#[cfg(feature = "safetensors")]
pub use file::{from_safetensors, to_safetensors};
pub use layer::{Layer, Pair};
pub use model::Model;
pub use objective::{BatchLoss, Form, Loss, Objective, PairLoss};
pub use optimizer::{Adam, AdamSettings, Average};
pub use summary::{Summary, SummaryRow};
