use super::*;
use crate::data::AreaScale;
use twinglyph_engine::random::rng;

type Size = (usize, usize);
const SIDE: Size = (105, 105);
const PLAIN: Orientation = Orientation::ALL[0];

/// One of each key at a strength that may be used in training.
const TYPICAL: Augment =
    Augment { rotate: 15.0, scale: 0.2, shear: 0.2, shift: 0.08, thickness: 1.5, erase: 1.0, elastic: 3.0 };

/// Each key of [`TYPICAL`] alone.
fn alone() -> [Augment; 7] {
    let none = Augment::default();
    [
        Augment { rotate: TYPICAL.rotate, ..none },
        Augment { scale: TYPICAL.scale, ..none },
        Augment { shear: TYPICAL.shear, ..none },
        Augment { shift: TYPICAL.shift, ..none },
        Augment { thickness: TYPICAL.thickness, ..none },
        Augment { erase: TYPICAL.erase, ..none },
        Augment { elastic: TYPICAL.elastic, ..none },
    ]
}

fn still() -> Drawing {
    Augment::default().draw(&mut rng(1, 0))
}

fn bits(size: Size, ink: impl Fn(usize, usize) -> bool) -> Pixels {
    Pixels::from_ink((0..size.0 * size.1).map(|i| ink(i / size.1, i % size.1)))
}

/// An `F`: it has no symmetry.
fn letter() -> Pixels {
    bits(SIDE, |y, x| {
        let stem = (30..33).contains(&x) && (20..85).contains(&y);
        stem || (30..75).contains(&x) && (20..23).contains(&y)
            || (30..60).contains(&x) && (48..51).contains(&y)
    })
}

fn ink(pixels: &Pixels, size: Size) -> Vec<f32> {
    let mut out = vec![9.0; size.0 * size.1];
    pixels.write_ink(&mut out);
    out
}

fn written(drawing: &Drawing, pixels: &Pixels, from: Size, orientation: Orientation, to: Size) -> Vec<f32> {
    let mut out = vec![9.0; to.0 * to.1];
    drawing.write(&mut Canvas::new(), pixels, from, orientation, &mut out, to);
    out
}

fn augmented(augment: &Augment, seed: u64, to: Size) -> Vec<f32> {
    let mut out = vec![9.0; to.0 * to.1];
    augment.write(&letter(), SIDE, PLAIN, &mut rng(seed, 0), &mut out, to);
    out
}

fn mass(image: &[f32]) -> f64 {
    image.iter().map(|&v| f64::from(v)).sum()
}

/// The centre of mass (x, y), from the image's centre, in pixels.
fn centre(image: &[f32], (height, width): Size) -> [f64; 2] {
    let moment = |place: &dyn Fn(usize) -> f64| {
        image.iter().enumerate().map(|(i, &v)| place(i) * f64::from(v)).sum::<f64>() / mass(image)
    };
    [
        moment(&|i| (i % width) as f64 - (width as f64 - 1.0) / 2.0),
        moment(&|i| (i / width) as f64 - (height as f64 - 1.0) / 2.0),
    ]
}

fn is_near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}

/// Glyphs of both kinds in sizes odd, even and not square; ink up to the border.
fn glyphs() -> Vec<(Pixels, Size)> {
    let mut glyphs = vec![(letter(), SIDE)];
    for size in [(7, 13), (12, 8), (1, 1), (40, 40), (33, 5)] {
        glyphs.push((bits(size, |y, x| (y * 5 + x * 3) % 4 < 2), size));
        glyphs.push((Pixels::Grey((0..size.0 * size.1).map(|i| (i * 37 % 256) as u8).collect()), size));
    }
    glyphs
}

#[test]
fn with_nothing_to_do_the_glyph_comes_out_as_it_is() {
    for (pixels, size) in glyphs() {
        assert_eq!(written(&still(), &pixels, size, PLAIN, size), ink(&pixels, size));
        let mut out = vec![9.0; size.0 * size.1];
        Augment::default().write(&pixels, size, PLAIN, &mut rng(1, 0), &mut out, size);
        assert_eq!(out, ink(&pixels, size));
    }
}

