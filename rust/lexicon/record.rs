//! A record of the compiled form: an entry or a word form, read in place.

use super::format::{FORM, Place, RECORD_HEAD, WEIGHTED};

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

    fn source_length(&self) -> usize {
        usize::from(self.head as u16)
    }

    fn is_weighted(&self) -> bool {
        (self.head >> 16) as u16 & WEIGHTED != 0
    }

    /// Whether it is a word form.
    #[inline]
    pub(super) fn is_form(&self) -> bool {
        (self.head >> 16) as u16 & FORM != 0
    }

    fn target_count(&self) -> usize {
        usize::from((self.head >> 32) as u16) * usize::from(!self.is_form())
    }

    /// The base's record, of a word form.
    pub(super) fn base(&self) -> Option<Place> {
        std::num::NonZeroU32::new(u32_at(self.bytes, RECORD_HEAD)?).map(Place)
    }

    #[inline]
    fn source_start(&self) -> usize {
        // In numbers, not branches: weights come without a pattern.
        let of_each = 2 + 8 * usize::from(self.is_weighted());
        let of_form = 4 * usize::from(self.is_form());
        RECORD_HEAD + of_form + self.target_count() * of_each
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

    fn lengths_start(&self) -> usize {
        RECORD_HEAD + 8 * usize::from(self.is_weighted()) * self.target_count()
    }

    #[inline]
    fn target_length(&self, index: usize) -> Option<usize> {
        u16_at(self.bytes, self.lengths_start() + 2 * index).map(usize::from)
    }

    fn targets_start(&self) -> usize {
        self.source_start() + self.source_length()
    }

    /// Bytes of the record, padding left aside.
    pub(super) fn size(&self) -> Option<usize> {
        let targets = (0..self.target_count()).map(|index| self.target_length(index));
        targets
            .sum::<Option<usize>>()
            .map(|length| self.targets_start() + length)
    }

    /// A target's bytes with more behind them, and its length.
    #[inline]
    pub(super) fn target_bytes(&self, index: usize) -> Option<(&'l [u8], usize)> {
        let mut start = self.targets_start();
        let mut length = 0;
        // Which target is drawn can't be predicted, so all lengths are read.
        for other in 0..self.target_count() {
            let own = self.target_length(other)?;
            start += if other < index { own } else { 0 };
            length = if other == index { own } else { length };
        }
        let bytes = self.bytes.get(start..)?;
        (length <= bytes.len()).then_some((bytes, length))
    }

    fn target(&self, index: usize) -> Option<&'l str> {
        let (bytes, length) = self.target_bytes(index)?;
        std::str::from_utf8(bytes.get(..length)?).ok()
    }

    #[inline]
    fn weight(&self, index: usize) -> f64 {
        let bits = u64_at(self.bytes, RECORD_HEAD + 8 * index).unwrap_or_default();
        let one = 1f64.to_bits();
        f64::from_bits(if self.is_weighted() { bits } else { one })
    }

    pub(super) fn targets(self) -> impl Iterator<Item = (&'l str, f64)> + use<'l> {
        (0..self.target_count())
            .map_while(move |index| Some((self.target(index)?, self.weight(index))))
    }

    #[inline]
    pub(super) fn draw(&self, uniform: impl FnOnce() -> f64) -> (&'l [u8], usize) {
        let count = self.target_count();
        let index = if count <= 2 {
            self.pick_of_two(uniform())
        } else if self.is_weighted() {
            self.pick(uniform())
        } else {
            ((uniform() * count as f64) as usize).min(count - 1)
        };
        self.target_bytes(index).unwrap_or_default()
    }

    /// As [`Record::pick`], of one target or two: the second of one weighs nothing.
    #[inline]
    fn pick_of_two(&self, uniform: f64) -> usize {
        let is_two = self.target_count() == 2;
        let first = self.weight(0);
        let second = self.weight(1) * f64::from(u8::from(is_two));
        usize::from(is_two & (first <= uniform * (first + second)))
    }

    /// What [`pick`](crate::weighted::pick) gives for positive weights, without a branch to mispredict.
    fn pick(&self, uniform: f64) -> usize {
        let count = self.target_count();
        let total = (0..count).fold(0.0, |sum, index| sum + self.weight(index));
        let threshold = uniform * total;
        let mut sum = 0.0;
        let mut below = 0;
        for index in 0..count - 1 {
            sum += self.weight(index);
            below += usize::from(sum <= threshold);
        }
        below
    }
}

#[inline]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}

#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}
