//! The name that somebody meant who misspelt it.

/// The name that somebody most likely meant: the one with the fewest changes, where these are at most a third of it.
pub fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (changes, best) = names.into_iter().map(|other| (edits(name, other), other)).min()?;
    (3 * changes <= best.chars().count().max(3)).then_some(best)
}

/// How many characters must be put in, taken out, changed, or swapped with their neighbour to make `a` into `b`, capitals
/// aside.
pub fn edits(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_known_and_another_word_is_not() {
        let names = ["learning_rate", "loss", "label", "ema"];
        assert_eq!(meant("learnig_rate", names), Some("learning_rate"));
        assert_eq!(meant("Los", names), Some("loss"));
        assert_eq!(meant("emma", names), Some("ema"));
        assert_eq!(meant("momentum", names), None);
        assert_eq!(meant("x", []), None);
        assert_eq!(meant("mea", names), Some("ema"));
        assert_eq!(
            (edits("kitten", "sitting"), edits("", "ab"), edits("A", "a"), edits("reprot", "report")),
            (3, 2, 0, 1)
        );
    }
}
