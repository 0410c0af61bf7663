//! Where in a recipe's text a key stands.

use toml::de::{DeTable, DeValue};

/// The line, from 1, of a key such as `margin`, `sample.alphabets` or `encoder[2].eps`; of what is around it, where it is
/// not in the text itself.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let key = key.split(' ').next()?;
    let mut parts = key.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let table = DeTable::parse(text).ok()?;
    let first = parts.next()?;
    let (name, mut value) = table.get_ref().iter().find(|(name, _)| name.get_ref() == first)?;
    let mut start = name.span().start;
    for part in parts {
        value = match value.get_ref() {
            DeValue::Table(table) => {
                let Some((name, inner)) = table.iter().find(|(name, _)| name.get_ref() == part) else {
                    break;
                };
                start = name.span().start;
                inner
            }
            DeValue::Array(items) => {
                let Some(item) = part.parse::<usize>().ok().and_then(|i| items.get(i)) else { break };
                start = item.span().start;
                item
            }
            _ => break,
        };
    }
    Some(1 + text.as_bytes()[..start.min(text.len())].iter().filter(|&&byte| byte == b'\n').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_tables_and_lists_of_either_spelling() {
        let text = "loss = \"triplet\"\nmargin = 1\n[sample]\nalphabets = 3\n\n[[encoder]]\nlayer = \"relu\"\n\n\
                    [[encoder]]\nlayer = \"dropout\"\nrate = 2\n";
        let expected = [
            ("margin", Some(2)),
            ("sample.alphabets", Some(4)),
            ("sample.drawings", Some(3)),
            ("encoder[0] relu", Some(6)),
            ("encoder[1].rate", Some(11)),
            ("encoder[7]", Some(6)),
            ("warmup", None),
        ];
        for (key, line) in expected {
            assert_eq!(line_of(text, key), line, "{key}");
        }
        let inline = "encoder = [\n  { layer = \"relu\" },\n  { layer = \"dropout\", rate = 2 },\n]\n";
        assert_eq!(line_of(inline, "encoder[1].rate"), Some(3));
        assert_eq!(line_of("margin = [", "margin"), None);
    }
}
