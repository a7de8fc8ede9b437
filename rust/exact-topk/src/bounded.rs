//! The scan for many queries: sums in the order that is quickest, and a bound of what they are off.
//!
//! # The bound
//!
//! Let `s` be the score of a row `x` and a query `q` of dimension `d` as it is specified (`lanes.rs`), and `t`
//! the same products summed one after the other (`outer.rs`). With `u = 2^-24`, both are off the inner product
//! by at most `g(n) (|x1 q1| + |x2 q2| + ...)`, where `g(n) = n u / (1 - n u)`, for the `n` roundings that a
//! product goes through: `d` of them in `t`, `d / 16 + 5` in `s` (Higham, "Accuracy and Stability of Numerical
//! Algorithms", 2002, section 3.1). By Cauchy and Schwarz, and because `g(m) + g(n) <= g(m + n)`,
//!
//! ```text
//! |s - t| <= g(d + d / 16 + 5) |x| |q| + 2 d v
//! ```
//!
//! with `v = 2^-149` for what each product loses next to zero. A row whose `t` is so far below a score that
//! k rows reach is not among the k best; of all others the score itself is computed. Where norms are so great
//! that a sum could overflow, no row is dismissed.

use super::block::LANES;
use super::dispatch::Kernel;
use super::element::{Element, Values};
use super::filter::{Candidate, Chosen, GROUP, LONGEST, above, norm};
use super::matrix::Matrix;
use super::outer::{OuterBlock, OuterPanel};

/// Bytes of rows in a block: it stays in the second-level cache together with a panel.
const BLOCK_BYTES: usize = 128 << 10;

/// A multiple of all tile heights and of [`GROUP`].
const ROWS: usize = 48;

/// The widest rows: `n u` of the proof stays far below 1.
const WIDEST: usize = 1 << 16;

/// The work of idle lanes is lost: there must be so many queries for each of them.
const QUERIES_PER_IDLE_LANE: usize = 6;

/// Lanes of the widest panel.
const MOST_LANES: usize = 32;

/// The norm of what the squares of a row's values may lose next to zero: the root of [`WIDEST`] times `v`, and
/// more.
const LOST_NORM: f32 = 1e-19;

/// All rows of a matrix against many queries.
#[derive(Debug)]
pub(super) struct BoundedScan<'a> {
    kernel: Kernel,
    vectors: Matrix<'a>,
    panels: Vec<OuterPanel>,
    /// `2 d v` of the proof, and more.
    lost: f32,
}

impl<'a> BoundedScan<'a> {
    /// Whether it is quicker than scoring in full for so many queries: they must fill the lanes.
    pub(super) fn pays(kernel: Kernel, queries: usize) -> bool {
        let idle = queries.next_multiple_of(LANES) - queries;
        kernel != Kernel::Scalar && idle <= queries / QUERIES_PER_IDLE_LANE
    }

    /// Whether there is a bound for rows of that dimension.
    pub(super) fn takes(dimension: usize) -> bool {
        dimension <= WIDEST
    }

    /// `queries` holds whole queries of the vectors' dimension.
    pub(super) fn new(kernel: Kernel, vectors: Matrix<'a>, queries: &[f32]) -> Self {
        let dimension = vectors.dimension();
        let roundings = (dimension + dimension / LANES + 8) as f64;
        let unit = f64::from(f32::EPSILON) / 2.0;
        let gamma = roundings * unit / (1.0 - roundings * unit);
        let panels = queries
            .chunks(kernel.outer_registers() * LANES * dimension)
            .map(|queries| {
                let reaches: Vec<f32> = queries
                    .chunks_exact(dimension)
                    .map(|query| match norm(query) {
                        // A little more for what the comparison itself rounds.
                        norm if norm <= LONGEST => above(gamma * norm * 1.01),
                        _ => f32::INFINITY,
                    })
                    .collect();
                OuterPanel::new(queries, dimension, &reaches)
            })
            .collect();
        BoundedScan {
            kernel,
            vectors,
            panels,
            lost: dimension as f32 * f32::MIN_POSITIVE,
        }
    }

