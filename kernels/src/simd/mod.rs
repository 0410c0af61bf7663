//! One source for every instruction set: [`Simd`] is the smallest set of vector operations that the
//! kernels need, [`Kernel`] is a loop written against it, [`dispatch`] runs it with the widest vectors
//! that the CPU has.
//!
//! How it works. A kernel is generic over its vectors and `#[inline(always)]` all the way down. The entry
//! point of an instruction set (`avx512::enter`, ...) carries `#[target_feature]`, so all that is inlined
//! into it is compiled with those registers. Which entry is taken is decided once, at run time.

use crate::Element;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

#[macro_use]
mod vectors;

mod portable;
pub use portable::Portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

/// Vectors of one instruction set. The value is a proof that the CPU has it.
///
/// Lane-wise unless said otherwise. `max(a, b)` is `b` where one of them is NaN, so that
/// `max(0, x)` lets a NaN through.
///
/// # Safety
/// `LANES` is at most [`MAX_LANES`] and a power of two, and loads and stores keep to their elements: loops rely on it. A full
/// vector is never loaded or stored by a mask, which costs far more, the more where it crosses a line of the cache.
pub unsafe trait Simd<E: Element>: Copy + Send + Sync + 'static {
    /// A vector of `LANES` elements.
    type V: Copy;
    /// Elements in a vector.
    const LANES: usize;
    /// Vectors that fit in registers at a time; the tiles of `crate::tile` are cut to it.
    const REGISTERS: usize;

    /// All lanes `x`.
    fn splat(self, x: E) -> Self::V;
    /// a + b.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a / b.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b + c.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// a where a > b, else b.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// yes where a > b, else no.
    fn select_gt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// 2^a for whole a whose power is a normal number.
    fn exp2i(self, a: Self::V) -> Self::V;
    /// The sum of the lanes.
    fn reduce_add(self, a: Self::V) -> E;
    /// (a0 b0 a1 b1 ..., the same of the upper halves).
    fn interleave(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// (a0 a2 ... b0 b2 ..., a1 a3 ... b1 b3 ...): undoes `interleave`.
    fn deinterleave(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);

    /// The first `LANES` elements at `p`.
    ///
    /// # Safety
    /// `p..p + LANES` is readable.
    unsafe fn load(self, p: *const E) -> Self::V;
    /// Writes `LANES` elements at `p`.
    ///
    /// # Safety
    /// `p..p + LANES` is writable.
    unsafe fn store(self, p: *mut E, v: Self::V);
    /// The first `n <= LANES` elements at `p`, zeros behind them.
    ///
    /// # Safety
    /// `p..p + n` is readable.
    unsafe fn load_partial(self, p: *const E, n: usize) -> Self::V;
    /// Writes the first `n <= LANES` lanes at `p`.
    ///
    /// # Safety
    /// `p..p + n` is writable.
    unsafe fn store_partial(self, p: *mut E, n: usize, v: Self::V);
    /// Writes `LANES` bytes at `p`: the lanes, which are whole numbers from 0 to 127.
    ///
    /// # Safety
    /// `p..p + LANES` is writable.
    unsafe fn store_bytes(self, p: *mut u8, v: Self::V);
    /// The `LANES` bytes at `p` as numbers.
    ///
    /// # Safety
    /// `p..p + LANES` is readable.
    unsafe fn load_bytes(self, p: *const u8) -> Self::V;
}

/// The most lanes that a vector has.
pub const MAX_LANES: usize = 16;

/// Turns rows into columns: the first `LANES` vectors of `rows` are a matrix, and become its transpose.
#[inline(always)]
pub fn transpose<E: Element, S: Simd<E>>(s: S, rows: &mut [S::V; MAX_LANES]) {
    // Dealing the rows as a perfect shuffle, log2(LANES) times.
    let half = S::LANES / 2;
    for _ in 0..S::LANES.ilog2() {
        let before = *rows;
        for i in 0..half {
            (rows[2 * i], rows[2 * i + 1]) = s.interleave(before[i], before[i + half]);
        }
    }
}

/// The sum of the lanes of each of the first `LANES` vectors.
#[inline(always)]
pub fn sums_of_lanes<E: Element, S: Simd<E>>(s: S, mut vectors: [S::V; MAX_LANES]) -> S::V {
    // Two vectors become one, whose lanes are of the one and the other by turns, half as many of each.
    let mut half = S::LANES / 2;
    while half > 0 {
        for i in 0..half {
            let (a, b) = s.interleave(vectors[i], vectors[i + half]);
            vectors[i] = s.add(a, b);
        }
        half /= 2;
    }
    vectors[0]
}

