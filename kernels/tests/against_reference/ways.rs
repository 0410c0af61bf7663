//! Where the ways to convolve begin and end: along an axis of shapes, each way from the size on from which it is taken. A
//! change of a cost or a limit in `route.rs` shows here.

use twinglyph_kernels::route::{Form, Pass, Place, Way, along_patches, way};
use twinglyph_kernels::{Geometry, Tail};

const TWO: Way = Way::Deep(Form::Two);
const FOUR: Way = Way::Deep(Form::Four);
use Way::{Columns, Few, Squares, Tiles, Winners};

/// The ways of the shapes of sizes 1 to `most`.
fn along(most: usize, pass: Pass, place: Place, shape: impl Fn(usize) -> Geometry) -> Vec<(usize, Way)> {
    let mut all: Vec<(usize, Way)> = Vec::new();
    for (size, g) in (1..=most).map(|size| (size, shape(size))).filter(|(_, g)| g.positions() > 0) {
        let way = way(pass, &g, place);
        if all.last().is_none_or(|(_, last)| *last != way) {
            all.push((size, way));
        }
    }
    all
}

/// 3 x 3 with padding 1: as many pixels out as in.
fn same(images: usize, channels: usize, filters: usize, side: usize) -> Geometry {
    let (size, kernel, padding) = ((side, side), (3, 3), (1, 1));
    Geometry { images, channels, filters, size, kernel, padding, ..Geometry::default() }
}

fn plain(most: usize, pass: Pass, shape: impl Fn(usize) -> Geometry) -> Vec<(usize, Way)> {
    along(most, pass, Place::Plain, shape)
}

