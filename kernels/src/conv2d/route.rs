//! Which way a convolution goes: by its shapes alone, the same at every instruction set, for f32 and for f64.
//!
//! All costs and limits of the choice stand here. Costs are multiply-adds of one vector. What was measured for them is in
//! docs/performance.md, "Which way a convolution goes"; what is not there was fitted to the times of single layers.

use super::{Geometry, MANY_IMAGES, Tail};
use crate::simd::MAX_LANES;
use std::fmt;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// y.
    Forward,
    /// dw.
    WeightGradient,
    /// dx.
    InputGradient,
}

/// Where a convolution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On its own.
    Plain,
    /// A stack of this stage alone.
    Alone(Tail),
    /// One of a stack's stages.
    Among(Tail),
}

impl Place {
    fn tail(self) -> Option<Tail> {
        match self {
            Place::Plain => None,
            Place::Alone(tail) | Place::Among(tail) => Some(tail),
        }
    }
}

/// Winograd's two forms, by the side of the squares of outputs that they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// F(2 x 2, 3 x 3).
    Two,
    /// F(4 x 4, 3 x 3).
    Four,
}

/// The ways; docs/architecture.md says in which files of this folder each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Products of matrices over the transformed squares of several images, lanes along channels.
    Deep(Form),
    /// F(4 x 4, 3 x 3) with lanes along the squares of an image.
    Squares,
    /// F(2 x 2, 3 x 3) backward, from the winners of the pooling, for the filters of few channels.
    Few,
    /// From winner to winner of the pooling.
    Winners,
    /// By columns that are written, of several images or of some rows of one, and the product of two matrices.
    Columns,
    /// Register tiles over the image itself, whose rows are those of the columns.
    Tiles,
}

/// What a form's transforms cost, for each channel of a patch and for each filter of a square of outputs.
struct Transforms {
    side: usize,
    patches: usize,
    outputs: usize,
}

const TWO: Transforms = Transforms { side: 2, patches: 80, outputs: 40 };
const FOUR: Transforms = Transforms { side: 4, patches: 400, outputs: 150 };
/// For [`Way::Squares`], whose outputs are copied to their places too.
const SQUARES: Transforms = Transforms { outputs: 250, ..FOUR };

/// What the transform of a filter costs, once for all images.
const DEEP_FILTER: usize = 60;
const SQUARES_FILTER: usize = 300;

/// Deep: channels and filters from which on it is the faster way. The padding to whole panels, which is not counted,
/// matters more below.
const DEEP: usize = 32;
/// Deep: squares of an image up to which it is. The matrices of more would not stay in the caches.
const MOST_SQUARES: usize = 256;
/// Squares: numbers of the transformed filters up to which it is the faster way: all are read for each vector of squares.
const MOST_FILTERS: usize = 1 << 16;
/// Squares: by how many eighths its cost may be above that of the dense sums, whose vectors are shorter.
const EIGHTHS: u64 = 9;
/// Few: channels up to which it is the faster way. More have patches long enough for vectors along them.
const FEW: usize = 3;
/// Columns: numbers of those of a part of the batch or of an image up to which they stay in the second-level cache.
pub(super) const MOST_COLUMNS: usize = 1 << 17;
/// Columns: filters, and filters for each number of a patch, from which on it is faster to write the columns than to copy the
/// outputs to or from other rows; for dw, which only reads them, twice as many.
const SOME_FILTERS: usize = 8;
const FILTERS_A_WEIGHT: usize = 2;
/// Columns, dx of 1 x 1: the same, where there is nothing to be copied but dx itself.
const FILTERS_A_PIXEL: usize = 16;
/// Columns, y: channels up to which they are faster than squares where patches are short.
const FEW_CHANNELS: usize = 4;
/// Columns, y: what a position costs for each number of its patch.
const WRITTEN: usize = 5;
/// Columns, dw along patches: positions up to which to add up the lanes of each sum costs more than that patches are columns
/// transposed; up to which it does by however few filters; and for each two filters, where vectors of a patch are full enough,
/// or four times as many where there are many long ones, which `dots` reads again and again.
const FEW_POSITIONS: usize = 16;
const FEWEST_POSITIONS: usize = 2;
const POSITIONS_OF_TWO_FILTERS: usize = 3;
const SHORT_PATCH: usize = 8;
const LONG_PATCH: usize = 128;
const MANY_FILTERS: usize = 64;
/// Columns, y: products that are done before the other ways' tables and weights are made ready; for dx four times as many.
const TINY: u64 = 1 << 11;
/// Columns, dx: what it costs to add a row of the output in a row of columns to its pixels.
const RUN: usize = 20;
/// Columns, dx: channels below which the gather's tiles are low, and what each of its rows costs more than its products then;
/// and what it costs, once for all images, that its weights are in another order.
const LOW_CHANNELS: usize = 8;
const LOW_ROW: usize = 160;
const ORDER: usize = 400;
/// Columns, dx along patches: positions of all images up to which vectors of them are emptier than those of a patch.
const ALL_POSITIONS: usize = 40;

