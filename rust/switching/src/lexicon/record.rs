//! A record of the compiled form: an entry or a word form, read in place.

use super::format::{
    FORM, Place, RECORD_HEAD, SHARED, SHARING, SPELLED, WEIGHTED, u16_at, u32_at, u64_at,
};
use super::normalise::caseless;
use crate::weighted::{pick, uniform_of};

/// One entry or word form, within the bytes that start with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'l> {
    bytes: &'l [u8],
    head: u64,
}

impl<'l> Record<'l> {
    #[inline]
    pub(super) fn read(bytes: &'l [u8]) -> Option<Self> {
        Some(Record {
            bytes,
            head: u64_at(bytes, 0)?,
        })
    }

    /// The record's bytes, and all after it.
    pub(super) fn bytes(&self) -> &'l [u8] {
        self.bytes
    }

    #[inline]
    fn has(&self, flags: u16) -> bool {
        (self.head >> 16) as u16 & flags != 0
    }

    fn source_length(&self) -> usize {
        usize::from(self.head as u16)
    }

    fn is_weighted(&self) -> bool {
        self.has(WEIGHTED)
    }

    /// Whether it is a word form.
    #[inline]
    pub(super) fn is_form(&self) -> bool {
        self.has(FORM)
    }

    /// Whether it is the only entry of its normal form, whatever is around the tokens in a text.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !self.has(FORM | SHARED)
    }

    /// Whether it holds the targets of the entries after it together.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        self.has(SHARED)
    }

    /// Whether it is one of the entries after a shared record.
    pub(super) fn is_sharing(&self) -> bool {
        self.has(SHARING)
    }

    /// Zero, of a word form.
    fn target_count(&self) -> usize {
        usize::from((self.head >> 32) as u16)
    }

    /// The base's record, of a word form.
    pub(super) fn base(&self) -> Option<Place> {
        std::num::NonZeroU32::new(u32_at(self.bytes, RECORD_HEAD)?).map(Place)
    }

    #[inline]
    fn source_start(&self) -> usize {
        // In numbers, not branches: what a record is comes without a pattern.
        let lengths_and_thresholds = (4 * self.target_count()).saturating_sub(2);
        RECORD_HEAD + 4 * usize::from(self.is_form()) + lengths_and_thresholds
    }

    /// The source and all bytes after it, and the length of the source.
    #[inline]
    pub(super) fn source_bytes(&self) -> (&'l [u8], usize) {
        let bytes = self.bytes.get(self.source_start()..);
        (bytes.unwrap_or_default(), self.source_length())
    }

    pub(super) fn source(&self) -> &'l str {
        let (bytes, length) = self.source_bytes();
        let source = bytes.get(..length).unwrap_or_default();
        std::str::from_utf8(source).unwrap_or_default()
    }

    #[inline]
    fn target_length(&self, index: usize) -> Option<usize> {
        u16_at(self.bytes, RECORD_HEAD + 2 * index).map(usize::from)
    }

    /// As many of the numbers at `start` as [`LANES`], whatever they are numbers of.
    #[inline]
    fn lanes(&self, start: usize) -> Option<&'l [u8; 2 * LANES]> {
        self.bytes.get(start..)?.first_chunk()
    }

    fn targets_start(&self) -> usize {
        self.source_start() + self.source_length()
    }

    fn weights_start(&self) -> Option<usize> {
        let targets = (0..self.target_count()).map(|index| self.target_length(index));
        targets
            .sum::<Option<usize>>()
            .map(|length| self.targets_start() + length)
    }

    fn weights_end(&self) -> Option<usize> {
        let of_each = 8 * usize::from(self.is_weighted());
        Some(self.weights_start()? + of_each * self.target_count())
    }

    /// Bytes of the record, padding left aside.
    pub(super) fn size(&self) -> Option<usize> {
        let end = self.weights_end()?;
        if self.has(SPELLED) {
            Some(end + SPELLING_HEAD + usize::from(u16_at(self.bytes, end)?))
        } else {
            Some(end)
        }
    }

    /// How the source is spelled.
    pub(super) fn spelling(&self) -> Spelling<'l> {
        self.own_spelling().unwrap_or(Spelling {
            text: self.source(),
            before: 0,
            after: 0,
        })
    }

    /// The spelling, where it is not the normal form.
    fn own_spelling(&self) -> Option<Spelling<'l>> {
        if !self.has(SPELLED) {
            return None;
        }
        let start = self.weights_end()?;
        let [length, before, after] = [0, 2, 4].map(|at| u16_at(self.bytes, start + at));
        let bytes = self.bytes.get(start + SPELLING_HEAD..)?;
        Some(Spelling {
            text: std::str::from_utf8(bytes.get(..usize::from(length?))?).ok()?,
            before: before?,
            after: after?,
        })
    }

    /// The first target as [`Record::target_bytes`] gives it.
    #[inline]
    pub(super) fn first_target_bytes(&self) -> Option<(&'l [u8], usize)> {
        self.bytes_at(self.targets_start(), self.target_length(0)?)
    }

    /// A target's bytes with more behind them, and its length.
    #[inline]
    pub(super) fn target_bytes(&self, index: usize) -> Option<(&'l [u8], usize)> {
        let start = self.targets_start() + self.length_before(index)?;
        self.bytes_at(start, self.target_length(index)?)
    }

    #[inline]
    fn bytes_at(&self, start: usize, length: usize) -> Option<(&'l [u8], usize)> {
        let bytes = self.bytes.get(start..)?;
        (length <= bytes.len()).then_some((bytes, length))
    }

    /// The sum of the lengths of the targets before one.
    #[inline]
    fn length_before(&self, index: usize) -> Option<usize> {
        let Some(counts) = FIRST.get(index) else {
            return (0..index).map(|other| self.target_length(other)).sum();
        };
        // Which target is drawn can't be predicted, so there is no branch on it.
        let (lengths, _) = self.lanes(RECORD_HEAD)?.as_chunks::<2>();
        let mut sum = 0;
        for (length, counts) in lengths.iter().zip(counts) {
            sum += u32::from(u16::from_le_bytes(*length) & counts);
        }
        Some(sum as usize)
    }

    fn target(&self, index: usize) -> Option<&'l str> {
        let (bytes, length) = self.target_bytes(index)?;
        std::str::from_utf8(bytes.get(..length)?).ok()
    }

    /// A target's weight, the weights being at `start`.
    fn weight(&self, start: usize, index: usize) -> f64 {
        if self.is_weighted() {
            f64::from_bits(u64_at(self.bytes, start + 8 * index).unwrap_or_default())
        } else {
            1.0
        }
    }

    pub(super) fn targets(self) -> impl Iterator<Item = (&'l str, f64)> + use<'l> {
        let start = self.weights_start().unwrap_or_default();
        (0..self.target_count())
            .map_while(move |index| Some((self.target(index)?, self.weight(start, index))))
    }

    /// The target that `number()`, below 2^53, draws by weight.
    #[inline(always)]
    pub(super) fn draw(&self, number: impl FnOnce() -> u64) -> (&'l [u8], usize) {
        let target = if self.target_count() > 1 {
            self.target_bytes(self.drawn(number()))
        } else {
            self.first_target_bytes()
        };
        target.unwrap_or_default()
    }

    /// What [`pick`] gives, by the thresholds, without a branch on how they compare.
    #[inline(never)]
    fn drawn(&self, number: u64) -> usize {
        let count = self.target_count();
        let upper = (number >> THRESHOLD_SHIFT) & u64::from(MOST_THRESHOLD);
        let of_each = u128::from(upper * ONES) << 64 | u128::from(upper * ONES);
        let mut first = 0;
        // Thresholds never fall, so the first that is not below ends the count.
        while first + 1 < count {
            let used = (count - first - 1).min(LANES);
            let lanes = self.lanes(RECORD_HEAD + 2 * (count + first));
            let lanes = u128::from_le_bytes(*lanes.unwrap_or(&[0; 2 * LANES]));
            // The highest bit of each lane, which no threshold has, stays set where nothing is borrowed from it.
            let not_below = ((lanes | HIGHEST) - of_each) & HIGHEST;
            let lane = not_below.trailing_zeros() as usize / 16;
            if lane < used {
                let threshold = (lanes >> (16 * lane)) as u16;
                let is_sure = u64::from(threshold) != upper;
                return if is_sure {
                    first + lane
                } else {
                    self.pick(number)
                };
            }
            first += used;
        }
        count.saturating_sub(1)
    }

    #[cold]
    fn pick(&self, number: u64) -> usize {
        let start = self.weights_start().unwrap_or_default();
        let weight = |index| self.weight(start, index);
        pick(self.target_count(), weight, uniform_of(number))
    }
}

