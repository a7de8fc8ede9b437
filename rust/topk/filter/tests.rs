//! Filters of every kernel: the answer is that of the full scan, to the bit; and the bound holds.

use proptest::prelude::*;

use super::*;
use crate::bitmap::Bitmap;
use crate::interrupt::Interrupt;
use crate::topk::search::{Usage, search_with};
use crate::topk::tests::specified_score;
use crate::topk::{Found, Kernel, Matrix, Part, Workers, search};

/// Values from a linear congruential generator: cheap, and the same everywhere.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed ^ 0x9E37_79B9;
    std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

/// Rows with a common direction, a falling spectrum and some topics, as embeddings have them.
fn embeddings(rows: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let common = noise(dimension, 77);
    let topics = noise(16 * dimension, 78);
    let mut values = noise(rows * dimension, seed);
    for (row, values) in values.chunks_exact_mut(dimension).enumerate() {
        let topic = &topics[row * 7 % 16 * dimension..][..dimension];
        for (place, value) in values.iter_mut().enumerate() {
            let spectrum = 1.0 / (1.0 + place as f32 / 8.0);
            *value = (*value * 0.7 + topic[place]) * spectrum + common[place] * 0.5;
        }
    }
    values
}

/// Rows of many topics with a spectrum that falls slowly, so that many components have to be scanned.
fn topics(rows: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let topics = noise(400 * dimension, 79);
    let mut values = noise(rows * dimension, seed);
    for (row, values) in values.chunks_exact_mut(dimension).enumerate() {
        let topic = &topics[row % 400 * dimension..][..dimension];
        for (place, value) in values.iter_mut().enumerate() {
            *value = (topic[place] + *value * 0.7) * (1.0 + place as f32).powf(-0.3);
        }
    }
    values
}

fn filter_bytes(vectors: Matrix<'_>, plan: &FilterPlan) -> Vec<u8> {
    let mut bytes = vec![0; plan.size(vectors.rows())];
    plan.write(vectors, &mut bytes, &Interrupt::new()).unwrap();
    bytes
}

fn plain_plan(dimension: usize, mean: Vec<f32>) -> FilterPlan {
    FilterPlan {
        mean,
        rotation: None,
        coded: dimension.next_multiple_of(STEP),
        narrow: None,
        gram_error: 0.0,
        mean_scale: 1.0,
        ratio: 64.0,
        tail_spreads: Vec::new(),
    }
}

/// 4-bit codes behind so many steps of 8-bit codes, or one more; with spreads of any size. `None` where there are too few
/// coordinates.
fn narrow_plan(coded: usize, wide: usize, ratio: f32, seed: u64) -> Option<NarrowPlan> {
    let wide = wide * STEP;
    let wide = wide + coded.checked_sub(wide)? % (2 * STEP);
    (wide < coded).then(|| NarrowPlan {
        wide,
        spreads: spreads(coded - wide, seed ^ 3),
        ratio,
    })
}

/// Spreads of any size.
fn spreads(count: usize, seed: u64) -> Vec<f32> {
    noise(count, seed)
        .iter()
        .map(|value| 2f32.powf(value * 20.0))
        .collect()
}

/// All rows, with or without a filter.
fn whole<'a>(vectors: Matrix<'a>, filter: Option<&'a Filter<'a>>) -> Part<'a> {
    Part {
        vectors,
        filter,
        allowed: None,
    }
}

