//! The vectors of every level that this CPU has, and the functions that are made of them, against std.

use twinglyph_kernels::map::Map;
use twinglyph_kernels::simd::{Kernel, Level, MAX_LANES, Simd, transpose};
use twinglyph_kernels::{Element, math};

/// The largest |x| whose exponential is meant, in f32 and in f64.
const EXP_MAX: (f32, f64) = (87.0, 708.0);

/// out = f(x) at a level, by partial loads and stores.
fn apply<E: Element>(level: Level, f: impl Map<E, 1>, x: &[E]) -> Vec<E> {
    struct Apply<'a, E, F>(F, &'a [E], &'a mut [E]);

    impl<E: Element, F: Map<E, 1>> Kernel<E> for Apply<'_, E, F> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd<E>>(self, s: S) {
            for (x, out) in self.1.chunks(S::LANES).zip(self.2.chunks_mut(S::LANES)) {
                // SAFETY: a chunk of x is readable, a chunk of out writable, both at most LANES long.
                unsafe {
                    let y = self.0.apply(s, [s.load_partial(x.as_ptr(), x.len())]);
                    s.store_partial(out.as_mut_ptr(), out.len(), y);
                }
            }
        }
    }

    let mut out = vec![E::ZERO; x.len()];
    E::dispatch_at(level, Apply(f, x, &mut out));
    out
}

macro_rules! formulas {
    ($($name:ident: |$s:ident, $x:ident| $formula:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;
        impl<E: Element> Map<E, 1> for $name {
            #[inline(always)]
            fn apply<S: Simd<E>>(self, $s: S, [$x]: [S::V; 1]) -> S::V {
                $formula
            }
        }
    )*};
}

formulas! {
    Tanh: |s, x| math::tanh(s, x);
    Sigmoid: |s, x| math::sigmoid(s, x);
    Exp: |s, x| math::exp(s, x);
    Exp2i: |s, x| s.exp2i(x);
    Relu: |s, x| s.max(s.splat(E::ZERO), x);
    MaxOfXAndZero: |s, x| s.max(x, s.splat(E::ZERO));
    SignOfX: |s, x| {
        let (zero, one) = (s.splat(E::ZERO), s.splat(E::ONE));
        s.select_gt(x, zero, one, s.select_gt(zero, x, s.sub(zero, one), zero))
    };
    Root: |s, x| s.sqrt(x);
    Arithmetic: |s, x| {
        let (two, three) = (s.splat(E::from_f64(2.0)), s.splat(E::from_f64(3.0)));
        s.div(s.fma(x, two, s.mul(x, x)), s.add(three, s.sub(x, two)))
    };
}

/// Every `step`th float of either sign, so every exponent; infinity; and densely, where the functions bend.
fn sweep(step: usize) -> Vec<f32> {
    let bits = (0..=f32::INFINITY.to_bits()).step_by(step).chain([1, 2, 3, f32::INFINITY.to_bits()]);
    let near = (0..400_000).map(|i| i as f32 * 2.5e-4);
    bits.map(f32::from_bits).chain(near).flat_map(|x| [x, -x]).collect()
}

/// |y - truth| in units of the last place of the f32 nearest to the truth.
fn ulps(y: f32, truth: f64) -> f64 {
    let nearest = (truth as f32).abs();
    (f64::from(y) - truth).abs() / (f64::from(nearest.next_up()) - f64::from(nearest))
}

fn worst_ulps(level: Level, f: impl Map<f32, 1>, truth: fn(f64) -> f64, x: &[f32]) -> (f64, f32) {
    let errors = apply(level, f, x).into_iter().zip(x).map(|(y, x)| (ulps(y, truth(f64::from(*x))), *x));
    errors.fold((0.0, 0.0), |worst, next| if next.0 <= worst.0 { worst } else { next })
}

