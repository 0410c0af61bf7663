//! `twinglyph trace`: the drawing, the JSON, one cell's sum, wrong backward passes, and how it refuses.

mod common;

use common::{fail, succeed};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use twinglyph_kernels::Geometry;
use twinglyph_lesson::trace::{Given, Matrix, Pair, Trace};
use twinglyph_lesson::{Check, Gradient, Problem, Steps, wrong_backward_passes};

/// One image of two channels and three filters, with every size different, and pixels that the stride leaves over.
fn uneven() -> Given {
    Given {
        channels: 2,
        filters: 3,
        input: Matrix::Size(Pair(7, 8)),
        kernel: Matrix::Size(Pair(4, 3)),
        bias: None,
        upstream: None,
        stride: Pair(3, 2),
        padding: Pair(1, 0),
        dilation: Pair(1, 1),
        seed: 5,
    }
}

const UNEVEN: &str =
    "trace --input 7x8 --kernel 4x3 --stride 3x2 --padding 1x0 --channels 2 --filters 3 --seed 5";

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// What a command line prints.
#[track_caller]
fn said(line: &str) -> String {
    succeed(Path::new("."), &words(line))
}

#[track_caller]
fn traced(line: &str) -> Value {
    serde_json::from_str(&said(&format!("{line} --json"))).unwrap()
}

/// The numbers of nested lists, and the lists' lengths.
fn flat(value: &Value) -> (Vec<f64>, Vec<usize>) {
    let Some(list) = value.as_array() else { return (vec![value.as_f64().unwrap()], vec![]) };
    let (mut numbers, mut sizes) = (Vec::new(), Vec::new());
    for inner in list {
        let (more, inner) = flat(inner);
        numbers.extend(more);
        assert!(sizes.is_empty() || sizes[1..] == inner, "ragged");
        sizes = [vec![list.len()], inner].concat();
    }
    (numbers, sizes)
}

#[test]
fn without_arguments_an_example_is_drawn() {
    assert_eq!(said("trace"), include_str!("trace/plain.txt"));
    assert_eq!(said("trace --input 4x4 --kernel 3x3 --stride 1 --padding 0x0 --seed 1"), said("trace"));
    assert_eq!(said("trace --input 4 4 --kernel 3 3 --stride 1 1 --padding 0 0 --seed 1"), said("trace"));
    assert_ne!(said("trace --seed 2"), said("trace"));
}

#[test]
fn every_step_in_the_json_is_the_lessons_and_every_difference_a_gradient() {
    let problem = uneven().problem().unwrap();
    let (g, steps) = (&problem.geometry, Steps::of(&problem, None).unwrap());
    let trace = traced(UNEVEN);
    let (h_out, w_out) = g.output_size();
    let (x, w, y) = (vec![2, 7, 8], vec![3, 2, 4, 3], vec![3, h_out, w_out]);
    let matrix = vec![2 * 4 * 3, h_out * w_out];
    for (part, key, values, sizes) in [
        ("problem", "input", &problem.input, &x),
        ("problem", "kernel", &problem.weight, &w),
        ("problem", "bias", &problem.bias, &vec![3]),
        ("problem", "upstream", &problem.grad_output, &y),
        ("steps", "padded", &steps.padded, &vec![2, 9, 8]),
        ("steps", "columns", &steps.columns, &matrix),
        ("steps", "output", &steps.output, &y),
        ("steps", "grad_bias", &steps.grad_bias, &vec![3]),
        ("steps", "grad_weight", &steps.grad_weight, &w),
        ("steps", "grad_columns", &steps.grad_columns, &matrix),
        ("steps", "grad_input", &steps.grad_input, &x),
        ("steps", "overlaps", &steps.overlaps, &x),
        ("steps", "dilated", &steps.dilated, &vec![3, 12, 10]),
        ("steps", "turned", &steps.turned, &vec![2, 3, 4, 3]),
        ("differences", "grad_bias", &steps.grad_bias, &vec![3]),
        ("differences", "grad_weight", &steps.grad_weight, &w),
        ("differences", "grad_input", &steps.grad_input, &x),
    ] {
        assert_eq!(flat(&trace[part][key]), (values.clone(), sizes.clone()), "{part}.{key}");
    }
    assert_eq!(trace["gathered"], trace["steps"]["grad_input"]);
    assert_eq!(trace["loss"], problem.loss());
    let geometry = json!({
        "channels": 2, "size": [7, 8], "filters": 3, "kernel": [4, 3], "stride": [3, 2], "padding": [1, 0],
        "dilation": [1, 1], "output": [h_out, w_out],
    });
    assert_eq!(trace["geometry"], geometry);
    let keys: Vec<_> = trace.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["differences", "gathered", "geometry", "loss", "problem", "steps"]);
    assert_eq!(trace["problem"].as_object().unwrap().len(), 7);
    assert_eq!(trace["steps"].as_object().unwrap().len(), 10);
}

