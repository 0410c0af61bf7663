//! The numbers that the kernels work on: f32 to train, f64 to check gradients by the same source.

use crate::compiled::Compiled;
use crate::scratch::Stored;
use crate::simd::{Kernel, Level};
use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// f32 or f64: arithmetic, the constants that differ between the two, and the way to the SIMD kernels.
pub trait Element:
    Copy
    + Default
    + Debug
    + Display
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + Stored
    + Compiled<Self>
    + Constants
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + std::iter::Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// `f32` or `f64`.
    const NAME: &'static str;

    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number in f64.
    fn to_f64(self) -> f64;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The natural logarithm; -infinity of 0, NaN below.
    fn ln(self) -> Self;
    /// e to this power; infinity where that is too large.
    fn exp(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// Not a number.
    fn is_nan(self) -> bool;
    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// The larger of two numbers; `other` where one of them is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }

    /// Runs a kernel with the vectors of an instruction set.
    fn dispatch_at<K: Kernel<Self>>(level: Level, kernel: K) -> K::Output;
}

/// What [`crate::math`] and the vectors need to know of the type's bits.
pub trait Constants: Sized {
    /// How many terms of the exponential's Taylor series reach this type's precision on |r| <= ln(2) / 2.
    const EXP_TERMS: usize;
    /// ln 2 cut to so few bits that its product with an exponent is exact (Cody and Waite 1980).
    const LN_2_HIGH: Self;
    /// ln 2 - `LN_2_HIGH`.
    const LN_2_LOW: Self;
    /// 1.5 * 2^(mantissa bits): adding it and taking it away rounds to the nearest whole number.
    const ROUNDER: Self;
    /// Above this, tanh(x) is 1 to the last bit.
    const TANH_ONE: Self;
    /// Largest |x| for which 2^round(x / ln 2) is a normal number.
    const EXP_MAX: Self;

    /// A whole number from 0 to 255 as a byte.
    fn small_whole(self) -> u8;

    /// C = A B + beta C by matrixmultiply: (rows of A, columns of A, columns of B), and each matrix by its first number, the step
    /// from row to row and that from column to column.
    ///
    /// # Safety
    /// All numbers of the three can be read, those of C written, and C shares none with the others.
    unsafe fn gemm(
        size: (usize, usize, usize),
        a: (*const Self, isize, isize),
        b: (*const Self, isize, isize),
        beta: Self,
        c: (*mut Self, isize, isize),
    );
}

macro_rules! element {
    ($t:ident, $gemm:path, $terms:expr, $high:expr, $low:expr, $rounder:expr, $tanh_one:expr, $exp_max:expr) => {
        impl Constants for $t {
            const EXP_TERMS: usize = $terms;
            const LN_2_HIGH: $t = $high;
            const LN_2_LOW: $t = $low;
            const ROUNDER: $t = $rounder;
            const TANH_ONE: $t = $tanh_one;
            const EXP_MAX: $t = $exp_max;

            #[inline(always)]
            fn small_whole(self) -> u8 {
                // Adding this much leaves the whole number in the lowest bits.
                (self + $rounder).to_bits() as u8
            }

            unsafe fn gemm(
                (m, k, n): (usize, usize, usize),
                a: (*const $t, isize, isize),
                b: (*const $t, isize, isize),
                beta: $t,
                c: (*mut $t, isize, isize),
            ) {
                // SAFETY: the caller's promise.
                unsafe { $gemm(m, k, n, 1.0, a.0, a.1, a.2, b.0, b.1, b.2, beta, c.0, c.1, c.2) };
            }
        }

        impl Element for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const NAME: &'static str = stringify!($t);

            #[inline(always)]
            fn from_f64(x: f64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn ln(self) -> $t {
                $t::ln(self)
            }
            #[inline(always)]
            fn exp(self) -> $t {
                $t::exp(self)
            }
            #[inline(always)]
            fn abs(self) -> $t {
                $t::abs(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }

            fn dispatch_at<K: Kernel<$t>>(level: Level, kernel: K) -> K::Output {
                crate::simd::dispatch_at::<$t, crate::simd::Portable, K>(level, kernel)
            }
        }
    };
}

// ln 2 = 0.693359375 - 2.12194440e-4 in f32, 0.6931471803691238 + 1.9082149292705877e-10 in f64
// (the split that fdlibm and Cephes use).
element!(f32, matrixmultiply::sgemm, 7, 355.0 / 512.0, -2.121_944_4e-4, 12_582_912.0, 9.2, 87.0);
element!(
    f64,
    matrixmultiply::dgemm,
    13,
    f64::from_bits(0x3FE6_2E42_FEE0_0000),
    f64::from_bits(0x3DEA_39EF_3579_3C76),
    6_755_399_441_055_744.0,
    20.0,
    708.0
);
