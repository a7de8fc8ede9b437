//! All products of two sets of vectors, in the arithmetic of scores.

use rayon::prelude::*;

use super::block::{Block, Panel, Prefetch};
use super::dispatch::Kernel;
use super::element::Values;

/// Rows scored in one call.
const ROWS: usize = 64;

/// The score of each row with each query, row by row: `rows` by `queries` values. Both hold whole vectors of
/// `dimension` values, at least 1.
pub(super) fn products(
    kernel: Kernel,
    rows: &[f32],
    queries: &[f32],
    dimension: usize,
) -> Vec<f32> {
    let panels = Panel::all(queries, dimension, kernel.widest_panel());
    let width = queries.len() / dimension;
    let mut out = vec![0.0; rows.len() / dimension * width];
    if width == 0 {
        return out;
    }
    out.par_chunks_mut(ROWS * width)
        .zip(rows.par_chunks(ROWS * dimension))
        .for_each(|(out, rows)| block_products(kernel, rows, &panels, dimension, out));
    out
}

/// [`products`] of a few rows, on this thread.
pub(super) fn block_products(
    kernel: Kernel,
    rows: &[f32],
    panels: &[Panel],
    dimension: usize,
    out: &mut [f32],
) {
    let count = rows.len() / dimension;
    let width: usize = panels.iter().map(Panel::width).sum();
    let mut first = 0;
    let mut scores = vec![0.0; count * kernel.widest_panel()];
    for panel in panels {
        let scores = &mut scores[..count * panel.width()];
        kernel.score(&mut Block {
            values: Values::Float32(rows),
            dimension,
            panel,
            scores,
            prefetch: Prefetch::default(),
        });
        for (query, scores) in scores.chunks_exact(count).enumerate() {
            for (row, score) in scores.iter().enumerate() {
                out[row * width + first + query] = *score;
            }
        }
        first += panel.width();
    }
}
