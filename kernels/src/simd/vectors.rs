//! [`Simd`](super::Simd) by the functions of an instruction set.

/// `impl Simd<E> for $level`: each function with the expression that computes it. V are the vectors, E their elements.
macro_rules! vectors {
    ($level:ident: $lanes:literal lanes of $e:ident in $v:ident, $registers:literal registers;
     $(fn $name:ident($($x:ident: $t:ty),*) -> $out:ty = $by:expr;)*
     $(unsafe fn $at:ident($($p:ident: $u:ty),*) -> $read:ty = $moved:expr;)*) => {
        const _: () = {
            type E = $e;
            type V = $v;
            impl $crate::simd::Simd<$e> for $level {
                type V = $v;
                const LANES: usize = $lanes;
                const REGISTERS: usize = $registers;
                $(#[inline(always)]
                #[allow(unused_unsafe, reason = "where every CPU has the instructions")]
                fn $name(self, $($x: $t),*) -> $out {
                    // SAFETY: the CPU has the instructions: of that, `self` is the proof.
                    unsafe { $by }
                })*
                $(#[inline(always)]
                unsafe fn $at(self, $($p: $u),*) -> $read {
                    // SAFETY: as above; the caller's promise. Lanes that a mask leaves out are not touched.
                    unsafe { $moved }
                })*
            }
        };
    };
}
