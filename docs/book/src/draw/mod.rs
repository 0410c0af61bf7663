//! The book's figures, drawn from numbers that the engine computed.

mod canvas;
mod convolution;
mod curves;
mod routes;

/// All figures: name and SVG.
pub fn figures() -> Vec<(&'static str, String)> {
    vec![
        ("conv1d-matrix", convolution::matrix()),
        ("weight-patches", convolution::patches()),
        ("scatter-stamps", convolution::stamps()),
        ("gather", convolution::gather()),
        ("stride-gather", convolution::stride()),
        ("overlaps", convolution::overlaps()),
        ("pooling-routes", routes::pooling()),
        ("batch-norm-paths", routes::batch_norm()),
        ("eps-error", curves::step_error()),
        ("triplet-regions", curves::triplet()),
    ]
}
