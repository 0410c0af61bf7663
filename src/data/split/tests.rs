use super::*;
use crate::data::testing::set;

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|s| s.to_string()).collect()
}

#[test]
fn a_seed_holds_out_five_alphabets_or_two_of_fewer_than_ten() {
    for (count, held) in [(4, 2), (9, 2), (10, 5), (30, 5)] {
        let set = set(&vec![2; count]);
        let mut splits = Vec::new();
        for seed in 0..20 {
            let split = Split::by_alphabet(&set, &[], seed).unwrap();
            assert_eq!(split, Split::by_alphabet(&set, &[], seed).unwrap());
            assert_eq!((split.held_out.len(), split.training.len()), (held, count - held));
            assert!(split.held_out.is_sorted() && split.training.is_sorted());
            let mut all = [split.training.clone(), split.held_out.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            splits.push(split.held_out);
        }
        assert!(splits.iter().any(|s| *s != splits[0]), "seeds make no difference");
    }
}

#[test]
fn every_alphabet_is_held_out_as_often_as_another() {
    let set = set(&[2; 10]);
    let mut counts = [0; 10];
    for seed in 0..2000 {
        Split::by_alphabet(&set, &[], seed).unwrap().held_out.iter().for_each(|&a| counts[a] += 1);
    }
    // 1,000 +- 5 standard deviations of a binomial count.
    assert!(counts.iter().all(|c| (888..=1112).contains(c)), "{counts:?}");
}

#[test]
fn named_alphabets_are_held_out_each_once() {
    let set = set(&[2; 6]);
    let split = Split::by_alphabet(&set, &names(&["A04", "A01", "A04"]), 3).unwrap();
    assert_eq!(split, Split { training: vec![0, 2, 3, 5], held_out: vec![1, 4] });
}

#[test]
fn an_unknown_name_is_named_with_the_nearest() {
    let set = set(&[2; 30]);
    let error = Split::by_alphabet(&set, &names(&["a17", "A01"]), 0).unwrap_err();
    assert!(matches!(error, Error::Argument { name: "hold_out", .. }));
    assert_eq!(
        error.to_string(),
        "hold_out: no alphabet is named \"a17\", expected one of A17, A07, A10 or 27 others"
    );
}

#[test]
fn too_few_alphabets_on_a_side_are_refused() {
    let error = |count, hold_out: &[&str]| {
        Split::by_alphabet(&set(&vec![2; count]), &names(hold_out), 0).unwrap_err().to_string()
    };
    assert_eq!(
        error(3, &[]),
        "data: has 3 alphabets, expected at least four: two to train on and two to hold out, so that both have pairs of \
         different alphabets"
    );
    assert!(error(1, &[]).starts_with("data: has 1 alphabet, "));
    assert_eq!(
        error(4, &["A01", "A01"]),
        "hold_out: holds out 1 of 4 alphabets, expected at least 2: there would be no pair of different alphabets"
    );
    assert_eq!(
        error(4, &["A01", "A00", "A02"]),
        "hold_out: leaves 1 of 4 alphabets, expected at least 2: there would be no pair of different alphabets"
    );
}

#[test]
fn a_stored_split_is_found_again_by_name() {
    let set = set(&[2; 5]);
    let split = Split::by_alphabet(&set, &[], 7).unwrap();
    let of = |side: &[usize]| side.iter().map(|&a| set.alphabets()[a].name.clone()).collect::<Vec<_>>();
    assert_eq!(Split::from_names(&set, &of(&split.training), &of(&split.held_out)).unwrap(), split);
    assert_eq!(
        Split::from_names(&set, &names(&["A01"]), &names(&["Greek"])).unwrap_err().to_string(),
        "Greek: is an alphabet of the model but not of the data, expected data that has it"
    );
    assert_eq!(
        Split::from_names(&set, &names(&["A01"]), &names(&["A01"])).unwrap_err().to_string(),
        "A01: is named among the training and the held-out alphabets, expected it in one of them"
    );
}
