use twinglyph_kernels::{Geometry, reference};
use twinglyph_lesson::{Check, Gradient, Problem, Steps, Wrong, wrong_backward_passes};

/// What the page may ask for: a name and the least and the largest that can still be looked at.
const LIMITS: [(&str, u32, u32); 10] = [
    ("input channels", 1, 3),
    ("output channels", 1, 3),
    ("rows", 1, 10),
    ("columns", 1, 10),
    ("kernel rows", 1, 5),
    ("kernel columns", 1, 5),
    ("stride down", 1, 4),
    ("stride across", 1, 4),
    ("padding above and below", 0, 3),
    ("padding left and right", 0, 3),
];

/// The cells of an im2col matrix that a reader still finds the way in.
const MOST_CELLS: usize = 1500;

/// The arrays of a session, in the order that the page knows them by.
#[allow(missing_docs, reason = "each comment is for all below it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Array {
    /// x, w, b, dy: the page writes them.
    Input,
    Weight,
    Bias,
    GradOutput,
    /// As [`Steps`] has them.
    Padded,
    Columns,
    Output,
    GradBias,
    GradWeight,
    GradColumns,
    GradInput,
    Overlaps,
    Dilated,
    Turned,
    /// The gradients of the windows up to the current one: dy is 0 beyond it.
    InputSoFar,
    WeightSoFar,
    BiasSoFar,
    /// The gradients that the chosen backward pass claims, right or wrong.
    ClaimedInput,
    ClaimedWeight,
    ClaimedBias,
    /// The central differences of L.
    DifferenceInput,
    DifferenceWeight,
    DifferenceBias,
    /// What the last check noticed: gradient, cell or -1, expected, got.
    Noticed,
    /// H_out, W_out, then rows and columns of the padded image and of the dilated dy.
    Sizes,
}

/// One convolution and all that is to be seen of it.
pub struct Session {
    problem: Problem,
    steps: Steps,
    so_far: Steps,
    /// dx, dw, db.
    claimed: [Vec<f64>; 3],
    differences: [Vec<f64>; 3],
    noticed: [f64; 4],
    sizes: [f64; 6],
    wrongs: Vec<Wrong>,
    /// The last sentence or name that the page asked for.
    pub text: String,
}

impl Default for Session {
    fn default() -> Session {
        let problem = Problem::plain();
        let steps = Steps::of(&problem, None).expect("the sizes fit");
        let mut session = Session {
            so_far: steps.clone(),
            problem,
            steps,
            claimed: Default::default(),
            differences: Default::default(),
            noticed: [0.0; 4],
            sizes: [0.0; 6],
            wrongs: wrong_backward_passes(),
            text: String::new(),
        };
        session.run(usize::MAX, -1, 1.0);
        session
    }
}

impl Session {
    /// Takes new sizes, with every number 0. Where they do not fit, all stays as it was, and `text` says why.
    pub fn resize(&mut self, sizes: [u32; 10]) -> bool {
        for ((name, least, most), size) in LIMITS.into_iter().zip(sizes) {
            if size < least || size > most {
                self.text = format!("{name}: {size}, expected {least} to {most}");
                return false;
            }
        }
        let [channels, filters, h, w, kh, kw, sh, sw, ph, pw] = sizes.map(|size| size as usize);
        let geometry = Geometry {
            images: 1,
            channels,
            size: (h, w),
            filters,
            kernel: (kh, kw),
            stride: (sh, sw),
            padding: (ph, pw),
            ..Geometry::default()
        };
        let problem = Problem {
            input: vec![0.0; geometry.input_len()],
            weight: vec![0.0; geometry.weight_len()],
            bias: vec![0.0; geometry.filters],
            grad_output: vec![0.0; geometry.output_len()],
            geometry,
        };
        if let Err(why) = problem.check() {
            self.text = why;
            return false;
        }
        let cells = geometry.depth() * geometry.output_len() / filters;
        if cells > MOST_CELLS {
            self.text = format!("the im2col matrix would have {cells} cells, expected at most {MOST_CELLS}");
            return false;
        }
        self.problem = problem;
        self.run(usize::MAX, -1, 1.0);
        true
    }

    /// Computes everything: "so far" is up to window `until`, claimed is what backward pass `wrong` (-1: the right one)
    /// says, and the differences are taken over `eps` to both sides.
    pub fn run(&mut self, until: usize, wrong: i32, eps: f64) {
        let problem = &self.problem;
        let g = &problem.geometry;
        let (output, padded, dilated) =
            (g.output_size(), reference::padded_size(g), reference::dilated_size(g));
        self.sizes = [output.0, output.1, padded.0, padded.1, dilated.0, dilated.1].map(|size| size as f64);
        let mut masked = problem.clone();
        for (k, dy) in masked.grad_output.iter_mut().enumerate() {
            if k % (output.0 * output.1) > until {
                *dy = 0.0;
            }
        }
        if let (Ok(steps), Ok(so_far)) = (Steps::of(problem, None), Steps::of(&masked, None)) {
            (self.steps, self.so_far) = (steps, so_far);
        }
        self.claimed = Gradient::ALL.map(|of| problem.gradient(of, self.wrong(wrong)));
        self.differences = Gradient::ALL
            .map(|of| (0..problem.array(of).len()).map(|k| problem.difference(of, k, eps)).collect());
    }