#[test]
fn at_another_size_it_is_near_the_mean_of_the_areas() {
    for (pixels, size) in glyphs() {
        for share in [2, 3, 5, 8] {
            let to = (size.0.div_ceil(share), size.1.div_ceil(share));
            let mut expected = vec![0.0; to.0 * to.1];
            AreaScale::new(size, to).write_glyph(&pixels, &mut expected);
            let out = written(&still(), &pixels, size, PLAIN, to);
            let whole = (size.0 % share, size.1 % share) == (0, 0);
            let worst = out.iter().zip(&expected).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(!whole || worst < 1e-5, "{size:?} {to:?}: {worst}");
        }
    }
    let (out, mut expected) = (written(&still(), &letter(), SIDE, PLAIN, (52, 52)), vec![0.0; 52 * 52]);
    AreaScale::new(SIDE, (52, 52)).write_glyph(&letter(), &mut expected);
    let difference: f64 = out.iter().zip(&expected).map(|(a, b)| f64::from((a - b).abs())).sum();
    assert!(difference < 0.02 * mass(&expected), "{difference} of {}", mass(&expected));
}

#[test]
fn each_key_changes_the_drawing_and_leaves_the_rest_alone() {
    let all = TYPICAL.draw(&mut rng(3, 0));
    for (i, augment) in alone().into_iter().enumerate() {
        assert_ne!(augmented(&augment, 3, (52, 52)), augmented(&Augment::default(), 3, (52, 52)), "key {i}");
        let one = augment.draw(&mut rng(3, 0));
        let fields = |d: &Drawing| {
            let field = format!("{:?}", d.field);
            let erased = format!("{:?}", d.erased);
            let floats =
                [d.angle, d.scale[0] * 7.0 + d.scale[1], d.shear, d.shift[0] * 7.0 + d.shift[1], d.thickness];
            let mut fields: Vec<String> = floats.iter().map(|v| format!("{}", v + 0.0)).collect();
            fields.extend([erased, field]);
            fields
        };
        for (j, (field, (with_all, without))) in
            fields(&one).into_iter().zip(fields(&all).into_iter().zip(fields(&still()))).enumerate()
        {
            assert_eq!(field, if i == j { with_all } else { without }, "key {i}, field {j}");
        }
    }
}

#[test]
fn one_state_of_the_generator_gives_one_drawing() {
    assert_eq!(augmented(&TYPICAL, 5, (52, 52)), augmented(&TYPICAL, 5, (52, 52)));
    assert_ne!(augmented(&TYPICAL, 5, (52, 52)), augmented(&TYPICAL, 6, (52, 52)));
    // What comes after a drawing does not depend on the strengths.
    let next = |augment: &Augment| {
        let mut rng = rng(5, 0);
        augment.draw(&mut rng);
        rng.next_u32()
    };
    for augment in alone().iter().filter(|augment| augment.elastic == 0.0) {
        assert_eq!(next(augment), next(&Augment::default()));
    }
}

#[test]
fn memory_of_one_glyph_does_not_show_in_the_next() {
    let mut canvas = Canvas::new();
    for (pixels, size) in glyphs() {
        for to in [size, (9, 9), (52, 52)] {
            let drawing = TYPICAL.draw(&mut rng(2, 0));
            let mut out = vec![9.0; to.0 * to.1];
            drawing.write(&mut canvas, &pixels, size, Orientation::ALL[5], &mut out, to);
            assert_eq!(out, written(&drawing, &pixels, size, Orientation::ALL[5], to));
            assert!(out.iter().all(|v| (0.0..=1.0 + 1e-5).contains(v)));
        }
    }
}

