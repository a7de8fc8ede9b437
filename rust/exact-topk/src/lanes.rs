//! The one scoring algorithm, generic over sixteen-lane registers and the element type of rows.
//!
//! # The specification of a score
//!
//! The score of a row `x` and a query `y` of dimension `d` is defined to the last bit, so that it
//! depends neither on the kernel, nor on the batch, nor on the place of the row in a block:
//!
//! 1. sixteen partial sums, `s[l]`, start at zero; for `i = 0, 1, ... d - 1` in order,
//!    `s[i mod 16] = fma(x[i], y[i], s[i mod 16])`, each rounded once; where 16 does not divide
//!    `d`, both vectors continue with zeros;
//! 2. the partial sums are folded in halves: `s[l] + s[l + 8]`, then `l + 4`, `l + 2`, `l + 1`.
//!
//! Values that are stored in half precision are converted to f32 first, which is exact.
//!
//! Every kernel follows it exactly, and the tests compare bits.

use super::block::{Block, LANES};
use super::element::{BFloat16, Element, Encoding, Float16, Float32, Values};
use foundation::prefetch::LINE;

/// Sixteen partial sums in the registers of one instruction set.
///
/// # Safety
///
/// Every method requires that the CPU has the implementor's instruction set.
pub(super) trait Lanes: Copy {
    /// Sixteen zeros.
    unsafe fn zero() -> Self;

    /// `x * y + self`, rounded once per lane.
    unsafe fn multiply_add(self, x: Self, y: Self) -> Self;

    /// A bit for each lane that is not below the limit's; one that is no number is not.
    unsafe fn not_below(self, limit: Self) -> u16;

    /// Sixteen times the value at a readable address.
    unsafe fn broadcast(from: *const f32) -> Self;

    /// Writes the lanes to an address with room for sixteen values.
    unsafe fn store(self, to: *mut f32);

    /// Each of eight registers folded to its sum, as the specification says.
    unsafe fn fold(groups: [Self; 8]) -> [f32; 8];

    /// Asks for a cache line in the second-level cache; any address is allowed.
    unsafe fn prefetch(address: *const u8);
}

/// Lanes that are filled from values of an element type.
///
/// # Safety
///
/// As [`Lanes`].
pub(super) trait Load<E: Encoding>: Lanes {
    /// # Safety
    ///
    /// `from` points to at least sixteen readable values.
    unsafe fn load(from: *const E::Stored) -> Self;

    /// The first `count` lanes from memory, then zeros.
    ///
    /// # Safety
    ///
    /// `from` points to at least `count` readable values, and `count < 16`.
    unsafe fn load_first(from: *const E::Stored, count: usize) -> Self;
}

/// Scores all rows of the block with the `Q` queries of its panel, `R` rows at a time; `values` are
/// the block's.
///
/// # Safety
///
/// The CPU has the instruction set of `V`, and `Q` is the panel's width.
#[inline(always)]
pub(super) unsafe fn score_block<V, E, const R: usize, const Q: usize>(
    block: &mut Block<'_>,
    values: &[E::Stored],
) where
    V: Load<Float32> + Load<E>,
    E: Encoding,
{
    let dimension = block.dimension;
    let rows = values.len() / dimension;
    debug_assert_eq!(values.len(), rows * dimension);
    debug_assert_eq!(block.scores.len(), rows * Q);
    let base = values.as_ptr();
    let tiles = rows / R;
    for tile in 0..tiles {
        // Each row of the tile walks through its own part of the block, so that there are R long sequential reads for the
        // hardware to run ahead of, and not many short ones.
        // SAFETY: tile + (R - 1) * tiles < rows, so that each of the R rows is inside `values`, and each score inside `scores`.
        unsafe {
            let row = base.add(tile * dimension);
            score_tile::<V, E, R, Q>(block, row, tiles, tile, rows);
        }
    }
    for row in tiles * R..rows {
        // SAFETY: row < rows.
        unsafe { score_tile::<V, E, 1, Q>(block, base.add(row * dimension), 0, row, rows) }
    }
}

/// Adds the products of sixteen values of each row with sixteen values of each query.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn add_products<V: Load<Float32>, const R: usize, const Q: usize>(
    sums: &mut [[V; Q]; R],
    x: &[V; R],
    queries: *const f32,
) {
    for q in 0..Q {
        // SAFETY: the caller's panel has sixteen values of each of its Q queries here.
        unsafe {
            let y = <V as Load<Float32>>::load(queries.add(q * LANES));
            for r in 0..R {
                sums[r][q] = sums[r][q].multiply_add(x[r], y);
            }
        }
    }
}

