//! Vectors of 256 bits: 8 f32 or 4 f64, 16 registers, fused multiply-add.

use super::{Kernel, Simd};
use crate::Element;
use crate::element::Constants;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX2 and FMA: only [`enter`] makes one.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Runs a kernel compiled for AVX2 and FMA.
///
/// # Safety
/// The CPU has AVX2 and FMA; `kernel` points to one, which is not used again.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn enter<E: Element, K: Kernel<E>>(kernel: *const K) -> K::Output
where
    Avx2: Simd<E>,
{
    // SAFETY: this function's contract.
    unsafe { kernel.read() }.run(Avx2(()))
}

/// `MASK_32[8 - n..]` begins with n lanes of ones, then zeros; likewise for 64 bits.
static MASK_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
static MASK_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

/// The first bits of a mask.
#[inline(always)]
unsafe fn mask<I>(lanes: &[I]) -> __m256i {
    assert!(size_of_val(lanes) >= size_of::<__m256i>());
    // SAFETY: the CPU has AVX2; the assertion.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

/// 2^a by writing a + 127 into the exponent bits.
#[inline(always)]
unsafe fn exp2i_ps(a: __m256) -> __m256 {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    }
}

/// 2^a: a + 1023 stands in the low bits of the mantissa of a + 1023 + 1.5 * 2^52; shift them to the exponent.
#[inline(always)]
unsafe fn exp2i_pd(a: __m256d) -> __m256d {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let exponent = _mm256_castpd_si256(_mm256_add_pd(a, _mm256_set1_pd(f64::ROUNDER + 1023.0)));
        _mm256_castsi256_pd(_mm256_slli_epi64::<52>(exponent))
    }
}

/// Sum of eight lanes: halves, then quarters, then pairs.
#[inline(always)]
unsafe fn reduce_ps(a: __m256) -> f32 {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// Sum of four lanes.
#[inline(always)]
unsafe fn reduce_pd(a: __m256d) -> f64 {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let two = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd::<1>(a));
        _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
    }
}

/// The halves of 128 bits interleave by themselves; then they are put in order.
#[inline(always)]
unsafe fn interleave_ps(a: __m256, b: __m256) -> (__m256, __m256) {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
    }
}

/// As [`interleave_ps`].
#[inline(always)]
unsafe fn interleave_pd(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        (_mm256_permute2f128_pd::<0x20>(low, high), _mm256_permute2f128_pd::<0x31>(low, high))
    }
}

/// Pairs of a and b by halves of 128 bits: a a b b a a b b; then the middle is swapped.
#[inline(always)]
unsafe fn deinterleave_ps(a: __m256, b: __m256) -> (__m256, __m256) {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let (even, odd) = (_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xDD>(a, b));
        let swap = |v| _mm256_castpd_ps(_mm256_permute4x64_pd::<0xD8>(_mm256_castps_pd(v)));
        (swap(even), swap(odd))
    }
}

/// As [`deinterleave_ps`].
#[inline(always)]
unsafe fn deinterleave_pd(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
    // SAFETY: the CPU has AVX2.
    unsafe {
        let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        (_mm256_permute4x64_pd::<0xD8>(even), _mm256_permute4x64_pd::<0xD8>(odd))
    }
}

/// Eight bytes as numbers.
#[inline(always)]
unsafe fn from_bytes_ps(p: *const u8) -> __m256 {
    // SAFETY: the CPU has AVX2; the pointer is the caller's promise.
    unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()))) }
}

/// Four bytes as numbers.
#[inline(always)]
unsafe fn from_bytes_pd(p: *const u8) -> __m256d {
    // SAFETY: the CPU has AVX2; the pointer is the caller's promise.
    unsafe { _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(p.cast::<i32>().read_unaligned()))) }
}

/// Eight whole numbers as bytes.
#[inline(always)]
unsafe fn bytes_ps(p: *mut u8, v: __m256) {
    // SAFETY: the CPU has AVX2; the pointer is the caller's promise.
    unsafe {
        let whole = _mm256_cvtps_epi32(v);
        let words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
        _mm_storel_epi64(p.cast(), _mm_packus_epi16(words, words));
    }
}

