//! Rows on their way into an index.

use std::collections::HashSet;

use crate::Interrupt;
use crate::Matrix;
use crate::{Error, Result};

use super::strings::Strings;

/// Some rows with what belongs to them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// One vector per row, float32 or float16.
    pub vectors: Matrix<'a>,
    /// One id per row; `None`: each row is called by its number, counting all rows that were ever added and
    /// passing over numbers that are the ids of other rows.
    pub ids: Option<&'a Strings>,
    /// The name of each column, and one value per row.
    pub metadata: &'a [(String, Strings)],
}

impl<'a> Batch<'a> {
    /// Checks that everything is there for each row, and gives the values of the columns in the given order.
    pub(super) fn check(&self, dimension: usize, columns: &[&str]) -> Result<Vec<&'a Strings>> {
        let rows = self.vectors.rows();
        if self.vectors.dimension() != dimension {
            return Err(Error::input(
                format!(
                    "vectors of dimension {} for an index of dimension {dimension}",
                    self.vectors.dimension()
                ),
                "encode all with the same model",
            ));
        }
        if let Some(ids) = self.ids
            && ids.len() != rows
        {
            return Err(Error::input(
                format!("{} ids for {rows} vectors", ids.len()),
                "give one id per vector, or none at all",
            ));
        }
        for (name, values) in self.metadata {
            if values.len() != rows {
                return Err(Error::input(
                    format!("{} values of {name} for {rows} vectors", values.len()),
                    "give one value per vector",
                ));
            }
        }
        let values = |name: &&str| {
            let column = self.metadata.iter().find(|(given, _)| given == name);
            column.map(|(_, values)| values)
        };
        let found: Option<Vec<&Strings>> = columns.iter().map(values).collect();
        match found {
            Some(found) if self.metadata.len() == columns.len() => Ok(found),
            _ => {
                let given: Vec<&str> = self
                    .metadata
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                Err(Error::input(
                    format!(
                        "metadata columns {} for an index with {}",
                        listed(&given),
                        listed(columns)
                    ),
                    "give the same columns for all rows",
                ))
            }
        }
    }
}

/// Rows that are numbered between two looks at the interrupt.
const ROWS_AT_A_TIME: usize = 4096;

/// Ids for rows that come without: numbers from `next` on, but those that are taken. `next` becomes the number
/// after the last, so that none is given twice, even if its row is deleted.
pub(super) fn numbered(
    rows: usize,
    next: &mut u64,
    is_taken: impl Fn(u64) -> bool,
    interrupt: &Interrupt,
) -> Result<Strings> {
    let mut ids = Strings::new();
    for row in 0..rows {
        if row.is_multiple_of(ROWS_AT_A_TIME) {
            interrupt.check()?;
        }
        while is_taken(*next) {
            *next += 1;
        }
        ids.push(&next.to_string());
        *next += 1;
    }
    Ok(ids)
}

/// The given ids that are whole numbers of at least `least`, and so stand in the way of numbering.
#[derive(Debug, Default)]
pub(super) struct NumbersGiven(HashSet<u64>);

impl NumbersGiven {
    pub(super) fn add(&mut self, ids: &Strings, least: u64) {
        let numbers = ids.iter().filter_map(|id| {
            let number: u64 = id.parse().ok()?;
            // Not "007", which no row is called by its number.
            (number >= least && number.to_string() == id).then_some(number)
        });
        self.0.extend(numbers);
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.contains(&number)
    }
}

/// Names for a message.
pub(super) fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