/// Scores `R` rows, `between_rows` rows apart, with `Q` queries.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn score_tile<V, E, const R: usize, const Q: usize>(
    block: &mut Block<'_>,
    row: *const E::Stored,
    between_rows: usize,
    first: usize,
    rows: usize,
) where
    V: Load<Float32> + Load<E>,
    E: Encoding,
{
    let dimension = block.dimension;
    let stride = between_rows * dimension;
    let queries = block.panel.as_ptr();
    let ahead = row.wrapping_add(block.prefetch.ahead);
    // SAFETY: the caller's rows are whole; the panel holds Q queries padded to whole registers.
    unsafe {
        let mut sums = [[V::zero(); Q]; R];
        let mut x = [V::zero(); R];
        let whole = dimension / LANES * LANES;
        let line = LINE / size_of::<E::Stored>();
        let mut asked = match block.prefetch.every {
            0 => usize::MAX,
            _ => block.prefetch.first * line,
        };
        let mut at = 0;
        while at < whole {
            if at == asked {
                asked += block.prefetch.every * line;
                for r in 0..R {
                    V::prefetch(ahead.wrapping_add(r * stride + at).cast());
                }
            }
            for r in 0..R {
                x[r] = <V as Load<E>>::load(row.add(r * stride + at));
            }
            add_products::<V, R, Q>(&mut sums, &x, queries.add(at * Q));
            at += LANES;
        }
        if at < dimension {
            for r in 0..R {
                x[r] = <V as Load<E>>::load_first(row.add(r * stride + at), dimension - at);
            }
            add_products::<V, R, Q>(&mut sums, &x, queries.add(at * Q));
        }
        let scores = block.scores.as_mut_ptr().add(first);
        let mut pair = 0;
        while pair < R * Q {
            let mut eight = [V::zero(); 8];
            for (offset, lanes) in eight.iter_mut().enumerate() {
                if pair + offset < R * Q {
                    *lanes = sums[(pair + offset) / Q][(pair + offset) % Q];
                }
            }
            let folded = V::fold(eight);
            for (offset, score) in folded.iter().enumerate() {
                if pair + offset < R * Q {
                    let (r, q) = ((pair + offset) / Q, (pair + offset) % Q);
                    *scores.add(q * rows + r * between_rows) = *score;
                }
            }
            pair += 8;
        }
    }
}

/// Most rows that [`score_scattered`] scores side by side: as many as [`Lanes::fold`] takes.
pub(super) const SCATTERED: usize = 8;

/// Scores rows, wherever each lies, with one query, `R` at a time.
///
/// # Safety
///
/// The CPU has the instruction set of `V`; there are as many scores as rows; each row has as many values as `query` but for the
/// zeros that this is padded with to whole registers.
#[inline(always)]
pub(super) unsafe fn score_scattered<V, const R: usize>(
    rows: &[Values<'_>],
    dimension: usize,
    query: &[f32],
    scores: &mut [f32],
) where
    V: Load<Float32> + Load<Float16> + Load<BFloat16>,
{
    let mut places = scores.iter_mut();
    for rows in rows.chunk_by(|x, y| x.element() == y.element()) {
        for rows in rows.chunks(R) {
            // SAFETY: the caller's contract; these rows are of one element type.
            let scores = unsafe {
                match rows[0].element() {
                    Element::Float32 => score_few::<V, Float32, R>(rows, dimension, query),
                    Element::Float16 => score_few::<V, Float16, R>(rows, dimension, query),
                    Element::BFloat16 => score_few::<V, BFloat16, R>(rows, dimension, query),
                }
            };
            for (place, score) in places.by_ref().take(rows.len()).zip(scores) {
                *place = score;
            }
        }
    }
}

/// Scores 1 to `R` rows of `E`; the scores behind theirs mean nothing.
#[inline(always)]
unsafe fn score_few<V, E, const R: usize>(
    few: &[Values<'_>],
    dimension: usize,
    query: &[f32],
) -> [f32; SCATTERED]
where
    V: Load<Float32> + Load<E>,
    E: Encoding,
{
    const { assert!(R <= SCATTERED) };
    // Where rows are too few, the last one is scored again.
    let mut rows = [std::ptr::null::<E::Stored>(); R];
    for (at, row) in rows.iter_mut().enumerate() {
        *row = few[at.min(few.len() - 1)].as_ptr().cast();
    }
    let query = query.as_ptr();
    // SAFETY: the caller's rows are whole, and the query is padded.
    unsafe {
        let mut sums = [V::zero(); SCATTERED];
        let whole = dimension / LANES * LANES;
        let mut at = 0;
        while at < whole {
            let y = <V as Load<Float32>>::load(query.add(at));
            for r in 0..R {
                sums[r] = sums[r].multiply_add(<V as Load<E>>::load(rows[r].add(at)), y);
            }
            at += LANES;
        }
        if at < dimension {
            let y = <V as Load<Float32>>::load(query.add(at));
            for r in 0..R {
                let x = <V as Load<E>>::load_first(rows[r].add(at), dimension - at);
                sums[r] = sums[r].multiply_add(x, y);
            }
        }
        V::fold(sums)
    }
}

/// `rounds` times one multiply-add on each of `N` registers, as fast as they go; returns the sum of
/// all lanes, each of which counts the rounds.
///
/// # Safety
///
/// The CPU has the instruction set of `V`, and `N <= 16`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
pub(super) unsafe fn multiply_adds<V: Load<Float32>, const N: usize>(rounds: u64) -> f32 {
    // Opaque, so that the compiler can't count for us.
    let ones = std::hint::black_box([1.0f32; LANES]);
    // SAFETY: `ones` has sixteen values.
    unsafe {
        let one = <V as Load<Float32>>::load(ones.as_ptr());
        let mut sums = [V::zero(); N];
        for _ in 0..rounds {
            for n in 0..N {
                sums[n] = sums[n].multiply_add(one, one);
            }
        }
        let mut total = 0.0;
        for n in 0..N {
            total += V::fold([sums[n]; 8])[0];
        }
        total
    }
}
