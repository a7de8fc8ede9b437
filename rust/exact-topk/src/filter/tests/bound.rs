//! The bound, and values that are hard on it.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

#[test]
fn few_queries_read_4_bit_codes_which_leave_few_rows() {
    let (rows, dimension) = (6000, 256);
    let values = topics(rows, dimension, 5);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = learnt(vectors);
    let narrow = plan.narrow.as_ref().unwrap();
    assert_eq!(narrow.spreads.len(), plan.coded - narrow.wide);
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    assert_eq!(filter.plan.narrow, plan.narrow);
    let chosen = all_groups(rows);
    let query = topics(1, dimension, 6);
    let score = |row: usize| -> f64 {
        let row = values[row * dimension..].iter().zip(&query);
        row.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let scores: Vec<f64> = (0..rows).map(score).collect();
    let mut sorted = scores.clone();
    sorted.sort_by(f64::total_cmp);
    let tenth = sorted[rows - 10] as f32;
    for kernel in Kernel::available() {
        let few = FilterQueries::new(&filter, kernel, &query, true, Workers::Caller);
        let many = query.repeat(64);
        let many = FilterQueries::new(&filter, kernel, &many, true, Workers::Caller);
        assert!(few.layout().stride() < many.layout().stride(), "{kernel}");
        let mut left = vec![Vec::new()];
        few.scan(&chosen, &[], &[tenth], &mut left);
        let left = left[0].len();
        assert!((10..rows / 10).contains(&left), "{kernel}: {left}");
        let looseness = |queries: &FilterQueries<'_>, count: usize, refined: bool| {
            let mut left = vec![Vec::new(); count];
            let thresholds = vec![f32::NEG_INFINITY; left.len()];
            queries.scan(&chosen, &[], &thresholds, &mut left);
            let mut left = left.remove(0);
            if refined {
                queries.refine(0, &mut left, 0, f32::NEG_INFINITY);
            }
            assert_eq!(left.len(), chosen.len() * 16);
            let over = left.iter().map(|candidate| {
                let over = f64::from(candidate.upper) - scores[candidate.row as usize];
                assert!(over >= 0.0, "{kernel}, refined: {refined}, {over}");
                over
            });
            over.sum::<f64>()
        };
        assert!(
            looseness(&many, 64, true) < 0.5 * looseness(&many, 64, false),
            "{kernel}"
        );
        assert!(
            looseness(&few, 1, true) < 0.5 * looseness(&few, 1, false),
            "{kernel}"
        );
        // What the corrections make up for.
        assert!(
            looseness(&few, 1, true) < looseness(&many, 64, false),
            "{kernel}"
        );
    }
}

#[test]
fn scores_next_to_zero_are_found() {
    let (rows, dimension) = (64, 4096);
    // The product of the scales of query and row is about half of the smallest float.
    let size = 3.36e-21;
    let query: Vec<f32> = noise(dimension, 4)
        .iter()
        .map(|value| size * value.signum())
        .collect();
    // Every other row has the higher score, and a scale that is lost.
    let values: Vec<f32> = (0..rows)
        .flat_map(|row| {
            let (factor, width) = [(1.05, dimension / 2), (0.95, dimension)][row % 2];
            let value = move |place| if place < width { factor } else { 0.0 };
            let query = query.iter().enumerate();
            query.map(move |(place, component)| component * value(place))
        })
        .collect();
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let bytes = filter_bytes(vectors, &plain_plan(dimension, vec![0.0; dimension]));
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let queries = Matrix::new(&query, 1, dimension).unwrap();
    same_answer(whole(vectors, &filter), queries, 5);
}

#[test]
fn codes_of_queries_never_overflow_16_bits() {
    // Rows and queries of the largest codes, of either sign.
    for (size, sign) in [(1.0, 1.0), (1.0, -1.0), (f32::MIN_POSITIVE / 64.0, 1.0)] {
        let (rows, dimension) = (64, 64);
        let values: Vec<f32> = (0..rows * dimension)
            .map(|place| size * [1.0, 0.97][place / dimension % 2])
            .collect();
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let bytes = filter_bytes(vectors, &plain_plan(dimension, vec![0.0; dimension]));
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        let query: Vec<f32> = values[..dimension].iter().map(|x| x * sign).collect();
        let queries = Matrix::new(&query, 1, dimension).unwrap();
        same_answer(whole(vectors, &filter), queries, 5);
    }
}

/// Values that are hard on bounds: of any size, equal, tiny, and zero.
fn hard_values(count: usize) -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        4 => -1.0f32..1.0,
        1 => Just(0.0f32),
        1 => (-3i8..4).prop_map(f32::from),
        1 => (-1.0f32..1.0, -40i32..40).prop_map(|(value, power)| value * 2f32.powi(power)),
        1 => any::<u16>().prop_map(|bits| f32::from_bits(u32::from(bits))),
        1 => prop_oneof![Just(1e16f32), Just(-1e16)],
    ];
    prop::collection::vec(value, count)
}

