//! Filters of every kernel: the answer is that of the full scan, to the bit; and the bound holds.

mod bound;
mod plan;
mod shapes;

use super::*;
use crate::Interrupt;
use crate::bitmap::Bitmap;
use crate::search::{Usage, search_with};
use crate::tests::{specified_score, values};
use crate::{Found, Kernel, Matrix, Part, Workers, search};

/// Other values than those of the same seed elsewhere.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    values(count, seed ^ 0x9E37_79B9)
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

fn learnt(vectors: Matrix<'_>) -> FilterPlan {
    let plan = FilterPlan::learn(vectors, &Interrupt::new()).unwrap();
    plan.expect("a filter pays")
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
        tail_spreads: Vec::new(),
    }
}

/// 4-bit codes behind so many steps of 8-bit codes, or one more; with spreads of any size. `None` where there are too few
/// coordinates.
fn narrow_plan(coded: usize, wide: usize, powers: f32, seed: u64) -> Option<NarrowPlan> {
    let wide = wide * STEP;
    let wide = wide + coded.checked_sub(wide)? % (2 * STEP);
    (wide < coded).then(|| NarrowPlan {
        wide,
        spreads: spreads(coded - wide, powers, seed ^ 3),
    })
}

/// Spreads of sizes up to so many powers of two, and down to as many.
fn spreads(count: usize, powers: f32, seed: u64) -> Vec<f32> {
    noise(count, seed)
        .iter()
        .map(|value| 2f32.powf(value * powers))
        .collect()
}

/// A rotation that leaves rows as they are.
fn identity(dimension: usize) -> Vec<f32> {
    let mut rotation = vec![0.0; dimension * dimension];
    for (row, values) in rotation.chunks_exact_mut(dimension).enumerate() {
        values[row] = 1.0;
    }
    rotation
}

/// A reflection, whose first row is this vector's direction.
fn with_first(vector: &[f32]) -> Vec<f32> {
    let length = query::norm(vector) as f32;
    let mut across: Vec<f32> = vector.iter().map(|value| value / length).collect();
    across[0] -= 1.0;
    let square = query::product(&across, &across) as f32;
    let mut rotation = identity(vector.len());
    for (row, values) in rotation.chunks_exact_mut(vector.len()).enumerate() {
        for (value, other) in values.iter_mut().zip(&across) {
            *value -= 2.0 / square * across[row] * other;
        }
    }
    rotation
}

/// All groups of so many rows, a multiple of sixteen.
fn all_groups(rows: usize) -> Vec<Chosen> {
    let whole = |group| Chosen {
        group,
        rows: u16::MAX,
    };
    (0..rows as u32 / 16).map(whole).collect()
}

/// All rows, with their filter.
fn whole<'a>(vectors: Matrix<'a>, filter: &'a Filter<'a>) -> Part<'a> {
    Part {
        vectors,
        filter: Some(filter),
        allowed: None,
    }
}

/// What every kernel finds, which is what is found without the filter.
fn same_answer(part: Part<'_>, queries: Matrix<'_>, k: usize) -> Vec<Found> {
    let without = Part {
        filter: None,
        ..part
    };
    let expected = search_with(
        Kernel::Scalar,
        Usage::Always,
        &[without],
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
                &[part],
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
        let plan = learnt(vectors);
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        for batch in [1, 3, 8, 21] {
            let queries = embeddings(batch, dimension, 2);
            let queries = Matrix::new(&queries, batch, dimension).unwrap();
            for k in [1, 10, 100, rows] {
                same_answer(whole(vectors, &filter), queries, k);
            }
        }
    }
}

#[test]
fn a_guess_that_is_too_high_is_taken_back() {
    // The best rows are all among those that thresholds are guessed from: in one unit of sixteen, in one piece of
    // sixteen, or in the first unit of a sample of pieces.
    for (rows, together, every) in [(4096, 16, 16), (4096, 256, 16), (70_000, 256, 32)] {
        let (dimension, k) = (48, 200);
        let mut values = noise(rows * dimension, 11);
        for (row, values) in values.chunks_exact_mut(dimension).enumerate() {
            let is_best = (row / together).is_multiple_of(every);
            values[0] += if is_best { 40.0 } else { 0.0 };
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
        same_answer(whole(vectors, &filter), queries, k);
    }
}

#[test]
fn a_filter_of_other_rows_is_refused() {
    let (rows, dimension) = (64, 16);
    let values = noise(rows * dimension, 1);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    for (rows, dimension) in [(32, 16), (128, 16), (64, 8), (64, 32)] {
        let values = noise(rows * dimension, 1);
        let others = Matrix::new(&values, rows, dimension).unwrap();
        let bytes = filter_bytes(others, &plain_plan(dimension, vec![0.0; dimension]));
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        let query = noise(16, 2);
        let queries = Matrix::new(&query, 1, 16).unwrap();
        let parts = [whole(vectors, &filter)];
        let failure = search(&parts, queries, 1, Workers::Pool, &Interrupt::new()).unwrap_err();
        assert!(failure.to_string().contains("filter of other rows"));
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
    let parts = [whole(vectors, &filter)];
    let found = search(&parts, queries, 1, Workers::Pool, &Interrupt::new()).unwrap();
    assert_eq!(found.rows, [0]);
}
