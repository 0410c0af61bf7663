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
/// The CPU has AVX2 and FMA; `kernel` is one, and is not used again.
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

// In all blocks below: an `Avx2` exists, so the CPU has the instructions; pointers are the caller's promise.
macro_rules! avx2 {
    ($e:ident, $v:ident, $lanes:expr, $masks:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $div:ident,
     $fma:ident, $max:ident, $gt:ident, $blend:ident, $sqrt:ident, $load:ident, $store:ident, $load_mask:ident,
     $store_mask:ident, $exp2i:expr, $reduce:expr, $interleave:ident, $deinterleave:ident, $bytes:ident, $from_bytes:ident) => {
        impl Simd<$e> for Avx2 {
            type V = $v;
            const LANES: usize = $lanes;
            const REGISTERS: usize = 16;

            #[inline(always)]
            fn splat(self, x: $e) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            fn add(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn mul(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn div(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $div(a, b) }
            }
            #[inline(always)]
            fn fma(self, a: $v, b: $v, c: $v) -> $v {
                // SAFETY: the CPU has FMA.
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            fn max(self, a: $v, b: $v) -> $v {
                // SAFETY: the CPU has AVX2. The instruction gives b where one is NaN.
                unsafe { $max(a, b) }
            }
            #[inline(always)]
            fn select_gt(self, a: $v, b: $v, yes: $v, no: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $blend(no, yes, $gt::<_CMP_GT_OQ>(a, b)) }
            }
            #[inline(always)]
            fn sqrt(self, a: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $sqrt(a) }
            }
            #[inline(always)]
            fn exp2i(self, a: $v) -> $v {
                // SAFETY: the CPU has AVX2.
                unsafe { $exp2i(a) }
            }
            #[inline(always)]
            fn reduce_add(self, a: $v) -> $e {
                // SAFETY: the CPU has AVX2.
                unsafe { $reduce(a) }
            }
            #[inline(always)]
            fn interleave(self, a: $v, b: $v) -> ($v, $v) {
                // SAFETY: the CPU has AVX2.
                unsafe { $interleave(a, b) }
            }
            #[inline(always)]
            fn deinterleave(self, a: $v, b: $v) -> ($v, $v) {
                // SAFETY: the CPU has AVX2.
                unsafe { $deinterleave(a, b) }
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
                unsafe { $load_mask(p, _mm256_loadu_si256($masks[$lanes - n..].as_ptr().cast())) }
            }
            #[inline(always)]
            unsafe fn store_partial(self, p: *mut $e, n: usize, v: $v) {
                // SAFETY: as in `load_partial`.
                unsafe { $store_mask(p, _mm256_loadu_si256($masks[$lanes - n..].as_ptr().cast()), v) }
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

avx2!(
    f32,
    __m256,
    8,
    MASK_32,
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_fmadd_ps,
    _mm256_max_ps,
    _mm256_cmp_ps,
    _mm256_blendv_ps,
    _mm256_sqrt_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_maskload_ps,
    _mm256_maskstore_ps,
    exp2i_ps,
    reduce_ps,
    interleave_ps,
    deinterleave_ps,
    bytes_ps,
    from_bytes_ps
);
avx2!(
    f64,
    __m256d,
    4,
    MASK_64,
    _mm256_set1_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_div_pd,
    _mm256_fmadd_pd,
    _mm256_max_pd,
    _mm256_cmp_pd,
    _mm256_blendv_pd,
    _mm256_sqrt_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_maskload_pd,
    _mm256_maskstore_pd,
    exp2i_pd,
    reduce_pd,
    interleave_pd,
    deinterleave_pd,
    bytes_pd,
    from_bytes_pd
);
