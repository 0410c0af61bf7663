use super::count;
use crate::Problem;
use serde_json::Value;
use std::str::FromStr;
use twinglyph_kernels::Geometry;

/// The largest size of an axis, stride, padding or dilation; what can be computed is decided later, by the arrays.
const LARGEST_SIZE: usize = 4000;

/// The largest number, either way: with more digits nothing is seen.
const LARGEST_NUMBER: f64 = 1000.0;

/// Two numbers: of rows and of columns. Read from `3x2`, or from `3` for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub usize, pub usize);

/// Rows of numbers of equal length. Read from `1,2,3/4,5,6`: rows apart by / or ;, numbers by commas or spaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows(Vec<Vec<f64>>);

/// An array of planes: its numbers, plane below plane, or the size of one plane, to be filled.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// (rows, columns) of a plane.
    Size(Pair),
    /// The rows of all planes.
    Rows(Rows),
}

/// What a reader gives of a convolution of one image; the rest is small integers drawn from a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// C_in.
    pub channels: usize,
    /// C_out.
    pub filters: usize,
    /// x, of one plane a channel.
    pub input: Matrix,
    /// w, of one plane a filter and channel.
    pub kernel: Matrix,
    /// b, one number a filter.
    pub bias: Option<Rows>,
    /// dy, of one plane a filter.
    pub upstream: Option<Rows>,
    /// (s_h, s_w).
    pub stride: Pair,
    /// (p_h, p_w).
    pub padding: Pair,
    /// (d_h, d_w).
    pub dilation: Pair,
    /// What the numbers that are not given are drawn from.
    pub seed: u64,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Pair, String> {
        let size = |text: &str| text.trim().parse().ok().filter(|&size: &usize| size <= LARGEST_SIZE);
        let pair = match text.split_once('x') {
            Some((rows, columns)) => size(rows).zip(size(columns)),
            None => size(text).map(|size| (size, size)),
        };
        let pair = pair.map(|(rows, columns)| Pair(rows, columns));
        pair.ok_or_else(|| format!("expected a number up to {LARGEST_SIZE} or two such as 2x1"))
    }
}

impl FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Rows, String> {
        let text = text.trim();
        let text = text.strip_suffix(['/', ';']).unwrap_or(text);
        let row = |row: &str| {
            // Between commas there is a number at least, so that one left out is noticed.
            let groups = row.split(',').map(|group| if group.trim().is_empty() { "?" } else { group });
            groups.flat_map(str::split_whitespace).map(number).collect::<Result<Vec<f64>, String>>()
        };
        Rows::new(text.split(['/', ';']).map(row).collect::<Result<_, _>>()?)
    }
}

impl FromStr for Matrix {
    type Err = String;

    fn from_str(text: &str) -> Result<Matrix, String> {
        let alone = text.trim().parse::<f64>().is_ok();
        if text.contains('x') {
            text.parse().map(Matrix::Size)
        } else if alone {
            Err(format!(
                "expected a size such as 3x2 or rows such as 1,2/3,4 ({0}/ is one number, {0})",
                text.trim()
            ))
        } else {
            text.parse().map(Matrix::Rows)
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| match text {
        "?" => "a number is missing".into(),
        _ => format!("{text} is no number"),
    })?;
    in_range(number)
}

fn in_range(number: f64) -> Result<f64, String> {
    let fine = number.abs() <= LARGEST_NUMBER;
    fine.then_some(number)
        .ok_or_else(|| format!("{number}, expected numbers from -{LARGEST_NUMBER} to {LARGEST_NUMBER}"))
}

impl Rows {
    fn new(rows: Vec<Vec<f64>>) -> Result<Rows, String> {
        let first = rows.first().map_or(0, Vec::len);
        if first == 0 {
            return Err("no numbers in the first row, expected at least one".into());
        }
        match rows.iter().position(|row| row.len() != first) {
            Some(at) => Err(format!(
                "row {} has {}, expected {first} as in the first",
                at + 1,
                count(rows[at].len(), "number")
            )),
            None => Ok(Rows(rows)),
        }
    }

    /// The size of a plane, where there are so many of them.
    fn plane(&self, planes: usize) -> Result<Pair, String> {
        let rows = self.0.len();
        if planes == 0 || !rows.is_multiple_of(planes) {
            return Err(format!("{rows} rows do not divide into {planes} planes of equal height"));
        }
        Ok(Pair(rows / planes, self.0[0].len()))
    }

    fn numbers(&self) -> Vec<f64> {
        self.0.concat()
    }
}

impl Matrix {
    fn plane(&self, planes: usize) -> Result<Pair, String> {
        match self {
            Matrix::Size(size) => Ok(*size),
            Matrix::Rows(rows) => rows.plane(planes),
        }
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Matrix::Size(_) => None,
            Matrix::Rows(rows) => Some(rows.numbers()),
        }
    }
}

