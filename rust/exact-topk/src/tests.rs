//! All kernels against the naive oracle and against each other, bit by bit.

use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::Interrupt;
use crate::bitmap::Bitmap;

/// The specification, in the plainest words that say it.
pub(super) fn specified_score(row: &[f32], query: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    for (place, (x, y)) in row.iter().zip(query).enumerate() {
        sums[place % 16] = x.mul_add(*y, sums[place % 16]);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}

/// The result of both ways, by bounds and by scoring in full; they must agree.
fn top_k_with(
    kernel: Kernel,
    vectors: Matrix<'_>,
    queries: Matrix<'_>,
    k: usize,
    interrupt: &Interrupt,
) -> Result<Found> {
    let in_full = top_k_used(kernel, search::Usage::Never, vectors, queries, k, interrupt);
    let bounded = top_k_used(
        kernel,
        search::Usage::Always,
        vectors,
        queries,
        k,
        interrupt,
    );
    match (&in_full, &bounded) {
        (Ok(in_full), Ok(bounded)) => assert_same_bits(bounded, in_full, "bounded"),
        _ => assert_eq!(
            in_full.as_ref().map_err(Error::to_string).err(),
            bounded.as_ref().map_err(Error::to_string).err()
        ),
    }
    in_full
}

fn top_k_used(
    kernel: Kernel,
    usage: search::Usage,
    vectors: Matrix<'_>,
    queries: Matrix<'_>,
    k: usize,
    interrupt: &Interrupt,
) -> Result<Found> {
    let part = Part {
        vectors,
        filter: None,
        allowed: None,
    };
    search::search_with(kernel, usage, &[part], queries, k, Workers::Pool, interrupt)
}

/// Scores everything, sorts everything.
fn oracle(vectors: Matrix<'_>, queries: Matrix<'_>, k: usize) -> Found {
    let mut found = Found::default();
    let mut decoded = vec![0.0; vectors.rows() * vectors.dimension()];
    for (row, out) in decoded.chunks_exact_mut(vectors.dimension()).enumerate() {
        vectors.decode_row(row, out);
    }
    let queries = queries
        .float32_values("queries")
        .unwrap()
        .chunks_exact(queries.dimension());
    for query in queries {
        let rows = decoded.chunks_exact(vectors.dimension());
        // Adding zero gives zero one sign, as in the results.
        let mut all: Vec<(f32, u32)> = rows
            .map(|row| specified_score(row, query) + 0.0)
            .zip(0..)
            .collect();
        all.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
        found
            .scores
            .extend(all.iter().take(k).map(|(score, _)| *score));
        found.rows.extend(all.iter().take(k).map(|(_, row)| *row));
    }
    found
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

fn assert_same_bits(found: &Found, expected: &Found, about: &str) {
    let bits = |scores: &[f32]| {
        scores
            .iter()
            .map(|score| score.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(found.rows, expected.rows, "rows, {about}");
    assert_eq!(
        bits(&found.scores),
        bits(&expected.scores),
        "scores, {about}"
    );
}

/// Values from a linear congruential generator: cheap, and the same everywhere.
pub(super) fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

#[test]
fn every_kernel_agrees_with_the_oracle_in_every_shape() {
    for dimension in [1, 3, 7, 15, 16, 17, 31, 32, 33, 383, 384, 385, 1024] {
        for (rows, batch) in [
            (1, 1),
            (5, 2),
            (23, 3),
            (100, 1),
            (97, 4),
            (130, 5),
            (61, 7),
            (50, 8),
            (40, 17),
            (33, 64),
        ] {
            let vectors = values(rows * dimension, 1 + dimension as u64);
            let queries = values(batch * dimension, 7 + batch as u64);
            let vectors = Matrix::new(&vectors, rows, dimension).unwrap();
            let queries = Matrix::new(&queries, batch, dimension).unwrap();
            let k = rows.min(10);
            let expected = oracle(vectors, queries, k);
            for kernel in Kernel::available() {
                let found = top_k_with(kernel, vectors, queries, k, &Interrupt::new()).unwrap();
                assert_same_bits(
                    &found,
                    &expected,
                    &format!("{kernel} {rows}x{dimension} batch {batch}"),
                );
            }
        }
    }
}

/// Finite bits of half precision, of nearly every exponent, down to denormal ones.
fn half_bits(element: Element, count: usize, seed: u64) -> Vec<u16> {
    // Without the lowest bit of the exponent a half is finite; without the highest one scores of
    // bfloat16 can't overflow.
    let kept = match element {
        Element::Float16 => !0x0400,
        _ => !0x4000,
    };
    values(count, seed)
        .into_iter()
        .map(|value| (value.to_bits() >> 4 ^ value.to_bits() >> 20) as u16 & kept)
        .collect()
}

#[test]
fn every_kernel_scores_half_precision_as_its_float32_values() {
    for element in [Element::Float16, Element::BFloat16] {
        for dimension in [1, 3, 7, 15, 16, 17, 40, 383, 384, 385, 4096] {
            for (rows, batch) in [(1, 1), (29, 1), (53, 2), (31, 3), (26, 8), (37, 19)] {
                let bits = half_bits(element, rows * dimension, dimension as u64);
                let queries = values(batch * dimension, 9 + batch as u64);
                let vectors = Matrix::of_bits(element, &bits, rows, dimension).unwrap();
                vectors.check_finite(&Interrupt::new()).unwrap();
                let queries = Matrix::new(&queries, batch, dimension).unwrap();
                let k = rows.min(10);
                let expected = oracle(vectors, queries, k);
                for kernel in Kernel::available() {
                    let found = top_k_with(kernel, vectors, queries, k, &Interrupt::new()).unwrap();
                    let name = element.name();
                    assert_same_bits(
                        &found,
                        &expected,
                        &format!("{kernel} {name} {rows}x{dimension} batch {batch}"),
                    );
                }
            }
        }
    }
}

#[test]
fn every_kernel_converts_every_finite_half_exactly() {
    for element in [Element::Float16, Element::BFloat16] {
        let largest = if element == Element::Float16 {
            0x7bff
        } else {
            0x7f7f
        };
        let bits: Vec<u16> = (0..=largest)
            .flat_map(|bits| [bits, bits | 0x8000])
            .collect();
        // Rows of one value go through the masked load; with fifteen zeros, through the whole one.
        for dimension in [1, 16] {
            let mut rows = vec![0; bits.len() * dimension];
            for (row, bits) in rows.chunks_exact_mut(dimension).zip(&bits) {
                row[dimension - 1] = *bits;
            }
            let vectors = Matrix::of_bits(element, &rows, bits.len(), dimension).unwrap();
            let mut query = vec![0.0; dimension];
            query[dimension - 1] = 1.0;
            let query = Matrix::new(&query, 1, dimension).unwrap();
            let expected = oracle(vectors, query, bits.len());
            for kernel in Kernel::available() {
                let found = top_k_with(kernel, vectors, query, bits.len(), &Interrupt::new());
                assert_same_bits(&found.unwrap(), &expected, kernel.name());
            }
        }
    }
}

#[test]
fn half_precision_that_is_not_finite_is_refused() {
    for (element, infinity, shown) in [
        (Element::Float16, 0xfc00, "-inf"),
        (Element::BFloat16, 0xff80, "-inf"),
        (Element::Float16, 0x7c01, "NaN"),
        (Element::BFloat16, 0x7fff, "NaN"),
    ] {
        let mut bits = vec![0x3c00; 300 * 7];
        bits[123 * 7 + 4] = infinity;
        let message = Matrix::of_bits(element, &bits, 300, 7)
            .unwrap()
            .check_finite(&Interrupt::new())
            .unwrap_err()
            .to_string();
        let expected = format!("row 123 holds {shown} in column 4");
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn many_blocks_and_any_number_of_threads_give_the_same_bits() {
    let (rows, dimension, batch) = (9_001, 40, 300);
    let mut vectors = values(rows * dimension, 3);
    // Duplicates far apart tie, across blocks and workers.
    let copy: Vec<f32> = vectors[..dimension * 50].to_vec();
    vectors[dimension * 8_000..dimension * 8_050].copy_from_slice(&copy);
    let vectors = Matrix::new(&vectors, rows, dimension).unwrap();
    let queries = values(batch * dimension, 4);
    let queries = Matrix::new(&queries, batch, dimension).unwrap();
    for batch in [1, 4, 30, 300] {
        let queries = queries.slice(0, batch);
        let expected = oracle(vectors, queries, 100);
        for kernel in Kernel::available().filter(|kernel| batch < 300 || *kernel != Kernel::Scalar)
        {
            for threads in [1, 2, 5] {
                let found = in_pool(threads, || {
                    top_k_with(kernel, vectors, queries, 100, &Interrupt::new())
                });
                assert_same_bits(
                    &found.unwrap(),
                    &expected,
                    &format!("{kernel}, {threads} threads, batch {batch}"),
                );
            }
        }
    }
}

#[test]
fn a_row_without_a_bound_is_scored_whatever_the_sign_of_its_nan() {
    let (rows, dimension) = (1096, 32);
    let mut data = vec![0.0f32; rows * dimension];
    for (row, values) in data.chunks_exact_mut(dimension).enumerate() {
        values[2] = row as f32;
    }
    // Its sums overflow downwards on the way, its score does not.
    let hard = &mut data[1080 * dimension..][..dimension];
    (hard[0], hard[1], hard[2], hard[8], hard[9]) = (-2e38, -2e38, 0.0, 2e38, 3e38);
    let vectors = Matrix::new(&data, rows, dimension).unwrap();
    let ones = vec![1.0f32; 16 * dimension];
    let queries = Matrix::new(&ones, 16, dimension).unwrap();
    let expected = oracle(vectors, queries, 1);
    assert_eq!(expected.rows, [1080; 16]);
    for kernel in Kernel::available() {
        let found = top_k_with(kernel, vectors, queries, 1, &Interrupt::new()).unwrap();
        assert_same_bits(&found, &expected, kernel.name());
    }
}

#[test]
fn rows_larger_than_a_block_are_searched() {
    let (dimension, few) = (300_000, 2);
    let data = values(few * dimension, 5);
    let vectors = Matrix::new(&data, few, dimension).unwrap();
    for kernel in Kernel::available() {
        for batch in [1, few] {
            let queries = vectors.slice(0, batch);
            let found = top_k_with(kernel, vectors, queries, 1, &Interrupt::new()).unwrap();
            assert_eq!(
                found.rows,
                (0..batch as u32).collect::<Vec<_>>(),
                "{kernel}"
            );
        }
    }
}

#[test]
fn large_k_splits_the_queries_into_several_scans() {
    let (rows, dimension, batch) = (3_000, 4, 12);
    let vectors = values(rows * dimension, 5);
    let vectors = Matrix::new(&vectors, rows, dimension).unwrap();
    let queries = values(batch * dimension, 6);
    let queries = Matrix::new(&queries, batch, dimension).unwrap();
    let expected = oracle(vectors, queries, rows);
    let found = top_k(vectors, queries, rows, Workers::Pool, &Interrupt::new()).unwrap();
    assert_same_bits(&found, &expected, "k = rows");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_kernel_agrees_with_the_oracle(
        dimension in 1usize..70,
        rows in 1usize..90,
        batch in 1usize..12,
        // Few different values: many ties. Huge and tiny ones: rounding, and denormal products.
        choices in prop::collection::vec(
            prop_oneof![Just(0.0f32), Just(-0.0), Just(1.0), -1.0f32..1.0, Just(1e18), Just(-3e-39), Just(2e-20)], 1..6),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..400),
        k in any::<prop::sample::Index>(),
    ) {
        let pick = |place: usize| choices[picks[place % picks.len()].index(choices.len())];
        let vectors: Vec<f32> = (0..rows * dimension).map(pick).collect();
        let queries: Vec<f32> = (0..batch * dimension).map(|place| pick(place * 3 + 1)).collect();
        let vectors = Matrix::new(&vectors, rows, dimension).unwrap();
        let queries = Matrix::new(&queries, batch, dimension).unwrap();
        let k = k.index(rows) + 1;
        let expected = oracle(vectors, queries, k);
        for kernel in Kernel::available() {
            let found = top_k_with(kernel, vectors, queries, k, &Interrupt::new()).unwrap();
            assert_same_bits(&found, &expected, kernel.name());
        }
    }
}

fn refused(vectors: Matrix<'_>, queries: Matrix<'_>, k: usize) -> String {
    top_k(vectors, queries, k, Workers::Pool, &Interrupt::new())
        .unwrap_err()
        .to_string()
}

#[test]
fn wrong_use_is_refused_with_a_reason() {
    let vectors = Matrix::new(&[1.0; 6], 3, 2).unwrap();
    let query = Matrix::new(&[1.0; 2], 1, 2).unwrap();
    assert!(refused(vectors, query, 0).starts_with("k is 0"));
    assert!(refused(vectors, query, 4).starts_with("k is 4, and there are 3 vectors"));
    assert!(refused(Matrix::new(&[], 0, 2).unwrap(), query, 1).starts_with("no vectors"));
    let other = Matrix::new(&[1.0; 3], 1, 3).unwrap();
    assert!(refused(vectors, other, 1).starts_with("queries of dimension 3 against"));
    let half = Matrix::of_bits(Element::Float16, &[0; 2], 1, 2).unwrap();
    assert!(refused(vectors, half, 1).starts_with("queries of float16, where float32 is needed"));
    assert!(Matrix::of_bits(Element::Float32, &[0; 2], 1, 2).is_err());
    let nan = Matrix::new(&[1.0, 1.0, 0.0, f32::NAN], 2, 2).unwrap();
    assert!(refused(vectors, nan, 1).starts_with("queries: row 1 holds NaN in column 1"));
}

#[test]
fn an_overflowing_score_is_an_error_and_never_a_wrong_rank() {
    for kernel in Kernel::available() {
        let mut values = vec![1.0f32; 200 * 20];
        // Lane 0 overflows to plus infinity, lane 1 to minus infinity: their sum is not a number.
        values[150 * 20] = 3e38;
        values[150 * 20 + 1] = -3e38;
        let vectors = Matrix::new(&values, 200, 20).unwrap();
        let query = Matrix::new(&[10.0; 20], 1, 20).unwrap();
        let message = top_k_with(kernel, vectors, query, 3, &Interrupt::new())
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("the score of vector row 150 and query row 0 is NaN"),
            "{message}"
        );
    }
}

#[test]
fn no_queries_give_no_results() {
    let vectors = Matrix::new(&[1.0; 6], 3, 2).unwrap();
    let none = Matrix::new(&[], 0, 2).unwrap();
    assert_eq!(
        top_k(vectors, none, 2, Workers::Caller, &Interrupt::new()).unwrap(),
        Found::default()
    );
}

#[test]
fn an_interrupt_ends_the_search() {
    let vectors = Matrix::new(&[1.0; 6], 3, 2).unwrap();
    let interrupt = Interrupt::new();
    interrupt.request();
    assert!(matches!(
        top_k(vectors, vectors, 1, Workers::Caller, &interrupt),
        Err(Error::Interrupted)
    ));
}

#[test]
fn rows_that_are_picked_are_scored_alike_for_one_query_and_for_many() {
    let (rows, dimension, batch, k) = (400, 37, 30, 7);
    let floats = values(rows * dimension, 1);
    let bits: Vec<u16> = values(rows * dimension, 2)
        .iter()
        .map(|value| half::f16::from_f32(*value).to_bits())
        .collect();
    let mut allowed = Bitmap::new(rows);
    for row in (0..rows).step_by(9) {
        allowed.set(row);
    }
    // Of two element types.
    let parts = [
        Matrix::new(&floats, rows, dimension).unwrap(),
        Matrix::of_bits(Element::Float16, &bits, rows, dimension).unwrap(),
    ]
    .map(|vectors| Part {
        vectors,
        filter: None,
        allowed: Some(&allowed),
    });
    let queries = values(batch * dimension, 3);
    for kernel in Kernel::available() {
        let search = |queries: &[f32]| {
            let queries = Matrix::new(queries, queries.len() / dimension, dimension).unwrap();
            let (usage, workers) = (search::Usage::Never, Workers::Pool);
            search::search_with(
                kernel,
                usage,
                &parts,
                queries,
                k,
                workers,
                &Interrupt::new(),
            )
            .unwrap()
        };
        let together = search(&queries);
        let mut one_by_one = Found::default();
        for query in queries.chunks_exact(dimension) {
            let found = search(query);
            let mut row = vec![0.0; dimension];
            for (number, score) in found.rows.iter().zip(&found.scores) {
                let number = *number as usize;
                parts[number / rows]
                    .vectors
                    .decode_row(number % rows, &mut row);
                assert_eq!(*score, specified_score(&row, query));
            }
            one_by_one.rows.extend(found.rows);
            one_by_one.scores.extend(found.scores);
        }
        assert_eq!(
            (together.rows, together.scores),
            (one_by_one.rows, one_by_one.scores),
            "{kernel}"
        );
    }
}