    /// Rows of a unit of work.
    pub(super) fn rows_per_block(&self) -> usize {
        let row_bytes = self.vectors.dimension() * size_of::<f32>();
        (BLOCK_BYTES / row_bytes).max(1).next_multiple_of(ROWS)
    }

    /// Adds the rows of the chosen groups that take part and reach a query's threshold to its candidates. They
    /// are numbered from 0. Memory is asked for the rows from `next` on, where the next call will start.
    pub(super) fn scan(
        &self,
        chosen: &[Chosen],
        next: Option<usize>,
        thresholds: &[f32],
        candidates: &mut [Vec<Candidate>],
        scratch: &mut Vec<f32>,
    ) {
        let mut blocks = chosen
            .chunk_by(|group, next| group.group + 1 == next.group)
            .flat_map(|run| run.chunks(self.rows_per_block() / GROUP))
            .peekable();
        while let Some(chosen) = blocks.next() {
            let first = chosen[0].group as usize * GROUP;
            let next = match blocks.peek() {
                Some(block) => Some(block[0].group as usize * GROUP),
                None => next,
            };
            let rows = self.vectors.slice(first, first + chosen.len() * GROUP);
            let (rows, norms) = self.measure(rows, scratch);
            let mut from = 0;
            for (turn, panel) in self.panels.iter().enumerate() {
                let queries = from..from + panel.queries();
                from = queries.end;
                let mut limits = [f32::INFINITY; MOST_LANES];
                for (limit, threshold) in limits.iter_mut().zip(&thresholds[queries.clone()]) {
                    // Lower by what is lost, and by what the comparison rounds.
                    *limit = threshold - (threshold.abs() * 1e-6 + self.lost);
                }
                self.kernel.note_candidates(&mut OuterBlock {
                    rows,
                    dimension: self.vectors.dimension(),
                    norms,
                    panel,
                    limits: &limits[..panel.registers() * LANES],
                    lost: self.lost,
                    chosen,
                    candidates: &mut candidates[queries],
                    // Rows of half precision are read where they were converted to.
                    ahead: next
                        .and_then(|next| next.checked_sub(first))
                        .filter(|_| self.vectors.element() == Element::Float32),
                    share: (turn, self.panels.len()),
                });
            }
        }
    }

