//! Vectors of 512 bits: 16 f32 or 8 f64, 32 registers; partial loads and stores by mask.

use super::{Kernel, Simd};
use crate::Element;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX-512 F, VL, BW and DQ: only [`enter`] makes one.
#[derive(Clone, Copy)]
pub struct Avx512(());

/// Runs a kernel compiled for AVX-512.
///
/// # Safety
/// The CPU has AVX-512 F, VL, BW and DQ, AVX2 and FMA; `kernel` is one, and is not used again.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub unsafe fn enter<E: Element, K: Kernel<E>>(kernel: *const K) -> K::Output
where
    Avx512: Simd<E>,
{
    // SAFETY: this function's contract.
    unsafe { kernel.read() }.run(Avx512(()))
}

// In all blocks below: an `Avx512` exists, so the CPU has the instructions; pointers are the caller's promise.
macro_rules! avx512 {
    ($e:ident, $v:ident, $lanes:expr, $mask:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident,
     $max:ident, $gt:ident, $blend:ident, $sqrt:ident, $scalef:ident, $reduce:ident, $load:ident, $store:ident, $load_mask:ident, $store_mask:ident,
     $pick:ident, $low:expr, $high:expr, $even:expr, $odd:expr, $bytes:ident, $from_bytes:ident) => {
        impl Simd<$e> for Avx512 {
            type V = $v;
            const LANES: usize = $lanes;
            const REGISTERS: usize = 32;

            #[inline(always)]
            fn splat(self, x: $e) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            fn add(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn mul(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn div(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $div(a, b) }
            }
            #[inline(always)]
            fn fma(self, a: $v, b: $v, c: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            fn max(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX-512. The instruction gives b where one is NaN.
                unsafe { $max(a, b) }
            }
            #[inline(always)]
            fn select_gt(self, a: $v, b: $v, yes: $v, no: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $blend($gt::<_CMP_GT_OQ>(a, b), no, yes) }
            }
            #[inline(always)]
            fn sqrt(self, a: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $sqrt(a) }
            }
            #[inline(always)]
            fn exp2i(self, a: $v) -> $v {
                // SAFETY: the CPU has AVX-512.
                unsafe { $scalef($splat(1.0), a) }
            }
            #[inline(always)]
            fn reduce_add(self, a: $v) -> $e {
                // SAFETY: the CPU has AVX-512.
                unsafe { $reduce(a) }
            }
            #[inline(always)]
            fn interleave(self, a: $v, b: $v) -> ($v, $v) {
                // SAFETY: the CPU has AVX-512.
                unsafe { ($pick(a, $low, b), $pick(a, $high, b)) }
            }
            #[inline(always)]
            fn deinterleave(self, a: $v, b: $v) -> ($v, $v) {
                // SAFETY: the CPU has AVX-512.
                unsafe { ($pick(a, $even, b), $pick(a, $odd, b)) }
            }
            #[inline(always)]
            unsafe fn load(self, p: *const $e) -> $v {
                // SAFETY: the caller's promise.
                unsafe { $load(p) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $e, v: $v) {
                // SAFETY: the caller's promise.
                unsafe { $store(p, v) }
            }
            #[inline(always)]
            unsafe fn load_partial(self, p: *const $e, n: usize) -> $v {
                // SAFETY: the caller's promise; lanes that the mask leaves out are not touched.
                unsafe { if n == $lanes { $load(p) } else { $load_mask(((1u32 << n) - 1) as $mask, p) } }
            }
            #[inline(always)]
            unsafe fn store_partial(self, p: *mut $e, n: usize, v: $v) {
                // A masked store costs far more than a plain one, the more where it crosses a line of the cache.
                // SAFETY: as in `load_partial`.
                unsafe { if n == $lanes { $store(p, v) } else { $store_mask(p, ((1u32 << n) - 1) as $mask, v) } }
            }
            #[inline(always)]
            unsafe fn load_bytes(self, p: *const u8) -> $v {
                // SAFETY: the caller's promise.
                unsafe { $from_bytes(p) }
            }
            #[inline(always)]
            unsafe fn store_bytes(self, p: *mut u8, v: $v) {
                // SAFETY: the caller's promise.
                unsafe { $bytes(p, v) }
            }
        }
    };
}

/// Sixteen bytes as numbers.
#[inline(always)]
unsafe fn from_bytes_ps(p: *const u8) -> __m512 {
    // SAFETY: the CPU has AVX-512; the pointer is the caller's promise.
    unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast()))) }
}

/// Eight bytes as numbers.
#[inline(always)]
unsafe fn from_bytes_pd(p: *const u8) -> __m512d {
    // SAFETY: the CPU has AVX-512; the pointer is the caller's promise.
    unsafe { _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()))) }
}

/// Sixteen whole numbers as bytes.
#[inline(always)]
unsafe fn bytes_ps(p: *mut u8, v: __m512) {
    // SAFETY: the CPU has AVX-512; the pointer is the caller's promise.
    unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))) }
}

/// Eight whole numbers as bytes.
#[inline(always)]
unsafe fn bytes_pd(p: *mut u8, v: __m512d) {
    // SAFETY: the CPU has AVX-512; the pointer is the caller's promise.
    unsafe { _mm_storel_epi64(p.cast(), _mm256_cvtepi32_epi8(_mm512_cvtpd_epi32(v))) }
}

// Lane i of the result is lane I[i] of a, or lane I[i] - LANES of b.
avx512!(
    f32,
    __m512,
    16,
    __mmask16,
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_fmadd_ps,
    _mm512_max_ps,
    _mm512_cmp_ps_mask,
    _mm512_mask_blend_ps,
    _mm512_sqrt_ps,
    _mm512_scalef_ps,
    _mm512_reduce_add_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_permutex2var_ps,
    _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
    _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
    _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31),
    bytes_ps,
    from_bytes_ps
);
avx512!(
    f64,
    __m512d,
    8,
    __mmask8,
    _mm512_set1_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_div_pd,
    _mm512_fmadd_pd,
    _mm512_max_pd,
    _mm512_cmp_pd_mask,
    _mm512_mask_blend_pd,
    _mm512_sqrt_pd,
    _mm512_scalef_pd,
    _mm512_reduce_add_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_permutex2var_pd,
    _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11),
    _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15),
    _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14),
    _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15),
    bytes_pd,
    from_bytes_pd
);
