//! Pooling, batch-norm and dense layers.

use super::{Numbers, assert_close};
use twinglyph_kernels::*;

pub fn pooling_agrees<E: Element>() {
    let mut numbers = Numbers(8);
    let shapes = [((2, 2), (2, 2)), ((3, 3), (3, 3)), ((3, 2), (2, 1)), ((1, 2), (4, 2)), ((2, 1), (1, 5))];
    for width in [3, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33, 34, 35, 65, 66, 67] {
        for (window, stride) in shapes {
            let g = Pool2d { planes: 3, size: (5, width), window, stride };
            let (h_out, w_out) = g.output_size();
            let (inputs, outputs) = (g.planes * 5 * width, g.planes * h_out * w_out);
            // Few values, so that ties are common.
            let x: Vec<E> = (0..inputs).map(|_| E::from_f64((numbers.next() * 3.0).round())).collect();
            let dy = numbers.vec::<E>(outputs);
            let start = numbers.vec::<E>(inputs);
            let (mut fast, mut slow) = (vec![E::ONE; outputs], vec![E::ZERO; outputs]);
            let (mut fast_at, mut slow_at) = (vec![9; outputs], vec![0; outputs]);
            max_pool2d_forward(&g, &x, &mut fast, &mut fast_at);
            reference::max_pool2d_forward(&g, &x, &mut slow, &mut slow_at);
            assert_eq!((&fast, &fast_at), (&slow, &slow_at), "{g:?}");
            let (mut fast, mut slow) = (start.clone(), start.clone());
            max_pool2d_backward(&g, &fast_at, &dy, &mut fast);
            reference::max_pool2d_backward(&g, &slow_at, &dy, &mut slow);
            assert_close(&fast, &slow, 9, &format!("max dx of {g:?}"));
            let (mut fast, mut slow) = (vec![E::ONE; outputs], vec![E::ZERO; outputs]);
            avg_pool2d_forward(&g, &x, &mut fast);
            reference::avg_pool2d_forward(&g, &x, &mut slow);
            assert_close(&fast, &slow, 9, &format!("avg y of {g:?}"));
            let (mut fast, mut slow) = (start.clone(), start);
            avg_pool2d_backward(&g, &dy, &mut fast);
            reference::avg_pool2d_backward(&g, &dy, &mut slow);
            assert_close(&fast, &slow, 9, &format!("avg dx of {g:?}"));
        }
    }
}

pub fn batch_norm_agrees<E: Element>() {
    let mut numbers = Numbers(9);
    let features = [(1, 1, 2), (2, 1, 1), (5, 3, 1), (4, 17, 1), (3, 1030, 1)];
    let images = [(2, 3, 15), (2, 3, 16), (3, 2, 17), (1, 4, 133)];
    for (images, channels, positions) in features.into_iter().chain(images) {
        let g = BatchNorm { images, channels, positions };
        let len = images * channels * positions;
        let (x, dy) = (numbers.vec::<E>(len), numbers.vec::<E>(len));
        let (gamma, beta) = (numbers.vec::<E>(channels), numbers.vec::<E>(channels));
        let zeros = || vec![E::ZERO; channels];
        let (mut mean, mut var, mut slow_mean, mut slow_var) = (zeros(), zeros(), zeros(), zeros());
        batch_norm_statistics(&g, &x, &mut mean, &mut var);
        reference::batch_norm_statistics(&g, &x, &mut slow_mean, &mut slow_var);
        assert_close(&mean, &slow_mean, g.count(), &format!("mean of {g:?}"));
        assert_close(&var, &slow_var, g.count(), &format!("var of {g:?}"));
        let rstd: Vec<E> = var.iter().map(|v| E::ONE / (*v + E::from_f64(0.1)).sqrt()).collect();
        let (mut fast, mut slow) = (vec![E::ONE; len], vec![E::ONE; len]);
        batch_norm_apply(&g, &x, [&mean, &rstd], [&gamma, &beta], &mut fast);
        reference::batch_norm_apply(&g, &x, [&mean, &rstd], [&gamma, &beta], &mut slow);
        assert_close(&fast, &slow, 8, &format!("y of {g:?}"));
        let (mut dgamma, mut dbeta) = (zeros(), zeros());
        batch_norm_channel_sums(&g, &x, [&mean, &rstd], &dy, &mut dgamma, &mut dbeta);
        batch_norm_backward(&g, &x, [&mean, &rstd], &gamma, Some([&dgamma, &dbeta]), &dy, &mut fast);
        let (slow_dgamma, slow_dbeta) =
            reference::batch_norm_backward(&g, &x, [&mean, &rstd], &gamma, &dy, &mut slow);
        assert_close(&dgamma, &slow_dgamma, 4 * g.count(), &format!("dgamma of {g:?}"));
        assert_close(&dbeta, &slow_dbeta, g.count(), &format!("dbeta of {g:?}"));
        assert_close(&fast, &slow, 16 + 8 * g.count(), &format!("dx of {g:?}"));
    }
}