#[test]
fn a_turn_keeps_the_ink_and_is_clockwise_for_angles_above_zero() {
    let bar = bits(SIDE, |y, x| (51..54).contains(&y) && (52..90).contains(&x));
    for degrees in [-120f64, -30.0, 10.0, 45.0, 90.0] {
        let drawing = Drawing { angle: degrees.to_radians(), ..still() };
        for to in [SIDE, (52, 52)] {
            let out = written(&drawing, &bar, SIDE, PLAIN, to);
            let share = (to.0 * to.1) as f64 / (SIDE.0 * SIDE.1) as f64;
            let expected = mass(&ink(&bar, SIDE)) * share;
            assert!(is_near(mass(&out), expected, 0.02 * expected), "{degrees}: {}", mass(&out));
            let [x, y] = centre(&out, to);
            assert!(is_near(y.atan2(x).to_degrees(), degrees, 1.0), "{degrees}: {x} {y}");
        }
    }
}

#[test]
fn a_shift_moves_by_a_share_of_the_side_right_and_down() {
    let pixels = letter();
    let drawing = Drawing { shift: [0.1, -0.05], ..still() };
    for to in [SIDE, (52, 52), (60, 30)] {
        let before = centre(&written(&still(), &pixels, SIDE, PLAIN, to), to);
        let after = centre(&written(&drawing, &pixels, SIDE, PLAIN, to), to);
        assert!(is_near(after[0] - before[0], 0.1 * to.1 as f64, 0.05), "{before:?} {after:?}");
        assert!(is_near(after[1] - before[1], -0.05 * to.0 as f64, 0.05), "{before:?} {after:?}");
    }
}

#[test]
fn scale_and_shear_do_what_they_say() {
    let block = bits(SIDE, |y, x| (40..65).contains(&y) && (40..65).contains(&x));
    let grown = written(&Drawing { scale: [1.2, 1.0 / 1.1], ..still() }, &block, SIDE, PLAIN, SIDE);
    let extent = |row: &[f32]| row.iter().sum::<f32>();
    assert!((extent(&grown[52 * 105..53 * 105]) - 25.0 * 1.2).abs() < 0.1);
    let column: Vec<f32> = (0..105).map(|y| grown[y * 105 + 52]).collect();
    assert!((extent(&column) - 25.0 / 1.1).abs() < 0.1);

    let stem = bits(SIDE, |y, x| (51..54).contains(&x) && (20..85).contains(&y));
    let leaning = written(&Drawing { shear: 0.2, ..still() }, &stem, SIDE, PLAIN, SIDE);
    for y in [25, 52, 80] {
        let place = centre(&leaning[y * 105..(y + 1) * 105], (1, 105))[0];
        assert!(is_near(place, 0.2 * (y as f64 - 52.0), 0.05), "row {y}: {place}");
    }
}

#[test]
fn factors_are_drawn_on_both_sides_of_one() {
    let mut rng = rng(4, 0);
    let logs: Vec<f64> = (0..2000).map(|_| TYPICAL.draw(&mut rng).scale[0].ln() / 1.2f64.ln()).collect();
    assert!(logs.iter().all(|v| (-1.0..=1.0).contains(v)));
    assert!(is_near(logs.iter().sum::<f64>() / 2000.0, 0.0, 0.07));
    assert!(is_near(logs.iter().map(|v| v * v).sum::<f64>() / 2000.0, 1.0 / 3.0, 0.04));
}

#[test]
fn the_eight_orientations_are_eight_images_without_a_loss() {
    let pixels = letter();
    let before = ink(&pixels, SIDE);
    let images = Orientation::ALL.map(|o| written(&still(), &pixels, SIDE, o, SIDE));
    for (i, image) in images.iter().enumerate() {
        assert!(!images[..i].contains(image));
        for (at, &v) in image.iter().enumerate() {
            let (mut y, mut x) = (at / 105, at % 105);
            // A turn clockwise puts at (y, x) what was at (104 - x, y).
            for _ in 0..i % 4 {
                (y, x) = (104 - x, y);
            }
            let x = if i < 4 { x } else { 104 - x };
            assert_eq!(v, before[y * 105 + x], "orientation {i}");
        }
    }
}

