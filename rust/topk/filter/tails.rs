//! The second part of rows and queries: what the scan leaves out, row by row, so that the rows that the scan
//! leaves can be looked up.
//!
//! Of a row: its codes; zeros up to the side, which is 8 bytes: scale (f32), error and norm (upper halves of
//! f32, rounded up). The whole is a multiple of [`STEP`] bytes; the query's codes are 0 from the row's end on,
//! so that kernels can read all of it as codes.

use super::Candidate;
use super::codes::MIDDLE_CODE;
use super::halves::{from_half, half_above};
use super::query::start;
use super::write::stored;
use crate::prefetch::prefetch;

/// Bytes at the end of a row.
pub(super) const SIDE: usize = 8;

/// Bytes that a kernel reads at a time.
pub(super) const STEP: usize = 32;

/// Candidates that are refined side by side.
const SIDE_BY_SIDE: usize = 16;

/// Candidates between the one whose second part is read and the one that memory is asked for.
const AHEAD: usize = 32;

/// Writes the second part of a row.
pub(super) fn write(out: &mut [u8], codes: &[i8], scale: f32, error: f32, norm: f32) {
    let Some(side) = out.len().checked_sub(SIDE) else {
        return;
    };
    let (bytes, side) = out.split_at_mut(side);
    bytes.fill(0);
    for (byte, code) in bytes.iter_mut().zip(codes) {
        *byte = stored(*code);
    }
    side[..4].copy_from_slice(&scale.to_le_bytes());
    side[4..6].copy_from_slice(&half_above(error));
    side[6..].copy_from_slice(&half_above(norm));
}

/// The second part of a query.
#[derive(Debug)]
pub(super) struct TailQuery {
    codes: Vec<i8>,
    /// Takes out the 128 that is added to the rows' codes.
    start: i32,
    factor: f32,
    /// What a row's error is multiplied by.
    code: f32,
    /// What a row's norm was multiplied by in the first bound.
    tail: f32,
}

impl TailQuery {
    pub(super) fn new(codes: &[i8], factor: f32, code: f32, tail: f32) -> Self {
        let mut padded = codes.to_vec();
        padded.resize((codes.len() + SIDE).next_multiple_of(STEP), 0);
        TailQuery {
            codes: padded,
            start: start(codes, MIDDLE_CODE),
            factor,
            code,
            tail,
        }
    }

    /// The bound of a row, given the bound of its first part; never above that. `side` is what stands at the row's end.
    #[inline(always)]
    fn upper(&self, first: f32, sum: i32, side: u64) -> f32 {
        let scale = f32::from_bits(side as u32);
        let error = from_half(((side >> 32) as u16).to_le_bytes());
        let norm = from_half(((side >> 48) as u16).to_le_bytes());
        let product = (self.start + sum) as f32 * (scale * self.factor);
        let outside = norm * self.tail;
        // Rounding in this sum: relative to the largest numbers in it.
        let rounding = (first.abs() + outside) * 1e-6;
        let upper = first - outside + product + error * self.code + rounding;
        // NaN tells nothing.
        if upper < first { upper } else { first }
    }
}

/// The second parts of all rows, and of a query.
pub(super) struct Tails<'a> {
    pub(super) bytes: &'a [u8],
    /// Bytes of a row.
    pub(super) stride: usize,
    pub(super) query: &'a TailQuery,
    /// Whether to ask memory for rows ahead: nobody has.
    pub(super) asks: bool,
}

/// Lowers the bounds of candidates from number `from` on, and drops those that are below the threshold then.
/// `dot` is given a row's bytes and as many codes of the query, a multiple of [`STEP`].
///
/// Some candidates at a time, in steps without branches: whether a row is dropped can't be guessed, and what comes after a
/// wrong guess would not be asked from memory.
#[inline(always)]
pub(super) fn refine(
    tails: &Tails<'_>,
    candidates: &mut Vec<Candidate>,
    from: usize,
    threshold: f32,
    dot: impl Fn(&[u8], &[i8]) -> i32,
) {
    let stride = tails.stride;
    let query = tails.query;
    assert!(stride.is_multiple_of(STEP) && stride == query.codes.len());
    let mut kept = from;
    let ask = |candidates: &[Candidate], at: usize| {
        if let (true, Some(candidate)) = (tails.asks, candidates.get(at)) {
            prefetch_row(tails.bytes, stride, candidate.row as usize);
        }
    };
    for soon in from..from + AHEAD {
        ask(candidates, soon);
    }
    for first in (from..candidates.len()).step_by(SIDE_BY_SIDE) {
        let count = (candidates.len() - first).min(SIDE_BY_SIDE);
        let mut sums = [0; SIDE_BY_SIDE];
        let mut sides = [0; SIDE_BY_SIDE];
        for (at, (sum, side)) in sums.iter_mut().zip(&mut sides).take(count).enumerate() {
            ask(candidates, first + at + AHEAD);
            let start = candidates[first + at].row as usize * stride;
            let row = &tails.bytes[start..start + stride];
            *sum = dot(row, &query.codes);
            if let Some(bytes) = row.last_chunk() {
                *side = u64::from_le_bytes(*bytes);
            }
        }
        let mut now = [Candidate { upper: 0.0, row: 0 }; SIDE_BY_SIDE];
        now[..count].copy_from_slice(&candidates[first..first + count]);
        for (candidate, (sum, side)) in now.iter_mut().zip(sums.iter().zip(&sides)) {
            candidate.upper = query.upper(candidate.upper, *sum, *side);
        }
        for candidate in &now[..count] {
            candidates[kept] = *candidate;
            kept += usize::from(candidate.can_reach(threshold));
        }
    }
    candidates.truncate(kept);
}

/// Asks memory for the second part of a row.
#[inline(always)]
pub(super) fn prefetch_row(bytes: &[u8], stride: usize, row: usize) {
    let start = row * stride;
    for line in (start..start + stride).step_by(64) {
        prefetch(bytes, line);
    }
}

/// Dot products on any CPU.
pub(super) fn dot(row: &[u8], query: &[i8]) -> i32 {
    row.iter()
        .zip(query)
        .map(|(row, query)| i32::from(*row) * i32::from(*query))
        .sum()
}
