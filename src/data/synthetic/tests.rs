use super::*;

const SMALL: Spec = Spec { alphabets: 6, characters: 5, drawers: 4, seed: 3 };

/// FNV-1a over all pixels.
fn hash(set: &Dataset) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for glyph in set.glyphs() {
        for i in 0..set.pixels() {
            hash = (hash ^ u64::from(glyph.pixels.ink(i) > 0.5)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

fn ink_share(glyph: &Glyph) -> f64 {
    (0..105 * 105).map(|i| f64::from(glyph.pixels.ink(i))).sum::<f64>() / (105.0 * 105.0)
}

#[test]
fn one_seed_draws_the_same_pixels_at_any_thread_count() {
    let set = generate(&SMALL).unwrap();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| generate(&SMALL)).unwrap(), set);
    }
    assert_ne!(hash(&generate(&Spec { seed: 4, ..SMALL }).unwrap()), hash(&set));
}

#[test]
fn more_of_anything_changes_none_of_the_others() {
    let small = generate(&SMALL).unwrap();
    let large = generate(&Spec { alphabets: 7, characters: 6, drawers: 5, ..SMALL }).unwrap();
    for glyph in small.glyphs() {
        let name = &small.alphabets()[glyph.alphabet as usize].name;
        let alphabet = large.alphabets().iter().position(|a| a.name == *name).unwrap();
        let twin = large.glyphs()[large.alphabet_range(alphabet)]
            .iter()
            .find(|twin| twin.character == glyph.character && twin.drawer == glyph.drawer);
        assert_eq!(twin.unwrap().pixels, glyph.pixels);
    }
}

#[test]
fn every_glyph_has_about_as_much_ink_as_omniglots() {
    let set = generate(&Spec { alphabets: 12, ..SMALL }).unwrap();
    assert_eq!(set.size(), (105, 105));
    for glyph in set.glyphs() {
        assert!(matches!(glyph.pixels, Pixels::Bits(_)));
        let share = ink_share(glyph);
        assert!((0.005..0.2).contains(&share), "{glyph:?}: {share}");
    }
}

#[test]
fn no_two_characters_of_an_alphabet_are_the_same() {
    let set = generate(&Spec { characters: 20, ..SMALL }).unwrap();
    for a in 0..set.alphabets().len() {
        let glyphs = &set.glyphs()[set.alphabet_range(a)];
        for (i, glyph) in glyphs.iter().enumerate() {
            assert!(glyphs[..i].iter().all(|other| other.pixels != glyph.pixels));
        }
    }
}

#[test]
fn a_turn_keeps_the_length_and_about_the_angle() {
    for degrees in (-360..=360).step_by(15) {
        let angle = f64::from(degrees).to_radians();
        let [x, y] = stroke::rotate([1.0, 0.0], angle);
        assert!((x * x + y * y - 1.0).abs() < 1e-12);
        assert!((x - angle.cos()).abs() < 0.02 && (y - angle.sin()).abs() < 0.02, "{degrees}");
    }
}
