//! The fuzz targets for a moment, without libFuzzer: files changed by chance, thrown at every reader. `.ci/fuzz` does it with
//! the readers' code watched, ten million times.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use crate::common::skip;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::process::Command;

type Reader = fn(&[u8]);

/// Files for each reader.
const FILES: usize = 20_000;

/// A file that is nearly one of the seeds.
fn changed(seeds: &[Vec<u8>], chance: &mut ChaCha8Rng) -> Vec<u8> {
    let mut pick = |below: usize| chance.random_range(0..below.max(1) as u64) as usize;
    let mut file = seeds[pick(seeds.len())].clone();
    for _ in 0..=pick(6) {
        let at = pick(file.len());
        let end = at + pick((file.len() - at).min(64) + 1);
        match pick(7) {
            0 => file.truncate(at),
            1 => drop(file.drain(at..end)),
            2 => {
                let copy = file[at..end].to_vec();
                let to = pick(file.len() + 1);
                file.splice(to..to, copy);
            }
            3 => {
                // A piece of another file.
                let other = &seeds[pick(seeds.len())];
                let from = pick(other.len());
                let piece = &other[from..(from + pick(64)).min(other.len())];
                file.splice(at..end, piece.iter().copied());
            }
            4 => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << pick(8)),
            5 => {
                let byte = *b"09-\"[\n\0\xff".get(pick(8)).expect("one of eight");
                file.iter_mut().skip(at).take(1 + pick(4)).for_each(|b| *b = byte);
            }
            _ => file.iter_mut().skip(at).take(1).for_each(|byte| *byte = pick(256) as u8),
        }
    }
    file
}

#[test]
fn changed_files_of_every_kind_are_read_or_refused_in_a_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/seeds.py"))
        .args([env!("CARGO_BIN_EXE_twinglyph").as_ref(), temp.path().as_os_str()])
        .output();
    let Ok(made) = made else {
        return skip("python", "no python3 to make files with");
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let readers: [(&str, Reader); 6] = [
        ("png", targets::png),
        ("archive", targets::archive),
        ("model", targets::model),
        ("recipe", targets::recipe),
        ("problem", targets::problem),
        ("run_directory", targets::run_directory),
    ];
    for (name, reader) in readers {
        let entries = fs::read_dir(temp.path().join(name)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        seeds.iter().for_each(|seed| reader(seed));
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        (0..FILES).for_each(|_| reader(&changed(&seeds, &mut chance)));
    }
    targets::clean_up();
}
