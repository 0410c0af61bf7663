//! The convolutions that the kernels are tried on.

use twinglyph_kernels::route::{Form, Pass, Place, Way, way};
use twinglyph_kernels::{Geometry, Stage, Tail};

/// A geometry that is there to go this way; that it does is asserted.
#[track_caller]
fn of(pass: Pass, expected: Way, g: Geometry) -> Geometry {
    assert_eq!(way(pass, &g, Place::Plain), expected, "{pass:?} of {g:?}");
    g
}

/// Sizes just below, at and above the lane widths, odd leftovers, strides beyond the kernel, padding.
pub fn geometries() -> Vec<Geometry> {
    let mut all = Vec::new();
    let base =
        Geometry { images: 2, channels: 2, size: (5, 7), filters: 3, kernel: (3, 3), ..Geometry::default() };
    for width in [3, 4, 5, 8, 9, 10, 17, 18, 19, 33, 34, 51] {
        all.push(Geometry { size: (4, width), ..base });
    }
    for filters in 1..=19 {
        all.push(Geometry { filters, ..base });
    }
    for channels in 1..=9 {
        all.push(Geometry { channels, images: 1, ..base });
    }
    for kernel in [(1, 1), (1, 3), (3, 1), (2, 5), (5, 2), (5, 7)] {
        for padding in [(0, 0), (1, 0), (0, 2), (2, 2)] {
            for stride in [(1, 1), (2, 2), (1, 3), (3, 1), (7, 7)] {
                all.push(Geometry { kernel, padding, stride, ..base });
            }
        }
    }
    let pads = [(0, 0), (1, 1), (2, 0), (1, 2), (3, 1)];
    // Outputs so small that gradients are made by columns, several images side by side.
    for (images, size, kernel) in [
        (1, (3, 3), (3, 3)),
        (9, (7, 7), (5, 5)),
        (33, (3, 5), (2, 3)),
        (70, (5, 4), (3, 3)),
        (140, (3, 3), (2, 2)),
    ] {
        for stride in [(1, 1), (2, 2), (3, 1)] {
            let g = Geometry { images, size, kernel, stride, filters: 100, ..base };
            all.push(of(Pass::WeightGradient, Way::Columns, g));
            all.push(of(Pass::InputGradient, Way::Columns, g));
        }
    }
    // Kernels up to the stride, and patches so short that their columns are written.
    for (channels, filters, kernel, stride, size) in
        [(5, 61, (2, 3), (2, 3), (9, 20)), (9, 4, (1, 1), (2, 1), (21, 5)), (1, 40, (3, 4), (1, 1), (12, 31))]
    {
        for padding in pads {
            let g = Geometry { channels, filters, kernel, stride, size, padding, ..base };
            all.push(of(Pass::Forward, Way::Columns, g));
            all.push(of(Pass::InputGradient, Way::Columns, g));
        }
    }
    // 3 x 3 with so many channels and filters that it is done in squares of 4 x 4 outputs, forward or for dx.
    for (channels, filters, size) in
        [(16, 20, (25, 26)), (9, 17, (34, 35)), (33, 20, (18, 26)), (12, 31, (34, 17))]
    {
        for padding in pads {
            let g = Geometry { images: 3, channels, filters, size, padding, ..base };
            all.push(of(Pass::Forward, Way::Squares, g));
            if padding.0 < 3 {
                all.push(of(Pass::InputGradient, Way::Squares, g));
            }
        }
    }
    // 3 x 3 with so many of both that it is done by products of matrices, of one image and of several, by either form.
    let deep = Geometry { images: 7, channels: 32, filters: 50, ..base };
    for (size, padding) in [((6, 6), (1, 1)), ((8, 4), (0, 0)), ((4, 4), (2, 0)), ((2, 2), (3, 1))] {
        all.push(of(Pass::Forward, Way::Deep(Form::Two), Geometry { size, padding, ..deep }));
    }
    for (images, channels, filters, size) in
        [(2, 49, 32, (13, 11)), (1, 33, 64, (5, 30)), (3, 64, 33, (9, 7))]
    {
        for padding in pads {
            let g = Geometry { images, channels, filters, size, padding, ..base };
            all.push(of(Pass::Forward, Way::Deep(Form::Four), g));
        }
    }
    // Rows so long that dw is made band by band, with some of a row's vectors over its edges.
    for (channels, width) in
        [(3, 95), (2, 96), (1, 97), (5, 103), (3, 105), (7, 111), (8, 112), (9, 113), (4, 131)]
    {
        for (kernel, padding) in [
            ((3, 3), (0, 0)),
            ((5, 5), (0, 0)),
            ((2, 5), (1, 2)),
            ((4, 4), (5, 6)),
            ((1, 1), (0, 1)),
            ((3, 6), (2, 5)),
        ] {
            all.push(Geometry {
                images: 1,
                channels,
                size: (19, width),
                filters: 9,
                kernel,
                padding,
                ..base
            });
        }
    }
    for width in [1530, 1700, 6500] {
        all.push(Geometry { images: 1, channels: 1, size: (4, width), ..base });
    }
    // Weights that stand apart.
    for dilation in [(2, 1), (1, 3), (2, 2)] {
        for (stride, padding) in [((1, 1), (0, 0)), ((2, 3), (2, 1)), ((1, 2), (4, 4))] {
            let g = Geometry { dilation, stride, padding, size: (9, 20), ..base };
            all.push(of(Pass::InputGradient, Way::Columns, g));
            all.push(of(Pass::WeightGradient, Way::Tiles, g));
            all.push(Geometry { kernel: (2, 4), channels: 34, filters: 35, ..g });
        }
    }
    // Groups, of one channel or filter and of several, by each way to convolve.
    let grouped = Geometry { images: 3, groups: 4, channels: 4, filters: 4, size: (17, 19), ..base };
    for (channels, filters, stride) in [(4, 4, (1, 1)), (4, 12, (2, 1)), (12, 4, (1, 1)), (8, 8, (1, 2))] {
        all.push(of(
            Pass::Forward,
            Way::Tiles,
            Geometry { channels, filters, stride, padding: (1, 1), ..grouped },
        ));
    }
    all.push(of(
        Pass::Forward,
        Way::Squares,
        Geometry { channels: 64, filters: 64, size: (22, 41), ..grouped },
    ));
    all.push(of(
        Pass::Forward,
        Way::Squares,
        Geometry { channels: 48, filters: 48, groups: 2, size: (18, 26), ..grouped },
    ));
    all.push(of(
        Pass::WeightGradient,
        Way::Columns,
        Geometry { size: (4, 4), channels: 8, filters: 32, ..grouped },
    ));
    all.push(Geometry { dilation: (2, 2), channels: 8, filters: 12, ..grouped });
    let large = Geometry { size: (61, 53), channels: 3, filters: 10, kernel: (5, 5), ..base };
    all.push(large);
    all.push(Geometry { stride: (2, 2), padding: (2, 2), images: 35, size: (31, 53), ..large });
    // Images so large that their columns are made band by band.
    let banded = Geometry { channels: 1, filters: 37, size: (123, 125), ..base };
    for pass in [Pass::Forward, Pass::WeightGradient, Pass::InputGradient] {
        all.push(of(pass, Way::Columns, Geometry { padding: (1, 0), ..banded }));
    }
    // So large a stride that many phases are met by no weight, some of them far from the first.
    for (kernel, stride, size) in [((65, 3), (70, 1), (210, 20)), ((3, 65), (1, 70), (20, 210))] {
        let g = Geometry { images: 16, channels: 8, filters: 16, kernel, stride, size, ..base };
        all.push(of(Pass::Forward, Way::Tiles, g));
        all.push(of(Pass::InputGradient, Way::Tiles, g));
    }
    all.push(Geometry { size: (1, 1), kernel: (1, 1), channels: 1, filters: 1, images: 1, ..base });
    all
}

/// The stages that a convolution can be, if any.
pub fn stages_of(g: &Geometry) -> Vec<Stage> {
    let plain = g.stride == (1, 1) && g.dilation == (1, 1) && g.groups == 1;
    let stages = [Tail::ReluMaxPool, Tail::TanhAvgPool].map(|tail| Stage { geometry: *g, tail });
    stages.into_iter().filter(|stage| plain && stage.output_len() > 0).collect()
}
