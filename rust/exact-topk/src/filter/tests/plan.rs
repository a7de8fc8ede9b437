//! What a filter learns, and how it is written and read.

use super::*;

#[test]
fn components_are_fewer_than_dimensions_where_the_spectrum_falls() {
    let (rows, dimension) = (6000, 256);
    let values = embeddings(rows, dimension, 5);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = learnt(vectors);
    assert!(plan.rotation.is_some());
    assert!(plan.coded < dimension, "{}", plan.coded);
    assert!(plan.gram_error < 1e-4, "{}", plan.gram_error);
    let along = &plan.rotation.as_ref().unwrap()[..dimension];
    assert!(query::product(along, &plan.mean) > 0.9999 * query::norm(&plan.mean));
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let queries = embeddings(4, dimension, 6);
    let queries = Matrix::new(&queries, 4, dimension).unwrap();
    for found in same_answer(whole(vectors, &filter), queries, 10) {
        assert!(found.rescored < rows as u64, "{} rescored", found.rescored);
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
fn the_direction_of_the_mean_costs_nothing() {
    let (rows, dimension) = (4000, 96);
    let common = noise(dimension, 77);
    // How loose the bound of a search is where rows and query have so much in common.
    let looseness = [0.0, 3.0].map(|share| {
        let with_common = |mut values: Vec<f32>| {
            for values in values.chunks_exact_mut(dimension) {
                for (value, common) in values.iter_mut().zip(&common) {
                    *value += common * share;
                }
            }
            values
        };
        let values = with_common(noise(rows * dimension, 5));
        let query = with_common(noise(dimension, 6));
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let mut mean: Vec<f32> = common.iter().map(|common| common * share).collect();
        if share == 0.0 {
            mean.clone_from(&common);
        }
        let rotation = with_first(&mean);
        let plan = FilterPlan {
            gram_error: learn::gram_error(&rotation, dimension),
            rotation: Some(rotation),
            coded: dimension,
            narrow: narrow_plan(dimension, 8, 0.0, 3),
            ..plain_plan(dimension, mean)
        };
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        let kernel = Kernel::Scalar;
        [false, true].map(|narrow| {
            let queries = FilterQueries::new(&filter, kernel, &query, narrow, Workers::Caller);
            let mut left = vec![Vec::new()];
            queries.scan(&all_groups(rows), &[], &[f32::NEG_INFINITY], &mut left);
            let over = left[0].iter().map(|candidate| {
                let row = &values[candidate.row as usize * dimension..][..dimension];
                f64::from(candidate.upper - specified_score(row, &query))
            });
            over.sum::<f64>()
        })
    });
    for (without, with) in looseness[0].iter().zip(looseness[1]) {
        // But for rounding.
        assert!(*without > 0.0 && with < 1.5 * without, "{looseness:?}");
    }
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
    let plan = learnt(vectors);
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
    let plan = learnt(vectors);
    assert!(plan.rotation.is_some());
    assert!(plan.gram_error < 1e-4, "{}", plan.gram_error);
}

#[test]
fn many_isotropic_rows_are_all_scanned_with_4_bit_codes_and_corrected() {
    // The last stretch is shorter than others, and not a pair of steps.
    let (rows, dimension) = (30_000, 92);
    let values = noise(rows * dimension, 3);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = learnt(vectors);
    assert_eq!(plan.coded, 96);
    let narrow = plan.narrow.as_ref().unwrap();
    assert_eq!(narrow.spreads.len(), 96 - narrow.wide);
    assert_eq!(plan.tail_layout().corrected(), 96 - narrow.wide);
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    assert_eq!(filter.plan.narrow, plan.narrow);
    for batch in [1, 3, 20] {
        let queries = noise(batch * dimension, 4);
        let queries = Matrix::new(&queries, batch, dimension).unwrap();
        for found in same_answer(whole(vectors, &filter), queries, 10) {
            let most = (batch * rows / 20) as u64;
            assert!(found.rescored < most, "{} rescored", found.rescored);
        }
    }
}

#[test]
fn few_isotropic_rows_are_coded_as_they_are() {
    let (rows, dimension) = (4096, 128);
    let values = noise(rows * dimension, 3);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = learnt(vectors);
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
            let plan = learnt(vectors);
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
    let plan = learnt(vectors);
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
    // The 4-bit codes: whether there are any, and after how many others.
    assert!(plan.narrow.is_some());
    for (at, word) in [(12, 0), (12, 2), (16, 4), (16, 1u32 << 31)] {
        let mut wrong = bytes.clone();
        wrong[at..at + 4].copy_from_slice(&word.to_le_bytes());
        assert!(
            Filter::read(&wrong, rows, dimension).is_err(),
            "{at} {word}"
        );
    }
    // Their spreads, after the mean and the rotation; and those of the second part.
    let spread = 20 + (dimension + dimension * dimension) * 4;
    let tail_spread = spread
        + plan
            .narrow
            .iter()
            .flat_map(|narrow| &narrow.spreads)
            .count()
            * 4;
    for (at, value) in [spread, tail_spread]
        .into_iter()
        .flat_map(|at| [0.0, -1.0, f32::NAN, f32::INFINITY].map(|value| (at, value)))
    {
        let mut wrong = bytes.clone();
        wrong[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(
            Filter::read(&wrong, rows, dimension).is_err(),
            "{at} {value}"
        );
    }
    // How far the rotation is from orthonormal.
    for error in [-0.1, 0.6, f32::NAN, f32::INFINITY] {
        let mut wrong = bytes.clone();
        wrong[8..12].copy_from_slice(&error.to_le_bytes());
        assert!(Filter::read(&wrong, rows, dimension).is_err(), "{error}");
    }
}
