//! A character: figures of the alphabet's vocabulary, laid out the alphabet's way.

use super::dice::{Dice, Point, Purpose, distance, lerp};
use super::motif::{self, Path};
use super::style::{Ending, Layout, Mark, Style, Symmetry};

/// Where a figure stands: middle and half size, in the character's box from -1 to 1 both ways.
#[derive(Clone, Copy)]
struct Slot {
    middle: Point,
    half: Point,
}

/// Cells a side of the coarse picture by which characters are judged.
const COARSE: usize = 16;

/// A cell's side in pixels: the pen and a gap.
const CELL: f64 = 7.0;

/// How often a character that is crowded or looks like an earlier one is thought up anew.
const TRIES: usize = 40;

/// The first `count` characters of an alphabet, no two alike; more characters do not change the first ones.
pub(super) fn draw_all(seed: u64, alphabet: u32, style: &Style, count: usize) -> Vec<Vec<Path>> {
    let mut characters = Vec::with_capacity(count);
    let mut pictures: Vec<[u16; COARSE]> = Vec::with_capacity(count);
    for character in 0..count {
        let mut dice = Dice::new(seed, Purpose::Character, [alphabet, character as u32, 0]);
        let (mut best, mut least) = (None, f64::INFINITY);
        for _ in 0..TRIES {
            let paths = draw(style, &mut dice);
            let (picture, length) = coarse(&paths, style.half);
            let likeness = pictures.iter().map(|other| overlap(&picture, other)).fold(0.0, f64::max);
            // Pixels of stroke a cell: about 7 where strokes keep apart, more where they are heaped.
            let cells = picture.iter().map(|row| row.count_ones()).sum::<u32>();
            let crowded = length / (CELL * f64::from(cells));
            // Better crowded than mistaken for another.
            let alike = (likeness - 0.5).max(0.0) + 8.0 * (likeness - 0.65).max(0.0);
            let fault = alike + (crowded - 1.12).max(0.0) + (length / style.most - 1.0).max(0.0);
            if fault < least {
                (best, least) = (Some((paths, picture)), fault);
            }
            if fault == 0.0 {
                break;
            }
        }
        if let Some((paths, picture)) = best {
            characters.push(paths);
            pictures.push(picture);
        }
    }
    characters
}

/// One character in the style.
fn draw(style: &Style, dice: &mut Dice) -> Vec<Path> {
    let layout = style.layouts[usize::from(!dice.chance(style.usual))];
    let mut pieces = dice.weighted(&style.pieces) + 1;
    let symmetric = dice.chance(style.symmetric) && !matches!(layout, Layout::Chain | Layout::Dots);
    if symmetric {
        pieces = pieces.div_ceil(2);
    }
    let mut paths = match layout {
        Layout::Stem => stem(style, dice, pieces.min(3)),
        Layout::Headline => headline(style, dice, pieces.min(3)),
        Layout::Chain => chain(style, dice, pieces.max(2)),
        Layout::Blocks => blocks(style, dice, pieces),
        Layout::Ring => ring(style, dice, pieces.min(3)),
        Layout::Overlay => {
            let whole = Slot { middle: [0.0, 0.0], half: [1.0, 1.0] };
            (0..pieces).flat_map(|_| figure(style, dice, whole, 0.35)).collect()
        }
        Layout::Lattice => lattice(style, dice, pieces),
        Layout::Dots => dots(style, dice),
    };
    if symmetric {
        paths = doubled(paths, style.symmetry);
    }
    if layout != Layout::Dots {
        paths = ended(paths, style, dice);
        if dice.chance(style.marked) {
            paths.extend(mark(style, dice));
        }
    }
    paths
}

/// A figure of the vocabulary in its slot, a little out of place; with the chance `small` only half its size.
fn figure(style: &Style, dice: &mut Dice, slot: Slot, small: f64) -> Vec<Path> {
    let motif = &style.motifs[dice.weighted(&style.weights)];
    let flip = style.flips.map(|p| if dice.chance(p) { -1.0 } else { 1.0 });
    let mut middle = slot.middle.map(|m| m + style.loose * dice.bell());
    let mut half = slot.half;
    if dice.chance(small) {
        let axis = dice.below(2);
        half[axis] *= 0.5;
        middle[axis] += half[axis] * dice.pick(&[-1.0, 0.0, 1.0]);
    }
    motif.iter().map(|path| path.moved(|p| [0, 1].map(|i| middle[i] + half[i] * flip[i] * p[i]))).collect()
}

