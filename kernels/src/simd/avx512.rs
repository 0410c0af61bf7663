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
/// The CPU has AVX-512 F, VL, BW and DQ, AVX2 and FMA; `kernel` points to one, which is not used again.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub unsafe fn enter<E: Element, K: Kernel<E>>(kernel: *const K) -> K::Output
where
    Avx512: Simd<E>,
{
    // SAFETY: this function's contract.
    unsafe { kernel.read() }.run(Avx512(()))
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

// Lane i of `permutex2var(a, I, b)` is lane I[i] of a, or lane I[i] - LANES of b.
vectors! {
    Avx512, by instructions: 16 lanes of f32 in __m512, 32 registers;
    fn splat(x: E) -> V = _mm512_set1_ps(x);
    fn add(a: V, b: V) -> V = _mm512_add_ps(a, b);
    fn sub(a: V, b: V) -> V = _mm512_sub_ps(a, b);
    fn mul(a: V, b: V) -> V = _mm512_mul_ps(a, b);
    fn div(a: V, b: V) -> V = _mm512_div_ps(a, b);
    fn fma(a: V, b: V, c: V) -> V = _mm512_fmadd_ps(a, b, c);
    fn max(a: V, b: V) -> V = _mm512_max_ps(a, b);
    fn select_gt(a: V, b: V, yes: V, no: V) -> V = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes);
    fn sqrt(a: V) -> V = _mm512_sqrt_ps(a);
    fn exp2i(a: V) -> V = _mm512_scalef_ps(_mm512_set1_ps(1.0), a);
    fn reduce_add(a: V) -> E = _mm512_reduce_add_ps(a);
    fn interleave(a: V, b: V) -> (V, V) = (
        _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b),
        _mm512_permutex2var_ps(a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b),
    );
    fn deinterleave(a: V, b: V) -> (V, V) = (
        _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b),
        _mm512_permutex2var_ps(a, _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b),
    );
    unsafe fn load(p: *const E) -> V = _mm512_loadu_ps(p);
    unsafe fn store(p: *mut E, v: V) -> () = _mm512_storeu_ps(p, v);
    unsafe fn load_partial(p: *const E, n: usize) -> V =
        if n == 16 { _mm512_loadu_ps(p) } else { _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p) };
    unsafe fn store_partial(p: *mut E, n: usize, v: V) -> () =
        if n == 16 { _mm512_storeu_ps(p, v) } else { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as __mmask16, v) };
    unsafe fn load_bytes(p: *const u8) -> V = from_bytes_ps(p);
    unsafe fn store_bytes(p: *mut u8, v: V) -> () = bytes_ps(p, v);
}

vectors! {
    Avx512, by instructions: 8 lanes of f64 in __m512d, 32 registers;
    fn splat(x: E) -> V = _mm512_set1_pd(x);
    fn add(a: V, b: V) -> V = _mm512_add_pd(a, b);
    fn sub(a: V, b: V) -> V = _mm512_sub_pd(a, b);
    fn mul(a: V, b: V) -> V = _mm512_mul_pd(a, b);
    fn div(a: V, b: V) -> V = _mm512_div_pd(a, b);
    fn fma(a: V, b: V, c: V) -> V = _mm512_fmadd_pd(a, b, c);
    fn max(a: V, b: V) -> V = _mm512_max_pd(a, b);
    fn select_gt(a: V, b: V, yes: V, no: V) -> V = _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b), no, yes);
    fn sqrt(a: V) -> V = _mm512_sqrt_pd(a);
    fn exp2i(a: V) -> V = _mm512_scalef_pd(_mm512_set1_pd(1.0), a);
    fn reduce_add(a: V) -> E = _mm512_reduce_add_pd(a);
    fn interleave(a: V, b: V) -> (V, V) = (
        _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b),
        _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b),
    );
    fn deinterleave(a: V, b: V) -> (V, V) = (
        _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b),
        _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b),
    );
    unsafe fn load(p: *const E) -> V = _mm512_loadu_pd(p);
    unsafe fn store(p: *mut E, v: V) -> () = _mm512_storeu_pd(p, v);
    unsafe fn load_partial(p: *const E, n: usize) -> V =
        if n == 8 { _mm512_loadu_pd(p) } else { _mm512_maskz_loadu_pd(((1u32 << n) - 1) as __mmask8, p) };
    unsafe fn store_partial(p: *mut E, n: usize, v: V) -> () =
        if n == 8 { _mm512_storeu_pd(p, v) } else { _mm512_mask_storeu_pd(p, ((1u32 << n) - 1) as __mmask8, v) };
    unsafe fn load_bytes(p: *const u8) -> V = from_bytes_pd(p);
    unsafe fn store_bytes(p: *mut u8, v: V) -> () = bytes_pd(p, v);
}