impl Given {
    /// The whole problem.
    ///
    /// # Errors
    /// A sentence that begins with the name of what is wrong.
    pub fn problem(&self) -> Result<Problem, String> {
        let of = |name: &'static str| move |said: String| format!("{name}: {said}");
        let size = self.input.plane(self.channels).map_err(of("input"))?;
        let kernel = self.kernel.plane(self.filters.saturating_mul(self.channels)).map_err(of("kernel"))?;
        let geometry = Geometry {
            images: 1,
            channels: self.channels,
            size: (size.0, size.1),
            filters: self.filters,
            kernel: (kernel.0, kernel.1),
            stride: (self.stride.0, self.stride.1),
            padding: (self.padding.0, self.padding.1),
            dilation: (self.dilation.0, self.dilation.1),
            ..Geometry::default()
        };
        for (name, pair) in
            [("input", size), ("kernel", kernel), ("stride", self.stride), ("dilation", self.dilation)]
        {
            if pair.0 == 0 || pair.1 == 0 {
                return Err(format!("{name}: {} x {}, expected at least 1 x 1", pair.0, pair.1));
            }
        }
        // The sizes must be known to be small before anything is filled.
        super::expect_at_most(super::COMPUTED, &geometry).map_err(of("input"))?;
        let mut problem = Problem::numbered(geometry, self.seed);
        problem.check().map_err(of("kernel"))?;
        if let Some(numbers) = self.input.numbers() {
            problem.input = numbers;
        }
        if let Some(numbers) = self.kernel.numbers() {
            problem.weight = numbers;
        }
        if let Some(bias) = &self.bias {
            problem.bias = bias.numbers();
            if problem.bias.len() != self.filters {
                let expected = format!("expected {}, one a filter", self.filters);
                return Err(format!("bias: {}, {expected}", count(problem.bias.len(), "number")));
            }
        }
        if let Some(upstream) = &self.upstream {
            let (rows, width) = (upstream.0.len(), upstream.0[0].len());
            let (h_out, w_out) = geometry.output_size();
            if (rows, width) != (self.filters * h_out, w_out) {
                let planes = if self.filters == 1 {
                    "".into()
                } else {
                    format!(" for each of {} filters", self.filters)
                };
                return Err(format!(
                    "upstream: {rows} x {width} numbers, expected {h_out} x {w_out} as the output{planes}"
                ));
            }
            problem.grad_output = upstream.numbers();
        }
        Ok(problem)
    }

    /// From JSON: the `problem` of a trace, or a whole trace. `input` (C_in, H, W) and `kernel` (C_out, C_in, K_h, K_w) must
    /// be there, `bias`, `upstream`, `stride`, `padding` and `dilation` may.
    ///
    /// # Errors
    /// A sentence that begins with the key that is wrong.
    pub fn from_json(text: &str, seed: u64) -> Result<Given, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
        let problem = value.get("problem").unwrap_or(&value);
        let Value::Object(problem) = problem else {
            return Err("expected an object with the keys input and kernel".into());
        };
        const KEYS: [&str; 7] = ["input", "kernel", "bias", "upstream", "stride", "padding", "dilation"];
        if let Some(key) = problem.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("{key}: unknown key, expected some of {}", KEYS.join(", ")));
        }
        let key = |name: &'static str, depth: usize| -> Result<Option<Nested>, String> {
            let nested = problem.get(name).map(|value| Nested::read(value, depth)).transpose();
            nested.map_err(|said| format!("{name}: {said}"))
        };
        let needed =
            |name: &'static str| move |found: Option<Nested>| found.ok_or(format!("{name}: is missing"));
        let pair = |name: &'static str, default: usize| -> Result<Pair, String> {
            let expected = || format!("{name}: expected two numbers up to {LARGEST_SIZE}");
            let Some(value) = problem.get(name) else { return Ok(Pair(default, default)) };
            let pair: [usize; 2] = serde_json::from_value(value.clone()).map_err(|_| expected())?;
            let fine = pair.iter().all(|&size| size <= LARGEST_SIZE);
            fine.then_some(Pair(pair[0], pair[1])).ok_or_else(expected)
        };
        let input = key("input", 3).and_then(needed("input"))?;
        let kernel = key("kernel", 4).and_then(needed("kernel"))?;
        let [channels, filters] = [input.sizes[0], kernel.sizes[0]];
        if kernel.sizes[1] != channels {
            return Err(format!(
                "kernel: {}, expected {channels} as in input",
                count(kernel.sizes[1], "channel")
            ));
        }
        Ok(Given {
            channels,
            filters,
            input: Matrix::Rows(input.rows),
            kernel: Matrix::Rows(kernel.rows),
            bias: key("bias", 1)?.map(|bias| bias.rows),
            upstream: key("upstream", 3)?.map(|upstream| upstream.rows),
            stride: pair("stride", 1)?,
            padding: pair("padding", 0)?,
            dilation: pair("dilation", 1)?,
            seed,
        })
    }
}

/// Nested lists of numbers, all of a depth of equal length.
struct Nested {
    sizes: Vec<usize>,
    rows: Rows,
}

impl Nested {
    fn read(value: &Value, depth: usize) -> Result<Nested, String> {
        let mut nested = Nested { sizes: Vec::new(), rows: Rows(Vec::new()) };
        nested.add(value, 0, depth)?;
        Ok(nested)
    }

    fn add(&mut self, value: &Value, at: usize, depth: usize) -> Result<(), String> {
        let expected = || {
            let inner = if at + 1 == depth { "numbers" } else { "lists" };
            let place = if at == 0 { String::new() } else { format!(" at depth {}", at + 1) };
            format!("expected a list of {inner}{place}: {depth} axes in all")
        };
        let list = value.as_array().filter(|list| !list.is_empty()).ok_or_else(expected)?;
        match self.sizes.get(at) {
            None => self.sizes.push(list.len()),
            Some(&size) if size != list.len() => {
                return Err(format!("a list of {}, expected {size} as in the first", list.len()));
            }
            Some(_) => {}
        }
        if at + 1 < depth {
            return list.iter().try_for_each(|inner| self.add(inner, at + 1, depth));
        }
        let row = list.iter().map(|number| number.as_f64().ok_or_else(expected).and_then(in_range));
        self.rows.0.push(row.collect::<Result<_, _>>()?);
        Ok(())
    }
}