#[test]
fn plain_convolutions_go_by_these_ways() {
    use Pass::{Forward, InputGradient, WeightGradient};
    let deeper = |c: usize| same(16, c, c, 26);
    assert_eq!(plain(80, Forward, deeper), [(1, Tiles), (9, Squares), (32, FOUR)]);
    assert_eq!(plain(80, WeightGradient, deeper), [(1, Tiles), (32, FOUR)]);
    assert_eq!(plain(80, InputGradient, deeper), [(1, Tiles), (9, Squares), (32, FOUR)]);
    let alone = |c: usize| same(1, c, c, 26);
    assert_eq!(plain(80, Forward, alone), [(1, Tiles), (32, FOUR)]);
    let wide = |side: usize| same(16, 64, 64, side);
    assert_eq!(plain(80, Forward, wide), [(1, Tiles), (2, TWO), (3, FOUR), (5, TWO), (7, FOUR), (65, Tiles)]);
    assert_eq!(
        plain(80, InputGradient, wide),
        [(1, Columns), (2, TWO), (3, FOUR), (5, TWO), (7, FOUR), (65, Tiles)]
    );
    let few = |c: usize| same(16, c, 128, 28);
    assert_eq!(plain(16, Forward, few), [(1, Columns), (5, Squares), (15, Tiles)]);
    let many = |c: usize| same(16, c, 28, 70);
    assert_eq!(plain(160, Forward, many), [(1, Columns), (2, Tiles), (3, Squares), (66, Tiles)]);
    assert_eq!(plain(160, InputGradient, many), [(1, Columns), (2, Tiles), (5, Squares), (66, Tiles)]);
    let images = |images: usize| same(images, 32, 32, 2);
    assert_eq!(plain(40, Forward, images), [(1, Tiles), (4, TWO)]);
    let filters = |filters: usize| Geometry { padding: (0, 0), ..same(8, 4, filters, 9) };
    assert_eq!(plain(120, WeightGradient, filters), [(1, Tiles), (33, Columns)]);
    assert_eq!(plain(120, InputGradient, filters), [(1, Tiles), (9, Columns)]);
    let strided = |filters: usize| Geometry { stride: (2, 2), kernel: (4, 3), ..same(8, 4, filters, 12) };
    assert_eq!(plain(200, InputGradient, strided), [(1, Tiles), (9, Columns)]);
    let tiny = |images: usize| Geometry { kernel: (3, 2), ..same(images, 2, 3, 7) };
    assert_eq!(plain(40, InputGradient, tiny), [(1, Columns), (5, Tiles)]);
    let apart = |by: usize| Geometry { dilation: (by, 1), size: (30, 30), ..same(4, 40, 40, 30) };
    assert_eq!(plain(3, Forward, apart), [(1, FOUR), (2, Tiles)]);
    assert_eq!(plain(3, InputGradient, apart), [(1, FOUR), (2, Columns)]);
    // A side of one weight has no gaps.
    for wide in [true, false] {
        let turn = |a: usize, b: usize| if wide { (a, b) } else { (b, a) };
        let flat = |by: usize| Geometry {
            kernel: turn(1, 3),
            padding: turn(0, 1),
            dilation: turn(by, 1),
            ..same(4, 40, 40, 30)
        };
        assert_eq!(plain(3, InputGradient, flat), [(1, Tiles)]);
    }
    let one = |side: usize| Geometry { kernel: (1, 1), padding: (0, 0), ..same(8, 16, 128, side) };
    assert_eq!(plain(20, WeightGradient, one), [(1, Columns), (14, Tiles)]);
    let short_rows = |side: usize| Geometry { stride: (2, 2), ..same(8, 8, 60, side) };
    assert_eq!(plain(40, Forward, short_rows), [(1, Tiles)]);
    let odd = |filters: usize| Geometry {
        kernel: (2, 2),
        stride: (2, 2),
        padding: (0, 0),
        ..same(8, 16, filters, 21)
    };
    assert_eq!(plain(40, Forward, odd), [(1, Tiles), (8, Columns)]);
    let even = |filters: usize| Geometry { size: (20, 20), ..odd(filters) };
    assert_eq!(plain(40, Forward, even), [(1, Tiles)]);
    assert_eq!(plain(40, InputGradient, even), [(1, Columns)]);
    let pixel = |stride: usize| Geometry { stride: (1, stride), ..one(30) };
    assert_eq!(plain(3, Forward, pixel), [(1, Tiles), (2, Columns)]);
    assert_eq!(plain(3, WeightGradient, pixel), [(1, Tiles), (2, Columns)]);
    let to_a_row = |w: usize| Geometry { size: (3, w), kernel: (3, 3), padding: (0, 0), ..same(8, 3, 6, 3) };
    assert_eq!(plain(20, WeightGradient, to_a_row), [(3, Columns), (5, Tiles)]);
    let low = |channels: usize| Geometry { kernel: (5, 5), padding: (0, 0), ..same(2, channels, 6, 24) };
    assert_eq!(plain(20, InputGradient, low), [(1, Tiles)]);
    let each = |images: usize| Geometry { images, size: (16, 16), ..low(9) };
    assert_eq!(plain(20, InputGradient, each), [(1, Tiles)]);
    let pixels = |filters: usize| Geometry { kernel: (1, 1), padding: (0, 0), ..same(8, 2, filters, 30) };
    assert_eq!(plain(40, InputGradient, pixels), [(1, Tiles), (32, Columns)]);
    let small = |side: usize| Geometry { kernel: (2, 2), padding: (0, 0), ..same(1, 3, 8, side) };
    assert_eq!(plain(20, Forward, small), [(2, Columns), (6, Tiles)]);
    let fewer = |filters: usize| Geometry { filters, size: (4, 3), ..small(4) };
    assert_eq!(plain(20, Forward, fewer), [(1, Tiles), (8, Columns)]);
    let dense_rows = |filters: usize| Geometry { padding: (0, 0), ..same(8, 8, filters, 6) };
    assert_eq!(plain(120, Forward, dense_rows), [(1, Tiles), (81, Columns)]);
    let short = |filters: usize| Geometry { kernel: (2, 2), padding: (0, 0), ..same(8, 1, filters, 21) };
    assert_eq!(plain(40, WeightGradient, short), [(1, Tiles), (16, Columns)]);
    // Where two costs are the same, the plainer way.
    let way = |pass, g| way(pass, &g, Place::Plain);
    assert_eq!(way(Forward, Geometry { size: (5, 13), ..same(16, 36, 40, 0) }), TWO);
    assert_eq!(way(Forward, Geometry { size: (6, 39), ..same(16, 16, 20, 0) }), Tiles);
    assert_eq!(way(Forward, Geometry { kernel: (2, 2), padding: (0, 0), ..same(1, 4, 8, 5) }), Tiles);
    assert_eq!(way(InputGradient, Geometry { kernel: (1, 1), padding: (0, 0), ..same(16, 8, 16, 2) }), Tiles);
    // Each group for itself, and never deep.
    let grouped = |c: usize| Geometry { groups: 4, ..same(16, 4 * c, 4 * c, 26) };
    assert_eq!(plain(80, Forward, grouped), [(1, Tiles), (9, Squares), (43, Tiles)]);
}

