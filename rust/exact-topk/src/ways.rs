//! How a part is searched: in full, by its filter, by bounds of its scores, or row by row where few take part.

use super::Kernel;
use super::block::Panel;
use super::bounded::BoundedScan;
use super::filter::{FilterQueries, GROUP};
use super::scan::FullScan;
use super::search::{Part, Usage, Workers};
use crate::bitmap::Bitmap;

/// Bytes of codes in a block that several panels share.
const SHARED_BLOCK_BYTES: usize = 192 << 10;

/// Bytes of codes in a block that is read once, at most.
const STREAMED_BLOCK_BYTES: usize = 1 << 20;

/// So many blocks are better than longer ones: thresholds can be guessed from a sample of them.
const STREAMED_BLOCKS: usize = 128;

/// Rows per result that make a filter pay, for one query: with fewer rows, or more results, so large a share of
/// the rows is left by the filter that scoring all is quicker.
const ROWS_PER_RESULT: usize = 128;

/// The same for several queries at a time, which share the cost of reading a row.
const ROWS_PER_SHARED_RESULT: usize = 768;

/// First parts of more bytes come from memory, whatever the cache.
const CACHED_BYTES: usize = 48 << 20;

/// Rows per result that make 4-bit codes pay where codes come from a cache: they leave a larger share of the rows.
const ROWS_PER_NARROW_RESULT: usize = 4096;

/// Where at most one row in so many takes part, these are scored without a look at the filter.
const SPARSE: usize = 8;

/// Queries that rows which are picked are worth copying for.
const FEWEST_IN_TILES: usize = 24;

/// How a part is searched.
pub(super) enum Way<'a> {
    /// All rows in full.
    Full(FullScan<'a>),
    /// The rows that take part, in full; many queries in panels.
    Gather(&'a Bitmap, Option<Vec<Panel>>),
    /// The filter first; where it leaves too much, bounds of the scores, if these pay.
    Filter(FilterQueries<'a>, Option<BoundedScan<'a>>),
    /// Bounds of the scores of all rows first.
    Bounded(BoundedScan<'a>),
}

impl Way<'_> {
    /// Whether it looks for candidates first, and scores these in full.
    pub(super) fn finds_candidates(&self) -> bool {
        matches!(self, Way::Filter(..) | Way::Bounded(_))
    }

    /// Whether small pieces are as good a sample as whole units: what is read once may leave some out.
    pub(super) fn samples_pieces(&self) -> bool {
        matches!(self, Way::Filter(queries, _) if queries.is_single())
    }
}

/// The way to search a part, and the rows of a unit of work.
pub(super) fn way<'a>(
    kernel: Kernel,
    part: &Part<'a>,
    values: &[f32],
    k: usize,
    usage: Usage,
    workers: Workers,
) -> (Way<'a>, usize) {
    let (rows, dimension) = (part.vectors.rows(), part.vectors.dimension());
    let taking_part = part.count();
    let per_result = if values.len() == dimension {
        ROWS_PER_RESULT
    } else {
        ROWS_PER_SHARED_RESULT
    };
    let pays = |per_result| match usage {
        Usage::WherePays => taking_part / per_result >= k && taking_part > rows / SPARSE,
        #[cfg(test)]
        Usage::Always => true,
        #[cfg(test)]
        Usage::Never => false,
    };
    let forced = usage != Usage::WherePays;
    let bounded = (pays(ROWS_PER_RESULT)
        && (forced || BoundedScan::pays(kernel, values.len() / dimension))
        && BoundedScan::takes(dimension))
    .then(|| BoundedScan::new(kernel, part.vectors, values));
    match (part.filter, bounded, part.allowed) {
        (Some(filter), bounded, _) if pays(per_result) => {
            let narrow = filter.scanned_bytes() > CACHED_BYTES
                || (values.len() == dimension && pays(ROWS_PER_NARROW_RESULT));
            let narrow = narrow || forced;
            let queries = FilterQueries::new(filter, kernel, values, narrow, workers);
            let bytes = if queries.is_single() {
                (queries.bytes() / STREAMED_BLOCKS).clamp(SHARED_BLOCK_BYTES, STREAMED_BLOCK_BYTES)
            } else {
                SHARED_BLOCK_BYTES
            };
            // A multiple of all tile heights.
            let groups = match usage {
                Usage::WherePays => (bytes / queries.layout().stride())
                    .max(1)
                    .next_multiple_of(24),
                #[cfg(test)]
                Usage::Always | Usage::Never => 1,
            };
            (Way::Filter(queries, bounded), groups * GROUP)
        }
        (_, Some(bounded), _) => {
            let step = bounded.rows_per_block();
            (Way::Bounded(bounded), step)
        }
        (_, None, Some(allowed)) => {
            let many = values.len() / dimension >= FEWEST_IN_TILES;
            let panels = many.then(|| Panel::all(values, dimension, kernel.widest_panel()));
            (Way::Gather(allowed, panels), 4096)
        }
        (_, None, None) => {
            let panels = Panel::all(values, dimension, kernel.widest_panel());
            let full = FullScan::new(kernel, part.vectors, panels);
            let step = full.rows_per_block();
            (Way::Full(full), step)
        }
    }
}
