//! What is scanned: the layout of codes, and the registers that a scan (`scan.rs`) is generic over.
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

/// Rows in a group.
pub(crate) const GROUP: usize = 16;

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
    /// Writes candidates for the rows that have a bit, with the bounds of sixteen rows, and numbers from the first one's. There
    /// is room for sixteen.
    #[inline(always)]
    unsafe fn note(uppers: *const f32, first_row: u32, mut rows: u16, mut to: *mut Candidate) {
        while rows != 0 {
            let lane = rows.trailing_zeros();
            // SAFETY: there are sixteen bounds, and room for as many candidates as there are bits.
            unsafe {
                to.write(Candidate {
                    upper: *uppers.add(lane as usize),
                    row: first_row + lane,
                });
                to = to.add(1);
            }
            rows &= rows - 1;
        }
    }
    /// Writes sixteen floats.
    unsafe fn store(floats: Self::Floats, to: *mut f32);
    /// Asks for a cache line in the second-level cache; any address is allowed.
    unsafe fn prefetch(address: *const u8);
    /// Asks for a cache line in the first-level cache; any address is allowed.
    unsafe fn prefetch_near(address: *const u8);
}

/// What a group has of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
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
    pub(crate) fn stride(self) -> usize {
        self.code_bytes() + SIDE_BYTES
    }
}

/// Where groups stand that will be looked at later.
#[derive(Clone, Copy)]
pub(super) enum Ahead<'a> {
    /// So many bytes behind the one that is looked at.
    Bytes(usize),
    /// So many places behind it in the list of groups, which goes on in this one, and then with the next groups in memory.
    Places(usize, &'a [Chosen]),
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
    /// What is asked from memory meanwhile.
    pub(super) ahead: Ahead<'a>,
    /// The bytes of a group to ask for.
    pub(super) ahead_bytes: Range<usize>,
}

impl CodeBlock<'_> {
    /// Where a group stands.
    #[inline(always)]
    pub(super) fn start(&self, group: Chosen) -> *const u8 {
        let start = group.group as usize * self.layout.stride();
        self.groups.as_ptr().wrapping_add(start)
    }

    /// Where what is asked for stands while the group at a place is looked at.
    #[inline(always)]
    pub(super) fn ahead(&self, place: usize) -> *const u8 {
        let behind = |bytes| self.start(self.chosen[place]).wrapping_add(bytes);
        match self.ahead {
            Ahead::Bytes(bytes) => behind(bytes),
            Ahead::Places(places, soon) => {
                let ahead = place + places;
                let known = self.chosen.get(ahead);
                match known.or_else(|| soon.get(ahead - self.chosen.len())) {
                    Some(group) => self.start(*group),
                    None => behind(places * self.layout.stride()),
                }
            }
        }
    }
}
