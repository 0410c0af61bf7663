//! Functions of rows, stretched operands, numbers in other places, products of matrices.

use super::{Numbers, assert_close};
use twinglyph_kernels::*;

pub fn agrees<E: Element>() {
    rows_agree::<E>();
    broadcasts_agree::<E>();
    places_agree::<E>();
    products_agree::<E>();
}

/// Rows around the vectors' widths, in one task and in several.
const ROWS: [(usize, usize); 10] =
    [(1, 1), (5, 1), (1, 7), (3, 8), (4, 9), (2, 33), (7, 64), (301, 101), (3, 17_000), (40_000, 1)];

fn sum<E: Element>(a: &[E], b: &[E]) -> Vec<E> {
    a.iter().zip(b).map(|(a, b)| *a + *b).collect()
}

fn rows_agree<E: Element>() {
    let mut numbers = Numbers(31);
    for (n, width) in ROWS {
        let what = |what: &str| format!("{what} of {n} rows of {width}");
        let (x, dy) = (numbers.vec::<E>(n * width), numbers.vec::<E>(n));
        let start = numbers.vec::<E>(n * width);
        let each = |f: &dyn Fn(usize) -> E| sum(&start, &(0..n * width).map(f).collect::<Vec<E>>());
        let mut y = vec![E::ONE; n];
        let share = E::from_f64(0.3);

        row_sum_forward(share, &x, &mut y);
        let sums: Vec<E> = x.chunks(width).map(|row| share * row.iter().copied().sum()).collect();
        assert_close(&y, &sums, width, &what("sums"));
        let mut dx = start.clone();
        row_sum_backward(share, &dy, &mut dx);
        assert_close(&dx, &each(&|k| share * dy[k / width]), 1, &what("dx of sums"));

        row_max_forward(&x, &mut y);
        let best = reference::row_max(width, &x);
        assert_eq!(y, best.iter().map(|(_, x)| *x).collect::<Vec<E>>(), "{}", what("maxima"));
        let mut dx = start.clone();
        row_max_backward(&x, &dy, &mut dx);
        let wins = |k: usize| if best[k / width].0 == k % width { dy[k / width] } else { E::ZERO };
        assert_eq!(dx, each(&wins), "{}", what("dx of maxima"));

        log_sum_exp_forward(&x, &mut y);
        assert_close(&y, &reference::log_sum_exp(width, &x), width, &what("log_sum_exp"));
        let shares = reference::softmax(width, &x);
        let mut dx = start.clone();
        log_sum_exp_backward(&x, &y, &dy, &mut dx);
        assert_close(&dx, &each(&|k| dy[k / width] * shares[k]), width, &what("dx of log_sum_exp"));

        let mut y = vec![E::ONE; n * width];
        softmax_forward(width, &x, &mut y);
        assert_close(&y, &shares, width, &what("softmax"));
        if width < 1000 {
            let dy = numbers.vec::<E>(n * width);
            let (mut dx, mut slow) = (start.clone(), start);
            softmax_backward(width, &y, &dy, &mut dx);
            reference::softmax_backward(width, &y, &dy, &mut slow);
            assert_close(&dx, &slow, width, &what("dx of softmax"));
        }
    }
}

/// Of a and of b.
const STRETCHES: [[&[usize]; 2]; 12] = [
    [&[], &[]],
    [&[1], &[1]],
    [&[7], &[]],
    [&[5, 9], &[9]],
    [&[5, 9], &[5, 1]],
    [&[9, 5], &[9, 5]],
    [&[3, 1, 4, 5], &[4, 1]],
    [&[2, 3, 4, 5], &[3, 1, 5]],
    [&[2, 3, 4, 5], &[2, 1, 4, 1]],
    // More than one task, cut within runs; more than 32; b so large that there is one.
    [&[3, 20_011], &[3, 1]],
    [&[300, 3, 701], &[3, 701]],
    [&[2, 100, 501], &[100, 501]],
];

fn broadcasts_agree<E: Element>() {
    let mut numbers = Numbers(32);
    for [a_shape, b_shape] in STRETCHES {
        let g = Broadcast::new(a_shape, b_shape).expect("one stretches to the other");
        let what = |what: &str| format!("{what} of {a_shape:?} and {b_shape:?}");
        let places = reference::broadcast_places(a_shape, b_shape);
        let (len, b_len) = (places.len(), b_shape.iter().product::<usize>());
        let (a, b, dy) = (numbers.vec::<E>(len), numbers.vec::<E>(b_len), numbers.vec::<E>(len));
        let stretched: Vec<E> = places.iter().map(|place| b[*place]).collect();
        let products = |a: &[E], b: &[E]| -> Vec<E> { a.iter().zip(b).map(|(a, b)| *a * *b).collect() };
        let mut y = vec![E::ONE; len];
        broadcast_add(&g, &a, &b, &mut y);
        assert_eq!(y, sum(&a, &stretched), "{}", what("the sum"));
        broadcast_mul(&g, &a, &b, &mut y);
        assert_eq!(y, products(&a, &stretched), "{}", what("the product"));
        let mut da = a.clone();
        broadcast_mul_add(&g, &dy, &b, &mut da);
        assert_close(&da, &sum(&a, &products(&dy, &stretched)), 1, &what("da"));
        for factor in [None, Some(&a[..])] {
            let terms = factor.map_or(dy.clone(), |a| products(&dy, a));
            let mut slow = b.clone();
            places.iter().zip(&terms).for_each(|(place, term)| slow[*place] += *term);
            let mut db = b.clone();
            broadcast_sum(&g, &dy, factor, &mut db);
            assert_close(&db, &slow, len / b_len, &what("db"));
        }
    }
}

