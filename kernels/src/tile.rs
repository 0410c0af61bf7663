//! The products under convolution and dense layers, in register tiles.
//!
//! ```text
//! multiply   C[i][p] = Σ_k A[k][i] X[k][p]     sum over the rows of X, vectors along p
//! dots       G[i][k] += Σ_p Y[i][p] X[k][p]    sum along p, the vectors' lanes added at the end
//! product    C[i][j] = Σ_k A[i][k] B[k][j]     multiply, for matrices that are all there
//! ```
//!
//! X and Y are [`Rows`]: matrices that need not exist. Row k is a stretch of some buffer that begins at
//! `offsets[k]`. For a convolution of stride 1 the im2col matrix is such a matrix over the image itself:
//! its row (c, k_h, k_w) is the image, read from pixel (c, k_h, k_w) on. No column is ever copied.
//!
//! A tile keeps M x N vectors of the result in registers:
//!
//! ```text
//!             X[k]: N vectors along p
//!            ┌─────┬─────┬─────┐
//!   A[k][0]  │     │     │     │   one step of k loads N vectors, broadcasts M numbers
//!   A[k][1]  │     │     │     │   and does M N multiply-adds: (M + N) loads feed M N
//!     ...    │     │     │     │   operations, so the multipliers never wait for memory
//!  A[k][M-1] │     │     │     │
//!            └─────┴─────┴─────┘
//! ```

use crate::Element;
use crate::simd::{Kernel, MAX_LANES, Simd};
use std::ops::Range;

mod dots;
mod packed;

pub use dots::{Dots, Pieces};
pub use packed::Packed;

/// Whether `count` rows of `len` numbers, `step` from one to the next, lie within `room` numbers.
pub(crate) fn fits(count: usize, step: usize, len: usize, room: usize) -> bool {
    let last = count.checked_sub(1).map_or(Some(0), |steps| steps.checked_mul(step));
    last.and_then(|last| last.checked_add(len)).is_some_and(|end| end <= room)
}

/// Rows of `len` elements each; row k is `base[offsets[k]..offsets[k] + len]`.
#[derive(Clone, Copy)]
pub struct Rows<'a, E> {
    base: &'a [E],
    offsets: &'a [usize],
    start: usize,
    len: usize,
}

impl<'a, E: Element> Rows<'a, E> {
    /// # Panics
    /// When a row does not lie within `base`: this is the precondition that every load below relies on.
    pub fn new(base: &'a [E], offsets: &'a [usize], len: usize) -> Rows<'a, E> {
        let room = base.len().checked_sub(len).expect("rows longer than their buffer");
        assert!(offsets.iter().all(|&offset| offset <= room), "a row reaches beyond its buffer");
        Rows { base, offsets, start: 0, len }
    }

    /// The part `start..start + len` of every row.
    pub fn window(self, start: usize, len: usize) -> Rows<'a, E> {
        assert!(start <= self.len && len <= self.len - start, "a window beyond the rows");
        Rows { start: self.start + start, len, ..self }
    }

    /// Some of the rows.
    pub fn select(self, rows: Range<usize>) -> Rows<'a, E> {
        Rows { offsets: &self.offsets[rows], ..self }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Elements of a row.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Row k from element p on. In bounds for p <= len, by `new` and `window`.
    #[inline(always)]
    pub(crate) fn pointer(&self, k: usize, p: usize) -> *const E {
        self.base.as_ptr().wrapping_add(self.offsets[k] + self.start + p)
    }
}

/// The rows of C, `0..rows`, in blocks of at most `height`, as even as they come: 10 rows are 5 + 5, not 8 + 2.
pub fn blocks(height: usize, rows: usize) -> impl Iterator<Item = Range<usize>> {
    let (count, mut end) = (rows.div_ceil(height), 0);
    (1..=count).map(move |b| std::mem::replace(&mut end, b * rows / count)..b * rows / count)
}

