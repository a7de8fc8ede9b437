//! Scoring single rows in full: the candidates of filters, and rows picked by a bitmap.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::block::Panel;
use super::dispatch::Kernel;
use super::element::Values;
use super::filter::Candidate;
use super::lanes::SCATTERED;
use super::matrix::Matrix;
use super::products::block_products;
use super::search::Part;
use super::select::{self, Selection};

/// Rows that are scored in one call, while as many are asked from memory.
const ROWS: usize = SCATTERED;

/// The fewest candidates to score between two looks at the threshold.
const FEWEST: usize = 16;

/// How many times more candidates are scored before the first look at the threshold where threads share the work.
const TOGETHER: usize = 8;

/// Fewer candidates are not worth sharing.
const FEWEST_SHARED: usize = 64;

/// A score that k rows are known to reach, or guessed to, shared by all workers. It only rises.
pub(super) struct Threshold(AtomicU32);

impl Threshold {
    pub(super) fn new(score: f32) -> Self {
        Threshold(AtomicU32::new(select::ordered(score)))
    }

    // Relaxed suffices: a threshold carries no other memory along, and an old one is right, too.
    pub(super) fn get(&self) -> f32 {
        select::from_ordered(self.0.load(Ordering::Relaxed))
    }

    fn raise(&self, score: f32) {
        self.0.fetch_max(select::ordered(score), Ordering::Relaxed);
    }
}

/// The rows of all parts, and the queries.
pub(super) struct Rescorer<'a> {
    kernel: Kernel,
    /// Each part's first row, and its rows.
    parts: Vec<(u32, Matrix<'a>)>,
    /// A panel for each.
    queries: Vec<Panel>,
    dimension: usize,
}