fn same_answer(
    parts: &[Part<'_>],
    without: &[Part<'_>],
    queries: Matrix<'_>,
    k: usize,
) -> Vec<Found> {
    let expected = search_with(
        Kernel::Scalar,
        Usage::Always,
        without,
        queries,
        k,
        Workers::Pool,
        &Interrupt::new(),
    )
    .unwrap();
    Kernel::available()
        .map(|kernel| {
            let found = search_with(
                kernel,
                Usage::Always,
                parts,
                queries,
                k,
                Workers::Pool,
                &Interrupt::new(),
            )
            .unwrap();
            let bits = |found: &Found| {
                found
                    .scores
                    .iter()
                    .map(|score| score.to_bits())
                    .collect::<Vec<_>>()
            };
            assert_eq!(found.rows, expected.rows, "{kernel}, k {k}");
            assert_eq!(bits(&found), bits(&expected), "{kernel}, k {k}");
            found
        })
        .collect()
}

#[test]
fn a_filter_changes_nothing_but_the_time() {
    for (rows, dimension) in [
        (5000, 96),
        (2048, 200),
        (3001, 384),
        (2500, 385),
        (4000, 7),
        (2100, 1),
    ] {
        let values = embeddings(rows, dimension, 1);
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let plan = FilterPlan::learn(vectors, &Interrupt::new())
            .unwrap()
            .unwrap();
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        for batch in [1, 3, 8, 21] {
            let queries = embeddings(batch, dimension, 2);
            let queries = Matrix::new(&queries, batch, dimension).unwrap();
            for k in [1, 10, 100, rows] {
                same_answer(
                    &[whole(vectors, Some(&filter))],
                    &[whole(vectors, None)],
                    queries,
                    k,
                );
            }
        }
    }
}

#[test]
fn components_are_fewer_than_dimensions_where_the_spectrum_falls() {
    let (rows, dimension) = (6000, 256);
    let values = embeddings(rows, dimension, 5);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new())
        .unwrap()
        .unwrap();
    assert!(plan.rotation.is_some());
    assert!(plan.coded < dimension, "{}", plan.coded);
    assert!(plan.gram_error < 1e-4, "{}", plan.gram_error);
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let queries = embeddings(4, dimension, 6);
    let queries = Matrix::new(&queries, 4, dimension).unwrap();
    for found in same_answer(
        &[whole(vectors, Some(&filter))],
        &[whole(vectors, None)],
        queries,
        10,
    ) {
        assert!(found.rescored < rows as u64, "{} rescored", found.rescored);
    }
}

#[test]
fn few_queries_read_4_bit_codes_which_leave_few_rows() {
    let (rows, dimension) = (6000, 256);
    let values = topics(rows, dimension, 5);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new())
        .unwrap()
        .unwrap();
    let narrow = plan.narrow.as_ref().unwrap();
    assert_eq!(narrow.spreads.len(), plan.coded - narrow.wide);
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    assert_eq!(filter.plan.narrow, plan.narrow);
    let chosen: Vec<Chosen> = (0..rows as u32 / 16)
        .map(|group| Chosen {
            group,
            rows: u16::MAX,
        })
        .collect();
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
        few.scan(&chosen, &[tenth], &mut left);
        let left = left[0].len();
        assert!((10..rows / 10).contains(&left), "{kernel}: {left}");
        let looseness = |queries: &FilterQueries<'_>, count: usize, refined: bool| {
            let mut left = vec![Vec::new(); count];
            let thresholds = vec![f32::NEG_INFINITY; left.len()];
            queries.scan(&chosen, &thresholds, &mut left);
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
fn levels_are_found_for_the_values_next_to_them() {
    for (code, level) in codes::LEVELS.iter().enumerate() {
        let value = f32::from(*level) - f32::from(codes::MIDDLE_LEVEL);
        assert_eq!(narrow::level(code as u8), f64::from(value));
        for value in [value - 1.0, value, value + 1.0] {
            assert_eq!(usize::from(narrow::nearest_level(value)), code);
        }
    }
    assert_eq!(narrow::nearest_level(-1e9), 0);
    assert_eq!(narrow::nearest_level(1e9), 15);
}

#[test]
fn the_direction_of_the_mean_is_scaled_where_queries_have_much_of_it() {
    let (rows, dimension) = (4000, 96);
    let common = noise(dimension, 77);
    let with_common = |mut values: Vec<f32>| {
        for values in values.chunks_exact_mut(dimension) {
            for (value, common) in values.iter_mut().zip(&common) {
                *value += common * 4.0;
            }
        }
        values
    };
    let values = with_common(embeddings(rows, dimension, 5));
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new())
        .unwrap()
        .unwrap();
    assert!(plan.mean_scale >= 4.0, "{}", plan.mean_scale);
    let queries = with_common(embeddings(1, dimension, 6));
    let queries = Matrix::new(&queries, 1, dimension).unwrap();
    let rescored = [1.0, plan.mean_scale].map(|mean_scale| {
        let plan = FilterPlan {
            mean_scale,
            ..plan.clone()
        };
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        // How much several threads rescore depends on which of them is first.
        let alone = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let found = alone.install(|| {
            same_answer(
                &[whole(vectors, Some(&filter))],
                &[whole(vectors, None)],
                queries,
                10,
            )
        });
        found.iter().map(|found| found.rescored).sum::<u64>()
    });
    assert!(rescored[1] < rescored[0], "{rescored:?}");
}

