//! Every shape of a filter, and what kernels note of it.

use super::*;

#[test]
fn every_shape_that_is_read_is_searched() {
    let rows = 32;
    for dimension in 1..20 {
        let values = embeddings(rows, dimension, 3);
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let queries = embeddings(2, dimension, 4);
        let queries = Matrix::new(&queries, 2, dimension).unwrap();
        for (coded, wide) in (0..32).flat_map(|coded| (0..32).map(move |wide| (coded, wide))) {
            let (coded, wide) = (coded * STEP, wide * STEP);
            let plan = FilterPlan {
                rotation: Some(identity(dimension)),
                coded,
                narrow: (wide < coded).then(|| NarrowPlan {
                    wide,
                    spreads: vec![1.0; coded - wide],
                }),
                tail_spreads: vec![1.0; (dimension - 1).saturating_sub(coded)],
                ..plain_plan(dimension, vec![0.1; dimension])
            };
            let across = dimension - 1;
            let fits = coded > 0
                && coded <= across.next_multiple_of(2 * STEP)
                && (wide >= coded || (coded - wide).is_multiple_of(2 * STEP));
            if !fits {
                let mut head = vec![0; plan.head()];
                plan.write_head(&mut head);
                assert!(
                    Filter::read(&head, 0, dimension).is_err(),
                    "{coded}, {wide}"
                );
                continue;
            }
            let bytes = filter_bytes(vectors, &plan);
            let filter = Filter::read(&bytes, rows, dimension).unwrap();
            same_answer(whole(vectors, &filter), queries, 3);
        }
    }
}

#[test]
fn any_number_of_queries_finds_the_same() {
    // As many codes as fill tiles, one step more, and so few that what stands behind the last groups is less than a tile.
    for (dimension, coded) in [(70, 64), (70, 68), (200, 4), (30, 28)] {
        let rows = 333;
        let values = embeddings(rows, dimension, 3);
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let plan = FilterPlan {
            rotation: Some(identity(dimension)),
            coded,
            tail_spreads: vec![1.0; dimension - 1 - coded],
            ..plain_plan(dimension, vec![0.1; dimension])
        };
        let bytes = filter_bytes(vectors, &plan);
        let filter = Filter::read(&bytes, rows, dimension).unwrap();
        for batch in [1, 8, 9, 16, 17, 32, 33, 64, 65, 130] {
            let queries = embeddings(batch, dimension, batch as u64);
            let queries = Matrix::new(&queries, batch, dimension).unwrap();
            same_answer(whole(vectors, &filter), queries, 5);
        }
    }
}

#[test]
fn all_kernels_note_the_same_rows_in_the_same_order() {
    let (rows, dimension) = (512, 24);
    let values = embeddings(rows, dimension, 3);
    let vectors = Matrix::new(&values, rows, dimension).unwrap();
    let plan = FilterPlan {
        rotation: Some(identity(dimension)),
        coded: 16,
        narrow: narrow_plan(16, 1, 0.0, 3),
        tail_spreads: vec![1.0; 7],
        ..plain_plan(dimension, vec![0.1; dimension])
    };
    let bytes = filter_bytes(vectors, &plan);
    let filter = Filter::read(&bytes, rows, dimension).unwrap();
    let query = embeddings(1, dimension, 4);
    let masks = [0, 1, 1 << 15, 0x8001, 0x0F0F, 0x7FFE, 0x5555, u16::MAX];
    let chosen: Vec<Chosen> = all_groups(rows)
        .into_iter()
        .zip(masks.into_iter().cycle())
        .map(|(chosen, rows)| Chosen { rows, ..chosen })
        .collect();
    for threshold in [f32::NEG_INFINITY, 0.5, 2.0] {
        let noted = |kernel| {
            let queries = FilterQueries::new(&filter, kernel, &query, true, Workers::Caller);
            let mut noted = vec![Vec::new()];
            queries.scan(&chosen, &[], &[threshold], &mut noted);
            noted.remove(0)
        };
        let all = chosen.iter().flat_map(|chosen| chosen.numbers());
        let expected = noted(Kernel::Scalar);
        if threshold == f32::NEG_INFINITY {
            let noted: Vec<u32> = expected.iter().map(|candidate| candidate.row).collect();
            assert_eq!(noted, all.collect::<Vec<_>>());
        } else {
            assert!((1..rows).contains(&expected.len()), "{}", expected.len());
        }
        // But for the codes of queries, which AVX2 keeps small, and rounding.
        for kernel in
            Kernel::available().filter(|kernel| !CodeKernel::of(*kernel).adds_in_16_bits())
        {
            let found = noted(kernel);
            assert_eq!(found.len(), expected.len(), "{kernel}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.row, expected.row, "{kernel}");
                assert!((found.upper - expected.upper).abs() < 1e-4, "{kernel}");
            }
        }
    }
}
