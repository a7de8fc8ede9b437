//! The scan of codes, generic over the registers of an instruction set.
//!
//! # Layout
//!
//! Sixteen rows are a *group*. A group holds its codes step by step, four dimensions to a step: four
//! codes of row 0, four of row 1, and so on; 64 bytes, one AVX-512 register. A dot product then needs no
//! sum across lanes: lane r collects row r. The steps of 8-bit codes come first, then those of 4-bit codes, two steps to
//! 64 bytes, the first of them in the lower halves. Behind the codes stand, for each row, the scales of both, the coordinate
//! along the mean, the norm of what is stored so far, how far that is off, and the norm of the second part (all are the upper
//! halves of f32). A group is read from one end to the other, and groups follow each other.
//!
//! An 8-bit code is an integer from -127 to 127, stored with 128 added: the dot product instruction of VNNI takes
//! unsigned codes on one side and signed ones (the query's) on the other. Sums start at -128 times the
//! query's sum, which takes it out again. A 4-bit code is the place among [`LEVELS`] of an integer from -63 to 63, to which
//! 63 is added in the same way.
//!
//! AVX2 adds two products in 16 bits, which saturate, so where rows have 8-bit codes the absolute values of two neighbouring
//! codes of a query are kept within [`SHORT_LIMIT`] together. The levels of 4-bit codes are small enough for any.

use std::ops::Range;

use super::candidates::{Candidate, Chosen};
use super::query::Reach;
use super::tails::prefetch_row;

/// Rows in a group.
pub(in crate::topk) const GROUP: usize = 16;

/// Dimensions in a step.
pub(super) const STEP: usize = 4;

/// Bytes of a step of a group.
pub(super) const STEP_BYTES: usize = GROUP * STEP;

/// What 4-bit codes stand for, with [`MIDDLE_LEVEL`] added: the sixteen levels that are nearest to normally distributed
/// values, with the smallest mean square (Max, "Quantizing for Minimum Distortion", 1960, table I), so scaled that the
/// largest is 63: products of two of them with any codes of a query fit 16 bits, 2 * 126 * 127 < 2^15.
pub(super) const LEVELS: [u8; 16] = [
    0, 15, 26, 34, 41, 48, 54, 60, 66, 72, 78, 85, 92, 100, 111, 126,
];

// Two products with the largest code of a query fit 16 bits; and sums of the widest rows fit 32.
const _: () = assert!(2 * LEVELS[15] as i32 * 127 <= i16::MAX as i32);
const _: () = assert!(255 * 127 * super::WIDEST as i64 <= i32::MAX as i64);

/// The level of zero.
pub(super) const MIDDLE_LEVEL: u8 = 63;

/// What an 8-bit code of zero is stored as.
pub(super) const MIDDLE_CODE: u8 = 128;

/// The sum of two absolute codes of a query whose products with unsigned bytes fit 16 bits: 255 * 128 < 2^15.
pub(super) const SHORT_LIMIT: u16 = 128;

/// Bytes of what stands behind the codes of a group; the scales of 8-bit codes come first.
pub(super) const SIDE_BYTES: usize = GROUP * 12;

/// Where the scales of 4-bit codes stand, in bytes.
pub(super) const NARROW_SCALES: usize = GROUP * 2;

/// Where the coordinates along the mean stand.
pub(super) const ALONG: usize = GROUP * 4;

/// Where the norms of what is stored stand.
pub(super) const NORMS: usize = GROUP * 6;

/// Where it stands how far that is off.
pub(super) const CODE_ERRORS: usize = GROUP * 8;

