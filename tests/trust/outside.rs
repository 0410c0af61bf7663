//! Text from outside, cut off or changed anywhere: it is read, or refused in one sentence; nothing panics.

use twinglyph::recipes::{BUILT_IN, Recipe};
use twinglyph::run::environment::Environment;
use twinglyph::run::metrics_file::MetricsTable;

/// Every prefix of a text, and the text with each byte changed in each of some ways.
fn variants(text: &str) -> impl Iterator<Item = String> + '_ {
    let prefixes =
        (0..text.len()).filter(|&end| text.is_char_boundary(end)).map(|end| text[..end].to_string());
    let changed = (0..text.len()).flat_map(move |at| {
        [b'0', b'9', b'-', b'"', b'[', b'\n', 0, 0x7f].into_iter().filter_map(move |byte| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = byte;
            String::from_utf8(bytes).ok()
        })
    });
    prefixes.chain(changed)
}

/// An error is one line, and begins with what it is about.
fn is_sentence(error: &twinglyph_engine::Error, place: &str) -> bool {
    let said = error.to_string();
    said.starts_with(place) && !said.contains('\n')
}

#[test]
fn every_prefix_and_every_changed_byte_of_a_recipe_is_read_or_refused_in_a_sentence() {
    let (mut read, mut refused) = (0, 0);
    for (name, text) in BUILT_IN {
        for variant in variants(text) {
            match Recipe::parse("my.toml", &variant, &[]) {
                Ok(recipe) => {
                    // What is accepted can be built, shape by shape.
                    recipe.architecture().shapes().unwrap();
                    read += 1;
                }
                Err(error) => {
                    assert!(is_sentence(&error, "my.toml"), "{name}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 1000 && refused > 10_000, "{read} read, {refused} refused");
}

#[test]
fn every_prefix_and_every_changed_byte_of_a_runs_text_is_read_or_refused_in_a_sentence() {
    let metrics = "epoch,loss,val_auc,saturated,gradient_encoder.0,seconds\n1,0.5,0.6,,1e-3,2.5\n2,0.25,NaN,,inf,2.25\n";
    let mut refused = 0;
    for variant in variants(metrics) {
        match MetricsTable::parse("metrics.csv", &variant) {
            Ok(table) => assert!(table.columns().all(|(_, column)| column.len() == table.epochs().len())),
            Err(error) => {
                assert!(is_sentence(&error, "metrics.csv"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
    let environment =
        "{\"version\": \"0.1.0\", \"threads\": 2, \"glyphs\": 10, \"held_out_alphabets\": [\"A\"]}";
    let broken = variants(environment).filter(|text| serde_json::from_str::<Environment>(text).is_err());
    assert!(broken.count() > 100);
}