impl<'a> Rescorer<'a> {
    pub(super) fn new(
        kernel: Kernel,
        parts: &[Part<'a>],
        queries: &[f32],
        dimension: usize,
    ) -> Self {
        let firsts = parts.iter().scan(0, |next, part| {
            let first = *next;
            *next += part.vectors.rows() as u32;
            Some((first, part.vectors))
        });
        Rescorer {
            kernel,
            // Empty parts would stand in the way of the search for a row's part.
            parts: firsts.filter(|(_, vectors)| vectors.rows() > 0).collect(),
            queries: Panel::all(queries, dimension, 1),
            dimension,
        }
    }

    /// Scores all candidates of a query in full that can reach the threshold, the most promising first;
    /// returns how many. None is left. The current pool's threads share the work if `together`.
    pub(super) fn rescore(
        &self,
        query: usize,
        candidates: &mut Vec<Candidate>,
        selection: &mut Selection,
        shared: &Threshold,
        together: bool,
    ) -> u64 {
        let threshold = selection.threshold().max(shared.get());
        candidates.retain(|candidate| candidate.can_reach(threshold));
        let mut most = turn(selection, threshold) * if together { TOGETHER } else { 1 };
        let mut rescored = 0;
        while !candidates.is_empty() {
            let waiting = candidates.len();
            let scored =
                self.score_most_promising(query, candidates, selection, shared, most, together);
            if candidates.len() > (waiting - scored) / 2 {
                // The threshold hardly changes any more, and each look at all that wait takes time.
                most *= 2;
            }
            rescored += scored;
        }
        rescored as u64
    }

    /// Scores a few of the most promising candidates in full, to raise the threshold, and drops those that
    /// can't reach it now; returns how many it scored.
    pub(super) fn raise(
        &self,
        query: usize,
        candidates: &mut Vec<Candidate>,
        selection: &mut Selection,
        shared: &Threshold,
    ) -> u64 {
        let most = turn(selection, selection.threshold().max(shared.get()));
        self.score_most_promising(query, candidates, selection, shared, most, false) as u64
    }

    /// Scores so many of the most promising candidates at most, and drops those that can't reach the threshold then; returns
    /// how many it scored.
    fn score_most_promising(
        &self,
        query: usize,
        candidates: &mut Vec<Candidate>,
        selection: &mut Selection,
        shared: &Threshold,
        most: usize,
        together: bool,
    ) -> usize {
        let now = most_promising(candidates, most);
        let scores = if together && now.len() >= FEWEST_SHARED {
            now.par_chunks(now.len().div_ceil(rayon::current_num_threads()))
                .map(|now| self.scores(query, now))
                .collect::<Vec<_>>()
                .concat()
        } else {
            self.scores(query, &now)
        };
        for (candidate, score) in now.iter().zip(scores) {
            selection.offer_one(candidate.row, score);
        }
        selection.settle();
        shared.raise(selection.threshold());
        let threshold = selection.threshold().max(shared.get());
        candidates.retain(|candidate| candidate.can_reach(threshold));
        now.len()
    }

    /// The exact scores of candidates.
    fn scores(&self, query: usize, candidates: &[Candidate]) -> Vec<f32> {
        let mut scores = vec![0.0; candidates.len()];
        let mut places = scores.chunks_mut(ROWS);
        let rows = candidates.iter().map(|candidate| candidate.row);
        self.visit(rows, |_, rows| {
            if let Some(scores) = places.next() {
                self.score(query, rows, scores);
            }
        });
        scores
    }

    /// Scores rows with all queries.
    pub(super) fn score_all(&self, rows: impl Iterator<Item = u32>, selections: &mut [Selection]) {
        let mut scores = [0.0; ROWS];
        self.visit(rows, |numbers, rows| {
            let scores = &mut scores[..rows.len()];
            for (query, selection) in selections.iter_mut().enumerate() {
                self.score(query, rows, scores);
                for (number, score) in numbers.iter().zip(&*scores) {
                    selection.offer_one(*number, *score);
                }
            }
        });
    }

    /// The same for many queries, in panels: rows are copied side by side, and read once for several queries.
    pub(super) fn score_all_in_tiles(
        &self,
        rows: impl Iterator<Item = u32>,
        panels: &[Panel],
        selections: &mut [Selection],
    ) {
        let mut values = vec![0.0; ROWS * self.dimension];
        let mut scores = vec![0.0; ROWS * selections.len()];
        self.visit(rows, |numbers, rows| {
            let values = &mut values[..rows.len() * self.dimension];
            for (row, values) in rows.iter().zip(values.chunks_exact_mut(self.dimension)) {
                row.decode(values);
            }
            block_products(self.kernel, values, panels, self.dimension, &mut scores);
            for (number, scores) in numbers.iter().zip(scores.chunks_exact(selections.len())) {
                for (selection, score) in selections.iter_mut().zip(scores) {
                    selection.offer_one(*number, *score);
                }
            }
        });
    }

    fn score(&self, query: usize, rows: &[Values<'_>], scores: &mut [f32]) {
        self.kernel
            .score_scattered(rows, self.dimension, &self.queries[query], scores);
    }

    /// Calls back with [`ROWS`] rows and their numbers after the other, at the end fewer, while the next ones are asked from
    /// memory. The rows exist.
    fn visit(
        &self,
        mut numbers: impl Iterator<Item = u32>,
        mut visit: impl FnMut(&[u32], &[Values<'_>]),
    ) {
        let mut now = self.ask(&mut numbers);
        while now.count > 0 {
            let next = self.ask(&mut numbers);
            visit(&now.numbers[..now.count], &now.rows[..now.count]);
            now = next;
        }
    }

    /// Asks memory for the next rows.
    fn ask(&self, numbers: &mut impl Iterator<Item = u32>) -> Asked<'a> {
        let mut asked = Asked {
            numbers: [0; ROWS],
            rows: [Values::Float32(&[]); ROWS],
            count: 0,
        };
        for number in numbers.take(ROWS) {
            let row = self.row(number);
            row.prefetch();
            asked.numbers[asked.count] = number;
            asked.rows[asked.count] = row;
            asked.count += 1;
        }
        asked
    }

    fn row(&self, number: u32) -> Values<'a> {
        let part = self.parts.partition_point(|(first, _)| *first <= number) - 1;
        let (first, vectors) = self.parts[part];
        let row = (number - first) as usize;
        vectors.slice(row, row + 1).values()
    }
}

/// Some rows that memory was asked for.
struct Asked<'a> {
    numbers: [u32; ROWS],
    rows: [Values<'a>; ROWS],
    count: usize,
}

/// Candidates to score between two looks at the threshold: k for a first one; later few, but selecting among
/// k takes time, too.
fn turn(selection: &Selection, threshold: f32) -> usize {
    if threshold == f32::NEG_INFINITY {
        selection.k().max(FEWEST)
    } else {
        (selection.k() / 4).max(FEWEST)
    }
}

/// Takes so many candidates out, at most, whose bounds are the highest; in any order.
fn most_promising(candidates: &mut Vec<Candidate>, count: usize) -> Vec<Candidate> {
    let Some(rest) = candidates.len().checked_sub(count) else {
        return std::mem::take(candidates);
    };
    if rest > 0 {
        candidates.select_nth_unstable_by(rest, |x, y| promise(x).total_cmp(&promise(y)));
    }
    candidates.split_off(rest)
}

/// How high a candidate's score may be; without end where its bound is NaN, which is none at all.
fn promise(candidate: &Candidate) -> f32 {
    if candidate.upper.is_nan() {
        f32::INFINITY
    } else {
        candidate.upper
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bound_is_taken_first() {
        let uppers = [1.0, -f32::NAN, f32::NEG_INFINITY, f32::NAN, 2.0];
        let mut candidates: Vec<Candidate> = uppers
            .iter()
            .map(|upper| Candidate {
                upper: *upper,
                row: 0,
            })
            .collect();
        let first = most_promising(&mut candidates, 2);
        assert!(first.iter().all(|candidate| candidate.upper.is_nan()));
        let second = most_promising(&mut candidates, 1);
        assert_eq!(second[0].upper, 2.0);
        assert_eq!(most_promising(&mut candidates, 9).len(), 2);
        assert!(candidates.is_empty());
    }
}
