//! The differentiable functions: one op a file, or one family, each with its formula, its derivation, its shape
//! rule, and the samples that its gradient is checked on.
//!
//! [`table`] lists them all; the tests, the benches and `twinglyph gradcheck` walk it. A new op is one file,
//! or a few lines in its family's, and one line there.

mod activation;
mod avg_pool2d;
mod batch_norm;
mod broadcast;
mod contrastive_loss;
mod conv2d;
mod conv_stack;
mod conv_transpose2d;
mod dense;
mod distance;
mod dropout;
mod elementwise;
mod flatten;
mod l2_normalise;
mod matmul;
mod max_pool2d;
mod mined_triplet_loss;
mod multi_similarity_loss;
mod normalised_dense;
mod pairwise_squared_distance;
mod rearrange;
mod reduce;
mod rows;
mod sample;
mod scale;
mod shapes;
mod supervised_contrastive_loss;
mod triplet_loss;

pub use activation::{Relu, Sigmoid, Tanh};
pub use avg_pool2d::AvgPool2d;
pub use batch_norm::{BatchNorm, BatchNormEval};
pub use broadcast::{BroadcastAdd, BroadcastMul};
pub use contrastive_loss::ContrastiveLoss;
pub use conv_stack::{ConvBlock, ConvStack, Tail};
pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use distance::{EuclideanDistance, SquaredDistance};
pub use dropout::Dropout;
pub use elementwise::{Abs, Add, ClampMax, ClampMin, Div, Exp, Log, Mul, Neg, Sqrt, Square, Sub};
pub use flatten::Flatten;
pub use l2_normalise::L2Normalise;
pub use matmul::MatMul;
pub use max_pool2d::MaxPool2d;
pub use mined_triplet_loss::{MinedTripletLoss, Mining};
pub use multi_similarity_loss::MultiSimilarityLoss;
pub use normalised_dense::NormalisedDense;
pub use pairwise_squared_distance::PairwiseSquaredDistance;
pub use rearrange::{Concat, GatherRows, Reshape, Slice, Transpose};
pub use reduce::{Mean, Sum};
pub use rows::{LogSumExp, RowMax, RowMean, RowSum, Softmax};
pub use sample::{Refusal, Sample, Samples};
pub use scale::Scale;
pub use supervised_contrastive_loss::SupervisedContrastiveLoss;
pub use triplet_loss::TripletLoss;

/// One op of the table.
pub struct Entry {
    /// The op's name.
    pub name: &'static str,
    /// What it is checked on in f64.
    pub samples_f64: fn() -> Vec<Sample<f64>>,
    /// The same numbers in f32.
    pub samples_f32: fn() -> Vec<Sample<f32>>,
    /// What it must refuse.
    pub refusals: fn() -> Vec<Refusal>,
}

/// Every op. An op without samples fails the suite.
pub fn table() -> Vec<Entry> {
    macro_rules! ops {
        ($($name:literal: $op:ty,)*) => {
            vec![$(Entry {
                name: $name,
                samples_f64: <$op as Samples>::samples::<f64>,
                samples_f32: <$op as Samples>::samples::<f32>,
                refusals: <$op as Samples>::refusals,
            }),*]
        };
    }
    ops! {
        "add": Add,
        "sub": Sub,
        "mul": Mul,
        "div": Div,
        "neg": Neg,
        "square": Square,
        "sqrt": Sqrt,
        "abs": Abs,
        "exp": Exp,
        "log": Log,
        "clamp_min": ClampMin,
        "clamp_max": ClampMax,
        "scale": Scale,
        "dropout": Dropout,
        "broadcast_add": BroadcastAdd,
        "broadcast_mul": BroadcastMul,
        "sum": Sum,
        "mean": Mean,
        "row_sum": RowSum,
        "row_mean": RowMean,
        "row_max": RowMax,
        "log_sum_exp": LogSumExp,
        "softmax": Softmax,
        "matmul": MatMul,
        "reshape": Reshape,
        "transpose": Transpose,
        "concat": Concat,
        "slice": Slice,
        "gather_rows": GatherRows,
        "relu": Relu,
        "tanh": Tanh,
        "sigmoid": Sigmoid,
        "dense": Dense,
        "conv2d": Conv2d,
        "conv_transpose2d": ConvTranspose2d,
        "conv_stack": ConvStack,
        "max_pool2d": MaxPool2d,
        "avg_pool2d": AvgPool2d,
        "batch_norm": BatchNorm,
        "batch_norm_eval": BatchNormEval,
        "normalised_dense": NormalisedDense,
        "flatten": Flatten,
        "squared_distance": SquaredDistance,
        "euclidean_distance": EuclideanDistance,
        "l2_normalise": L2Normalise,
        "pairwise_squared_distance": PairwiseSquaredDistance,
        "contrastive_loss": ContrastiveLoss,
        "triplet_loss": TripletLoss,
        "supervised_contrastive_loss": SupervisedContrastiveLoss,
        "multi_similarity_loss": MultiSimilarityLoss,
        "mined_triplet_loss": MinedTripletLoss,
    }
}
