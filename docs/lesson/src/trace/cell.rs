use super::{Trace, count, input_shape, long, named, output_shape, weight_shape};
use crate::Gradient;
use serde::Serialize;
use std::fmt;
use twinglyph_kernels::Geometry;
use twinglyph_kernels::reference::each_product;

/// One number of y, dx, dw or db as the sum that it is, term by term, beside what the kernels and the differences say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellSum {
    /// y, dx, dw or db.
    pub array: &'static str,
    /// (o, i, j), (c, r, q), (o, c, u, v) or (o).
    pub index: Vec<usize>,
    /// The sum in letters.
    pub formula: String,
    /// For dx, which windows see the pixel: the equations for its row and its column, and their solutions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<String>,
    /// What is added up.
    pub terms: Vec<Term>,
    /// How many more products there would be, were the padding not 0.
    pub on_padding: usize,
    /// The terms' sum.
    pub sum: f64,
    /// The same number from the kernels, or from the wrong backward pass.
    pub value: f64,
    /// For a gradient, the central difference with a step of 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    #[serde(skip)]
    agree: bool,
    #[serde(skip)]
    wrong: Option<&'static str>,
}

/// A product of one or two numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Term {
    /// What is multiplied.
    pub factors: Vec<Factor>,
    /// Their product.
    pub product: f64,
}

/// A number with its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Factor {
    /// Such as `dy[0,1,2]`.
    pub name: String,
    /// The number.
    pub value: f64,
}

/// (L(v + 1) - L(v - 1)) / 2.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Such as `x[0,1,2]`.
    pub name: String,
    /// v.
    pub at: f64,
    /// L(v + 1).
    pub above: f64,
    /// L(v - 1).
    pub below: f64,
    /// Half of what lies between them.
    pub value: f64,
}

/// The arrays whose cells can be asked for, with their gradients.
const ARRAYS: [(&str, Option<Gradient>); 4] = [
    ("y", None),
    ("dx", Some(Gradient::Input)),
    ("dw", Some(Gradient::Weight)),
    ("db", Some(Gradient::Bias)),
];

impl Trace {
    /// The sum that makes one cell. The leading indices may be left out as long as there is only one of each.
    ///
    /// # Errors
    /// When there is no such array, or no such cell in it.
    pub fn cell(&self, array: &str, index: &[usize]) -> Result<CellSum, String> {
        let (array, of) = ARRAYS
            .into_iter()
            .find(|(name, _)| *name == array)
            .ok_or_else(|| format!("{array}: expected y, dx, dw or db"))?;
        let g = &self.problem.geometry;
        let (x, w, y) = (input_shape(g), weight_shape(g), output_shape(g));
        let (axes, sizes): (&[&str], &[usize]) = match of {
            None => (&y.axes, &y.sizes),
            Some(Gradient::Input) => (&x.axes, &x.sizes),
            Some(Gradient::Weight) => (&w.axes, &w.sizes),
            Some(Gradient::Bias) => (&["o"], &[g.filters]),
        };
        let index = complete(array, index, axes, sizes)?;
        let k = index.iter().zip(sizes).fold(0, |k, (i, size)| k * size + i);

        let problem = &self.problem;
        let factor = |name: &str, index: &[usize], value: f64| Factor { name: named(name, index), value };
        let bias = |o: usize| factor("b", &[o], problem.bias[o]);
        let weight = |k: usize| factor("w", &w.index(k), problem.weight[k]);
        let pixel = |k: usize| factor("x", &x.index(k), problem.input[k]);
        let upstream = |k: usize| factor("dy", &y.index(k), problem.grad_output[k]);

        let positions = y.sizes[1] * y.sizes[2];
        let mut factors: Vec<Vec<Factor>> = Vec::new();
        match of {
            None => factors.push(vec![bias(index[0])]),
            Some(Gradient::Bias) => {
                factors.extend((k * positions..(k + 1) * positions).map(|k| vec![upstream(k)]))
            }
            _ => {}
        }
        each_product(g, |iy, iw, ix| match of {
            None if iy == k => factors.push(vec![weight(iw), pixel(ix)]),
            Some(Gradient::Input) if ix == k => factors.push(vec![upstream(iy), weight(iw)]),
            Some(Gradient::Weight) if iw == k => factors.push(vec![upstream(iy), pixel(ix)]),
            _ => {}
        });
        let on_padding = match of {
            None => 1 + g.depth() - factors.len(),
            Some(Gradient::Weight) => positions - factors.len(),
            _ => 0,
        };
        let term =
            |factors: Vec<Factor>| Term { product: factors.iter().map(|f| f.value).product(), factors };
        let terms: Vec<Term> = factors.into_iter().map(term).collect();
        // From 0, since a sum of nothing is -0 otherwise.
        let sum = terms.iter().fold(0.0, |sum, term| sum + term.product);
        let value = of.map_or(&self.steps.output[..], |of| self.gradient(of))[k];
        let difference = of.map(|of| self.one_difference(of, k, &index));
        let compared = difference.as_ref().map_or(sum, |difference| difference.value);
        Ok(CellSum {
            array,
            formula: formula(g, of),
            windows: if of == Some(Gradient::Input) { windows(g, index[1], index[2]) } else { Vec::new() },
            index,
            terms,
            on_padding,
            sum,
            value,
            difference,
            agree: self.agree(value, sum) && self.agree(sum, compared),
            wrong: self.wrong.filter(|wrong| Some(wrong.gradient) == of).map(|wrong| wrong.name),
        })
    }

