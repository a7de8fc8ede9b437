//! Scoring single rows in full: the candidates of filters, and rows picked by a bitmap.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::block::{Block, Panel, Prefetch};
use super::dispatch::Kernel;
use super::element::Values;
use super::filter::Candidate;
use super::matrix::Matrix;
use super::products::block_products;
use super::search::Part;
use super::select::{self, Selection};

/// Rows that are copied together and scored in one call.
const ROWS: usize = 16;

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
    /// One panel for each query, where there is a filter.
    singles: Vec<Panel>,
    /// Panels of all queries, where rows are picked.
    panels: Vec<Panel>,
    dimension: usize,
}

impl<'a> Rescorer<'a> {
    pub(super) fn new(
        kernel: Kernel,
        parts: &[Part<'a>],
        queries: &[f32],
        dimension: usize,
        filters: bool,
        gathers: bool,
    ) -> Self {
        let panels = |wanted, widest| {
            if wanted {
                Panel::all(queries, dimension, widest)
            } else {
                Vec::new()
            }
        };
        let firsts = parts.iter().scan(0, |next, part| {
            let first = *next;
            *next += part.vectors.rows() as u32;
            Some((first, part.vectors))
        });
        Rescorer {
            kernel,
            // Empty parts would stand in the way of the search for a row's part.
            parts: firsts.filter(|(_, vectors)| vectors.rows() > 0).collect(),
            singles: panels(filters, 1),
            panels: panels(gathers, kernel.widest_panel()),
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
        candidates.sort_unstable_by(most_promising_first);
        let mut rescored = 0;
        let mut rest = candidates.as_slice();
        loop {
            let threshold = selection.threshold().max(shared.get());
            let most = turn(selection, threshold) * if together { TOGETHER } else { 1 };
            let turn = &rest[..rest.len().min(most)];
            let turn = turn.partition_point(|candidate| candidate.can_reach(threshold));
            if turn == 0 {
                break;
            }
            let (now, later) = rest.split_at(turn);
            if together && turn > TOGETHER {
                let scores: Vec<Vec<f32>> = now
                    .par_chunks(turn.div_ceil(rayon::current_num_threads()))
                    .map(|now| self.scores(query, now))
                    .collect();
                offer(now, scores.into_iter().flatten(), selection, shared);
            } else {
                offer(now, self.scores(query, now), selection, shared);
            }
            rescored += turn as u64;
            rest = later;
        }
        candidates.clear();
        rescored
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
        let turn = turn(selection, threshold).min(candidates.len());
        if turn < candidates.len() {
            candidates.select_nth_unstable_by(turn, most_promising_first);
        }
        let rest = candidates.split_off(turn);
        offer(
            candidates,
            self.scores(query, candidates),
            selection,
            shared,
        );
        let threshold = selection.threshold().max(shared.get());
        candidates.clear();
        candidates.extend(
            rest.into_iter()
                .filter(|candidate| candidate.can_reach(threshold)),
        );
        turn as u64
    }

    /// The exact scores of candidates.
    fn scores(&self, query: usize, candidates: &[Candidate]) -> Vec<f32> {
        let mut values = vec![0.0; ROWS * self.dimension];
        let mut scores = vec![0.0; candidates.len()];
        let row_of = |candidate: &Candidate| candidate.row;
        self.prefetch(candidates.iter().take(ROWS).map(row_of));
        for (turn, (chunk, scores)) in candidates
            .chunks(ROWS)
            .zip(scores.chunks_mut(ROWS))
            .enumerate()
        {
            let next = candidates.iter().skip((turn + 1) * ROWS);
            self.prefetch(next.take(ROWS).map(row_of));
            self.copy(chunk.iter().map(row_of), &mut values);
            self.score(
                &values[..chunk.len() * self.dimension],
                &self.singles[query],
                scores,
            );
        }
        scores
    }

    /// Scores rows with all queries.
    pub(super) fn score_all(&self, rows: impl Iterator<Item = u32>, selections: &mut [Selection]) {
        let rows: Vec<u32> = rows.collect();
        let mut values = vec![0.0; ROWS * self.dimension];
        let mut scores = vec![0.0; ROWS * selections.len()];
        for (turn, chunk) in rows.chunks(ROWS).enumerate() {
            self.prefetch(rows.iter().copied().skip((turn + 1) * ROWS).take(ROWS));
            let rows = chunk;
            self.copy(rows.iter().copied(), &mut values);
            let values = &values[..rows.len() * self.dimension];
            block_products(
                self.kernel,
                values,
                &self.panels,
                self.dimension,
                &mut scores,
            );
            for (row, scores) in rows.iter().zip(scores.chunks_exact(selections.len())) {
                for (selection, score) in selections.iter_mut().zip(scores) {
                    selection.offer_one(*row, *score);
                }
            }
        }
    }

    /// Asks memory for the rows that will be copied.
    fn prefetch(&self, rows: impl Iterator<Item = u32>) {
        for row in rows {
            if let Some((vectors, row)) = self.locate(row) {
                vectors.slice(row, row + 1).values().prefetch();
            }
        }
    }

    fn copy(&self, rows: impl Iterator<Item = u32>, values: &mut [f32]) {
        for (row, values) in rows.zip(values.chunks_exact_mut(self.dimension)) {
            if let Some((vectors, row)) = self.locate(row) {
                vectors.decode_row(row, values);
            }
        }
    }

    fn locate(&self, row: u32) -> Option<(Matrix<'a>, usize)> {
        let after = self.parts.partition_point(|(first, _)| *first <= row);
        let (first, vectors) = self.parts[..after].last()?;
        Some((*vectors, (row - first) as usize))
    }

    fn score(&self, values: &[f32], panel: &Panel, scores: &mut [f32]) {
        self.kernel.score(&mut Block {
            values: Values::Float32(values),
            dimension: self.dimension,
            panel,
            scores,
            streams: false,
            prefetch: Prefetch::default(),
        });
    }
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
        selection.k().max(ROWS)
    } else {
        (selection.k() / 4).max(ROWS)
    }
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
