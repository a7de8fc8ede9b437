//! Metadata of a segment's rows: columns of strings, each written as the number of its value.
//!
//! The columns lie one after the other, each padded with zeros to a multiple of 64 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 8, 8, 8 | length of the name; number of values; length of all values |
//! | 8 each | where each value ends; it starts where the one before ends |
//! | 4 each | the number of each row's value |
//! | | the name, then the values in the order of their bytes, without gaps |

use std::collections::HashMap;
use std::ops::Range;

use crate::Result;
use crate::bitmap::Bitmap;

use super::section::{ALIGNMENT, Section, size_at, u32_at};
use super::spool::Spool;

const HEAD: usize = 24;

/// A column of an opened segment.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    values: usize,
    section: Section,
    ends: Range<usize>,
    codes: Range<usize>,
    text: Range<usize>,
}

impl Column {
    /// All columns of a section; `None` where it is damaged.
    pub(super) fn read_all(section: &Section, rows: usize) -> Option<Vec<Column>> {
        let length = section.bytes().len();
        let (mut start, mut columns) = (0, Vec::new());
        while start < length {
            let column = Self::read(section, start, rows)?;
            start = column.text.end.checked_next_multiple_of(ALIGNMENT)?;
            columns.push(column);
        }
        (start == length).then_some(columns)
    }

    fn read(section: &Section, start: usize, rows: usize) -> Option<Column> {
        let bytes = section.bytes();
        let [name, values, text] = [0, 8, 16].map(|field| size_at(bytes, start + field));
        let (name, values, text) = (name?, values?, text?);
        let mut at = start + HEAD;
        let mut take = |length: Option<usize>| -> Option<Range<usize>> {
            let range = at..at.checked_add(length?)?;
            at = range.end;
            bytes.get(range.clone()).is_some().then_some(range)
        };
        let ends = take(values.checked_mul(8))?;
        let codes = take(rows.checked_mul(4))?;
        let name = bytes.get(take(Some(name))?)?;
        let column = Column {
            name: std::str::from_utf8(name).ok()?.to_owned(),
            values,
            section: section.clone(),
            ends,
            codes,
            text: take(Some(text))?,
        };
        Some(column)
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.section.bytes().get(range.clone()).unwrap_or_default()
    }

    /// The value of a number; `None` where the file is damaged.
    fn value(&self, code: usize) -> Option<&str> {
        let ends = self.part(&self.ends);
        let start = match code.checked_sub(1) {
            None => 0,
            Some(before) => size_at(ends, before.checked_mul(8)?)?,
        };
        let bytes = self.part(&self.text);
        std::str::from_utf8(bytes.get(start..size_at(ends, code.checked_mul(8)?)?)?).ok()
    }

    /// The value of a row; `None` where there is no such row, or the file is damaged.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.value(u32_at(self.part(&self.codes), row.checked_mul(4)?)? as usize)
    }

    /// The number of a value that some row has.
    pub(super) fn code(&self, value: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.values);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.value(middle)?.cmp(value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return u32::try_from(middle).ok(),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Each value with the number of those rows that have it; `None` where the file is damaged.
    pub(super) fn counts(&self, is_counted: impl Fn(usize) -> bool) -> Option<Vec<(&str, usize)>> {
        let mut counts = vec![0; self.values];
        for (row, code) in self.part(&self.codes).as_chunks().0.iter().enumerate() {
            let count = counts.get_mut(u32::from_le_bytes(*code) as usize)?;
            *count += usize::from(is_counted(row));
        }
        let counts = counts.into_iter().enumerate();
        counts
            .map(|(code, count)| Some((self.value(code)?, count)))
            .collect()
    }

    /// The rows whose value has that number.
    pub(super) fn rows_with(&self, code: u32) -> Bitmap {
        let codes = self.part(&self.codes).as_chunks().0;
        Bitmap::of(codes, |one| u32::from_le_bytes(*one) == code)
    }
}

/// Collects a column.
#[derive(Debug)]
pub(super) struct ColumnWriter {
    name: String,
    numbers: HashMap<String, u32>,
    /// The values' length.
    length: usize,
    /// Of each row the number of its value, in the order in which the values came.
    codes: Spool,
}

impl ColumnWriter {
    pub(super) fn new(name: &str, codes: Spool) -> Self {
        ColumnWriter {
            name: name.to_owned(),
            numbers: HashMap::new(),
            length: 0,
            codes,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn push(&mut self, value: &str) -> Result<()> {
        let code = match self.numbers.get(value) {
            Some(code) => *code,
            None => {
                // No more values than rows, whose number fits.
                let code = self.numbers.len() as u32;
                self.numbers.insert(value.to_owned(), code);
                self.length += value.len();
                code
            }
        };
        self.codes.write(&code.to_le_bytes())
    }

    /// Bytes of the column with its padding.
    pub(super) fn size(&self) -> usize {
        let text = self.name.len() + self.length;
        (HEAD + self.numbers.len() * 8 + self.codes.len() + text).next_multiple_of(ALIGNMENT)
    }

    /// Writes the column to the first bytes of `out`, as many as its size.
    pub(super) fn finish(self, out: &mut [u8]) -> Result<()> {
        let mut values: Vec<(String, u32)> = self.numbers.into_iter().collect();
        values.sort_unstable();
        let mut sorted = vec![0; values.len()];
        for (place, (_, code)) in values.iter().enumerate() {
            sorted[*code as usize] = place as u32;
        }
        let (head, out) = out.split_at_mut(HEAD);
        let numbers = [self.name.len(), values.len(), self.length];
        for (to, number) in head.as_chunks_mut().0.iter_mut().zip(numbers) {
            *to = (number as u64).to_le_bytes();
        }
        let (ends, out) = out.split_at_mut(values.len() * 8);
        let mut end = 0;
        for (to, (value, _)) in ends.as_chunks_mut().0.iter_mut().zip(&values) {
            end += value.len();
            *to = (end as u64).to_le_bytes();
        }
        let (codes, mut out) = out.split_at_mut(self.codes.len());
        self.codes.read_into(codes)?;
        for code in codes.as_chunks_mut().0 {
            *code = sorted[u32::from_le_bytes(*code) as usize].to_le_bytes();
        }
        for text in std::iter::once(&self.name).chain(values.iter().map(|(value, _)| value)) {
            let (to, rest) = out.split_at_mut(text.len());
            to.copy_from_slice(text.as_bytes());
            out = rest;
        }
        Ok(())
    }
}