impl Transforms {
    /// Of one square of outputs: its products, each channel's patch, each filter's outputs.
    fn square(&self, g: &Geometry) -> u64 {
        let products = (self.side + 2) * (self.side + 2) * g.channels * g.filters;
        (products + g.channels * self.patches + g.filters * self.outputs) as u64
    }

    /// Rows and columns of squares.
    fn squares(&self, g: &Geometry) -> (usize, usize) {
        let (h, w) = g.output_size();
        (h.div_ceil(self.side), w.div_ceil(self.side))
    }
}

impl Geometry {
    /// Whether the kernel has gaps: a side of 1 has none.
    fn is_dilated(&self) -> bool {
        self.kernel.0 > 1 && self.dilation.0 > 1 || self.kernel.1 > 1 && self.dilation.1 > 1
    }

    /// Whether the kernel is a single weight.
    fn is_pixel(&self) -> bool {
        self.kernel == (1, 1)
    }

    /// Whether no two windows share a pixel.
    fn is_apart(&self) -> bool {
        self.stride != (1, 1) && self.kernel.0 <= self.stride.0 && self.kernel.1 <= self.stride.1
    }

    /// What Winograd's forms are for.
    fn is_three_by_three(&self) -> bool {
        self.kernel == (3, 3) && self.stride == (1, 1) && self.dilation == (1, 1)
    }
}

const DEEP_TWO: Way = Way::Deep(Form::Two);
const DEEP_FOUR: Way = Way::Deep(Form::Four);

/// The ways of each pass, on its own or with what follows it. The first that is for such a shape is taken; the last is for
/// all.
pub const TABLE: [(Pass, Option<Tail>, &[Way]); 9] = [
    (Pass::Forward, None, &[DEEP_TWO, DEEP_FOUR, Way::Columns, Way::Squares, Way::Tiles]),
    (Pass::WeightGradient, None, &[DEEP_TWO, DEEP_FOUR, Way::Columns, Way::Tiles]),
    (Pass::InputGradient, None, &[DEEP_TWO, DEEP_FOUR, Way::Squares, Way::Columns, Way::Tiles]),
    (Pass::Forward, Some(Tail::ReluMaxPool), &[DEEP_TWO, DEEP_FOUR, Way::Squares, Way::Tiles]),
    (Pass::WeightGradient, Some(Tail::ReluMaxPool), &[DEEP_TWO, DEEP_FOUR, Way::Few, Way::Winners]),
    (Pass::InputGradient, Some(Tail::ReluMaxPool), &[DEEP_TWO, DEEP_FOUR, Way::Winners]),
    (Pass::Forward, Some(Tail::TanhAvgPool), &[Way::Tiles]),
    (Pass::WeightGradient, Some(Tail::TanhAvgPool), &[Way::Tiles]),
    (Pass::InputGradient, Some(Tail::TanhAvgPool), &[Way::Tiles]),
];

