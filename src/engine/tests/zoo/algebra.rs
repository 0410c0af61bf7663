//! Wrong gradients of what a loss of one's own is built from: elementwise functions, rows, stretched operands, numbers in
//! other places, products of matrices.

use super::{Specimen, numbers};
use twinglyph_engine::Tensor;
use twinglyph_engine::ops::{
    Abs, BroadcastAdd, BroadcastMul, ClampMax, ClampMin, Concat, Div, Exp, GatherRows, Log, LogSumExp,
    MatMul, Neg, Reshape, RowMax, RowMean, RowSum, Slice, Softmax, Transpose,
};
use twinglyph_engine::tape::{Node, Op};

/// (N, F).
const ROWS: usize = 3;
const WIDTH: usize = 4;

fn x() -> Vec<Tensor<f64>> {
    vec![numbers(1, &[ROWS, WIDTH])]
}

fn positive(seed: usize) -> Tensor<f64> {
    let around = numbers(seed, &[5]);
    Tensor::from_fn([5], |k| 1.2 + around.values()[k])
}

/// Square, so that nothing is out of bounds whichever axis is taken for which.
fn squares() -> Vec<Tensor<f64>> {
    vec![numbers(1, &[3, 3]), numbers(2, &[3, 3])]
}

/// dx[k] = wrong(x[k], y[k], dy[k]).
fn unary(
    what: &str,
    op: impl Op<f64> + Copy + 'static,
    x: &Tensor<f64>,
    wrong: fn(f64, f64, f64) -> f64,
) -> Specimen {
    Specimen::elementwise(0, what, op, std::slice::from_ref(x), move |node, dy, k| {
        wrong(node.inputs[0].values()[k], node.output.values()[k], dy[k])
    })
}

