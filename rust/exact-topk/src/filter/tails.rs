//! The second part of rows and queries: what the scan leaves out, or only corrections of it, row by row, so that the rows that
//! the scan leaves can be looked up.
//!
//! Of a row: its 4-bit codes, two to a byte; then its corrections, 2-bit codes of how far the shorter copy of the first part
//! is off, four to a byte; then the side, which is 8 bytes: the scales of both, and how much both lower the bound's error
//! (upper halves of f32, the last two rounded down). The codes stand at the beginning and the corrections before the side; what
//! is between is zeros. The whole is a multiple of [`STEP`] bytes; where a kernel reads more than the codes, or more than the
//! corrections, the query's codes are 0.

use super::Candidate;
use super::codes::{LEVELS, MIDDLE_LEVEL};
use super::halves::{from_half, half_below, half_near};
use super::query::start;
use foundation::prefetch::{LINE, prefetch};

/// Bytes at the end of a row.
const SIDE: usize = 8;

/// Bytes that a kernel reads at a time.
pub(super) const STEP: usize = 32;

/// 4-bit codes in a byte.
const HALVES: usize = 2;

/// 2-bit codes in a byte.
const QUARTERS: usize = 4;

/// What twice a 2-bit code is of a correction of zero.
const MIDDLE_CORRECTION: u8 = 3;

/// `|c3|` of a row is at most so many times what its codes gain.
pub(super) const LONGEST_FOR_GAIN: f64 = 2.0;

/// Candidates that are refined side by side.
const SIDE_BY_SIDE: usize = 16;

/// Rows whose products are summed up together.
pub(super) const ROWS: usize = 4;

/// Candidates between the one whose second part is read and the one that memory is asked for.
const AHEAD: usize = 32;

/// Where the second part of a row has what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TailLayout {
    /// Bytes of 4-bit codes.
    codes: usize,
    /// Bytes of corrections.
    corrections: usize,
    /// Bytes of all.
    pub(super) stride: usize,
}

impl TailLayout {
    /// For so many coordinates in the second part, and so many with 4-bit codes in the first. At least half of the latter are
    /// corrected, and more where the cache line has room for it; all, where there is nothing else.
    pub(super) fn new(tail: usize, narrow: usize) -> Self {
        if tail == 0 && narrow == 0 {
            return TailLayout::default();
        }
        let codes = tail.div_ceil(HALVES);
        let all = narrow.div_ceil(QUARTERS);
        let least = codes + SIDE + if tail == 0 { all } else { all / 2 };
        let stride = least.next_multiple_of(if least > STEP { LINE } else { STEP });
        TailLayout {
            codes,
            corrections: all.min(stride - codes - SIDE),
            stride,
        }
    }

    /// How many coordinates with 4-bit codes in the first part are corrected, at most.
    pub(super) fn corrected(self) -> usize {
        self.corrections * QUARTERS
    }

    /// Bytes that kernels read at a time, or in two halves.
    fn step(self) -> usize {
        self.stride.min(LINE)
    }

    /// Where the corrections begin.
    fn corrections_at(self) -> usize {
        self.stride - SIDE - self.corrections
    }
}

/// The second part of a row.
pub(super) struct TailRow<'a> {
    /// 4-bit codes.
    pub(super) codes: &'a [u8],
    pub(super) scale: f32,
    /// How much nearer than zeros the codes are to the row.
    pub(super) gain: f32,
    /// 2-bit codes.
    pub(super) corrections: &'a [u8],
    pub(super) correction_scale: f32,
    /// How much nearer to the row the first part is with corrections.
    pub(super) correction_gain: f32,
}

/// Writes the second part of a row.
pub(super) fn write(out: &mut [u8], layout: TailLayout, row: &TailRow<'_>) {
    let Some(side) = layout.stride.checked_sub(SIDE) else {
        return;
    };
    out.fill(0);
    let (bytes, side) = out.split_at_mut(side);
    pack(&mut bytes[..layout.codes], row.codes, 4);
    pack(&mut bytes[layout.corrections_at()..], row.corrections, 2);
    side[..2].copy_from_slice(&half_near(row.scale));
    side[2..4].copy_from_slice(&half_near(row.correction_scale));
    side[4..6].copy_from_slice(&half_below(row.gain));
    side[6..].copy_from_slice(&half_below(row.correction_gain));
}