#[test]
fn four_quarter_turns_are_none() {
    let size = (12, 12);
    let first = Pixels::Grey((0..144).map(|i| (i * 37 % 256) as u8).collect());
    let mut pixels = first.clone();
    for turns in 1..=4 {
        let out = written(&still(), &pixels, size, Orientation::ALL[1], size);
        pixels = Pixels::Grey(out.iter().map(|v| (v * 255.0).round() as u8).collect());
        assert_eq!(pixels == first, turns == 4);
    }
}

#[test]
fn a_turned_image_that_is_not_square_fills_the_frame() {
    let pixels = bits((4, 6), |y, x| (y, x) == (0, 5) || y == 3);
    // Into the turned frame: exactly. The corner at the top right is at the bottom right.
    let turned = written(&still(), &pixels, (4, 6), Orientation::ALL[1], (6, 4));
    let expected: Vec<f32> = (0..24).map(|i| f32::from(u8::from(i % 4 == 0 || i == 23))).collect();
    assert_eq!(turned, expected);
    // Into its own frame: stretched, the stroke along the whole left side.
    let stretched = written(&still(), &pixels, (4, 6), Orientation::ALL[1], (4, 6));
    assert!((0..4).all(|y| stretched[y * 6] > 0.5) && stretched[23] > 0.3, "{stretched:?}");
    assert!((1..3).all(|y| stretched[y * 6 + 3] == 0.0));
}

/// An upright bar of `width` pixels, and one at 45 degrees of about that width.
fn bars(width: usize) -> [Pixels; 2] {
    let upright = bits(SIDE, |y, x| (50..50 + width).contains(&x) && (20..85).contains(&y));
    let slanting = bits(SIDE, |y, x| {
        let off = (x as f64 - y as f64).abs() / std::f64::consts::SQRT_2;
        off <= width as f64 / 2.0 && (20..85).contains(&y)
    });
    [upright, slanting]
}

#[test]
fn strokes_gain_the_pixels_asked_for_in_every_direction() {
    for (pixels, length) in bars(5).into_iter().zip([65.0, 65.0 * std::f64::consts::SQRT_2]) {
        let width = |gain: f64| {
            let drawing = Drawing { thickness: gain, ..still() };
            mass(&written(&drawing, &pixels, SIDE, PLAIN, SIDE)) / length
        };
        let plain = width(0.0);
        for gain in [-2.0, -1.5, -0.5, 0.5, 1.0, 2.0] {
            let gained = width(gain) - plain;
            // The ends grow too.
            assert!(is_near(gained, gain, 0.25 * gain.abs()), "{gain}: {gained}");
        }
    }
}

#[test]
fn more_thickness_is_more_ink_and_thin_strokes_stay() {
    for pixels in bars(1).into_iter().chain(bars(2)).chain(bars(3)) {
        let image = |gain: f64| written(&Drawing { thickness: gain, ..still() }, &pixels, SIDE, PLAIN, SIDE);
        let masses: Vec<f64> = (-8..=8).map(|i| mass(&image(f64::from(i) / 4.0))).collect();
        assert!(masses.windows(2).all(|w| w[0] < w[1]), "{masses:?}");
        // Every row of the stroke but its ends still has at least a third of its ink, though strokes be one pixel wide.
        let (thin, plain) = (image(-2.0), image(0.0));
        for y in 22..83 {
            let row = |image: &[f32]| mass(&image[y * 105..(y + 1) * 105]);
            assert!(row(&thin) > 0.3 * row(&plain), "row {y}: {} of {}", row(&thin), row(&plain));
        }
    }
}