#[test]
fn ways_say_what_they_are_for() {
    let all = [TWO, FOUR, Squares, Few, Winners, Columns, Tiles].map(Way::why);
    assert!(
        all[0].contains("from 32 channels and filters on") && all[0].contains("256 squares"),
        "{}",
        all[0]
    );
    assert!(all[3].contains("up to 3 channels"), "{}", all[3]);
    assert!((2..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
}

/// The sizes from which on vectors of dw or dx by columns run along patches, or again do not.
fn patches(most: usize, pass: Pass, shape: impl Fn(usize) -> Geometry) -> Vec<(usize, bool)> {
    let mut all: Vec<(usize, bool)> = Vec::new();
    for size in 1..=most {
        let along = along_patches(pass, &shape(size));
        if all.last().is_none_or(|(_, last)| *last != along) {
            all.push((size, along));
        }
    }
    all
}

#[test]
fn columns_go_along_patches_or_positions() {
    use Pass::{Forward, InputGradient, WeightGradient};
    let row = |filters: usize, channels: usize| {
        move |w: usize| Geometry { images: 3, channels, filters, size: (1, w), ..Geometry::default() }
    };
    assert_eq!(patches(100, Forward, row(40, 16)), [(1, false)]);
    assert_eq!(patches(100, WeightGradient, row(7, 16)), [(1, true), (17, false)]);
    assert_eq!(patches(100, WeightGradient, row(40, 7)), [(1, true), (17, false)]);
    assert_eq!(patches(100, WeightGradient, row(40, 8)), [(1, true), (61, false)]);
    assert_eq!(patches(100, InputGradient, row(40, 16)), [(1, true), (14, false)]);
    assert_eq!(patches(100, InputGradient, row(40, 15)), [(1, false)]);
    assert_eq!(patches(500, WeightGradient, row(64, 128)), [(1, true), (385, false)]);
    assert_eq!(patches(500, WeightGradient, row(63, 128)), [(1, true), (95, false)]);
    assert_eq!(patches(500, WeightGradient, row(64, 127)), [(1, true), (97, false)]);
    let images = |images: usize| Geometry { images, ..row(40, 16)(9) };
    assert_eq!(patches(100, InputGradient, images), [(1, true), (5, false)]);
}

#[test]
fn stages_go_by_these_ways() {
    use Pass::{Forward, InputGradient, WeightGradient};
    let (max, average) = (Tail::ReluMaxPool, Tail::TanhAvgPool);
    let deeper = |c: usize| same(16, c, 32, 26);
    for pass in [Forward, WeightGradient, InputGradient] {
        assert_eq!(along(80, pass, Place::Alone(average), deeper), [(1, Tiles)]);
    }
    assert_eq!(along(80, Forward, Place::Alone(max), deeper), [(1, Squares), (32, FOUR)]);
    assert_eq!(along(80, Forward, Place::Among(max), deeper), [(1, Squares)]);
    assert_eq!(along(80, WeightGradient, Place::Alone(max), deeper), [(1, Few), (4, Winners), (32, FOUR)]);
    assert_eq!(along(80, WeightGradient, Place::Among(max), deeper), [(1, Few), (4, Winners)]);
    assert_eq!(along(80, InputGradient, Place::Alone(max), deeper), [(1, Winners), (32, FOUR)]);
    let kernels = |k: usize| Geometry { kernel: (3, k), ..same(4, 2, 4, 20) };
    assert_eq!(along(5, Forward, Place::Among(max), kernels), [(1, Tiles), (3, Squares), (4, Tiles)]);
    assert_eq!(along(5, WeightGradient, Place::Among(max), kernels), [(1, Winners), (3, Few), (4, Winners)]);
}