/// Four whole numbers as bytes.
#[inline(always)]
unsafe fn bytes_pd(p: *mut u8, v: __m256d) {
    // SAFETY: the CPU has AVX2; the pointer is the caller's promise.
    unsafe {
        let words = _mm_packs_epi32(_mm256_cvtpd_epi32(v), _mm_setzero_si128());
        p.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
    }
}

vectors! {
    Avx2, by instructions: 8 lanes of f32 in __m256, 16 registers;
    fn splat(x: E) -> V = _mm256_set1_ps(x);
    fn add(a: V, b: V) -> V = _mm256_add_ps(a, b);
    fn sub(a: V, b: V) -> V = _mm256_sub_ps(a, b);
    fn mul(a: V, b: V) -> V = _mm256_mul_ps(a, b);
    fn div(a: V, b: V) -> V = _mm256_div_ps(a, b);
    fn fma(a: V, b: V, c: V) -> V = _mm256_fmadd_ps(a, b, c);
    fn max(a: V, b: V) -> V = _mm256_max_ps(a, b);
    fn select_gt(a: V, b: V, yes: V, no: V) -> V = _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b));
    fn sqrt(a: V) -> V = _mm256_sqrt_ps(a);
    fn exp2i(a: V) -> V = exp2i_ps(a);
    fn reduce_add(a: V) -> E = reduce_ps(a);
    fn interleave(a: V, b: V) -> (V, V) = interleave_ps(a, b);
    fn deinterleave(a: V, b: V) -> (V, V) = deinterleave_ps(a, b);
    unsafe fn load(p: *const E) -> V = _mm256_loadu_ps(p);
    unsafe fn store(p: *mut E, v: V) -> () = _mm256_storeu_ps(p, v);
    unsafe fn load_partial(p: *const E, n: usize) -> V =
        if n == 8 { _mm256_loadu_ps(p) } else { _mm256_maskload_ps(p, mask(&MASK_32[8 - n..])) };
    unsafe fn store_partial(p: *mut E, n: usize, v: V) -> () =
        if n == 8 { _mm256_storeu_ps(p, v) } else { _mm256_maskstore_ps(p, mask(&MASK_32[8 - n..]), v) };
    unsafe fn load_bytes(p: *const u8) -> V = from_bytes_ps(p);
    unsafe fn store_bytes(p: *mut u8, v: V) -> () = bytes_ps(p, v);
}

vectors! {
    Avx2, by instructions: 4 lanes of f64 in __m256d, 16 registers;
    fn splat(x: E) -> V = _mm256_set1_pd(x);
    fn add(a: V, b: V) -> V = _mm256_add_pd(a, b);
    fn sub(a: V, b: V) -> V = _mm256_sub_pd(a, b);
    fn mul(a: V, b: V) -> V = _mm256_mul_pd(a, b);
    fn div(a: V, b: V) -> V = _mm256_div_pd(a, b);
    fn fma(a: V, b: V, c: V) -> V = _mm256_fmadd_pd(a, b, c);
    fn max(a: V, b: V) -> V = _mm256_max_pd(a, b);
    fn select_gt(a: V, b: V, yes: V, no: V) -> V = _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_GT_OQ>(a, b));
    fn sqrt(a: V) -> V = _mm256_sqrt_pd(a);
    fn exp2i(a: V) -> V = exp2i_pd(a);
    fn reduce_add(a: V) -> E = reduce_pd(a);
    fn interleave(a: V, b: V) -> (V, V) = interleave_pd(a, b);
    fn deinterleave(a: V, b: V) -> (V, V) = deinterleave_pd(a, b);
    unsafe fn load(p: *const E) -> V = _mm256_loadu_pd(p);
    unsafe fn store(p: *mut E, v: V) -> () = _mm256_storeu_pd(p, v);
    unsafe fn load_partial(p: *const E, n: usize) -> V =
        if n == 4 { _mm256_loadu_pd(p) } else { _mm256_maskload_pd(p, mask(&MASK_64[4 - n..])) };
    unsafe fn store_partial(p: *mut E, n: usize, v: V) -> () =
        if n == 4 { _mm256_storeu_pd(p, v) } else { _mm256_maskstore_pd(p, mask(&MASK_64[4 - n..]), v) };
    unsafe fn load_bytes(p: *const u8) -> V = from_bytes_pd(p);
    unsafe fn store_bytes(p: *mut u8, v: V) -> () = bytes_pd(p, v);
}