/// Copies, or adds, planes of rows: short rows, for which a call of `memcpy` each is dear.
pub struct CopyRows<'a, E> {
    /// Where they are; from one plane to the next, and from one row to the next.
    pub from: (&'a [E], usize, usize),
    /// Where they go, likewise.
    pub to: (&'a mut [E], usize, usize),
    /// How many planes.
    pub planes: usize,
    /// Rows of a plane.
    pub rows: usize,
    /// Numbers of a row.
    pub len: usize,
    /// Whether they are added to what is there.
    pub add: bool,
}

impl<E: Element> Kernel<E> for CopyRows<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let rows = (0..self.planes).flat_map(|plane| (0..self.rows).map(move |row| (plane, row)));
        for (plane, row) in rows {
            let from = &self.from.0[plane * self.from.1 + row * self.from.2..][..self.len];
            let to = &mut self.to.0[plane * self.to.1 + row * self.to.2..][..self.len];
            copy_row(s, from, to, self.add);
        }
    }
}

/// One row of [`CopyRows`]. Its last vector reaches back over the one before: a masked store costs many whole ones.
#[inline(always)]
fn copy_row<E: Element, S: Simd<E>>(s: S, from: &[E], to: &mut [E], add: bool) {
    let len = from.len();
    assert!(to.len() == len);
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    if len < S::LANES {
        // SAFETY: both have len numbers.
        unsafe {
            let mut values = s.load_partial(from, len);
            if add {
                values = s.add(s.load_partial(to, len), values);
            }
            s.store_partial(to, len, values);
        }
        return;
    }
    // SAFETY: for p + LANES <= len.
    let value = |p: usize| unsafe {
        let values = s.load(from.wrapping_add(p));
        if add { s.add(s.load(to.wrapping_add(p)), values) } else { values }
    };
    // Made before any is stored, so that nothing is added twice.
    let last = value(len - S::LANES);
    let mut p = 0;
    while p + S::LANES <= len {
        // SAFETY: by the condition.
        unsafe { s.store(to.add(p), value(p)) };
        p += S::LANES;
    }
    // SAFETY: len >= LANES.
    unsafe { s.store(to.add(len - S::LANES), last) };
}

/// What a tile of C begins with.
#[derive(Clone, Copy)]
pub enum Init<'a, E> {
    /// 0.
    Zero,
    /// `bias[i]` in row i.
    Bias(&'a [E]),
    /// What C holds: the product is added to it.
    Add,
}

impl<'a, E> Init<'a, E> {
    /// The same for some of the rows.
    fn of(self, rows: Range<usize>) -> Init<'a, E> {
        if let Init::Bias(bias) = self { Init::Bias(&bias[rows]) } else { self }
    }
}

/// One block of rows of `C[i][p] = init + Σ_k A[k][i] X[k][p]`, for every p of the rows X.
struct Block<'a, E> {
    /// One block of [`Packed`]: depth x height.
    packed: &'a [E],
    height: usize,
    /// X, `depth` rows.
    rows: Rows<'a, E>,
    init: Init<'a, E>,
    /// C: row i is `out[i * stride..][..rows.len]`.
    out: &'a mut [E],
    /// From one row of C to the next.
    stride: usize,
}

impl<E: Element> Block<'_, E> {
    /// The preconditions of the tiles.
    fn check(&self) {
        let (depth, len, height) = (self.rows.count(), self.rows.len, self.height);
        assert!(height * depth == self.packed.len(), "a block of another size");
        assert!(fits(height, self.stride, len, self.out.len()), "C is too small");
        assert!(!matches!(self.init, Init::Bias(bias) if bias.len() < height), "a bias is missing");
    }
}