#[test]
fn numbers_of_ones_own_give_what_pen_and_paper_give() {
    let own = "trace --input 1,2,3/4,5,6/7,8,9 --kernel 1,0/0,-1 --bias 0.5 --upstream 1,1/1,1";
    let trace = traced(own);
    // y[i,j] = 0.5 + x[i,j] - x[i+1,j+1], and all dy are 1.
    let steps = &trace["steps"];
    assert_eq!(steps["output"], json!([[[-3.5, -3.5], [-3.5, -3.5]]]));
    assert_eq!(steps["grad_bias"], json!([4.0]));
    assert_eq!(steps["grad_weight"], json!([[[[12.0, 16.0], [24.0, 28.0]]]]));
    assert_eq!(steps["grad_input"], json!([[[1.0, 1.0, 0.0], [1.0, 0.0, -1.0], [0.0, -1.0, -1.0]]]));
    assert_eq!(trace["differences"]["grad_weight"], steps["grad_weight"]);
    // The other ways to write them.
    let spaced = ["trace", "--input", "1 2 3; 4 5 6; 7, 8, 9;", "--kernel", "1 0;0 -1", "--bias", "0.5"];
    let spaced = [&spaced[..], &["--upstream", "1 1; 1 1", "--json"]].concat();
    assert_eq!(succeed(Path::new("."), &spaced), said(&format!("{own} --json")));
    let one = traced("trace --input -3/ --kernel 2/ --bias -1 --upstream -5/");
    assert_eq!(one["steps"]["output"], json!([[[-7.0]]]));
    assert_eq!(one["steps"]["grad_input"], json!([[[-10.0]]]));
    // Planes stand one below the other.
    let two = traced("trace --channels 2 --filters 2 --input 1,2/3,4 --kernel 1/2/3/4 --bias 0,0");
    assert_eq!(two["problem"]["input"], json!([[[1.0, 2.0]], [[3.0, 4.0]]]));
    assert_eq!(two["steps"]["output"], json!([[[7.0, 10.0]], [[15.0, 22.0]]]));
}

#[test]
fn a_drawing_fits_the_terminal_and_marks_padding_and_pixels_that_no_window_sees() {
    let drawn = said(UNEVEN);
    for line in [
        "(5) is a pixel that no window sees: the stride leaves it over.",
        "columns[(c,u,v), (i,j)] = x[c, 3i + u - 1, 2j + v]",
        "below and at the right also what the stride leaves over (2 and 1).",
        "dx: 112 of 112 agree",
    ] {
        assert!(drawn.contains(line), "{line}: {drawn}");
    }
    let padded = drawn.lines().skip_while(|line| !line.contains("x[0]")).take(12);
    let padded: Vec<Vec<&str>> = padded.map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(padded[3][2..10], ["."; 8], "a row of padding");
    let marked = |cell: &&&str| cell.starts_with('(') && cell.ends_with(')');
    assert_eq!(padded[4].iter().filter(marked).count(), 2, "the last column: {:?}", padded[4]);
    assert_eq!(padded[10].iter().filter(marked).count(), 16, "the last row: {:?}", padded[10]);
    for line in [
        UNEVEN,
        "trace --input 20x20 --kernel 2x1 --wrong dx-flipped --stride 2",
        "trace --input 2x3 --padding 9x3 --kernel 3x3 --stride 7",
        "trace --channels 9 --filters 4",
        "trace --input 1,2.25,-.3/999.999,1e-9,6 --kernel 0.1,0.7/1,-2",
        "trace --input 1x24 --kernel 1x24 --padding 0x11",
        "trace --input 7x9 --kernel 3x2 --dilation 2x3 --stride 1x2 --padding 1x0",
    ] {
        for drawn in said(line).lines() {
            assert!(drawn.chars().count() <= 100, "{line}: {drawn}");
            assert_eq!(drawn, drawn.trim_end(), "{line}");
        }
    }
}