#[expect(
    clippy::type_complexity,
    reason = "the values of one case, taken apart at once"
)]
fn hard_case(
    dimensions: Range<usize>,
) -> impl Strategy<Value = (usize, usize, Vec<f32>, Vec<f32>, Vec<f32>, usize, Vec<bool>)> {
    (1usize..80, dimensions, 1usize..5).prop_flat_map(|(rows, dimension, batch)| {
        (
            Just(rows),
            Just(dimension),
            hard_values(rows * dimension),
            hard_values(batch * dimension),
            hard_values(dimension),
            1..=rows,
            prop::collection::vec(any::<bool>(), rows),
        )
    })
}

/// How many powers of two spreads are apart: none, as many as those of rows may be, and many.
fn powers() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0f32), 0f32..5.0, Just(20f32)]
}

#[test]
fn corrections_that_lead_away_from_a_row_are_not_made() {
    let (rows, dimension) = (16, 13);
    // The first of these with 4-bit codes is on a level, so that it has no error; but its spread is the largest.
    let mut row = vec![24.0; dimension];
    row[..2].copy_from_slice(&[0.0, 15360.0]);
    row[9..].fill(0.0);
    let mut spreads = vec![1.0; 8];
    spreads[0] = 1024.0;
    let values = row.repeat(rows);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan {
        rotation: Some(identity(dimension)),
        coded: 8,
        narrow: Some(NarrowPlan { wide: 0, spreads }),
        tail_spreads: vec![1.0; 4],
        ..plain_plan(dimension, vec![0.0; dimension])
    };
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let group = all_groups(rows);
    for (kernel, sign) in Kernel::available().flat_map(|kernel| [(kernel, 1.0), (kernel, -1.0)]) {
        let mut query = vec![0.0; dimension];
        query[1] = sign;
        let queries = FilterQueries::new(&filter, kernel, &query, true, Workers::Caller);
        let mut left = vec![Vec::new()];
        queries.scan(&group, &[], &[f32::NEG_INFINITY], &mut left);
        queries.refine(0, &mut left[0], 0, f32::NEG_INFINITY);
        assert_eq!(left[0].len(), rows);
        for candidate in &left[0] {
            let upper = candidate.upper;
            assert!(upper >= sign * 15360.0, "{kernel}: {upper}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn many_rows_are_found_as_by_the_full_scan(
        rows in 1024usize..6000,
        dimension in 1usize..70,
        batch in 1usize..6,
        seed: u64,
        k in 1usize..300,
        every in 1usize..20,
    ) {
        let values = embeddings(rows, dimension, seed);
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let queries = embeddings(batch, dimension, seed ^ 1);
        let queries = Matrix::new(&queries, batch, dimension).unwrap();
        let plan = FilterPlan::learn(vectors, &Interrupt::new())
            .unwrap()
            .unwrap_or_else(|| plain_plan(dimension, vec![0.5; dimension]));
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        let mut allowed = Bitmap::new(rows);
        for row in (0..rows).step_by(every) {
            allowed.set(row);
        }
        let part = Part { allowed: Some(&allowed), ..whole(vectors, &filter) };
        let k = k.min(allowed.count());
        same_answer(part, queries, k);
    }

    #[test]
    fn no_row_of_the_answer_is_dismissed(case in hard_case(1..40)) {
        let (rows, dimension, values, queries, mean, k, taking_part) = case;
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let queries = Matrix::new(&queries, queries.len() / dimension, dimension).unwrap();
        // Any vector would do for the mean.
        let bytes = filter_bytes(vectors, &plain_plan(dimension, mean));
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        let mut allowed = Bitmap::new(rows);
        for (row, _) in taking_part.iter().enumerate().filter(|(_, part)| **part) {
            allowed.set(row);
        }
        same_answer(whole(vectors, &filter), queries, k);
        let part = Part { allowed: Some(&allowed), ..whole(vectors, &filter) };
        if allowed.count() > 0 {
            let k = k.min(allowed.count());
            same_answer(part, queries, k);
        }
    }

    #[test]
    fn no_row_of_the_answer_is_dismissed_by_4_bit_codes(
        case in hard_case(2 * STEP + 2..40),
        wide in 0usize..4,
        powers in powers(),
        has_second_part: bool,
        seed: u64,
    ) {
        let (rows, dimension, values, queries, mean, k, _) = case;
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let queries = Matrix::new(&queries[..dimension], 1, dimension).unwrap();
        let across = dimension - 1;
        let coded = if has_second_part {
            (across - 1) / STEP * STEP
        } else {
            across.next_multiple_of(2 * STEP)
        };
        let plan = FilterPlan {
            rotation: Some(identity(dimension)),
            coded,
            narrow: narrow_plan(coded, wide, powers, seed),
            tail_spreads: spreads(across.saturating_sub(coded), powers, seed ^ 4),
            ..plain_plan(dimension, mean)
        };
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        same_answer(whole(vectors, &filter), queries, k);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn the_bound_is_above_every_score(
        seed: u64,
        dimension in 5usize..70,
        coded in 1usize..16,
        scale in -20i32..20,
        narrow in prop::option::of(0usize..8),
        powers in powers(),
        follows: bool,
        skew in prop_oneof![Just(0.0f32), Just(0.02)],
        axis: prop::sample::Index,
        outlier in prop::option::of((any::<prop::sample::Index>(), 1f32..1e4)),
    ) {
        let rows = 64;
        let across = dimension - 1;
        let coded = (coded * STEP).min(across.next_multiple_of(2 * STEP));
        // A rotation that may be far from orthonormal: the bound counts it in.
        let mut rotation = identity(dimension);
        for (row, values) in rotation.chunks_exact_mut(dimension).enumerate() {
            values[(row * 5 + 1) % dimension] += skew;
        }
        let plan = FilterPlan {
            mean: noise(dimension, seed + 1),
            gram_error: learn::gram_error(&rotation, dimension),
            rotation: Some(rotation),
            coded,
            narrow: narrow.and_then(|wide| narrow_plan(coded, wide, powers, seed)),
            tail_spreads: spreads(across.saturating_sub(coded), powers, seed ^ 4),
        };
        let mut values: Vec<f32> =
            noise(rows * dimension, seed).iter().map(|value| value * 2f32.powi(scale)).collect();
        if follows {
            // As spreads are meant, but for what stands out.
            let narrow = plan.narrow.iter().flat_map(|narrow| &narrow.spreads);
            let spreads: Vec<f32> = narrow.chain(&plan.tail_spreads).copied().collect();
            let wide = plan.narrow.as_ref().map_or(coded, |narrow| narrow.wide);
            for row in values.chunks_exact_mut(dimension) {
                for (value, spread) in row.iter_mut().skip(1 + wide).zip(&spreads) {
                    *value *= spread;
                }
                if let Some((place, times)) = outlier {
                    row[place.index(dimension)] *= times;
                }
            }
        }
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        // So few that all kernels read 4-bit codes, where there are any.
        let mut queries = noise(2 * dimension, seed + 2);
        queries[dimension..].fill(0.0);
        queries[dimension + axis.index(dimension)] = if seed.is_multiple_of(2) { 1.0 } else { -1.0 };
        let kernels = Kernel::available().flat_map(|kernel| [(kernel, true), (kernel, false)]);
        for (kernel, narrow) in kernels {
            let coded = FilterQueries::new(&filter, kernel, &queries, narrow, Workers::Caller);
            let mut candidates = vec![Vec::new(); 2];
            let chosen = all_groups(rows);
            coded.scan(&chosen, &[], &[f32::NEG_INFINITY; 2], &mut candidates);
            let mut refined = candidates.clone();
            for (query, refined) in refined.iter_mut().enumerate() {
                coded.refine(query, refined, 0, f32::NEG_INFINITY);
            }
            let all = candidates.iter().chain(&refined);
            for (candidates, query) in all.zip(queries.chunks_exact(dimension).cycle()) {
                prop_assert_eq!(candidates.len(), rows);
                for candidate in candidates {
                    let row = &values[candidate.row as usize * dimension..][..dimension];
                    let score: f64 =
                        row.iter().zip(query).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                    prop_assert!(score <= f64::from(candidate.upper), "{} > {}", score, candidate.upper);
                    let score = specified_score(row, query);
                    prop_assert!(score <= candidate.upper, "{} > {}", score, candidate.upper);
                }
            }
        }
    }
}

#[test]
fn a_query_whose_rotation_overflows_is_answered() {
    let (rows, dimension) = (100usize, 64usize);
    let sign = |row: usize, column: usize| 1.0 - 2.0 * ((row & column).count_ones() % 2) as f32;
    let rotation: Vec<f32> = (0..dimension * dimension)
        .map(|place| sign(place / dimension, place % dimension) / 8.0)
        .collect();
    let plan = FilterPlan {
        gram_error: learn::gram_error(&rotation, dimension),
        rotation: Some(rotation),
        coded: 32,
        tail_spreads: spreads(31, 20.0, 4),
        ..plain_plan(dimension, vec![0.0; dimension])
    };
    let values: Vec<f32> = noise(rows * dimension, 1)
        .iter()
        .map(|value| value * 1e-4)
        .collect();
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    // Half the lanes of its second coordinate sum up to infinity, the others to minus infinity.
    let query: Vec<f32> = (0..dimension)
        .map(|place| 3e38 * sign(2, place) * if place % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    let queries = Matrix::new(&query, 1, dimension).unwrap();
    same_answer(whole(vectors, &filter), queries, 5);
}

proptest! {
    #[test]
    fn what_is_above_a_number_is_not_below_it(digits in -2f64..2.0, power in -1074..127) {
        let number = digits * 2f64.powi(power);
        prop_assert!(f64::from(query::above(number)) >= number);
    }

    #[test]
    fn what_is_above_a_tiny_number_is_not_below_it(number in -1e-37f64..1e-37, less in 0i32..40) {
        let number = number * 2f64.powi(-less);
        prop_assert!(f64::from(query::above(number)) >= number);
    }
}
