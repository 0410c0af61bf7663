//! How much of what the multipliers can do a convolution uses: each pass of both encoders' convolutions on one thread, in
//! turn with a loop of nothing but multiply-adds, since the clock drifts.
//!
//! `cargo bench --bench share`. Operations are dense ones, 2 C_in K_h K_w for each output, so fewer products can make
//! more than 100 %. A share is the median of the rounds; behind it the least and the greatest.

mod common;

use common::{Convolution, GEOMETRIES, PASSES, Pass, Timing, flops, in_turn, seconds};
use twinglyph_kernels::probe;

/// The encoders' convolutions: the first of the table.
const CASES: usize = 4;
/// How often each is timed, in turn.
const ROUNDS: usize = 31;
/// Operations that are timed at a time, of each: some milliseconds.
const AMOUNT: u64 = 1_000_000_000;

fn main() {
    // `cargo bench` gives --bench; `cargo test` --test: then the results are checked and nothing is timed.
    let only_check = !std::env::args().any(|argument| argument == "--bench");
    common::on_this_thread();
    for (name, g) in &GEOMETRIES[..CASES] {
        let mut convolution = Convolution::new(*g);
        for pass in PASSES {
            convolution.check(pass, false);
            if !only_check {
                let Timing { least, median, greatest } = share(&mut convolution, pass);
                println!(
                    "{name:15} {:16} {:4.0} % ({:.0} to {:.0})",
                    common::name(pass),
                    100.0 * median,
                    100.0 * least,
                    100.0 * greatest
                );
            }
        }
    }
    if only_check {
        println!("{CASES} shapes checked");
    }
}

/// Operations a second of a pass over those of the multipliers.
fn share(convolution: &mut Convolution, pass: Pass) -> Timing {
    let amount = flops(&convolution.g);
    let repeats = AMOUNT.div_ceil(amount);
    let (a_round, _) = probe::multiply_adds::<f32>(1);
    let rounds = AMOUNT / a_round;
    let [share] = in_turn(ROUNDS, || {
        let most = (a_round * rounds) as f64 / seconds(1, || probe::multiply_adds::<f32>(rounds));
        [amount as f64 / seconds(repeats, || convolution.run(pass)) / most]
    });
    share
}
