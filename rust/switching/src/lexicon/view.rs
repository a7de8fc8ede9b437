//! The parts of a compiled buffer, read in place: header, filters, hash table, records.

use std::num::NonZeroU32;
use std::ops::Range;

use foundation::prefetch::prefetch;

use crate::{Error, Result};

use super::description::Description;
use super::format::{
    BUCKET, CHECKSUM, FIXED_HEADER, FORMAT_VERSION, HAS_LONGER, MAGIC, NODES, Place, TAIL,
    checksum_of, damaged, filter_bits, home_bucket, not_a_lexicon, u32_at, u64_at,
};
use super::normalise::is_dotless;
use super::record::Record;

/// Bytes that a near cache keeps beside all else.
const NEAR: usize = 1 << 18;
/// Where everything is in a compiled buffer, read from its header.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) description: Description,
    pub(super) entry_count: usize,
    pub(super) form_count: usize,
    has_words: bool,
    first_filter: Range<usize>,
    pair_filter: Range<usize>,
    buckets: Range<usize>,
    longest_probe: usize,
    records: Range<usize>,
    is_dotless: bool,
}

/// The parts of a compiled buffer that lookups read.
#[derive(Clone, Copy, Debug, Default)]
pub struct View<'l> {
    has_words: bool,
    first_filter: &'l [[u8; 8]],
    pair_filter: &'l [[u8; 8]],
    buckets: &'l [[u8; BUCKET]],
    records: &'l [u8],
    longest_probe: usize,
    /// The small letter of `I` is `ı` in the sources' language.
    pub(super) is_dotless: bool,
}

/// A node of the table: a token sequence that some source is or starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node(u32);

impl Node {
    /// Whether longer sources start with the sequence.
    #[inline]
    pub(crate) fn has_longer(self) -> bool {
        self.0 & HAS_LONGER != 0
    }

    /// Where the record is, if the sequence is a source or a word form.
    #[inline]
    pub(crate) fn place(self) -> Option<Place> {
        NonZeroU32::new(self.0 & !HAS_LONGER).map(Place)
    }
}

#[inline]
fn may_have(filter: &[[u8; 8]], hash: u64) -> bool {
    let (word, bits) = filter_bits(hash, filter.len());
    filter
        .get(word)
        .is_some_and(|word| u64::from_le_bytes(*word) & bits == bits)
}

impl Layout {
    /// Checks the buffer and reads its header.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let head = bytes
            .get(..FIXED_HEADER.min(bytes.len()))
            .unwrap_or_default();
        if !head.starts_with(MAGIC) {
            let cut = MAGIC.starts_with(head) && !head.is_empty();
            return Err(if cut {
                damaged("truncated")
            } else {
                not_a_lexicon()
            });
        }
        let truncated = || damaged("truncated");
        let version = u32_at(bytes, 8).ok_or_else(truncated)?;
        if version != FORMAT_VERSION {
            return Err(Error::input(
                format!("compiled lexicon of format version {version}, this is {FORMAT_VERSION}"),
                "compile it again with this version",
            ));
        }
        let length = u64_at(bytes, 16).ok_or_else(truncated)?;
        if length != bytes.len() as u64 {
            return Err(damaged(&format!(
                "{} bytes, {length} expected",
                bytes.len()
            )));
        }
        if u64_at(bytes, CHECKSUM.start) != Some(checksum_of(bytes)) {
            return Err(damaged("wrong checksum"));
        }
        Self::read_header(bytes).ok_or_else(|| damaged("impossible header"))
    }

    fn read_header(bytes: &[u8]) -> Option<Self> {
        let size = |at| usize::try_from(u64_at(bytes, at)?).ok();
        let (bucket_count, records_length) = (size(32)?, size(40)?);
        let (first_bits, pair_bits) = (size(48)?, size(56)?);
        let mut at = FIXED_HEADER;
        let mut string = |field: usize| -> Option<String> {
            let length = u32_at(bytes, 80 + 4 * field)? as usize;
            let text = bytes.get(at..at.checked_add(length)?)?;
            at += length;
            Some(std::str::from_utf8(text).ok()?.to_owned())
        };
        let description = Description {
            source_language: string(0)?,
            target_language: string(1)?,
            licence: string(2)?,
            provenance: string(3)?,
            left_out: u32_at(bytes, 76)?,
        };
        let first_start = at.next_multiple_of(BUCKET);
        let pair_start = first_start.checked_add(first_bits / 8)?;
        let buckets_start = pair_start.checked_add(pair_bits / 8)?;
        let records_start = buckets_start.checked_add(bucket_count.checked_mul(BUCKET)?)?;
        let records = records_start..records_start.checked_add(records_length)?;
        let is_filter = |bits: usize| bits == 0 || bits >= 8 * BUCKET && bits.is_power_of_two();
        let is_whole = records.end == bytes.len() && bucket_count > 0;
        (is_whole && is_filter(first_bits) && is_filter(pair_bits)).then_some(Layout {
            is_dotless: is_dotless(&description.source_language),
            description,
            entry_count: u32_at(bytes, 64)? as usize,
            has_words: u32_at(bytes, 68)? > 0 || u32_at(bytes, 72)? > 0,
            form_count: u32_at(bytes, 72)? as usize,
            first_filter: first_start..pair_start,
            pair_filter: pair_start..buckets_start,
            buckets: buckets_start..records_start,
            // No more than there are, whatever a forged file says.
            longest_probe: (u32_at(bytes, 12)? as usize).min(bucket_count),
            records,
        })
    }

    /// The parts that lookups read.
    #[inline]
    pub(super) fn view<'l>(&self, bytes: &'l [u8]) -> View<'l> {
        let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        View {
            has_words: self.has_words,
            first_filter: part(&self.first_filter).as_chunks().0,
            pair_filter: part(&self.pair_filter).as_chunks().0,
            buckets: part(&self.buckets).as_chunks().0,
            records: part(&self.records),
            longest_probe: self.longest_probe,
            is_dotless: self.is_dotless,
        }
    }
}

