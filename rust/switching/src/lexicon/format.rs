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

use std::num::NonZeroU32;
use std::ops::Range;

use foundation::hash::{WINDOW, checksum};

use crate::Error;

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
/// Zeros after the records, so that a source can be read as a window.
pub(super) const TAIL: usize = 2 * WINDOW;

pub(super) fn not_a_lexicon() -> Error {
    Error::input(
        "not a compiled lexicon",
        "give a .cslex file, or a word list to compile",
    )
}

pub(super) fn damaged(what: &str) -> Error {
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

/// Where a record is: its first byte among the records over 4, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(pub(super) NonZeroU32);

impl Place {
    pub(super) fn byte(self) -> usize {
        (self.0.get() as usize - 1) * 4
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
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}