#[test]
fn weights_that_stand_apart_are_said_and_meet_what_they_should() {
    // y[0,0] = x[0,0] + 10 x[0,2] + 100 x[3,0] + 1000 x[3,2].
    let own = "trace --input 1,2,3,4/5,6,7,8/1,1,2,2/3,4,5,6 --kernel 1,10/100,1000 --dilation 3x2 --bias 0 --upstream 1,2/";
    let trace = traced(own);
    assert_eq!(trace["steps"]["output"], json!([[[5331.0, 6442.0]]]));
    assert_eq!(trace["steps"]["grad_weight"], json!([[[[5.0, 11.0], [11.0, 17.0]]]]));
    assert_eq!(trace["differences"]["grad_input"], trace["steps"]["grad_input"]);
    assert_eq!(trace["gathered"], trace["steps"]["grad_input"]);
    let drawn = said(own);
    for part in ["dilation 3 x 2", "around it: d (K - 1) (3 and 2)", "dilated[o, r + 3u, q + 2v]"] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    let cell = said(&format!("{own} --cell dx 0 3 2"));
    assert!(
        cell.contains("where i + 3u = r and j + 2v = q") && cell.contains("j + 2v = 2 for (j,v) = (0,1)"),
        "{cell}"
    );
    let path = tempfile::tempdir().unwrap();
    fs::write(path.path().join("own.json"), said(&format!("{own} --json"))).unwrap();
    assert_eq!(succeed(path.path(), &["trace", "--problem", "own.json"]), drawn);
}

