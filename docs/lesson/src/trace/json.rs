use super::{CellSum, Trace, Verdict, input_shape, output_shape, weight_shape, zoo};
use crate::{Problem, Wrong};
use serde::Serialize;
use serde_json::{Value, json};
use twinglyph_kernels::Geometry;
use twinglyph_kernels::reference::{dilated_size, padded_size};

/// The numbers as lists of lists, as the sizes say.
fn nested(values: &[f64], sizes: &[usize]) -> Value {
    match sizes {
        [] | [_] => values.into(),
        [first, rest @ ..] => {
            values.chunks(values.len() / first).map(|values| nested(values, rest)).collect()
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    problem: Value,
    geometry: Value,
    loss: f64,
    steps: Value,
    gathered: Value,
    differences: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<WrongPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<&'a CellSum>,
}

#[derive(Serialize)]
struct WrongPart {
    name: &'static str,
    gradient: &'static str,
    what: &'static str,
    checks: Vec<Verdict>,
}

impl Trace {
    /// All as JSON, and one cell's sum if it is asked for. What the keys hold is in docs/trace.md.
    pub fn json<'a>(&'a self, cell: Option<&'a CellSum>) -> impl Serialize + 'a {
        let (problem, steps) = (&self.problem, &self.steps);
        let g = &problem.geometry;
        let (x, w, y) = (input_shape(g).sizes, weight_shape(g).sizes, output_shape(g).sizes);
        let ((h, width), (rows, columns)) = (padded_size(g), dilated_size(g));
        let matrix = [g.depth(), y[1] * y[2]];
        let [dx, dw, db] = &self.differences;
        Document {
            problem: self::problem(problem),
            geometry: geometry(g),
            loss: problem.loss(),
            steps: json!({
                "padded": nested(&steps.padded, &[g.channels, h, width]),
                "columns": nested(&steps.columns, &matrix),
                "output": nested(&steps.output, &y),
                "grad_bias": steps.grad_bias,
                "grad_weight": nested(&steps.grad_weight, &w),
                "grad_columns": nested(&steps.grad_columns, &matrix),
                "grad_input": nested(&steps.grad_input, &x),
                "overlaps": nested(&steps.overlaps, &x),
                "dilated": nested(&steps.dilated, &[g.filters, rows, columns]),
                "turned": nested(&steps.turned, &[w[1], w[0], w[2], w[3]]),
            }),
            gathered: nested(&self.gathered, &x),
            differences: json!({"grad_input": nested(dx, &x), "grad_weight": nested(dw, &w), "grad_bias": db}),
            wrong: self.wrong.as_ref().map(|wrong| part(problem, wrong)),
            cell,
        }
    }
}

/// Everything that the rest follows from: what [`super::Given::from_json`] reads.
fn problem(problem: &Problem) -> Value {
    let g = &problem.geometry;
    json!({
        "input": nested(&problem.input, &input_shape(g).sizes),
        "kernel": nested(&problem.weight, &weight_shape(g).sizes),
        "bias": problem.bias,
        "upstream": nested(&problem.grad_output, &output_shape(g).sizes),
        "stride": [g.stride.0, g.stride.1],
        "padding": [g.padding.0, g.padding.1],
        "dilation": [g.dilation.0, g.dilation.1],
    })
}

fn geometry(g: &Geometry) -> Value {
    let pair = |(a, b): (usize, usize)| [a, b];
    json!({
        "channels": g.channels,
        "size": pair(g.size),
        "filters": g.filters,
        "kernel": pair(g.kernel),
        "stride": pair(g.stride),
        "padding": pair(g.padding),
        "dilation": pair(g.dilation),
        "output": pair(g.output_size()),
    })
}

fn part(problem: &Problem, wrong: &Wrong) -> WrongPart {
    WrongPart {
        name: wrong.name,
        gradient: wrong.gradient.symbol(),
        what: wrong.what,
        checks: zoo::verdicts(problem, wrong),
    }
}