    fn one_difference(&self, of: Gradient, k: usize, index: &[usize]) -> Difference {
        let name = named(&of.symbol()[1..], index);
        let loss = |step: f64| {
            let mut moved = self.problem.clone();
            let array = match of {
                Gradient::Input => &mut moved.input,
                Gradient::Weight => &mut moved.weight,
                Gradient::Bias => &mut moved.bias,
            };
            array[k] += step;
            moved.loss()
        };
        let (above, below) = (loss(1.0), loss(-1.0));
        Difference { name, at: self.problem.array(of)[k], above, below, value: self.difference(of)[k] }
    }
}

/// The whole index, of which the first few may have been left out.
fn complete(array: &str, index: &[usize], axes: &[&str], sizes: &[usize]) -> Result<Vec<usize>, String> {
    let left_out = axes.len().checked_sub(index.len());
    let Some(left_out) = left_out.filter(|&n| n < axes.len() && sizes[..n].iter().all(|&size| size == 1))
    else {
        let given = count(index.len(), "number");
        return Err(format!("{array}: {given}, expected {}: {}", axes.len(), axes.join(" ")));
    };
    for (i, (axis, size)) in index.iter().zip(axes[left_out..].iter().zip(&sizes[left_out..])) {
        if i >= size {
            return Err(format!("{array}: {axis} is {i}, expected 0 to {}", size - 1));
        }
    }
    Ok([&vec![0; left_out][..], index].concat())
}

/// A factor before a letter, which is not written where it is 1.
pub(super) fn factor(by: usize) -> String {
    if by == 1 { String::new() } else { by.to_string() }
}

/// Which row window i sees through row u of the kernel, as `2i + u - 1`.
pub(super) fn place(i: &str, u: &str, stride: usize, dilation: usize, padding: usize) -> String {
    let back = if padding == 0 { String::new() } else { format!(" - {padding}") };
    format!("{}{i} + {}{u}{back}", factor(stride), factor(dilation))
}

/// [`place`] of rows and of columns.
pub(super) fn places(g: &Geometry) -> [String; 2] {
    let row = place("i", "u", g.stride.0, g.dilation.0, g.padding.0);
    [row, place("j", "v", g.stride.1, g.dilation.1, g.padding.1)]
}

/// y, or a gradient, as a sum in letters.
pub(super) fn formula(g: &Geometry, of: Option<Gradient>) -> String {
    let [r, q] = places(g);
    match of {
        None => format!("y[o,i,j] = b[o] + sum of w[o,c,u,v] x[c, {r}, {q}] over c,u,v"),
        Some(Gradient::Input) => {
            format!("dx[c,r,q] = sum of dy[o,i,j] w[o,c,u,v] over o and where {r} = r and {q} = q")
        }
        Some(Gradient::Weight) => format!("dw[o,c,u,v] = sum of dy[o,i,j] x[c, {r}, {q}] over i,j"),
        Some(Gradient::Bias) => "db[o] = sum of dy[o,i,j] over i,j".into(),
    }
}

