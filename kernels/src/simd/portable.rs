//! Vectors by `wide`: SSE2 on plain x86-64, NEON on ARM, simd128 in WebAssembly.

use crate::element::Constants;
use wide::{f32x8, f64x4};

/// Vectors that every machine has.
#[derive(Clone, Copy, Default)]
pub struct Portable;

macro_rules! portable {
    ($e:ident, $v:ident, $lanes:literal, $bits:ident, $bias:expr, $mantissa:expr) => {
        // `wide` makes such a vector of two 128-bit registers where that is all there is.
        vectors! {
            Portable, by plain: $lanes lanes of $e in $v, 8 registers;
            fn splat(x: E) -> V = V::splat(x);
            fn add(a: V, b: V) -> V = a + b;
            fn sub(a: V, b: V) -> V = a - b;
            fn mul(a: V, b: V) -> V = a * b;
            fn div(a: V, b: V) -> V = a / b;
            fn fma(a: V, b: V, c: V) -> V = a.mul_add(b, c);
            fn max(a: V, b: V) -> V = a.simd_gt(b).bitselect(a, b);
            fn select_gt(a: V, b: V, yes: V, no: V) -> V = a.simd_gt(b).bitselect(yes, no);
            fn sqrt(a: V) -> V = a.sqrt();
            fn exp2i(a: V) -> V =
                V::new(a.to_array().map(|x| E::from_bits(((x as i32 + $bias) as $bits) << $mantissa)));
            fn reduce_add(a: V) -> E = a.reduce_add();
            fn interleave(a: V, b: V) -> (V, V) = {
                let (a, b) = (a.to_array(), b.to_array());
                let pick = |i: usize| if i % 2 == 0 { a[i / 2] } else { b[i / 2] };
                (V::new(std::array::from_fn(pick)), V::new(std::array::from_fn(|i| pick($lanes + i))))
            };
            fn deinterleave(a: V, b: V) -> (V, V) = {
                let (a, b) = (a.to_array(), b.to_array());
                let pick = |i: usize| if i < $lanes { a[i] } else { b[i - $lanes] };
                (V::new(std::array::from_fn(|i| pick(2 * i))), V::new(std::array::from_fn(|i| pick(2 * i + 1))))
            };
            // An array needs no more alignment than its element.
            unsafe fn load(p: *const E) -> V = V::new(p.cast::<[E; $lanes]>().read());
            unsafe fn store(p: *mut E, v: V) -> () = p.cast::<[E; $lanes]>().write(v.to_array());
            unsafe fn load_partial(p: *const E, n: usize) -> V = {
                let mut lanes = [0.0; $lanes];
                lanes.iter_mut().enumerate().take(n).for_each(|(i, lane)| *lane = *p.add(i));
                V::new(lanes)
            };
            unsafe fn store_partial(p: *mut E, n: usize, v: V) -> () =
                v.to_array().into_iter().enumerate().take(n).for_each(|(i, lane)| *p.add(i) = lane);
            unsafe fn load_bytes(p: *const u8) -> V = V::new(p.cast::<[u8; $lanes]>().read().map(E::from));
            unsafe fn store_bytes(p: *mut u8, v: V) -> () =
                p.cast::<[u8; $lanes]>().write(v.to_array().map(E::small_whole));
        }
    };
}

portable!(f32, f32x8, 8, u32, 127, 23);
portable!(f64, f64x4, 4, u64, 1023, 52);
