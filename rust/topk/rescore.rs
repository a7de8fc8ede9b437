//! Scoring single rows in full: the candidates of filters, and rows picked by a bitmap.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::block::Panel;
use super::dispatch::Kernel;
use super::element::Values;
use super::filter::Candidate;
use super::matrix::Matrix;
use super::search::Part;
use super::select::{self, Selection};

/// Rows that are scored in one call, while as many are asked from memory.
const ROWS: usize = 8;

/// The fewest candidates to score between two looks at the threshold.
const FEWEST: usize = 16;

/// How many times more candidates are scored between two looks at the threshold where threads share the work,
/// and how many are worth sharing.
const TOGETHER: usize = 8;

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
        let mut rescored = 0;
        let mut most = turn(selection, selection.threshold().max(shared.get()));
        if together {
            most *= TOGETHER;
        }
        loop {
            let threshold = selection.threshold().max(shared.get());
            candidates.retain(|candidate| candidate.can_reach(threshold));
            let now = most_promising(candidates, most);
            if now.is_empty() {
                return rescored;
            }
            if together && now.len() > TOGETHER {
                let scores: Vec<Vec<f32>> = now
                    .par_chunks(now.len().div_ceil(rayon::current_num_threads()))
                    .map(|now| self.scores(query, now))
                    .collect();
                offer(&now, scores.into_iter().flatten(), selection, shared);
            } else {
                offer(&now, self.scores(query, &now), selection, shared);
            }
            rescored += now.len() as u64;
            if together {
                // The threshold changes less and less, and starting threads takes time.
                most *= 2;
            }
        }
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
        let threshold = selection.threshold().max(shared.get());
        let now = most_promising(candidates, turn(selection, threshold));
        offer(&now, self.scores(query, &now), selection, shared);
        let threshold = selection.threshold().max(shared.get());
        candidates.retain(|candidate| candidate.can_reach(threshold));
        now.len() as u64
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

fn offer(
    candidates: &[Candidate],
    scores: impl IntoIterator<Item = f32>,
    selection: &mut Selection,
    shared: &Threshold,
) {
    for (candidate, score) in candidates.iter().zip(scores) {
        selection.offer_one(candidate.row, score);
    }
    selection.settle();
    shared.raise(selection.threshold());
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
        candidates.select_nth_unstable_by(rest, |x, y| most_promising_first(y, x));
    }
    candidates.split_off(rest)
}

/// NaN, which is no bound at all, comes first, whatever its sign. Among equals the order is free.
fn most_promising_first(x: &Candidate, y: &Candidate) -> std::cmp::Ordering {
    let upper = |candidate: &Candidate| {
        if candidate.upper.is_nan() {
            f32::INFINITY
        } else {
            candidate.upper
        }
    };
    upper(y).total_cmp(&upper(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bound_comes_first() {
        let mut candidates = [1.0, -f32::NAN, f32::NEG_INFINITY, f32::NAN, 2.0]
            .map(|upper| Candidate { upper, row: 0 });
        candidates.sort_by(most_promising_first);
        assert!(
            candidates[..2]
                .iter()
                .all(|candidate| candidate.upper.is_nan())
        );
        assert_eq!(
            candidates.map(|candidate| candidate.upper)[2..],
            [2.0, 1.0, f32::NEG_INFINITY]
        );
    }
}
