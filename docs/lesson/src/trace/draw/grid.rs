//! Numbers in aligned rows and columns with their indices beside them, and such grids side by side.

/// How wide a drawing is, in characters.
pub(super) const WIDTH: usize = 100;

const INDENT: &str = "   ";
const GAP: &str = "    ";

/// A table of numbers.
#[derive(Clone)]
pub(super) struct Grid {
    /// Above it.
    pub title: String,
    /// What the rows and columns are indexed by, as `r\q`.
    pub corner: String,
    /// The columns' indices.
    pub columns: Vec<String>,
    /// Each row's index and numbers.
    pub rows: Vec<(String, Vec<String>)>,
}

impl Grid {
    /// A plane of numbers whose indices begin at `(-start.0, -start.1)`.
    pub fn plane(
        title: String,
        corner: &str,
        (rows, columns): (usize, usize),
        start: (usize, usize),
        cell: impl Fn(usize, usize) -> String,
    ) -> Grid {
        let index = |k: usize, start: usize| (k as isize - start as isize).to_string();
        Grid {
            title,
            corner: corner.into(),
            columns: (0..columns).map(|q| index(q, start.1)).collect(),
            rows: (0..rows)
                .map(|r| (index(r, start.0), (0..columns).map(|q| cell(r, q)).collect()))
                .collect(),
        }
    }

    /// So narrow that each fits: the columns that do not come in a grid of their own.
    fn split(self) -> Vec<Grid> {
        let (label, cell) = self.widths();
        let fit = (WIDTH - INDENT.len() - label - 2) / (cell + 1);
        let parts = self.columns.chunks(fit.max(1)).enumerate();
        parts
            .map(|(part, columns)| Grid {
                title: match part {
                    0 => self.title.clone(),
                    _ if self.title.is_empty() => String::new(),
                    _ => format!("{}, on", self.title),
                },
                corner: self.corner.clone(),
                columns: columns.to_vec(),
                rows: self
                    .rows
                    .iter()
                    .map(|(label, cells)| {
                        let start = part * fit.max(1);
                        (label.clone(), cells[start..start + columns.len()].to_vec())
                    })
                    .collect(),
            })
            .collect()
    }

    /// Of the rows' indices, and of a number.
    fn widths(&self) -> (usize, usize) {
        let label = self.rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let cells = self.rows.iter().flat_map(|(_, cells)| cells);
        let marked = cells.clone().any(|cell| is_marked(cell));
        let cell = cells.map(|cell| cell.len() + usize::from(marked && !is_marked(cell))).max().unwrap_or(0);
        let column = self.columns.iter().map(|label| label.len() + usize::from(marked)).max().unwrap_or(0);
        (label.max(self.corner.len()), cell.max(column))
    }

    /// Digits stand below digits: a mark hangs over on the right.
    fn lines(&self) -> Vec<String> {
        let (label, width) = self.widths();
        let marked = self.rows.iter().flat_map(|(_, cells)| cells).any(|cell| is_marked(cell));
        let right = |text: &str| {
            let text = if marked && !is_marked(text) { format!("{text} ") } else { text.to_string() };
            format!(" {text:>width$}")
        };
        let head: String = self.columns.iter().map(|column| right(column)).collect();
        let mut lines = vec![format!("{:>label$} |{head}", self.corner)];
        lines.push(format!("{}-+{}", "-".repeat(label), "-".repeat(head.len())));
        for (row, cells) in &self.rows {
            let cells: String = cells.iter().map(|cell| right(cell)).collect();
            lines.push(format!("{row:>label$} |{cells}"));
        }
        if !self.title.is_empty() {
            lines.insert(0, self.title.clone());
        }
        lines
    }
}

fn is_marked(cell: &str) -> bool {
    cell.ends_with([')', '!'])
}

/// Grids from left to right, as many in a row as there is room for.
pub(super) fn beside(grids: Vec<Grid>) -> String {
    let mut rows: Vec<Vec<Vec<String>>> = Vec::new();
    let mut used = WIDTH;
    for grid in grids.into_iter().flat_map(Grid::split) {
        let lines = grid.lines();
        let width = lines.iter().map(String::len).max().unwrap_or(0);
        if used + GAP.len() + width > WIDTH {
            rows.push(Vec::new());
            used = INDENT.len() - GAP.len().min(INDENT.len());
        }
        used += GAP.len() + width;
        rows.last_mut().expect("one was begun").push(lines);
    }
    let rows: Vec<String> = rows.iter().map(|row| one_row(row)).collect();
    rows.join("\n")
}

fn one_row(grids: &[Vec<String>]) -> String {
    let height = grids.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for at in 0..height {
        let mut line = String::from(INDENT);
        for (i, grid) in grids.iter().enumerate() {
            let width = grid.iter().map(String::len).max().unwrap_or(0);
            let gap = if i == 0 { "" } else { GAP };
            line += &format!("{gap}{:width$}", grid.get(at).map_or("", String::as_str));
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