#[test]
fn near_duplicates_of_rows_do_not_mislead_the_plan() {
    let (rows, dimension) = (8000, 128);
    let seeds = noise(400 * dimension, 5);
    let mut values = noise(rows * dimension, 6);
    for (row, values) in values.chunks_exact_mut(dimension).enumerate() {
        let seed = &seeds[row % 400 * dimension..][..dimension];
        for (place, value) in values.iter_mut().enumerate() {
            *value = (seed[place] + *value * 0.02) / (1.0 + place as f32 / 4.0);
        }
    }
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new());
    let plan = plan.unwrap().unwrap();
    // 40 would be enough for queries that are as near to their rows as these are to each other.
    assert!(plan.coded >= 64, "{}", plan.coded);
}

#[test]
fn dimensions_without_variance_leave_the_rotation_orthonormal() {
    let (rows, dimension) = (6000, 96);
    let mut values = embeddings(rows, dimension, 5);
    for values in values.chunks_exact_mut(dimension) {
        values[56..].fill(0.0);
    }
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new())
        .unwrap()
        .unwrap();
    assert!(plan.rotation.is_some());
    assert!(plan.gram_error < 1e-4, "{}", plan.gram_error);
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
    same_answer(
        &[whole(vectors, Some(&filter))],
        &[whole(vectors, None)],
        queries,
        5,
    );
}

#[test]
fn isotropic_rows_are_coded_as_they_are() {
    let (rows, dimension) = (4096, 128);
    let values = noise(rows * dimension, 3);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new())
        .unwrap()
        .unwrap();
    assert!(plan.rotation.is_none());
    assert_eq!(plan.coded, dimension);
}

#[test]
fn few_rows_and_huge_ones_have_no_filter() {
    let values = noise(100 * 8, 3);
    let few = Matrix::new(&values, 100, 8).unwrap();
    assert!(FilterPlan::learn(few, &Interrupt::new()).unwrap().is_none());
    let values: Vec<f32> = noise(3000 * 8, 3)
        .iter()
        .map(|value| value * 1e30)
        .collect();
    let huge = Matrix::new(&values, 3000, 8).unwrap();
    assert!(
        FilterPlan::learn(huge, &Interrupt::new())
            .unwrap()
            .is_none()
    );
}

#[test]
fn the_same_bytes_whatever_the_threads() {
    let (rows, dimension) = (5000, 64);
    let values = embeddings(rows, dimension, 9);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let bytes = [1, 2, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let plan = FilterPlan::learn(vectors, &Interrupt::new())
                .unwrap()
                .unwrap();
            filter_bytes(vectors, &plan)
        })
    });
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2]);
}