/// Where the norms of the second part stand.
pub(super) const TAIL_NORMS: usize = GROUP * 10;

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
    /// Few enough that the CPU waits for them if each is added to at every step; there are registers for twice as many.
    const FEW_SUMS: usize;

    /// Sixteen equal sums.
    unsafe fn start(sum: i32) -> Self;
    /// [`STEP_BYTES`] 8-bit codes.
    unsafe fn load(from: *const u8) -> Self::Rows;
    /// Twice as many 4-bit codes, as the 8-bit codes that they stand for: those of the lower halves, and of the upper.
    unsafe fn load_narrow(from: *const u8) -> [Self::Rows; 2];
    /// A step of a query: one word.
    unsafe fn query(from: *const u32) -> Self::Query;
    /// Adds four products to each sum.
    unsafe fn add(self, rows: Self::Rows, query: Self::Query) -> Self;
    /// The sums of both.
    unsafe fn plus(self, other: Self) -> Self;
    /// Writes sixteen sums.
    unsafe fn store_sums(self, to: *mut i32);
    /// Reads sixteen sums.
    unsafe fn load_sums(from: *const i32) -> Self;
    /// Sixteen upper halves of floats.
    unsafe fn halves(from: *const u8) -> Self::Floats;
    /// Sixteen equal floats.
    unsafe fn equal(float: f32) -> Self::Floats;
    /// `floats * weight + more`.
    unsafe fn weighted(floats: Self::Floats, weight: f32, more: Self::Floats) -> Self::Floats;
    /// `sum * (scale * factor) + more`.
    unsafe fn scaled(self, scale: Self::Floats, factor: f32, more: Self::Floats) -> Self::Floats;
    /// A bit for each float that is not below the threshold.
    unsafe fn reaches(floats: Self::Floats, threshold: f32) -> u16;
    /// Writes candidates for the rows that have a bit, with these bounds, and numbers from the first row's; there is room for
    /// sixteen.
    unsafe fn note(uppers: Self::Floats, first_row: u32, rows: u16, to: *mut Candidate);
    /// Writes sixteen floats.
    unsafe fn store(floats: Self::Floats, to: *mut f32);
    /// Reads sixteen floats.
    unsafe fn load_floats(from: *const f32) -> Self::Floats;
    /// Asks memory for a cache line; any address is allowed.
    unsafe fn prefetch(address: *const u8);
    /// Asks for a cache line that will be read next; any address is allowed.
    unsafe fn prefetch_near(address: *const u8);
}

/// What a group has of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::topk) struct Layout {
    /// 8-bit codes, a multiple of [`STEP`].
    pub(super) wide: usize,
    /// 4-bit codes, a multiple of two steps.
    pub(super) narrow: usize,
}

impl Layout {
    /// Bytes of the 8-bit codes of a group.
    pub(super) fn wide_bytes(self) -> usize {
        self.wide * GROUP
    }

    /// Bytes of all codes of a group.
    pub(super) fn code_bytes(self) -> usize {
        self.wide_bytes() + self.narrow / 2 * GROUP
    }

    /// Bytes of a group.
    pub(in crate::topk) fn stride(self) -> usize {
        self.code_bytes() + SIDE_BYTES
    }
}

/// One call of a kernel: some groups against a few queries.
pub(super) struct CodeBlock<'a> {
    /// All groups of the filter.
    pub(super) groups: &'a [u8],
    pub(super) layout: Layout,
    /// The groups to look at.
    pub(super) chosen: &'a [Chosen],
    /// The queries' codes, interleaved: each step of all queries, then the next.
    pub(super) panel: &'a [u32],
    /// The queries' bounds; as many as there are queries.
    pub(super) reaches: &'a [Reach],
    /// Sums to start from, of 8-bit codes and of 4-bit codes.
    pub(super) starts: &'a [[i32; 2]],
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
    /// The bytes of a group to ask for.
    pub(super) ahead_bytes: Range<usize>,
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
    // SAFETY: the caller's contract.
    unsafe {
        if block.layout.narrow == 0 {
            scan_tiles::<V, R, Q, false>(block);
        } else {
            scan_tiles::<V, R, Q, true>(block);
        }
    }
}

#[inline(always)]
unsafe fn scan_tiles<V: Codes, const R: usize, const Q: usize, const NARROW: bool>(
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
        unsafe { scan_tile::<V, R, Q, NARROW>(block, *tile) };
    }
    for group in rest {
        // SAFETY: the caller's contract.
        unsafe { scan_tile::<V, 1, Q, NARROW>(block, [*group]) };
    }
}

