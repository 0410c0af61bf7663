//! `twinglyph bench --profile`: where a step's time goes, op by op, against what the machine can do.

use rayon::prelude::*;
use serde::Serialize;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use twinglyph_engine::tape::{Call, Watch};
use twinglyph_kernels::map::{Identity, map_sum};
use twinglyph_kernels::probe::multiply_adds;

/// Adds up the time of every op. Its clones share what they know.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    started: Option<Instant>,
    rows: Vec<Record>,
}

/// All calls of one op on inputs of one shape, in one direction.
struct Record {
    op: &'static str,
    input: String,
    backward: bool,
    time: Duration,
    flops: u64,
    bytes: u64,
}

impl Records {
    fn add(&mut self, op: &'static str, input: String, backward: bool, time: Duration, work: (u64, u64)) {
        let same = |row: &&mut Record| row.op == op && row.backward == backward && row.input == input;
        if let Some(row) = self.rows.iter_mut().find(same) {
            row.time += time;
            row.flops += work.0;
            row.bytes += work.1;
        } else {
            self.rows.push(Record { op, input, backward, time, flops: work.0, bytes: work.1 });
        }
    }
}

impl Watch for Recorder {
    fn start(&mut self) {
        self.records().started = Some(Instant::now());
    }

    fn stop(&mut self, call: &Call) {
        let mut records = self.records();
        let time = records.started.take().map_or(Duration::ZERO, |start| start.elapsed());
        records.add(call.op, call.input.to_string(), call.backward, time, (call.flops, call.bytes));
    }
}

impl Recorder {
    fn records(&self) -> std::sync::MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Times what is no op.
    pub(super) fn time<T>(&self, what: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.records().add(what, String::new(), false, start.elapsed(), (0, 0));
        result
    }

    /// Forgets what has been timed so far.
    pub(super) fn forget(&self) {
        self.records().rows.clear();
    }

    /// The mean of so many steps, longest first, and the machine's own speed, measured now.
    pub(super) fn profile(&self, steps: u32) -> Profile {
        let steps = f64::from(steps);
        let mut ops: Vec<Row> = (self.records().rows.iter())
            .map(|row| {
                let seconds = row.time.as_secs_f64();
                let rate = |amount: u64| (amount > 0).then(|| amount as f64 / seconds / 1e9);
                Row {
                    op: row.op,
                    input: row.input.clone(),
                    pass: if row.backward { "backward" } else { "forward" },
                    ms: seconds / steps * 1e3,
                    gflop: row.flops as f64 / steps / 1e9,
                    gflop_per_s: rate(row.flops),
                    mb: row.bytes as f64 / steps / 1e6,
                    gb_per_s: rate(row.bytes),
                }
            })
            .collect();
        ops.sort_by(|a, b| b.ms.total_cmp(&a.ms));
        Profile { machine: Machine::measure(), ops }
    }
}

/// What `--profile` prints.
#[derive(Serialize)]
pub(super) struct Profile {
    machine: Machine,
    ops: Vec<Row>,
}

/// What the threads in use can do together.
#[derive(Serialize)]
struct Machine {
    threads: usize,
    simd: String,
    /// Multiply-adds on registers, two operations each.
    gflop_per_s: f64,
    /// Reading from memory.
    gb_per_s: f64,
}

/// An op's part of a step.
#[derive(Serialize)]
struct Row {
    op: &'static str,
    /// The shape of its first input.
    input: String,
    pass: &'static str,
    ms: f64,
    /// Of the formula as it is written: a kernel that need not do them all can seem faster than the machine.
    gflop: f64,
    gflop_per_s: Option<f64>,
    /// Of the tensors that it reads and writes.
    mb: f64,
    gb_per_s: Option<f64>,
}

impl Machine {
    fn measure() -> Machine {
        const ROUNDS: u64 = 1_000_000;
        const ELEMENTS: usize = 32 << 20;
        let best = |work: &dyn Fn() -> f64| {
            let rate = |_: usize| {
                let start = Instant::now();
                let amount = work();
                amount / start.elapsed().as_secs_f64() / 1e9
            };
            (0..5).map(rate).fold(0.0, f64::max)
        };
        let numbers: Vec<f32> = (0..ELEMENTS).into_par_iter().map(|i| (i % 7) as f32).collect();
        let gflop_per_s = best(&|| {
            let work = rayon::broadcast(|_| multiply_adds::<f32>(ROUNDS));
            work.iter()
                .map(|(flops, result)| *flops as f64 + std::hint::black_box(f64::from(*result)) * 0.0)
                .sum()
        });
        let gb_per_s = best(&|| {
            std::hint::black_box(map_sum(Identity, [&numbers[..]]));
            size_of_val(&numbers[..]) as f64
        });
        let simd = twinglyph_kernels::simd::Level::current().to_string();
        Machine { threads: rayon::current_num_threads(), simd, gflop_per_s, gb_per_s }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { threads, simd, gflop_per_s, gb_per_s } = &self.machine;
        let threads = format!("{threads} thread{}", if *threads == 1 { "" } else { "s" });
        writeln!(
            f,
            "This machine ({threads}, {simd}): {gflop_per_s:.0} GFLOP/s, {gb_per_s:.1} GB/s from memory.\n"
        )?;
        let total: f64 = self.ops.iter().map(|row| row.ms).sum();
        let head = ["op", "input", "pass", "ms", "share", "GFLOP", "GFLOP/s", "of peak", "MB", "GB/s"];
        let mut lines: Vec<[String; 10]> = vec![head.map(String::from)];
        for row in &self.ops {
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
            lines.push([
                row.op.into(),
                if row.input.is_empty() { "-".into() } else { row.input.clone() },
                row.pass.into(),
                format!("{:.2}", row.ms),
                format!("{:.0} %", 100.0 * row.ms / total),
                or_none((row.gflop > 0.0).then(|| format!("{:.3}", row.gflop))),
                or_none(row.gflop_per_s.map(|rate| format!("{rate:.0}"))),
                or_none(row.gflop_per_s.map(|rate| format!("{:.0} %", 100.0 * rate / gflop_per_s))),
                or_none((row.mb > 0.0).then(|| format!("{:.1}", row.mb))),
                or_none(row.gb_per_s.map(|rate| format!("{rate:.1}"))),
            ]);
        }
        let widths: [usize; 10] =
            std::array::from_fn(|i| lines.iter().map(|line| line[i].len()).max().unwrap_or(0));
        for (at, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(widths).enumerate().map(|(i, (cell, width))| {
                if i < 3 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            });
            let text = cells.collect::<Vec<_>>().join("  ");
            write!(f, "{}{}", text.trim_end(), if at + 1 == lines.len() { "" } else { "\n" })?;
        }
        Ok(())
    }
}