    /// The rows in float32, and numbers that their norms are not above; infinite where scores may overflow.
    fn measure<'b>(&self, rows: Matrix<'a>, scratch: &'b mut Vec<f32>) -> (&'b [f32], &'b [f32])
    where
        'a: 'b,
    {
        let count = rows.rows();
        let decoded = match rows.element() {
            Element::Float32 => 0,
            Element::Float16 | Element::BFloat16 => count * rows.dimension(),
        };
        scratch.resize(decoded + count, 0.0);
        let (decoded, norms) = scratch.split_at_mut(decoded);
        self.kernel
            .measure(rows.values(), rows.dimension(), decoded, norms);
        for norm in norms.iter_mut() {
            // The sum of squares is off by less than one percent, its root by less than half of one, and rounding by next to nothing.
            let above = norm.sqrt() * 1.01 + LOST_NORM;
            // Written so that what is no number is infinite.
            *norm = if above <= LONGEST as f32 {
                above
            } else {
                f32::INFINITY
            };
        }
        match rows.values() {
            Values::Float32(values) => (values, norms),
            _ => (decoded, norms),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::specified_score;

    /// The candidates of one row where its own scores are the thresholds.
    fn candidates(
        kernel: Kernel,
        vectors: Matrix<'_>,
        queries: &[f32],
        row: usize,
        thresholds: &[f32],
    ) -> Vec<Vec<Candidate>> {
        let mut candidates = vec![Vec::new(); thresholds.len()];
        let chosen = [Chosen {
            group: (row / GROUP) as u32,
            rows: 1 << (row % GROUP),
        }];
        BoundedScan::new(kernel, vectors, queries).scan(
            &chosen,
            None,
            thresholds,
            &mut candidates,
            &mut Vec::new(),
        );
        candidates
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_bound_is_above_every_score_and_the_same_on_every_kernel(
            dimension in 1usize..300,
            rows in 1usize..40,
            batch in 1usize..70,
            // Few values and their opposites: sums that cancel. Huge and tiny ones: overflow, and denormal products.
            choices in prop::collection::vec(
                prop_oneof![Just(0.0f32), Just(1.0), Just(-1.0), -1.0f32..1.0, Just(1e15), Just(-1e15), Just(3e-39), Just(-2e-20),
                    Just(1e30), Just(-3e38)], 1..5),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..400),
        ) {
            let pick = |place: usize| choices[picks[place % picks.len()].index(choices.len())];
            let values: Vec<f32> = (0..rows * dimension).map(pick).collect();
            let queries: Vec<f32> = (0..batch * dimension).map(|place| pick(place * 3 + 1)).collect();
            let vectors = Matrix::new(&values, rows, dimension).unwrap();
            for (row, x) in values.chunks_exact(dimension).enumerate() {
                let scores: Vec<f32> =
                    queries.chunks_exact(dimension).map(|query| specified_score(x, query)).collect();
                let expected = candidates(Kernel::Scalar, vectors, &queries, row, &scores);
                for (candidates, score) in expected.iter().zip(&scores) {
                    prop_assert_eq!(candidates.len(), 1);
                    prop_assert_eq!(candidates[0].row, row as u32);
                    let upper = candidates[0].upper;
                    prop_assert!(upper >= *score || upper.is_nan() || score.is_nan(), "{} {}", upper, score);
                }
                let bits = |found: &[Vec<Candidate>]| -> Vec<u32> {
                    // Which of several NaN comes out is nobody's promise.
                    let one = |upper: f32| if upper.is_nan() { f32::NAN } else { upper };
                    found.iter().flatten().map(|candidate| one(candidate.upper).to_bits()).collect()
                };
                for kernel in Kernel::available() {
                    let found = candidates(kernel, vectors, &queries, row, &scores);
                    prop_assert_eq!(bits(&found), bits(&expected), "{}", kernel);
                }
            }
        }
    }

    #[test]
    fn a_query_next_to_zero_has_a_reach() {
        // In lanes the two great products cancel and the small one is left; one after the other they swallow it.
        let mut row = [0.0f32; 32];
        (row[0], row[1], row[16]) = (2f32.powi(48), 2f32.powi(23), -2f32.powi(48));
        let queries = [2f32.powi(-135); 16 * 32];
        let score = specified_score(&row, &queries[..32]);
        assert_eq!(score, 2f32.powi(-112));
        for kernel in Kernel::available() {
            let vectors = Matrix::new(&row, 1, 32).unwrap();
            let found = candidates(kernel, vectors, &queries, 0, &[score; 16]);
            assert!(found.iter().all(|found| found.len() == 1), "{kernel}");
        }
    }

    #[test]
    fn rows_far_below_the_threshold_are_dismissed() {
        let (rows, dimension, batch) = (100, 40, 33);
        let values: Vec<f32> = (0..rows * dimension)
            .map(|place| (place % 7) as f32 - 3.0)
            .collect();
        let queries: Vec<f32> = (0..batch * dimension)
            .map(|place| (place % 5) as f32 - 2.0)
            .collect();
        let vectors = Matrix::new(&values, rows, dimension).unwrap();
        let chosen: Vec<Chosen> = (0..7)
            .map(|group| Chosen {
                group,
                rows: u16::MAX >> (16 - (rows - 16 * group as usize).min(16)),
            })
            .collect();
        for kernel in Kernel::available() {
            let scan = BoundedScan::new(kernel, vectors, &queries);
            for (above, expected) in [(1e-2, 0), (-1e-2, 1)] {
                // The best row of each query, from the specification.
                let best = |query: &[f32]| {
                    values
                        .chunks_exact(dimension)
                        .map(|x| specified_score(x, query))
                        .fold(f32::MIN, f32::max)
                };
                let thresholds: Vec<f32> = queries
                    .chunks_exact(dimension)
                    .map(|query| best(query) + above)
                    .collect();
                let mut candidates = vec![Vec::new(); batch];
                scan.scan(&chosen, None, &thresholds, &mut candidates, &mut Vec::new());
                for candidates in candidates {
                    assert!(candidates.len() >= expected, "{kernel}");
                    assert!(
                        expected > 0 || candidates.is_empty(),
                        "{kernel}: {candidates:?}"
                    );
                }
            }
        }
    }
}