/// An upright stem with figures at its side.
fn stem(style: &Style, dice: &mut Dice, pieces: usize) -> Vec<Path> {
    let x = style.side;
    let mut paths = vec![Path::open([[x, -1.0], [x, 1.0]], 0.0)];
    let top = dice.pick(&[-1.0, -0.6, -0.2]) * (1.0 - style.reach) + style.reach * 0.2;
    for piece in 0..pieces {
        let half =
            [if x == 0.0 { 0.45 } else { 0.8 }, if pieces == 1 { dice.pick(&[0.4, 0.6]) } else { 0.4 }];
        let away = if x == 0.0 { dice.pick(&[-1.0, 1.0]) } else { -x.signum() };
        let y = if pieces == 1 { top + half[1] } else { top + half[1] + 1.6 * piece as f64 / pieces as f64 };
        paths.extend(figure(
            style,
            dice,
            Slot { middle: [x + away * half[0], y.min(1.1 - half[1])], half },
            0.2,
        ));
    }
    paths
}

/// A bar with figures hanging from it; some characters have a stem at the right too.
fn headline(style: &Style, dice: &mut Dice, pieces: usize) -> Vec<Path> {
    let below = style.side < 0.5;
    let y = if below { -0.9 } else { 0.9 };
    let wide = 0.8 + 0.2 * style.reach;
    let mut paths = vec![Path::open([[-wide, y], [wide, y]], 0.0)];
    let stemmed = style.reach > 0.0 && dice.chance(0.5);
    if stemmed {
        paths.push(Path::open([[0.6, -0.95], [0.6, 1.0]], 0.0));
    }
    let right = if stemmed { 0.55 } else { 0.8 };
    for piece in 0..pieces {
        let half = [(right + 0.8) / 2.0 / pieces as f64, dice.pick(&[0.6, 0.9, 0.9])];
        let x = -0.8 + half[0] * (2 * piece + 1) as f64;
        let middle = [x, if below { y + half[1] } else { y - half[1] }];
        paths.extend(figure(style, dice, Slot { middle, half }, 0.1));
    }
    paths
}

/// Figures side by side, drawn without lifting the pen where they are open strokes.
fn chain(style: &Style, dice: &mut Dice, pieces: usize) -> Vec<Path> {
    let mut paths: Vec<Path> = Vec::new();
    let mut pen: Option<Path> = None;
    for piece in 0..pieces {
        let half = [1.15 / pieces as f64, dice.pick(&[0.6, 0.8, 1.0])];
        let x = -1.0 + (2 * piece + 1) as f64 / pieces as f64;
        let middle = [x, (1.0 - half[1]) * dice.pick(&[-1.0, 0.0, 1.0])];
        for mut path in figure(style, dice, Slot { middle, half }, 0.0) {
            if path.closed || path.points.len() < 2 {
                paths.push(path);
                continue;
            }
            if path.points[0][0] > path.points[path.points.len() - 1][0] {
                path.points.reverse();
            }
            match &mut pen {
                Some(stroke) => stroke.points.extend(path.points),
                None => pen = Some(path),
            }
        }
    }
    paths.extend(pen);
    paths
}

/// Figures in the parts of the box, cut once or twice.
fn blocks(style: &Style, dice: &mut Dice, pieces: usize) -> Vec<Path> {
    let mut slots = vec![Slot { middle: [0.0, 0.0], half: [1.0, 1.0] }];
    let mut axis = usize::from(style.side >= 0.0);
    while slots.len() < pieces.clamp(2, 4) {
        let Slot { middle, half } = slots.remove(0);
        let cut = dice.pick(&[0.5, 0.5, 0.4, 0.6]);
        let mut parts = [Slot { middle, half }; 2];
        for (part, (sign, share)) in parts.iter_mut().zip([(-1.0, cut), (1.0, 1.0 - cut)]) {
            part.middle[axis] += sign * half[axis] * (1.0 - share);
            part.half[axis] *= share;
        }
        slots.extend(parts);
        axis = 1 - axis;
    }
    // A gap, so that the blocks stand apart.
    let gap = 0.85 + 0.25 * style.reach;
    slots
        .iter()
        .flat_map(|s| figure(style, dice, Slot { half: s.half.map(|h| h * gap), ..*s }, 0.1))
        .collect()
}

