//! The scan of 8-bit codes, generic over the registers of an instruction set.
//!
//! # Layout
//!
//! Sixteen rows are a *group*. A group holds its codes step by step, four dimensions to a step: four
//! codes of row 0, four of row 1, and so on; 64 bytes, one AVX-512 register. A dot product then needs no
//! sum across lanes: lane r collects row r. Behind the codes stand, for each row, its scale (f32), and its
//! two errors (the upper halves of f32, rounded up). A group is read from one end to the other, and groups
//! follow each other.
//!
//! A code is an integer from -127 to 127, stored with 128 added: the dot product instruction of VNNI takes
//! unsigned codes on one side and signed ones (the query's) on the other. Sums start at -128 times the
//! query's sum, which takes it out again.
//!
//! AVX2 adds two products in 16 bits, which saturate, so the absolute values of two neighbouring codes of a query
//! are kept within [`SHORT_LIMIT`] together.

use super::candidates::{Candidate, Chosen};
use super::query::Reach;
use super::tails::prefetch_row;

/// Rows in a group.
pub(in crate::topk) const GROUP: usize = 16;

/// Dimensions in a step.
pub(super) const STEP: usize = 4;

/// Bytes of a step of a group.
pub(super) const STEP_BYTES: usize = GROUP * STEP;

/// The sum of two absolute codes of a query whose products with unsigned bytes fit 16 bits: 255 * 128 < 2^15.
pub(super) const SHORT_LIMIT: u16 = 128;

/// Bytes of the scales and errors of a group.
pub(super) const SIDE_BYTES: usize = GROUP * 8;

/// Where the first errors stand behind the scales, in bytes.
pub(super) const CODE_ERRORS: usize = GROUP * 4;

/// Where the second errors stand.
pub(super) const TAIL_ERRORS: usize = GROUP * 6;

/// Sixteen integer sums in the registers of one instruction set, and what is done with them.
///
/// # Safety
///
/// Every method requires that the CPU has the implementor's instruction set, and that what a pointer points
/// to is readable (or writable) to the length that the method says.
pub(super) trait Codes: Copy {
    /// A step of a group.
    type Rows: Copy;
    /// A step of a query.
    type Query: Copy;
    /// Sixteen floats.
    type Floats: Copy;

    /// Sixteen equal sums.
    unsafe fn start(sum: i32) -> Self;
    /// [`STEP_BYTES`] codes.
    unsafe fn load(from: *const u8) -> Self::Rows;
    /// A step of a query: one word.
    unsafe fn query(from: *const u32) -> Self::Query;
    /// Adds four products to each sum.
    unsafe fn add(self, rows: Self::Rows, query: Self::Query) -> Self;
    /// Writes sixteen sums.
    unsafe fn store_sums(self, to: *mut i32);
    /// Reads sixteen sums.
    unsafe fn load_sums(from: *const i32) -> Self;
    /// Sixteen floats.
    unsafe fn floats(from: *const u8) -> Self::Floats;
    /// Sixteen upper halves of floats.
    unsafe fn halves(from: *const u8) -> Self::Floats;
    /// `sum * scale * reach.factor + reach.base + code_error * reach.code + tail_error * reach.tail`.
    unsafe fn upper(
        self,
        scale: Self::Floats,
        code_error: Self::Floats,
        tail_error: Self::Floats,
        reach: &Reach,
    ) -> Self::Floats;
    /// A bit for each float that is not below the threshold.
    unsafe fn reaches(floats: Self::Floats, threshold: f32) -> u16;
    /// Writes sixteen floats.
    unsafe fn store(floats: Self::Floats, to: *mut f32);
    /// Asks for a cache line; any address is allowed.
    unsafe fn prefetch(address: *const u8);
}

/// One call of a kernel: some groups against a few queries.
pub(super) struct CodeBlock<'a> {
    /// All groups of the filter.
    pub(super) groups: &'a [u8],
    /// Bytes of a group.
    pub(super) stride: usize,
    /// The groups to look at.
    pub(super) chosen: &'a [Chosen],
    /// The queries' codes, interleaved: each step of all queries, then the next.
    pub(super) panel: &'a [u32],
    /// The queries' bounds; as many as there are queries.
    pub(super) reaches: &'a [Reach],
    /// Sums to start from.
    pub(super) starts: &'a [i32],
    /// Rows whose upper bound is below are dismissed; per query.
    pub(super) thresholds: &'a [f32],
    /// The second parts of the rows, and the bytes of each.
    pub(super) tails: &'a [u8],
    pub(super) tail_stride: usize,
    /// Where rows go that take part and are not dismissed; per query. They are numbered within the filter.
    pub(super) candidates: &'a mut [Vec<Candidate>],
    /// Whether the groups come from memory, to be read once, rather than from a cache.
    pub(super) streams: bool,
    /// Distance in bytes from what is scanned to what is asked from memory meanwhile.
    pub(super) ahead: usize,
    /// First step to ask for.
    pub(super) ahead_from: usize,
    /// End of the steps to ask for.
    pub(super) ahead_until: usize,
}