/// dx of a function of rows, number by number: wrong(node, dy, n, f).
fn row(
    what: &str,
    op: impl Op<f64> + Copy + 'static,
    wrong: fn(&Node<'_, f64>, &[f64], usize, usize) -> f64,
) -> Specimen {
    Specimen::elementwise(0, what, op, &x(), move |node, dy, k| wrong(node, dy, k / WIDTH, k % WIDTH))
}

/// One row of equal numbers.
fn at_a_tie(what: &str, wrong: fn(usize) -> f64) -> Specimen {
    let x = Tensor::from_fn([1, 3], |_| 2.0);
    Specimen::elementwise(0, what, RowMax::default(), &[x], move |_, dy, k| wrong(k) * dy[0])
        .at_kink(&[1.0, 0.0, 0.0])
}

fn elementwise() -> Vec<Specimen> {
    let (a, b) = (numbers(1, &[5]), positive(2));
    let pair = [a.clone(), b.clone()];
    let quotient = |what: &str, i: usize, wrong: fn(f64, f64, f64) -> f64| {
        Specimen::elementwise(i, what, Div, &pair, move |node, dy, k| {
            wrong(node.inputs[0].values()[k], node.inputs[1].values()[k], dy[k])
        })
    };
    let (min, max) = (ClampMin { min: 0.2 }, ClampMax { max: 0.2 });
    let bound = Tensor::from_fn([1], |_| 0.2);
    vec![
        quotient("da without the division", 0, |_, _, dy| dy),
        quotient("db by b for b^2", 1, |a, b, dy| -dy * a / b),
        quotient("db with the sign of da", 1, |a, b, dy| dy * a / (b * b)),
        unary("the sign is lost", Neg, &a, |_, _, dy| dy),
        unary("dy passes everywhere", Abs, &a, |_, _, dy| dy),
        unary("by y for the sign", Abs, &a, |_, y, dy| dy * y),
        unary("passes at 0", Abs, &Tensor::scalar(0.0), |_, _, dy| dy).at_kink(&[0.0]),
        unary("x / |x| at 0", Abs, &Tensor::scalar(0.0), |x, y, dy| dy * x / y).at_kink(&[0.0]),
        unary("by x for y", Exp, &a, |x, _, dy| dy * x),
        unary("x e^(x - 1), as of a power", Exp, &a, |x, y, dy| dy * x * y / std::f64::consts::E),
        unary("by y for x", Log, &b, |_, y, dy| dy / y),
        unary("as of the logarithm to base 10", Log, &b, |x, _, dy| dy / (x * std::f64::consts::LN_10)),
        unary("dy passes everywhere", min, &a, |_, _, dy| dy),
        unary("passes where it is clamped", min, &a, |x, _, dy| if x < 0.2 { dy } else { 0.0 }),
        unary("by the sign of y", min, &a, |_, y, dy| if y > 0.0 { dy } else { 0.0 }),
        unary("passes at the bound", min, &bound, |_, _, dy| dy).at_kink(&[0.0]),
        unary("that of clamp_min", max, &a, |x, _, dy| if x > 0.2 { dy } else { 0.0 }),
        unary("passes at the bound", max, &bound, |_, _, dy| dy).at_kink(&[0.0]),
    ]
}

fn rows() -> Vec<Specimen> {
    let (sum, mean, max) = (RowSum::default(), RowMean { keep_axis: true }, RowMax::default());
    let log = LogSumExp::default();
    vec![
        row("the first row's dy for all", sum, |_, dy, _, _| dy[0]),
        row("column by column", sum, |_, dy, n, f| dy[(n * WIDTH + f) % ROWS]),
        row("without the division", mean, |_, dy, n, _| dy[n]),
        row("divided by the rows", mean, |_, dy, n, _| dy[n] / ROWS as f64),
        row("dy goes to the whole row", max, |_, dy, n, _| dy[n]),
        row("dy goes to the smallest", max, |node, dy, n, f| {
            let row = &node.inputs[0].values()[n * WIDTH..(n + 1) * WIDTH];
            if row.iter().all(|x| row[f] <= *x) { dy[n] } else { 0.0 }
        }),
        row("dy goes to the largest of all rows", max, |node, dy, n, f| {
            let all = node.inputs[0].values();
            if all.iter().all(|x| all[n * WIDTH + f] >= *x) { dy[n] } else { 0.0 }
        }),
        at_a_tie("at a tie, all get dy", |_| 1.0),
        at_a_tie("at a tie, they share dy", |_| 1.0 / 3.0),
        at_a_tie("at a tie, the last wins", |k| f64::from(k == 2)),
        row("dy for all, as of a sum", log, |_, dy, n, _| dy[n]),
        row("e^x without the sum", log, |node, dy, n, f| {
            dy[n] * node.inputs[0].values()[n * WIDTH + f].exp()
        }),
        row("all of dy to the largest", log, |node, dy, n, f| {
            let row = &node.inputs[0].values()[n * WIDTH..(n + 1) * WIDTH];
            if row.iter().all(|x| row[f] >= *x) { dy[n] } else { 0.0 }
        }),
        softmax("without the sum", |y, dy, f| y[f] * dy[f]),
        softmax("y (1 - y), the diagonal alone", |y, dy, f| y[f] * (1.0 - y[f]) * dy[f]),
        softmax("the mean of dy for its sum by y", |y, dy, f| {
            y[f] * (dy[f] - dy.iter().sum::<f64>() / y.len() as f64)
        }),
        softmax("dy less y, as of cross-entropy", |y, dy, f| dy[f] - y[f]),
        row("the sum over all rows", Softmax, |node, dy, n, f| {
            let (y, k) = (node.output.values(), n * WIDTH + f);
            y[k] * (dy[k] - y.iter().zip(dy).map(|(y, dy)| y * dy).sum::<f64>())
        }),
    ]
}

/// dx[f] of a row by wrong(y, dy, f) of the row.
fn softmax(what: &str, wrong: fn(&[f64], &[f64], usize) -> f64) -> Specimen {
    Specimen::elementwise(0, what, Softmax, &x(), move |node, dy, k| {
        let row = k / WIDTH * WIDTH..(k / WIDTH + 1) * WIDTH;
        wrong(&node.output.values()[row.clone()], &dy[row], k % WIDTH)
    })
}

fn broadcast() -> Vec<Specimen> {
    let inputs = vec![numbers(1, &[3, 3]), numbers(2, &[3])];
    let a = |node: &Node<'_, f64>, k: usize| node.inputs[0].values()[k];
    let b = |node: &Node<'_, f64>, k: usize| node.inputs[1].values()[k];
    let (add, mul) = (BroadcastAdd, BroadcastMul);
    let column = |j: usize| [j, 3 + j, 6 + j];
    vec![
        Specimen::elementwise(1, "db of the last row only", add, &inputs, |_, dy, j| dy[6 + j]),
        Specimen::elementwise(1, "db, the mean for the sum", add, &inputs, move |_, dy, j| {
            column(j).map(|k| dy[k]).iter().sum::<f64>() / 3.0
        }),
        Specimen::elementwise(1, "db summed along the other axis", add, &inputs, |_, dy, j| {
            dy[3 * j..3 * j + 3].iter().sum()
        }),
        Specimen::elementwise(0, "da without b", mul, &inputs, |_, dy, k| dy[k]),
        Specimen::elementwise(0, "da, b stretched along the other axis", mul, &inputs, move |node, dy, k| {
            dy[k] * b(node, k / 3)
        }),
        Specimen::elementwise(1, "db without a", mul, &inputs, move |_, dy, j| {
            column(j).map(|k| dy[k]).iter().sum()
        }),
        Specimen::elementwise(1, "db, the sums apart: Σ dy Σ a", mul, &inputs, move |node, dy, j| {
            column(j).map(|k| dy[k]).iter().sum::<f64>() * column(j).map(|k| a(node, k)).iter().sum::<f64>()
        }),
    ]
}

fn rearranged() -> Vec<Specimen> {
    let square = [numbers(1, &[3, 3])];
    let reshape = Reshape { shape: [3, 2].into() };
    let beside = Concat { axis: 1 };
    let slice = Slice { axis: 1, range: 1..3 };
    let gather = GatherRows { rows: vec![2, 0, 2] };
    vec![
        Specimen::elementwise(0, "as if it were transposed", reshape, &[numbers(1, &[2, 3])], |_, dy, k| {
            dy[k % 3 * 2 + k / 3]
        }),
        Specimen::elementwise(0, "dx as dy stands", Transpose, &square, |_, dy, k| dy[k]),
        Specimen::elementwise(1, "the first's part for the second", beside, &squares(), |_, dy, k| {
            dy[k / 3 * 6 + k % 3]
        }),
        Specimen::elementwise(0, "as if along axis 0", beside, &squares(), |_, dy, k| dy[k]),
        Specimen::elementwise(0, "at the start of the axis", slice.clone(), &square, |_, dy, k| {
            if k % 3 < 2 { dy[k / 3 * 2 + k % 3] } else { 0.0 }
        }),
        Specimen::elementwise(0, "the places that are left out, too", slice, &square, |_, dy, k| {
            dy[k / 3 * 2 + (k % 3).saturating_sub(1)]
        }),
        Specimen::in_input(
            0,
            "of a row taken twice, the last counts",
            gather.clone(),
            &square,
            |_, dy, dx| {
                for k in 3..9 {
                    dx[k % 3 + if k < 6 { 0 } else { 6 }] += dy[k];
                }
            },
        ),
        Specimen::elementwise(0, "in the order of dy", gather, &square, |_, dy, k| {
            // Of a larger batch there are more rows than were gathered.
            dy.get(k).copied().unwrap_or(0.0)
        }),
    ]
}

fn matmul() -> Vec<Specimen> {
    // The gradient at (row, column) as a sum: term([a, b, dy], row, column, sum).
    type Term = fn([&[f64]; 3], usize, usize, usize) -> f64;
    let product = |what: &str, i: usize, term: Term| {
        Specimen::elementwise(i, what, MatMul, &squares(), move |node, dy, k| {
            let (a, b) = (node.inputs[0].values(), node.inputs[1].values());
            (0..3).map(|sum| term([a, b, dy], k / 3, k % 3, sum)).sum()
        })
    };
    vec![
        product("dA by B as it stands", 0, |[_, b, dy], n, k, m| dy[3 * n + m] * b[3 * m + k]),
        product("dA transposed", 0, |[_, b, dy], n, k, m| dy[3 * k + m] * b[3 * n + m]),
        product("dB by A as it stands", 1, |[a, _, dy], k, m, n| a[3 * k + n] * dy[3 * n + m]),
        product("dB = dY A^T", 1, |[a, _, dy], k, m, n| dy[3 * k + n] * a[3 * m + n]),
        product("dB by B for A", 1, |[_, b, dy], k, m, n| b[3 * n + k] * dy[3 * n + m]),
    ]
}

pub fn specimens() -> Vec<Specimen> {
    [elementwise(), rows(), broadcast(), rearranged(), matmul()].into_iter().flatten().collect()
}
