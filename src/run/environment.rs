//! What a run was made with and on: the program, the machine, the data.

use crate::data::Dataset;
use crate::data::split::Split;
use serde::{Deserialize, Serialize};
use twinglyph_kernels::{im2col, simd::Level};

/// `environment.json`: nothing of it changes what a run comes to, but the data. What a file does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// The program's version.
    pub version: String,
    /// The SIMD level that the kernels ran at; all of them, one after the other, where the run went on at another.
    pub simd: String,
    /// Threads that the work was spread over.
    pub threads: usize,
    /// For example `linux`.
    pub os: String,
    /// For example `x86_64`.
    pub arch: String,
    /// See [`Dataset::fingerprint`], in hexadecimal.
    pub data_fingerprint: String,
    /// Glyphs in the data.
    pub glyphs: usize,
    /// Names of the alphabets that were trained on.
    pub training_alphabets: Vec<String>,
    /// Names of those held out.
    pub held_out_alphabets: Vec<String>,
    /// A hash of the weights that the training began with, in hexadecimal, where they are not those of the seed.
    pub init: String,
    /// The epochs of the configuration before each time that it was given more.
    pub longer: Vec<usize>,
}

impl Environment {
    /// What the configuration does not say and the run's bytes depend on, in words.
    pub fn depends_on(&self, cosine: bool) -> Vec<String> {
        let mut all = vec![format!("on {}", self.simd)];
        if !self.init.is_empty() {
            all.push(format!("from the same first weights (--init; their hash is {})", self.init));
        }
        if cosine && !self.longer.is_empty() {
            let epochs: Vec<String> = self.longer.iter().map(usize::to_string).collect();
            all.push(format!("with {} epochs first, and the rest by --resume", epochs.join(", then ")));
        }
        all
    }

    /// Of this process, at work on a dataset.
    pub fn current(set: &Dataset, split: &Split) -> Environment {
        let [training_alphabets, held_out_alphabets] = split.names(set);
        Environment {
            version: env!("CARGO_PKG_VERSION").into(),
            simd: kernels(),
            threads: rayon::current_num_threads(),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            data_fingerprint: format!("{:016x}", set.fingerprint()),
            glyphs: set.glyphs().len(),
            training_alphabets,
            held_out_alphabets,
            init: String::new(),
            longer: Vec::new(),
        }
    }

    /// The same for a run that goes on after `before`.
    pub(super) fn after(self, before: Environment) -> Environment {
        let simd = match before.simd.rsplit(THEN).next() {
            Some("") | None => self.simd,
            Some(last) if last == self.simd => before.simd,
            Some(_) => format!("{}{THEN}{}", before.simd, self.simd),
        };
        Environment { simd, init: before.init, longer: before.longer, ..self }
    }

    /// Whether other kernels were at work on it than those of this process.
    pub fn on_other_kernels(&self) -> bool {
        self.simd != kernels()
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("names and numbers are JSON");
        text.push('\n');
        text
    }
}

/// Between one kind of kernels and the next.
const THEN: &str = ", then ";

/// The SIMD level of the kernels, and whether convolution goes by the textbook.
pub fn kernels() -> String {
    format!("{}{}", Level::current(), if im2col::is_asked_for() { ", convolution by im2col" } else { "" })
}

/// The most memory that the process has held, in MiB; `None` where the system does not tell it in a file.
pub fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