/// A closed figure with figures inside or outside.
fn ring(style: &Style, dice: &mut Dice, pieces: usize) -> Vec<Path> {
    let inside = dice.chance(0.5 + style.side * 0.4);
    let (middle, size) = if inside { ([0.0, 0.0], 0.95) } else { ([0.0, dice.pick(&[-0.4, 0.4])], 0.55) };
    let phase = if style.flips[0] > 0.2 { 0.125 } else { 0.25 };
    let mut paths = vec![Path::ring(style.taste, phase).moved(|p| [0, 1].map(|i| middle[i] + size * p[i]))];
    for piece in 0..pieces {
        let slot = if inside {
            let x = if pieces == 1 { 0.0 } else { 0.9 * piece as f64 / (pieces - 1) as f64 - 0.45 };
            Slot { middle: [x, 0.0], half: [0.55 / pieces as f64, 0.5] }
        } else if piece == 0 {
            Slot { middle: [0.0, -middle[1] * 1.4], half: [0.5, 0.45] }
        } else {
            let side = if piece == 1 { 0.8 } else { -0.8 };
            Slot { middle: [side, middle[1]], half: [0.25, 0.5] }
        };
        paths.extend(figure(style, dice, slot, 0.2));
    }
    paths
}

/// Strokes from place to place on the style's lattice.
fn lattice(style: &Style, dice: &mut Dice, pieces: usize) -> Vec<Path> {
    let [columns, rows] = style.lattice;
    let stroke = |dice: &mut Dice| {
        let points = motif::walk(dice, columns, rows, style.straight);
        Path::open(points, style.taste.round)
    };
    (0..pieces).map(|_| stroke(dice)).collect()
}

/// Some of the places of a grid, dotted.
fn dots(style: &Style, dice: &mut Dice) -> Vec<Path> {
    let [columns, rows] = style.lattice;
    let mut places: Vec<Point> = (0..columns * rows)
        .map(|i| {
            [(i % columns, columns), (i / columns, rows)].map(|(i, n)| 1.4 * i as f64 / (n - 1) as f64 - 0.7)
        })
        .collect();
    let keep = dice.between(2, places.len().min(6));
    while places.len() > keep {
        places.remove(dice.below(places.len()));
    }
    places.into_iter().map(Path::dot).collect()
}

/// The strokes and their reflections; what reaches over the middle is first squeezed into its half.
fn doubled(paths: Vec<Path>, symmetry: Symmetry) -> Vec<Path> {
    let axis = usize::from(symmetry != Symmetry::Mirror);
    let mut all = Vec::with_capacity(paths.len() * 2);
    for path in paths {
        let on_axis = path.points.iter().all(|p| p[axis].abs() < 0.1);
        let spans = path.points.iter().any(|p| p[axis] > 0.3) && path.points.iter().any(|p| p[axis] < -0.3);
        if on_axis || (path.closed && spans) {
            all.push(path);
            continue;
        }
        let squeezed = path.moved(|mut p| {
            p[axis] = if spans { (p[axis] - 1.0) / 2.0 } else { -p[axis].abs() };
            p
        });
        all.push(squeezed.moved(|mut p| {
            p[axis] = -p[axis];
            if symmetry == Symmetry::Turn {
                p[1 - axis] = -p[1 - axis];
            }
            p
        }));
        all.push(squeezed);
    }
    all
}

