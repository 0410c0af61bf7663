//! [`Simd`](super::Simd) by the functions of an instruction set.

/// `unsafe impl Simd<E> for $level`: each function with the expression that computes it, by instructions that a CPU need not have
/// or in plain Rust. V are the vectors, E their elements.
macro_rules! vectors {
    ($level:ident, by $how:ident: $lanes:literal lanes of $e:ident in $v:ident, $registers:literal registers;
     $(fn $name:ident($($x:ident: $t:ty),*) -> $out:ty = $by:expr;)*
     $(unsafe fn $at:ident($($p:ident: $u:ty),*) -> $read:ty = $moved:expr;)*) => {
        const _: () = {
            type E = $e;
            type V = $v;
            // SAFETY: loads and stores are of `LANES` elements or of as many as are asked for.
            unsafe impl $crate::simd::Simd<$e> for $level {
                type V = $v;
                const LANES: usize = $lanes;
                const REGISTERS: usize = $registers;
                $(#[inline(always)]
                fn $name(self, $($x: $t),*) -> $out {
                    vectors!(@ $how $by)
                })*
                $(#[inline(always)]
                unsafe fn $at(self, $($p: $u),*) -> $read {
                    // SAFETY: the caller's promise; as below. Lanes that a mask leaves out are not touched.
                    unsafe { $moved }
                })*
            }
        };
    };
    (@ instructions $by:expr) => {
        // SAFETY: the CPU has the instructions: of that, `self` is the proof.
        unsafe { $by }
    };
    (@ plain $by:expr) => { $by };
}
