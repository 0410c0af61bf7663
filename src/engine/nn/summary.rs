//! The layer table of a model, as Keras prints it.

use super::architecture::Architecture;
use super::parameter::Parameter;
use crate::Result;
use crate::tensor::Shape;
use std::fmt;

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// Its place in the model and its kind, for example `encoder.1 conv2d`.
    pub layer: String,
    /// What comes out of it, for a batch of 1.
    pub output: Shape,
    /// Its parameters.
    pub parameters: usize,
    /// Those of them that are not trained.
    pub not_trainable: usize,
}

/// The layers of a model and the sums over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The encoder's layers.
    pub encoder: Vec<SummaryRow>,
    /// The distance, and the head's layers where there is a head.
    pub head: Vec<SummaryRow>,
}

impl Summary {
    /// Lists the layers of a model.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn new(architecture: &Architecture) -> Result<Summary> {
        let shapes = architecture.shapes()?;
        let parameters = architecture.parameters()?;
        let row = |layer: String, output: &Shape, parameters: &[Parameter]| {
            let count = |keep: fn(&Parameter) -> bool| {
                parameters.iter().filter(|p| keep(p)).map(|p| p.shape.len()).sum()
            };
            SummaryRow {
                layer,
                output: output.clone(),
                parameters: count(|_| true),
                not_trainable: count(|p| !p.source.is_trainable()),
            }
        };
        let mut encoder = Vec::new();
        for (i, layer) in architecture.encoder.iter().enumerate() {
            encoder.push(row(format!("encoder.{i} {}", layer.name()), &shapes[i], &parameters[i]));
        }
        let one = Shape::from([1, 1]);
        let mut head = vec![row("euclidean_distance".into(), &one, &[])];
        for (i, layer) in architecture.head_layers().iter().enumerate() {
            head.push(row(format!("head.{i} {}", layer.name()), &one, &parameters[encoder.len() + i]));
        }
        Ok(Summary { encoder, head })
    }

    /// (all, not trainable) parameters of the encoder.
    pub fn encoder_parameters(&self) -> (usize, usize) {
        totals(&self.encoder)
    }

    /// (all, not trainable) parameters of the whole model.
    pub fn model_parameters(&self) -> (usize, usize) {
        let (encoder, head) = (totals(&self.encoder), totals(&self.head));
        (encoder.0 + head.0, encoder.1 + head.1)
    }
}

fn totals(rows: &[SummaryRow]) -> (usize, usize) {
    rows.iter().fold((0, 0), |sum, row| (sum.0 + row.parameters, sum.1 + row.not_trainable))
}

/// 120438 as 120,438.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = "=".repeat(72);
        let totals = |f: &mut fmt::Formatter<'_>, (all, fixed): (usize, usize)| {
            writeln!(f, "Total params: {}", thousands(all))?;
            writeln!(f, "Trainable params: {}", thousands(all - fixed))?;
            writeln!(f, "Non-trainable params: {}", thousands(fixed))
        };
        let rows = |f: &mut fmt::Formatter<'_>, rows: &[SummaryRow]| {
            rows.iter().try_for_each(|row| {
                // As Keras: the batch's size is open.
                let dims: Vec<String> = row.output.dims()[1..].iter().map(usize::to_string).collect();
                let output = format!("(None, {})", dims.join(", "));
                writeln!(f, "{:<32}{:<26}{:>14}", row.layer, output, thousands(row.parameters))
            })
        };
        writeln!(f, "{:<32}{:<26}{:>14}", "Layer", "Output shape (N, C, H, W)", "Param #")?;
        writeln!(f, "{rule}")?;
        rows(f, &self.encoder)?;
        writeln!(f, "{rule}\nEncoder")?;
        totals(f, self.encoder_parameters())?;
        writeln!(f, "{rule}")?;
        rows(f, &self.head)?;
        writeln!(f, "{rule}\nSiamese model, two encoders that share their parameters")?;
        totals(f, self.model_parameters())
    }
}