pub fn dense_agrees<E: Element>() {
    let mut numbers = Numbers(10);
    for rows in [1, 2, 7, 8, 9, 33] {
        for (inputs, outputs) in [(1, 1), (7, 10), (8, 3), (9, 4), (16, 5), (17, 17), (2049, 10), (4100, 2)] {
            let g = Dense { rows, inputs, outputs };
            let (x, w) = (numbers.vec::<E>(rows * inputs), numbers.vec::<E>(outputs * inputs));
            let (b, dy) = (numbers.vec::<E>(outputs), numbers.vec::<E>(rows * outputs));
            let (mut fast, mut slow) = (vec![E::ONE; rows * outputs], vec![E::ZERO; rows * outputs]);
            dense_forward(&g, &x, &w, Some(&b), &mut fast);
            reference::dense_forward(&g, &x, &w, Some(&b), &mut slow);
            assert_close(&fast, &slow, inputs, &format!("y of {g:?}"));
            let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), b.clone());
            let (mut slow_dx, mut slow_dw) = (x.clone(), w.clone());
            dense_backward_input(&g, &w, &dy, &mut dx);
            dense_backward_weight(&g, &x, &dy, &mut dw);
            dense_backward_bias(&dy, &mut db);
            reference::dense_backward(&g, &x, &w, &dy, &mut slow_dx, &mut slow_dw);
            assert_close(&dx, &slow_dx, outputs, &format!("dx of {g:?}"));
            assert_close(&dw, &slow_dw, rows, &format!("dw of {g:?}"));
            let column = |o: usize| dy.iter().skip(o).step_by(outputs).copied().sum::<E>();
            let slow_db: Vec<E> = (0..outputs).map(|o| b[o] + column(o)).collect();
            assert_close(&db, &slow_db, rows, &format!("db of {g:?}"));
        }
    }
}

/// Against the twins of both layers, one after the other.
pub fn normalised_dense_agrees<E: Element>() {
    let mut numbers = Numbers(12);
    for rows in [1, 2, 7, 9, 33] {
        for (inputs, outputs) in [(1, 1), (7, 10), (16, 5), (17, 17), (1023, 3), (1025, 2), (1040, 10)] {
            let g = Dense { rows, inputs, outputs };
            let norm = BatchNorm { images: rows, channels: inputs, positions: 1 };
            let (x, w) = (numbers.vec::<E>(rows * inputs), numbers.vec::<E>(outputs * inputs));
            let (b, dy) = (numbers.vec::<E>(outputs), numbers.vec::<E>(rows * outputs));
            let (gamma, beta) = (numbers.vec::<E>(inputs), numbers.vec::<E>(inputs));
            let eps = E::from_f64(0.1);
            let (mut y, mut slow_y) = (vec![E::ONE; rows * outputs], vec![E::ZERO; rows * outputs]);
            let [mut mean, mut var, mut rstd, mut slow_mean, mut slow_var] =
                [(); 5].map(|()| vec![E::ONE; inputs]);
            let made = [&mut mean[..], &mut var, &mut rstd];
            normalised_dense_forward(&g, eps, &x, [&gamma, &beta], &w, Some(&b), made, &mut y);
            reference::batch_norm_statistics(&norm, &x, &mut slow_mean, &mut slow_var);
            assert_close(&mean, &slow_mean, rows, &format!("mean of {g:?}"));
            assert_close(&var, &slow_var, rows, &format!("var of {g:?}"));
            let slow_rstd: Vec<E> = var.iter().map(|v| E::ONE / (*v + eps).sqrt()).collect();
            assert_close(&rstd, &slow_rstd, 2, &format!("rstd of {g:?}"));
            let mut u = x.clone();
            reference::batch_norm_apply(&norm, &x, [&mean, &rstd], [&gamma, &beta], &mut u);
            reference::dense_forward(&g, &u, &w, Some(&b), &mut slow_y);
            assert_close(&y, &slow_y, 8 + inputs, &format!("y of {g:?}"));
            let (mut dx, mut dw) = (x.clone(), w.clone());
            let (mut slow_dx, mut slow_dw) = (x.clone(), w.clone());
            let (mut dgamma, mut dbeta) = (gamma.clone(), beta.clone());
            normalised_dense_backward(
                &g,
                &x,
                [&mean, &rstd],
                [&gamma, &beta],
                &w,
                &dy,
                [&mut dgamma, &mut dbeta],
                [Some(&mut dx), Some(&mut dw)],
            );
            let mut du = vec![E::ZERO; x.len()];
            reference::dense_backward(&g, &u, &w, &dy, &mut du, &mut slow_dw);
            let (slow_dgamma, slow_dbeta) =
                reference::batch_norm_backward(&norm, &x, [&mean, &rstd], &gamma, &du, &mut slow_dx);
            let terms = 8 * (rows + outputs) + 16;
            assert_close(&dw, &slow_dw, terms, &format!("dW of {g:?}"));
            assert_close(&dgamma, &slow_dgamma, terms, &format!("dgamma of {g:?}"));
            assert_close(&dbeta, &slow_dbeta, terms, &format!("dbeta of {g:?}"));
            assert_close(&dx, &slow_dx, 4 * terms, &format!("dx of {g:?}"));
            // The same where neither is wanted.
            let (mut again_gamma, mut again_beta) = (gamma.clone(), beta.clone());
            let sums = [&mut again_gamma[..], &mut again_beta];
            normalised_dense_backward(&g, &x, [&mean, &rstd], [&gamma, &beta], &w, &dy, sums, [None, None]);
            assert!(again_gamma == dgamma && again_beta == dbeta, "{g:?}");
        }
    }
}