/// The worst relative error.
fn worst_relative(level: Level, f: impl Map<f64, 1>, truth: fn(f64) -> f64, x: &[f64]) -> (f64, f64) {
    let error = |y: f64, truth: f64| if y == truth { 0.0 } else { ((y - truth) / truth).abs() };
    let errors = apply(level, f, x).into_iter().zip(x).map(|(y, x)| (error(y, truth(*x)), *x));
    errors.fold((0.0, 0.0), |worst, next| if next.0 <= worst.0 { worst } else { next })
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn check_f32(level: Level, all: &[f32]) {
    let (error, x) = worst_ulps(level, Tanh, f64::tanh, all);
    println!("{level}: tanh errs by {error:.3} ulp at {x:e}");
    assert!(error <= 4.0, "{level}: tanh({x:e}) is off by {error} ulp");
    let normal: Vec<f32> = all.iter().copied().filter(|x| *x >= -EXP_MAX.0).collect();
    let (error, x) = worst_ulps(level, Sigmoid, sigmoid, &normal);
    println!("{level}: sigmoid errs by {error:.3} ulp at {x:e}");
    assert!(error <= 4.0, "{level}: sigmoid({x:e}) is off by {error} ulp");
    let within: Vec<f32> = all.iter().copied().filter(|x| x.abs() <= EXP_MAX.0).collect();
    let (error, x) = worst_ulps(level, Exp, f64::exp, &within);
    println!("{level}: exp errs by {error:.3} ulp at {x:e}");
    assert!(error <= 4.0, "{level}: exp({x:e}) is off by {error} ulp");
}

#[test]
fn tanh_sigmoid_and_exp_in_f32_err_by_less_than_4_ulp_at_every_exponent() {
    let all = sweep(16_411);
    for level in Level::available() {
        check_f32(level, &all);
    }
}

#[test]
#[ignore = "takes minutes; run it in release when math.rs changes"]
fn tanh_sigmoid_and_exp_in_f32_err_by_less_than_4_ulp_at_every_float() {
    // Beyond 100 both are constant, below 1e-6 linear to the last digit: the sweep above has enough of them.
    let all: Vec<f32> = (1e-6f32.to_bits()..=100f32.to_bits()).map(f32::from_bits).collect();
    for part in all.chunks(1 << 20) {
        let both: Vec<f32> = part.iter().flat_map(|x| [*x, -x]).collect();
        for level in Level::available() {
            check_f32(level, &both);
        }
    }
}

#[test]
fn tanh_sigmoid_and_exp_in_f64_err_by_a_few_ulps_at_every_exponent() {
    let bits = (0..=f64::INFINITY.to_bits()).step_by((1 << 44) + 12_345);
    let near = (0..400_000).map(|i| f64::from(i) * 2.5e-4);
    let all: Vec<f64> = bits.map(f64::from_bits).chain(near).flat_map(|x| [x, -x]).collect();
    let normal: Vec<f64> = all.iter().copied().filter(|x| *x >= -EXP_MAX.1).collect();
    // Among subnormal numbers, no relative precision is to be had.
    let not_tiny: Vec<f64> = all.iter().copied().filter(|x| *x == 0.0 || x.abs() > 1e-300).collect();
    for level in Level::available() {
        let (error, x) = worst_relative(level, Tanh, f64::tanh, &not_tiny);
        println!("{level}: tanh errs by {error:.2e} at {x:e}");
        assert!(error <= 1e-15, "{level}: tanh({x:e}) is off by {error:e}");
        let (error, x) = worst_relative(level, Sigmoid, sigmoid, &normal);
        println!("{level}: sigmoid errs by {error:.2e} at {x:e}");
        assert!(error <= 1e-15, "{level}: sigmoid({x:e}) is off by {error:e}");
        let within: Vec<f64> = normal.iter().copied().filter(|x| *x <= EXP_MAX.1).collect();
        let (error, x) = worst_relative(level, Exp, f64::exp, &within);
        println!("{level}: exp errs by {error:.2e} at {x:e}");
        assert!(error <= 1e-15, "{level}: exp({x:e}) is off by {error:e}");
    }
}

#[test]
fn exp_ends_at_zero_and_stays_finite_and_keeps_nan() {
    for level in Level::available() {
        let y = apply(level, Exp, &[f32::NEG_INFINITY, -88.0, 0.0, 1000.0, f32::INFINITY, f32::NAN]);
        assert_eq!(y[..3], [0.0, 0.0, 1.0]);
        assert!(y[3] > 6e37 && y[3].is_finite() && y[4] == y[3] && y[5].is_nan(), "{level}: {y:?}");
    }
}

/// f at a few numbers, in both types.
fn in_both(level: Level, f: impl Map<f32, 1> + Map<f64, 1>, x: &[f64], expected: &[f64]) {
    fn agree<E: Element>(y: &[E], expected: &[f64], what: &str) {
        for (y, expected) in
            y.iter().map(|y| y.to_f64()).zip(expected.iter().map(|e| E::from_f64(*e).to_f64()))
        {
            assert!(
                y == expected || y.is_nan() && expected.is_nan(),
                "{what}, {}: {y}, not {expected}",
                E::NAME
            );
        }
    }
    let what = format!("{level}: {}", std::any::type_name_of_val(&f));
    agree(&apply::<f64>(level, f, x), expected, &what);
    let x: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    agree(&apply::<f32>(level, f, &x), expected, &what);
}

#[test]
fn infinities_saturate_and_nan_goes_through() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let x = [inf, -inf, nan, 0.0, 1e30, -1e30, nan];
    for level in Level::available() {
        in_both(level, Tanh, &x, &[1.0, -1.0, nan, 0.0, 1.0, -1.0, nan]);
        in_both(level, Relu, &x, &[inf, 0.0, nan, 0.0, 1e30, 0.0, nan]);
        in_both(level, MaxOfXAndZero, &x, &[inf, 0.0, 0.0, 0.0, 1e30, 0.0, 0.0]);
        in_both(level, SignOfX, &x, &[1.0, -1.0, 0.0, 0.0, 1.0, -1.0, 0.0]);
        in_both(level, Sigmoid, &[inf, 1e30, nan, 0.0], &[1.0, 1.0, nan, 0.5]);
        // Where the truth leaves the normal numbers, sigmoid stays at the least of them or so.
        for y in apply(level, Sigmoid, &[f32::NEG_INFINITY, -1e30, -100.0]) {
            assert!((0.0..1.7e-38).contains(&y), "{level}: {y:e}");
        }
        for y in apply(level, Sigmoid, &[f64::NEG_INFINITY, -1e30, -800.0]) {
            assert!((0.0..3.4e-308).contains(&y), "{level}: {y:e}");
        }
    }
}

