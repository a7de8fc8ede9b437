//! The compiled form: one little-endian buffer, read in place and always within bounds.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `\x89CSLEX\r\n` |
//! | 4, 4 | format version; longest run of buckets that a search goes through |
//! | 8, 8 | length of the whole; checksum of everything but these 8 bytes |
//! | 8, 8 | number of buckets; length of the records |
//! | 8, 8 | bits of the filters of first tokens and of pairs: powers of two from 512, or 0 without phrases |
//! | 4, 4, 4, 4 | number of entries; of those of one token; of word forms; of entries left out when compiled |
//! | 4 × 4 | lengths of source language, target language, licence, provenance |
//! | | these four as UTF-8, padded with zeros to a multiple of 64 |
//! | | filter of first tokens, filter of pairs |
//! | 64 each | buckets |
//! | | records, each padded with zeros to a multiple of 4, and 32 zeros |
//!
//! A *node* is a token sequence that some source is or starts with. It is found by its 64-bit hash: its bucket
//! is number `hash * buckets >> 64`, or, while these are full, the next. A *bucket* holds eight nodes: the low
//! halves of their hashes (8 × 4 bytes), then their values (8 × 4 bytes): one bit that says that longer sources
//! start with it, above 31 bits that say where its record is, in units of 4 bytes, plus one (zero: the sequence
//! is a proper prefix only). A value of zero is a free place; places fill up from the first.
//!
//! The *filters* have two bits set for each token that starts a phrase, and for each two tokens that do: in the
//! 64-bit word `(hash >> 32) mod words` the bits `hash mod 64` and `(hash >> 6) mod 64`. They are far
//! smaller than the table, and most tokens that start no phrase cost no search for one.
//!
//! A *record* is an entry: length of the source, flags, number of targets, zero (2 bytes each); the length of
//! each target (2 bytes); the threshold of each target but the last (2 bytes); the source in normal form; the
//! targets, the heaviest first; if flag 1 is set a weight of 8 bytes for each target, else all weigh 1. If
//! flag 2 is set it is a *word form*: its source is an inflected form, it has no targets, and instead of them
//! the place of its base's record (4 bytes, as in a bucket) stands before the source. If flag 4 is set the
//! source is spelled otherwise than in normal form, and at the end stand the length of the spelling, of what
//! of it comes before its first token, and after its last (2 bytes each), and the spelling.
//!
//! Where sources of several spellings have one normal form, or where one has more than its tokens (`c++`), a
//! record with flag 8 holds the targets of all, each with its greatest weight. The entries themselves are the
//! records right after it, with flag 16, which no bucket gives the place of.
//!
//! The *thresholds* save the sums of weights when a target is drawn by a number of 53 bits: of the numbers
//! that draw the target or one before it, the greatest multiple of 2^38, over 2^38. Where the number's upper
//! 15 bits are greater than the threshold a later target is drawn, where they are less none is, and where they
//! are the same the weights decide.

use std::ops::Range;

use crate::{Error, Result};

use super::compile::Description;
use super::normalise::is_dotless;
use super::record::{Record, u32_at, u64_at};
use foundation::hash::{WINDOW, checksum};
use foundation::prefetch::prefetch;

/// The version that is written and read; it covers layout, hash, tokens and normal form.
pub const FORMAT_VERSION: u32 = 4;

pub(super) const MAGIC: &[u8; 8] = b"\x89CSLEX\r\n";
pub(super) const FIXED_HEADER: usize = 96;
pub(super) const CHECKSUM: Range<usize> = 24..32;
pub(super) const WEIGHTED: u16 = 1;
pub(super) const FORM: u16 = 2;
pub(super) const SPELLED: u16 = 4;
pub(super) const SHARED: u16 = 8;
pub(super) const SHARING: u16 = 16;
pub(super) const RECORD_HEAD: usize = 8;
pub(super) const HAS_LONGER: u32 = 1 << 31;
/// Bytes of a bucket, a cache line, and what its start is a multiple of.
pub(super) const BUCKET: usize = 64;
/// Nodes of a bucket.
pub(super) const NODES: usize = 8;
/// Bytes that a near cache keeps beside all else.
const NEAR: usize = 1 << 18;
/// Zeros after the records, so that a source can be read as a window.
pub(super) const TAIL: usize = 2 * WINDOW;

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
        std::num::NonZeroU32::new(self.0 & !HAS_LONGER).map(Place)
    }
}

/// Where a record is: its first byte among the records over 4, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(pub(super) std::num::NonZeroU32);

impl Place {
    fn byte(self) -> usize {
        (self.0.get() as usize - 1) * 4
    }
}

pub(super) fn not_a_lexicon() -> Error {
    Error::input(
        "not a compiled lexicon",
        "give a .cslex file, or a word list to compile",
    )
}

fn damaged(what: &str) -> Error {
    Error::input(
        format!("the compiled lexicon is damaged ({what})"),
        "compile or fetch it again",
    )
}

/// The checksum that belongs into a buffer.
pub(super) fn checksum_of(bytes: &[u8]) -> u64 {
    let before = bytes.get(..CHECKSUM.start).unwrap_or_default();
    let after = bytes.get(CHECKSUM.end..).unwrap_or_default();
    checksum(after) ^ checksum(before).rotate_left(1)
}

/// Writes the length and the checksum that belong into a buffer, so that a fuzzer reaches what is behind them.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn mend(bytes: &mut [u8]) {
    let length = bytes.len() as u64;
    if let Some(place) = bytes.get_mut(16..24) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let sum = checksum_of(bytes);
    if let Some(place) = bytes.get_mut(CHECKSUM) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

/// The bucket in which the search for a hash starts.
#[inline]
pub(super) fn home_bucket(hash: u64, buckets: usize) -> usize {
    ((u128::from(hash) * buckets as u128) >> 64) as usize
}

/// The word of a filter of so many words that belongs to a hash, and its bits there.
#[inline]
pub(super) fn filter_bits(hash: u64, words: usize) -> (usize, u64) {
    let word = (hash >> 32) as usize & (words.wrapping_sub(1));
    (word, 1 << (hash & 63) | 1 << (hash >> 6 & 63))
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