/// A loop, generic over the vectors it runs with. Implementations of `run` are `#[inline(always)]`.
pub trait Kernel<E: Element> {
    /// What the loop returns.
    type Output;
    /// The loop.
    fn run<S: Simd<E>>(self, simd: S) -> Self::Output;
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `wide`: SSE2 on x86-64, NEON on ARM, simd128 in the browser.
    Portable,
    /// AVX2 and FMA: 256-bit vectors.
    Avx2,
    /// AVX-512 (F, VL, BW, DQ): 512-bit vectors.
    Avx512,
}

/// The environment variable that forces a level.
pub const LEVEL_VARIABLE: &str = "TWINGLYPH_SIMD";

impl Level {
    /// Every level that this CPU has, narrowest first.
    pub fn available() -> Vec<Level> {
        [Level::Portable, Level::Avx2, Level::Avx512]
            .into_iter()
            .filter(|level| level.is_available())
            .collect()
    }

    /// Whether this CPU has it.
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
        }
    }

    /// The level in use: the one that `TWINGLYPH_SIMD` names, else the widest that the CPU has.
    /// Chosen once, at the first call.
    ///
    /// # Errors
    /// When the variable names no level, or one that this CPU lacks.
    pub fn try_current() -> Result<Level, String> {
        static CURRENT: OnceLock<Result<Level, String>> = OnceLock::new();
        let named = |name: OsString| {
            name.to_string_lossy()
                .parse()
                .map_err(|why| format!("{LEVEL_VARIABLE}={}: {why}", name.display()))
        };
        CURRENT.get_or_init(|| std::env::var_os(LEVEL_VARIABLE).map_or(Ok(Level::widest()), named)).clone()
    }

    /// [`Level::try_current`] for the middle of a computation.
    ///
    /// # Panics
    /// When `TWINGLYPH_SIMD` is wrong; a program calls [`Level::try_current`] when it starts.
    pub fn current() -> Level {
        Level::try_current().unwrap_or_else(|message| panic!("{message}"))
    }

    /// The widest level of this CPU, found once.
    pub fn widest() -> Level {
        static WIDEST: OnceLock<Level> = OnceLock::new();
        *WIDEST.get_or_init(|| *Level::available().last().expect("the portable level is always there"))
    }
}

impl FromStr for Level {
    type Err = String;

    /// A level of this CPU, by the name that it is displayed by.
    fn from_str(name: &str) -> Result<Level, String> {
        let all = [Level::Portable, Level::Avx2, Level::Avx512];
        let level = all.into_iter().find(|level| level.to_string() == name);
        let level = level.ok_or("expected portable, avx2 or avx512")?;
        if level.is_available() {
            Ok(level)
        } else {
            Err(format!("this CPU does not have it, the widest it has is {}", Level::widest()))
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        })
    }
}

/// Runs a kernel with the vectors of the level in use.
#[inline]
pub fn dispatch<E: Element, K: Kernel<E>>(kernel: K) -> K::Output {
    E::dispatch_at(Level::current(), kernel)
}

/// Every instruction set has vectors of `E`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn dispatch_at<E: Element, P: Simd<E> + Default, K: Kernel<E>>(
    level: Level,
    kernel: K,
) -> K::Output
where
    avx2::Avx2: Simd<E>,
    avx512::Avx512: Simd<E>,
{
    assert!(level == Level::Portable || level <= Level::widest(), "{level}: this CPU does not have it");
    // Handed over where it stands: a copy by vectors, of parts that have just been stored one by one, would wait until
    // all earlier stores have reached the cache.
    let kernel = std::mem::ManuallyDrop::new(kernel);
    let at = std::ptr::from_ref::<K>(&kernel);
    match level {
        // SAFETY: read once, and never dropped.
        Level::Portable => unsafe { at.read() }.run(P::default()),
        // SAFETY: the assertion above: the CPU has AVX2 and FMA; read once, and never dropped.
        Level::Avx2 => unsafe { avx2::enter(at) },
        // SAFETY: the assertion above: the CPU has AVX-512 F, VL, BW and DQ; read once, and never dropped.
        Level::Avx512 => unsafe { avx512::enter(at) },
    }
}

/// Elsewhere the portable vectors are all there is.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn dispatch_at<E: Element, P: Simd<E> + Default, K: Kernel<E>>(
    level: Level,
    kernel: K,
) -> K::Output {
    assert!(level == Level::Portable, "{level}: this CPU does not have it");
    kernel.run(P::default())
}