/// How a source is spelled, and how many of its bytes come before its first token and after its last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelling<'l> {
    pub(super) text: &'l str,
    pub(super) before: u16,
    pub(super) after: u16,
}

impl Spelling<'_> {
    /// Whether a text has the spelling around and at the tokens `text[first..last]`: nothing if it hasn't, else
    /// whether with the same case.
    pub(super) fn fit(
        &self,
        text: &str,
        (first, last): (usize, usize),
        is_dotless: bool,
    ) -> Option<bool> {
        let (before, after) = (usize::from(self.before), usize::from(self.after));
        let (head, rest) = self.text.split_at_checked(before)?;
        let (tokens, tail) = rest.split_at_checked(rest.len().checked_sub(after)?)?;
        let is_around = text.get(..first)?.ends_with(head) && text.get(last..)?.starts_with(tail);
        let found = text.get(first..last).filter(|_| is_around)?;
        if found == tokens {
            return Some(true);
        }
        let is_same = caseless(found, is_dotless).eq(caseless(tokens, is_dotless));
        is_same.then_some(false)
    }
}

/// The thresholds of weights: for each target but the last the upper 15 of the 53 bits from which on
/// [`pick`] gives a later one. Numbers with the same upper bits need the weights themselves.
pub(super) fn thresholds(weights: &[f64]) -> impl Iterator<Item = u16> {
    let total: f64 = weights.iter().sum();
    let sums = weights.iter().scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    let threshold = move |sum: f64| {
        let is_later = |upper: u64| sum <= uniform_of(upper << THRESHOLD_SHIFT) * total;
        let (mut least, mut most) = (0, u64::from(MOST_THRESHOLD) + 1);
        while most - least > 1 {
            let middle = (least + most) / 2;
            if is_later(middle) {
                most = middle;
            } else {
                least = middle;
            }
        }
        least as u16
    };
    sums.map(threshold).take(weights.len().saturating_sub(1))
}

/// Bytes before a spelling: its length, and those of what is before and after its tokens.
pub(super) const SPELLING_HEAD: usize = 6;
/// Lengths or thresholds that are read at a time.
const LANES: usize = 8;
/// From the 53 bits of a number to those that thresholds have.
const THRESHOLD_SHIFT: u32 = 38;
/// The greatest threshold.
const MOST_THRESHOLD: u16 = 0x7FFF;
/// One in each of four lanes.
const ONES: u64 = 0x0001_0001_0001_0001;
/// The highest bit of each lane.
const HIGHEST: u128 = 0x8000_8000_8000_8000_8000_8000_8000_8000;

/// Masks for the first lanes, by their number.
const FIRST: [[u16; LANES]; LANES] = {
    let mut masks = [[0; LANES]; LANES];
    let mut index = 0;
    while index < LANES * LANES {
        if index % LANES < index / LANES {
            masks[index / LANES][index % LANES] = u16::MAX;
        }
        index += 1;
    }
    masks
};
