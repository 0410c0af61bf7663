//! A sheet to draw grids of numbers on. Colours are those of the page around it where there is one (mdBook's `--fg`), and
//! pale enough for a light and a dark ground.

use std::fmt::Write;

/// Side of a cell, in user units.
pub const CELL: i32 = 34;

const STYLE: &str = "text{fill:var(--fg,#777);font:15px system-ui,sans-serif;text-anchor:middle;dominant-baseline:central}\
.small{font-size:12px}.left{text-anchor:start}.bold{font-weight:700}\
.cell{fill:none;stroke:var(--fg,#777);stroke-opacity:.35}.one{fill:#e69f00;fill-opacity:.45}\
.two{fill:#56b4e9;fill-opacity:.45}.three{fill:#009e73;fill-opacity:.4}.four{fill:#cc79a7;fill-opacity:.45}\
.zero{opacity:.35}.box{fill:none;stroke:#d55e00;stroke-width:3}\
.line{fill:none;stroke:var(--fg,#777);stroke-width:1.5}.thick{fill:none;stroke-width:2.5}\
.orange{stroke:#e69f00}.blue{stroke:#56b4e9}.green{stroke:#009e73}.pink{stroke:#cc79a7}";

/// How a cell looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A number.
    Plain,
    /// A zero that was put in.
    Filled,
    /// In one of four colours.
    Colour(usize),
}

/// The names of the four colours' classes.
const COLOURS: [&str; 4] = ["one", "two", "three", "four"];

/// Something to draw on.
pub struct Canvas {
    body: String,
    width: i32,
    height: i32,
}

impl Canvas {
    /// Of a size in user units.
    pub fn new(width: i32, height: i32) -> Canvas {
        Canvas { body: String::new(), width, height }
    }

    /// Anything.
    pub fn add(&mut self, element: &str) {
        writeln!(self.body, "{element}").expect("memory");
    }

    /// Text with its middle at (x, y).
    pub fn text(&mut self, x: i32, y: i32, class: &str, text: &str) {
        self.add(&format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>"));
    }

    /// A rectangle around cells.
    pub fn frame(&mut self, x: i32, y: i32, columns: usize, rows: usize) {
        let (width, height) = (columns as i32 * CELL, rows as i32 * CELL);
        self.add(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"box\"/>"));
    }

    /// A grid of `columns` columns with its upper left corner at (x, y); each cell a text and a look.
    pub fn grid(&mut self, x: i32, y: i32, columns: usize, cells: &[(String, Look)]) {
        for (k, (text, look)) in cells.iter().enumerate() {
            let (left, top) = (x + (k % columns) as i32 * CELL, y + (k / columns) as i32 * CELL);
            if let Look::Colour(colour) = look {
                let class = COLOURS[colour % 4];
                self.add(&format!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{CELL}\" height=\"{CELL}\" class=\"{class}\"/>"
                ));
            }
            self.add(&format!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"{CELL}\" height=\"{CELL}\" class=\"cell\"/>"
            ));
            let class = if *look == Look::Filled { "zero" } else { "" };
            self.text(left + CELL / 2, top + CELL / 2, class, text);
        }
    }

    /// The drawing. `label` says what it shows to those who do not see it.
    pub fn finish(self, label: &str) -> String {
        let Canvas { body, width, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             role=\"img\" aria-label=\"{label}\">\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

/// A number as a cell.
pub fn number(value: f64) -> (String, Look) {
    (short(value), Look::Plain)
}

/// A number with a typographic minus.
pub fn short(value: f64) -> String {
    value.to_string().replace('-', "\u{2212}")
}