/// Writes codes of so many bits: the lowest bits of all bytes have the first codes.
fn pack(bytes: &mut [u8], codes: &[u8], bits: usize) {
    for (plane, codes) in codes.chunks(bytes.len().max(1)).enumerate() {
        for (byte, code) in bytes.iter_mut().zip(codes) {
            *byte |= code << (plane * bits);
        }
    }
}

/// The second part of a query, and its codes for corrections.
#[derive(Debug)]
pub(super) struct TailQuery {
    codes: TailCodes,
    second: Weights,
    correction: Weights,
}

/// What makes a product of a sum of products of codes, and a lower bound of a row's gain.
#[derive(Clone, Copy, Debug, Default)]
struct Weights {
    /// Takes out what is added to the rows' codes.
    start: i32,
    /// The query's scale.
    factor: f32,
    /// What a row's gain is multiplied by.
    gain: f32,
}

impl Weights {
    /// From a sum of products, with a row's scale.
    #[inline(always)]
    fn product(&self, sum: i32, scale: f32) -> f32 {
        (self.start + sum) as f32 * (scale * self.factor)
    }
}

/// A query's codes as they meet those of a row.
#[derive(Debug, Default)]
pub(super) struct TailCodes {
    /// For the lower and the upper halves of a row's first bytes; as many in each, a multiple of [`STEP`].
    pub(super) halves: [Vec<i8>; HALVES],
    /// For the quarters of its last bytes, from the lowest; as many in each, a multiple of [`STEP`]. None where nothing is
    /// corrected.
    pub(super) quarters: [Vec<i8>; QUARTERS],
}

impl TailQuery {
    /// Of the second part's coordinates: the codes, their scale, and what a row's gain is multiplied by.
    pub(super) fn new(layout: TailLayout, codes: &[i8], factor: f32, gain: f32) -> Self {
        debug_assert!(layout.stride > 0, "nothing to look up");
        let bytes = layout.codes.next_multiple_of(layout.step());
        TailQuery {
            codes: TailCodes {
                halves: planes(codes, layout.codes, 0, bytes),
                quarters: Default::default(),
            },
            second: Weights {
                start: start(codes, MIDDLE_LEVEL),
                factor,
                gain,
            },
            correction: Weights::default(),
        }
    }

    /// The same with corrections: of the first part's coordinates with 4-bit codes, as many or more.
    pub(super) fn with_corrections(
        mut self,
        layout: TailLayout,
        codes: &[i8],
        factor: f32,
        gain: f32,
    ) -> Self {
        let codes = &codes[..codes.len().min(layout.corrected())];
        let step = layout.step();
        let first = layout.corrections_at() / step * step;
        let before = layout.corrections_at() - first;
        self.codes.quarters = planes(codes, layout.corrections, before, layout.stride - first);
        self.correction = Weights {
            start: start(codes, MIDDLE_CORRECTION),
            factor,
            gain,
        };
        self
    }

    /// The bound of a row, given the bound of its first part; never above that. `side` is what stands at the row's end.
    #[inline(always)]
    fn upper(&self, first: f32, second: i32, correction: i32, side: u64) -> f32 {
        let half = |place: u32| from_half(((side >> (16 * place)) as u16).to_le_bytes());
        let product = self.second.product(second, half(0));
        let gained = half(2) * self.second.gain;
        // 2-bit codes stand for -3, -1, 1 and 3.
        let correction = self.correction.product(2 * correction, half(1));
        let gained_by_it = half(3) * self.correction.gain;
        // Of this sum: relative to the numbers in it.
        let numbers = [first, product, gained, correction, gained_by_it];
        let rounding = numbers.iter().map(|number| number.abs()).sum::<f32>() * 1e-6;
        let upper = first + product - gained + correction - gained_by_it + rounding;
        // NaN tells nothing.
        if upper < first { upper } else { first }
    }
}

/// Codes as they meet rows that are packed `width` bytes to a plane, with zeros before and after.
fn planes<const N: usize>(codes: &[i8], width: usize, before: usize, bytes: usize) -> [Vec<i8>; N] {
    let mut shares = codes.chunks(width.max(1));
    std::array::from_fn(|_| {
        let mut plane = vec![0; before];
        plane.extend_from_slice(shares.next().unwrap_or(&[]));
        plane.resize(bytes, 0);
        plane
    })
}

