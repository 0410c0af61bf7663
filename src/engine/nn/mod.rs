//! Networks: layers and their parameters, the encoder as a list of layers, the Siamese model, the optimizer.

mod architecture;
mod check;
mod custom;
#[cfg(feature = "safetensors")]
mod file;
mod fuse;
mod layer;
mod mode;
mod model;
mod objective;
mod optimizer;
mod parameter;
mod summary;

pub use crate::ops::Mining;
pub use architecture::{Architecture, Convolution};
pub use check::{CHECKED_MODELS, check_models};
pub use custom::{AnyLayer, AnyLoss, CustomLayer, CustomLoss, Form};
#[cfg(feature = "safetensors")]
pub use file::{from_safetensors, to_safetensors};
pub use layer::{Layer, Pair};
pub use mode::Mode;
pub use model::Model;
pub use objective::{BatchLoss, Loss, Objective, PairLoss};
pub use optimizer::{Adam, AdamSettings, Average};
pub use parameter::{Parameter, Source};
pub use summary::{Summary, SummaryRow};
