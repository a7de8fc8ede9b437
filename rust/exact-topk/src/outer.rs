//! Many queries at a time: sixteen queries to a register, each value of a row times all of them.
//!
//! A sum here belongs to one lane from its first product to its last, so that nothing is folded and no score
//! is written: `s = fma(x[i], q[i], s)` for `i = 0, 1, ... d - 1`. That is another order than the
//! specification's (`lanes.rs`), so these are no scores but bounds of them (`bounded.rs`): what reaches a
//! query's limit is noted as a candidate.

use super::block::{Aligned, LANES};
use super::element::{Encoding, Float32};
use super::filter::{Candidate, Chosen, GROUP, above};
use super::lanes::Load;

/// Rows at a time where those of a whole tile are not left.
const FEW_ROWS: usize = 4;

/// Some queries, interleaved: the first value of each, then the second of each, and so on; padded with zeros to
/// whole registers.
#[derive(Debug)]
pub(super) struct OuterPanel {
    values: Aligned<f32>,
    queries: usize,
    /// Per query, padded with zeros: what a row's norm is multiplied by to bound what its sum may be off.
    reaches: Vec<f32>,
}

impl OuterPanel {
    /// Interleaves `queries`, which holds as many whole queries of `dimension` values as there are `reaches`.
    pub(super) fn new(queries: &[f32], dimension: usize, reaches: &[f32]) -> Self {
        let lanes = reaches.len().next_multiple_of(LANES);
        let mut values = Aligned::zeros(dimension * lanes);
        for (query, source) in queries.chunks_exact(dimension).enumerate() {
            for (place, value) in source.iter().enumerate() {
                values[place * lanes + query] = *value;
            }
        }
        let mut padded = reaches.to_vec();
        padded.resize(lanes, 0.0);
        OuterPanel {
            values,
            queries: reaches.len(),
            reaches: padded,
        }
    }

    /// The number of queries.
    pub(super) fn queries(&self) -> usize {
        self.queries
    }

    /// Values per query.
    pub(super) fn dimension(&self) -> usize {
        self.values.len() / self.reaches.len().max(1)
    }

    /// The number of registers that a value of all queries takes.
    pub(super) fn registers(&self) -> usize {
        self.reaches.len() / LANES
    }
}

/// One call of a kernel.
#[derive(Debug)]
pub(super) struct OuterBlock<'a> {
    /// Whole rows of `dimension` values.
    pub(super) rows: &'a [f32],
    /// Values per row, at least 1.
    pub(super) dimension: usize,
    /// A number for each row that its norm is not above.
    pub(super) norms: &'a [f32],
    /// The queries.
    pub(super) panel: &'a OuterPanel,
    /// Per query: a row is a candidate where its sum is not below the limit less reach times norm.
    pub(super) limits: &'a [f32],
    /// What any sum may be off next to zero.
    pub(super) lost: f32,
    /// The groups that the rows are of, one after the other.
    pub(super) chosen: &'a [Chosen],
    /// Candidates out, per query, numbered by the groups.
    pub(super) candidates: &'a mut [Vec<Candidate>],
    /// Distance in rows to what to ask memory for meanwhile, and which share of it: number and count.
    pub(super) ahead: Option<usize>,
    pub(super) share: (usize, usize),
}

impl OuterBlock<'_> {
    /// Candidates of a row among the queries of a register; a bit for each lane that reached its limit.
    #[cold]
    fn note(&mut self, row: usize, register: usize, reached: u16, sums: &[f32; LANES]) {
        let chosen = self.chosen[row / GROUP];
        if chosen.rows >> (row % GROUP) & 1 == 0 {
            return;
        }
        let norm = f64::from(self.norms[row]);
        for (lane, sum) in sums.iter().enumerate() {
            let query = register * LANES + lane;
            if reached >> lane & 1 == 0 || query >= self.panel.queries {
                continue;
            }
            let off = f64::from(self.panel.reaches[query]) * norm + f64::from(self.lost);
            self.candidates[query].push(Candidate {
                upper: above(f64::from(*sum) + off),
                row: chosen.group * GROUP as u32 + (row % GROUP) as u32,
            });
        }
    }
}

/// Notes the candidates of all rows of the block, `R` rows at a time.
///
/// # Safety
///
/// The CPU has the instruction set of `V`; the panel has `W` registers; there are `16 * W` limits; the block
/// has the panel's dimension, and as many values to each norm.
#[inline(always)]
pub(super) unsafe fn note_candidates<V: Load<Float32>, const R: usize, const W: usize>(
    block: &mut OuterBlock<'_>,
) {
    let rows = block.norms.len();
    let mut row = 0;
    // SAFETY (all calls): so many rows are left.
    while row + R <= rows {
        unsafe { tile::<V, R, W>(block, row) }
        row += R;
    }
    while row + FEW_ROWS <= rows {
        unsafe { tile::<V, FEW_ROWS, W>(block, row) }
        row += FEW_ROWS;
    }
    while row < rows {
        unsafe { tile::<V, 1, W>(block, row) }
        row += 1;
    }
}