/// Sums of products of a query's codes with those of some rows, as these are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) second: [i32; ROWS],
    pub(super) correction: [i32; ROWS],
}

/// The second parts of all rows, and of a query.
pub(super) struct Tails<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) layout: TailLayout,
    pub(super) query: &'a TailQuery,
    /// Whether to ask memory for rows ahead: nobody has, or so long ago that they may be gone.
    pub(super) asks: bool,
}

/// Lowers the bounds of candidates from number `from` on, and drops those that are below the threshold then.
/// `sums` is given some rows' bytes and the query's codes, which are no more than these.
///
/// Some candidates at a time, in steps without branches: whether a row is dropped can't be guessed, and what comes after a
/// wrong guess would not be asked from memory.
#[inline(always)]
pub(super) fn refine(
    tails: &Tails<'_>,
    candidates: &mut Vec<Candidate>,
    from: usize,
    threshold: f32,
    sums: impl Fn([&[u8]; ROWS], &TailCodes) -> Sums,
) {
    let stride = tails.layout.stride;
    let query = tails.query;
    assert!(query.codes.fit(stride));
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
        let (mut uppers, mut rows) = ([0.0; SIDE_BY_SIDE], [0; SIDE_BY_SIDE]);
        for at in 0..SIDE_BY_SIDE {
            // At the end the last one is looked at several times.
            let candidate = candidates[first + at.min(count - 1)];
            (uppers[at], rows[at]) = (candidate.upper, candidate.row);
        }
        let (mut second, mut correction) = ([0; SIDE_BY_SIDE], [0; SIDE_BY_SIDE]);
        let mut sides = [0; SIDE_BY_SIDE];
        for at in (0..SIDE_BY_SIDE).step_by(ROWS) {
            let mut bytes = [&tails.bytes[..0]; ROWS];
            for (place, bytes) in bytes.iter_mut().enumerate() {
                ask(candidates, first + at + place + AHEAD);
                let start = rows[at + place] as usize * stride;
                *bytes = &tails.bytes[start..start + stride];
                if let Some(side) = bytes.last_chunk() {
                    sides[at + place] = u64::from_le_bytes(*side);
                }
            }
            let sums = sums(bytes, &query.codes);
            second[at..at + ROWS].copy_from_slice(&sums.second);
            correction[at..at + ROWS].copy_from_slice(&sums.correction);
        }
        for at in 0..SIDE_BY_SIDE {
            uppers[at] = query.upper(uppers[at], second[at], correction[at], sides[at]);
        }
        for at in 0..count {
            let candidate = Candidate {
                upper: uppers[at],
                row: rows[at],
            };
            candidates[kept] = candidate;
            kept += usize::from(candidate.can_reach(threshold));
        }
    }
    candidates.truncate(kept);
}

impl TailCodes {
    /// Whether all planes of a kind are as long as each other, whole steps, and no longer than a row.
    fn fit(&self, stride: usize) -> bool {
        let fits = |planes: &[Vec<i8>]| {
            let bytes = planes[0].len();
            bytes.is_multiple_of(stride.min(LINE))
                && bytes <= stride
                && planes.iter().all(|plane| plane.len() == bytes)
        };
        (stride == STEP || stride.is_multiple_of(LINE))
            && fits(&self.halves)
            && fits(&self.quarters)
    }
}

/// Asks memory for the second part of a row.
#[inline(always)]
pub(super) fn prefetch_row(bytes: &[u8], stride: usize, row: usize) {
    let start = row * stride;
    for line in (start..start + stride).step_by(LINE) {
        prefetch(bytes, line);
    }
}