/// The windows that see row r and column q.
fn windows(g: &Geometry, r: usize, q: usize) -> Vec<String> {
    let [row, column] = places(g);
    let solutions = |at: usize, (count, kernel): (usize, usize), [stride, dilation, padding]: [usize; 3]| {
        let pairs = (0..count).flat_map(|i| (0..kernel).map(move |u| (i, u)));
        let found: Vec<String> = pairs
            .filter(|(i, u)| i * stride + u * dilation == at + padding)
            .map(|(i, u)| format!("({i},{u})"))
            .collect();
        if found.is_empty() { "no solution".to_string() } else { found.join(" ") }
    };
    let (h_out, w_out) = g.output_size();
    vec![
        format!(
            "{row} = {r} for (i,u) = {}",
            solutions(r, (h_out, g.kernel.0), [g.stride.0, g.dilation.0, g.padding.0])
        ),
        format!(
            "{column} = {q} for (j,v) = {}",
            solutions(q, (w_out, g.kernel.1), [g.stride.1, g.dilation.1, g.padding.1])
        ),
    ]
}

impl fmt::Display for CellSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = named(self.array, &self.index);
        writeln!(f, "{name}, term by term\n\n   {}", self.formula)?;
        for line in &self.windows {
            writeln!(f, "   {line}")?;
        }
        writeln!(f)?;
        let mut lines: Vec<[String; 3]> = Vec::new();
        for term in &self.terms {
            let text = |of: fn(&Factor) -> String, with: &str| {
                term.factors.iter().map(of).collect::<Vec<_>>().join(with)
            };
            let numbers =
                if term.factors.len() == 1 { String::new() } else { text(|f| long(f.value), " x ") };
            lines.push([text(|f| f.name.clone(), " "), numbers, long(term.product)]);
        }
        if self.terms.is_empty() {
            writeln!(f, "   no window sees this pixel: there is nothing to add up")?;
        }
        let sum = long(self.sum);
        let widths: [usize; 3] = std::array::from_fn(|i| {
            let least = if i == 2 { sum.len() } else { 0 };
            lines.iter().map(|line| line[i].len()).max().unwrap_or(0).max(least)
        });
        for [names, numbers, product] in &lines {
            let equals = if numbers.is_empty() { ' ' } else { '=' };
            let [a, b, c] = widths;
            writeln!(f, "   {names:a$}   {numbers:>b$} {equals} {product:>c$}")?;
        }
        if !lines.is_empty() {
            let [a, b, c] = widths;
            writeln!(f, "   {:a$}   {:>b$}   {}", "", "", "-".repeat(c))?;
            writeln!(f, "   {:a$}   {:>b$} = {sum:>c$}", name, "")?;
        }
        if self.on_padding > 0 {
            writeln!(f, "   {} with the padding: 0", count(self.on_padding, "more product"))?;
        }
        writeln!(f)?;
        match self.wrong {
            Some(wrong) => writeln!(f, "   {wrong}: {}", long(self.value))?,
            None => writeln!(f, "   the kernels: {}", long(self.value))?,
        }
        if let Some(Difference { name, at, above, below, value }) = &self.difference {
            let ([at, up, down], [above, below]) =
                ([*at, at + 1.0, at - 1.0].map(long), [*above, *below].map(long));
            writeln!(f, "   differences: L = <dy, y> is {above} where {name} is {up},")?;
            writeln!(f, "   and {below} where it is {down}, one step to either side of {at};")?;
            writeln!(
                f,
                "   ({above} - {below}) / 2 = {}. L is linear in {name}: no step is too long.",
                long(*value)
            )?;
        }
        let verdict = if self.agree { "All agree." } else { "They differ." };
        write!(f, "\n   {verdict}")
    }
}
