//! The chapters' code, run as tests. `tests/book.rs` sees to it that no chapter is missing.

macro_rules! chapters {
    ($($file:literal)*) => {
        $(
            #[doc = include_str!(concat!("../chapters/", $file))]
            const _: () = ();
        )*
    };
}

chapters! {
    "index.md" "gradient.md" "tape.md" "twice.md" "dense.md" "conv1d.md" "weight-bias.md" "input.md"
    "padding-stride.md" "im2col.md" "check.md" "pooling.md" "batch-norm.md" "siamese.md" "fast.md" "learn.md"
}