fn places_agree<E: Element>() {
    let mut numbers = Numbers(33);
    for (n, width) in [(1, 1), (1, 9), (9, 1), (33, 31), (65, 32), (150, 257)] {
        let (x, start) = (numbers.vec::<E>(n * width), numbers.vec::<E>(n * width));
        let transposed: Vec<E> = (0..n * width).map(|k| x[k % n * width + k / n]).collect();
        let mut y = start.clone();
        transpose(width, &x, &mut y, false);
        assert_eq!(y, transposed, "transpose of {n} x {width}");
        let mut y = start.clone();
        transpose(width, &x, &mut y, true);
        assert_eq!(y, sum(&start, &transposed), "transpose of {n} x {width}, added");

        // Some columns of x, put beside each other in the middle of wider rows.
        let (first, count) = (width / 3, width - width / 2);
        let wide = numbers.vec::<E>(n * (count + 2));
        for add in [false, true] {
            let mut y = wide.clone();
            let from = Columns { matrix: &x[..], width, first };
            copy_columns(from, Columns { matrix: &mut y[..], width: count + 2, first: 1 }, count, add);
            for (k, (y, before)) in y.iter().zip(&wide).enumerate() {
                let (row, column) = (k / (count + 2), k % (count + 2));
                let inside = (1..=count).contains(&column);
                let moved = if inside { x[row * width + first + column - 1] } else { E::ZERO };
                let kept = if inside && !add { E::ZERO } else { *before };
                assert!(*y == kept + moved, "columns of {n} x {width}, add: {add}");
            }
        }

        let rows: Vec<usize> = (0..2 * n + 1).map(|i| i * i % n).collect();
        let (mut y, dy) = (vec![E::ONE; rows.len() * width], numbers.vec::<E>(rows.len() * width));
        gather_rows(width, &rows, &x, &mut y);
        let (mut dx, mut slow) = (start.clone(), start);
        gather_rows_backward(width, &rows, &dy, &mut dx);
        for (k, y) in y.iter().enumerate() {
            let at = rows[k / width] * width + k % width;
            assert!(*y == x[at], "rows of {n} x {width}");
            slow[at] += dy[k];
        }
        assert_eq!(dx, slow, "dx of rows of {n} x {width}");
    }
}

fn products_agree<E: Element>() {
    let mut numbers = Numbers(34);
    for (rows, depth, columns) in
        [(1, 1, 1), (1, 9, 1), (7, 1, 5), (3, 8, 9), (17, 33, 5), (40, 6, 70), (9, 3, 2050)]
    {
        let g = MatMul { rows, depth, columns };
        let (a, b) = (numbers.vec::<E>(rows * depth), numbers.vec::<E>(depth * columns));
        let (mut y, mut slow) = (vec![E::ONE; rows * columns], vec![E::ZERO; rows * columns]);
        matmul_forward(&g, &a, &b, &mut y);
        reference::matmul(&g, &a, &b, &mut slow);
        assert_close(&y, &slow, depth, &format!("y of {g:?}"));
        let (mut da, mut db) = (a.clone(), b.clone());
        matmul_backward_left(&g, &b, &y, &mut da);
        matmul_backward_right(&g, &a, &y, &mut db);
        let (mut slow_da, mut slow_db) = (a.clone(), b.clone());
        reference::matmul_backward(&g, &a, &b, &y, &mut slow_da, &mut slow_db);
        assert_close(&da, &slow_da, 8 * columns, &format!("dA of {g:?}"));
        assert_close(&db, &slow_db, 8 * rows, &format!("dB of {g:?}"));
    }
}

#[test]
fn sums_over_stretched_places_are_the_same_bits_at_any_number_of_threads() {
    let mut numbers = Numbers(35);
    for [a_shape, b_shape] in STRETCHES {
        let g = Broadcast::new(a_shape, b_shape).expect("one stretches to the other");
        let dy = numbers.vec::<f32>(a_shape.iter().product());
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut db = vec![0.0; b_shape.iter().product()];
            pool.install(|| broadcast_sum(&g, &dy, Some(&dy), &mut db));
            db
        };
        let one = of(1);
        assert!([2, 3, 7].into_iter().all(|threads| of(threads) == one), "{a_shape:?} and {b_shape:?}");
    }
}

#[test]
fn what_does_not_stretch_is_refused() {
    for [a, b] in
        [[&[4, 3][..], &[4][..]], [&[3], &[2, 3]], [&[1, 3], &[2, 3]], [&[2, 3], &[2, 2]], [&[], &[1]]]
    {
        assert_eq!(Broadcast::new(a, b), None, "{b:?} to {a:?}");
    }
}
