use super::*;
use crate::evaluate::calibration::Bin;
use crate::evaluate::metrics::Confusion;
use crate::run::metrics_file::MetricsTable;

fn table(rows: &str) -> MetricsTable {
    let text =
        format!("epoch,loss,val_loss,accuracy,val_accuracy,active_triplets,gradient_encoder.0\n{rows}");
    MetricsTable::parse("metrics.csv", &text).unwrap()
}

#[test]
fn a_picture_is_the_same_every_time_and_has_its_words() {
    let table = table("1,0.3,0.4,0.6,0.5,,0.1\n2,0.2,0.3,0.7,0.6,,0.01\n3,0.1,0.2,0.8,0.6,,0.02\n");
    let pictures = metrics_curves(&table).unwrap();
    assert_eq!(pictures, metrics_curves(&table).unwrap());
    // What there are no numbers of is not drawn.
    let names: Vec<&str> = pictures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["loss", "accuracy", "gradients"]);
    for word in ["Loss", "epoch", "training", "held-out alphabets", "</svg>"] {
        assert!(pictures[0].1.contains(word), "{word}");
    }
    let svg =
        confusion_matrix("held-out", "alphabet", &Confusion { tp: 61, fn_: 39, fp: 42, tn: 58 }).unwrap();
    for word in ["61", "39.0 %", "truly different", "59.5 %", "same alphabet"] {
        assert!(svg.contains(word), "{word}");
    }
    let bin = |pairs, probability, same| Bin { pairs, probability, same };
    let bins = [bin(30, 0.2, 0.3), Bin::default(), bin(10, 0.7, 0.8)];
    let svg = reliability_diagram("held-out", "character", &bins).unwrap();
    for word in ["10.0 % calibration error", "<polyline", "probability of the same character"] {
        assert!(svg.contains(word), "{word}");
    }
    let points = vec![(0.0, 0.0), (0.25, 0.75), (1.0, 1.0)];
    let curve = RocCurve { set: "held-out".into(), points, eer: 0.25 };
    let svg = roc_curves(&[curve]).unwrap();
    for word in ["held-out: EER 25.0 %", "false positive rate"] {
        assert!(svg.contains(word), "{word}");
    }
    let svg = distance_histogram("train", "alphabet", &[(0.1, true), (0.9, false)], 0.5).unwrap();
    for word in ["threshold 0.500", "of the same alphabet", "100 %"] {
        assert!(svg.contains(word), "{word}");
    }
}

#[test]
fn names_of_alphabets_cannot_break_a_picture() {
    let evil = "<script>&\"'\u{1}";
    let bar = AlphabetBar { name: evil.into(), set: "train".into(), balanced_accuracy: 0.75 };
    let dot = Dot { at: [0.0, 1.0], alphabet: 0, id: 7, words: evil.into() };
    for svg in [alphabet_bars(&[bar]).unwrap(), map("t-SNE", &[dot], &[evil.into()])] {
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;&amp;"), "{svg}");
    }
}

#[test]
fn one_epoch_and_numbers_that_are_none_can_be_drawn() {
    for rows in [
        "",
        "1,0.3,0.4,0.6,0.5,0.2,0.1\n",
        "1,NaN,inf,NaN,NaN,NaN,0\n2,NaN,-inf,1,1,NaN,-1\n",
        "1,1e308,1,1,1,1,1\n2,-1e308,1,1,1,1,1\n",
    ] {
        for (_, svg) in metrics_curves(&table(rows)).unwrap() {
            assert!(svg.contains("</svg>"));
        }
    }
    let pictures = [
        reliability_diagram("held-out", "alphabet", &[]),
        confusion_matrix("train", "alphabet", &Confusion::default()),
        roc_curves(&[]),
        distance_histogram("train", "alphabet", &[], 0.0),
        distance_histogram("train", "alphabet", &[(1.0, true); 3], 1.0),
        distance_histogram("train", "alphabet", &[(f32::NAN, true)], f32::MAX),
        alphabet_bars(&[]),
    ];
    assert!(pictures.into_iter().all(|svg| svg.unwrap().contains("</svg>")));
    let dot = |at| Dot { at, alphabet: 30, id: 0, words: String::new() };
    for dots in [vec![], vec![dot([1.0, 1.0])], vec![dot([f64::NAN, 0.0]), dot([0.0, 2.0])]] {
        assert!(!map("PCA", &dots, &[]).contains("NaN"));
    }
}

#[test]
fn a_themed_picture_names_its_colours() {
    let svg = themed(&roc_curves(&[]).unwrap());
    assert!(svg.contains("\"var(--ink)\"") && svg.contains("\"var(--paper)\"") && !svg.contains("#282828"));
}
