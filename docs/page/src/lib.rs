//! The lesson behind the interactive page: one convolution, forward and back, for a caller that has numbers only.
//!
//! WebAssembly's functions take and return numbers. So the module holds one lesson; the page sets its sizes with [`resize`],
//! writes its numbers where [`pointer`] says, calls [`run`] and reads the results in the same way. Nothing is read or written
//! through a pointer on this side.

use std::cell::RefCell;
use twinglyph_kernels::lesson::{Check, Gradient, Problem, Steps, Wrong, wrong_backward_passes};
use twinglyph_kernels::{Geometry, reference};

/// The largest size of anything on the page.
pub const LARGEST: u32 = 12;

/// One convolution and all that was computed of it.
struct Lesson {
    problem: Problem,
    /// Padded, columns, output, db, dw, gradient of the columns, dx, overlaps, dilated, turned, gathered.
    results: [Vec<f64>; 11],
    wrongs: Vec<Wrong>,
    /// What the last check noticed: gradient, cell or -1, expected, got.
    found: [f64; 4],
    text: String,
}

thread_local! {
    static LESSON: RefCell<Lesson> = RefCell::new(Lesson {
        problem: Problem::plain(),
        results: Default::default(),
        wrongs: wrong_backward_passes(),
        found: [0.0; 4],
        text: String::new(),
    });
}

fn with<T>(f: impl FnOnce(&mut Lesson) -> T) -> T {
    LESSON.with_borrow_mut(f)
}

impl Lesson {
    fn wrong(&self, number: i32) -> Option<Wrong> {
        usize::try_from(number).ok().and_then(|number| self.wrongs.get(number)).copied()
    }

    /// Input, weight, bias, upstream gradient, then the results.
    fn array(&self, number: u32) -> &[f64] {
        match number {
            0 => &self.problem.input,
            1 => &self.problem.weight,
            2 => &self.problem.bias,
            3 => &self.problem.grad_output,
            _ => self.results.get(number as usize - 4).map_or(&[], Vec::as_slice),
        }
    }
}

/// Sets the sizes and makes room for the numbers, all 0. 1 if they go together, else 0, and [`text`] 4 says why.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "WebAssembly has numbers only")]
pub extern "C" fn resize(
    c: u32,
    f: u32,
    h: u32,
    w: u32,
    kh: u32,
    kw: u32,
    sh: u32,
    sw: u32,
    ph: u32,
    pw: u32,
) -> u32 {
    with(|lesson| {
        if [c, f, h, w, kh, kw, sh, sw, ph, pw].iter().any(|size| *size > LARGEST) {
            lesson.text = format!("a size above {LARGEST}");
            return 0;
        }
        let pair = |a: u32, b: u32| (a as usize, b as usize);
        let geometry = Geometry {
            images: 1,
            channels: c as usize,
            size: pair(h, w),
            filters: f as usize,
            kernel: pair(kh, kw),
            stride: pair(sh, sw),
            padding: pair(ph, pw),
        };
        let fits = sh > 0 && sw > 0;
        let zeros = |length: usize| vec![0.0; length];
        let problem = Problem {
            input: zeros(geometry.input_len()),
            weight: zeros(geometry.weight_len()),
            bias: zeros(geometry.filters),
            grad_output: zeros(if fits { geometry.output_len() } else { 0 }),
            geometry,
        };
        match problem.check() {
            Ok(()) => {
                lesson.problem = problem;
                1
            }
            Err(said) => {
                lesson.text = said;
                0
            }
        }
    })
}

/// Where the numbers of an array stand: 0 input, 1 weight, 2 bias, 3 upstream gradient; after [`run`], 4 padded input, 5 columns,
/// 6 output, 7 db, 8 dw, 9 gradient of the columns, 10 dx, 11 overlaps, 12 dilated upstream gradient, 13 turned kernel,
/// 14 dx by gathering.
#[unsafe(no_mangle)]
pub extern "C" fn pointer(array: u32) -> usize {
    with(|lesson| lesson.array(array).as_ptr() as usize)
}

/// How many they are.
#[unsafe(no_mangle)]
pub extern "C" fn length(array: u32) -> usize {
    with(|lesson| lesson.array(array).len())
}

/// Computes every step, with wrong backward pass number `wrong`, or none for -1.
#[unsafe(no_mangle)]
pub extern "C" fn run(wrong: i32) {
    with(|lesson| {
        let (wrong, problem) = (lesson.wrong(wrong), &lesson.problem);
        // The sizes were checked by `resize`.
        let Ok(steps) = Steps::of(problem, wrong.as_ref()) else { return };
        let mut gathered = vec![0.0; problem.input.len()];
        reference::conv2d_backward_input_gather(
            &problem.geometry,
            &problem.weight,
            &problem.grad_output,
            &mut gathered,
        );
        lesson.results = [
            steps.padded,
            steps.columns,
            steps.output,
            steps.grad_bias,
            steps.grad_weight,
            steps.grad_columns,
            steps.grad_input,
            steps.overlaps,
            steps.dilated,
            steps.turned,
            gathered,
        ];
    });
}

/// (L(v + 1) - L(v - 1)) / 2 for number `cell` of array 0, 1 or 2.
#[unsafe(no_mangle)]
pub extern "C" fn difference(array: u32, cell: u32) -> f64 {
    with(|lesson| match Gradient::ALL.get(array as usize) {
        Some(of) if (cell as usize) < lesson.problem.array(*of).len() => {
            lesson.problem.difference(*of, cell as usize, 1.0)
        }
        _ => f64::NAN,
    })
}

/// Whether check number `check` notices wrong backward pass number `wrong` (-1: none) at these numbers: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn check(check: u32, wrong: i32) -> u32 {
    with(|lesson| {
        let Some(check) = Check::ALL.get(check as usize) else { return 0 };
        let Some(noticed) = check.run(&lesson.problem, lesson.wrong(wrong).as_ref()) else { return 0 };
        let cell = noticed.cell.map_or(-1.0, |cell| cell as f64);
        lesson.found = [noticed.gradient as u8 as f64, cell, noticed.expected, noticed.got];
        1
    })
}

/// What the last check noticed: 0 the gradient, 1 the cell or -1 for the mean, 2 expected, 3 got.
#[unsafe(no_mangle)]
pub extern "C" fn found(number: u32) -> f64 {
    with(|lesson| lesson.found.get(number as usize).copied().unwrap_or(f64::NAN))
}

/// Makes a text ready and returns its length in bytes, 0 where there is none: of wrong backward pass `i` 0 the name, 1 what is wrong,
/// 2 the gradient; 3 what check `i` does; 4 what [`resize`] refused.
#[unsafe(no_mangle)]
pub extern "C" fn text(kind: u32, i: i32) -> usize {
    with(|lesson| {
        let wrong = lesson.wrong(i);
        lesson.text = match kind {
            0 => wrong.map_or("", |wrong| wrong.name).into(),
            1 => wrong.map_or("", |wrong| wrong.what).into(),
            2 => wrong.map_or("", |wrong| wrong.gradient.symbol()).into(),
            3 => usize::try_from(i)
                .ok()
                .and_then(|i| Check::ALL.get(i))
                .map_or("", |check| check.what())
                .into(),
            _ => std::mem::take(&mut lesson.text),
        };
        lesson.text.len()
    })
}

/// Where the text stands, in UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn text_pointer() -> usize {
    with(|lesson| lesson.text.as_ptr() as usize)
}
