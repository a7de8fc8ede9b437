//! Scoring single rows in full: the candidates of filters, and rows picked by a bitmap.

use std::sync::atomic::{AtomicU32, Ordering};

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

/// A score that k rows are known to reach, shared by all workers. It only rises.
pub(super) struct Threshold(AtomicU32);

impl Threshold {
    pub(super) fn new() -> Self {
        Threshold(AtomicU32::new(select::ordered(f32::NEG_INFINITY)))
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
    /// One panel for each query.
    singles: Vec<Panel>,
    /// Panels of all queries.
    panels: Vec<Panel>,
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
        let gathers = parts.iter().any(|part| part.allowed.is_some());
        Rescorer {
            kernel,
            // Empty parts would stand in the way of the search for a row's part.
            parts: firsts.filter(|(_, vectors)| vectors.rows() > 0).collect(),
            singles: Panel::all(queries, dimension, 1),
            panels: if gathers {
                Panel::all(queries, dimension, kernel.widest_panel())
            } else {
                Vec::new()
            },
            dimension,
        }
    }

    /// Scores candidates of a query in full, the most promising first, until the next can't reach the
    /// threshold; returns how many. None is left.
    pub(super) fn rescore(
        &self,
        query: usize,
        candidates: &mut Vec<Candidate>,
        selection: &mut Selection,
        shared: &Threshold,
    ) -> u64 {
        // NaN first: such a bound tells nothing. Among equals the order is free.
        candidates.sort_unstable_by(|x, y| y.upper.total_cmp(&x.upper));
        let mut values = vec![0.0; ROWS * self.dimension];
        let mut scores = [0.0; ROWS];
        let mut rescored = 0;
        let mut rest = candidates.as_slice();
        loop {
            let threshold = selection.threshold().max(shared.get());
            // Once there are k, a look at the threshold after every few rows; selecting among k takes time,
            // too.
            let turn = (selection.k() / 4).max(ROWS);
            let upto = rest.len().min(turn);
            let upto = rest[..upto].partition_point(|candidate| !(candidate.upper < threshold));
            if upto == 0 {
                break;
            }
            let (now, later) = rest.split_at(upto);
            self.prefetch(&now[..now.len().min(ROWS)]);
            for (turn, chunk) in now.chunks(ROWS).enumerate() {
                let next = ((turn + 1) * ROWS).min(now.len());
                self.prefetch(&now[next..(next + ROWS).min(now.len())]);
                self.copy(chunk.iter().map(|candidate| candidate.row), &mut values);
                let values = &values[..chunk.len() * self.dimension];
                self.score(values, &self.singles[query], &mut scores[..chunk.len()]);
                for (candidate, score) in chunk.iter().zip(&scores) {
                    selection.offer_one(candidate.row, *score);
                }
            }
            rescored += upto as u64;
            selection.settle();
            shared.raise(selection.threshold());
            rest = later;
        }
        candidates.clear();
        rescored
    }

    /// Scores rows with all queries.
    pub(super) fn score_all(&self, rows: impl Iterator<Item = u32>, selections: &mut [Selection]) {
        let rows: Vec<u32> = rows.collect();
        let mut values = vec![0.0; ROWS * self.dimension];
        let mut scores = vec![0.0; ROWS * selections.len()];
        for rows in rows.chunks(ROWS) {
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
    fn prefetch(&self, candidates: &[Candidate]) {
        for candidate in candidates {
            if let Some((vectors, row)) = self.locate(candidate.row) {
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