/// Sums on any CPU.
pub(super) fn sums(rows: [&[u8]; ROWS], codes: &TailCodes) -> Sums {
    let mut sums = Sums::default();
    for (place, row) in rows.iter().enumerate() {
        for (plane, codes) in codes.halves.iter().enumerate() {
            for (byte, code) in row.iter().zip(codes) {
                let level = LEVELS[usize::from(byte >> (plane * 4) & 15)];
                sums.second[place] += i32::from(level) * i32::from(*code);
            }
        }
        for (plane, codes) in codes.quarters.iter().enumerate() {
            for (byte, code) in row[row.len() - codes.len()..].iter().zip(codes) {
                sums.correction[place] += i32::from(byte >> (plane * 2) & 3) * i32::from(*code);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Kernel;
    use crate::filter::CodeKernel;

    #[test]
    fn half_of_the_corrections_have_room_and_more_fill_the_cache_line() {
        for (tail, narrow, stride, corrected) in [
            (0, 0, 0, 0),
            (0, 64, 32, 64),
            (0, 384, 128, 384),
            (8, 0, 32, 0),
            (48, 0, 32, 0),
            (50, 0, 64, 0),
            (160, 192, 128, 160),
            (152, 192, 128, 176),
            (152, 64, 128, 64),
            (336, 1024, 320, 576),
        ] {
            let layout = TailLayout::new(tail, narrow);
            assert_eq!(
                (layout.stride, layout.corrected()),
                (stride, corrected),
                "{tail}, {narrow}"
            );
            assert!(layout.corrected() >= narrow / 2);
        }
    }

    proptest! {
        #[test]
        fn sums_are_the_same_on_every_kernel(
            (tail, narrow) in prop_oneof![
                (1usize..400, 0usize..400),
                (Just(0usize), 1usize..400),
            ],
            codes in prop::collection::vec(any::<i8>(), 800),
            bytes in prop::collection::vec(any::<u8>(), 20 * 512),
            count in 1usize..20,
        ) {
            let codes: Vec<i8> = codes.iter().map(|code| (*code).max(-127)).collect();
            let layout = TailLayout::new(tail, narrow);
            let query = TailQuery::new(layout, &codes[..tail], 1e-3, 1e4)
                .with_corrections(layout, &codes[400..400 + narrow], 2e-3, 2e4);
            let mut bytes = bytes[..20 * layout.stride].to_vec();
            for side in bytes.chunks_exact_mut(layout.stride) {
                // Halves that are no huge numbers.
                for high in side[layout.stride - SIDE..].iter_mut().skip(1).step_by(2) {
                    *high = 0x3F;
                }
            }
            let candidates: Vec<Candidate> =
                (0..count as u32).map(|row| Candidate { upper: 1e6, row: row * 7 % 20 }).collect();
            let tails = Tails { bytes: &bytes, layout, query: &query, asks: true };
            let refined = |kernel| {
                let mut candidates = candidates.clone();
                CodeKernel::of(kernel).refine(&tails, &mut candidates, 0, 0.0);
                candidates
            };
            let expected = refined(Kernel::Scalar);
            for (candidate, row) in expected.iter().zip(&candidates) {
                // One row after the other, from the codes as they were packed.
                let row = &bytes[row.row as usize * layout.stride..][..layout.stride];
                let at = |codes: &[i8], width: usize, bits: usize, from: usize, value: fn(u8) -> i32| -> i32 {
                    let one = |(place, code): (usize, &i8)| {
                        let byte = row[from + place % width] >> (place / width * bits) & ((1 << bits) - 1);
                        value(byte) * i32::from(*code)
                    };
                    codes.iter().enumerate().map(one).sum()
                };
                let second = at(&codes[..tail], layout.codes, 4, 0, |code| i32::from(LEVELS[usize::from(code)]) - 63);
                let corrected = &codes[400..400 + narrow.min(layout.corrected())];
                let correction = at(corrected, layout.corrections.max(1), 2, layout.corrections_at(), |code| 2 * i32::from(code) - 3);
                let half = |place: usize| {
                    let at = layout.stride - SIDE + 2 * place;
                    f64::from(from_half([row[at], row[at + 1]]))
                };
                let upper = 1e6 + f64::from(second) * half(0) * 1e-3 - half(2) * 1e4
                    + f64::from(correction) * half(1) * 2e-3 - half(3) * 2e4;
                prop_assert!((f64::from(candidate.upper) - upper.min(1e6)).abs() < 8.0, "{} {}", candidate.upper, upper);
            }
            for kernel in Kernel::available() {
                prop_assert_eq!(&refined(kernel), &expected, "{}", kernel);
            }
        }
    }
}