impl<'l> View<'l> {
    /// Whether some source or word form is a single token.
    #[inline]
    pub(crate) fn has_words(&self) -> bool {
        self.has_words
    }

    /// Whether some source is a phrase.
    #[inline]
    pub(crate) fn has_phrases(&self) -> bool {
        !self.pair_filter.is_empty()
    }

    /// Whether the filter of pairs is too large for a near cache.
    #[inline]
    pub(crate) fn has_far_pairs(&self) -> bool {
        self.pair_filter.as_flattened().len() > NEAR
    }

    /// Whether a token may be the first of a phrase.
    #[inline]
    pub(crate) fn may_start_phrase(&self, hash: u64) -> bool {
        may_have(self.first_filter, hash)
    }

    /// Whether a pair of tokens may start a phrase.
    #[inline]
    pub(crate) fn may_be_pair(&self, hash: u64) -> bool {
        may_have(self.pair_filter, hash)
    }

    /// Asks memory for the place of a pair of tokens in their filter.
    #[inline]
    pub(crate) fn prefetch_pair(&self, hash: u64) {
        let (word, _) = filter_bits(hash, self.pair_filter.len());
        prefetch(self.pair_filter, word);
    }

    /// Asks memory for the bucket that a search for the hash reads first.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, hash: u64) {
        let at = home_bucket(hash, self.buckets.len());
        prefetch(self.buckets.as_flattened(), at * BUCKET);
    }

    /// Asks memory for the start of a record, or for what is there anyway.
    #[inline]
    pub(crate) fn prefetch_record(&self, place: Option<Place>) {
        let start = place.map_or(0, Place::byte);
        prefetch(self.records, start);
        prefetch(self.records, start + BUCKET - 1);
    }

    /// The node of a token sequence, or with a chance below one in 2^28 that of another one.
    #[inline]
    pub(crate) fn find(&self, hash: u64) -> Option<Node> {
        let home = home_bucket(hash, self.buckets.len());
        let (value, last) = self.find_in(home, hash)?;
        // All bits set where the value is zero: one branch that is seldom taken, not two that often are.
        let is_absent = (u64::from(value).wrapping_sub(1) >> 32) as u32;
        if is_absent & last != 0 {
            return self.find_after(home, hash);
        }
        (value != 0).then_some(Node(value))
    }

    /// The value of a hash in a bucket, zero if it is not there, and the last value of the bucket, zero if it is
    /// not full. There is no branch to mispredict: whether a token is in a lexicon is all but random.
    #[inline]
    fn find_in(&self, bucket: usize, hash: u64) -> Option<(u32, u32)> {
        let (words, _) = self.buckets.get(bucket)?.as_chunks::<4>();
        let (hashes, values) = words.split_first_chunk::<NODES>()?;
        let values = values.first_chunk::<NODES>()?;
        let mut bits = [0u32; NODES];
        for (index, (bit, low)) in bits.iter_mut().zip(hashes).enumerate() {
            let is_same = u32::from_le_bytes(*low) == hash as u32;
            *bit = if is_same { 1 << index } else { 0 };
        }
        let same = bits.iter().fold(0, |same, bit| same | bit);
        let value = u32::from_le_bytes(values[same.trailing_zeros() as usize % NODES]);
        let found = if same == 0 { 0 } else { value };
        Some((found, u32::from_le_bytes(values[NODES - 1])))
    }

    #[cold]
    fn find_after(&self, home: usize, hash: u64) -> Option<Node> {
        let count = self.buckets.len();
        for step in 1..self.longest_probe {
            let (value, last) = self.find_in((home + step) % count, hash)?;
            if value != 0 {
                return Some(Node(value));
            }
            if last == 0 {
                break;
            }
        }
        None
    }

    /// The record at a place.
    #[inline]
    pub(super) fn record(&self, place: Place) -> Option<Record<'l>> {
        Record::read(self.records.get(place.byte()..)?)
    }

    /// The record with the targets of `record`: its own, or that of its base.
    #[inline]
    pub(super) fn base(&self, record: Record<'l>) -> Option<Record<'l>> {
        if !record.is_form() {
            return Some(record);
        }
        self.record(record.base()?).filter(|base| !base.is_form())
    }

    /// All records in order.
    pub(super) fn records(self) -> impl Iterator<Item = Record<'l>> + use<'l> {
        records_from(self.records)
    }

    /// The entries of which a record holds the targets together.
    pub(super) fn sharing(self, shared: Record<'l>) -> impl Iterator<Item = Record<'l>> + use<'l> {
        let after = records_from(shared.bytes()).skip(1);
        after.take_while(Record::is_sharing)
    }
}

/// The records of bytes that start with one.
fn records_from<'l>(bytes: &'l [u8]) -> impl Iterator<Item = Record<'l>> + use<'l> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        // The zeros belong to what may be read of the last record.
        let record = Record::read(rest).filter(|_| rest.len() > TAIL)?;
        rest = rest.get(record.size()?.next_multiple_of(4)..)?;
        Some(record)
    })
}