/// The strokes, some of their ends with the style's ending.
fn ended(paths: Vec<Path>, style: &Style, dice: &mut Dice) -> Vec<Path> {
    let mut all = Vec::with_capacity(paths.len());
    for mut path in paths {
        let n = path.points.len();
        if n >= 2 && !path.closed && dice.chance(style.ended) {
            let (end, before) = (path.points[n - 1], path.points[n - 2]);
            let length = distance(end, before).max(0.1);
            let along = [0, 1].map(|i| (end[i] - before[i]) / length);
            let across = [-along[1], along[0]];
            let at = |a: f64, b: f64| [0, 1].map(|i| end[i] + a * across[i] + b * along[i]);
            match style.ending {
                Ending::Serif => all.push(Path::open([at(-0.25, 0.0), at(0.25, 0.0)], 0.0)),
                Ending::Hook => path.points.push(at(0.3, if style.taste.round > 0.5 { -0.15 } else { 0.1 })),
                Ending::Ring => all.push(
                    Path::ring(style.taste, 0.25)
                        .moved(|p| lerp(at(0.0, 0.15), [end[0] + p[0], end[1] + p[1]], 0.14)),
                ),
            }
        }
        all.push(path);
    }
    all
}

/// One of the style's marks at its place.
fn mark(style: &Style, dice: &mut Dice) -> Vec<Path> {
    let middle = [[0.0, -1.35], [0.0, 1.35], [1.25, -0.5], [-1.25, 0.4], [0.0, 0.0]][style.mark_place];
    let at = |x: f64, y: f64| [middle[0] + x, middle[1] + y];
    match dice.pick(&style.mark) {
        Mark::Dot => vec![Path::dot(middle)],
        Mark::TwoDots => vec![Path::dot(at(-0.3, 0.0)), Path::dot(at(0.3, 0.0))],
        Mark::Bar => vec![Path::open([at(-0.4, 0.0), at(0.4, 0.0)], 0.0)],
        Mark::Tick => vec![Path::open([at(-0.1, 0.2), at(0.15, -0.2)], 0.0)],
        Mark::Ring => vec![Path::ring(style.taste, 0.25).moved(|p| at(0.17 * p[0], 0.17 * p[1]))],
    }
}

/// The cells of a coarse picture that the strokes pass, a row each, and the length of the strokes in pixels.
///
/// The picture is centred, as a glyph will be: the same strokes elsewhere are the same character.
fn coarse(paths: &[Path], half: [f64; 2]) -> ([u16; COARSE], f64) {
    let (mut rows, mut length) = ([0u16; COARSE], 0.0);
    let middle = [0, 1].map(|axis| {
        let values = || paths.iter().flat_map(|path| &path.points).map(|p| p[axis] * half[axis]);
        (values().fold(f64::INFINITY, f64::min) + values().fold(f64::NEG_INFINITY, f64::max)) / 2.0
    });
    let cell = |x: f64| (x / CELL + COARSE as f64 / 2.0).floor().clamp(0.0, COARSE as f64 - 1.0) as usize;
    let mut touch = |p: Point| rows[cell(p[1])] |= 1 << cell(p[0]);
    for path in paths {
        let points = path.moved(|p| [0, 1].map(|axis| p[axis] * half[axis] - middle[axis])).points;
        touch(points[0]);
        let back = path.closed.then(|| [points[points.len() - 1], points[0]]);
        for [a, b] in points.windows(2).map(|w| [w[0], w[1]]).chain(back) {
            let side = distance(a, b);
            let steps = side.ceil();
            (1..=steps as usize).for_each(|i| touch(lerp(a, b, i as f64 / steps)));
            length += side;
        }
    }
    (rows, length)
}

/// Cells in both pictures over cells in either.
fn overlap(a: &[u16; COARSE], b: &[u16; COARSE]) -> f64 {
    let count = |f: fn(u16, u16) -> u16| a.iter().zip(b).map(|(a, b)| f(*a, *b).count_ones()).sum::<u32>();
    f64::from(count(|a, b| a & b)) / f64::from(count(|a, b| a | b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic::style;

    #[test]
    fn no_two_plans_of_an_alphabet_are_alike() {
        for seed in 0..4 {
            for alphabet in 0..24 {
                let style = style::draw(seed, alphabet);
                let plans = draw_all(seed, alphabet, &style, 24);
                let pictures: Vec<_> = plans.iter().map(|paths| coarse(paths, style.half).0).collect();
                for (i, first) in pictures.iter().enumerate() {
                    let likeness =
                        pictures[..i].iter().map(|second| overlap(first, second)).fold(0.0, f64::max);
                    assert!(likeness < 0.8, "{likeness}, alphabet {alphabet} of seed {seed}, character {i}");
                }
            }
        }
    }
}
