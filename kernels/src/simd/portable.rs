//! Vectors by `wide`: SSE2 on plain x86-64, NEON on ARM, simd128 in WebAssembly.

use super::Simd;
use crate::element::Constants;
use wide::{f32x8, f64x4};

/// Vectors that every machine has.
#[derive(Clone, Copy, Default)]
pub struct Portable;

macro_rules! portable {
    ($e:ident, $v:ident, $lanes:expr, $bits:ident, $bias:expr, $mantissa:expr) => {
        impl Simd<$e> for Portable {
            type V = $v;
            const LANES: usize = $lanes;
            // `wide` makes such a vector of two 128-bit registers where that is all there is.
            const REGISTERS: usize = 8;

            #[inline(always)]
            fn splat(self, x: $e) -> $v {
                $v::splat(x)
            }
            #[inline(always)]
            fn add(self, a: $v, b: $v) -> $v {
                a + b
            }
            #[inline(always)]
            fn sub(self, a: $v, b: $v) -> $v {
                a - b
            }
            #[inline(always)]
            fn mul(self, a: $v, b: $v) -> $v {
                a * b
            }
            #[inline(always)]
            fn div(self, a: $v, b: $v) -> $v {
                a / b
            }
            #[inline(always)]
            fn fma(self, a: $v, b: $v, c: $v) -> $v {
                a.mul_add(b, c)
            }
            #[inline(always)]
            fn max(self, a: $v, b: $v) -> $v {
                a.simd_gt(b).bitselect(a, b)
            }
            #[inline(always)]
            fn select_gt(self, a: $v, b: $v, yes: $v, no: $v) -> $v {
                a.simd_gt(b).bitselect(yes, no)
            }
            #[inline(always)]
            fn sqrt(self, a: $v) -> $v {
                a.sqrt()
            }
            #[inline(always)]
            fn exp2i(self, a: $v) -> $v {
                $v::new(a.to_array().map(|x| $e::from_bits(((x as i32 + $bias) as $bits) << $mantissa)))
            }
            #[inline(always)]
            fn reduce_add(self, a: $v) -> $e {
                a.reduce_add()
            }
            #[inline(always)]
            fn interleave(self, a: $v, b: $v) -> ($v, $v) {
                let (a, b) = (a.to_array(), b.to_array());
                let pick = |i: usize| if i % 2 == 0 { a[i / 2] } else { b[i / 2] };
                (
                    $v::new(std::array::from_fn(pick)),
                    $v::new(std::array::from_fn(|i| pick($lanes + i))),
                )
            }
            #[inline(always)]
            fn deinterleave(self, a: $v, b: $v) -> ($v, $v) {
                let (a, b) = (a.to_array(), b.to_array());
                let pick = |i: usize| if i < $lanes { a[i] } else { b[i - $lanes] };
                (
                    $v::new(std::array::from_fn(|i| pick(2 * i))),
                    $v::new(std::array::from_fn(|i| pick(2 * i + 1))),
                )
            }
            #[inline(always)]
            unsafe fn load(self, p: *const $e) -> $v {
                // SAFETY: the caller's promise; an array needs no more alignment than its element.
                $v::new(unsafe { p.cast::<[$e; $lanes]>().read() })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $e, v: $v) {
                // SAFETY: as in `load`.
                unsafe { p.cast::<[$e; $lanes]>().write(v.to_array()) }
            }
            #[inline(always)]
            unsafe fn load_partial(self, p: *const $e, n: usize) -> $v {
                let mut lanes = [0.0; $lanes];
                for (i, lane) in lanes.iter_mut().enumerate().take(n) {
                    // SAFETY: the caller's promise, i < n.
                    *lane = unsafe { *p.add(i) };
                }
                $v::new(lanes)
            }
            #[inline(always)]
            unsafe fn store_partial(self, p: *mut $e, n: usize, v: $v) {
                for (i, lane) in v.to_array().into_iter().enumerate().take(n) {
                    // SAFETY: the caller's promise, i < n.
                    unsafe { *p.add(i) = lane };
                }
            }
            #[inline(always)]
            unsafe fn load_bytes(self, p: *const u8) -> $v {
                // SAFETY: the caller's promise.
                $v::new(unsafe { p.cast::<[u8; $lanes]>().read() }.map($e::from))
            }
            #[inline(always)]
            unsafe fn store_bytes(self, p: *mut u8, v: $v) {
                // SAFETY: the caller's promise.
                unsafe { p.cast::<[u8; $lanes]>().write(v.to_array().map($e::small_whole)) }
            }
        }
    };
}

portable!(f32, f32x8, 8, u32, 127, 23);
portable!(f64, f64x4, 4, u64, 1023, 52);
