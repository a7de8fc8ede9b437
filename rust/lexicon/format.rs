//! The compiled form: one little-endian buffer, read in place and always within bounds.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `\x89CSLEX\r\n` |
//! | 4, 4 | format version; longest probe sequence of the table |
//! | 8, 8 | length of the whole; checksum of everything but these 8 bytes |
//! | 8, 8 | number of slots; length of the records |
//! | 4, 4 | number of entries; number of entries left out when it was compiled |
//! | 4 × 4 | lengths of source language, target language, licence, provenance |
//! | | these four as UTF-8, padded with zeros to a multiple of 8 |
//! | 8 each | slots |
//! | | records, each padded with zeros to a multiple of 4 |
//!
//! A *slot* is empty (zero) or a node: the low 32 bits of the hash of a token sequence above one bit that says
//! that longer sources start with it above 31 bits that say where its record is, in units of 4 bytes, plus
//! one (zero: the sequence is a proper prefix only). The slot of a hash is `hash * slots >> 64`, or the
//! next free one after it.
//!
//! A *record* is an entry: length of the source, flags, number of targets, zero (2 bytes each); if flag 1
//! is set a weight of 8 bytes for each target, else all weigh 1; the length of each target (2 bytes); the
//! source in normal form; the targets, the heaviest first.

use std::ops::Range;

use crate::{Error, Result};

use super::compile::Description;
use super::hash::checksum;

/// The version that is written and read; it covers layout, hash, tokens and normal form.
pub const FORMAT_VERSION: u32 = 1;

pub(super) const MAGIC: &[u8; 8] = b"\x89CSLEX\r\n";
pub(super) const FIXED_HEADER: usize = 72;
pub(super) const CHECKSUM: Range<usize> = 24..32;
pub(super) const WEIGHTED: u16 = 1;
pub(super) const RECORD_HEAD: usize = 8;
pub(super) const HAS_LONGER: u32 = 1 << 31;

/// Where everything is in a compiled buffer, read from its header.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) description: Description,
    pub(super) entry_count: usize,
    slots: Range<usize>,
    slot_count: u64,
    longest_probe: u32,
    records: Range<usize>,
}

/// A node of the table: a token sequence that some source is or starts with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node(u32);

impl Node {
    #[inline]
    pub(super) fn has_longer(self) -> bool {
        self.0 & HAS_LONGER != 0
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

/// The slot in which the search for a hash starts.
#[inline]
pub(super) fn home_slot(hash: u64, slot_count: u64) -> u64 {
    ((u128::from(hash) * u128::from(slot_count)) >> 64) as u64
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
        let slot_count = u64_at(bytes, 32)?;
        let records_length = usize::try_from(u64_at(bytes, 40)?).ok()?;
        let mut at = FIXED_HEADER;
        let mut string = |field: usize| -> Option<String> {
            let length = u32_at(bytes, 56 + 4 * field)? as usize;
            let text = bytes.get(at..at.checked_add(length)?)?;
            at += length;
            Some(std::str::from_utf8(text).ok()?.to_owned())
        };
        let description = Description {
            source_language: string(0)?,
            target_language: string(1)?,
            licence: string(2)?,
            provenance: string(3)?,
            left_out: u32_at(bytes, 52)?,
        };
        let slots_start = at.next_multiple_of(8);
        let slots_length = usize::try_from(slot_count).ok()?.checked_mul(8)?;
        let records_start = slots_start.checked_add(slots_length)?;
        let records = records_start..records_start.checked_add(records_length)?;
        (records.end == bytes.len() && slot_count > 0).then_some(Layout {
            description,
            entry_count: u32_at(bytes, 48)? as usize,
            slots: slots_start..records_start,
            slot_count,
            longest_probe: u32_at(bytes, 12)?,
            records,
        })
    }

    /// Reads the slot in which the search for a hash starts, for [`Layout::touch_record`].
    #[inline]
    pub(super) fn touch_slot(&self, bytes: &[u8], hash: u64) -> u64 {
        let at = home_slot(hash, self.slot_count) as usize * 8;
        u64_at(bytes, self.slots.start + at).unwrap_or(0)
    }

    /// Reads the head of the record that a slot leads to where the slot is that of the hash.
    #[inline]
    pub(super) fn touch_record(&self, bytes: &[u8], slot: u64, hash: u64) -> u64 {
        let place = u64::from(slot as u32 & !HAS_LONGER).saturating_sub(1);
        if slot >> 32 != hash & 0xFFFF_FFFF {
            return 0;
        }
        u64_at(bytes, self.records.start + place as usize * 4).unwrap_or(0)
    }

    /// The node of a token sequence, or with a chance below one in 2^31 that of another one.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], hash: u64) -> Option<Node> {
        let slots = bytes.get(self.slots.clone())?;
        let mut at = home_slot(hash, self.slot_count) as usize * 8;
        for _ in 0..self.longest_probe {
            let slot = u64_at(slots, at)?;
            if slot == 0 {
                return None;
            }
            if slot >> 32 == hash & 0xFFFF_FFFF {
                return Some(Node(slot as u32));
            }
            at += 8;
            if at >= slots.len() {
                at = 0;
            }
        }
        None
    }

