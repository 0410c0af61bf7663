//! What stands behind docs/convolution.html: a [`Session`] of the lesson, and its functions for JavaScript.
//!
//! The page asks by plain numbers. It sets the sizes (`resize`), then x, w, b and dy (`put`), and after `run` reads any array
//! where `pointer` says that it is. No function panics on what a page may send.

#[cfg(not(target_family = "wasm"))]
pub mod assemble;
mod session;

pub use session::{Array, Session};

use std::cell::RefCell;

thread_local! {
    /// A page has one thread.
    static SESSION: RefCell<Session> = RefCell::new(Session::default());
}

fn with<T>(f: impl FnOnce(&mut Session) -> T) -> T {
    SESSION.with_borrow_mut(f)
}

/// The functions that the page calls, by name.
macro_rules! exports {
    ($($(#[$about:meta])* $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $call:expr;)*) => {
        $($(#[$about])* #[unsafe(no_mangle)] pub extern "C" fn $name($($argument: $type),*) $(-> $result)? {
            with($call)
        })*
    };
}

exports! {
    /// Takes the sizes C_in, C_out, H, W, K_h, K_w, s_h, s_w, p_h, p_w, all numbers zero; 0, with a text, if they do not fit.
    resize(c: u32, f: u32, h: u32, w: u32, kh: u32, kw: u32, sh: u32, sw: u32, ph: u32, pw: u32) -> u32 =
        |session| u32::from(session.resize([c, f, h, w, kh, kw, sh, sw, ph, pw]));
    /// Sets number `k` of x, w, b or dy.
    put(array: u32, k: u32, value: f64) = |session| session.put(array, k as usize, value);
    /// Computes every array: those "so far" by the windows up to `until`, the claimed ones by wrong backward pass `wrong`.
    run(until: u32, wrong: i32, eps: f64) = |session| session.run(until as usize, wrong, eps);
    /// Where the numbers of an array are.
    pointer(array: u32) -> *const f64 = |session| session.array(array).as_ptr();
    /// How many there are.
    length(array: u32) -> usize = |session| session.array(array).len();
    /// L, with number `k` of x, w or b moved by `shift`.
    loss(of: u32, k: u32, shift: f64) -> f64 = |session| session.loss(of, k as usize, shift);
    /// Number `k` of the gradient of x, w or b, as a wrong backward pass has it.
    claim(wrong: i32, of: u32, k: u32) -> f64 = |session| session.claim(wrong, of, k as usize);
    /// Puts a check to a backward pass: 1 if it notices something, which then stands in the array "noticed".
    check(check: u32, wrong: i32) -> u32 = |session| u32::from(session.check(check, wrong));
    /// Names a wrong backward pass, tab, its gradient, tab, what is wrong; 0 if there is none of this number.
    wrong_name(wrong: i32) -> u32 = |session| u32::from(session.name_wrong(wrong));
    /// Names a check; 0 if there is none of this number.
    check_name(check: u32) -> u32 = |session| u32::from(session.name_check(check));
    /// Where the last text is, in UTF-8.
    text_pointer() -> *const u8 = |session| session.text.as_ptr();
    /// How long it is.
    text_length() -> usize = |session| session.text.len();
}