/// `NARROW` tells whether there are 4-bit codes.
#[inline(always)]
unsafe fn scan_tile<V: Codes, const R: usize, const Q: usize, const NARROW: bool>(
    block: &mut CodeBlock<'_>,
    chosen: [Chosen; R],
) {
    const { assert!(R * Q <= 32, "a bit for each") };
    let mut groups = [block.groups.as_ptr(); R];
    for r in 0..R {
        groups[r] = groups[r].wrapping_add(chosen[r].group as usize * block.layout.stride());
    }
    // SAFETY: the chosen groups lie inside `groups`, each is `stride` bytes long, and the panel has a
    // word for each of the Q queries in each step.
    unsafe {
        let panel = block.panel.as_ptr();
        let narrow_panel = panel.add(block.layout.wide / STEP * Q);
        let mut finished = add_wide::<V, R, Q>(block, &groups, panel);
        let narrow_sums = if NARROW {
            add_narrow::<V, R, Q>(block, &groups, narrow_panel)
        } else {
            [[[0; GROUP]; Q]; R]
        };
        for at in (block.layout.code_bytes()..block.layout.stride()).step_by(STEP_BYTES) {
            ask_ahead::<V, R>(block, &groups, at);
        }
        // Bounds come to stand where the sums were. Which are reached is looked at afterwards: a branch for each
        // group and query is guessed wrong too often.
        let (reaches, thresholds) = (block.reaches.as_ptr(), block.thresholds.as_ptr());
        let mut reached = [[0u16; Q]; R];
        let mut hits = 0u32;
        for r in 0..R {
            let side = groups[r].add(block.layout.code_bytes());
            let scale = V::halves(side);
            let narrow_scale = V::halves(side.add(NARROW_SCALES));
            let along = V::halves(side.add(ALONG));
            let norm = V::halves(side.add(NORMS));
            let code_error = V::halves(side.add(CODE_ERRORS));
            let tail_norm = V::halves(side.add(TAIL_NORMS));
            for q in 0..Q {
                let reach = &*reaches.add(q);
                let mut upper = V::weighted(tail_norm, reach.tail, V::equal(reach.base));
                upper = V::weighted(code_error, reach.code, upper);
                upper = V::weighted(norm, reach.norm, upper);
                upper = V::weighted(along, reach.along, upper);
                if NARROW {
                    let sums = V::load_sums(narrow_sums[r][q].as_ptr());
                    upper = sums.scaled(narrow_scale, reach.narrow_factor, upper);
                }
                let sums = V::load_sums(finished[r][q].as_ptr());
                let upper = sums.scaled(scale, reach.factor, upper);
                reached[r][q] = V::reaches(upper, *thresholds.add(q)) & chosen[r].rows;
                hits |= u32::from(reached[r][q] != 0) << (r * Q + q);
                V::store(upper, finished[r][q].as_mut_ptr().cast());
            }
        }
        while hits != 0 {
            let place = hits.trailing_zeros() as usize;
            let (r, q) = (place / Q, place % Q);
            let candidates = &mut block.candidates[q];
            push::<V>(candidates, chosen[r].group, reached[r][q], &finished[r][q]);
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

/// Sums up the products of 8-bit codes.
///
/// # Safety
///
/// As for [`scan_block`]; the groups are readable, and the panel has their steps.
#[inline(always)]
unsafe fn add_wide<V: Codes, const R: usize, const Q: usize>(
    block: &CodeBlock<'_>,
    groups: &[*const u8; R],
    mut panel: *const u32,
) -> [[[i32; GROUP]; Q]; R] {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = start_sums::<V, R, Q>(block.starts, 0);
        for at in (0..block.layout.wide_bytes()).step_by(STEP_BYTES) {
            ask_ahead::<V, R>(block, groups, at);
            let mut rows = [V::load(groups[0].add(at)); R];
            for r in 1..R {
                rows[r] = V::load(groups[r].add(at));
            }
            add_step(&mut sums, &rows, panel);
            panel = panel.add(Q);
        }
        store_sums(&sums)
    }
}

/// Sums up the products of 4-bit codes.
///
/// # Safety
///
/// As for [`add_wide`].
#[inline(always)]
unsafe fn add_narrow<V: Codes, const R: usize, const Q: usize>(
    block: &CodeBlock<'_>,
    groups: &[*const u8; R],
    mut panel: *const u32,
) -> [[[i32; GROUP]; Q]; R] {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = start_sums::<V, R, Q>(block.starts, 1);
        // Each addition waits for the one before to the same sum. Few sums leave the CPU without work meanwhile: then there
        // are two of each.
        let few = R * Q <= V::FEW_SUMS;
        let mut others = [[V::start(0); Q]; R];
        for at in (block.layout.wide_bytes()..block.layout.code_bytes()).step_by(STEP_BYTES) {
            ask_ahead::<V, R>(block, groups, at);
            let [lower, upper] = V::load_narrow(groups[0].add(at));
            let (mut lower, mut upper) = ([lower; R], [upper; R]);
            for r in 1..R {
                [lower[r], upper[r]] = V::load_narrow(groups[r].add(at));
            }
            add_step(&mut sums, &lower, panel);
            let sums = if few { &mut others } else { &mut sums };
            add_step(sums, &upper, panel.add(Q));
            panel = panel.add(2 * Q);
        }
        if few {
            for r in 0..R {
                for q in 0..Q {
                    sums[r][q] = sums[r][q].plus(others[r][q]);
                }
            }
        }
        store_sums(&sums)
    }
}

/// Sums that start as the queries say.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn start_sums<V: Codes, const R: usize, const Q: usize>(
    starts: &[[i32; 2]],
    section: usize,
) -> [[V; Q]; R] {
    // SAFETY: the caller's CPU has the instructions.
    unsafe {
        let mut sums = [[V::start(0); Q]; R];
        for q in 0..Q {
            let start = V::start(starts[q][section]);
            for r in 0..R {
                sums[r][q] = start;
            }
        }
        sums
    }
}

