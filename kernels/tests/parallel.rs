//! How work is dealt out, by the module itself: nothing of it is public.

#[path = "../src/parallel.rs"]
mod parallel;

use parallel::{deal, deal_by_itself, parts};

#[test]
fn every_task_gets_its_part_and_the_last_what_is_left() {
    for (all, len) in [(0, 3), (1, 3), (3, 3), (7, 3), (1000, 1)] {
        let (mut a, mut b, mut c) = (vec![0; all], vec![0; all.div_ceil(len)], vec![0; 2 * all]);
        deal((parts(&mut a, len), parts(&mut b, 1)), |i, (a, b)| {
            a.fill(i + 1);
            b[0] = a.len();
        });
        let expected: Vec<usize> = (0..all).map(|i| i / len + 1).collect();
        assert_eq!(a, expected);
        assert_eq!(b.iter().sum::<usize>(), all);
        let (left, right) = c.split_at_mut(all);
        deal_by_itself(([parts(left, len), parts(right, len)], a.chunks(len)), |_, ([left, right], a)| {
            left.copy_from_slice(a);
            right.copy_from_slice(a);
        });
        assert_eq!(c, expected.repeat(2));
    }
}

#[test]
#[should_panic(expected = "as many parts of one as of the other")]
fn slices_with_other_numbers_of_parts_are_not_dealt_together() {
    deal((parts(&mut [1, 2, 3], 1), parts(&mut [1, 2, 3], 2)), |_, _| {});
}

#[test]
#[should_panic(expected = "as many parts of one as of the other")]
fn nor_are_several_of_a_kind() {
    deal([parts(&mut [1, 2], 1), parts(&mut [1], 1)], |_, _| {});
}
