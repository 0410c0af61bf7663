//! Every op's gradient at two hundred random geometries: batches of 1, sizes of 1, strides beyond the kernel, uneven
//! leftovers, asymmetric kernels. The same ones every time; a failure is shrunk to a small geometry that still fails.

use crate::cases::{Case, Choices, OPS};
use crate::twice::same_bits_twice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use twinglyph_engine::gradcheck::Check;
use twinglyph_engine::ops::table;
use twinglyph_engine::random::{below, rng};

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

/// Numbers that fail among so many of this seed, shrunk, and what fails there.
fn first_failure(
    seed: u64,
    count: u32,
    mut fails: impl FnMut(&[u32]) -> std::result::Result<(), String>,
) -> Option<(Vec<u32>, String)> {
    let mut rng = rng(seed, 0);
    (0..count).find_map(|_| {
        let numbers: Vec<u32> = (0..NUMBERS).map(|_| below(&mut rng, 10_000)).collect();
        let error = fails(&numbers).err()?;
        Some(shrink(numbers, error, &mut fails))
    })
}

/// Makes each number smaller, as far as it still fails, until none can be.
fn shrink(
    mut numbers: Vec<u32>,
    mut error: String,
    mut fails: impl FnMut(&[u32]) -> std::result::Result<(), String>,
) -> (Vec<u32>, String) {
    let (mut at, mut since_smaller) = (0, 0);
    while since_smaller < NUMBERS {
        let number = numbers[at];
        // By all of it, by half, by a quarter ... by 1.
        let mut steps =
            std::iter::successors(Some(number), |step| Some(step / 2)).take_while(|&step| step > 0);
        let failure = steps.find_map(|step| {
            numbers[at] = number - step;
            fails(&numbers).err()
        });
        match failure {
            Some(failure) => (error, since_smaller) = (failure, 0),
            None => {
                numbers[at] = number;
                since_smaller += 1;
                at = (at + 1) % NUMBERS;
            }
        }
    }
    (numbers, error)
}

#[test]
fn a_failure_is_shrunk_until_no_number_can_be_smaller() {
    let mut tried = 0;
    let fails = |numbers: &[u32]| {
        tried += 1;
        let wrong = numbers[3] >= 300 && numbers[5] % 7 >= 4 && numbers[8] > numbers[9];
        if wrong { Err(format!("{} {}", numbers[3], numbers[5] % 7)) } else { Ok(()) }
    };
    let (numbers, error) = first_failure(1, 100, fails).expect("some of a hundred fail");
    assert_eq!(error, "300 4", "what is said is what fails at the numbers that are left");
    assert_eq!((numbers[8], numbers[9]), (1, 0));
    let left = [3, 5, 8];
    assert!((0..NUMBERS).all(|at| left.contains(&at) || numbers[at] == 0), "{numbers:?}");
    assert!(tried < 2000, "{tried} tried");
    assert_eq!(first_failure(1, 100, |_| Ok(())), None);
}

fn run(name: &str) {
    let build = OPS.iter().find(|(op, _)| *op == name).expect("an op of the table").1;
    // By its name, so that no other op's geometries change where one is added.
    let seed = name.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut worst = 0.0f64;
    let failure = first_failure(seed, geometries(), |numbers| {
        // A panic is a failure like others, to be shrunk.
        let error = catch_unwind(AssertUnwindSafe(|| check(&build(&mut Choices::new(numbers)))))
            .map_err(|_| "a panic".to_string())
            .flatten()?;
        worst = worst.max(error);
        Ok(())
    });
    if let Some((numbers, error)) = failure {
        panic!("{name}: {error}\nnumbers: {numbers:?}");
    }
    println!("{name}: {} geometries, worst error {worst:.1e}", geometries());
}

macro_rules! tests {
    ($($name:ident)*) => { $(#[test] fn $name() { run(stringify!($name)); })* };
}

tests! {
    add sub mul div neg square sqrt abs exp log clamp_min clamp_max scale dropout broadcast_add broadcast_mul sum mean
    row_sum row_mean row_max log_sum_exp softmax matmul reshape transpose concat slice gather_rows relu tanh sigmoid dense conv2d conv_transpose2d conv_stack
    max_pool2d avg_pool2d
    batch_norm batch_norm_eval normalised_dense flatten squared_distance euclidean_distance l2_normalise
    pairwise_squared_distance contrastive_loss triplet_loss supervised_contrastive_loss multi_similarity_loss
    mined_triplet_loss
}