#[test]
fn powers_of_two_are_exact_at_every_normal_exponent() {
    for level in Level::available() {
        let whole: Vec<f32> = (-126..=127).map(|k| k as f32).collect();
        let powers: Vec<f32> = (-126..=127).map(|k| 2f32.powi(k)).collect();
        assert_eq!(apply(level, Exp2i, &whole), powers, "{level}");
        let whole: Vec<f64> = (-1022..=1023).map(f64::from).collect();
        let powers: Vec<f64> = (-1022..=1023).map(|k| 2f64.powi(k)).collect();
        assert_eq!(apply(level, Exp2i, &whole), powers, "{level}");
    }
}

#[test]
fn arithmetic_is_that_of_single_numbers() {
    // Small whole numbers, so that every step is exact and a fused one no different: (x 2 + x x) / (1 + x).
    let x: Vec<f64> = [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, -2.0, -3.0, -5.0, 63.0, 127.0].repeat(4);
    let expected: Vec<f64> = x.iter().map(|x| (x * 2.0 + x * x) / (3.0 + (x - 2.0))).collect();
    let squares: Vec<f64> = (0..40).map(|i| f64::from(i * i)).collect();
    let roots: Vec<f64> = (0..40).map(f64::from).collect();
    for level in Level::available() {
        in_both(level, Arithmetic, &x, &expected);
        in_both(level, Root, &squares, &roots);
    }
}

/// Loads n numbers, stores n: what stands around them stays as it is, and the lanes behind them are 0.
struct Partial<'a, E>(&'a [E], &'a mut Vec<String>);

impl<E: Element> Kernel<E> for Partial<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let guard = E::from_f64(-7.0);
        for n in 0..=S::LANES {
            // Exactly n long: a load of more would leave the allocation.
            let x = self.0[..n].to_vec().into_boxed_slice();
            let (mut all, mut some) = (vec![guard; S::LANES], vec![guard; S::LANES + 2]);
            // SAFETY: x holds n elements, `all` LANES; `some` LANES behind its first.
            unsafe {
                let v = s.load_partial(x.as_ptr(), n);
                s.store(all.as_mut_ptr(), v);
                s.store_partial(some.as_mut_ptr().add(1), n, s.load(all.as_ptr()));
            }
            let zeros = all[n..].iter().all(|y| *y == E::ZERO);
            let written = all[..n] == *x && some[1..=n] == *x;
            let guarded = some[0] == guard && some[n + 1..].iter().all(|y| *y == guard);
            if !(zeros && written && guarded) {
                self.1.push(format!("{n} of {} {}: {all:?}, {some:?}", S::LANES, E::NAME));
            }
        }
        // SAFETY: as many elements as lanes are asserted.
        let sum = unsafe {
            assert!(self.0.len() >= S::LANES);
            s.reduce_add(s.load(self.0.as_ptr()))
        };
        if sum != self.0[..S::LANES].iter().copied().sum() {
            self.1.push(format!("the sum of {} {} is {sum}", S::LANES, E::NAME));
        }
    }
}