/// Rows `first` to `first + R`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn tile<V: Load<Float32>, const R: usize, const W: usize>(
    block: &mut OuterBlock<'_>,
    first: usize,
) {
    let dimension = block.dimension;
    let queries = block.panel.values.as_ptr();
    let (turn, turns) = block.share;
    let asked = match block.ahead {
        Some(_) => turn * R / turns..(turn + 1) * R / turns,
        None => 0..0,
    };
    // SAFETY: the caller has R rows from `first` on, and the panel `W` registers for each of their values. What
    // is ahead is only asked for.
    unsafe {
        let mut sums = [[V::zero(); W]; R];
        let rows = block.rows.as_ptr().add(first * dimension);
        let ahead = rows.wrapping_add(block.ahead.unwrap_or(0) * dimension);
        let mut at = 0;
        while at < dimension {
            for r in asked.clone() {
                V::prefetch(ahead.wrapping_add(r * dimension + at).cast());
            }
            let line = dimension.min(at + LANES);
            while at < line {
                let mut y = [V::zero(); W];
                for w in 0..W {
                    y[w] = V::load(queries.add((at * W + w) * LANES));
                }
                for r in 0..R {
                    let x = V::broadcast(rows.add(r * dimension + at));
                    for w in 0..W {
                        sums[r][w] = sums[r][w].multiply_add(x, y[w]);
                    }
                }
                at += 1;
            }
        }
        for w in 0..W {
            let limit = V::load(block.limits.as_ptr().add(w * LANES));
            let reach = V::load(block.panel.reaches.as_ptr().add(w * LANES));
            for r in 0..R {
                let negative = -block.norms[first + r];
                let limit = limit.multiply_add(reach, V::broadcast(&negative));
                let reached = sums[r][w].not_below(limit);
                if reached != 0 {
                    let mut lanes = [0.0; LANES];
                    sums[r][w].store(lanes.as_mut_ptr());
                    block.note(first + r, w, reached, &lanes);
                }
            }
        }
    }
}

/// Converts rows to float32 into `decoded`, unless it is empty, and gives the squares of their norms.
///
/// # Safety
///
/// The CPU has the instruction set of `V`; `values` holds whole rows, as many as `squares`, and `decoded`
/// nothing or as many values.
#[inline(always)]
pub(super) unsafe fn measure<V, E>(
    values: &[E::Stored],
    dimension: usize,
    decoded: &mut [f32],
    squares: &mut [f32],
) where
    V: Load<E>,
    E: Encoding,
{
    let mut from = values.as_ptr();
    let mut to = (!decoded.is_empty()).then_some(decoded.as_mut_ptr());
    let (many, few) = squares.as_chunks_mut::<8>();
    // SAFETY: the rows have `dimension` values each here and, if there are any, in `decoded`.
    unsafe {
        for squares in many {
            *squares = measure_rows::<V, E, 8>(from, dimension, to);
            from = from.add(8 * dimension);
            to = to.map(|to| to.add(8 * dimension));
        }
        for square in few {
            *square = measure_rows::<V, E, 1>(from, dimension, to)[0];
            from = from.add(dimension);
            to = to.map(|to| to.add(dimension));
        }
    }
}

/// [`measure`] of the first `R` of eight rows.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn measure_rows<V: Load<E>, E: Encoding, const R: usize>(
    from: *const E::Stored,
    dimension: usize,
    to: Option<*mut f32>,
) -> [f32; 8] {
    // SAFETY: the caller has R rows in both places.
    unsafe {
        let mut sums = [V::zero(); 8];
        let whole = dimension / LANES * LANES;
        for at in (0..whole).step_by(LANES) {
            for r in 0..R {
                let x = V::load(from.add(r * dimension + at));
                sums[r] = sums[r].multiply_add(x, x);
                if let Some(to) = to {
                    x.store(to.add(r * dimension + at));
                }
            }
        }
        let rest = dimension - whole;
        if rest > 0 {
            for r in 0..R {
                let x = V::load_first(from.add(r * dimension + whole), rest);
                sums[r] = sums[r].multiply_add(x, x);
                if let Some(to) = to {
                    let mut lanes = [0.0; LANES];
                    x.store(lanes.as_mut_ptr());
                    to.add(r * dimension + whole)
                        .copy_from_nonoverlapping(lanes.as_ptr(), rest);
                }
            }
        }
        V::fold(sums)
    }
}