/// Calls `$tile` with 4, 2 or 1 vectors, or with N, while `$left` as many are left: as wide as may be, since with few sums
/// each multiply-add waits for the one before it.
macro_rules! widest_first {
    ($n:ident, $left:expr, $tile:ident) => {
        widest_first!(@ $n, $left, $tile, $n 4 2 1)
    };
    (@ $n:ident, $left:expr, $tile:ident, $($width:tt)*) => {$(
        while const { $width <= $n } && $left >= $width {
            $tile!($width);
        }
    )*};
}
impl<E: Element> Block<'_, E> {
    #[inline(always)]
    fn multiply<S: Simd<E>>(self, s: S) {
        self.check();
        // As many vectors beside each other as fit in the registers: M x N + N, and one broadcast.
        match (S::REGISTERS, self.height) {
            (32, 8) => self.tiles::<S, 8, 3>(s),
            (32, 7) => self.tiles::<S, 7, 3>(s),
            (32, 6) => self.tiles::<S, 6, 4>(s),
            (32, 5) => self.tiles::<S, 5, 5>(s),
            (32, 4) => self.tiles::<S, 4, 6>(s),
            (32, 3) => self.tiles::<S, 3, 7>(s),
            (32, 2) => self.tiles::<S, 2, 8>(s),
            (32, 1) => self.tiles::<S, 1, 8>(s),
            (16, 4) => self.tiles::<S, 4, 2>(s),
            (16, 3) => self.tiles::<S, 3, 3>(s),
            (16, 2) => self.tiles::<S, 2, 5>(s),
            (16, 1) => self.tiles::<S, 1, 7>(s),
            (8, 4) => self.tiles::<S, 4, 1>(s),
            (8, 3) => self.tiles::<S, 3, 1>(s),
            (8, 2) => self.tiles::<S, 2, 2>(s),
            (8, 1) => self.tiles::<S, 1, 4>(s),
            (registers, rows) => unreachable!("no tile for {rows} rows and {registers} registers"),
        }
    }

    /// In tiles of M rows and up to N vectors.
    #[inline(always)]
    fn tiles<S: Simd<E>, const M: usize, const N: usize>(self, s: S) {
        let (rows, len) = (self.rows, self.rows.len);
        let tile = Tile {
            out: (self.out.as_mut_ptr(), self.stride),
            init: self.init,
            left: (self.packed.as_ptr(), 1, M),
            right: (rows, rows.count()),
        };
        let mut p = 0;
        macro_rules! tile {
            ($width:tt) => {{
                let last = (len - p - ($width - 1) * S::LANES).min(S::LANES);
                // SAFETY: `check` held for M, and that many vectors are left, of the last `last` numbers.
                unsafe {
                    if last == S::LANES {
                        tile.run::<S, M, { $width }, false>(s, p, last);
                    } else {
                        tile.run::<S, M, { $width }, true>(s, p, last);
                    }
                }
                p += ($width - 1) * S::LANES + last;
            }};
        }
        widest_first!(N, (len - p).div_ceil(S::LANES), tile);
    }
}

/// Where the numbers of X stand.
trait Right<E> {
    /// `X[k][p]`.
    fn at(&self, k: usize, p: usize) -> *const E;
}

impl<E: Element> Right<E> for Rows<'_, E> {
    #[inline(always)]
    fn at(&self, k: usize, p: usize) -> *const E {
        self.pointer(k, p)
    }
}

/// A matrix by its first number, and how far it is from one row to the next.
impl<E: Element> Right<E> for (*const E, usize) {
    #[inline(always)]
    fn at(&self, k: usize, p: usize) -> *const E {
        self.0.wrapping_add(k * self.1 + p)
    }
}

/// The place of some rows of C.
struct Tile<'a, E, R> {
    /// C, and from one row to the next.
    out: (*mut E, usize),
    init: Init<'a, E>,
    /// A; from one i to the next, and from one k.
    left: (*const E, usize, usize),
    /// X, and how many rows it has.
    right: (R, usize),
}