/// Adds the products of a step of R groups with Q queries, whose words are at the panel.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn add_step<V: Codes, const R: usize, const Q: usize>(
    sums: &mut [[V; Q]; R],
    rows: &[V::Rows; R],
    panel: *const u32,
) {
    for q in 0..Q {
        // SAFETY: the caller's contract: a word for each query.
        unsafe {
            let query = V::query(panel.add(q));
            for r in 0..R {
                sums[r][q] = sums[r][q].add(rows[r], query);
            }
        }
    }
}

/// The sums in memory: what follows takes them by changing numbers. Where this is not said, compilers write them there
/// in each step.
#[inline(always)]
unsafe fn store_sums<V: Codes, const R: usize, const Q: usize>(
    sums: &[[V; Q]; R],
) -> [[[i32; GROUP]; Q]; R] {
    let mut finished = [[[0; GROUP]; Q]; R];
    for r in 0..R {
        for q in 0..Q {
            // SAFETY: the caller's CPU has the instructions; there is room for sixteen sums.
            unsafe { sums[r][q].store_sums(finished[r][q].as_mut_ptr()) };
        }
    }
    finished
}

/// Asks memory for what stands a distance ahead of a group; and where several groups are looked at together, the
/// cache for the next ones.
#[inline(always)]
unsafe fn ask_ahead<V: Codes, const R: usize>(
    block: &CodeBlock<'_>,
    groups: &[*const u8; R],
    at: usize,
) {
    if R > 1 {
        let next = R * block.layout.stride() + at;
        for group in groups {
            // SAFETY: the caller's CPU has the instructions; any address is allowed.
            unsafe { V::prefetch_near(group.wrapping_add(next)) };
        }
    }
    if block.ahead_bytes.contains(&at) {
        for group in groups {
            // SAFETY: the caller's CPU has the instructions; any address is allowed.
            unsafe { V::prefetch(group.wrapping_add(block.ahead + at)) };
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
///
/// # Safety
///
/// The CPU has the instruction set of `V`.
#[inline(always)]
unsafe fn push<V: Codes>(
    candidates: &mut Vec<Candidate>,
    group: u32,
    reached: u16,
    uppers: &[i32; GROUP],
) {
    candidates.reserve(GROUP);
    let (before, more) = (candidates.len(), reached.count_ones() as usize);
    // SAFETY: there is room for sixteen, and as many are written as there are bits.
    unsafe {
        let uppers = V::load_floats(uppers.as_ptr().cast());
        let to = candidates.as_mut_ptr().add(before);
        V::note(uppers, group * GROUP as u32, reached, to);
        candidates.set_len(before + more);
    }
}

/// [`Codes::note`], row by row.
///
/// # Safety
///
/// There is room for as many as there are bits.
#[inline(always)]
pub(super) unsafe fn note_one_by_one(
    uppers: &[f32; GROUP],
    first_row: u32,
    mut rows: u16,
    mut to: *mut Candidate,
) {
    while rows != 0 {
        let lane = rows.trailing_zeros();
        let candidate = Candidate {
            upper: uppers[lane as usize % GROUP],
            row: first_row + lane,
        };
        // SAFETY: the caller's contract.
        unsafe {
            to.write(candidate);
            to = to.add(1);
        }
        rows &= rows - 1;
    }
}
