//! Queries as tiles, for a kernel that multiplies matrices of bytes.
//!
//! A tile is sixteen rows of 64 bytes. Sixteen steps of a group are one as they stand: its rows are steps, its columns the
//! group's rows, four codes each. The other factor has sixteen queries for its rows, and of each the codes of these steps; the product
//! has a sum for each query and row. Queries and steps that are not there are zeros, so that it does not matter what
//! stands behind a group's codes.
//!
//! A panel begins with a tile of what the sums start from for each sixteen queries. Then come, for each sixteen steps, a tile
//! for each sixteen queries.

use super::codes::{GROUP, STEP};
use crate::block::Aligned;

/// Queries of a tile, and steps.
pub(super) const SIDE: usize = 16;

/// Words of a tile.
const WORDS: usize = SIDE * SIDE;

/// Bytes of a tile.
pub(super) const TILE_BYTES: usize = WORDS * STEP;

// A sum for each row of a group fills a row of a tile.
const _: () = assert!(GROUP == SIDE);

/// How many tiles the 8-bit codes of a group are, the last one perhaps with what stands behind them.
pub(super) fn tiles(wide: usize) -> usize {
    wide.div_ceil(STEP * SIDE)
}

/// Words of a panel.
pub(super) fn words(queries: usize, wide: usize) -> usize {
    (1 + tiles(wide)) * queries.div_ceil(SIDE) * WORDS
}

/// The panel of some queries: of each its words, as many as there are steps, and what its sums start from.
pub(super) fn panel<'a>(
    queries: impl ExactSizeIterator<Item = (&'a [u32], i32)>,
    steps: usize,
) -> Aligned<u32> {
    let blocks = queries.len().div_ceil(SIDE);
    let mut panel = Aligned::zeros(words(queries.len(), steps * STEP));
    for (query, (words, start)) in queries.enumerate() {
        let row = query / SIDE * WORDS + query % SIDE * SIDE;
        panel[row..row + SIDE].fill(start.cast_unsigned());
        for (tile, words) in words.chunks(SIDE).enumerate() {
            let row = row + (1 + tile) * blocks * WORDS;
            panel[row..row + words.len()].copy_from_slice(words);
        }
    }
    panel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_lie_in_tiles_behind_their_starts() {
        // 17 steps of 18 queries: two tiles of each sixteen, of which the second has one step.
        let queries: Vec<Vec<u32>> = (0..18)
            .map(|query| (0..17).map(|step| query * 100 + step).collect())
            .collect();
        let queries = queries.iter().enumerate();
        let queries = queries.map(|(query, words)| (words.as_slice(), query as i32 + 1));
        let panel = panel(queries, 17);
        assert_eq!(panel.len(), words(18, 17 * STEP));
        let (tiles, rest) = panel.as_chunks::<WORDS>();
        assert!(tiles.len() == 6 && rest.is_empty());
        assert_eq!(tiles[0][15 * SIDE..], [16; SIDE]);
        assert_eq!(tiles[1][SIDE..2 * SIDE], [18; SIDE]);
        assert_eq!(tiles[2][3 * SIDE + 5], 305);
        assert_eq!(tiles[3][SIDE + 15], 1715);
        assert_eq!(tiles[4][3 * SIDE..3 * SIDE + 2], [316, 0]);
        assert_eq!(tiles[5][SIDE], 1716);
        assert!(tiles[5][2 * SIDE..].iter().all(|word| *word == 0));
    }
}
