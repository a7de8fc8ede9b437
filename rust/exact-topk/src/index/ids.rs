//! The ids of a segment's rows, and the table by which a row is found.
//!
//! The table has places of 4 bytes: a row plus one, or zero if it is free. There are three places for two rows
//! at least. A row is at the place `hash * places >> 64` of its id's hash, or, while places are taken, at the
//! next, the first following the last. It is read where it lies, like everything else.

use crate::Interrupt;
use crate::{Error, Result};
use foundation::hash::hash_bytes;

use super::section::{Section, size_at, u32_at};

/// Rows that are entered between two looks at the interrupt.
const ROWS_AT_A_TIME: usize = 1 << 14;

/// The ids of a segment.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    rows: usize,
    ends: Section,
    text: Section,
    table: Section,
}

/// Places of the table for so many rows.
fn places(rows: usize) -> usize {
    rows + rows.div_ceil(2)
}

/// Bytes of the table.
pub(super) fn table_size(rows: usize) -> usize {
    places(rows) * 4
}

fn home(id: &[u8], places: usize) -> usize {
    ((u128::from(hash_bytes(id)) * places as u128) >> 64) as usize
}

fn id_at<'a>(ends: &[u8], text: &'a [u8], row: usize) -> Option<&'a [u8]> {
    let start = match row.checked_sub(1) {
        None => 0,
        Some(before) => size_at(ends, before.checked_mul(8)?)?,
    };
    text.get(start..size_at(ends, row.checked_mul(8)?)?)
}

/// The row of an id, in a table of places.
fn find(ends: &[u8], text: &[u8], table: &[u8], id: &[u8]) -> Found {
    let places = table.len() / 4;
    let mut place = home(id, places);
    // No more steps than there are places, whatever a damaged table holds.
    for _ in 0..places {
        match u32_at(table, place * 4) {
            None => break,
            Some(0) => return Found::Free(place),
            Some(next) => {
                let row = next as usize - 1;
                if id_at(ends, text, row) == Some(id) {
                    return Found::Row(row);
                }
            }
        }
        place = if place + 1 == places { 0 } else { place + 1 };
    }
    Found::Nothing
}

enum Found {
    Row(usize),
    Free(usize),
    Nothing,
}

/// Enters all rows into a table of zeros.
pub(super) fn fill_table(
    ends: &[u8],
    text: &[u8],
    table: &mut [u8],
    interrupt: &Interrupt,
) -> Result<()> {
    for row in 0..ends.len() / 8 {
        if row.is_multiple_of(ROWS_AT_A_TIME) {
            interrupt.check()?;
        }
        let id = id_at(ends, text, row).unwrap_or_default();
        match find(ends, text, table, id) {
            Found::Free(place) => {
                let number = row as u32 + 1;
                table[place * 4..place * 4 + 4].copy_from_slice(&number.to_le_bytes());
            }
            Found::Row(first) => return Err(given_twice(id, first, row)),
            Found::Nothing => return Err(Error::input("the table of ids is full", "")),
        }
    }
    Ok(())
}

fn given_twice(id: &[u8], first: usize, second: usize) -> Error {
    let id = String::from_utf8_lossy(id);
    Error::input(
        format!("rows {first} and {second} have the same id {id:?}"),
        "give each row an id of its own",
    )
}

impl Ids {
    /// The sections as ids of so many rows; `None` where their lengths don't fit.
    pub(super) fn read(rows: usize, ends: Section, text: Section, table: Section) -> Option<Ids> {
        let last = match rows.checked_sub(1) {
            None => 0,
            Some(row) => size_at(ends.bytes(), row.checked_mul(8)?)?,
        };
        let fits = ends.bytes().len() == rows.checked_mul(8)?
            && text.bytes().len() == last
            && table.bytes().len() == table_size(rows);
        fits.then_some(Ids {
            rows,
            ends,
            text,
            table,
        })
    }

    /// The id of a row; `None` where there is no such row, or the file is damaged.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        if row >= self.rows {
            return None;
        }
        let bytes = id_at(self.ends.bytes(), self.text.bytes(), row)?;
        std::str::from_utf8(bytes).ok()
    }

    /// The row that has an id.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        let (ends, text, table) = (self.ends.bytes(), self.text.bytes(), self.table.bytes());
        match find(ends, text, table, id.as_bytes()) {
            Found::Row(row) => Some(row),
            Found::Free(_) | Found::Nothing => None,
        }
    }
}