#[test]
fn partial_loads_and_stores_touch_nothing_beyond_their_elements() {
    for level in Level::available() {
        let mut wrong = Vec::new();
        let x: Vec<f64> = (1..=16).map(f64::from).collect();
        f64::dispatch_at(level, Partial(&x, &mut wrong));
        let x: Vec<f32> = (1..=16).map(|i| i as f32).collect();
        f32::dispatch_at(level, Partial(&x, &mut wrong));
        assert!(wrong.is_empty(), "{level}: {wrong:?}");
    }
}

#[test]
fn a_level_is_chosen_by_its_name_and_a_wrong_name_is_a_sentence() {
    let widest = *Level::available().last().unwrap();
    assert_eq!(Level::widest(), widest);
    for level in Level::available() {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    for name in ["sse2", "", "AVX2", "avx2 "] {
        assert_eq!(name.parse::<Level>(), Err("expected portable, avx2 or avx512".to_owned()));
    }
    for level in [Level::Avx2, Level::Avx512].into_iter().filter(|level| !level.is_available()) {
        let sentence = level.to_string().parse::<Level>().unwrap_err();
        assert!(sentence.contains("this CPU does not have it") && sentence.contains(&widest.to_string()));
    }
}

/// Whole numbers through the ops that move lanes.
struct Moves;

impl<E: Element> Kernel<E> for Moves {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let number = |i: usize| E::from_f64(i as f64);
        let lanes = S::LANES;
        let vector = |start: usize| {
            let values: Vec<E> = (start..start + lanes).map(number).collect();
            // SAFETY: `values` is a vector long.
            unsafe { s.load(values.as_ptr()) }
        };
        let values = |v: S::V| {
            let mut out = vec![E::ZERO; lanes];
            // SAFETY: `out` is a vector long.
            unsafe { s.store(out.as_mut_ptr(), v) };
            out
        };
        let (a, b) = (vector(0), vector(lanes));
        let (low, high) = s.interleave(a, b);
        let both = [values(low), values(high)].concat();
        for (i, value) in both.iter().enumerate() {
            assert_eq!(*value, number(i / 2 + i % 2 * lanes), "lane {i}");
        }
        let (even, odd) = s.deinterleave(a, b);
        let both = [values(even), values(odd)].concat();
        for (i, value) in both.iter().enumerate() {
            assert_eq!(*value, number(2 * i % (2 * lanes) + i / lanes), "lane {i}");
        }
        let mut rows = [s.splat(E::ZERO); MAX_LANES];
        for (i, row) in rows.iter_mut().enumerate().take(lanes) {
            *row = vector(i * lanes);
        }
        transpose(s, &mut rows);
        for (i, row) in rows.into_iter().enumerate().take(lanes) {
            for (j, value) in values(row).into_iter().enumerate() {
                assert_eq!(value, number(j * lanes + i), "row {i}, lane {j}");
            }
        }
        let mut bytes = vec![255; lanes + 1];
        // SAFETY: `bytes` is a vector long.
        unsafe { s.store_bytes(bytes.as_mut_ptr(), vector(112 - lanes)) };
        assert_eq!(bytes, (112 - lanes as u8..112).chain([255]).collect::<Vec<_>>());
        // SAFETY: `bytes` is a vector long.
        assert_eq!(values(unsafe { s.load_bytes(bytes.as_ptr()) }), values(vector(112 - lanes)));
    }
}

#[test]
fn lanes_are_moved_to_their_places() {
    for level in Level::available() {
        f32::dispatch_at(level, Moves);
        f64::dispatch_at(level, Moves);
    }
}