impl<E: Element, R: Right<E>> Tile<'_, E, R> {
    /// C[0..M][p..p + N lanes]; with `PARTIAL` only the first `n` lanes of the last vector.
    ///
    /// # Safety
    /// A, X and C have M rows, `right.1` rows and p + (N - 1) lanes + n columns.
    #[inline(always)]
    unsafe fn run<S: Simd<E>, const M: usize, const N: usize, const PARTIAL: bool>(
        &self,
        s: S,
        p: usize,
        n: usize,
    ) {
        let (out, stride) = self.out;
        let mut c = [[s.splat(E::ZERO); N]; M];
        for (i, row) in c.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value = match self.init {
                    Init::Zero => s.splat(E::ZERO),
                    Init::Bias(bias) => s.splat(bias[i]),
                    // SAFETY: this function's contract.
                    Init::Add => unsafe {
                        if PARTIAL && j + 1 == N {
                            s.load_partial(out.add(i * stride + p + j * S::LANES), n)
                        } else {
                            s.load(out.add(i * stride + p + j * S::LANES))
                        }
                    },
                };
            }
        }
        let (a, row_step, step) = self.left;
        let a: [*const E; M] = std::array::from_fn(|i| a.wrapping_add(i * row_step));
        for k in 0..self.right.1 {
            let x = self.right.0.at(k, p);
            let mut vectors = [s.splat(E::ZERO); N];
            for (j, vector) in vectors.iter_mut().enumerate() {
                // SAFETY: this function's contract.
                *vector = unsafe {
                    if PARTIAL && j + 1 == N {
                        s.load_partial(x.wrapping_add(j * S::LANES), n)
                    } else {
                        s.load(x.wrapping_add(j * S::LANES))
                    }
                };
            }
            for (row, a) in c.iter_mut().zip(&a) {
                // SAFETY: this function's contract.
                let weight = s.splat(unsafe { *a.add(k * step) });
                for (value, vector) in row.iter_mut().zip(&vectors) {
                    *value = s.fma(weight, *vector, *value);
                }
            }
        }
        for (i, row) in c.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                // SAFETY: this function's contract.
                unsafe {
                    let at = out.add(i * stride + p + j * S::LANES);
                    if PARTIAL && j + 1 == N { s.store_partial(at, n, *value) } else { s.store(at, *value) }
                }
            }
        }
    }
}

/// Columns of B that [`Product`] finds side by side. Panel after panel, a tile reads B as one stream.
pub const PANEL: usize = 32;

/// `C[i][j] = Σ_k A[i][k] B[k][j]`, or that added to C: matrices that are all there, in whole panels.
pub struct Product<'a, E> {
    /// Rows of A and C, rows of B, and columns of B and C: a multiple of [`PANEL`].
    pub size: (usize, usize, usize),
    /// A; from one i to the next, and from one k.
    pub left: (&'a [E], usize, usize),
    /// B, panel after panel of `PANEL` columns.
    pub right: &'a [E],
    /// C, and from one row to the next.
    pub out: (&'a mut [E], usize),
    /// Whether the product is added to C.
    pub add: bool,
}

impl<E: Element> Kernel<E> for Product<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<E>>(self, s: S) {
        let (m, k, n) = self.size;
        assert!(m > 0 && k > 0 && n > 0 && n.is_multiple_of(PANEL));
        const { assert!(MAX_LANES.is_multiple_of(S::LANES) && PANEL.is_multiple_of(2 * MAX_LANES)) };
        let ((a, row, step), b, (c, c_stride)) = (self.left, self.right, self.out);
        let width = fits(k, step, 1, a.len()).then(|| (k - 1) * step + 1);
        assert!(width.is_some_and(|width| fits(m, row, width, a.len())) && fits(k, n, n, b.len()));
        assert!(fits(m, c_stride, n, c.len()));
        let init = if self.add { Init::Add } else { Init::Zero };
        // A tile's columns of B stay in the first-level cache while the rows of A go by.
        let (height, width) = match S::REGISTERS {
            32 => (12, 2),
            16 => (6, 2),
            _ => (4, 1),
        };
        let width = width * S::LANES;
        for column in (0..n).step_by(width) {
            let right = b.as_ptr().wrapping_add(column / PANEL * PANEL * k + column % PANEL);
            for rows in blocks(height, m) {
                let tile = Tile {
                    out: (c.as_mut_ptr().wrapping_add(rows.start * c_stride + column), c_stride),
                    init,
                    left: (a.as_ptr().wrapping_add(rows.start * row), row, step),
                    right: ((right, PANEL), k),
                };
                macro_rules! tiles {
                    ($($registers:literal: ($($m:literal)*) x $n:tt)*) => {
                        match (S::REGISTERS, rows.len()) {
                            // SAFETY: the assertions above; rows and columns are some of theirs.
                            $($(($registers, $m) => unsafe { tile.run::<S, $m, $n, false>(s, 0, S::LANES) },)*)*
                            (registers, m) => unreachable!("no tile of {m} rows in {registers} registers"),
                        }
                    };
                }
                tiles! {
                    32: (1 2 3 4 5 6 7 8 9 10 11 12) x 2
                    16: (1 2 3 4 5 6) x 2
                    8: (1 2 3 4) x 1
                }
            }
        }
    }
}