    /// The record of a node that is an entry's source.
    #[inline]
    pub(super) fn record<'l>(&self, bytes: &'l [u8], node: Node) -> Option<Record<'l>> {
        let place = (node.0 & !HAS_LONGER).checked_sub(1)?;
        let records = bytes.get(self.records.clone())?;
        Record::read(records.get(place as usize * 4..)?)
    }

    /// All records in order.
    pub(super) fn records<'l>(
        &self,
        bytes: &'l [u8],
    ) -> impl Iterator<Item = Record<'l>> + use<'l> {
        let mut rest = bytes.get(self.records.clone()).unwrap_or_default();
        std::iter::from_fn(move || {
            let record = Record::read(rest)?;
            rest = rest.get(record.size()?.next_multiple_of(4)..)?;
            Some(record)
        })
    }
}

/// One entry, within the bytes that start with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'l> {
    bytes: &'l [u8],
    source: &'l [u8],
    weighted: bool,
    target_count: usize,
}

impl<'l> Record<'l> {
    #[inline]
    fn read(bytes: &'l [u8]) -> Option<Self> {
        let source_length = usize::from(u16_at(bytes, 0)?);
        let weighted = u16_at(bytes, 2)? & WEIGHTED != 0;
        let target_count = usize::from(u16_at(bytes, 4)?);
        let start = RECORD_HEAD + target_count * if weighted { 10 } else { 2 };
        let source = bytes.get(start..start + source_length)?;
        Some(Record {
            bytes,
            source,
            weighted,
            target_count,
        })
    }

    /// The source's bytes; they are compared far more often than read as text.
    pub(super) fn source_bytes(&self) -> &'l [u8] {
        self.source
    }

    pub(super) fn source(&self) -> &'l str {
        std::str::from_utf8(self.source).unwrap_or_default()
    }

    fn lengths_start(&self) -> usize {
        RECORD_HEAD
            + if self.weighted {
                8 * self.target_count
            } else {
                0
            }
    }

    fn target_length(&self, index: usize) -> Option<usize> {
        u16_at(self.bytes, self.lengths_start() + 2 * index).map(usize::from)
    }

    fn targets_start(&self) -> usize {
        self.lengths_start() + 2 * self.target_count + self.source.len()
    }

    fn size(&self) -> Option<usize> {
        let targets = (0..self.target_count).map(|index| self.target_length(index));
        targets
            .sum::<Option<usize>>()
            .map(|length| self.targets_start() + length)
    }

    #[inline]
    pub(super) fn target(&self, index: usize) -> Option<&'l str> {
        let mut start = self.targets_start();
        for before in 0..index {
            start += self.target_length(before)?;
        }
        let target = self.bytes.get(start..start + self.target_length(index)?)?;
        std::str::from_utf8(target).ok()
    }

    fn weight(&self, index: usize) -> f64 {
        match u64_at(self.bytes, RECORD_HEAD + 8 * index) {
            Some(bits) if self.weighted => f64::from_bits(bits),
            _ => 1.0,
        }
    }

    pub(super) fn targets(self) -> impl Iterator<Item = (&'l str, f64)> + use<'l> {
        (0..self.target_count)
            .map_while(move |index| Some((self.target(index)?, self.weight(index))))
    }

    #[inline]
    pub(super) fn draw(&self, uniform: impl FnOnce() -> f64) -> &'l str {
        let count = self.target_count;
        let index = match count {
            0 | 1 => 0,
            _ if !self.weighted => ((uniform() * count as f64) as usize).min(count - 1),
            _ => crate::switch::draw::pick(count, |index| self.weight(index), uniform()),
        };
        self.target(index).unwrap_or_default()
    }
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}
