//! The scan: blocks of rows through the kernel, scores into the selections, workers side by side.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::block::{Block, Panel, Prefetch};
use super::dispatch::Kernel;
use super::matrix::Matrix;
use super::select::Selection;
use crate::Result;
use crate::interrupt::Interrupt;

/// Bytes of rows in a block that several panels share: it stays in the second-level cache
/// together with the panels.
const SHARED_BLOCK_BYTES: usize = 128 << 10;

/// Bytes of rows in a block that is read once. Long streams let the hardware run ahead.
const STREAMED_BLOCK_BYTES: usize = 1 << 20;

/// Bytes of queries that are scored together, so that they stay in the second-level cache.
const QUERY_BYTES: usize = 384 << 10;

/// Bytes of candidates that a worker may hold.
const SELECTION_BYTES: usize = 64 << 20;

/// The number of queries that one scan over the rows serves.
pub(super) fn queries_per_scan(dimension: usize, k: usize) -> usize {
    let by_cache = QUERY_BYTES / (dimension * size_of::<f32>());
    let by_memory = SELECTION_BYTES / Selection::size(k);
    by_cache.clamp(8, 256).min(by_memory.max(1))
}

/// The selections of each query over all rows; `queries` are few enough for one scan.
pub(super) fn scan(
    kernel: Kernel,
    vectors: Matrix<'_>,
    queries: Matrix<'_>,
    k: usize,
    interrupt: &Interrupt,
) -> Result<Vec<Selection>> {
    let plan = Plan::new(kernel, vectors, queries, k)?;
    let next_block = AtomicUsize::new(0);
    // A worker keeps its selections from block to block, so that its thresholds are soon tight.
    // Which worker takes which block is left to chance: the selection doesn't depend on it.
    let workers = rayon::current_num_threads().clamp(1, plan.blocks().max(1));
    let partial: Vec<Vec<Selection>> = (0..workers)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| plan.work(&next_block, interrupt))
        .collect::<Result<_>>()?;
    let mut partial = partial.into_iter();
    let mut merged = partial.next().unwrap_or_default();
    for selections in partial {
        for (into, selection) in merged.iter_mut().zip(&selections) {
            into.merge(selection);
        }
    }
    Ok(merged)
}

/// What all workers of one scan share.
struct Plan<'a> {
    kernel: Kernel,
    vectors: Matrix<'a>,
    panels: Vec<Panel>,
    k: usize,
    rows_per_block: usize,
}

impl<'a> Plan<'a> {
    fn new(kernel: Kernel, vectors: Matrix<'a>, queries: Matrix<'_>, k: usize) -> Result<Self> {
        let dimension = vectors.dimension();
        let query_values = queries.float32_values("queries")?;
        // Panels of equal width, rather than full ones and a thin rest.
        let count = queries.rows().div_ceil(kernel.widest_panel()).max(1);
        let panels: Vec<Panel> = (0..count)
            .map(|panel| {
                let start = panel * queries.rows() / count;
                let end = (panel + 1) * queries.rows() / count;
                Panel::new(&query_values[start * dimension..end * dimension], dimension)
            })
            .collect();
        let bytes = if count == 1 {
            STREAMED_BLOCK_BYTES
        } else {
            SHARED_BLOCK_BYTES
        };
        // A multiple of all tile heights.
        let rows_per_block = (bytes / (dimension * vectors.element().size())).next_multiple_of(24);
        Ok(Plan {
            kernel,
            vectors,
            panels,
            k,
            rows_per_block,
        })
    }

    fn blocks(&self) -> usize {
        self.vectors.rows().div_ceil(self.rows_per_block)
    }

    /// Takes block after block until none is left.
    fn work(&self, next_block: &AtomicUsize, interrupt: &Interrupt) -> Result<Vec<Selection>> {
        let queries = self.panels.iter().map(Panel::width).sum();
        let mut selections = vec![Selection::new(self.k); queries];
        let widest = self.panels.iter().map(Panel::width).max().unwrap_or(0);
        let mut scores = vec![0.0; widest * self.rows_per_block];
        loop {
            let block = next_block.fetch_add(1, Ordering::Relaxed);
            if block >= self.blocks() {
                return Ok(selections);
            }
            interrupt.check()?;
            self.score_and_select(block * self.rows_per_block, &mut scores, &mut selections);
        }
    }

    /// One block of rows against all panels; its scores go from the kernel to the selections
    /// while they are in the first-level cache.
    fn score_and_select(&self, first: usize, scores: &mut [f32], selections: &mut [Selection]) {
        let rows = self.vectors.slice(first, first + self.rows_per_block);
        let mut selections = selections.iter_mut();
        for (turn, panel) in self.panels.iter().enumerate() {
            let scores = &mut scores[..rows.rows() * panel.width()];
            self.kernel.score(&mut Block {
                values: rows.values(),
                dimension: rows.dimension(),
                panel,
                scores,
                streams: self.panels.len() == 1,
                prefetch: self.prefetch(turn),
            });
            for (selection, scores) in selections
                .by_ref()
                .take(panel.width())
                .zip(scores.chunks_exact(rows.rows()))
            {
                // The entry point refuses more rows than u32 holds.
                selection.offer(first as u32, scores);
            }
        }
    }

    /// A shared block is read from memory while the one before it is computed: each panel's turn
    /// asks for its part. A streamed block leaves it to the hardware, which is better at it.
    fn prefetch(&self, turn: usize) -> Prefetch {
        let (turns, dimension) = (self.panels.len(), self.vectors.dimension());
        if turns == 1 {
            return Prefetch::default();
        }
        Prefetch {
            ahead: self.rows_per_block * dimension,
            from: turn * dimension / turns,
            until: (turn + 1) * dimension / turns,
        }
    }
}