#[test]
fn json_can_be_taken_back() {
    let temp = tempfile::tempdir().unwrap();
    let whole = said(&format!("{UNEVEN} --json"));
    let write = |name: &str, text: &str| fs::write(temp.path().join(name), text).unwrap();
    let again = |more: &[&str]| succeed(temp.path(), &[&["trace", "--problem"], more].concat());
    write("whole.json", &whole);
    assert_eq!(again(&["whole.json", "--json"]), whole);
    let trace: Value = serde_json::from_str(&whole).unwrap();
    write("part.json", &trace["problem"].to_string());
    assert_eq!(again(&["part.json", "--json"]), whole);
    assert_eq!(again(&["part.json"]), said(UNEVEN));
    // Numbers of all digits come back to the last.
    let digits = |count: usize| (0..count).map(|k| 999.0 * (1.0 + k as f64).sin()).collect::<Vec<f64>>();
    let kernel = digits(120).chunks(12).map(<[f64]>::to_vec).collect::<Vec<_>>();
    write("digits.json", &json!({"input": [vec![digits(20); 12]], "kernel": [[kernel]]}).to_string());
    let first = again(&["digits.json", "--json"]);
    let trace: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(flat(&trace["problem"]["kernel"]).0, digits(120));
    write("digits.json", &first);
    assert_eq!(again(&["digits.json", "--json"]), first);
    // What is missing is drawn from the seed, as on the command line.
    write("short.json", r#"{"input": [[[1, 2], [3, 4]]], "kernel": [[[[1, -1]]]]}"#);
    let short = said("trace --input 1,2/3,4 --kernel 1,-1/ --seed 3 --json");
    assert_eq!(again(&["short.json", "--seed", "3", "--json"]), short);
}

#[test]
fn a_file_that_cannot_be_used_is_refused_by_its_key() {
    let temp = tempfile::tempdir().unwrap();
    let cases = [
        ("[1", "is no JSON: EOF"),
        ("[1]", "expected an object with the keys input and kernel"),
        (r#"{"input": [[[1]]]}"#, "kernel: is missing"),
        (r#"{"inputs": 1}"#, "inputs: unknown key, expected some of input, kernel, bias"),
        (r#"{"input": 1}"#, "input: expected a list of lists: 3 axes in all"),
        (r#"{"input": [[1, 2]]}"#, "input: expected a list of numbers at depth 3: 3 axes in all"),
        (r#"{"input": [[["a"]]]}"#, "input: expected a list of numbers at depth 3"),
        (r#"{"input": [[[]]]}"#, "input: expected a list of numbers at depth 3"),
        (r#"{"input": [[[1, 2], [3]]]}"#, "input: a list of 1, expected 2 as in the first"),
        (r#"{"input": [[[1001]]]}"#, "input: 1001, expected numbers from -1000 to 1000"),
        (r#"{"input": [[[1]], [[2]]], "kernel": [[[[1]]]]}"#, "kernel: 1 channel, expected 2 as in input"),
        (
            r#"{"input": [[[1]]], "kernel": [[[[1]]]], "stride": 2}"#,
            "stride: expected two numbers up to 4000",
        ),
        (r#"{"input": [[[1]]], "kernel": [[[[1]]]], "padding": [-1, 0]}"#, "padding: expected two numbers"),
        (
            r#"{"input": [[[1]]], "kernel": [[[[1, 2]]]]}"#,
            "kernel: a kernel of 1 x 2 does not fit an image of 1 x 1",
        ),
        (r#"{"input": [[[1]]], "kernel": [[[[1]]]], "bias": [1, 2]}"#, "bias: 2 numbers, expected 1"),
    ];
    for (text, sentence) in cases {
        fs::write(temp.path().join("mine.json"), text).unwrap();
        let said = fail(temp.path(), &["trace", "--problem", "mine.json"], 1);
        assert!(said.starts_with(&format!("error: mine.json: {sentence}")), "{text}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let said = fail(temp.path(), &["trace", "--problem", "none.json"], 1);
    assert!(said.contains("none.json: "), "{said}");
}

#[test]
fn one_cell_is_shown_as_the_sum_that_it_is() {
    let drawn = said("trace --cell dx 1 2");
    let expected = "\
dx[0,1,2], term by term

   dx[c,r,q] = sum of dy[o,i,j] w[o,c,u,v] over o and where i + u = r and j + v = q
   i + u = 1 for (i,u) = (0,1) (1,0)
   j + v = 2 for (j,v) = (0,2) (1,1)

   dy[0,0,0] w[0,0,1,2]     1 x 2 =   2
   dy[0,0,1] w[0,0,1,1]   -4 x -1 =   4
   dy[0,1,0] w[0,0,0,2]    -3 x 1 =  -3
   dy[0,1,1] w[0,0,0,1]    -4 x 4 = -16
                                    ---
   dx[0,1,2]                      = -13

   the kernels: -13
   differences: L = <dy, y> is 19 where x[0,1,2] is -1,
   and 45 where it is -3, one step to either side of -2;
   (19 - 45) / 2 = -13. L is linear in x[0,1,2]: no step is too long.

   All agree.
";
    assert_eq!(drawn, expected);
    let wrong = said("trace --cell dx 0 0 --wrong dx-flipped");
    assert!(wrong.contains("dx-flipped: ") && wrong.ends_with("They differ.\n"), "{wrong}");
    let unseen = said(&format!("{UNEVEN} --cell dx 1 6 0"));
    assert!(unseen.contains("3i + u - 1 = 6 for (i,u) = no solution"), "{unseen}");
    assert!(unseen.contains("no window sees this pixel"), "{unseen}");
    let cell = &traced("trace --cell db 0")["cell"];
    assert_eq!((&cell["array"], &cell["index"], &cell["sum"]), (&"db".into(), &json!([0]), &json!(-10.0)));
    assert_eq!(cell["terms"][1], json!({"factors": [{"name": "dy[0,0,1]", "value": -4.0}], "product": -4.0}));
}

#[test]
fn every_cells_terms_add_up_to_it_and_to_its_difference() {
    let problem = uneven().problem().unwrap();
    let trace = Trace::new(problem.clone(), None).unwrap();
    let g = &problem.geometry;
    let (h_out, w_out) = g.output_size();
    let arrays: [(&str, &[f64], &[usize]); 4] = [
        ("y", &trace.steps.output, &[3, h_out, w_out]),
        ("dx", &trace.steps.grad_input, &[2, 7, 8]),
        ("dw", &trace.steps.grad_weight, &[3, 2, 4, 3]),
        ("db", &trace.steps.grad_bias, &[3]),
    ];
    for (array, values, sizes) in arrays {
        for (k, value) in values.iter().enumerate() {
            let mut rest = k;
            let mut index: Vec<usize> =
                sizes.iter().rev().map(|size| (rest % size, rest /= size).0).collect();
            index.reverse();
            let cell = trace.cell(array, &index).unwrap();
            let sum: f64 = cell.terms.iter().map(|term| term.product).sum();
            assert_eq!((cell.sum, cell.value, sum), (*value, *value, *value), "{array} {index:?}");
            assert!(cell.difference.is_none_or(|difference| difference.value == *value), "{array} {index:?}");
            let products = cell.terms.len() + cell.on_padding;
            match array {
                "y" => assert_eq!(products, 1 + g.depth()),
                "dx" => assert_eq!(cell.terms.len(), g.filters * trace.steps.overlaps[k] as usize),
                _ => assert_eq!(products, h_out * w_out),
            }
        }
    }
}

#[test]
fn wrong_passes_are_listed_marked_and_noticed() {
    let problem = uneven().problem().unwrap();
    let list = said(&format!("{UNEVEN} --wrong list"));
    let zoo = traced(&format!("{UNEVEN} --wrong list"));
    assert_eq!(zoo["checks"], json!(Check::ALL.map(Check::what)));
    let wrongs = wrong_backward_passes();
    assert_eq!(zoo["wrong"].as_array().unwrap().len(), wrongs.len());
    for (row, wrong) in zoo["wrong"].as_array().unwrap().iter().zip(&wrongs) {
        let noticed = Check::ALL.map(|check| check.run(&problem, Some(wrong)).is_some());
        let expected = json!({
            "name": wrong.name, "gradient": wrong.gradient.symbol(), "what": wrong.what, "noticed": noticed,
        });
        assert_eq!(*row, expected);
        let marks = noticed.map(|noticed| if noticed { "x" } else { "-" }).join(" ");
        let line = list.lines().find(|line| line.starts_with(&format!("{} ", wrong.name))).unwrap();
        assert!(line.contains(wrong.what) && line.ends_with(&marks), "{line}");

        let drawn = Trace::new(problem.clone(), Some(*wrong)).unwrap().draw().unwrap();
        let visible = Check::EveryCell.run(&problem, Some(wrong)).is_some();
        assert_eq!(drawn.contains("DIFFER, marked above with !"), visible, "{}", wrong.name);
        assert_eq!(drawn.contains("nothing to notice here"), !visible, "{}", wrong.name);
        assert!(drawn.contains(&format!("{}: {}", wrong.name, wrong.what)));
    }
    let flipped = traced("trace --wrong dx-flipped");
    let part = &flipped["wrong"];
    assert_eq!((&part["name"], &part["gradient"]), (&"dx-flipped".into(), &"dx".into()));
    let noticed = Check::Book.run(&Problem::plain(), Some(&wrongs[0])).unwrap();
    assert_eq!((noticed.gradient, noticed.cell), (Gradient::Input, Some(0)));
    assert_eq!(part["checks"][0], json!({"check": "shape, and all finite", "noticed": false}));
    let book = json!({
        "check": "the book's check", "noticed": true, "gradient": "dx", "index": [0, 0, 0, 0],
        "expected": noticed.expected, "got": noticed.got,
    });
    assert_eq!(part["checks"][6], book);
    assert_eq!(flipped["gathered"], flipped["differences"]["grad_input"], "gathered is right all the same");
    assert_ne!(flipped["gathered"], flipped["steps"]["grad_input"]);
}

#[test]
fn rounding_is_no_mistake() {
    // Large numbers with many digits, and a gradient that is small beside the loss.
    let geometry = Geometry {
        images: 1,
        channels: 2,
        size: (6, 5),
        filters: 2,
        kernel: (3, 2),
        stride: (1, 1),
        padding: (1, 1),
        ..Geometry::default()
    };
    let mut problem = Problem::numbered(geometry, 1);
    for values in [&mut problem.input, &mut problem.weight, &mut problem.grad_output] {
        values.iter_mut().enumerate().for_each(|(k, value)| *value *= 249.9 - (k as f64).sin());
    }
    for check in Check::ALL {
        assert_eq!(check.run(&problem, None), None, "{}", check.what());
    }
    assert!(!Trace::new(problem, None).unwrap().draw().unwrap().contains('!'));
}

#[test]
fn wrong_usage_is_refused_in_a_sentence() {
    let cases = [
        ("--input 3", "expected a size such as 3x2 or rows such as 1,2/3,4 (3/ is one number, 3)"),
        ("--input 1,2/3", "row 2 has 1 number, expected 2 as in the first"),
        ("--input 1,,2", "a number is missing"),
        ("--input 1,a", "a is no number"),
        ("--input 1,nan", "NaN, expected numbers from -1000 to 1000"),
        ("--input 1,2000", "2000, expected numbers from -1000 to 1000"),
        ("--input /", "a number is missing"),
        ("--input 0x3", "--input: 0 x 3, expected at least 1 x 1"),
        ("--kernel 5x5", "--kernel: a kernel of 5 x 5 does not fit an image of 4 x 4 (padding included)"),
        ("--channels 2 --input 1,2/3,4/5,6", "--input: 3 rows do not divide into 2 planes of equal height"),
        ("--filters 2 --kernel 1,2/", "--kernel: 1 rows do not divide into 2 planes"),
        ("--channels 0", "0 is not in 1..=1000"),
        ("--stride 0", "--stride: 0 x 0, expected at least 1 x 1"),
        ("--dilation 1x0", "--dilation: 1 x 0, expected at least 1 x 1"),
        (
            "--dilation 2",
            "--kernel: a kernel of 3 x 3 with dilation 2 x 2 does not fit an image of 4 x 4 (padding included)",
        ),
        ("--stride 1x", "expected a number up to 4000 or two such as 2x1"),
        ("--padding 4001", "expected a number up to 4000 or two such as 2x1"),
        ("--bias 1,2", "--bias: 2 numbers, expected 1, one a filter"),
        ("--upstream 1,2", "--upstream: 1 x 2 numbers, expected 2 x 2 as the output"),
        ("--filters 2 --upstream 1,2/3,4", "expected 2 x 2 as the output for each of 2 filters"),
        ("--cell dz 1", "--cell dz: expected y, dx, dw or db"),
        ("--cell dx 1", "--cell dx: 1 number, expected 3: c r q"),
        ("--cell dx 0 4 0", "--cell dx: r is 4, expected 0 to 3"),
        ("--cell dx 0 a", "--cell dx: a is no index"),
        ("--channels 2 --cell dx 1 2", "--cell dx: 2 numbers, expected 3: c r q"),
        ("--wrong list --cell dx 1 2", "--cell: --wrong list shows no cells"),
        (
            "--wrong dx-fliped",
            "--wrong dx-fliped: no such backward pass (did you mean dx-flipped?), expected one",
        ),
        ("--problem a.json --input 3x3", "cannot be used with"),
        (
            "--input 18x18",
            "--input: the im2col matrix has 1 x 3 x 3 x 16 x 16 = 2304 numbers, expected at most 600 to be drawn (--json takes 4000)",
        ),
        (
            "--json --input 30x30",
            "--input: the im2col matrix has 1 x 3 x 3 x 28 x 28 = 7056 numbers, expected at most 4000",
        ),
        ("--padding 4000 --filters 1000 --channels 1000 --input 4000x4000", "numbers, expected at most 4000"),
    ];
    for (line, sentence) in cases {
        let arguments = [vec!["trace"], words(line)].concat();
        let said = fail(Path::new("."), &arguments, 2);
        assert!(said.contains(sentence), "{line}: {said}");
    }
    assert!(said("trace --input 18x18 --json").len() > 10_000);
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let temp = tempfile::tempdir().unwrap();
    let page = include_str!("../docs/trace.md");
    let mut ran = 0;
    for block in page.split("```sh\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            let (line, target) = line.split_once(" > ").map_or((line, None), |(line, to)| (line, Some(to)));
            let text = succeed(temp.path(), &words(line.strip_prefix("twinglyph ").unwrap()));
            assert!(!text.trim().is_empty(), "{line}");
            if let Some(target) = target {
                fs::write(temp.path().join(target), text).unwrap();
            }
            ran += 1;
        }
    }
    assert_eq!(ran, 9);
}