#[test]
fn bytes_that_are_no_filter_are_refused() {
    let (rows, dimension) = (4000, 192);
    let values = topics(rows, dimension, 9);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan::learn(vectors, &Interrupt::new())
        .unwrap()
        .unwrap();
    let bytes = filter_bytes(vectors, &plan);
    assert!(Filter::read(&bytes, rows, dimension).is_ok());
    assert!(Filter::read(&bytes, rows + 16, dimension).is_err());
    assert!(Filter::read(&bytes, rows, dimension + 4).is_err());
    assert!(Filter::read(&bytes[..bytes.len() - 1], rows, dimension).is_err());
    for length in 0..64 {
        assert!(Filter::read(&bytes[..length], rows, dimension).is_err());
    }
    let mut wrong = bytes.clone();
    wrong[0] ^= 4;
    assert!(Filter::read(&wrong, rows, dimension).is_err());
    // The 4-bit codes: whether there are any, after how many others, and what errors are raised to.
    assert!(plan.narrow.is_some());
    for (at, word) in [
        (20, 0),
        (20, 2),
        (24, 4),
        (24, 1 << 31),
        (28, 0),
        (28, f32::NAN.to_bits()),
    ] {
        let mut wrong = bytes.clone();
        wrong[at..at + 4].copy_from_slice(&word.to_le_bytes());
        assert!(
            Filter::read(&wrong, rows, dimension).is_err(),
            "{at} {word}"
        );
    }
    // Their spreads, after the mean and the rotation.
    let spread = 32 + (dimension + dimension * dimension) * 4;
    for value in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let mut wrong = bytes.clone();
        wrong[spread..spread + 4].copy_from_slice(&value.to_le_bytes());
        assert!(Filter::read(&wrong, rows, dimension).is_err(), "{value}");
    }
    // The scale of the mean's direction.
    for scale in [0.0, 0.5, 3.0, 2048.0, -2.0, f32::NAN, f32::INFINITY] {
        let mut wrong = bytes.clone();
        wrong[16..20].copy_from_slice(&scale.to_le_bytes());
        assert!(Filter::read(&wrong, rows, dimension).is_err(), "{scale}");
    }
}