/// Scans the chosen groups with the `Q` queries of the panel, `R` groups at a time.
///
/// # Safety
///
/// The CPU has the instruction set of `V`; `Q` is the number of queries, with a reach, a threshold and a list of
/// candidates each; the panel holds all steps of a group; every chosen group lies inside `groups`.
#[inline(always)]
pub(super) unsafe fn scan_block<V: Codes, const R: usize, const Q: usize>(
    block: &mut CodeBlock<'_>,
) {
    let chosen = block.chosen;
    // What comes from memory is quickest as one stream: several are read no faster, and the core asks for less ahead.
    let (tiles, rest) = if block.streams {
        (&[][..], chosen)
    } else {
        chosen.as_chunks::<R>()
    };
    for tile in tiles {
        // SAFETY: the caller's contract.
        unsafe { scan_tile::<V, R, Q>(block, *tile) };
    }
    for group in rest {
        // SAFETY: the caller's contract.
        unsafe { scan_tile::<V, 1, Q>(block, [*group]) };
    }
}

#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn scan_tile<V: Codes, const R: usize, const Q: usize>(
    block: &mut CodeBlock<'_>,
    chosen: [Chosen; R],
) {
    const { assert!(R * Q <= 32, "a bit for each") };
    let steps = (block.stride - SIDE_BYTES) / STEP_BYTES;
    let mut groups = [block.groups.as_ptr(); R];
    for r in 0..R {
        groups[r] = groups[r].wrapping_add(chosen[r].group as usize * block.stride);
    }
    // SAFETY: the chosen groups lie inside `groups`, each is `stride` bytes long, and the panel has a
    // word for each of the Q queries in each step.
    unsafe {
        let mut sums = [[V::start(0); Q]; R];
        for r in 0..R {
            for q in 0..Q {
                sums[r][q] = V::start(block.starts[q]);
            }
        }
        let mut panel = block.panel.as_ptr();
        let (from, until) = (block.ahead_from, block.ahead_until);
        for step in 0..steps {
            if step >= from && step < until {
                for r in 0..R {
                    V::prefetch(groups[r].wrapping_add(block.ahead + step * STEP_BYTES));
                }
            }
            let mut rows = [V::load(groups[0].add(step * STEP_BYTES)); R];
            for r in 1..R {
                rows[r] = V::load(groups[r].add(step * STEP_BYTES));
            }
            for q in 0..Q {
                let query = V::query(panel.add(q));
                for r in 0..R {
                    sums[r][q] = sums[r][q].add(rows[r], query);
                }
            }
            panel = panel.add(Q);
        }
        // What follows takes the sums by changing numbers, so they must be in memory. Where this is not said,
        // compilers write them there in each step of the loop above.
        let mut finished = [[[0; GROUP]; Q]; R];
        for r in 0..R {
            for q in 0..Q {
                sums[r][q].store_sums(finished[r][q].as_mut_ptr());
            }
        }
        // Bounds come to stand where the sums were. Which are reached is looked at afterwards: a branch for each
        // group and query is guessed wrong too often.
        let (reaches, thresholds) = (block.reaches.as_ptr(), block.thresholds.as_ptr());
        let mut reached = [[0u16; Q]; R];
        let mut hits = 0u32;
        for r in 0..R {
            let side = groups[r].add(steps * STEP_BYTES);
            let scale = V::floats(side);
            let code_error = V::halves(side.add(CODE_ERRORS));
            let tail_error = V::halves(side.add(TAIL_ERRORS));
            for q in 0..Q {
                let sums = V::load_sums(finished[r][q].as_ptr());
                let upper = sums.upper(scale, code_error, tail_error, &*reaches.add(q));
                reached[r][q] = V::reaches(upper, *thresholds.add(q)) & chosen[r].rows;
                hits |= u32::from(reached[r][q] != 0) << (r * Q + q);
                V::store(upper, finished[r][q].as_mut_ptr().cast());
            }
        }
        while hits != 0 {
            let place = hits.trailing_zeros() as usize;
            let (r, q) = (place / Q, place % Q);
            let candidates = &mut block.candidates[q];
            push(candidates, chosen[r].group, reached[r][q], &finished[r][q]);
            // A streamed block is so long that what was asked for would be gone at its end.
            if !block.streams {
                ask(
                    block.tails,
                    block.tail_stride,
                    chosen[r].group,
                    reached[r][q],
                );
            }
            hits &= hits - 1;
        }
    }
}

/// Asks memory for the second parts of the rows of a group that were reached.
#[inline(always)]
fn ask(tails: &[u8], stride: usize, group: u32, mut reached: u16) {
    while reached != 0 {
        let lane = reached.trailing_zeros() as usize;
        prefetch_row(tails, stride, group as usize * GROUP + lane);
        reached &= reached - 1;
    }
}

/// Notes the rows of a group that were reached; the bounds are the bits of floats.
#[inline(never)]
fn push(candidates: &mut Vec<Candidate>, group: u32, mut reached: u16, uppers: &[i32; GROUP]) {
    while reached != 0 {
        let lane = reached.trailing_zeros();
        candidates.push(Candidate {
            upper: f32::from_bits(uppers[lane as usize % GROUP].cast_unsigned()),
            row: group * GROUP as u32 + lane,
        });
        reached &= reached - 1;
    }
}
