//! The full scan: blocks of rows through the kernel, scores into the selections.

use super::block::{Block, Panel, Prefetch};
use super::dispatch::Kernel;
use super::matrix::Matrix;
use super::select::Selection;

/// Bytes of rows in a block that several panels share: it stays in the second-level cache
/// together with the panels.
const SHARED_BLOCK_BYTES: usize = 128 << 10;

/// Bytes of rows in a block that is read once. Long streams let the hardware run ahead.
const STREAMED_BLOCK_BYTES: usize = 1 << 20;

/// Bytes that each stream is asked for ahead of where it is read.
pub(super) const STREAM_AHEAD_BYTES: usize = 8 << 10;

/// Queries that a streamed block is asked for ahead with: the hardware alone falls behind, because there are few streams
/// and they are read slowly. With fewer queries it is quicker left alone.
const FEWEST_ASKING: usize = 4;

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

/// All rows of a matrix against some queries.
pub(super) struct FullScan<'a> {
    kernel: Kernel,
    vectors: Matrix<'a>,
    panels: Vec<Panel>,
    rows_per_block: usize,
}

impl<'a> FullScan<'a> {
    pub(super) fn new(kernel: Kernel, vectors: Matrix<'a>, panels: Vec<Panel>) -> Self {
        let bytes = if panels.len() == 1 {
            STREAMED_BLOCK_BYTES
        } else {
            SHARED_BLOCK_BYTES
        };
        let row_bytes = vectors.dimension() * vectors.element().size();
        FullScan {
            kernel,
            vectors,
            panels,
            // A multiple of all tile heights.
            rows_per_block: (bytes / row_bytes).max(1).next_multiple_of(24),
        }
    }

    pub(super) fn rows_per_block(&self) -> usize {
        self.rows_per_block
    }

    /// One block of rows against all panels; its scores go from the kernel to the selections while they are
    /// in the first-level cache. Rows are numbered from `numbered_from` on; `next` is where this worker's
    /// next block starts.
    pub(super) fn scan(
        &self,
        first: usize,
        next: Option<usize>,
        numbered_from: u32,
        scores: &mut Vec<f32>,
        selections: &mut [Selection],
    ) {
        let rows = self.vectors.slice(first, first + self.rows_per_block);
        let widest = self.panels.iter().map(Panel::width).max().unwrap_or(0);
        scores.resize(widest * self.rows_per_block, 0.0);
        let mut selections = selections.iter_mut();
        for (turn, panel) in self.panels.iter().enumerate() {
            let scores = &mut scores[..rows.rows() * panel.width()];
            self.kernel.score(&mut Block {
                values: rows.values(),
                dimension: rows.dimension(),
                panel,
                scores,
                prefetch: self.prefetch(turn, next.map(|next| next - first)),
            });
            for (selection, scores) in selections
                .by_ref()
                .take(panel.width())
                .zip(scores.chunks_exact(rows.rows()))
            {
                // The entry point refuses more rows than u32 holds.
                selection.offer(numbered_from + first as u32, scores);
            }
        }
    }

    /// A shared block is read from memory while the worker's block before it, `rows_ahead`, is computed: each
    /// panel's turn asks for its share of the lines. A streamed block asks for what comes soon.
    fn prefetch(&self, turn: usize, rows_ahead: Option<usize>) -> Prefetch {
        if let [panel] = self.panels.as_slice() {
            return Prefetch {
                ahead: STREAM_AHEAD_BYTES / self.vectors.element().size(),
                first: 0,
                every: usize::from(panel.width() >= FEWEST_ASKING),
            };
        }
        rows_ahead.map_or_else(Prefetch::default, |rows| Prefetch {
            ahead: rows * self.vectors.dimension(),
            first: turn,
            every: self.panels.len(),
        })
    }
}
