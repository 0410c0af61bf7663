use twinglyph_kernels::{Geometry, conv2d_forward, reference};

/// Whose gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// dx.
    Input,
    /// dw.
    Weight,
    /// db.
    Bias,
}

impl Gradient {
    /// All three, in the order of a convolution's inputs.
    pub const ALL: [Gradient; 3] = [Gradient::Input, Gradient::Weight, Gradient::Bias];

    /// As the book writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Gradient::Input => "dx",
            Gradient::Weight => "dw",
            Gradient::Bias => "db",
        }
    }
}

/// A convolution of one image or more, and the gradient that comes back to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The sizes.
    pub geometry: Geometry,
    /// (N, C_in, H, W).
    pub input: Vec<f64>,
    /// (C_out, C_in, K_h, K_w).
    pub weight: Vec<f64>,
    /// (C_out).
    pub bias: Vec<f64>,
    /// The gradient of a loss with respect to the output, (N, C_out, H_out, W_out).
    pub grad_output: Vec<f64>,
}

impl Problem {
    /// Whether the kernel fits the image and every array has the length that the sizes ask for; else, what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let g = &self.geometry;
        if [g.images, g.channels, g.filters, g.size.0, g.size.1, g.kernel.0, g.kernel.1].contains(&0) {
            return Err("a size of 0, expected at least 1".into());
        }
        if g.stride.0 == 0 || g.stride.1 == 0 {
            return Err(format!("stride {} x {}, expected at least 1 x 1", g.stride.0, g.stride.1));
        }
        if g.dilation.0 == 0 || g.dilation.1 == 0 {
            return Err(format!("dilation {} x {}, expected at least 1 x 1", g.dilation.0, g.dilation.1));
        }
        if g.groups != 1 {
            return Err(format!("{} groups, expected one: each is a convolution of its own", g.groups));
        }
        if g.output_size().0 == 0 || g.output_size().1 == 0 {
            let (rows, width) = reference::padded_size(g);
            let (d_h, d_w) = g.dilation;
            let apart =
                if (d_h, d_w) == (1, 1) { String::new() } else { format!(" with dilation {d_h} x {d_w}") };
            return Err(format!(
                "a kernel of {} x {}{apart} does not fit an image of {rows} x {width} (padding included)",
                g.kernel.0, g.kernel.1
            ));
        }
        for (name, values, expected) in [
            ("input", &self.input, g.input_len()),
            ("weight", &self.weight, g.weight_len()),
            ("bias", &self.bias, g.filters),
            ("upstream gradient", &self.grad_output, g.output_len()),
        ] {
            if values.len() != expected {
                return Err(format!("{name}: {} numbers, expected {expected}", values.len()));
            }
        }
        Ok(())
    }

    /// y.
    pub fn output(&self) -> Vec<f64> {
        let mut y = vec![0.0; self.geometry.output_len()];
        conv2d_forward(&self.geometry, &self.input, &self.weight, Some(&self.bias), &mut y);
        y
    }

    /// L = <`grad_output`, y>: the number whose gradients are looked for. Its gradient with respect to y is `grad_output`.
    pub fn loss(&self) -> f64 {
        self.output().iter().zip(&self.grad_output).map(|(y, dy)| y * dy).sum()
    }

    /// (L(v + eps) - L(v - eps)) / 2 eps for number `k` of the array that `of` is the gradient of.
    pub fn difference(&self, of: Gradient, k: usize, eps: f64) -> f64 {
        let loss = |shift: f64| {
            let mut moved = self.clone();
            moved.array_mut(of)[k] += shift;
            moved.loss()
        };
        (loss(eps) - loss(-eps)) / (2.0 * eps)
    }

    /// By how much a difference of L may be off where numbers are not integers: L of the absolute numbers, of which
    /// [`Problem::loss`] may be a small part, times the rounding of a sum of some hundred terms.
    pub fn rounding(&self) -> f64 {
        let absolute = |values: &[f64]| values.iter().map(|value| value.abs()).collect();
        let absolute = Problem {
            geometry: self.geometry,
            input: absolute(&self.input),
            weight: absolute(&self.weight),
            bias: absolute(&self.bias),
            grad_output: absolute(&self.grad_output),
        };
        1e-14 * absolute.loss()
    }

    /// The array that `of` is the gradient of.
    pub fn array(&self, of: Gradient) -> &[f64] {
        match of {
            Gradient::Input => &self.input,
            Gradient::Weight => &self.weight,
            Gradient::Bias => &self.bias,
        }
    }

    pub(super) fn array_mut(&mut self, of: Gradient) -> &mut [f64] {
        match of {
            Gradient::Input => &mut self.input,
            Gradient::Weight => &mut self.weight,
            Gradient::Bias => &mut self.bias,
        }
    }
}