/// The way of a convolution that has an output; where it has groups, of each of them.
pub fn way(pass: Pass, g: &Geometry, place: Place) -> Way {
    let (grouped, g, tail) = (g.groups > 1, &g.group(), place.tail());
    let row = TABLE.iter().find(|row| (row.0, row.1) == (pass, tail)).expect("every pass has its row");
    let turned = g.turned();
    let fits = |way: Way| match way {
        Way::Deep(_) if matches!(place, Place::Among(_)) || grouped => false,
        // dw and dx share what they read of dy: both go this way, or none.
        Way::Deep(form) => match pass {
            Pass::Forward => deep(g) == Some(form),
            Pass::WeightGradient => deep(g) == Some(form) && turned.as_ref().and_then(deep).is_some(),
            Pass::InputGradient => turned.as_ref().and_then(deep) == Some(form) && deep(g).is_some(),
        },
        Way::Squares => match pass {
            // Pooled in the registers: nothing is as fast.
            Pass::Forward if tail.is_some() => g.is_three_by_three(),
            Pass::Forward => squares(g),
            _ => turned.as_ref().is_some_and(squares),
        },
        Way::Few => g.is_three_by_three() && g.channels <= FEW,
        Way::Columns => match pass {
            Pass::Forward => {
                let some = g.filters >= SOME_FILTERS || g.positions() <= FEWEST_POSITIONS;
                let pays = if g.is_pixel() { g.is_apart() } else { written_sooner(g) };
                pays || fuller(g) || some && products(g) < TINY
            }
            Pass::WeightGradient => {
                let few = g.positions() <= FEWEST_POSITIONS || many_filters(g);
                few || if g.is_pixel() { g.is_apart() } else { short_patches(g, 2 * FILTERS_A_WEIGHT) }
            }
            // Gathering dx by tiles is for neighbouring weights that meet neighbouring pixels; and columns that do not
            // overlap are added in no time.
            Pass::InputGradient => {
                g.is_dilated()
                    || g.is_apart()
                    || dear_gather(g)
                    || products(g) < 4 * TINY
                    || short_patches(g, if g.is_pixel() { FILTERS_A_PIXEL } else { FILTERS_A_WEIGHT })
            }
        },
        Way::Winners | Way::Tiles => true,
    };
    row.2.iter().copied().find(|way| fits(*way)).expect("the last of a row is for all")
}

/// The form by which a deep convolution is faster than the dense sums, if it is. From [`MANY_IMAGES`] on their number
/// changes nothing.
fn deep(g: &Geometry) -> Option<Form> {
    let images = g.images.min(MANY_IMAGES);
    let cost = |form: &Transforms| {
        let (h, w) = form.squares(g);
        (images as u64 * (h * w) as u64 * form.square(g), h * w)
    };
    let (two, four) = (cost(&TWO), cost(&FOUR));
    let ((cost, squares), form) = if four.0 < two.0 { (four, Form::Four) } else { (two, Form::Two) };
    let fits = g.is_three_by_three() && g.channels >= DEEP && g.filters >= DEEP && squares <= MOST_SQUARES;
    let filters = (DEEP_FILTER * g.channels * g.filters) as u64;
    (fits && cost + filters < products(g)).then_some(form)
}

/// Whether squares are the faster way on their own: by vectors of them, and of positions, between the rows of which are some
/// that mean nothing.
fn squares(g: &Geometry) -> bool {
    let fits = g.is_three_by_three() && (SQUARES.side + 2).pow(2) * g.channels * g.filters <= MOST_FILTERS;
    if !fits || g.positions() == 0 {
        return false;
    }
    let ((h, w), (h_out, w_out)) = (SQUARES.squares(g), g.output_size());
    let vectors = |rows: usize, row: usize, last: usize| ((rows - 1) * row + last).div_ceil(MAX_LANES) as u64;
    let dense = vectors(h_out, w_out + 2, w_out) * (g.depth() * g.filters) as u64;
    let once = (SQUARES_FILTER * g.channels * g.filters / g.images.clamp(1, MANY_IMAGES)) as u64;
    vectors(h, w + 1, w) * SQUARES.square(g) + once < dense / 8 * EIGHTHS
}

/// Products of all images, or of so many that more change nothing.
fn products(g: &Geometry) -> u64 {
    (g.images.min(MANY_IMAGES) * g.positions()) as u64 * (g.filters * g.depth()) as u64
}

/// Whether patches are so short that columns are written sooner than outputs are copied.
fn short_patches(g: &Geometry, filters: usize) -> bool {
    g.filters >= SOME_FILTERS.max(filters * g.depth())
}

