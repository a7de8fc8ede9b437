//! A segment file: one little-endian image, read in place and always within bounds.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `\x89CSIDX\r\n` |
//! | 4, 4 | format version; element type of the vectors: 1 float32, 2 float16, 3 bfloat16 |
//! | 8, 8, 8 | number of rows; dimension; length of the file |
//! | 6 × (8, 8, 8) | offset, length and checksum of each section |
//! | | zeros to byte 248 |
//! | 8 | checksum of the 248 bytes before |
//! | | sections, each padded with zeros to a multiple of 64 bytes |
//!
//! The sections, in this order:
//! - *vectors*: row by row.
//! - *filter*: what [`crate::FilterPlan`] wrote; empty where a filter does not pay.
//! - *id ends*: for each row 8 bytes, where its id ends; it starts where that of the row before ends.
//! - *ids*: their UTF-8, without gaps.
//! - *id table*: to find a row by its id; see `ids.rs`.
//! - *columns*: metadata; see `columns.rs`.
//!
//! The checksum of a section is that of its pieces' checksums, 1 MiB each. They are compared by `verify` only:
//! opening reads the header, lengths and names.

use crate::Element;
use crate::{Error, Result};
use foundation::hash::checksum;

use super::section::{ALIGNMENT, size_at, u32_at, u64_at};

#[cfg(target_endian = "big")]
compile_error!("vectors are read in place, as little-endian numbers");

/// The version of folders and segment files that is written and read.
pub const FORMAT_VERSION: u32 = 5;

const MAGIC: &[u8; 8] = b"\x89CSIDX\r\n";
/// Bytes before the first section.
pub(super) const HEADER: usize = 256;
const ENTRIES: usize = 40;
const ENTRY: usize = 24;
const CHECKSUM: usize = 248;

/// The most rows of a segment, and of an index: rows are numbered with 32 bits in a search.
pub(super) const MOST_ROWS: usize = u32::MAX as usize - 1;

/// The sections, by their place in the header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Vectors,
    Filter,
    IdEnds,
    Ids,
    IdTable,
    Columns,
}

pub(super) const SECTIONS: usize = 6;

/// The names of the sections, for messages.
pub(super) const NAMES: [&str; SECTIONS] =
    ["vectors", "filter", "id ends", "ids", "id table", "columns"];

/// Where a section is, and what its checksum is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) checksum: u64,
}

/// What vectors a segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) element: Element,
    pub(super) rows: usize,
    pub(super) dimension: usize,
}

impl Shape {
    /// Bytes of the vectors, if memory could hold so many.
    pub(super) fn checked_size(self) -> Option<usize> {
        self.rows
            .checked_mul(self.dimension)?
            .checked_mul(self.element.size())
    }

    /// Bytes of vectors that are there.
    pub(super) fn vectors_size(self) -> usize {
        self.rows * self.dimension * self.element.size()
    }
}

/// What a segment file starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) shape: Shape,
    pub(super) sections: [Entry; SECTIONS],
}

pub(super) fn damaged(what: &str) -> Error {
    Error::input(
        format!("the index is damaged ({what})"),
        "build it again, or fetch it again",
    )
}

impl Header {
    /// Lays out sections of these lengths.
    pub(super) fn new(shape: Shape, lengths: [usize; SECTIONS]) -> Header {
        let mut offset = HEADER;
        let sections = lengths.map(|length| {
            let entry = Entry {
                offset,
                length,
                checksum: 0,
            };
            offset = (offset + length).next_multiple_of(ALIGNMENT);
            entry
        });
        Header { shape, sections }
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> usize {
        let [.., last] = &self.sections;
        (last.offset + last.length).next_multiple_of(ALIGNMENT)
    }

    /// Reads the header of a whole file.
    pub(super) fn read(bytes: &[u8]) -> Result<Header> {
        let head = bytes.get(..bytes.len().min(HEADER)).unwrap_or_default();
        if !head.starts_with(MAGIC) {
            return Err(Error::input(
                "not a segment of an index",
                "build the index again",
            ));
        }
        let truncated = || damaged("truncated");
        let version = u32_at(head, 8).ok_or_else(truncated)?;
        if version != FORMAT_VERSION {
            return Err(wrong_version(u64::from(version)));
        }
        let summed = head.get(..CHECKSUM).ok_or_else(truncated)?;
        if u64_at(head, CHECKSUM).ok_or_else(truncated)? != checksum(summed) {
            return Err(damaged("wrong checksum of a header"));
        }
        let header = Self::read_fields(head).ok_or_else(|| damaged("impossible header"))?;
        if size_at(head, 32) != Some(bytes.len()) {
            return Err(truncated());
        }
        Ok(header)
    }

    fn read_fields(head: &[u8]) -> Option<Header> {
        let code = u32_at(head, 12)?.checked_sub(1)?;
        let mut sections = [Entry::default(); SECTIONS];
        for (place, section) in sections.iter_mut().enumerate() {
            let at = ENTRIES + place * ENTRY;
            *section = Entry {
                offset: size_at(head, at)?,
                length: size_at(head, at + 8)?,
                checksum: u64_at(head, at + 16)?,
            };
        }
        let shape = Shape {
            element: *Element::ALL.get(code as usize)?,
            rows: size_at(head, 16)?,
            dimension: size_at(head, 24)?,
        };
        let is_possible = (1..=MOST_ROWS).contains(&shape.rows) && shape.dimension > 0;
        is_possible.then_some(Header { shape, sections })
    }

    /// The bytes that a file starts with.
    pub(super) fn bytes(&self) -> [u8; HEADER] {
        let code = Element::ALL
            .iter()
            .position(|one| *one == self.shape.element);
        let code = code.unwrap_or_default() as u32 + 1;
        let mut fields = Vec::with_capacity(HEADER);
        fields.extend(MAGIC);
        fields.extend(FORMAT_VERSION.to_le_bytes());
        fields.extend(code.to_le_bytes());
        let numbers = [self.shape.rows, self.shape.dimension, self.length()];
        fields.extend(
            numbers
                .iter()
                .flat_map(|number| (*number as u64).to_le_bytes()),
        );
        for entry in &self.sections {
            let numbers = [entry.offset as u64, entry.length as u64, entry.checksum];
            fields.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        fields.resize(CHECKSUM, 0);
        fields.extend(checksum(&fields).to_le_bytes());
        std::array::from_fn(|at| fields[at])
    }

    /// The checksum of the header, which covers those of all sections.
    pub(super) fn checksum(&self) -> u64 {
        u64_at(&self.bytes(), CHECKSUM).unwrap_or_default()
    }
}

pub(super) fn wrong_version(version: u64) -> Error {
    Error::input(
        format!("index of format version {version}, this cslir reads {FORMAT_VERSION}"),
        "build it again with this version",
    )
}

/// Writes the checksum that belongs into a header, so that a fuzzer reaches what is behind it.
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub fn mend(bytes: &mut [u8]) {
    let length = bytes.len() as u64;
    if let Some(place) = bytes.get_mut(32..40) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let Some(sum) = bytes.get(..CHECKSUM).map(checksum) else {
        return;
    };
    if let Some(place) = bytes.get_mut(CHECKSUM..HEADER) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}