#[test]
fn a_rectangle_within_the_limits_is_wiped() {
    let black = Pixels::Grey(vec![255; 105 * 105].into());
    for to in [SIDE, (52, 52), (30, 60)] {
        let (mut smallest, mut largest) = (1f64, 0f64);
        let augment = Augment { erase: 1.0, ..Augment::default() };
        let mut out = vec![0.0; to.0 * to.1];
        for seed in 0..300 {
            augment.write(&black, SIDE, PLAIN, &mut rng(seed, 0), &mut out, to);
            let wiped: Vec<usize> = (0..out.len()).filter(|&i| out[i] == 0.0).collect();
            let rows = wiped[wiped.len() - 1] / to.1 - wiped[0] / to.1 + 1;
            let columns = wiped.iter().filter(|&&i| i / to.1 == wiped[0] / to.1).count();
            assert_eq!(rows * columns, wiped.len());
            let share = wiped.len() as f64 / out.len() as f64;
            (smallest, largest) = (smallest.min(share), largest.max(share));
        }
        // Lengths are rounded to whole pixels.
        assert!(
            smallest > 0.014 && largest < 0.17 && smallest < 0.03 && largest > 0.13,
            "{smallest} {largest}"
        );
    }
    let half = Augment { erase: 0.5, ..Augment::default() };
    let erased = (0..2000).filter(|&seed| half.draw(&mut rng(seed, 0)).erased.is_some()).count();
    assert!((900..1100).contains(&erased), "{erased}");
}

#[test]
fn an_elastic_field_is_bounded_smooth_and_not_nothing() {
    let mut largest = 0f32;
    for seed in 0..50 {
        let field = Augment { elastic: 3.0, ..Augment::default() }.draw(&mut rng(seed, 0)).field.unwrap();
        let rows = |v: f64| {
            let mut places = [vec![0.0; 105], vec![0.0; 105]];
            field.move_row(v, &mut places);
            places
        };
        let mut above = rows(0.0);
        for y in 0..=105 {
            let row = rows(f64::from(y) / 105.0);
            for (line, above) in row.iter().zip(&above) {
                largest = line.iter().fold(largest, |largest, d| largest.max(d.abs()));
                // The steepest slope: 3/2 of 6 pixels over a cell of 105/4.
                assert!(line.windows(2).all(|w| (w[1] - w[0]).abs() < 0.36));
                assert!(line.iter().zip(above).all(|(a, b)| (a - b).abs() < 0.36));
            }
            above = row;
        }
    }
    assert!(largest <= 3.0 && largest > 2.5, "{largest}");
}

#[test]
fn values_that_cannot_work_are_refused_by_name() {
    let error = |augment: Augment| augment.check().unwrap_err().to_string();
    let none = Augment::default();
    assert!(none.is_none() && none.check().is_ok() && TYPICAL.check().is_ok() && !TYPICAL.is_none());
    assert_eq!(
        error(Augment { rotate: -1.0, ..none }),
        "augment.rotate: expected 0 to 180 degrees, found -1"
    );
    assert_eq!(error(Augment { scale: 1.5, ..none }), "augment.scale: expected 0 to 1, found 1.5");
    assert_eq!(error(Augment { shear: f64::NAN, ..none }), "augment.shear: expected 0 to 1, found NaN");
    assert_eq!(error(Augment { shift: 0.6, ..none }), "augment.shift: expected 0 to 0.5, found 0.6");
    assert_eq!(
        error(Augment { thickness: 3.0, ..none }),
        "augment.thickness: expected 0 to 2 pixels, found 3"
    );
    assert_eq!(error(Augment { erase: 2.0, ..none }), "augment.erase: expected 0 to 1, found 2");
    assert_eq!(
        error(Augment { elastic: f64::INFINITY, ..none }),
        "augment.elastic: expected 0 to 8 pixels, found inf"
    );
}

#[test]
fn keys_may_be_left_out_and_unknown_ones_are_refused() {
    let augment: Augment = toml::from_str("rotate = 15.0\nerase = 0.5").unwrap();
    assert_eq!(augment, Augment { rotate: 15.0, erase: 0.5, ..Augment::default() });
    assert_eq!(toml::from_str::<Augment>(&toml::to_string(&TYPICAL).unwrap()).unwrap(), TYPICAL);
    assert!(toml::from_str::<Augment>("turn = 1.0").is_err());
}
