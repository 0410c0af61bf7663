//! Every op's gradient at two hundred random geometries: batches of 1, sizes of 1, strides beyond the kernel, uneven
//! leftovers, asymmetric kernels. A failure is shrunk to the smallest geometry that still fails.

use crate::cases::{Case, Choices, OPS};
use crate::twice::same_bits_twice;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};
use twinglyph_engine::gradcheck::Check;
use twinglyph_engine::ops::table;

/// Of each op. `TWINGLYPH_GEOMETRIES` asks for more.
fn geometries() -> u32 {
    std::env::var("TWINGLYPH_GEOMETRIES")
        .map_or(200, |count| count.parse().expect("TWINGLYPH_GEOMETRIES is a number"))
}

/// Numbers that a geometry is chosen by: each is taken modulo how many choices there are, so that smaller ones mean
/// smaller shapes, and shrinking them shrinks the geometry.
const NUMBERS: usize = 24;

#[test]
fn every_op_has_geometries() {
    let names: Vec<&str> = OPS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, table().iter().map(|entry| entry.name).collect::<Vec<_>>());
}

/// The largest error at this geometry, or what failed.
fn check(case: &Case) -> std::result::Result<f64, String> {
    let report =
        Check::new().linear_in(&case.linear).run_op(&case.op, &case.inputs).map_err(|e| e.to_string())?;
    if !report.passed {
        return Err(format!("{}: {report}", case.label));
    }
    match same_bits_twice(case) {
        Ok(true) => Ok(report.worst_error),
        Ok(false) => Err(format!("{}: a used tape or more threads give other bits", case.label)),
        Err(error) => Err(error.to_string()),
    }
}

fn run(name: &str) {
    let build = OPS.iter().find(|(op, _)| *op == name).expect("an op of the table").1;
    // The same geometries every time.
    let config = Config { cases: geometries(), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let worst = std::cell::Cell::new(0.0f64);
    let result = runner.run(&vec(0u32..10_000, NUMBERS), |numbers| {
        let error = check(&build(&mut Choices::new(&numbers))).map_err(TestCaseError::fail)?;
        worst.set(worst.get().max(error));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{name}: {error}");
    }
    println!("{name}: {} geometries, worst error {:.1e}", geometries(), worst.get());
}

macro_rules! tests {
    ($($name:ident)*) => { $(#[test] fn $name() { run(stringify!($name)); })* };
}

tests! {
    add sub mul div neg square sqrt abs exp log clamp_min clamp_max scale dropout broadcast_add broadcast_mul sum mean
    row_sum row_mean row_max log_sum_exp softmax matmul reshape transpose concat slice gather_rows relu tanh sigmoid dense conv2d conv_stack max_pool2d avg_pool2d
    batch_norm batch_norm_eval normalised_dense flatten squared_distance euclidean_distance l2_normalise
    pairwise_squared_distance contrastive_loss triplet_loss supervised_contrastive_loss multi_similarity_loss
    mined_triplet_loss
}