/// Whether columns are written sooner than outputs are copied to rows without gaps: of short patches, or where the image is
/// dealt to planes of just as many numbers.
fn written_sooner(g: &Geometry) -> bool {
    let gaps = plane(g).1 != g.output_size().1;
    let short = short_patches(g, FILTERS_A_WEIGHT) && (g.channels <= FEW_CHANNELS || !squares(g));
    short || g.is_apart() && gaps && g.filters >= SOME_FILTERS
}

/// Rows and columns of the planes of a phase, padding included.
fn plane(g: &Geometry) -> (usize, usize) {
    let side = |size: usize, padding: usize, stride: usize| (size + 2 * padding).div_ceil(stride);
    (side(g.size.0, g.padding.0, g.stride.0), side(g.size.1, g.padding.1, g.stride.1))
}

/// Whether y has so many vectors fewer by columns, without what stands between the rows of the planes, that they pay.
fn fuller(g: &Geometry) -> bool {
    let ((h_out, w_out), row) = (g.output_size(), plane(g).1);
    let tiles = ((h_out - 1) * row + w_out).div_ceil(MAX_LANES);
    g.filters * (tiles - g.positions().div_ceil(MAX_LANES)) > WRITTEN * g.positions()
}

/// Whether dx by columns is faster than the gather, which makes whole vectors of all pixels, padding included.
fn dear_gather(g: &Geometry) -> bool {
    let (rows, row) = plane(g);
    let low = if g.channels < LOW_CHANNELS { LOW_ROW } else { 0 };
    let once = low + ORDER / g.images.clamp(1, MANY_IMAGES);
    let gather = ((rows * row).next_multiple_of(MAX_LANES) + once) * g.filters;
    gather > g.positions() * g.filters + RUN * MAX_LANES * g.output_size().0
}

/// Whether there are so many filters for the positions that dw is faster as a product over patches.
fn many_filters(g: &Geometry) -> bool {
    let full = g.filters >= SOME_FILTERS && g.depth() >= SHORT_PATCH;
    let long = if g.filters >= MANY_FILTERS && g.depth() >= LONG_PATCH { 4 } else { 1 };
    full && 2 * g.positions() <= long * POSITIONS_OF_TWO_FILTERS * g.filters
}

/// Whether vectors of dw or dx by columns run along patches, not along positions.
pub fn along_patches(pass: Pass, g: &Geometry) -> bool {
    match pass {
        Pass::Forward => false,
        Pass::WeightGradient => g.positions() <= FEW_POSITIONS || many_filters(g),
        Pass::InputGradient => {
            g.depth() >= MAX_LANES && g.images.min(MANY_IMAGES) * g.positions() <= ALL_POSITIONS
        }
    }
}

impl Form {
    /// Side of its squares of outputs.
    pub(super) fn side(self) -> usize {
        match self {
            Form::Two => TWO.side,
            Form::Four => FOUR.side,
        }
    }
}

impl Way {
    /// What it is for, in words.
    pub fn why(self) -> String {
        match self {
            Way::Deep(_) => format!(
                "3 x 3 from {DEEP} channels and filters on, up to {MOST_SQUARES} squares: the fewest multiply-adds"
            ),
            Way::Squares => "3 x 3: the fewest multiply-adds, pooled in the registers or of filters that stay in the caches".into(),
            Way::Few => format!("3 x 3 of up to {FEW} channels"),
            Way::Winners => "only the winners of the pooling have a gradient".into(),
            Way::Columns => "few positions or products, many filters for the size of a patch, 1 x 1 with stride, so \
                             that to write the columns pays; dx with dilation or of windows that share no pixel"
                .into(),
            Way::Tiles => "what no other way is faster for, or there is none".into(),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Deep(Form::Two) => "deep, F(2 x 2, 3 x 3)",
            Way::Deep(Form::Four) => "deep, F(4 x 4, 3 x 3)",
            Way::Squares => "squares, F(4 x 4, 3 x 3)",
            Way::Few => "few",
            Way::Winners => "winners",
            Way::Columns => "columns",
            Way::Tiles => "tiles",
        })
    }
}