#[test]
fn a_guess_that_is_too_high_is_taken_back() {
    let (rows, dimension, k) = (4096, 48, 200);
    let mut values = noise(rows * dimension, 11);
    // The best rows are all in the units that thresholds are guessed from.
    for (row, values) in values.chunks_exact_mut(dimension).enumerate() {
        values[0] += if row / 16 % 16 == 0 { 40.0 } else { 0.0 };
    }
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let bytes = filter_bytes(vectors, &plain_plan(dimension, vec![0.0; dimension]));
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let mut queries = noise(5 * dimension, 12);
    // The second and fourth query don't look at what sets these rows apart.
    for (query, values) in queries.chunks_exact_mut(dimension).enumerate() {
        values[0] = [1.0, 0.0][query % 2];
    }
    let queries = Matrix::new(&queries, 5, dimension).unwrap();
    same_answer(
        &[whole(vectors, Some(&filter))],
        &[whole(vectors, None)],
        queries,
        k,
    );
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
        same_answer(
            &[whole(vectors, Some(&filter))],
            &[whole(vectors, None)],
            queries,
            5,
        );
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
fn hard_case()
-> impl Strategy<Value = (usize, usize, Vec<f32>, Vec<f32>, Vec<f32>, usize, Vec<bool>)> {
    (1usize..80, 1usize..40, 1usize..5).prop_flat_map(|(rows, dimension, batch)| {
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
        let part = |filter| Part { vectors, filter, allowed: Some(&allowed) };
        let k = k.min(allowed.count());
        same_answer(&[part(Some(&filter))], &[part(None)], queries, k);
    }

    #[test]
    fn no_row_of_the_answer_is_dismissed(case in hard_case()) {
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
        same_answer(&[whole(vectors, Some(&filter))], &[whole(vectors, None)], queries, k);
        let part = |filter| Part { vectors, filter, allowed: Some(&allowed) };
        if allowed.count() > 0 {
            let k = k.min(allowed.count());
            same_answer(&[part(Some(&filter))], &[part(None)], queries, k);
        }
    }

    #[test]
    fn no_row_of_the_answer_is_dismissed_by_4_bit_codes(
        case in hard_case(),
        wide in 0usize..4,
        ratio in 1f32..100.0,
        seed: u64,
    ) {
        let (rows, dimension, values, queries, mean, k, _) = case;
        prop_assume!(dimension > 2 * STEP);
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let queries = Matrix::new(&queries[..dimension], 1, dimension).unwrap();
        let coded = (dimension - 1) / STEP * STEP;
        let mut rotation = vec![0.0; dimension * dimension];
        for (row, values) in rotation.chunks_exact_mut(dimension).enumerate() {
            values[row] = 1.0;
        }
        let plan = FilterPlan {
            rotation: Some(rotation),
            coded,
            narrow: narrow_plan(coded, wide, ratio, seed),
            tail_spreads: spreads(dimension - coded, seed ^ 4),
            ..plain_plan(dimension, mean)
        };
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        same_answer(&[whole(vectors, Some(&filter))], &[whole(vectors, None)], queries, k);
    }

    #[test]
    fn the_bound_is_above_every_score(
        seed: u64,
        dimension in 5usize..70,
        coded in 1usize..16,
        scale in -20i32..20,
        mean_scale in 0..7,
        narrow in prop::option::of((0usize..8, 1f32..200.0)),
    ) {
        let rows = 64;
        let coded = (coded * STEP).min((dimension - 1) / STEP * STEP).max(STEP);
        let values: Vec<f32> =
            noise(rows * dimension, seed).iter().map(|value| value * 2f32.powi(scale)).collect();
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        // A rotation that is far from orthonormal: the bound counts it in.
        let mut rotation = vec![0.0; dimension * dimension];
        for (row, values) in rotation.chunks_exact_mut(dimension).enumerate() {
            values[row] = 1.0;
            values[(row * 5 + 1) % dimension] += 0.02;
        }
        let plan = FilterPlan {
            mean: noise(dimension, seed + 1),
            gram_error: learn::gram_error(&rotation, dimension),
            mean_scale: 2f32.powi(mean_scale),
            rotation: Some(rotation),
            coded,
            narrow: narrow.and_then(|(wide, ratio)| narrow_plan(coded, wide, ratio, seed)),
            ratio: 100.0,
            tail_spreads: spreads(dimension - coded, seed ^ 4),
        };
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        // So few that all kernels read 4-bit codes, where there are any.
        let queries = noise(2 * dimension, seed + 2);
        let kernels = Kernel::available().flat_map(|kernel| [(kernel, true), (kernel, false)]);
        for (kernel, narrow) in kernels {
            let coded = FilterQueries::new(&filter, kernel, &queries, narrow, Workers::Caller);
            let mut candidates = vec![Vec::new(); 2];
            let chosen: Vec<Chosen> =
                (0..rows as u32 / 16).map(|group| Chosen { group, rows: u16::MAX }).collect();
            coded.scan(&chosen, &[f32::NEG_INFINITY; 2], &mut candidates);
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
fn rows_longer_than_a_block_are_searched() {
    let (rows, dimension) = (128, 65_532);
    let values = noise(rows * dimension, 1);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let bytes = filter_bytes(vectors, &plain_plan(dimension, vec![0.0; dimension]));
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let queries = Matrix::new(&values[..dimension], 1, dimension).unwrap();
    let parts = [whole(vectors, Some(&filter))];
    let found = search(&parts, queries, 1, Workers::Pool, &Interrupt::new()).unwrap();
    assert_eq!(found.rows, [0]);
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
        tail_spreads: spreads(32, 4),
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
    same_answer(
        &[whole(vectors, Some(&filter))],
        &[whole(vectors, None)],
        queries,
        5,
    );
}

proptest! {
    #[test]
    fn what_is_above_a_number_is_not_below_it(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.abs() < f64::from(f32::MAX) / 2.0);
        prop_assert!(f64::from(query::above(number)) >= number);
    }

    #[test]
    fn what_is_above_a_tiny_number_is_not_below_it(number in -1e-37f64..1e-37, less in 0i32..40) {
        let number = number * 2f64.powi(-less);
        prop_assert!(f64::from(query::above(number)) >= number);
    }
}