    /// The numbers of [`Array`] number `array`; none for another number.
    pub fn array(&self, array: u32) -> &[f64] {
        use Array::*;
        let is = |it: Array| it as u32 == array;
        let (problem, steps, so_far) = (&self.problem, &self.steps, &self.so_far);
        let all: [(Array, &[f64]); 25] = [
            (Input, &problem.input),
            (Weight, &problem.weight),
            (Bias, &problem.bias),
            (GradOutput, &problem.grad_output),
            (Padded, &steps.padded),
            (Columns, &steps.columns),
            (Output, &steps.output),
            (GradBias, &steps.grad_bias),
            (GradWeight, &steps.grad_weight),
            (GradColumns, &steps.grad_columns),
            (GradInput, &steps.grad_input),
            (Overlaps, &steps.overlaps),
            (Dilated, &steps.dilated),
            (Turned, &steps.turned),
            (InputSoFar, &so_far.grad_input),
            (WeightSoFar, &so_far.grad_weight),
            (BiasSoFar, &so_far.grad_bias),
            (ClaimedInput, &self.claimed[0]),
            (ClaimedWeight, &self.claimed[1]),
            (ClaimedBias, &self.claimed[2]),
            (DifferenceInput, &self.differences[0]),
            (DifferenceWeight, &self.differences[1]),
            (DifferenceBias, &self.differences[2]),
            (Noticed, &self.noticed),
            (Sizes, &self.sizes),
        ];
        all.into_iter().find(|(it, _)| is(*it)).map_or(&[], |(_, numbers)| numbers)
    }

    /// Sets number `k` of x, w, b or dy; there is nothing else to set.
    pub fn put(&mut self, array: u32, k: usize, value: f64) {
        let problem = &mut self.problem;
        let array = match array {
            0 => &mut problem.input,
            1 => &mut problem.weight,
            2 => &mut problem.bias,
            3 => &mut problem.grad_output,
            _ => return,
        };
        if let Some(number) = array.get_mut(k) {
            *number = value;
        }
    }

    /// L, with number `k` of x, w or b moved by `shift`.
    pub fn loss(&mut self, of: u32, k: usize, shift: f64) -> f64 {
        let Some(number) = self.array(of.min(2)).get(k).copied() else { return f64::NAN };
        self.put(of.min(2), k, number + shift);
        let loss = self.problem.loss();
        self.put(of.min(2), k, number);
        loss
    }

    /// Number `k` of a gradient, as backward pass `wrong` has it.
    pub fn claim(&self, wrong: i32, of: u32, k: usize) -> f64 {
        let of = Gradient::ALL[(of as usize).min(2)];
        self.problem.gradient(of, self.wrong(wrong)).get(k).copied().unwrap_or(f64::NAN)
    }

    /// Whether a check notices something about a backward pass; what, stands in `Noticed`.
    pub fn check(&mut self, check: u32, wrong: i32) -> bool {
        let Some(check) = Check::ALL.get(check as usize) else { return false };
        let Some(noticed) = check.run(&self.problem, self.wrong(wrong)) else { return false };
        let cell = noticed.cell.map_or(-1.0, |cell| cell as f64);
        self.noticed = [noticed.gradient as usize as f64, cell, noticed.expected, noticed.got];
        true
    }

    /// Writes a wrong backward pass's name, gradient and mistake to `text`, between tabs.
    pub fn name_wrong(&mut self, wrong: i32) -> bool {
        let text = self.wrong(wrong).map(|w| [w.name, w.gradient.symbol(), w.what].join("\t"));
        self.say(text)
    }

    /// Writes what a check does to `text`.
    pub fn name_check(&mut self, check: u32) -> bool {
        self.say(Check::ALL.get(check as usize).map(|check| check.what().to_string()))
    }

    fn say(&mut self, text: Option<String>) -> bool {
        let there = text.is_some();
        self.text = text.unwrap_or_default();
        there
    }

    fn wrong(&self, wrong: i32) -> Option<&Wrong> {
        self.wrongs.get(usize::try_from(wrong).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [u32; 10] = [1, 1, 6, 5, 3, 3, 2, 2, 0, 1];

    #[test]
    fn sizes_that_do_not_fit_are_refused_and_all_stays() {
        let mut session = Session::default();
        assert!(session.resize(SIZES));
        let before = session.array(Array::Dilated as u32).to_vec();
        let mut said = |at: usize, size: u32| {
            let mut sizes = SIZES;
            sizes[at] = size;
            assert!(!session.resize(sizes));
            session.text.clone()
        };
        assert_eq!(said(0, 0), "input channels: 0, expected 1 to 3");
        assert_eq!(said(6, u32::MAX), format!("stride down: {}, expected 1 to 4", u32::MAX));
        assert_eq!(said(2, 2), "a kernel of 3 x 3 does not fit an image of 2 x 7 (padding included)");
        let most = session.resize([3, 1, 10, 10, 3, 3, 1, 1, 1, 1]);
        assert!(!most && session.text == "the im2col matrix would have 2700 cells, expected at most 1500");
        assert_eq!(session.array(Array::Dilated as u32), before);
    }

    #[test]
    fn whatever_is_asked_for_is_answered() {
        let mut session = Session::default();
        assert!(session.resize(SIZES));
        session.put(9, 0, 1.0);
        session.put(0, 999, 1.0);
        session.put(0, 0, f64::NAN);
        session.run(usize::MAX, i32::MAX, 0.0);
        session.run(0, i32::MIN, f64::INFINITY);
        assert!(session.array(999).is_empty());
        assert!(session.loss(9, 999, 1.0).is_nan() && session.claim(-5, 9, 999).is_nan());
        assert!(!session.check(999, 0) && !session.name_check(999) && !session.name_wrong(-1));
        assert!(session.name_wrong(0) && session.text.starts_with("dx-flipped\tdx\t"));
    }
}
