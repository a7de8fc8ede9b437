//! What a kernel is given: some rows, a few queries side by side, and where the scores go.

use std::ops::{Deref, DerefMut, Range};

use super::element::Values;
use foundation::prefetch::LINE;

/// Partial sums per score: one AVX-512 register, two of AVX2, four of NEON.
pub(super) const LANES: usize = 16;

/// Ranges of so many queries, each at most `widest` long; of nearly equal length, rather than full ones and a
/// thin rest.
pub(super) fn shares(queries: usize, widest: usize) -> impl Iterator<Item = Range<usize>> {
    let count = queries.div_ceil(widest);
    (0..count).map(move |share| share * queries / count..(share + 1) * queries / count)
}

/// Numbers of 32 bits that start at a cache line: it takes twice as long to load registers that lie across two.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    values: Vec<T>,
    start: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// So many zeros.
    pub(super) fn zeros(count: usize) -> Self {
        let values = vec![T::default(); count + LANES];
        // An optimisation: any start is right.
        let start = values.as_ptr().align_offset(LINE).min(LANES);
        Aligned { values, start }
    }
}

impl<T> Aligned<T> {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.values.len() - LANES
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.range()]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let range = self.range();
        &mut self.values[range]
    }
}

/// A few queries interleaved by registers, padded with zeros: lanes 0 to 15 of each query, then
/// lanes 16 to 31 of each, and so on. A tile reads it from one end to the other, and power-of-two
/// dimensions don't fall into the same cache sets.
#[derive(Debug)]
pub(super) struct Panel {
    values: Aligned<f32>,
    width: usize,
}

impl Panel {
    /// Interleaves `queries`, which holds whole queries of `dimension` values.
    pub(super) fn new(queries: &[f32], dimension: usize) -> Self {
        let width = queries.len() / dimension;
        let mut values = Aligned::zeros(dimension.div_ceil(LANES) * LANES * width);
        for (query, source) in queries.chunks_exact(dimension).enumerate() {
            for (step, lanes) in source.chunks(LANES).enumerate() {
                let place = (step * width + query) * LANES;
                values[place..place + lanes.len()].copy_from_slice(lanes);
            }
        }
        Panel { values, width }
    }

    /// Panels of all queries, at most `widest` in each.
    pub(super) fn all(queries: &[f32], dimension: usize, widest: usize) -> Vec<Panel> {
        shares(queries.len() / dimension, widest)
            .map(|share| {
                Panel::new(
                    &queries[share.start * dimension..share.end * dimension],
                    dimension,
                )
            })
            .collect()
    }

    /// The number of queries.
    pub(super) fn width(&self) -> usize {
        self.width
    }
}

impl Deref for Panel {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

/// What a tile asks memory for while it computes: nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefetch {
    /// Distance in values from a row to what to ask for.
    pub(super) ahead: usize,
    /// First cache line to ask for, counted from there.
    pub(super) first: usize,
    /// Distance in cache lines to the next one to ask for; 0 asks for none.
    pub(super) every: usize,
}

/// One call of a kernel.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// Whole rows of `dimension` values.
    pub(super) values: Values<'a>,
    /// Values per row, at least 1.
    pub(super) dimension: usize,
    /// The queries; as many as the kernel's panel width at most.
    pub(super) panel: &'a Panel,
    /// Scores out, one row of scores per query: `scores[query * rows + row]`.
    pub(super) scores: &'a mut [f32],
    /// What to fetch meanwhile.
    pub(super) prefetch: Prefetch,
}
