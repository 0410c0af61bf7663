//! The table of which check notices which wrong backward pass: run, not typed.

use std::fmt::Write;
use twinglyph_lesson::{Check, Problem, wrong_backward_passes};

/// Rows: the wrong backward passes; columns: the checks. A dot: it noticed; missed: it let it pass.
pub fn table() -> String {
    let (problem, wrongs) = (Problem::uneven(), wrong_backward_passes());
    let mut out = String::from("| the mistake |");
    Check::ALL.iter().for_each(|check| write!(out, " {} |", check.what()).expect("memory"));
    out += &format!("\n|---|{}\n", ":-:|".repeat(Check::ALL.len()));
    let mut missed = [0; Check::ALL.len()];
    for wrong in &wrongs {
        write!(out, "| `{}`: {} |", wrong.name, wrong.what).expect("memory");
        for (check, missed) in Check::ALL.iter().zip(&mut missed) {
            let noticed = check.run(&problem, Some(wrong)).is_some();
            *missed += usize::from(!noticed);
            out += if noticed { " · |" } else { " **missed** |" };
        }
        out.push('\n');
    }
    write!(out, "| **let through, of {}** |", wrongs.len()).expect("memory");
    missed.iter().for_each(|missed| write!(out, " **{missed}** |").expect("memory"));
    out.push('\n');
    out
}
