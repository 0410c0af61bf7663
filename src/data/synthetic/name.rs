//! Names that can be spoken, one an alphabet.

use super::dice::{Dice, Purpose};

const ONSETS: [&str; 24] = [
    "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "y", "th", "sh", "kh", "br",
    "dr", "tr", "vel", "mar",
];
const VOWELS: [&str; 8] = ["a", "a", "e", "i", "o", "u", "ai", "ea"];
const CODAS: [&str; 12] = ["", "", "", "", "n", "r", "l", "s", "th", "m", "sk", "nd"];

/// The names of the first `count` alphabets, each unique; more alphabets do not change the first ones.
pub(super) fn draw_all(seed: u64, count: usize) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let name = |alphabet: usize| {
        let dice = &mut Dice::new(seed, Purpose::Name, [alphabet as u32, 0, 0]);
        let mut name = String::new();
        // A name already taken grows until it is new, so this ends.
        let mut syllables = dice.between(2, 3);
        loop {
            (0..syllables).for_each(|_| name += &(dice.pick(&ONSETS).to_owned() + dice.pick(&VOWELS)));
            let whole = capitalised(&(name.clone() + dice.pick(&CODAS)));
            if taken.insert(whole.clone()) {
                return whole;
            }
            syllables = 1;
        }
    };
    (0..count).map(name).collect()
}

/// The word with its first letter, an ASCII one, in upper case.
fn capitalised(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}
